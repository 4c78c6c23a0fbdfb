//! Requests of few bytes that ask for much memory, one for each place where input grows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ferrogate::testing::{self, Signer};
use serde_json::{Value, json};

use crate::world::Stuck::{self, Answered, Away, Handler, Parked, Queued};
use crate::world::UNIX;

/// Makes the bytes of a request, with what signs good tokens.
type Make = Box<dyn Fn(&Signer) -> Vec<u8>>;

pub struct Shape {
    pub name: &'static str,
    pub stuck: Stuck,
    /// Changes of the plan.
    pub plan: Value,
    pub bytes: Make,
    /// Bytes sent at once.
    pub piece: usize,
}

const WHOLE: usize = 1_000_000;

fn shape(name: &'static str, stuck: Stuck, text: String) -> Shape {
    let bytes = text.into_bytes();
    Shape { name, stuck, plan: json!({}), bytes: Box::new(move |_| bytes.clone()), piece: WHOLE }
}

fn get(target: &str, lines: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

/// Under a `kid` that nobody knows.
fn stranger() -> String {
    format!("Authorization: Bearer {}.e30.AA\r\n", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"x"}"#))
}

/// Routes of which `path` is one.
fn routed(path: &str) -> Value {
    json!({ "routes": [testing::route("one", path, json!({}))] })
}

pub fn of_heads() -> Vec<Shape> {
    let list =
        |name: &str, item: &str, times: usize| get("/", &format!("{name}: {}\r\n", item.repeat(times)));
    let fields = |line: &str, times: usize| get("/", &line.repeat(times));
    vec![
        shape("one byte", Answered, "G".into()),
        shape("half a head", Answered, "GET /x HTTP/1.1\r\nHost: a\r\nX: y".into()),
        shape("the shortest request", Answered, get("/", "")),
        shape("the shortest request", Handler, get("/", "")),
        shape("the shortest request", Away, get("/", "")),
        shape("the shortest request", Queued, get("/", "")),
        shape("the shortest request", Parked, get("/", &stranger())),
        shape("99 fields", Handler, fields("a:\r\n", 99)),
        shape("99 fields", Queued, fields("a:\r\n", 99)),
        shape("fields that are too many", Handler, fields("a:\r\n", 3000)),
        Shape { piece: 1, ..shape("a head byte by byte", Handler, fields("a: b\r\n", 90)) },
        shape("query parameters", Handler, get(&format!("/?{}", "a&".repeat(4000)), "")),
        shape("query parameters", Queued, get(&format!("/?{}", "a&".repeat(4000)), "")),
        shape("path segments", Handler, get(&"/a".repeat(4000), "")),
        shape("dot segments", Handler, get(&"/a/..".repeat(1600), "")),
        shape("encoded octets", Handler, get(&format!("/{}", "%61".repeat(2700)), "")),
        shape("encoded octets that stay", Answered, get(&format!("/{}", "%22".repeat(2700)), "")),
        shape("cookies", Handler, list("Cookie", "a=b; ", 3000)),
        shape("cookies", Queued, list("Cookie", "a=b; ", 3000)),
        shape("media ranges", Handler, list("Accept", "a/b;q=0,", 1900)),
        shape("options of a connection", Queued, list("Connection", "a,", 32)),
        Shape {
            plan: json!({"trustedProxies": ["0.0.0.0/0", "::/0"]}),
            ..shape("addresses that proxies added", Handler, list("X-Forwarded-For", "::1,", 3500))
        },
        Shape {
            plan: routed("/:a([a-z]+)/:b(\\d+)/*rest"),
            ..shape("a long match of a pattern", Handler, get(&format!("/{}/1/x", "a".repeat(8000)), ""))
        },
        Shape {
            plan: routed(&"/:p".repeat(32).chars().enumerate().fold(String::new(), |mut path, (at, c)| {
                path.push(c);
                if c == 'p' {
                    path.push_str(&at.to_string());
                }
                path
            })),
            ..shape("32 parameters", Handler, get(&"/a".repeat(32), ""))
        },
        Shape {
            plan: json!({"records": {"sample": 1.0, "headers": ["x-a"], "query": true}}),
            ..shape(
                "records of values that are escaped",
                Answered,
                get("/x", &format!("X-A: {}\r\n", "\"".repeat(4000))),
            )
        },
    ]
}

/// `times` bytes of body, each a chunk.
fn chunks(times: usize) -> String {
    "1\r\nx\r\n".repeat(times)
}

pub fn of_bodies() -> Vec<Shape> {
    let post = |lines: &str, body: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n{body}");
    let chunked = "Transfer-Encoding: chunked\r\n";
    let sized = "Content-Length: 100000\r\n";
    let parked = |lines: &str| format!("{lines}{}", stranger());
    let mut shapes = Vec::new();
    for stuck in [Handler, Away, Parked, Queued] {
        let lines = |framing: &str| if stuck == Parked { parked(framing) } else { framing.to_owned() };
        shapes.extend([
            shape("chunks of one byte", stuck, post(&lines(chunked), &chunks(5000))),
            Shape {
                piece: 6,
                ..shape("chunks of one byte, one by one", stuck, post(&lines(chunked), &chunks(300)))
            },
            Shape { piece: 1, ..shape("a body byte by byte", stuck, post(&lines(sized), &"x".repeat(1500))) },
            shape("a body at once", stuck, post(&lines(sized), &"x".repeat(60_000))),
            shape(
                "extensions of a chunk",
                stuck,
                post(&lines(chunked), &format!("1;{}\r\nx\r\n", "a;".repeat(5000))),
            ),
        ]);
    }
    shapes.push(shape("a body behind a refusal", Answered, post(chunked, &chunks(5000))));
    shapes
}

/// Claims of the right time whose member `x` is `json`.
fn claims(json: &str) -> String {
    format!(r#"{{"iss":"https://id.test","aud":"orders","exp":{},"x":{json}}}"#, UNIX + 600)
}

fn listed(item: &str, bytes: usize) -> String {
    format!("[{}{item}]", format!("{item},").repeat(bytes / (item.len() + 1) - 1))
}

/// A token of two texts; whoever signs it or not.
fn token(header: &str, claims: &str, signer: Option<&Signer>) -> Vec<u8> {
    let token = match signer {
        Some(signer) => signer.sign(&serde_json::from_str(claims).expect("claims are JSON")),
        None => {
            let junk = URL_SAFE_NO_PAD.encode([7; 256]);
            format!("{}.{}.{junk}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
        }
    };
    get("/", &format!("Authorization: Bearer {token}\r\n")).into_bytes()
}

pub fn of_tokens() -> Vec<Shape> {
    const BYTES: usize = 5200;
    let deep = |item: &str, close: &str| format!("{}0{}", item.repeat(30), close.repeat(30));
    let texts = [
        ("numbers", listed("0", BYTES)),
        ("empty lists", listed("[]", BYTES)),
        ("empty objects", listed("{}", BYTES)),
        ("objects of one member", listed(r#"{"":0}"#, BYTES)),
        ("lists inside lists", listed(&deep("[", "]"), BYTES)),
        ("objects inside objects", listed(&deep(r#"{"":"#, "}"), BYTES)),
        ("short texts", listed(r#""a""#, BYTES)),
        ("escaped text", format!(r#""{}""#, r"\u00e9".repeat(BYTES / 6))),
    ];
    let members: String = (0..BYTES / 9).map(|at| format!(r#""{at:04}":0,"#)).collect();
    let mut shapes = Vec::new();
    for (name, text) in
        texts.into_iter().chain([("members", format!("{{{}}}", members.trim_end_matches(',')))])
    {
        let parked = |bytes: Make| Shape { name, stuck: Parked, plan: json!({}), bytes, piece: WHOLE };
        let (in_claims, in_header) =
            (claims(&text), format!(r#"{{"alg":"RS256","kid":"known","x":{text}}}"#));
        let signed = in_claims.clone();
        shapes.push(parked(Box::new(move |signer| token("", &signed, Some(signer)))));
        shapes.push(parked(Box::new(move |_| token(r#"{"alg":"RS256","kid":"known"}"#, &in_claims, None))));
        shapes.push(parked(Box::new(move |_| token(&in_header, &claims("0"), None))));
    }
    shapes
}
