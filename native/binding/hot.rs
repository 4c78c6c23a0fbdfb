//! The calls that cross the boundary per request. None calls back into JavaScript; each catches panics (in
//! `environment::with`) and answers something harmless when the engine is gone.

use super::environment::{self, Bound};
use super::layout::*;
use super::raw::{self, Value};
use crate::engine::{AnswerError, Begun, BridgeRequest, ExchangeFacts, Flow, HandlerAnswer, Reply, Version};
use crate::respond::Refusal;
use napi::sys::{self, napi_callback_info, napi_env};
use std::net::{IpAddr, Ipv4Addr};
use std::ptr::null_mut;

type Call = unsafe extern "C" fn(napi_env, napi_callback_info) -> Value;

/// Every hot call by its JavaScript name.
const CALLS: [(&str, Call); 14] = [
    ("request", request),
    ("body", body),
    ("takeBody", take_body),
    ("next", next),
    ("blocked", blocked),
    ("abort", abort),
    ("answer", answer),
    ("finish", finish),
    ("fail", fail),
    ("fact", fact),
    ("respond", respond),
    ("send", send),
    ("breakOff", break_off),
    ("flow", flow),
];

/// Adds the hot calls to the addon's exports.
///
/// # Safety
/// `env` and `exports` are live in the running module initialisation.
pub unsafe fn export(env: napi_env, exports: Value) -> bool {
    CALLS.iter().all(|(name, call)| {
        let mut function = null_mut();
        // SAFETY: the name is valid for its length; the functions live as long as the library.
        unsafe {
            let (text, length) = (name.as_ptr().cast(), name.len() as isize);
            sys::napi_create_function(env, text, length, Some(*call), null_mut(), &mut function)
                == sys::Status::napi_ok
                && set_property(env, exports, name, function)
        }
    })
}

/// # Safety
/// As for [`export`].
unsafe fn set_property(env: napi_env, object: Value, name: &str, value: Value) -> bool {
    let mut key = null_mut();
    // SAFETY: the name is valid for its length.
    unsafe {
        sys::napi_create_string_utf8(env, name.as_ptr().cast(), name.len() as isize, &mut key)
            == sys::Status::napi_ok
            && sys::napi_set_property(env, object, key, value) == sys::Status::napi_ok
    }
}

/// `request(engine, method, target, block, address, https)`.
unsafe extern "C" fn request(env: napi_env, info: napi_callback_info) -> Value {
    // SAFETY: Node-API passes live handles; the same holds for every call below.
    unsafe {
        let [engine, method, target, block, address, https] = raw::arguments::<6>(env, info);
        let begun = environment::with(raw::number(env, engine), |bound| {
            let (method_text, rest) = bound.scratch.split_at_mut(64);
            let (target_text, block_text) = rest.split_at_mut(SCRATCH_TARGET);
            let method_len = raw::text(env, method, method_text);
            let target_len = raw::text(env, target, target_text);
            let block_len = raw::text(env, block, block_text);
            let request = BridgeRequest {
                method: &method_text[..method_len],
                target: &target_text[..target_len],
                block: &block_text[..block_len],
                peer: address_of(env, address),
                https: raw::boolean(env, https),
                // The library answers HTTP/1.0 like 1.1, and takes no absolute form.
                version: Version::Http11,
                authority: None,
                https_target: false,
            };
            let (id, begun) = bound.engine.begin(&request);
            let kind = match begun {
                Begun::Handler { handler } => {
                    bound.window.set(META_HANDLER, handler);
                    BEGUN_HANDLER
                }
                Begun::Pending => BEGUN_PENDING,
            };
            bound.window.set(META_BODY, u32::from(bound.engine.expects_body(id)));
            bound.settle();
            id << 3 | kind
        });
        raw::from_u32(env, begun.unwrap_or(0))
    }
}

/// Longest target that is read whole; the engine refuses shorter ones already.
const SCRATCH_TARGET: usize = 64 * 1024;

/// A number (IPv4), or 4 or 16 address bytes; anything else (a socket that is gone) is the unspecified address.
///
/// # Safety
/// As for `raw::bytes`.
unsafe fn address_of(env: napi_env, value: Value) -> IpAddr {
    // SAFETY: the caller's promise.
    unsafe {
        let mut bits = 0;
        if sys::napi_get_value_uint32(env, value, &mut bits) == sys::Status::napi_ok {
            return IpAddr::V4(Ipv4Addr::from_bits(bits));
        }
        let bytes = raw::bytes(env, value);
        match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
            (Ok(v4), _) => IpAddr::from(v4),
            (_, Ok(v6)) => IpAddr::from(v6).to_canonical(),
            _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        }
    }
}

/// `body(engine, id, chunk, last)`.
unsafe extern "C" fn body(env: napi_env, info: napi_callback_info) -> Value {
    // SAFETY: see `request`.
    unsafe {
        let [engine, id, chunk, last] = raw::arguments::<4>(env, info);
        let flow = environment::with(raw::number(env, engine), |bound| {
            let (id, last) = (raw::number(env, id), raw::boolean(env, last));
            let flow = bound.engine.body(id, raw::bytes(env, chunk), last);
            bound.settle();
            flow
        });
        raw::from_u32(
            env,
            match flow {
                Some(Flow::Continue) => FLOW_CONTINUE,
                Some(Flow::Pause) => FLOW_PAUSE,
                Some(Flow::Ignored) | None => FLOW_IGNORED,
            },
        )
    }
}

