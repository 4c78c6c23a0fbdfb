//! The calls that set a gateway up: cores, plans, keys, addresses, engines. None is used per request. An error crosses
//! as JSON text `{code, message, path?}` in the message, which `src/native/binding.ts` turns into a GatewayError.

use super::drive::Drive;
use super::environment::{self, Bound, SCRATCH};
use super::{acceptor, descriptor, hot};
use crate::core::Core;
use crate::engine::{Clock, Engine, SystemClock};
use crate::explain;
use crate::snapshot::CompileError;
use crate::time::UnixSeconds;
use napi::bindgen_prelude::{ArrayBuffer, FnArgs, Function, Object};
use napi::{Env, Error, JsValue, Result, sys};
use napi_derive::napi;
use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What `publish` reports.
#[napi(object)]
pub struct Published {
    pub generation: u32,
    pub warnings: Vec<String>,
}

/// What `putKeys` reports: how many keys can be used, and why the others cannot.
#[napi(object)]
pub struct KeysPut {
    pub usable: u32,
    pub ignored: Vec<String>,
}

/// What `missing` reports.
#[napi(object)]
pub struct Missing {
    pub issuers: Vec<String>,
    pub upstreams: Vec<String>,
}

/// What `takeRecords` reports.
#[napi(object)]
pub struct Records {
    pub lines: String,
    pub dropped: u32,
}

pub(super) fn failure(code: &str, message: &str, path: Option<&str>) -> Error {
    let text = serde_json::json!({ "code": code, "message": message, "path": path });
    Error::from_reason(text.to_string())
}

/// An address cannot be listened on: it is taken, or cannot be bound here.
pub(super) fn address_in_use(host: impl std::fmt::Display, port: u16, error: &std::io::Error) -> Error {
    failure("ERR_FG_ADDRESS_IN_USE", &format!("cannot listen on {host} port {port}: {error}"), None)
}

pub(super) fn find(core: u32) -> Result<Arc<Core>> {
    Core::find(core).ok_or_else(|| failure("ERR_FG_CLOSED", "the gateway is closed", None))
}

fn compile_failure(error: &CompileError) -> Error {
    let code = if error.conflict { "ERR_FG_ROUTE_CONFLICT" } else { "ERR_FG_CONFIG_INVALID" };
    failure(code, &error.message, Some(&error.path))
}

#[napi(module_exports)]
pub fn module_exports(exports: Object, env: Env) -> Result<()> {
    // SAFETY: both handles are live in the running module initialisation.
    let added = unsafe { hot::export(env.raw(), exports.raw()) };
    if added {
        Ok(())
    } else {
        Err(failure("ERR_FG_ADDON_UNAVAILABLE", "the hot calls could not be exported", None))
    }
}

thread_local! {
    /// What this environment holds: a number of its own per hold, and the core.
    static HOLDS: RefCell<Vec<(usize, u32)>> = const { RefCell::new(Vec::new()) };
}

static LAST_HOLD: AtomicUsize = AtomicUsize::new(1);

/// The core called `name` in this process, made when there is none; '' makes a new one. Returns its number. An
/// environment that ends gives up its holds.
#[napi(catch_unwind)]
pub fn core_open(env: Env, name: String) -> u32 {
    let core = Core::open(&name).id;
    let hold = LAST_HOLD.fetch_add(1, Ordering::Relaxed);
    HOLDS.with_borrow_mut(|holds| holds.push((hold, core)));
    // SAFETY: the pair of function and number is added once, and removed by `core_close`.
    unsafe { sys::napi_add_env_cleanup_hook(env.raw(), Some(on_hold_cleanup), hold as *mut c_void) };
    core
}

/// Gives up one hold on a core; the last frees it.
#[napi(catch_unwind)]
pub fn core_close(env: Env, core: u32) {
    let hold = HOLDS.with_borrow_mut(|holds| {
        let at = holds.iter().position(|(_, held)| *held == core)?;
        Some(holds.swap_remove(at).0)
    });
    let Some(hold) = hold else { return };
    // SAFETY: the pair was added by `core_open` and is removed once.
    unsafe { sys::napi_remove_env_cleanup_hook(env.raw(), Some(on_hold_cleanup), hold as *mut c_void) };
    Core::close(core);
}

