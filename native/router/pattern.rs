//! Pattern text to segments in the canonical form of requests; it compiles no regular expression.

use super::{MAX_PARAMS, MAX_PATTERN_BYTES, MAX_SEGMENTS, RouterError};

/// One parsed pattern: `/a/:id/*rest` has three segments, `/a/` has two, the last of them empty.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pub segments: Vec<PatternSegment>,
    pub names: Vec<Box<str>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum PatternSegment {
    /// Canonical text: unreserved characters decoded, other escapes with capital digits.
    Static(Box<[u8]>),
    /// The text between the parentheses and where it starts.
    Constrained {
        regex: Box<str>,
        at: usize,
    },
    Param,
    Rest,
}

impl Pattern {
    pub fn parse(text: &str) -> Result<Pattern, RouterError> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err(RouterError::pattern(MAX_PATTERN_BYTES, "longer than 4096 bytes"));
        }
        if !text.starts_with('/') {
            return Err(RouterError::pattern(0, "a path starts with '/'"));
        }
        if let Some(at) = text.bytes().position(|b| b.is_ascii_control()) {
            return Err(RouterError::pattern(at, "control character"));
        }
        let mut parser = Parser { text: text.as_bytes(), source: text, at: 0, names: Vec::new() };
        let mut segments = Vec::new();
        while parser.at < text.len() {
            let start = parser.at;
            if segments.len() == MAX_SEGMENTS {
                return Err(RouterError::pattern(start, "more than 64 segments"));
            }
            parser.at += 1;
            if segments.last() == Some(&PatternSegment::Rest) {
                return Err(RouterError::pattern(start, "a catch-all is the last segment"));
            }
            segments.push(parser.segment()?);
        }
        Ok(Pattern { segments, names: parser.names })
    }
}

struct Parser<'a> {
    text: &'a [u8],
    source: &'a str,
    at: usize,
    names: Vec<Box<str>>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// From behind one `/` to the next or the end.
    fn segment(&mut self) -> Result<PatternSegment, RouterError> {
        match self.peek() {
            Some(b':') => {
                self.name("a parameter")?;
                if self.peek() == Some(b'(') { self.constraint() } else { self.whole(PatternSegment::Param) }
            }
            Some(b'*') => {
                self.name("a catch-all")?;
                self.whole(PatternSegment::Rest)
            }
            Some(b'/') => Err(RouterError::pattern(self.at, "an empty segment is never matched")),
            _ => self.literal(),
        }
    }

    fn name(&mut self, what: &str) -> Result<(), RouterError> {
        let start = self.at + 1;
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        let len = self.text[start..].iter().take_while(|b| is_name(b)).count();
        let name = &self.source[start..start + len];
        if name.is_empty() || name.as_bytes()[0].is_ascii_digit() {
            let message =
                format!("{what} needs a name of letters, digits and '_', not starting with a digit");
            return Err(RouterError::pattern(start, message));
        }
        if self.names.iter().any(|seen| **seen == *name) {
            return Err(RouterError::pattern(start, format!("the name {name} is used twice")));
        }
        if self.names.len() == MAX_PARAMS {
            return Err(RouterError::pattern(start, "more than 32 parameters"));
        }
        self.names.push(name.into());
        self.at = start + len;
        Ok(())
    }

    fn whole(&self, segment: PatternSegment) -> Result<PatternSegment, RouterError> {
        match self.peek() {
            None | Some(b'/') => Ok(segment),
            Some(_) => Err(RouterError::pattern(self.at, "a parameter takes a whole segment")),
        }
    }

    /// `(regex)` up to the parenthesis that closes it: escapes, classes and nested groups are skipped.
    fn constraint(&mut self) -> Result<PatternSegment, RouterError> {
        let open = self.at;
        let (mut depth, mut class) = (0, false);
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => self.at += 1,
                b'[' if !class => {
                    class = true;
                    // A `]` that comes first, also behind `^`, is an item of the class.
                    self.at += usize::from(self.text.get(self.at + 1) == Some(&b'^'));
                    self.at += usize::from(self.text.get(self.at + 1) == Some(&b']'));
                }
                b']' => class = false,
                b'(' if !class => depth += 1,
                b')' if !class => depth -= 1,
                0x80.. => {
                    return Err(RouterError::pattern(self.at, "match the percent-encoded form instead"));
                }
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return self.closed(open);
            }
        }
        Err(RouterError::pattern(open, "the parenthesis is not closed"))
    }

    fn closed(&mut self, open: usize) -> Result<PatternSegment, RouterError> {
        let regex = &self.source[open + 1..self.at - 1];
        if regex.is_empty() {
            return Err(RouterError::pattern(open, "the regular expression is empty"));
        }
        self.whole(PatternSegment::Constrained { regex: regex.into(), at: open + 1 })
    }

    fn literal(&mut self) -> Result<PatternSegment, RouterError> {
        let start = self.at;
        let mut out = Vec::new();
        while let Some(byte) = self.peek()
            && byte != b'/'
        {
            match byte {
                b'%' => self.escape(&mut out)?,
                b'\\' => {
                    self.at += 1;
                    let escaped = self.peek().filter(|b| matches!(b, b':' | b'*'));
                    out.push(escaped.ok_or_else(|| self.fault("only ':' and '*' can follow a backslash"))?);
                }
                0x80.. => push_encoded(&mut out, byte),
                _ => out.push(self.plain(byte)?),
            }
            self.at += 1;
        }
        match &*out {
            b"." | b".." => Err(RouterError::pattern(start, "dot segments are removed from requests")),
            _ => Ok(PatternSegment::Static(out.into())),
        }
    }

    /// Reads `%XX`, leaves the parser on its last digit.
    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), RouterError> {
        let digit = |at: usize| self.text.get(at).and_then(|b| char::from(*b).to_digit(16));
        let (Some(high), Some(low)) = (digit(self.at + 1), digit(self.at + 2)) else {
            return Err(self.fault("'%' is followed by two hexadecimal digits"));
        };
        let byte = (high * 16 + low) as u8;
        match byte {
            0 => return Err(self.fault("%00 is always refused")),
            b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => out.push(b),
            b => push_encoded(out, b),
        }
        self.at += 2;
        Ok(())
    }

    /// A character that stands for itself: pchar of RFC 3986 3.3.
    fn plain(&self, byte: u8) -> Result<u8, RouterError> {
        match byte {
            b':' => Err(self.fault("a parameter takes a whole segment; write \\: for a colon")),
            b'*' => Err(self.fault("a catch-all takes a whole segment; write \\* for an asterisk")),
            b'?' | b'#' => Err(self.fault("a pattern is a path without query or fragment")),
            b'{' | b'}' => Err(self.fault("a parameter is written :name, a brace %7B or %7D")),
            b if b.is_ascii_alphanumeric() || b"-._~!$&'()+,;=@".contains(&b) => Ok(b),
            b => Err(self.fault(format!("write this character as %{b:02X}"))),
        }
    }

    fn fault(&self, message: impl Into<Box<str>>) -> RouterError {
        RouterError::pattern(self.at, message)
    }
}

fn push_encoded(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}
