//! The native listener as JavaScript opens and closes it: engines on threads of their own, or the engine that runs in
//! this environment's loop. It serves no request itself.

use super::descriptor::take_listening;
use super::environment::{self, Bound};
use super::setup::{address_in_use, failure};
use crate::core::Core;
use crate::engine::{Control, Engine, Idle, Inbox, ListenError, SystemClock, listening_socket};
use crate::time::Nanos;
use mio::Waker;
use napi::{Env, Error, Result, sys};
use napi_derive::napi;
use serde::Deserialize;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Most threads of one listener.
const MAX_THREADS: usize = 256;

/// What `listenerOpen` is told, as JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    host: IpAddr,
    port: u16,
    backlog: u32,
    /// 0: inside the loop of this environment.
    threads: usize,
    /// Listening sockets that were taken over.
    fds: Vec<i32>,
}

/// What `listenerOpen` reports.
#[napi(object)]
pub struct Opened {
    pub listener: u32,
    pub port: u16,
}

/// An open listener.
struct Listener {
    /// The environment's engine.
    engine: u32,
    threads: Vec<Thread>,
    /// Kept to be handed to a new process; the engine has descriptors of its own.
    sockets: Vec<TcpListener>,
    hold: usize,
}

struct Thread {
    handle: JoinHandle<()>,
    inbox: Arc<Inbox>,
    waker: Arc<Waker>,
    stop: Arc<AtomicBool>,
}

thread_local! {
    /// By a number that never comes back.
    static LISTENERS: RefCell<HashMap<u32, Listener>> = RefCell::new(HashMap::new());
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// Opens a native listener of a core. `engine` is this environment's, which gets the requests for handlers.
#[napi(catch_unwind)]
pub fn listener_open(env: Env, core: u32, engine: u32, options: String) -> Result<Opened> {
    let internal = |what: String| failure("ERR_FG_INTERNAL", &what, None);
    let options: Options = serde_json::from_str(&options).map_err(|e| internal(e.to_string()))?;
    let core = Core::find(core).ok_or_else(|| failure("ERR_FG_CLOSED", "the gateway is closed", None))?;
    let sockets = sockets(&options)?;
    let address = sockets.first().and_then(|s| s.local_addr().ok());
    let port = address.map_or(options.port, |a| a.port());
    let copies = copies(&sockets).map_err(|e| internal(e.to_string()))?;
    let threads = if options.threads == 0 {
        environment::with(engine, |bound| listen_here(bound, copies)).transpose().map_err(listen_failure)?;
        Vec::new()
    } else {
        start_threads(&core, options.threads.min(MAX_THREADS), copies)?
    };
    let number = LAST.get() + 1;
    LAST.set(number);
    environment::with(engine, |bound| bound.keep(true));
    let listener = Listener { engine, threads, sockets, hold: number as usize };
    LISTENERS.with_borrow_mut(|all| all.insert(number, listener));
    // SAFETY: the pair of function and number is added once, and removed by `close`.
    unsafe { sys::napi_add_env_cleanup_hook(env.raw(), Some(on_cleanup), number as usize as *mut c_void) };
    Ok(Opened { listener: number, port })
}

fn sockets(options: &Options) -> Result<Vec<TcpListener>> {
    if options.fds.is_empty() {
        let address = SocketAddr::new(options.host, options.port);
        return Ok(vec![listening_socket(address, options.backlog).map_err(|e| bind_failure(address, e))?]);
    }
    let taken = options.fds.iter().map(|fd| take_listening(*fd).map(TcpListener::from));
    taken.collect::<std::io::Result<_>>().map_err(|e| failure("ERR_FG_INTERNAL", &e.to_string(), None))
}

fn copies(sockets: &[TcpListener]) -> std::io::Result<Vec<TcpListener>> {
    sockets.iter().map(TcpListener::try_clone).collect()
}

fn listen_here(bound: &mut Bound, sockets: Vec<TcpListener>) -> std::result::Result<(), ListenError> {
    let listening = sockets.into_iter().try_for_each(|socket| bound.engine.listen(socket));
    if listening.is_err() {
        bound.engine.stop_listening();
    }
    bound.settle();
    listening
}

/// The first thread accepts; each takes its share of the connections. When one cannot be started, none runs.
fn start_threads(core: &Arc<Core>, count: usize, mut sockets: Vec<TcpListener>) -> Result<Vec<Thread>> {
    let internal = |e: std::io::Error| failure("ERR_FG_INTERNAL", &e.to_string(), None);
    let make = |_| {
        let mut engine = Engine::new(core.clone(), Box::new(SystemClock::new())).map_err(internal)?;
        engine.share_connections();
        for socket in std::mem::take(&mut sockets) {
            engine.listen(socket).map_err(listen_failure)?;
        }
        Ok(engine)
    };
    // First all engines, so that nothing is accepted when descriptors run out.
    let engines = (0..count).map(make).collect::<Result<Vec<_>>>()?;
    let mut threads = Vec::with_capacity(count);
    for engine in engines {
        match Thread::start(threads.len(), engine) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                end(threads);
                return Err(internal(error));
            }
        }
    }
    Ok(threads)
}

