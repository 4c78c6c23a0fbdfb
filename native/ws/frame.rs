//! Where frames begin and end in the raw bytes of one direction (RFC 6455 section 5.2). It keeps no payload and
//! changes nothing; it refuses bytes that a strict and a lenient reader would cut into frames differently.

use super::error::FrameError;

/// Longest payload of a control frame (RFC 6455 section 5.5).
pub const MAX_CONTROL_PAYLOAD: u8 = 125;

/// What a close frame without a code counts as (RFC 6455 section 7.1.5).
pub const NO_CLOSE_CODE: u16 = 1005;

/// Whose bytes: each direction has its own rule on masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    FromClient,
    FromUpstream,
}

impl Direction {
    pub const BOTH: [Direction; 2] = [Direction::FromClient, Direction::FromUpstream];

    pub fn opposite(self) -> Direction {
        match self {
            Direction::FromClient => Direction::FromUpstream,
            Direction::FromUpstream => Direction::FromClient,
        }
    }
}

/// Where one direction of a tunnel stands between two pieces of input. RSV bits and payload belong to the two ends
/// (permessage-deflate, UTF-8), so they pass unseen.
#[derive(Clone, Copy, Debug)]
pub struct FrameTracker {
    direction: Direction,
    header: [u8; MAX_HEADER],
    /// Bytes of `header` that are of the frame under way; 0 at a boundary.
    have: usize,
    in_payload: bool,
    /// Payload bytes to come.
    left: u64,
    message_open: bool,
    /// The code of the close frame under way, as far as it came.
    code: [u8; 2],
    code_len: usize,
    close: Option<u16>,
    frames: u64,
    bytes: u64,
    broken: Option<FrameError>,
}

impl FrameTracker {
    pub fn new(direction: Direction) -> FrameTracker {
        FrameTracker {
            direction,
            header: [0; MAX_HEADER],
            have: 0,
            in_payload: false,
            left: 0,
            message_open: false,
            code: [0; 2],
            code_len: 0,
            close: None,
            frames: 0,
            bytes: 0,
            broken: None,
        }
    }

    /// Follows a piece of any size. On an error it stands before the frame that broke, or where the piece began when
    /// that frame began earlier: [`bytes`](FrameTracker::bytes) has grown by what may still be passed on, and
    /// [`at_boundary`](FrameTracker::at_boundary) tells whether a frame of our own may follow it. After an error each
    /// call returns that error.
    pub fn feed(&mut self, input: &[u8]) -> Result<(), FrameError> {
        let mut at = 0;
        while at < input.len() {
            at += self.feed_frame(&input[at..])?;
        }
        self.broken.map_or(Ok(()), Err)
    }