unsafe extern "C" fn on_hold_cleanup(hold: *mut c_void) {
    environment::contained(|| {
        let core = HOLDS.with_borrow_mut(|holds| {
            let at = holds.iter().position(|(known, _)| *known == hold as usize)?;
            Some(holds.swap_remove(at).1)
        });
        if let Some(core) = core {
            Core::close(core);
        }
    });
}

/// Compiles a plan and swaps it in whole, or changes nothing.
#[napi(catch_unwind)]
pub fn publish(core: u32, plan_json: String) -> Result<Published> {
    let core = find(core)?;
    let plan = serde_json::from_str(&plan_json)
        .map_err(|e| failure("ERR_FG_CONFIG_INVALID", &e.to_string(), Some("plan")))?;
    let (generation, mut warnings) = core.publish(plan).map_err(|e| compile_failure(&e))?;
    warnings.extend(core.warnings(UnixSeconds(SystemClock::new().unix_millis() / 1000)));
    Ok(Published { generation: generation as u32, warnings })
}

/// The generation in force, 0 before the first.
#[napi(catch_unwind)]
pub fn generation(core: u32) -> u32 {
    Core::find(core).map_or(0, |core| core.generation() as u32)
}

/// Replaces an issuer's key set by a JWKS document; a bad one changes nothing.
#[napi(catch_unwind)]
pub fn put_keys(core: u32, issuer_id: String, jwks_json: String) -> Result<KeysPut> {
    let put = find(core)?
        .put_keys(&issuer_id, &jwks_json, SystemClock::new().now())
        .map_err(|e| failure("ERR_FG_KEYS_UNAVAILABLE", &e.to_string(), None))?;
    let Some(put) = put else { return Ok(KeysPut { usable: 0, ignored: Vec::new() }) };
    let ignored = put.ignored.iter().map(|(kid, reason)| match kid {
        Some(kid) => format!("{kid}: {reason}"),
        None => reason.to_string(),
    });
    Ok(KeysPut { usable: put.usable as u32, ignored: ignored.collect() })
}

/// The key source of an issuer failed: who waits is decided with the keys there are.
#[napi(catch_unwind)]
pub fn keys_failed(core: u32, issuer_id: String) {
    if let Some(core) = Core::find(core) {
        core.keys_failed(&issuer_id, SystemClock::new().now());
    }
}

/// The keys of an issuer are too old: its tokens are refused until others come.
#[napi(catch_unwind)]
pub fn expire_keys(core: u32, issuer_id: String) {
    if let Some(core) = Core::find(core) {
        core.expire_keys(&issuer_id);
    }
}

/// Addresses of an upstream's targets: `[{"url": "…", "addresses": ["1.2.3.4:80"]}]`.
#[napi(catch_unwind)]
pub fn put_targets(core: u32, upstream_id: String, targets_json: String) -> Result<()> {
    let core = find(core)?;
    if let Some(upstream) = core.upstream(&upstream_id) {
        upstream.put_targets(&targets_json).map_err(|e| failure("ERR_FG_INTERNAL", &e.to_string(), None))?;
        core.wake();
    }
    Ok(())
}

/// Issuers that never had keys and upstreams without any address.
#[napi(catch_unwind)]
pub fn missing(core: u32) -> Missing {
    let snapshot = Core::find(core).and_then(|core| core.snapshot());
    let Some(snapshot) = snapshot else { return Missing { issuers: Vec::new(), upstreams: Vec::new() } };
    let issuers = snapshot.issuers.iter().filter(|i| !i.state.has_keys()).map(|i| i.id.to_string());
    let upstreams = snapshot
        .upstreams
        .iter()
        .filter(|u| u.addresses().addresses.iter().all(|a| a.is_empty()))
        .map(|u| u.id.to_string());
    Missing { issuers: issuers.collect(), upstreams: upstreams.collect() }
}

