//! What JavaScript measures for the overload guard, and the listening sockets that it leaves alone for it.

use super::{acceptor, environment};
use napi_derive::napi;

/// What `engineLook` reports: steps of the guard, 0 to 3.
#[napi(object)]
pub struct Steps {
    /// Of memory and of exchanges in flight.
    pub shared: u32,
    /// Of the event loop of this environment.
    pub own: u32,
}

/// The event loop of this environment is late by `late_ms`. The process has `used` bytes of memory and could have `there`;
/// 0 of them where nobody looked.
#[napi(catch_unwind)]
pub fn engine_look(engine: u32, late_ms: f64, used: f64, there: f64) -> Steps {
    let steps = environment::with(engine, |bound| {
        // A cast of a number that is negative or none gives 0.
        let memory = (there > 0.0).then_some((used as u64, there as u64));
        let steps = bound.engine.look(late_ms as u64, memory);
        bound.settle();
        steps
    });
    steps
        .map_or(Steps { shared: 0, own: 0 }, |(shared, own)| Steps { shared: shared as u32, own: own as u32 })
}

/// Leaves the connections of an acceptor waiting, or takes them again.
#[napi(catch_unwind)]
pub fn acceptor_pause(engine: u32, acceptor: u32, yes: bool) {
    if acceptor::pause(acceptor, yes) && yes {
        environment::with(engine, |bound| bound.engine.left_waiting());
    }
}
