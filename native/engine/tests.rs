//! The engine against scripted upstreams on 127.0.0.1, with an in-memory downstream over the bridge.

mod body;
mod chaos;
mod crew;
mod downstream_bodies;
mod downstream_clocks;
mod downstream_doors;
mod downstream_drain;
mod downstream_ends;
mod downstream_flow;
mod downstream_handlers;
mod downstream_requests;
mod failure;
mod forward;
mod gate;
mod handler;
mod keys;
mod mail;
mod panics;
mod pool;
mod support;
mod timer;
mod tls;
mod tls_server;
mod websocket;
