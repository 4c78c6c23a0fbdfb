//! W3C Trace Context: keeps a well-formed `traceparent`, makes one otherwise. It exports no spans.

use super::Rng;

/// `version-traceid-parentid-flags` (<https://www.w3.org/TR/trace-context/#traceparent-header>), 55 bytes of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    text: [u8; 55],
    made: bool,
}

impl Default for Trace {
    fn default() -> Self {
        Trace { text: *b"00-00000000000000000000000000000000-0000000000000000-00", made: true }
    }
}

impl Trace {
    /// Keeps `received` when it is well formed (version 00 to fe, lower-case hex, ids not all zero), else makes a new one
    /// with the sampled flag unset.
    pub fn from_traceparent(received: Option<&[u8]>, rng: &mut Rng) -> Trace {
        if let Some(text) = received.and_then(well_formed) {
            return Trace { text, made: false };
        }
        let mut trace = Trace::default();
        hex(rng.next_u64(), &mut trace.text[3..19]);
        hex(rng.next_u64() | 1, &mut trace.text[19..35]);
        hex(rng.next_u64() | 1, &mut trace.text[36..52]);
        trace
    }

    /// The trace id: 32 lower-case hexadecimal digits.
    pub fn id(&self) -> &[u8] {
        &self.text[3..35]
    }

    /// The whole header value.
    pub fn traceparent(&self) -> &[u8] {
        &self.text
    }

    /// True when the client sent none that could be kept.
    pub const fn is_made(&self) -> bool {
        self.made
    }
}

fn well_formed(value: &[u8]) -> Option<[u8; 55]> {
    let text: [u8; 55] = value.get(..55)?.try_into().ok()?;
    let longer_future_version = value.len() > 55 && &text[..2] != b"00" && value[55] == b'-';
    if value.len() > 55 && !longer_future_version {
        return None;
    }
    let dashes = text[2] == b'-' && text[35] == b'-' && text[52] == b'-';
    let hex = |part: &[u8]| part.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let zero = |part: &[u8]| part.iter().all(|b| *b == b'0');
    let grammar = hex(&text[..2]) && hex(&text[3..35]) && hex(&text[36..52]) && hex(&text[53..]);
    (dashes && grammar && &text[..2] != b"ff" && !zero(&text[3..35]) && !zero(&text[36..52])).then_some(text)
}

fn hex(value: u64, out: &mut [u8]) {
    for (pair, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(value.to_be_bytes()) {
        *pair = PAIRS[usize::from(byte)];
    }
}

/// `00` to `ff`.
static PAIRS: [[u8; 2]; 256] = pairs();

const fn pairs() -> [[u8; 2]; 256] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut at = 0;
    while at < 256 {
        pairs[at] = [DIGITS[at >> 4], DIGITS[at & 15]];
        at += 1;
    }
    pairs
}
