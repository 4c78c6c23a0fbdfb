//! The engines of one Node environment, found by number. State is per thread (an environment never leaves its thread);
//! nothing here is static across environments.

use super::drive::Drive;
use super::layout::{META_QUEUED, WINDOW_SIZE};
use super::raw;
use super::window::Window;
use crate::engine::Engine;
use napi::sys;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

/// Bound on what one string of a hot call may hold; the engine's own bounds are lower.
pub const SCRATCH: usize = 160 * 1024;

/// One engine, and what ties it to its environment.
pub struct Bound {
    pub engine: Engine,
    pub window: Window,
    pub scratch: Box<[u8]>,
    pub head: Vec<u8>,
    pub drive: Drive,
    /// Called with no arguments when events wait.
    pub on_events: sys::napi_ref,
    /// Keeps the window's memory.
    pub memory: sys::napi_ref,
    pub context: sys::napi_async_context,
    pub env: sys::napi_env,
    /// Released when the handles are closed.
    pub hook: sys::napi_async_cleanup_hook_handle,
}

thread_local! {
    /// A handful at most, so a look at each is faster than a hash.
    static ENGINES: RefCell<Vec<(u32, Box<Bound>)>> = const { RefCell::new(Vec::new()) };
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// Adds an engine. Its handle is never 0 and never comes back, so that a stale one finds nothing.
pub fn insert(bound: Bound) -> u32 {
    let handle = LAST.get() + 1;
    LAST.set(handle);
    ENGINES.with_borrow_mut(|engines| engines.push((handle, Box::new(bound))));
    handle
}

/// Takes an engine out, if it is there.
pub fn remove(handle: u32) -> Option<Box<Bound>> {
    ENGINES.with_borrow_mut(|engines| {
        let at = engines.iter().position(|(known, _)| *known == handle)?;
        Some(engines.swap_remove(at).1)
    })
}

/// Runs `act` on an engine; `None` when the handle is stale, the engine is borrowed, or `act` panicked.
pub fn with<T>(handle: u32, act: impl FnOnce(&mut Bound) -> T) -> Option<T> {
    ENGINES.with(|cell| {
        let mut engines = cell.try_borrow_mut().ok()?;
        let (_, bound) = engines.iter_mut().find(|(known, _)| *known == handle)?;
        let done = catch_unwind(AssertUnwindSafe(|| act(bound)));
        done.map_err(|_| bound.engine.count_panic()).ok()
    })
}

/// Runs what libuv or Node-API called back; no panic unwinds into them. What panicked is left as it is.
pub fn contained(act: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(act));
}

impl Bound {
    /// Keeps the loop alive while something listens.
    pub fn keep(&mut self, listens: bool) {
        self.drive.listens = listens;
        self.drive.arm(&self.engine);
    }

    /// After anything that may have queued events or moved a deadline.
    pub fn settle(&mut self) {
        self.window.set(META_QUEUED, u32::from(self.engine.has_events()));
        self.drive.arm(&self.engine);
    }
}

/// The memory of an ArrayBuffer of the right size as a window, and a reference that keeps it.
///
/// # Safety
/// `env` and `buffer` are live in the running callback.
pub unsafe fn window_of(env: sys::napi_env, buffer: raw::Value) -> Option<(Window, sys::napi_ref)> {
    let mut reference = null_mut();
    // SAFETY: the bytes belong to an ArrayBuffer that the reference keeps; V8 does not move backing stores, and
    // ferrogate never detaches this one.
    unsafe {
        let memory = raw::bytes(env, buffer);
        if memory.len() != WINDOW_SIZE as usize || memory.as_ptr().align_offset(8) != 0 {
            return None;
        }
        let base = memory.as_ptr().cast_mut();
        if sys::napi_create_reference(env, buffer, 1, &mut reference) != sys::Status::napi_ok {
            return None;
        }
        Some((Window::new(base), reference))
    }
}