/// Every metric family as JSON.
#[napi(catch_unwind)]
pub fn metrics(core: u32) -> String {
    let families = Core::find(core).map(|core| core.families()).unwrap_or_default();
    serde_json::to_string(&families).unwrap_or_else(|_| "[]".to_owned())
}

/// Up to `max` access records as newline-separated JSON.
#[napi(catch_unwind)]
pub fn take_records(core: u32, max: u32) -> Records {
    let taken = Core::find(core).map(|core| core.records.take(max as usize));
    let (lines, dropped) = taken.unwrap_or_default();
    Records { lines, dropped: u32::try_from(dropped).unwrap_or(u32::MAX) }
}

/// What would be decided for a request, step by step, as JSON.
#[napi(catch_unwind)]
pub fn explain(core: u32, method: String, target: String, block: String, address: String) -> Result<String> {
    let core = find(core)?;
    let clock = SystemClock::new();
    let address =
        address.parse().map_err(|_| failure("ERR_FG_CONFIG_INVALID", "expected an IP address", None))?;
    let request = explain::Request {
        method: method.as_bytes(),
        target: target.as_bytes(),
        block: block.as_bytes(),
        peer: address,
        now: clock.now(),
        unix: crate::time::UnixSeconds(clock.unix_millis() / 1000),
    };
    Ok(explain::explain(&core, &request).to_string())
}

/// Starts an engine of a core in this environment's loop. `window` is memory of WINDOW_SIZE bytes; `on_events` is called
/// when events wait.
#[napi(catch_unwind)]
pub fn engine_open(
    env: Env,
    core: u32,
    window: ArrayBuffer<'_>,
    on_events: Function<'_, (), ()>,
) -> Result<u32> {
    let internal = |what: &str| failure("ERR_FG_INTERNAL", what, None);
    let core = find(core)?;
    let engine = Engine::new(core, Box::new(SystemClock::new())).map_err(|e| internal(&e.to_string()))?;
    let raw_env = env.raw();
    // SAFETY: every handle is live in the running call; what is kept is kept by reference.
    unsafe {
        let (window, memory) = environment::window_of(raw_env, window.raw())
            .ok_or_else(|| internal("the window has not the size that the layout says"))?;
        let drive =
            Drive::new(raw_env, engine.fd()).ok_or_else(|| internal("the event loop refused the engine"))?;
        let mut callback = null_mut();
        sys::napi_create_reference(raw_env, on_events.raw(), 1, &mut callback);
        let handle = environment::insert(Bound {
            engine,
            window,
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            head: Vec::new(),
            drive,
            on_events: callback,
            memory,
            context: async_context(raw_env),
            env: raw_env,
            hook: null_mut(),
        });
        environment::with(handle, |bound| {
            let data = handle as usize as *mut c_void;
            sys::napi_add_async_cleanup_hook(raw_env, Some(on_cleanup), data, &mut bound.hook);
            bound.drive.start(handle);
        });
        Ok(handle)
    }
}

/// # Safety
/// `env` is live in the running call.
unsafe fn async_context(env: sys::napi_env) -> sys::napi_async_context {
    const NAME: &str = "ferrogate.engine";
    let (mut name, mut resource, mut context) = (null_mut(), null_mut(), null_mut());
    // SAFETY: out-pointers outlive the calls.
    unsafe {
        sys::napi_create_string_utf8(env, NAME.as_ptr().cast(), NAME.len() as isize, &mut name);
        sys::napi_create_object(env, &mut resource);
        sys::napi_async_init(env, resource, name, &mut context);
    }
    context
}

/// What `acceptorOpen` reports.
#[napi(object)]
pub struct Accepting {
    pub acceptor: u32,
    pub port: u16,
}

