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
    fn uv_poll_stop(handle: *mut c_void) -> c_int;
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

/// A libuv poll handle on one descriptor; inert until [`Watch::start`].
pub struct Watch {
    poll: *mut c_void,
    state: Box<WatchState>,
}

struct WatchState {
    number: usize,
    ready: fn(usize),
}

impl Watch {
    /// # Safety
    /// `env` is live and the call is made on its thread; `fd` stays open until the watch is closed.
    pub unsafe fn new(env: sys::napi_env, fd: c_int) -> Option<Watch> {
        let mut looped = null_mut();
        // SAFETY: the handle is allocated with the size that libuv asks for and freed in its close callback.
        unsafe {
            if sys::napi_get_uv_event_loop(env, &mut looped) != sys::Status::napi_ok {
                return None;
            }
            let poll = libc::calloc(1, uv_handle_size(UV_POLL));
            if poll.is_null() || uv_poll_init(looped.cast(), poll, fd) != 0 {
                libc::free(poll);
                return None;
            }
            Some(Watch { poll, state: Box::new(WatchState { number: 0, ready: |_| {} }) })
        }
    }

    /// Calls `ready(number)` from the loop while the descriptor is readable.
    pub fn start(&mut self, number: usize, ready: fn(usize)) {
        *self.state = WatchState { number, ready };
        let state: *mut WatchState = &mut *self.state;
        // SAFETY: the handle is initialised and open; the state is boxed and lives as long as the handle is watched.
        unsafe {
            uv_handle_set_data(self.poll, state.cast());
            uv_poll_start(self.poll, UV_READABLE, on_watched);
        }
    }

    /// Stops watching; [`Watch::start`] begins again. The handle does not keep the loop alive meanwhile.
    pub fn stop(&mut self) {
        // SAFETY: the handle is initialised and open; stopping twice does nothing.
        unsafe { uv_poll_stop(self.poll) };
    }

    /// Whether the handle keeps the loop alive.
    fn hold(&self, wanted: bool) {
        // SAFETY: the handle is initialised and open.
        unsafe { if wanted { uv_ref(self.poll) } else { uv_unref(self.poll) } };
    }

    /// Closes the handle; `done` runs when libuv let go of it.
    pub fn close(self, done: Box<dyn FnOnce()>) {
        let done = Box::into_raw(Box::new((self.state, done)));
        // SAFETY: the handle is open and closed once, because `close` consumes the watch; the callback frees both.
        unsafe {
            uv_handle_set_data(self.poll, done.cast());
            uv_close(self.poll, on_watch_closed);
        }
    }
}

unsafe extern "C" fn on_watched(handle: *mut c_void, _status: c_int, _events: c_int) {
    // SAFETY: `start` stored a state that lives until the handle is closed. It is copied out first, because what is
    // called may close the watch.
    let (number, ready) = unsafe {
        let state = &*uv_handle_get_data(handle).cast::<WatchState>();
        (state.number, state.ready)
    };
    environment::contained(|| ready(number));
}

unsafe extern "C" fn on_watch_closed(handle: *mut c_void) {
    // SAFETY: `Watch::close` stored exactly one boxed pair; the handle is freed after it was read.
    unsafe {
        let data = uv_handle_get_data(handle).cast::<(Box<WatchState>, Box<dyn FnOnce()>)>();
        let pair = Box::from_raw(data);
        libc::free(handle);
        environment::contained(pair.1);
    }
}

/// The two libuv handles of an engine.
pub struct Drive {
    watch: Watch,
    timer: *mut c_void,
    armed: Option<Nanos>,
    is_ref: bool,
    /// Something listens: the loop lives on without exchanges.
    pub listens: bool,
}

impl Drive {
    /// Handles on the loop of `env` for the descriptor `fd`; inert until [`Drive::start`].
    ///
    /// # Safety
    /// As for [`Watch::new`].
    pub unsafe fn new(env: sys::napi_env, fd: c_int) -> Option<Drive> {
        let mut looped = null_mut();
        // SAFETY: as in `Watch::new`.
        unsafe {
            let watch = Watch::new(env, fd)?;
            watch.hold(false);
            sys::napi_get_uv_event_loop(env, &mut looped);
            let timer = libc::calloc(1, uv_handle_size(UV_TIMER));
            if timer.is_null() {
                watch.close(Box::new(|| {}));
                return None;
            }
            uv_timer_init(looped.cast(), timer);
            uv_unref(timer);
            Some(Drive { watch, timer, armed: None, is_ref: false, listens: false })
        }
    }

