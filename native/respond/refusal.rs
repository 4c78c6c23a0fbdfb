//! Every answer that the gateway makes instead of an upstream or handler, in one table: status, code, title, detail.

use crate::h1::Reject;

/// What the gateway answers by itself.
#[derive(Debug)]
pub enum Answer {
    Refuse(Refusal),
    /// A CORS preflight of a route with a policy: 204.
    Preflight,
    /// OPTIONS that no route takes: 204 with `Allow`.
    Options,
    /// What the configuration puts in the place of an upstream (an index into the snapshot's) whose breaker is open.
    Fallback(u32),
}

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    Malformed(Reject),
    /// The path holds `%2f`, `%5c`, `//` or `\` and the route does not allow it.
    AmbiguousPath,
    NotFound,
    MethodNotAllowed,
    LengthRequired,
    BodyTooLarge,
    HeadTooLarge,
    BodyAborted,
    /// The client took too long to send its request.
    RequestTimeout,
    TokenMissing,
    /// The request carries two tokens that are not the same.
    TokensDiffer,
    /// A short stable reason without any part of the token.
    TokenInvalid(&'static str),
    /// Too many tokens of the client failed, so its next one is not checked; after so many seconds it would be.
    TokenFailures(u32),
    ApiKeyMissing,
    /// A short stable reason without any part of the key.
    ApiKeyInvalid(&'static str),
    /// Too many keys of the client are not known; after so many seconds the next is looked up.
    ApiKeyFailures(u32),
    KeysUnavailable,
    /// It is not known which tokens are denied.
    DenyListUnavailable,
    InsufficientScope,
    /// The route's own demands on the claims of a token that is good.
    ClaimsRefused,
    InsufficientRole,
    ActionRefused,
    TenantRefused,
    ProjectRefused,
    AccessDenied,
    /// A claim that the route's policy reads has no form that it could have.
    ClaimMalformed,
    RateLimited,
    /// The store of a limit is away, and nothing passes without it.
    LimitUnavailable,
    /// The host demands other client authentication than the connection's server name (RFC 9110 section 15.5.20).
    MisdirectedRequest,
    /// The route demands a client certificate and the connection has none.
    ClientCertificateRequired,
    /// The request asks for a WebSocket, but not by the rules.
    WebSocketInvalid,
    /// It speaks another version of the protocol than 13.
    WebSocketVersion,
    NoTarget,
    /// Too many requests to the upstream failed; after so many seconds some are tried again.
    BreakerOpen(u32),
    UpstreamOverloaded,
    ConnectFailed,
    ConnectTimeout,
    UpstreamTimeout,
    UpstreamClosed,
    UpstreamProtocol,
    TlsFailed,
    HandlerLost,
    /// The overload guard takes no new work.
    Overloaded,
    ShuttingDown,
    Internal,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub status: u16,
    /// Stable, lower-case, for programs.
    pub code: &'static str,
    /// For people; constant text, nothing of the request in it.
    pub detail: &'static str,
    /// Framing is in doubt or a body stays unread: the connection is closed.
    pub close: bool,
    /// Seconds for `Retry-After`; 0 = none (429 computes its own).
    pub retry_after: u32,
}

const fn row(status: u16, code: &'static str, detail: &'static str) -> Row {
    Row { status, code, detail, close: false, retry_after: 0 }
}

impl Row {
    const fn closing(self) -> Row {
        Row { close: true, ..self }
    }
    const fn retry(self, seconds: u32) -> Row {
        Row { retry_after: seconds, ..self }
    }
}

impl Refusal {
    /// Another token would help, so the answer has a challenge (RFC 6750 section 3).
    pub(super) const fn asks_for_token(self) -> bool {
        use Refusal::{InsufficientScope, TokenInvalid, TokenMissing, TokensDiffer};
        matches!(self, TokenMissing | TokensDiffer | TokenInvalid(_) | InsufficientScope)
    }

    pub fn row(self) -> Row {
        match self {
            Refusal::Malformed(r) => row(r.status(), "malformed_request", r.detail()).closing(),
            Refusal::AmbiguousPath => row(
                400,
                "ambiguous_path",
                "The path holds an encoded or doubled separator that this route refuses.",
            ),
            Refusal::NotFound => row(404, "route_not_found", "No route matches this host and path."),
            Refusal::MethodNotAllowed => {
                row(405, "method_not_allowed", "The route does not take this method.")
            }
            Refusal::LengthRequired => {
                row(411, "length_required", "A request body needs a Content-Length here.").closing()
            }
            Refusal::BodyTooLarge => {
                row(413, "body_too_large", "The request body is over the limit.").closing()
            }
            Refusal::HeadTooLarge => {
                row(431, "headers_too_large", "The request head is over the limit.").closing()
            }
            Refusal::BodyAborted => row(400, "body_aborted", "The request body broke off.").closing(),
            Refusal::RequestTimeout => {
                row(408, "request_timeout", "The request did not arrive in time.").closing()
            }
            Refusal::RateLimited => row(429, "rate_limited", "Too many requests; see Retry-After."),
            Refusal::Internal => row(500, "internal_error", "The gateway could not serve this request."),
            Refusal::ShuttingDown => row(503, "shutting_down", "The gateway is closing.").closing().retry(1),
            other => other.identity_row(),
        }
    }

    /// The part of the table about who the client is.
    fn identity_row(self) -> Row {
        match self {
            Refusal::TokenMissing => row(401, "token_missing", "A bearer token is required."),
            Refusal::TokensDiffer => row(400, "token_ambiguous", "The request carries two different tokens."),
            Refusal::TokenInvalid(reason) => row(401, "token_invalid", reason),
            // Not 401: nobody looked at the token, and a client that is told it is bad throws a good one away.
            Refusal::TokenFailures(seconds) => row(
                429,
                "token_failures",
                "Too many tokens from this address failed verification; see Retry-After.",
            )
            .retry(seconds),
            Refusal::ApiKeyMissing => row(401, "api_key_missing", "An API key is required."),
            Refusal::ApiKeyInvalid(reason) => row(401, "api_key_invalid", reason),
            Refusal::ApiKeyFailures(seconds) => row(
                429,
                "api_key_failures",
                "Too many API keys from this address are not known; see Retry-After.",
            )
            .retry(seconds),
            Refusal::KeysUnavailable => {
                row(503, "keys_unavailable", "The keys to verify tokens are not loaded yet.").retry(1)
            }
            Refusal::DenyListUnavailable => {
                row(503, "deny_list_unavailable", "It is not known now which tokens are denied.").retry(1)
            }
            Refusal::LimitUnavailable => {
                row(503, "limit_unavailable", "A rate limit could not be checked.").retry(1)
            }
            Refusal::MisdirectedRequest => row(
                421,
                "misdirected_request",
                "This connection was opened for another host; open a new one.",
            ),
            Refusal::ClientCertificateRequired => {
                row(403, "client_certificate_required", "A client certificate is required.")
            }
            other => other.access_row(),
        }
    }

    /// The part of the table about what whoever asks may do; it tells no claim and no value that would do.
    fn access_row(self) -> Row {
        match self {
            Refusal::InsufficientScope => {
                row(403, "insufficient_scope", "The token lacks a scope that the route needs.")
            }
            Refusal::ClaimsRefused => {
                row(403, "claims_refused", "The claims of the token are not those that the route needs.")
            }
            Refusal::InsufficientRole => {
                row(403, "insufficient_role", "The token lacks a role that the route needs.")
            }
            Refusal::ActionRefused => row(403, "action_refused", "The token does not allow this action."),
            Refusal::TenantRefused => row(403, "tenant_refused", "The token is not for this tenant."),
            Refusal::ProjectRefused => row(403, "project_refused", "The token is not for this project."),
            Refusal::AccessDenied => row(403, "access_denied", "The rules of the route deny this request."),
            Refusal::ClaimMalformed => {
                row(403, "claim_malformed", "A claim of the token has a form that the route cannot read.")
            }
            other => other.connection_row(),
        }
    }

    /// The part of the table about what the client's connection is to become.
    fn connection_row(self) -> Row {
        match self {
            // Its `Retry-After` is configured.
            Refusal::Overloaded => {
                row(503, "overloaded", "The gateway is overloaded; see Retry-After.").closing()
            }
            Refusal::WebSocketInvalid => {
                row(400, "websocket_invalid", "The WebSocket handshake is not valid.").closing()
            }
            Refusal::WebSocketVersion => {
                row(426, "websocket_version", "Only version 13 of the WebSocket protocol is spoken here.")
                    .closing()
            }
            other => other.upstream_row(),
        }
    }

    /// The part of the table about upstreams and lost handlers; `native/upstream/failure.rs` chooses among these.
    fn upstream_row(self) -> Row {
        match self {
            Refusal::HandlerLost => {
                row(503, "handler_lost", "What ran the handler ended before it answered.")
            }
            Refusal::NoTarget => row(503, "no_target", "No upstream target is available.").retry(1),
            Refusal::BreakerOpen(seconds) => {
                row(503, "breaker_open", "The upstream failed too often; see Retry-After.").retry(seconds)
            }
            Refusal::UpstreamOverloaded => {
                row(503, "upstream_overloaded", "The upstream has no free connection.").retry(1)
            }
            Refusal::ConnectFailed => row(502, "connect_failed", "The upstream could not be reached."),
            Refusal::ConnectTimeout => {
                row(504, "connect_timeout", "The upstream did not accept a connection in time.")
            }
            Refusal::UpstreamTimeout => row(504, "upstream_timeout", "The upstream did not answer in time."),
            Refusal::UpstreamClosed => row(502, "upstream_closed", "The upstream closed before it answered."),
            Refusal::TlsFailed => {
                row(502, "upstream_tls_failed", "The upstream's certificate or handshake was refused.")
            }
            _ => row(502, "upstream_protocol", "The upstream's answer was not valid HTTP."),
        }
    }
}
