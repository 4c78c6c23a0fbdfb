//! Byte classes and the two inner loops over a header block. It knows characters, not what fields mean.

use super::error::Reject;

/// What a byte is in a token: 0 outside, 1 inside, 3 for `_`.
static TOKEN: [u8; 256] = token_table();

const fn token_table() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        let mark = matches!(
            b,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'`' | b'|' | b'~'
        );
        table[byte] = if b == b'_' { 3 } else { (b.is_ascii_alphanumeric() || mark) as u8 };
        byte += 1;
    }
    table
}

/// True for one or more token characters (RFC 9110 section 5.6.2).
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| is_token_byte(b))
}

pub(super) fn is_token_byte(byte: u8) -> bool {
    TOKEN[usize::from(byte)] != 0
}

/// True for a value that can stand in a header field line: no control character but HTAB, no DEL.
pub fn is_field_value(value: &[u8]) -> bool {
    let mut at = 0;
    loop {
        at = next_special(value, at);
        match value.get(at) {
            None => return true,
            Some(b'\t' | 0xEF) => at += 1,
            Some(_) => return false,
        }
    }
}

/// Why a field line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineError {
    /// The bytes end before the line does; nothing in it is wrong so far.
    Open,
    Refused(Reject),
}

impl LineError {
    /// The error where no more bytes will come.
    pub fn at_end(self) -> Reject {
        match self {
            LineError::Open => Reject::FieldLine,
            LineError::Refused(reject) => reject,
        }
    }
}

/// The index of the first colon, if it is one of the first bytes: as many as the longest known name has, and more.
#[inline]
pub(super) fn near_colon(line: &[u8]) -> Option<usize> {
    let (words, _) = line.as_chunks::<8>();
    for (at, word) in words.iter().take(4).enumerate() {
        let marks = zeros(u64::from_le_bytes(*word) ^ (ONES * b':' as u64)) & HIGHS;
        if marks != 0 {
            return Some(at * 8 + (marks.trailing_zeros() / 8) as usize);
        }
    }
    None
}

/// The name that starts `line`: its length up to the colon, and whether it holds `_`.
pub(super) fn field_name(line: &[u8]) -> Result<(usize, bool), LineError> {
    let mut seen = 0u8;
    for (at, &byte) in line.iter().enumerate() {
        let class = TOKEN[usize::from(byte)];
        if class == 0 {
            if byte == b':' && at > 0 {
                return Ok((at, seen & 2 != 0));
            }
            return Err(LineError::Refused(name_error(at, byte)));
        }
        seen |= class;
    }
    Err(LineError::Open)
}

#[cold]
fn name_error(at: usize, byte: u8) -> Reject {
    match byte {
        b' ' | b'\t' if at == 0 => Reject::FieldFold,
        _ => Reject::FieldName,
    }
}

/// The index of the CR of the CRLF that ends the value which starts at `from`. A `STRICT` one holds no U+FFFD.
#[inline]
pub(super) fn field_value_end<const STRICT: bool>(block: &[u8], from: usize) -> Result<usize, LineError> {
    let mut at = next_special(block, from);
    if block.get(at..).is_some_and(|end| end.starts_with(b"\r\n")) {
        return Ok(at);
    }
    loop {
        match block.get(at) {
            Some(b'\r') => break,
            Some(b'\t') => at += 1,
            Some(0xEF) if STRICT && block[at..].starts_with(REPLACEMENT) => {
                return Err(LineError::Refused(Reject::FieldReplacement));
            }
            Some(0xEF) => at += 1,
            Some(b'\n') => return Err(LineError::Refused(Reject::FieldLine)),
            Some(_) => return Err(LineError::Refused(Reject::FieldValue)),
            None => return Err(LineError::Open),
        }
        at = next_special(block, at);
    }
    match block.get(at + 1) {
        Some(b'\n') => Ok(at),
        Some(_) => Err(LineError::Refused(Reject::FieldLine)),
        None => Err(LineError::Open),
    }
}

/// U+FFFD in UTF-8.
const REPLACEMENT: &[u8] = b"\xEF\xBF\xBD";

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// The index at or after `from` of the first control character, DEL or 0xEF; the length if there is none. Short
/// values are searched eight bytes a step, long ones in larger steps.
#[inline]
fn next_special(bytes: &[u8], from: usize) -> usize {
    let (words, _) = bytes.get(from..).unwrap_or_default().as_chunks::<8>();
    let mut at = from;
    for word in words.iter().take(SHORT) {
        let marks = special_marks(*word);
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    if words.len() > SHORT { far_special(bytes, at) } else { last_special(bytes, at) }
}

/// Words of a value that are searched before it counts as long.
const SHORT: usize = 2;

#[inline(never)]
fn far_special(bytes: &[u8], from: usize) -> usize {
    let mut at = from + plain_steps(&bytes[from..]);
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let marks = special_marks(*word);
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    last_special(bytes, at)
}

#[inline]
fn last_special(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while bytes.get(at).is_some_and(|&b| !is_special(b)) {
        at += 1;
    }
    at
}

/// The high bit of each special byte. A false mark can only stand above a true one, and the lowest mark is taken.
#[inline]
fn special_marks(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (controls | zeros(word ^ (ONES * 0x7F)) | zeros(word ^ (ONES * 0xEF))) & HIGHS
}

/// One step of a long value, in bytes.
const STEP: usize = 64;

/// How many bytes at the start, in whole steps, are printable ASCII, and so not special. No step ends early, so that
/// the compiler can look at many of its bytes at once.
fn plain_steps(bytes: &[u8]) -> usize {
    let (steps, _) = bytes.as_chunks::<STEP>();
    let most = |step: &[u8; STEP]| step.iter().fold(0, |most: u8, &b| most.max(b.wrapping_sub(b' ')));
    steps.iter().take_while(|step| most(step) < 0x7F - b' ').count() * STEP
}

const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7F || byte == 0xEF
}

/// The high bit of each zero byte.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

/// Without spaces and tabs at both ends (RFC 9110 section 5.6.3).
pub(super) fn trim(value: &[u8]) -> &[u8] {
    let is_space = |b: &u8| matches!(b, b' ' | b'\t');
    let start = value.iter().position(|b| !is_space(b)).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !is_space(b)).map_or(start, |at| at + 1);
    &value[start..end]
}

/// `1*DIGIT` as a number; nothing else, and nothing above `u64::MAX`.
pub(super) fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, &byte| match byte {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}
