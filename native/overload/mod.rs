//! The overload guard: how much is asked of this process, and what is no longer done for clients then. The engine
//! measures and acts; nothing here knows a socket or reads a clock.

mod families;
mod guard;
mod policy;
#[cfg(test)]
mod tests;

pub use families::families;
pub use guard::{Action, Load, Overload, Sampled};
pub use policy::{Delays, Held, Limits, MaxMemory, Pressure, Step, Thresholds};
