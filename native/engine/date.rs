//! The `Date` line of our own answers, written once per second; it reads no clock.

use crate::h1;
use crate::time::UnixSeconds;

/// `Date: …` CRLF of the second that it was last asked for.
#[derive(Debug, Default)]
pub(super) struct DateLine {
    second: u64,
    line: Vec<u8>,
}

impl DateLine {
    /// The line for that second since 1970-01-01T00:00:00Z.
    pub fn line(&mut self, second: u64) -> &[u8] {
        if self.second != second || self.line.is_empty() {
            self.second = second;
            self.line.clear();
            self.line.extend_from_slice(b"Date: ");
            h1::write_date(&mut self.line, UnixSeconds(second));
            self.line.extend_from_slice(b"\r\n");
        }
        &self.line
    }
}