/// `takeBody(engine, id)`: what came of the body of a request that was parked, as a fresh ArrayBuffer.
unsafe extern "C" fn take_body(env: napi_env, info: napi_callback_info) -> Value {
    // SAFETY: see `request`.
    unsafe {
        let [engine, id] = raw::arguments::<2>(env, info);
        let id = raw::number(env, id);
        let taken = environment::with(raw::number(env, engine), |bound| {
            let mut data = Vec::new();
            let last = bound.engine.take_body(id, &mut data);
            bound.settle();
            bound.window.set(META_LAST, u32::from(last));
            data
        });
        raw::from_bytes(env, &taken.unwrap_or_default())
    }
}

/// `next(engine)`.
unsafe extern "C" fn next(env: napi_env, info: napi_callback_info) -> Value {
    // SAFETY: see `request`.
    unsafe {
        let [engine] = raw::arguments::<1>(env, info);
        let event = environment::with(raw::number(env, engine), |bound| {
            let Bound { engine, window, drive, .. } = bound;
            let event = engine.next_event().map(|event| window.write_event(&event));
            if event.is_none() {
                drive.arm(engine);
            }
            event
        });
        raw::from_u32(env, event.flatten().unwrap_or(EVENT_NONE))
    }
}

/// `blocked(engine, id, blocked)`.
unsafe extern "C" fn blocked(env: napi_env, info: napi_callback_info) -> Value {
    // SAFETY: see `request`.
    unsafe {
        let [engine, id, blocked] = raw::arguments::<3>(env, info);
        let (id, blocked) = (raw::number(env, id), raw::boolean(env, blocked));
        environment::with(raw::number(env, engine), |bound| {
            bound.engine.blocked(id, blocked);
            bound.settle();
        });
    }
    null_mut()
}

/// `abort(engine, id)`.
unsafe extern "C" fn abort(env: napi_env, info: napi_callback_info) -> Value {
    // SAFETY: see `request`.
    unsafe {
        let [engine, id] = raw::arguments::<2>(env, info);
        let id = raw::number(env, id);
        environment::with(raw::number(env, engine), |bound| {
            bound.engine.abort(id);
            bound.settle();
        });
    }
    null_mut()
}

/// `answer(engine, id, status, lines, bytes)`.
unsafe extern "C" fn answer(env: napi_env, info: napi_callback_info) -> Value {
    // SAFETY: see `request`.
    unsafe {
        let [engine, id, status, lines, bytes] = raw::arguments::<5>(env, info);
        let (id, status, bytes) = (raw::number(env, id), raw::number(env, status), raw::count(env, bytes));
        let length = environment::with(raw::number(env, engine), |bound| {
            let Bound { engine, window, scratch, head, drive, .. } = bound;
            let lines = raw::text(env, lines, scratch);
            head.clear();
            let status = u16::try_from(status).unwrap_or(0);
            let answer = HandlerAnswer { status, lines: &scratch[..lines] };
            let length = match engine.answer_head(id, &answer, head) {
                Ok(()) => window.put_head(head, engine.ends_connection()),
                Err(AnswerError::Gone) => ANSWER_GONE,
                Err(AnswerError::Status) => ANSWER_BAD_STATUS,
                Err(_) => ANSWER_BAD_HEADER,
            };
            if length >= 0
                && let Some(bytes) = bytes
            {
                engine.finish(id, bytes, true);
                drive.arm(engine);
            }
            length
        });
        raw::from_i32(env, length.unwrap_or(ANSWER_GONE))
    }
}

/// `finish(engine, id, bytes, completed)`.
unsafe extern "C" fn finish(env: napi_env, info: napi_callback_info) -> Value {
    // SAFETY: see `request`.
    unsafe {
        let [engine, id, bytes, completed] = raw::arguments::<4>(env, info);
        let bytes = raw::count(env, bytes).unwrap_or(0);
        let (id, completed) = (raw::number(env, id), raw::boolean(env, completed));
        environment::with(raw::number(env, engine), |bound| {
            bound.engine.finish(id, bytes, completed);
            bound.settle();
        });
    }
    null_mut()
}

/// `fail(engine, id)`.
unsafe extern "C" fn fail(env: napi_env, info: napi_callback_info) -> Value {
    // SAFETY: see `request`.
    unsafe {
        let [engine, id] = raw::arguments::<2>(env, info);
        let id = raw::number(env, id);
        environment::with(raw::number(env, engine), |bound| {
            bound.engine.refuse(id, Refusal::Internal);
            bound.settle();
        });
    }
    null_mut()
}

