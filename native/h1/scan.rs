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

/// The name that starts `line`: its length up to the colon, and whether it holds `_`.
pub(super) fn field_name(line: &[u8]) -> Result<(usize, bool), Reject> {
    let mut seen = 0u8;
    for (at, &byte) in line.iter().enumerate() {
        let class = TOKEN[usize::from(byte)];
        if class == 0 {
            return if byte == b':' && at > 0 { Ok((at, seen & 2 != 0)) } else { Err(name_error(at, byte)) };
        }
        seen |= class;
    }
    Err(Reject::FieldLine)
}

fn name_error(at: usize, byte: u8) -> Reject {
    match byte {
        b' ' | b'\t' if at == 0 => Reject::FieldFold,
        _ => Reject::FieldName,
    }
}

/// The index of the CR that ends the value which starts at `from`. The caller checks for the LF.
pub(super) fn field_value_end(block: &[u8], from: usize) -> Result<usize, Reject> {
    let mut at = from;
    loop {
        at = next_special(block, at);
        match block.get(at) {
            Some(b'\r') => return Ok(at),
            Some(b'\t') => at += 1,
            Some(0xEF) if block[at..].starts_with(REPLACEMENT) => return Err(Reject::FieldReplacement),
            Some(0xEF) => at += 1,
            Some(b'\n') | None => return Err(Reject::FieldLine),
            Some(_) => return Err(Reject::FieldValue),
        }
    }
}

/// U+FFFD in UTF-8.
const REPLACEMENT: &[u8] = b"\xEF\xBF\xBD";

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// The index at or after `from` of the first control character, DEL or 0xEF; the length if there is none. Eight
/// bytes a step: a false mark can only stand above a true one in the word, and the lowest mark is taken.
fn next_special(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        let controls = word.wrapping_sub(ONES * 0x20) & !word;
        let marks = (controls | zeros(word ^ (ONES * 0x7F)) | zeros(word ^ (ONES * 0xEF))) & HIGHS;
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|&b| b >= 0x20 && b != 0x7F && b != 0xEF) {
        at += 1;
    }
    at
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
