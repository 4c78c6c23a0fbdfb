//! Byte buffers that are used again, so that a request allocates nothing in steady state. The pool is bounded in
//! number and bytes; what does not fit is freed.

/// Buffers larger than this are freed, so that one large body does not stay in memory.
const MAX_CAPACITY: usize = 160 * 1024;
const MAX_BUFFERS: usize = 4096;
const MAX_BYTES: usize = 16 * 1024 * 1024;
const FIRST_CAPACITY: usize = 2048;

#[derive(Debug, Default)]
pub(super) struct Buffers {
    free: Vec<Vec<u8>>,
    bytes: usize,
}

impl Buffers {
    /// An empty buffer.
    pub fn take(&mut self) -> Vec<u8> {
        let Some(buffer) = self.free.pop() else { return Vec::with_capacity(FIRST_CAPACITY) };
        self.bytes -= buffer.capacity();
        buffer
    }

    pub fn give(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        let fits = self.free.len() < MAX_BUFFERS && self.bytes + capacity <= MAX_BYTES;
        if capacity == 0 || capacity > MAX_CAPACITY || !fits {
            return;
        }
        buffer.clear();
        self.bytes += capacity;
        self.free.push(buffer);
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.free.len()
    }
}