/// Calls `on_connection(fd, text, address)` for each connection; the descriptor is the callee's. Listens on an IP address,
/// exclusively, or on the listening socket `fd`, which is the acceptor's from then on. Refused with
/// ERR_FG_ADDRESS_IN_USE when the address is taken or cannot be bound.
#[napi(catch_unwind)]
pub fn acceptor_open(
    env: Env,
    host: String,
    port: u16,
    on_connection: Function<'_, FnArgs<(i32, String)>, ()>,
    fd: Option<i32>,
) -> Result<Accepting> {
    let internal = |what: &str| failure("ERR_FG_INTERNAL", what, None);
    let ip = host.parse().map_err(|_| internal("a listener needs an IP address"))?;
    let opened = match fd {
        Some(fd) => descriptor::take_listening(fd).and_then(acceptor::adopt),
        None => acceptor::bind(std::net::SocketAddr::new(ip, port)),
    };
    let failed = |error: std::io::Error| address_in_use(&host, port, &error);
    let (source, port) = opened.map_err(failed)?;
    let acceptor = accept_from(env, source, on_connection.raw()).map_err(failed)?;
    Ok(Accepting { acceptor, port })
}

/// Opens an acceptor whose connections go to the function `on_connection`.
pub(super) fn accept_from(
    env: Env,
    source: Box<dyn acceptor::Source>,
    on_connection: sys::napi_value,
) -> std::io::Result<u32> {
    let raw_env = env.raw();
    let mut callback = null_mut();
    // SAFETY: every handle is live in the running call; what is kept is kept by reference.
    unsafe {
        sys::napi_create_reference(raw_env, on_connection, 1, &mut callback);
        let context = async_context(raw_env);
        let opened = acceptor::open(raw_env, source, callback, context);
        if opened.is_err() {
            sys::napi_delete_reference(raw_env, callback);
            sys::napi_async_destroy(raw_env, context);
        }
        opened
    }
}

/// The listening descriptor of an acceptor, which keeps it; -1 when it is closed.
#[napi(catch_unwind)]
pub fn acceptor_fd(acceptor: u32) -> i32 {
    acceptor::descriptor(acceptor).unwrap_or(-1)
}

/// Stops listening; connections that were handed over go on.
#[napi(catch_unwind)]
pub fn acceptor_close(acceptor: u32) {
    acceptor::close(acceptor);
}

/// The environment ends (also by `worker.terminate()`). An engine that is closed already releases the hook itself.
unsafe extern "C" fn on_cleanup(_hook: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    environment::contained(|| engine_end(data as usize as u32));
}

/// Drops an engine, closes its handles and then releases its hook.
fn engine_end(engine: u32) {
    let Some(bound) = environment::remove(engine) else { return };
    let Bound { engine, drive, on_events, memory, context, env, hook, .. } = *bound;
    // SAFETY: on the environment's thread with live references that nothing else holds.
    unsafe {
        sys::napi_delete_reference(env, on_events);
        sys::napi_delete_reference(env, memory);
        sys::napi_async_destroy(env, context);
    }
    // SAFETY: the hook is released once, after libuv let go of the handles.
    drive.close(Box::new(move || unsafe {
        sys::napi_remove_async_cleanup_hook(hook);
    }));
    // The descriptor that was watched closes with the engine. A panic must not unwind into Node; the connections are
    // closed by then.
    environment::contained(|| drop(engine));
}

/// Whether this environment takes requests for handlers from the other engines of its core; those that it has go on.
#[napi(catch_unwind)]
pub fn engine_host(engine: u32, yes: bool) {
    environment::with(engine, |bound| bound.engine.host_handlers(yes));
}

/// Exchanges in flight.
#[napi(catch_unwind)]
pub fn engine_in_flight(engine: u32) -> u32 {
    environment::with(engine, |bound| bound.engine.in_flight() as u32).unwrap_or(0)
}

/// Ends an engine: exchanges in flight are dropped, their upstream connections closed.
#[napi(catch_unwind)]
pub fn engine_close(engine: u32) {
    engine_end(engine);
}
