//! Patterns of claims: linear in time, of bounded size, always of the whole text.

use regex::bytes::{Regex, RegexBuilder};

/// Longest pattern in bytes.
const MAX_PATTERN_BYTES: usize = 512;
/// Bound on a pattern once it is compiled.
const MAX_PROGRAM_BYTES: usize = 256 << 10;
/// Longest text that a pattern is tried on, in bytes; a longer one does not match.
const MAX_TEXT_BYTES: usize = 1024;

/// A regular expression without backtracking; letters, digits and white space are those of ASCII.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    pub fn compile(text: &str) -> Result<Pattern, String> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err(format!("the pattern is longer than {MAX_PATTERN_BYTES} bytes"));
        }
        // Alone first, so that a parenthesis too many cannot end the group that holds it to the whole text.
        build(text)?;
        build(&format!(r"\A(?:{text})\z")).map(Pattern)
    }

    pub fn matches(&self, text: &str) -> bool {
        text.len() <= MAX_TEXT_BYTES && self.0.is_match(text.as_bytes())
    }
}

fn build(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .unicode(false)
        .size_limit(MAX_PROGRAM_BYTES)
        .dfa_size_limit(MAX_PROGRAM_BYTES)
        .build()
        .map_err(|error| describe(&error))
}

fn describe(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
        // The crate draws the expression with a caret; its last line says what is wrong.
        other => {
            let text = other.to_string();
            let last = text.lines().next_back().unwrap_or_default();
            format!("the pattern is no regular expression: {}", last.trim_start_matches("error: "))
        }
    }
}
