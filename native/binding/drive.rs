//! Drives an engine inside Node's loop: `uv_poll` on the engine's descriptor, `uv_timer` for its next deadline. A turn
//! ends before JavaScript is called; handles close asynchronously and are freed in their close callbacks.

use super::environment::{self, Bound};
use crate::engine::Engine;
use crate::time::Nanos;
use napi::sys;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

type PollCallback = unsafe extern "C" fn(*mut c_void, c_int, c_int);
type HandleCallback = unsafe extern "C" fn(*mut c_void);

// libuv is part of the Node executable; these signatures are stable across libuv 1.x.
unsafe extern "C" {
    fn uv_handle_size(kind: c_int) -> usize;
    fn uv_handle_set_data(handle: *mut c_void, data: *mut c_void);
    fn uv_handle_get_data(handle: *const c_void) -> *mut c_void;
    fn uv_poll_init(looped: *mut c_void, handle: *mut c_void, fd: c_int) -> c_int;
    fn uv_poll_start(handle: *mut c_void, events: c_int, callback: PollCallback) -> c_int;
    fn uv_timer_init(looped: *mut c_void, handle: *mut c_void) -> c_int;
    fn uv_timer_start(handle: *mut c_void, callback: HandleCallback, timeout: u64, repeat: u64) -> c_int;
    fn uv_timer_stop(handle: *mut c_void) -> c_int;
    fn uv_close(handle: *mut c_void, callback: HandleCallback);
    fn uv_ref(handle: *mut c_void);
    fn uv_unref(handle: *mut c_void);
}

// `uv_handle_type` of libuv 1.x.
const UV_POLL: c_int = 8;
const UV_TIMER: c_int = 13;
const UV_READABLE: c_int = 1;

/// The two libuv handles of an engine.
pub struct Drive {
    poll: *mut c_void,
    timer: *mut c_void,
    armed: Option<Nanos>,
    is_ref: bool,
}

impl Drive {
    /// Handles on the loop of `env` for the descriptor `fd`; inert until [`Drive::start`].
    ///
    /// # Safety
    /// `env` is live and the call is made on its thread.
    pub unsafe fn new(env: sys::napi_env, fd: c_int) -> Option<Drive> {
        let mut looped = null_mut();
        // SAFETY: handles are allocated with the size that libuv asks for and freed in their close callback.
        unsafe {
            if sys::napi_get_uv_event_loop(env, &mut looped) != sys::Status::napi_ok {
                return None;
            }
            let looped: *mut c_void = looped.cast();
            let poll = libc::calloc(1, uv_handle_size(UV_POLL));
            let timer = libc::calloc(1, uv_handle_size(UV_TIMER));
            if poll.is_null() || timer.is_null() || uv_poll_init(looped, poll, fd) != 0 {
                libc::free(poll);
                libc::free(timer);
                return None;
            }
            uv_timer_init(looped, timer);
            uv_unref(poll);
            uv_unref(timer);
            Some(Drive { poll, timer, armed: None, is_ref: false })
        }
    }

    /// Begins to watch for the engine of that handle.
    pub fn start(&mut self, handle: u32) {
        let data = handle as usize as *mut c_void;
        // SAFETY: both handles are initialised and open.
        unsafe {
            uv_handle_set_data(self.poll, data);
            uv_handle_set_data(self.timer, data);
            uv_poll_start(self.poll, UV_READABLE, on_readable);
        }
    }

    /// Keeps the loop alive while exchanges are in flight, and the timer at the engine's next deadline. The timer is
    /// moved only when the deadline comes earlier; one that fires too early costs a turn.
    pub fn arm(&mut self, engine: &Engine) {
        self.hold(engine.in_flight() > 0);
        let Some(deadline) = engine.next_deadline() else { return };
        if self.armed.is_none_or(|armed| deadline < armed) {
            let wait = deadline.since(engine.now()).0.div_ceil(1_000_000);
            // SAFETY: the timer is initialised and open.
            unsafe { uv_timer_start(self.timer, on_timer, wait, 0) };
            self.armed = Some(deadline);
        }
    }

