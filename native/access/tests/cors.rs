//! Which origins match and which lines are written.

use proptest::prelude::*;

use super::strings;
use crate::access::{AccessError, CorsOptions, CorsPolicy};

struct Given {
    origins: &'static [&'static str],
    credentials: bool,
    methods: &'static [&'static str],
    headers: &'static [&'static str],
    exposed: &'static [&'static str],
}

const PLAIN: Given = Given { origins: &[], credentials: false, methods: &[], headers: &[], exposed: &[] };

fn compile(given: &Given) -> Result<CorsPolicy, AccessError> {
    CorsPolicy::new(&CorsOptions {
        origins: &strings(given.origins),
        credentials: given.credentials,
        methods: &strings(given.methods),
        headers: &strings(given.headers),
        exposed_headers: &strings(given.exposed),
        max_age_seconds: 600,
    })
}

fn policy(given: &Given) -> CorsPolicy {
    compile(given).expect("a valid policy")
}

#[test]
fn origins_match_exactly_or_below_a_suffix() {
    let policy = policy(&Given {
        origins: &[
            "https://app.example",
            "HTTP://Local.Example:80",
            "http://localhost:5173",
            "https://*.example.com",
            "https://*.example.org:8443",
            "http://[2001:db8::1]:8080",
            "capacitor://localhost",
        ],
        ..PLAIN
    });
    for origin in [
        "https://app.example",
        "http://local.example",
        "http://localhost:5173",
        "https://a.example.com",
        "https://a.b-c.d_e.example.com",
        "https://x.example.org:8443",
        "http://[2001:db8::1]:8080",
        "capacitor://localhost",
    ] {
        assert!(policy.allows(origin.as_bytes()), "{origin}");
    }
    for origin in [
        "",
        "null",
        "https://app.example:443",
        "https://app.example/",
        "https://app.example.evil",
        "https://APP.example",
        "http://app.example",
        "https://example.com",
        "https://.example.com",
        "https://a..example.com",
        "https://.a.example.com",
        "https://evilexample.com",
        "https://a.example.com:8443",
        "https://a.example.com.evil",
        "http://a.example.com",
        "https://evil/.example.com",
        "https://evil:1@.example.com",
        "https://evil?.example.com",
        "https://evil#.example.com",
        "https://a\r\nb.example.com",
        "https://\u{e9}.example.com",
        "https://x.example.org",
        "https://app.example, https://app.example",
        "http://localhost",
    ] {
        assert!(!policy.allows(origin.as_bytes()), "{origin}");
    }
}

#[test]
fn configuration_that_means_nothing_is_refused() {
    for origin in [
        "",
        "null",
        "app.example",
        "*.example.com",
        "https://",
        "https://*",
        "https://*.",
        "https://a.*.example",
        "https://*example.com",
        "https://app.example/",
        "https://app.example/path",
        "https://user@app.example",
        "https://app.example:",
        "https://app.example:0",
        "https://app.example:065",
        "https://app.example:65536",
        "https://app.example:+1",
        "https://app..example",
        "https://b\u{fc}cher.example",
        "https://[::1",
        "https://[zz]",
        "1http://a",
    ] {
        let error = CorsPolicy::new(&CorsOptions {
            origins: &strings(&["https://good.example", origin]),
            credentials: false,
            methods: &[],
            headers: &[],
            exposed_headers: &[],
            max_age_seconds: 0,
        });
        assert_eq!(error, Err(AccessError::Origin { index: 1 }), "{origin}");
    }
    for (given, error) in [
        (Given { origins: &["*"], credentials: true, ..PLAIN }, AccessError::WildcardWithCredentials),
        (Given { headers: &["*"], credentials: true, ..PLAIN }, AccessError::WildcardWithCredentials),
        (Given { exposed: &["*"], credentials: true, ..PLAIN }, AccessError::WildcardWithCredentials),
        (Given { methods: &["GET", "B D"], ..PLAIN }, AccessError::Token { list: "methods", index: 1 }),
        (Given { headers: &["x\r\ny: z"], ..PLAIN }, AccessError::Token { list: "headers", index: 0 }),
        (Given { exposed: &[""], ..PLAIN }, AccessError::Token { list: "exposedHeaders", index: 0 }),
    ] {
        assert_eq!(compile(&given), Err(error));
    }
}

