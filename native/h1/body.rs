//! Body decoders: raw bytes in, in pieces of any size, body bytes out. They buffer nothing and copy nothing.

use super::chunk::ChunkReader;
use super::error::BodyError;
use super::guard::Framing;
use super::head::BodyKind;

/// Where a body stands between two pieces of input.
#[derive(Clone, Debug)]
pub enum BodyReader {
    /// No body.
    None,
    /// The bytes that are left.
    Length(u64),
    Chunked(ChunkReader),
    /// Ends when the connection does.
    UntilClose,
}

/// What one `feed` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// Bytes taken off the front of the input; the rest belongs to the next message.
    pub consumed: usize,
    /// The body is complete. Never true for a body that ends with the connection.
    pub done: bool,
}

impl BodyReader {
    pub fn for_request(framing: Framing) -> BodyReader {
        match framing {
            Framing::None => BodyReader::None,
            Framing::Length(length) => BodyReader::Length(length),
            Framing::Chunked => BodyReader::Chunked(ChunkReader::new()),
        }
    }

    pub fn for_response(body: BodyKind) -> BodyReader {
        match body {
            BodyKind::None => BodyReader::None,
            BodyKind::Length(length) => BodyReader::Length(length),
            BodyKind::Chunked => BodyReader::Chunked(ChunkReader::new()),
            BodyKind::UntilClose => BodyReader::UntilClose,
        }
    }

    /// True when no more input belongs to this body.
    pub fn is_done(&self) -> bool {
        match self {
            BodyReader::None | BodyReader::Length(0) => true,
            BodyReader::Chunked(reader) => reader.is_done(),
            BodyReader::Length(_) | BodyReader::UntilClose => false,
        }
    }

    /// Decodes what of `input` belongs to the body, handing it to `out` in slices of `input`. After an error the
    /// connection must be closed: each further call returns the error again.
    pub fn feed(&mut self, input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<Fed, BodyError> {
        let consumed = match self {
            BodyReader::None => 0,
            BodyReader::Length(left) => {
                let len = (*left).min(input.len() as u64) as usize;
                *left -= len as u64;
                if len > 0 {
                    out(&input[..len]);
                }
                len
            }
            BodyReader::Chunked(reader) => reader.feed(input, out)?,
            BodyReader::UntilClose => {
                if !input.is_empty() {
                    out(input);
                }
                input.len()
            }
        };
        Ok(Fed { consumed, done: self.is_done() })
    }

    /// Tells the reader that the connection ended: an error unless the body is complete or was to end so.
    pub fn end(&self) -> Result<(), BodyError> {
        if self.is_done() || matches!(self, BodyReader::UntilClose) {
            Ok(())
        } else {
            Err(BodyError::Truncated)
        }
    }
}
