//! The memory shared with JavaScript, laid out as `layout.rs` says: integers, a head, a body. Written only between two
//! JavaScript statements (inside a hot call), read only after it returned.

use super::layout::*;
use crate::engine::{Body, Event};

/// A window of exactly `WINDOW_SIZE` bytes that JavaScript keeps alive through a reference.
pub struct Window {
    base: *mut u8,
}

impl Window {
    /// # Safety
    /// `base` points to `WINDOW_SIZE` bytes aligned to 8 that stay valid, unmoved and written by this thread alone for
    /// as long as the window lives.
    pub unsafe fn new(base: *mut u8) -> Window {
        Window { base }
    }

    pub fn set(&mut self, index: u32, value: u32) {
        debug_assert!(index < WINDOW_HEAD / 4);
        // SAFETY: every META_* index lies inside the first WINDOW_HEAD bytes, and `base` is aligned.
        unsafe { self.base.cast::<u32>().add(index as usize).write(value) };
    }

    /// Copies at most `size` bytes to `offset`.
    fn put(&mut self, offset: u32, size: u32, data: &[u8]) -> u32 {
        let length = data.len().min(size as usize);
        // SAFETY: offset + size <= WINDOW_SIZE for both regions, and `data` is no part of the window.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), self.base.add(offset as usize), length) };
        length as u32
    }

    /// Writes a head composed for JavaScript, and whether its connection ends; its length, or why it does not fit.
    pub fn put_head(&mut self, head: &[u8], close: bool) -> i32 {
        self.set(META_CLOSE, u32::from(close));
        if head.len() > WINDOW_HEAD_SIZE as usize {
            return ANSWER_BAD_HEADER;
        }
        self.put(WINDOW_HEAD, WINDOW_HEAD_SIZE, head) as i32
    }

    fn set_length(&mut self, length: u64) {
        self.set(META_LENGTH_LO, length as u32);
        self.set(META_LENGTH_HI, (length >> 32) as u32);
    }

    /// Writes an event's fields and answers `id * 16 + kind`.
    pub fn write_event(&mut self, event: &Event<'_>) -> u32 {
        let (id, kind) = match *event {
            Event::Head { id, status, head, body, close } => {
                self.write_head(status, head, &body, close);
                (id, EVENT_HEAD)
            }
            Event::Chunk { id, data, last } => {
                self.write_piece(data, last);
                (id, EVENT_CHUNK)
            }
            Event::Reset { id } => (id, EVENT_RESET),
            Event::Resume { id } => (id, EVENT_RESUME),
            Event::Handler { id, handler } => {
                self.set(META_HANDLER, handler);
                (id, EVENT_HANDLER)
            }
            Event::Request { id, handler, has_body, length, is_head } => {
                self.set(META_HANDLER, handler);
                self.set(META_BODY, u32::from(has_body));
                self.set_length(length.unwrap_or(u64::MAX));
                self.set(META_IS_HEAD, u32::from(is_head));
                (id, EVENT_REQUEST)
            }
            Event::Body { id, data, last } => {
                self.write_piece(data, last);
                (id, EVENT_BODY)
            }
            Event::Writable { id } => (id, EVENT_WRITABLE),
            Event::Gone { id, status } => {
                self.set(META_STATUS, u32::from(status));
                (id, EVENT_GONE)
            }
            Event::KeyWanted { issuer, generation } => {
                self.set(META_HANDLER, issuer);
                self.set_length(generation);
                (0, EVENT_KEYS)
            }
        };
        id << 4 | kind
    }

    fn write_piece(&mut self, data: &[u8], last: bool) {
        let length = self.put(WINDOW_BODY, WINDOW_BODY_SIZE, data);
        self.set(META_BODY_LEN, length);
        self.set(META_LAST, u32::from(last));
    }

    fn write_head(&mut self, status: u16, head: &[u8], body: &Body<'_>, close: bool) {
        let length = self.put(WINDOW_HEAD, WINDOW_HEAD_SIZE, head);
        self.set(META_STATUS, u32::from(status));
        self.set(META_HEAD_LEN, length);
        self.set(META_CLOSE, u32::from(close));
        self.set(META_BODY_LEN, 0);
        let kind = match *body {
            Body::None { length: None } => BODY_NONE,
            Body::None { length: Some(length) } => {
                self.set_length(length);
                BODY_NONE_SIZED
            }
            Body::Whole(data) => {
                let length = self.put(WINDOW_BODY, WINDOW_BODY_SIZE, data);
                self.set(META_BODY_LEN, length);
                BODY_WHOLE
            }
            Body::Sized(length) => {
                self.set_length(length);
                BODY_SIZED
            }
            Body::Chunked => BODY_CHUNKED,
        };
        self.set(META_BODY_KIND, kind);
    }
}