/// `fact(engine, id, which)`.
unsafe extern "C" fn fact(env: napi_env, info: napi_callback_info) -> Value {
    // SAFETY: see `request`; making a string runs no JavaScript.
    unsafe {
        let [engine, id, which] = raw::arguments::<3>(env, info);
        let (id, which) = (raw::number(env, id), raw::number(env, which));
        let value = environment::with(raw::number(env, engine), |bound| {
            let facts = bound.engine.facts(id)?;
            Some(fact_text(env, &facts, which))
        });
        value.flatten().unwrap_or_else(|| raw::from_text(env, None))
    }
}

/// # Safety
/// `env` is live in the running callback.
unsafe fn fact_text(env: napi_env, facts: &ExchangeFacts<'_>, which: u32) -> Value {
    let owned;
    let certificate;
    let text = match which {
        FACT_METHOD => Some(facts.method),
        FACT_PATH => Some(facts.path),
        FACT_QUERY => facts.query,
        FACT_HEADERS => Some(facts.block),
        FACT_PARAMS => {
            let members =
                facts.params.iter().map(|(k, v)| ((*k).to_owned(), serde_json::Value::from(v.as_str())));
            owned = serde_json::Value::Object(members.collect()).to_string();
            Some(owned.as_bytes())
        }
        FACT_CLAIMS => facts.claims.map(str::as_bytes),
        FACT_CERTIFICATE => match facts.certificate.and_then(|c| serde_json::to_vec(c).ok()) {
            Some(json) => {
                certificate = json;
                Some(certificate.as_slice())
            }
            None => None,
        },
        FACT_IP => {
            owned = facts.client.to_string();
            Some(owned.as_bytes())
        }
        FACT_TRACE => Some(facts.trace.id()),
        FACT_ROUTE => facts.route.map(str::as_bytes),
        _ => None,
    };
    // SAFETY: the caller's promise.
    unsafe { raw::from_text(env, text) }
}

/// Where the body stands in the scratch, behind the lines of a head.
const SCRATCH_BODY: usize = 96 * 1024;

/// `respond(engine, id, how, status, lines, body, length)`.
unsafe extern "C" fn respond(env: napi_env, info: napi_callback_info) -> Value {
    // SAFETY: see `request`.
    unsafe {
        let [engine, id, how, status, lines, body, length] = raw::arguments::<7>(env, info);
        let (id, how) = (raw::number(env, id), raw::number(env, how));
        let status = u16::try_from(raw::number(env, status)).unwrap_or(0);
        let done = environment::with(raw::number(env, engine), |bound| {
            let Bound { engine, scratch, .. } = bound;
            let (head, rest) = scratch.split_at_mut(SCRATCH_BODY);
            let lines = raw::text(env, lines, head);
            let answer = HandlerAnswer { status, lines: &head[..lines] };
            let reply = match how {
                RESPOND_WHOLE => Reply::Whole(raw::text_or_bytes(env, body, rest)),
                RESPOND_EMPTY => Reply::Empty(raw::count(env, length)),
                _ => {
                    debug_assert_eq!(how, RESPOND_OPEN);
                    Reply::Open(raw::count(env, length))
                }
            };
            let done = engine.respond(id, &answer, reply);
            bound.settle();
            done
        });
        let code = match done {
            Some(Ok(false)) => RESPOND_OK,
            Some(Ok(true)) => RESPOND_HOLD,
            Some(Err(AnswerError::Gone)) | None => ANSWER_GONE,
            Some(Err(AnswerError::Status)) => ANSWER_BAD_STATUS,
            Some(Err(_)) => ANSWER_BAD_HEADER,
        };
        raw::from_i32(env, code)
    }
}

/// `send(engine, id, chunk, last)`.
unsafe extern "C" fn send(env: napi_env, info: napi_callback_info) -> Value {
    // SAFETY: see `request`.
    unsafe {
        let [engine, id, chunk, last] = raw::arguments::<4>(env, info);
        let (id, last) = (raw::number(env, id), raw::boolean(env, last));
        let held = environment::with(raw::number(env, engine), |bound| {
            let held = bound.engine.send(id, raw::bytes(env, chunk), last);
            bound.settle();
            held
        });
        let code = match held.flatten() {
            Some(false) => RESPOND_OK,
            Some(true) => RESPOND_HOLD,
            None => ANSWER_GONE,
        };
        raw::from_i32(env, code)
    }
}

/// `breakOff(engine, id)`.
unsafe extern "C" fn break_off(env: napi_env, info: napi_callback_info) -> Value {
    // SAFETY: see `request`.
    unsafe {
        let [engine, id] = raw::arguments::<2>(env, info);
        let id = raw::number(env, id);
        environment::with(raw::number(env, engine), |bound| {
            bound.engine.break_off(id);
            bound.settle();
        });
    }
    null_mut()
}

/// `flow(engine, id, wanted)`.
unsafe extern "C" fn flow(env: napi_env, info: napi_callback_info) -> Value {
    // SAFETY: see `request`.
    unsafe {
        let [engine, id, wanted] = raw::arguments::<3>(env, info);
        let (id, wanted) = (raw::number(env, id), raw::boolean(env, wanted));
        environment::with(raw::number(env, engine), |bound| {
            bound.engine.flow(id, wanted);
            bound.settle();
        });
    }
    null_mut()
}
