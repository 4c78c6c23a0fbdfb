//! Both directions of one tunnel: how much of what came is passed on, and when a close frame of our own may follow it.
//! It decides; the caller moves the bytes, keeps the deadline and ends the connections.
//!
//! A direction takes our close frame at a boundary only, also between the frames of a fragmented message (RFC 6455
//! section 5.4), and nothing after it. Its place is behind everything that was passed on, so it is appended to what
//! waits to be written. Bytes that a side sends after our close frame went to the other one are followed for that
//! side's own close frame and dropped.

use super::close::CloseCode;
use super::error::FrameError;
use super::frame::{Direction, FrameTracker};

/// What is to be done in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nobody closes: bytes are passed on.
    Forward,
    /// In the middle of a frame: our close frame follows its end.
    Wait,
    /// Append our close frame now. Told once.
    Close(CloseCode),
    /// A close frame or the end of the connection has passed: nothing more goes in this direction.
    Done,
    /// A frame was begun that will not end, in time or at all: break the connection that this direction leads to.
    Drop,
}

/// The state of one tunnel.
#[derive(Clone, Debug)]
pub struct Splice {
    lanes: [Lane; 2],
    closing: Option<CloseCode>,
    fault: Option<(Direction, FrameError)>,
}

impl Default for Splice {
    fn default() -> Splice {
        Splice::new()
    }
}

impl Splice {
    pub fn new() -> Splice {
        Splice { lanes: Direction::BOTH.map(Lane::new), closing: None, fault: None }
    }

    /// Bytes that came from a side. Returns how many of them are passed on to the other one; the rest is dropped.
    /// Ask [`due`](Splice::due) for both directions afterwards: a broken frame closes both.
    pub fn receive(&mut self, from: Direction, input: &[u8]) -> usize {
        let closing = self.closing.is_some();
        let lane = &mut self.lanes[from as usize];
        if lane.over {
            return 0;
        }
        let (passed, fed) = lane.receive(input, closing);
        if let Err(error) = fed {
            lane.over = true;
            if lane.stage == Stage::Open {
                self.fault.get_or_insert((from, error));
                self.closing.get_or_insert(CloseCode::ProtocolError);
            }
        }
        passed
    }

    /// A side ended its half of the connection. While nobody closes the caller passes that end on, and the direction
    /// is [`Due::Done`]; when our close frame waits for the end of a frame, it is [`Due::Drop`].
    pub fn end(&mut self, from: Direction) {
        let closing = self.closing.is_some();
        let lane = &mut self.lanes[from as usize];
        lane.over = true;
        if !closing {
            lane.stage = Stage::Closed;
        }
    }

    /// We close the tunnel, for the first reason that is given.
    pub fn close(&mut self, code: CloseCode) {
        self.closing.get_or_insert(code);
    }

    /// What is to be done in a direction now; `expired` once the deadline of our closing has passed.
    pub fn due(&mut self, direction: Direction, expired: bool) -> Due {
        let lane = &mut self.lanes[direction as usize];
        if lane.is_done() {
            return Due::Done;
        }
        let Some(code) = self.closing else { return Due::Forward };
        lane.cut();
        match lane.stage {
            Stage::Cut => {
                lane.stage = Stage::Closed;
                Due::Close(code)
            }
            _ if expired || lane.over => Due::Drop,
            _ => Due::Wait,
        }
    }

    /// The closing handshake with a side is over: it had a close frame (or the end) and sent one (or its end). Its
    /// connection is closed once everything is written.
    pub fn is_finished(&self, side: Direction) -> bool {
        let lane = &self.lanes[side as usize];
        let has_ended = lane.over || lane.tracker.close_seen().is_some();
        has_ended && self.lanes[side.opposite() as usize].is_done()
    }

    /// Why we close, if we do.
    pub fn closing(&self) -> Option<CloseCode> {
        self.closing
    }

    /// The first broken frame, and whose it was.
    pub fn fault(&self) -> Option<(Direction, FrameError)> {
        self.fault
    }

    /// Frames and bytes of a direction.
    pub fn tracker(&self, direction: Direction) -> &FrameTracker {
        &self.lanes[direction as usize].tracker
    }
}

/// One direction.
#[derive(Clone, Debug)]
struct Lane {
    tracker: FrameTracker,
    stage: Stage,
    /// Nothing more comes from its side, or nothing that could be followed.
    over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// What the tracker saw was passed on.
    Open,
    /// Ends at a boundary; our close frame is due.
    Cut,
    /// Our close frame, or the end of the connection, was the last.
    Closed,
}

impl Lane {
    fn new(direction: Direction) -> Lane {
        Lane { tracker: FrameTracker::new(direction), stage: Stage::Open, over: false }
    }

    /// Follows a piece and tells how much of it is passed on: up to the end of the frame under way while we close.
    fn receive(&mut self, input: &[u8], closing: bool) -> (usize, Result<(), FrameError>) {
        if closing {
            self.cut();
        }
        if self.stage != Stage::Open {
            return (0, self.tracker.feed(input));
        }
        let before = self.tracker.bytes();
        if !closing {
            let fed = self.tracker.feed(input);
            return ((self.tracker.bytes() - before) as usize, fed);
        }
        let fed = self.tracker.feed_frame(input);
        let passed = (self.tracker.bytes() - before) as usize;
        self.cut();
        (passed, fed.and_then(|at| self.tracker.feed(&input[at..])))
    }

    /// Ends it here, if our close frame may follow here.
    fn cut(&mut self) {
        let may_follow = self.tracker.at_boundary() && self.tracker.close_seen().is_none();
        if self.stage == Stage::Open && may_follow {
            self.stage = Stage::Cut;
        }
    }

    fn is_done(&self) -> bool {
        match self.stage {
            Stage::Open => self.tracker.close_seen().is_some(),
            Stage::Cut => false,
            Stage::Closed => true,
        }
    }
}
