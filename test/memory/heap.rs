//! A heap that counts what the current thread holds on it. It changes nothing about where memory comes from.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

pub struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static OFF: Cell<bool> = const { Cell::new(false) };
}

/// Bytes that this thread allocated and did not free, less what others' memory it freed.
pub fn live() -> isize {
    LIVE.get()
}

/// The most of [`live`] since [`mark`].
pub fn peak() -> isize {
    PEAK.get()
}

/// Peaks count from here.
pub fn mark() {
    PEAK.set(LIVE.get());
}

/// What `work` allocates and frees is not counted: the client's side, which shares the thread.
pub fn uncounted<T>(work: impl FnOnce() -> T) -> T {
    OFF.set(true);
    let done = work();
    OFF.set(false);
    done
}

fn count(bytes: isize) {
    if !OFF.get() {
        let now = LIVE.get() + bytes;
        LIVE.set(now);
        PEAK.set(PEAK.get().max(now));
    }
}

// SAFETY: every call goes to the system's allocator as it came, so its promises hold. Counting only sets cells of this
// thread, which are made without allocating and never dropped, so it can run inside an allocation at any time.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    /// While it moves, both places are held.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize);
        count(-(layout.size() as isize));
        // SAFETY: the caller's promises are handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