impl Thread {
    fn start(at: usize, mut engine: Engine) -> std::io::Result<Thread> {
        let (inbox, waker, stop) = (engine.inbox(), engine.waker(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let run = move || engine.run(&stopped, |engine| while engine.next_event().is_some() {});
        let handle = std::thread::Builder::new().name(format!("ferrogate-{at}")).spawn(run)?;
        Ok(Thread { handle, inbox, waker, stop })
    }
}

/// Stops threads and waits for their ends.
fn end(threads: Vec<Thread>) {
    for thread in &threads {
        thread.stop.store(true, Ordering::Release);
        // A failed wake-up means that the engine's poll is gone, and the thread with it.
        let _ = thread.waker.wake();
    }
    for thread in threads {
        // A thread that panicked is as much over.
        let _ = thread.handle.join();
    }
}

fn bind_failure(address: SocketAddr, error: ListenError) -> Error {
    match error {
        ListenError::Bind(error) => address_in_use(address.ip(), address.port(), &error),
        other => listen_failure(other),
    }
}

fn listen_failure(error: ListenError) -> Error {
    let message = match error {
        ListenError::Bind(error) => format!("a listening socket cannot be used: {error}"),
        ListenError::TooMany => "an engine takes at most 64 listening sockets".to_owned(),
    };
    failure("ERR_FG_INTERNAL", &message, None)
}

fn with<T>(listener: u32, act: impl FnOnce(&mut Listener) -> T) -> Option<T> {
    LISTENERS.with_borrow_mut(|all| all.get_mut(&listener).map(act))
}

/// Descriptors of the listening sockets, for a process that takes over.
#[napi(catch_unwind)]
pub fn listener_fds(listener: u32) -> Vec<i32> {
    let fds = with(listener, |l| l.sockets.iter().map(AsRawFd::as_raw_fd).collect());
    fds.unwrap_or_default()
}

/// Accepts what waits, then closes the listening sockets.
#[napi(catch_unwind)]
pub fn listener_stop_accepting(listener: u32) {
    with(listener, |l| {
        l.sockets.clear();
        match l.threads.first() {
            Some(first) => first.inbox.ask(Control::StopListening),
            None => drop(environment::with(l.engine, |bound| bound.engine.stop_listening())),
        }
    });
}

/// Answers end their connections from now on, and WebSockets are closed one after the other within `timeout_ms`.
/// Connections without a request are closed soon, or with `keep_idle` late, one after the other.
#[napi(catch_unwind)]
pub fn listener_drain(listener: u32, timeout_ms: u32, keep_idle: bool) {
    let within = Nanos::from_millis(u64::from(timeout_ms));
    let idle = if keep_idle { Idle::Keep } else { Idle::Close };
    with(listener, |l| {
        for thread in &l.threads {
            thread.inbox.ask(Control::Drain { within, idle });
        }
        environment::with(l.engine, |bound| {
            bound.engine.drain(within, idle);
            bound.settle();
        });
    });
}

/// Connections that are open now; at least 1 while more may come.
#[napi(catch_unwind)]
pub fn listener_connections(listener: u32) -> u32 {
    let count = with(listener, |l| match l.threads.is_empty() {
        true => environment::with(l.engine, |bound| bound.engine.connections()).unwrap_or(0),
        false => threads_load(&l.threads),
    });
    u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX)
}

fn threads_load(threads: &[Thread]) -> usize {
    // Asked first: what came before it stopped is counted.
    let accepting = threads.iter().any(|t| t.inbox.is_accepting());
    let load: usize = threads.iter().map(|t| t.inbox.load()).sum();
    load.max(usize::from(accepting))
}

/// Breaks what is left and ends the threads.
#[napi(catch_unwind)]
pub fn listener_close(env: Env, listener: u32) {
    let Some(hold) = close(listener) else { return };
    // SAFETY: the pair was added by `listener_open` and is removed once.
    unsafe { sys::napi_remove_env_cleanup_hook(env.raw(), Some(on_cleanup), hold as *mut c_void) };
}

fn close(listener: u32) -> Option<usize> {
    let listener = LISTENERS.with_borrow_mut(|all| all.remove(&listener))?;
    end(listener.threads);
    environment::with(listener.engine, |bound| {
        bound.engine.stop_listening();
        bound.engine.close_connections();
        bound.keep(false);
        bound.settle();
    });
    Some(listener.hold)
}

/// The environment ends (also by `worker.terminate()`).
unsafe extern "C" fn on_cleanup(listener: *mut c_void) {
    environment::contained(|| {
        close(listener as usize as u32);
    });
}
