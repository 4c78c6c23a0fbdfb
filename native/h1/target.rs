//! The one canonical form of a request target (RFC 3986 section 6.2.2), computed once and used for routing, policy
//! and forwarding alike. It never decodes twice and never guesses.

use std::fmt;
use std::ops::BitOr;

use super::dots;
use super::error::Reject;

/// Longest target in bytes unless [`Target::with_limit`] says otherwise; longer ones are 414.
pub const MAX_TARGET_BYTES: usize = 8 * 1024;

/// What a path was written with that servers read in different ways. A route must allow each of them, else 400.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    pub const NONE: Flags = Flags(0);
    /// `%2f`
    pub const ENCODED_SLASH: Flags = Flags(1);
    /// `%5c`
    pub const ENCODED_BACKSLASH: Flags = Flags(2);
    /// `//`, also where a dot segment's removal took it away.
    pub const DOUBLE_SLASH: Flags = Flags(4);
    /// `\`
    pub const BACKSLASH: Flags = Flags(8);

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True when every flag of `other` is set here.
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// The flags here that `allowed` lacks: not empty means 400.
    pub const fn without(self, allowed: Flags) -> Flags {
        Flags(self.0 & !allowed.0)
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        self.with(other)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({:#06b})", self.0)
    }
}

/// A canonical request target. Reused: `parse` replaces what it held.
#[derive(Debug)]
pub struct Target {
    text: Vec<u8>,
    path_len: usize,
    flags: Flags,
    limit: usize,
}

impl Default for Target {
    fn default() -> Target {
        Target::new()
    }
}

impl Target {
    /// With the limit [`MAX_TARGET_BYTES`].
    pub fn new() -> Target {
        Target::with_limit(MAX_TARGET_BYTES)
    }

    /// Refuses targets of more than `limit` bytes.
    pub fn with_limit(limit: usize) -> Target {
        Target { text: Vec::with_capacity(256), path_len: 0, flags: Flags::NONE, limit }
    }

    /// Reads `path [ "?" query ]` as received, or `*`.
    ///
    /// In the path, escapes of unreserved characters are decoded, other escapes get upper-case digits,
    /// characters outside RFC 3986's `pchar` are escaped (but `\`, which gets a flag), then dot segments are
    /// removed; those that only some servers would see are refused. The query is kept as it is. In both, NUL, control
    /// characters, spaces, bytes above 0x7F, `#` and bad escapes are refused. On an error the target is empty.
    pub fn parse(&mut self, raw: &[u8]) -> Result<(), Reject> {
        self.clear();
        let parsed = self.read(raw);
        if parsed.is_err() {
            self.clear();
        }
        parsed
    }

    /// Path and query as they are forwarded.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// The canonical path, still percent-encoded: starts with `/`, or is `*`; empty before the first `parse`.
    pub fn path(&self) -> &[u8] {
        &self.text[..self.path_len]
    }

    /// What follows the first `?`, as received.
    pub fn query(&self) -> Option<&[u8]> {
        self.text.get(self.path_len + 1..)
    }

    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// True for `*`, which only `OPTIONS` may ask for; no route pattern matches it.
    pub fn is_asterisk(&self) -> bool {
        self.path() == b"*"
    }

    pub fn clear(&mut self) {
        self.text.clear();
        self.path_len = 0;
        self.flags = Flags::NONE;
    }

    fn read(&mut self, raw: &[u8]) -> Result<(), Reject> {
        if raw.len() > self.limit {
            return Err(Reject::TargetTooLong);
        }
        if raw == b"*" {
            self.text.push(b'*');
            self.path_len = 1;
            return Ok(());
        }
        if raw.first() != Some(&b'/') {
            return Err(Reject::TargetForm);
        }
        let question = self.read_path(raw)?;
        self.path_len = self.text.len();
        if question < raw.len() {
            check_query(&raw[question + 1..])?;
            self.text.extend_from_slice(&raw[question..]);
        }
        Ok(())
    }

    /// Appends the canonical path and returns where the query's `?` stands, or the length.
    fn read_path(&mut self, raw: &[u8]) -> Result<usize, Reject> {
        let mut may_have_dots = false;
        let mut may_hide = false;
        let mut at = plain_segments(raw);
        self.text.extend_from_slice(&raw[..at]);
        let end = loop {
            let run = run_of_plain(&raw[at..]);
            self.text.extend_from_slice(&raw[at..at + run]);
            at += run;
            let Some(&byte) = raw.get(at) else {
                break at;
            };
            match CLASS[usize::from(byte)] {
                SLASH => may_have_dots |= self.slash(raw.get(at + 1)),
                PERCENT => {
                    may_hide |= self.escape(&raw[at + 1..])?;
                    at += 2;
                }
                QUESTION => break at,
                BACKSLASH => {
                    self.flags = self.flags | Flags::BACKSLASH;
                    self.text.push(b'\\');
                }
                ODD => push_escape(byte, &mut self.text),
                _ => return Err(byte_error(byte)),
            }
            at += 1;
        };
        let separators = Flags::ENCODED_SLASH | Flags::ENCODED_BACKSLASH | Flags::BACKSLASH;
        if may_have_dots || may_hide || self.flags.without(separators) != self.flags {
            dots::check_hidden(&mut self.text)?;
            dots::remove(&mut self.text);
        }
        Ok(end)
    }

    /// Returns whether the segment that begins here may be a dot segment.
    fn slash(&mut self, next: Option<&u8>) -> bool {
        self.text.push(b'/');
        match next {
            Some(b'/') => {
                self.flags = self.flags | Flags::DOUBLE_SLASH;
                false
            }
            Some(b'.' | b'%') => true,
            _ => false,
        }
    }

    /// Appends what the two digits at the start of `rest` stand for. Returns whether it may hide a dot segment.
    fn escape(&mut self, rest: &[u8]) -> Result<bool, Reject> {
        let byte = escaped(rest).ok_or(Reject::TargetEscape)?;
        match byte {
            0 => return Err(Reject::TargetNul),
            b'/' => self.flags = self.flags | Flags::ENCODED_SLASH,
            b'\\' => self.flags = self.flags | Flags::ENCODED_BACKSLASH,
            _ if is_unreserved(byte) => {
                self.text.push(byte);
                return Ok(false);
            }
            _ => {}
        }
        push_escape(byte, &mut self.text);
        Ok(dots::may_hide(byte))
    }
}

/// Decodes the percent-escapes of a canonical segment once into `out`, which is cleared first. False, with `out`
/// empty, when an escape is bad or the bytes are not UTF-8.
pub fn decode_segment(encoded: &[u8], out: &mut String) -> bool {
    let mut bytes = std::mem::take(out).into_bytes();
    bytes.clear();
    let is_whole = decode_into(encoded, &mut bytes);
    match String::from_utf8(bytes) {
        Ok(text) => *out = text,
        Err(error) => {
            let mut bytes = error.into_bytes();
            bytes.clear();
            *out = String::from_utf8(bytes).unwrap_or_default();
            return false;
        }
    }
    if !is_whole {
        out.clear();
    }
    is_whole
}

fn decode_into(encoded: &[u8], out: &mut Vec<u8>) -> bool {
    let mut rest = encoded;
    while let Some(at) = memchr::memchr(b'%', rest) {
        out.extend_from_slice(&rest[..at]);
        let Some(byte) = escaped(&rest[at + 1..]) else {
            return false;
        };
        out.push(byte);
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest);
    true
}

fn check_query(query: &[u8]) -> Result<(), Reject> {
    let mut at = 0;
    while let Some(&byte) = query.get(at) {
        match CLASS[usize::from(byte)] {
            REFUSED => return Err(byte_error(byte)),
            PERCENT => match escaped(&query[at + 1..]) {
                None => return Err(Reject::TargetEscape),
                Some(0) => return Err(Reject::TargetNul),
                Some(_) => at += 3,
            },
            _ => at += 1,
        }
    }
    Ok(())
}

fn byte_error(byte: u8) -> Reject {
    match byte {
        0 => Reject::TargetNul,
        b'#' => Reject::TargetFragment,
        _ => Reject::TargetByte,
    }
}

/// How many bytes at the start are copied as they are: segments of plain characters that begin with neither a dot nor
/// an escape and are not empty.
fn plain_segments(raw: &[u8]) -> usize {
    for (at, &byte) in raw.iter().enumerate() {
        match CLASS[usize::from(byte)] {
            PLAIN => {}
            SLASH if !matches!(raw.get(at + 1), Some(b'/' | b'.' | b'%')) => {}
            _ => return at,
        }
    }
    raw.len()
}

fn run_of_plain(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| CLASS[usize::from(byte)] != PLAIN).unwrap_or(bytes.len())
}

