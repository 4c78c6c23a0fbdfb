//! What went wrong with an exchange, and what the client and the record see of it: the one table.

/// Something broke between the decision and the end of the answer.
///
/// | failure | status | the client gets | verdict |
/// |---|---|---|---|
/// | `NoTarget` | 503 | the answer | `no_target` |
/// | `Overloaded` | 503 | the answer, `Retry-After` | `upstream_overloaded` |
/// | `ConnectFailed` | 502 | the answer | `connect_failed` |
/// | `ConnectTimeout` | 504 | the answer | `connect_timeout` |
/// | `Tls` | 502 | the answer | `upstream_tls` |
/// | `Closed` | 502 | the answer | `upstream_closed` |
/// | `Protocol` | 502 | the answer | `upstream_protocol` |
/// | `HeadTimeout` | 504 | the answer | `upstream_timeout` |
/// | `IdleTimeout` | 504 | the answer | `idle_timeout` |
/// | `TotalTimeout` | 504 | the answer | `total_timeout` |
/// | `BodyBroken` | 400 | the answer, closed | `body_broken` |
/// | `BodyTimeout` | 408 | the answer, closed | `body_timeout` |
/// | `BodyTooLarge` | 413 | the answer, closed | `body_too_large` |
/// | `ClientGone` | 499 | nothing | `client_gone` |
/// | `HandlerLost` | 503 | the answer | `handler_lost` |
/// | `ShuttingDown` | 503 | the answer, closed | `shutting_down` |
///
/// When the answer had begun, the client sees its connection break instead and the record keeps the status that
/// was sent, with the verdict of this table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// No target of the upstream has an address.
    NoTarget,
    /// `max_connections` are in use and the queue for one is full, or the wait was longer than the connect timeout.
    Overloaded,
    /// Every attempt to connect was refused or unreachable.
    ConnectFailed,
    /// No connection within the connect timeout.
    ConnectTimeout,
    /// The handshake failed, or the certificate is not trusted.
    Tls,
    /// The connection ended before the answer was complete.
    Closed,
    /// The answer is not HTTP/1.1, its framing is in doubt, or its head is too large.
    Protocol,
    /// No response head within the route's `timeout`.
    HeadTimeout,
    /// The upstream neither took nor gave a byte of a body within the route's `idleTimeout`.
    IdleTimeout,
    /// The exchange took longer than the route's `totalTimeout`.
    TotalTimeout,
    /// The request body ended early or is longer than announced.
    BodyBroken,
    /// The client sent no byte of its body within the route's `idleTimeout`, or too few for the listener's limits.
    BodyTimeout,
    /// The request body is over the route's `maxBodyBytes`.
    BodyTooLarge,
    /// The client went away.
    ClientGone,
    /// The environment that ran the handler ended before it answered.
    HandlerLost,
    /// The engine was closed before the exchange ended.
    ShuttingDown,
}

impl Failure {
    /// The status of the answer, or of the record when nobody is left to answer.
    pub fn status(self) -> u16 {
        match self {
            Failure::BodyBroken => 400,
            Failure::BodyTimeout => 408,
            Failure::BodyTooLarge => 413,
            Failure::ClientGone => 499,
            Failure::ConnectFailed | Failure::Tls | Failure::Closed | Failure::Protocol => 502,
            Failure::NoTarget | Failure::Overloaded | Failure::HandlerLost | Failure::ShuttingDown => 503,
            Failure::ConnectTimeout | Failure::HeadTimeout | Failure::IdleTimeout | Failure::TotalTimeout => {
                504
            }
        }
    }

    /// Whether the upstream is to blame, which a breaker counts.
    pub fn is_upstreams(self) -> bool {
        use Failure::{Closed, ConnectFailed, ConnectTimeout, HeadTimeout, Protocol, Tls};
        matches!(self, ConnectFailed | ConnectTimeout | Tls | Closed | Protocol | HeadTimeout)
    }

    /// Stable word in records.
    pub fn verdict(self) -> &'static str {
        match self {
            Failure::NoTarget => "no_target",
            Failure::Overloaded => "upstream_overloaded",
            Failure::ConnectFailed => "connect_failed",
            Failure::ConnectTimeout => "connect_timeout",
            Failure::Tls => "upstream_tls",
            Failure::Closed => "upstream_closed",
            Failure::Protocol => "upstream_protocol",
            Failure::HeadTimeout => "upstream_timeout",
            Failure::IdleTimeout => "idle_timeout",
            Failure::TotalTimeout => "total_timeout",
            Failure::BodyBroken => "body_broken",
            Failure::BodyTimeout => "body_timeout",
            Failure::BodyTooLarge => "body_too_large",
            Failure::ClientGone => "client_gone",
            Failure::HandlerLost => "handler_lost",
            Failure::ShuttingDown => "shutting_down",
        }
    }
}