    /// Begins to watch for the engine of that handle.
    pub fn start(&mut self, handle: u32) {
        // SAFETY: the timer is initialised and open.
        unsafe { uv_handle_set_data(self.timer, handle as usize as *mut c_void) };
        self.watch.start(handle as usize, |handle| turn(handle as u32, false));
    }

    /// Keeps the loop alive while exchanges are in flight, and the timer at the engine's next deadline. The timer is
    /// moved only when the deadline comes earlier; one that fires too early costs a turn.
    pub fn arm(&mut self, engine: &Engine) {
        let wanted = self.listens || engine.in_flight() > 0;
        if wanted != self.is_ref {
            self.watch.hold(wanted);
            self.is_ref = wanted;
        }
        let Some(deadline) = engine.next_deadline() else { return };
        if self.armed.is_none_or(|armed| deadline < armed) {
            let wait = deadline.since(engine.now()).0.div_ceil(1_000_000);
            // SAFETY: the timer is initialised and open.
            unsafe { uv_timer_start(self.timer, on_timer, wait, 0) };
            self.armed = Some(deadline);
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
        // SAFETY: the timer is open and closed once, because `close` consumes the drive. Both close
        // callbacks run in the same pass of the loop.
        unsafe {
            uv_timer_stop(self.timer);
            uv_close(self.timer, on_closed);
        }
        self.watch.close(done);
    }
}

unsafe extern "C" fn on_closed(handle: *mut c_void) {
    // SAFETY: libuv is done with the handle, which `Drive::new` allocated.
    unsafe { libc::free(handle) };
}

unsafe extern "C" fn on_timer(handle: *mut c_void) {
    // SAFETY: `start` stored the engine's number.
    let engine = unsafe { uv_handle_get_data(handle) } as usize as u32;
    environment::contained(|| turn(engine, true));
}

/// One bounded turn of the engine; JavaScript is called after it, when the engine is no longer borrowed.
fn turn(handle: u32, by_timer: bool) {
    let waiting = environment::with(handle, |bound: &mut Bound| {
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
    if let Some(Some((env, callback, context))) = waiting {
        // SAFETY: the callback runs on the environment's thread, from its own loop, with nothing borrowed.
        unsafe { call(env, callback, context, |_| []) };
        environment::with(handle, |bound| {
            bound.engine.stop_delivery();
            bound.settle();
            // No further turn is asked for: an environment that is being ended takes no event, and would turn for ever.
        });
    }
}

/// Calls a JavaScript function with the arguments that `make` makes, and reports what it throws as uncaught. False when
/// JavaScript cannot run any more.
///
/// # Safety
/// On the thread of `env`, outside any other Node-API callback; the reference and context are live.
pub unsafe fn call<const N: usize>(
    env: sys::napi_env,
    callback: sys::napi_ref,
    context: sys::napi_async_context,
    make: impl FnOnce(sys::napi_env) -> [sys::napi_value; N],
) -> bool {
    // SAFETY: the scope brackets every handle made here.
    unsafe {
        let (mut scope, mut global, mut function, mut result) =
            (null_mut(), null_mut(), null_mut(), null_mut());
        if sys::napi_open_handle_scope(env, &mut scope) != sys::Status::napi_ok {
            return false;
        }
        sys::napi_get_global(env, &mut global);
        sys::napi_get_reference_value(env, callback, &mut function);
        let arguments = make(env);
        let status =
            sys::napi_make_callback(env, context, global, function, N, arguments.as_ptr(), &mut result);
        let mut pending = false;
        sys::napi_is_exception_pending(env, &mut pending);
        if pending {
            let mut exception = null_mut();
            sys::napi_get_and_clear_last_exception(env, &mut exception);
            sys::napi_fatal_exception(env, exception);
        }
        sys::napi_close_handle_scope(env, scope);
        pending || status == sys::Status::napi_ok
    }
}