/// The byte that two hexadecimal digits at the start of `rest` stand for.
pub(super) fn escaped(rest: &[u8]) -> Option<u8> {
    let [high, low, ..] = rest else {
        return None;
    };
    Some(hex_value(*high)? << 4 | hex_value(*low)?)
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn push_escape(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// A control character, a space, above 0x7F, or `#`.
const REFUSED: u8 = 0;
/// `pchar` but `%`: copied.
const PLAIN: u8 = 1;
const SLASH: u8 = 2;
const PERCENT: u8 = 3;
const QUESTION: u8 = 4;
const BACKSLASH: u8 = 5;
/// Printable, but only valid as an escape: `"<>[]^{|}` and the grave accent.
const ODD: u8 = 6;

static CLASS: [u8; 256] = class_table();

const fn class_table() -> [u8; 256] {
    let mut table = [REFUSED; 256];
    let mut byte = 0x21;
    while byte < 0x7F {
        table[byte] = match byte as u8 {
            b'/' => SLASH,
            b'%' => PERCENT,
            b'?' => QUESTION,
            b'\\' => BACKSLASH,
            b'#' => REFUSED,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' => {
                PLAIN
            }
            other if is_unreserved(other) => PLAIN,
            _ => ODD,
        };
        byte += 1;
    }
    table
}
