//! The engine against scripted upstreams on 127.0.0.1, with an in-memory downstream over the bridge.

mod body;
mod chaos;
mod failure;
mod forward;
mod handler;
mod keys;
mod pool;
mod support;
mod timer;
mod tls;
