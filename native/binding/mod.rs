//! The boundary to Node: the only module that imports napi. Hot calls are plain functions on `napi::sys` (20 ns against
//! 52 ns for a `#[napi]` class method); set-up calls use `#[napi]`. No panic crosses: each call catches and answers.
//!
//! `unsafe` is allowed here alone. The promises it relies on: Node-API hands live handles to a running callback; an
//! environment runs on one thread; JavaScript is never called while an engine is borrowed.
#![allow(unsafe_code)]

mod acceptor;
mod deny;
mod descriptor;
mod draft;
mod drive;
mod environment;
mod hot;
pub mod layout;
mod limits;
mod listener;
mod overload;
mod raw;
mod setup;
#[cfg(target_os = "linux")]
mod takeover;
mod window;