fn preflight(policy: &CorsPolicy, origin: &str) -> (bool, String) {
    let mut out = Vec::new();
    let allowed = policy.preflight_headers(&mut out, origin.as_bytes());
    (allowed, String::from_utf8(out).expect("ASCII"))
}

fn actual(policy: &CorsPolicy, origin: Option<&str>) -> (bool, String) {
    let mut out = Vec::new();
    let allowed = policy.actual_headers(&mut out, origin.map(str::as_bytes));
    (allowed, String::from_utf8(out).expect("ASCII"))
}

#[test]
fn lines_of_a_full_policy() {
    let policy = policy(&Given {
        origins: &["https://app.example", "https://*.example.com"],
        credentials: true,
        methods: &["GET", "PUT"],
        headers: &["authorization", "content-type"],
        exposed: &["X-Trace-ID", "RateLimit"],
    });
    let vary = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n";
    let expected = format!(
        "Access-Control-Allow-Origin: https://a.example.com\r\n\
         Access-Control-Allow-Credentials: true\r\n\
         Access-Control-Allow-Methods: GET, PUT\r\n\
         Access-Control-Allow-Headers: authorization, content-type\r\n\
         Access-Control-Max-Age: 600\r\n{vary}"
    );
    assert_eq!(preflight(&policy, "https://a.example.com"), (true, expected));
    assert_eq!(preflight(&policy, "https://evil.example"), (false, vary.to_owned()));
    let expected = "Access-Control-Allow-Origin: https://app.example\r\n\
                    Access-Control-Allow-Credentials: true\r\n\
                    Access-Control-Expose-Headers: X-Trace-ID, RateLimit\r\n\
                    Vary: Origin\r\n";
    assert_eq!(actual(&policy, Some("https://app.example")), (true, expected.to_owned()));
    for origin in [None, Some("https://evil.example"), Some("null")] {
        assert_eq!(actual(&policy, origin), (false, "Vary: Origin\r\n".to_owned()), "{origin:?}");
    }
}

#[test]
fn lines_of_an_open_policy() {
    let policy = policy(&Given { origins: &["https://a.example", "*"], headers: &["*"], ..PLAIN });
    for origin in [None, Some("null"), Some("https://any.example")] {
        let expected = "Access-Control-Allow-Origin: *\r\n".to_owned();
        assert_eq!(actual(&policy, origin), (true, expected), "{origin:?}");
    }
    let expected = "Access-Control-Allow-Origin: *\r\n\
                    Access-Control-Allow-Headers: *\r\n\
                    Access-Control-Max-Age: 600\r\n\
                    Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n";
    assert_eq!(preflight(&policy, "https://any.example"), (true, expected.to_owned()));
}

#[test]
fn a_preflight_has_method_and_both_fields() {
    for (method, origin, request_method, expected) in [
        ("OPTIONS", true, true, true),
        ("OPTIONS", true, false, false),
        ("OPTIONS", false, true, false),
        ("GET", true, true, false),
        ("options", true, true, false),
    ] {
        assert_eq!(CorsPolicy::is_preflight(method.as_bytes(), origin, request_method), expected, "{method}");
    }
}

proptest! {
    /// Whatever a client sends as its origin, no line is broken and nothing outside the policy is echoed.
    #[test]
    fn no_origin_can_inject(middle in prop::collection::vec(any::<u8>(), 0..12)) {
        let policy = policy(&Given { origins: &["https://*.example.com"], ..PLAIN });
        let origin = [b"https://", &middle[..], b".example.com"].concat();
        let mut out = Vec::new();
        let allowed = policy.actual_headers(&mut out, Some(&origin));
        let is_safe = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(byte);
        prop_assert!(!allowed || middle.iter().all(is_safe));
        prop_assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1 + usize::from(allowed));
    }
}
