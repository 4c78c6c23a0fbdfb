//! What a constrained parameter accepts; simple forms are matched here, all others by the linear-time `regex` crate.

use super::RouterError;

const MAX_PROGRAM_BYTES: usize = 256 << 10;
const MAX_WORDS: usize = 16;

/// A compiled `:name(regex)`. Never asked about an empty segment.
#[derive(Debug)]
pub(super) enum Constraint {
    /// One class repeated, such as `\d+` or `[a-z0-9-]{2,8}`.
    Run(Box<Run>),
    /// `a|b|c`
    Words(Box<[Box<[u8]>]>),
    Regex(regex::bytes::Regex),
}

#[derive(Debug)]
pub(super) struct Run {
    class: [bool; 256],
    min: usize,
    max: usize,
    is_all: bool,
}

impl Constraint {
    /// `at` is the place of `text` in the pattern, for errors.
    pub fn compile(text: &str, at: usize) -> Result<Constraint, RouterError> {
        if let Some(words) = parse_words(text) {
            return Ok(Constraint::Words(words));
        }
        if let Some(run) = Run::parse(text.as_bytes()) {
            return Ok(Constraint::Run(Box::new(run)));
        }
        regex::bytes::RegexBuilder::new(&format!(r"\A(?:{text})\z"))
            .unicode(false)
            .size_limit(MAX_PROGRAM_BYTES)
            .dfa_size_limit(MAX_PROGRAM_BYTES)
            .build()
            .map(Constraint::Regex)
            .map_err(|error| RouterError::pattern(at, describe(&error)))
    }

    #[inline]
    pub fn accepts(&self, segment: &[u8]) -> bool {
        match self {
            Constraint::Run(run) => run.accepts(segment),
            Constraint::Words(words) => words.iter().any(|word| **word == *segment),
            Constraint::Regex(regex) => regex.is_match(segment),
        }
    }

    /// True when it surely accepts every segment that is not empty.
    pub fn accepts_all(&self) -> bool {
        matches!(self, Constraint::Run(run) if run.is_all)
    }

    /// True when it surely accepts all that `other` accepts.
    pub fn covers(&self, other: &Constraint) -> bool {
        match (self, other) {
            (_, Constraint::Words(words)) => words.iter().all(|word| self.accepts(word)),
            (Constraint::Run(mine), Constraint::Run(theirs)) => mine.covers(theirs),
            _ => self.accepts_all(),
        }
    }

    /// The only text that it accepts, if there is just one.
    pub fn only_word(&self) -> Option<&[u8]> {
        match self {
            Constraint::Words(words) if words.len() == 1 => Some(&words[0]),
            _ => None,
        }
    }
}

fn describe(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
        // The crate draws the expression with a caret; its last line says what is wrong.
        other => {
            let text = other.to_string();
            let last = text.lines().next_back().unwrap_or_default();
            format!("regular expression: {}", last.trim_start_matches("error: "))
        }
    }
}

fn parse_words(text: &str) -> Option<Box<[Box<[u8]>]>> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    let words: Vec<&str> = text.split('|').collect();
    let simple = words.len() <= MAX_WORDS && words.iter().all(|word| is_word(word));
    simple.then(|| words.iter().map(|word| word.as_bytes().into()).collect())
}

impl Run {
    fn accepts(&self, segment: &[u8]) -> bool {
        (self.min..=self.max).contains(&segment.len())
            && segment.iter().all(|byte| self.class[usize::from(*byte)])
    }

    /// Counts only bytes of canonical paths, and an empty text as covered: no segment is empty.
    fn covers(&self, other: &Run) -> bool {
        let classes = path_bytes().all(|byte| self.class[byte] || !other.class[byte]);
        classes && self.min <= other.min.max(1) && self.max >= other.max
    }

    /// Only forms whose meaning in the `regex` crate is beyond doubt.
    fn parse(text: &[u8]) -> Option<Run> {
        let mut class = [false; 256];
        let rest = match text {
            [b'.', rest @ ..] => {
                class = [true; 256];
                class[usize::from(b'\n')] = false;
                rest
            }
            [b'[', b'^', rest @ ..] => {
                let rest = parse_class(rest, &mut class)?;
                class.iter_mut().for_each(|member| *member = !*member);
                rest
            }
            [b'[', rest @ ..] => parse_class(rest, &mut class)?,
            [b'\\', letter, rest @ ..] => {
                add_escape(*letter, &mut class)?;
                rest
            }
            _ => return None,
        };
        let (min, max) = parse_count(rest)?;
        let is_all = min <= 1 && max == usize::MAX && path_bytes().all(|byte| class[byte]);
        Some(Run { class, min, max, is_all })
    }
}

/// What a segment of a canonical path can hold.
fn path_bytes() -> impl Iterator<Item = usize> {
    (0x20..0x7f).filter(|byte| *byte != usize::from(b'/'))
}

/// The items of a class up to and with `]`; gives what follows.
fn parse_class<'a>(mut text: &'a [u8], class: &mut [bool; 256]) -> Option<&'a [u8]> {
    let mut is_first = true;
    loop {
        let rest = match *text {
            [b']', ref rest @ ..] if !is_first => return Some(rest),
            [b'\\', letter, ref rest @ ..] => {
                add_escape(letter, class)?;
                rest
            }
            [low, b'-', high, ref rest @ ..]
                if low.is_ascii_alphanumeric() && high.is_ascii_alphanumeric() =>
            {
                if low > high {
                    return None;
                }
                class[usize::from(low)..=usize::from(high)].fill(true);
                rest
            }
            [b'-', ref rest @ ..] if is_first || rest.first() == Some(&b']') => {
                class[usize::from(b'-')] = true;
                rest
            }
            [byte, ref rest @ ..] if byte.is_ascii_alphanumeric() || b"_.%/".contains(&byte) => {
                class[usize::from(byte)] = true;
                rest
            }
            _ => return None,
        };
        // Behind an item a hyphen is plain only as the last one.
        if rest.first() == Some(&b'-') && rest.get(1) != Some(&b']') {
            return None;
        }
        (text, is_first) = (rest, false);
    }
}

fn add_escape(letter: u8, class: &mut [bool; 256]) -> Option<()> {
    let is_member: fn(u8) -> bool = match letter {
        b'd' => |byte| byte.is_ascii_digit(),
        b'w' => |byte| byte.is_ascii_alphanumeric() || byte == b'_',
        b'.' => |byte| byte == b'.',
        b'-' => |byte| byte == b'-',
        _ => return None,
    };
    (0..=255).filter(|byte| is_member(*byte)).for_each(|byte| class[usize::from(byte)] = true);
    Some(())
}

fn parse_count(text: &[u8]) -> Option<(usize, usize)> {
    let number = |digits: &[u8]| -> Option<usize> {
        let is_number = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
    };
    match text {
        b"" => Some((1, 1)),
        b"+" => Some((1, usize::MAX)),
        b"*" => Some((0, usize::MAX)),
        b"?" => Some((0, 1)),
        [b'{', inner @ .., b'}'] => match inner.iter().position(|byte| *byte == b',') {
            None => number(inner).map(|count| (count, count)),
            Some(comma) if comma + 1 == inner.len() => Some((number(&inner[..comma])?, usize::MAX)),
            Some(comma) => {
                let (min, max) = (number(&inner[..comma])?, number(&inner[comma + 1..])?);
                (min <= max).then_some((min, max))
            }
        },
        _ => None,
    }
}
