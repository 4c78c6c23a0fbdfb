//! A route's CORS policy as ready response lines (Fetch, section 3.3); it answers which lines, not whether to
//! go on.

use super::error::AccessError;
use super::origin::Origins;

/// What a policy is compiled from.
#[derive(Clone, Copy, Debug)]
pub struct CorsOptions<'a> {
    /// `*` (any), `https://app.example` (exact) or `https://*.example` (every name below it, at any depth,
    /// but not the name itself). The port is part of an origin; a default port is dropped.
    pub origins: &'a [String],
    /// Whether browsers may send cookies and see the answers; excludes every `*`.
    pub credentials: bool,
    /// Methods allowed after a preflight; empty = only GET, HEAD and POST, which need no permission.
    pub methods: &'a [String],
    /// Request fields allowed after a preflight; empty = only the safelisted ones.
    pub headers: &'a [String],
    /// Response fields that scripts may read besides the safelisted ones.
    pub exposed_headers: &'a [String],
    /// How long a browser may remember a preflight, in seconds; 0 = not at all.
    pub max_age_seconds: u64,
}

/// A compiled policy. Both writers append whole lines, `Name: value\r\n`, and allocate nothing of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsPolicy {
    origins: Origins,
    preflight: Box<[u8]>,
    actual: Box<[u8]>,
}

impl CorsPolicy {
    /// Fails on an origin, method or field name that is none, and on `*` together with credentials.
    pub fn new(options: &CorsOptions<'_>) -> Result<CorsPolicy, AccessError> {
        let origins = Origins::parse(options.origins).map_err(|index| AccessError::Origin { index })?;
        let lists = [
            ("methods", options.methods),
            ("headers", options.headers),
            ("exposedHeaders", options.exposed_headers),
        ];
        for (list, names) in lists {
            check_tokens(list, names)?;
        }
        let has_star = lists.iter().any(|(_, names)| names.iter().any(|name| name == "*"));
        if options.credentials && (origins.is_any() || has_star) {
            return Err(AccessError::WildcardWithCredentials);
        }
        let mut actual = Vec::new();
        if options.credentials {
            actual.extend_from_slice(b"Access-Control-Allow-Credentials: true\r\n");
        }
        let mut preflight = actual.clone();
        write_list(&mut preflight, "Access-Control-Allow-Methods", options.methods);
        write_list(&mut preflight, "Access-Control-Allow-Headers", options.headers);
        let max_age = options.max_age_seconds;
        preflight.extend_from_slice(format!("Access-Control-Max-Age: {max_age}\r\n").as_bytes());
        write_list(&mut actual, "Access-Control-Expose-Headers", options.exposed_headers);
        Ok(CorsPolicy { origins, preflight: preflight.into(), actual: actual.into() })
    }

    /// A preflight is an OPTIONS request with both `Origin` and `Access-Control-Request-Method`.
    pub fn is_preflight(method: &[u8], has_origin: bool, has_request_method: bool) -> bool {
        method == b"OPTIONS" && has_origin && has_request_method
    }

    /// Whether pages of this origin (the value of `Origin`, as sent) may use the route.
    pub fn allows(&self, origin: &[u8]) -> bool {
        self.origins.contains(origin)
    }

    /// Appends the lines of the answer to a preflight and says whether the origin is allowed. If it is not,
    /// only `Vary` is written and the browser refuses.
    pub fn preflight_headers(&self, out: &mut Vec<u8>, origin: &[u8]) -> bool {
        let origin = self.allow_origin(out, Some(origin));
        if origin {
            out.extend_from_slice(&self.preflight);
        }
        out.extend_from_slice(
            b"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n",
        );
        origin
    }

    /// Appends the lines of any other answer, refusals included, and says whether the origin is allowed.
    ///
    /// `origin` is `None` when the request has none. `Vary: Origin` is written unless the policy allows any
    /// origin, since only then is the answer the same for all.
    pub fn actual_headers(&self, out: &mut Vec<u8>, origin: Option<&[u8]>) -> bool {
        let allowed = self.allow_origin(out, origin);
        if allowed {
            out.extend_from_slice(&self.actual);
        }
        if !self.origins.is_any() {
            out.extend_from_slice(b"Vary: Origin\r\n");
        }
        allowed
    }

    /// An origin is only echoed after it matched, so no byte of it can end the line.
    fn allow_origin(&self, out: &mut Vec<u8>, origin: Option<&[u8]>) -> bool {
        let value = match origin {
            _ if self.origins.is_any() => b"*",
            Some(origin) if self.origins.contains(origin) => origin,
            _ => return false,
        };
        out.extend_from_slice(b"Access-Control-Allow-Origin: ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
        true
    }
}

fn write_list(out: &mut Vec<u8>, name: &str, values: &[String]) {
    if !values.is_empty() {
        out.extend_from_slice(format!("{name}: {}\r\n", values.join(", ")).as_bytes());
    }
}

fn check_tokens(list: &'static str, names: &[String]) -> Result<(), AccessError> {
    match names.iter().position(|name| name.is_empty() || !name.bytes().all(is_token_byte)) {
        Some(index) => Err(AccessError::Token { list, index }),
        None => Ok(()),
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
