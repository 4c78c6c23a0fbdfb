//! The chunked coding (RFC 9112 section 7.1), read strictly and written plainly. It keeps no data: extensions and
//! trailer fields are checked and dropped.

use super::error::BodyError;
use super::extension::Extension;
use super::scan::is_token_byte;

/// Bytes by which size lines and trailers may outweigh twice the data. What each chunk needs anyway is free.
pub const MAX_CHUNK_OVERHEAD: u64 = 16 * 1024;

/// Written after the data of each chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// Written after the last chunk: no trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Size lines up to this length are never counted.
const FREE_LINE_BYTES: u64 = 16;

/// Most hexadecimal digits of a size, leading zeros included.
const MAX_SIZE_DIGITS: u8 = 16;

/// Appends the size line of a chunk of `len` bytes; nothing for 0, which would end the body.
pub fn chunk_header(len: usize, out: &mut Vec<u8>) {
    if len == 0 {
        return;
    }
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0u8; 16];
    let mut at = text.len();
    let mut rest = len;
    while rest > 0 {
        at -= 1;
        text[at] = DIGITS[rest & 15];
        rest >>= 4;
    }
    out.extend_from_slice(&text[at..]);
    out.extend_from_slice(b"\r\n");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Extension(Extension),
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a trailer line or of the empty line.
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
    Broken(BodyError),
}

/// Where a chunked body stands between two pieces of input.
#[derive(Clone, Debug)]
pub struct ChunkReader {
    state: State,
    /// Of the size while it is read, then of the data that is left.
    size: u64,
    digits: u8,
    /// Bytes of the current size line.
    line: u64,
    overhead: u64,
}

impl Default for ChunkReader {
    fn default() -> ChunkReader {
        ChunkReader::new()
    }
}

impl ChunkReader {
    pub fn new() -> ChunkReader {
        ChunkReader { state: State::Size, size: 0, digits: 0, line: 0, overhead: 0 }
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes bytes off the front of `input`, hands data to `out` in slices of it, and returns how many it took. It
    /// stops after the empty line that ends the body. After an error each call returns that error.
    pub fn feed(&mut self, input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<usize, BodyError> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match self.state {
                State::Done => break,
                State::Data => {
                    let len = self.size.min((input.len() - at) as u64) as usize;
                    out(&input[at..at + len]);
                    at += len;
                    self.size -= len as u64;
                    if self.size == 0 {
                        self.state = State::DataCr;
                    }
                }
                _ => {
                    self.state = self.step(byte).unwrap_or_else(State::Broken);
                    at += 1;
                }
            }
            if let State::Broken(error) = self.state {
                return Err(error);
            }
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<State, BodyError> {
        match self.state {
            State::Size => self.size_byte(byte),
            State::Extension(_) | State::SizeLf => self.size_line_byte(byte),
            State::DataCr => expect(byte, b'\r', State::DataLf, BodyError::ChunkEnd),
            State::DataLf => {
                (self.size, self.digits, self.line) = (0, 0, 0);
                expect(byte, b'\n', State::Size, BodyError::ChunkEnd)
            }
            State::Broken(error) => Err(error),
            _ => self.trailer_byte(byte),
        }
    }

    fn size_byte(&mut self, byte: u8) -> Result<State, BodyError> {
        self.line += 1;
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ if self.digits == 0 => return Err(BodyError::ChunkSize),
            b'\r' => return Ok(State::SizeLf),
            b';' => return Ok(State::Extension(Extension::Start)),
            b' ' | b'\t' => return Ok(State::Extension(Extension::End)),
            _ => return Err(BodyError::ChunkSize),
        };
        if self.digits == MAX_SIZE_DIGITS {
            return Err(BodyError::ChunkSize);
        }
        self.digits += 1;
        self.size = self.size << 4 | u64::from(digit);
        Ok(State::Size)
    }

    fn size_line_byte(&mut self, byte: u8) -> Result<State, BodyError> {
        self.line += 1;
        if self.line > MAX_CHUNK_OVERHEAD {
            return Err(BodyError::Overhead);
        }
        match (self.state, byte) {
            (State::SizeLf, b'\n') => self.begin_data(),
            (State::Extension(at), b'\r') if at.may_end() => Ok(State::SizeLf),
            (State::Extension(at), _) => at.step(byte).map(State::Extension).ok_or(BodyError::ChunkExtension),
            _ => Err(BodyError::ChunkExtension),
        }
    }

    fn begin_data(&mut self) -> Result<State, BodyError> {
        let free = FREE_LINE_BYTES.saturating_add(self.size.saturating_mul(2));
        self.overhead = (self.overhead + self.line).saturating_sub(free);
        if self.overhead > MAX_CHUNK_OVERHEAD {
            return Err(BodyError::Overhead);
        }
        Ok(if self.size == 0 { State::TrailerStart } else { State::Data })
    }

    fn trailer_byte(&mut self, byte: u8) -> Result<State, BodyError> {
        self.overhead += 1;
        if self.overhead > MAX_CHUNK_OVERHEAD {
            return Err(BodyError::Overhead);
        }
        match (self.state, byte) {
            (State::TrailerStart, b'\r') => Ok(State::EndLf),
            (State::EndLf, b'\n') => Ok(State::Done),
            (State::TrailerStart | State::TrailerName, name) if is_token_byte(name) => Ok(State::TrailerName),
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue, b'\t' | 0x20..=0x7E | 0x80..) => Ok(State::TrailerValue),
            (State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            _ => Err(BodyError::Trailer),
        }
    }
}

fn expect(byte: u8, wanted: u8, next: State, error: BodyError) -> Result<State, BodyError> {
    if byte == wanted { Ok(next) } else { Err(error) }
}
