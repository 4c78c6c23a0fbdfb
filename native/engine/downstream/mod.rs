//! The client side when the engine owns it: connections are accepted, requests are read off them one after the
//! other, answers are written back in the same order. The exchange in between is the same as for any listener.
//!
//! | job | file |
//! |---|---|
//! | listening sockets, limits on connections | `accept` |
//! | one connection as a byte pipe | `conn` |
//! | PROXY header, TLS handshake | `doors` |
//! | bytes in: whose turn it is, pipelining | `intake`; heads `heads`, bodies `bodies` |
//! | bytes out: heads, framing, back-pressure, closing | `answer`, `flush` |
//! | what a client must do in time | `clocks` |
//! | the end of all connections, without losing a request | `drain` |
//! | answers of JavaScript handlers | `handled` |
//! | requests whose handler lives in another engine | `away` |

mod accept;
mod answer;
mod away;
mod bodies;
mod clocks;
mod conn;
mod doors;
mod drain;
mod flush;
mod handled;
mod heads;
mod intake;

pub(super) use accept::{Arrival, Listening};
pub use accept::{ListenError, bound_unsent, listening_socket};
pub(super) use conn::{DOWN_BIT, Down, Serving};
pub(super) use drain::Drain;
pub use drain::Idle;
pub use handled::Reply;
