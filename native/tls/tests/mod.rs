//! The policy over in-memory connections, with certificates made on the spot.

mod certificates;
mod clients;
mod forward;
mod names;
pub(crate) mod support;
