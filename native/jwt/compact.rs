//! The compact serialisation (RFC 7515 section 7.1): three parts of strict base64url, decoded with a known
//! bound; looks at no meaning.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::Invalid;
use super::verifying::MAX_SIGNATURE_BYTES;

/// A token cut at its dots; nothing decoded yet.
pub(super) struct Compact<'a> {
    pub header: &'a [u8],
    pub claims: &'a [u8],
    pub signature: &'a [u8],
    /// The bytes that the signature covers: header, dot, claims.
    pub signed: &'a [u8],
}

/// Room for the longest signature, as base64url counts it before it knows the last group.
pub(super) type SignatureBuffer = [u8; MAX_SIGNATURE_BYTES + 4];

impl<'a> Compact<'a> {
    /// Cuts `token`, which may have at most `max_bytes`; allocates nothing.
    pub fn split(token: &'a [u8], max_bytes: usize) -> Result<Compact<'a>, Invalid> {
        if token.len() > max_bytes {
            return Err(Invalid::TooLong);
        }
        let mut dots = memchr::memchr_iter(b'.', token);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(Invalid::NotThreeParts);
        };
        let compact = Compact {
            header: &token[..first],
            claims: &token[first + 1..second],
            signature: &token[second + 1..],
            signed: &token[..second],
        };
        if compact.header.is_empty() || compact.claims.is_empty() || compact.signature.is_empty() {
            return Err(Invalid::EmptyPart);
        }
        Ok(compact)
    }

    /// The signature's bytes, in `buffer`.
    pub fn signature_bytes<'b>(&self, buffer: &'b mut SignatureBuffer) -> Result<&'b [u8], Invalid> {
        if self.signature.len() > MAX_SIGNATURE_BYTES.div_ceil(3) * 4 {
            return Err(Invalid::SignatureLength);
        }
        match URL_SAFE_NO_PAD.decode_slice(self.signature, buffer) {
            Ok(len) => Ok(&buffer[..len]),
            Err(_) => Err(Invalid::SignatureEncoding),
        }
    }
}

/// Bytes behind `part`: no padding, no space, no alphabet but RFC 4648 section 5, unused last bits zero.
/// `None` when it is anything else. Allocates at most 3/4 of `part`.
pub(super) fn decode(part: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// UTF-8 text behind `part`.
pub(super) fn decode_text(part: &[u8]) -> Option<String> {
    String::from_utf8(decode(part)?).ok()
}