    /// [`feed`](FrameTracker::feed) up to the end of the frame under way, or of the next one at a boundary; returns
    /// how many bytes that took.
    pub fn feed_frame(&mut self, input: &[u8]) -> Result<usize, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let mut at = 0;
        while at < input.len() {
            let rest = &input[at..];
            at += if self.in_payload { self.take_payload(rest) } else { self.take_header(rest)? };
            if self.at_boundary() {
                break;
            }
        }
        Ok(at)
    }

    /// Between two frames, where a frame can be put in.
    pub fn at_boundary(&self) -> bool {
        self.have == 0
    }

    /// A fragmented message has begun and its last frame has not passed. Control frames may stand between its frames
    /// (RFC 6455 section 5.4).
    pub fn message_open(&self) -> bool {
        self.message_open
    }

    /// The code of the close frame once the whole of it has passed; [`NO_CLOSE_CODE`] when it held none.
    pub fn close_seen(&self) -> Option<u16> {
        self.close
    }

    /// Whole frames that passed.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Bytes that passed, headers included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes bytes of a header, or nothing of them when it is refused.
    fn take_header(&mut self, input: &[u8]) -> Result<usize, FrameError> {
        let before = self.have;
        let mut taken = 0;
        for &byte in input {
            self.header[self.have] = byte;
            self.have += 1;
            taken += 1;
            if let Err(error) = self.check_header() {
                self.have = before;
                self.broken = Some(error);
                return Err(error);
            }
            if self.have >= 2 && self.have == self.header_len() {
                break;
            }
        }
        self.bytes += taken as u64;
        if self.have >= 2 && self.have == self.header_len() {
            self.begin_payload();
        }
        Ok(taken)
    }

    fn begin_payload(&mut self) {
        self.left = self.payload_len();
        self.in_payload = true;
        if self.left == 0 {
            self.end_frame();
        }
    }

    fn take_payload(&mut self, input: &[u8]) -> usize {
        let taken = self.left.min(input.len() as u64) as usize;
        if self.opcode() == CLOSE {
            self.read_code(&input[..taken]);
        }
        self.bytes += taken as u64;
        self.left -= taken as u64;
        if self.left == 0 {
            self.end_frame();
        }
        taken
    }

    fn read_code(&mut self, payload: &[u8]) {
        let mask_at = self.length_end();
        for &byte in payload.iter().take(self.code.len() - self.code_len) {
            let mask = if self.is_masked() { self.header[mask_at + self.code_len] } else { 0 };
            self.code[self.code_len] = byte ^ mask;
            self.code_len += 1;
        }
    }

    fn end_frame(&mut self) {
        match self.opcode() {
            CLOSE if self.code_len == 0 => self.close = Some(NO_CLOSE_CODE),
            CLOSE => self.close = Some(u16::from_be_bytes(self.code)),
            _ if self.is_control() => {}
            _ => self.message_open = !self.is_final(),
        }
        self.frames += 1;
        self.have = 0;
        self.in_payload = false;
    }

    /// Judges the header by its newest byte, so that nothing more is passed on than must be.
    fn check_header(&self) -> Result<(), FrameError> {
        match self.have {
            1 => self.check_kind(),
            2 => self.check_mask_and_control(),
            have if have == self.length_end() => self.check_length(),
            _ => Ok(()),
        }
    }

    fn check_kind(&self) -> Result<(), FrameError> {
        if self.close.is_some() {
            return Err(FrameError::AfterClose);
        }
        match self.opcode() {
            CONTINUATION if !self.message_open => Err(FrameError::Continuation),
            TEXT | BINARY if self.message_open => Err(FrameError::MessageOpen),
            CLOSE | PING | PONG if !self.is_final() => Err(FrameError::ControlFragmented),
            CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG => Ok(()),
            _ => Err(FrameError::Opcode),
        }
    }

    fn check_mask_and_control(&self) -> Result<(), FrameError> {
        match (self.direction, self.is_masked()) {
            (Direction::FromClient, false) => return Err(FrameError::Unmasked),
            (Direction::FromUpstream, true) => return Err(FrameError::Masked),
            _ => {}
        }
        let short = self.header[1] & LENGTH;
        if self.is_control() && short > MAX_CONTROL_PAYLOAD {
            return Err(FrameError::ControlTooLong);
        }
        if self.opcode() == CLOSE && short == 1 { Err(FrameError::CloseCode) } else { Ok(()) }
    }

    fn check_length(&self) -> Result<(), FrameError> {
        let len = self.payload_len();
        if len >> 63 != 0 {
            return Err(FrameError::LengthTooLarge);
        }
        let fits_shorter = match self.header[1] & LENGTH {
            LENGTH_16 => len < u64::from(LENGTH_16),
            _ => len <= u64::from(u16::MAX),
        };
        if fits_shorter { Err(FrameError::LengthNotMinimal) } else { Ok(()) }
    }

    fn opcode(&self) -> u8 {
        self.header[0] & 0x0F
    }

    fn is_control(&self) -> bool {
        self.header[0] & 0x08 != 0
    }

    fn is_final(&self) -> bool {
        self.header[0] & 0x80 != 0
    }

    fn is_masked(&self) -> bool {
        self.header[1] & MASKED != 0
    }

    /// Bytes of the header up to the mask. Valid once two bytes of it are there, as all below.
    fn length_end(&self) -> usize {
        match self.header[1] & LENGTH {
            LENGTH_16 => 4,
            LENGTH_64 => 10,
            _ => 2,
        }
    }

    fn header_len(&self) -> usize {
        self.length_end() + if self.is_masked() { 4 } else { 0 }
    }

    fn payload_len(&self) -> u64 {
        match self.header[1] & LENGTH {
            LENGTH_16 | LENGTH_64 => {
                self.header[2..self.length_end()].iter().fold(0, |len, &byte| len << 8 | u64::from(byte))
            }
            short => u64::from(short),
        }
    }
}

/// Two bytes, a 64-bit length, a mask.
const MAX_HEADER: usize = 14;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// In the second byte of a header.
pub(super) const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7F;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;