    fn hold(&mut self, wanted: bool) {
        if wanted != self.is_ref {
            // SAFETY: the poll handle is initialised and open.
            unsafe { if wanted { uv_ref(self.poll) } else { uv_unref(self.poll) } };
            self.is_ref = wanted;
        }
    }

    /// Asks for another turn as soon as the loop comes round.
    fn soon(&mut self) {
        // SAFETY: the timer is initialised and open.
        unsafe { uv_timer_start(self.timer, on_timer, 0, 0) };
        self.armed = Some(Nanos::ZERO);
    }

    /// Closes both handles; `done` runs when libuv let go of them.
    pub fn close(self, done: Box<dyn FnOnce()>) {
        let done = Box::into_raw(Box::new(done));
        // SAFETY: both are open and closed once, because `close` consumes the drive. Close callbacks run in order, so
        // the poll handle, closed last, carries what is to be run.
        unsafe {
            uv_timer_stop(self.timer);
            uv_handle_set_data(self.timer, null_mut());
            uv_close(self.timer, on_closed);
            uv_handle_set_data(self.poll, done.cast());
            uv_close(self.poll, on_poll_closed);
        }
    }
}

unsafe extern "C" fn on_closed(handle: *mut c_void) {
    // SAFETY: libuv is done with the handle, which `Drive::new` allocated.
    unsafe { libc::free(handle) };
}

unsafe extern "C" fn on_poll_closed(handle: *mut c_void) {
    // SAFETY: `Drive::close` stored exactly one boxed closure; the handle is freed after it was read.
    unsafe {
        let done: Box<Box<dyn FnOnce()>> = Box::from_raw(uv_handle_get_data(handle).cast());
        libc::free(handle);
        done();
    }
}

unsafe extern "C" fn on_readable(handle: *mut c_void, _status: c_int, _events: c_int) {
    // SAFETY: `start` stored the engine's number.
    turn(unsafe { uv_handle_get_data(handle) } as usize as u32, false);
}

unsafe extern "C" fn on_timer(handle: *mut c_void) {
    // SAFETY: as above.
    turn(unsafe { uv_handle_get_data(handle) } as usize as u32, true);
}

/// One bounded turn of the engine; JavaScript is called after it, when the engine is no longer borrowed.
fn turn(handle: u32, by_timer: bool) {
    let call = environment::with(handle, |bound: &mut Bound| {
        if by_timer {
            bound.drive.armed = None;
        }
        let more = bound.engine.turn();
        bound.settle();
        if more {
            bound.drive.soon();
        }
        bound.engine.has_events().then_some((bound.env, bound.on_events, bound.context))
    });
    if let Some(Some((env, callback, context))) = call {
        // SAFETY: the callback runs on the environment's thread, from its own loop, with nothing borrowed.
        unsafe { call_events(env, callback, context) };
        environment::with(handle, Bound::settle);
    }
}

/// # Safety
/// On the thread of `env`, outside any other Node-API callback; the reference and context are live.
unsafe fn call_events(env: sys::napi_env, callback: sys::napi_ref, context: sys::napi_async_context) {
    // SAFETY: the scope brackets every handle made here.
    unsafe {
        let (mut scope, mut global, mut function, mut result) =
            (null_mut(), null_mut(), null_mut(), null_mut());
        if sys::napi_open_handle_scope(env, &mut scope) != sys::Status::napi_ok {
            return;
        }
        sys::napi_get_global(env, &mut global);
        sys::napi_get_reference_value(env, callback, &mut function);
        sys::napi_make_callback(env, context, global, function, 0, null_mut(), &mut result);
        let mut pending = false;
        sys::napi_is_exception_pending(env, &mut pending);
        if pending {
            let mut exception = null_mut();
            sys::napi_get_and_clear_last_exception(env, &mut exception);
            sys::napi_fatal_exception(env, exception);
        }
        sys::napi_close_handle_scope(env, scope);
    }
}
