//! Plans, cores and tokens for tests and benchmarks of this crate; never part of the addon.

use crate::core::Core;
use crate::decide::Facts;
use crate::h1::{FieldId, Fields, Target, normal_host};
use crate::observe::Shard;
use crate::snapshot::Snapshot;
use crate::time::{Nanos, UnixSeconds};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;

/// A plan with every default, to which a test adds what it is about (`routes`, `limits`, …).
pub fn plan(changes: Value) -> String {
    let mut plan = json!({
        "service": "ferrogate", "via": "ferrogate", "maxHeaderBytes": 16384, "maxBodyBytes": 1048576,
        "acceptChunked": null, "trustedProxies": [], "listenLimits": [], "listenTls": null, "errors": {"format": "problem"},
        "downstream": {
            "headerTimeoutMs": 10000, "requestTimeoutMs": 300000, "keepAliveTimeoutMs": 75000,
            "writeTimeoutMs": 60000, "halfCloseTimeoutMs": 1000, "minBodyRate": 240, "maxConnections": 16384,
            "maxConnectionsPerClient": 1024, "proxyProtocol": false,
        },
        "overload": null, "records": null, "stores": [], "issuers": [], "limits": [], "upstreams": [], "routes": [],
    });
    merge(&mut plan, changes);
    plan.to_string()
}

/// A route to handler 1 with every default.
pub fn route(id: &str, path: &str, changes: Value) -> Value {
    let mut route = json!({
        "id": id, "path": path, "methods": [], "hosts": [], "jwt": null, "limits": [], "cors": null,
        "action": {"kind": "handler", "handler": 1}, "timeoutMs": 15000, "idleTimeoutMs": 60000,
        "totalTimeoutMs": null, "maxBodyBytes": null, "rewrite": {"stripPrefix": null, "addPrefix": null},
        "headers": {"set": [], "remove": []}, "claimHeaders": [], "preserveHost": false, "websocket": null,
        "allowEncoded": [], "clientCertificate": null,
    });
    merge(&mut route, changes);
    route
}

/// An issuer `https://id.test` for the audience `orders`.
pub fn issuer(id: &str) -> Value {
    json!({
        "id": id, "issuer": "https://id.test", "algorithms": ["RS256"], "audience": ["orders"], "clockSkewSeconds": 30, "required": ["exp"],
        "realm": "orders", "maxTokenBytes": 8192, "cacheEntries": 65536, "refreshCooldownMs": 30000,
        "failures": { "rate": 20, "perMs": 1000, "burst": 100 },
    })
}

/// A limit of `burst` at once and one more per second.
pub fn limit(id: &str, burst: u32, key: Value) -> Value {
    json!({ "id": id, "rate": 1, "perMs": 1000, "burst": burst, "key": key })
}

fn merge(into: &mut Value, changes: Value) {
    if let (Value::Object(into), Value::Object(changes)) = (into, changes) {
        into.extend(changes);
    }
}

/// A core that serves the plan; its warnings are dropped.
pub fn core(changes: Value) -> Arc<Core> {
    let core = Core::new(0);
    let plan = serde_json::from_str(&plan(changes)).expect("a test's plan has the plan's form");
    core.publish(plan).expect("a test's plan compiles");
    Arc::new(core)
}

/// A request as the decision sees it.
pub struct Parsed {
    pub method: Vec<u8>,
    pub target: Target,
    pub host: Vec<u8>,
    pub block: Vec<u8>,
    pub fields: Fields,
}

impl Parsed {
    /// `headers` are lines `name: value` without line ends; `Host: api.test` is added when there is none.
    pub fn new(method: &str, target: &str, headers: &[&str]) -> Parsed {
        let mut block: Vec<u8> = headers.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect();
        if !headers.iter().any(|line| line.to_ascii_lowercase().starts_with("host:")) {
            block.extend_from_slice(b"Host: api.test\r\n");
        }
        let mut parsed = Parsed {
            method: method.into(),
            target: Target::default(),
            host: Vec::new(),
            fields: Fields::default(),
            block,
        };
        parsed.target.parse(target.as_bytes()).expect("a test's target is well formed");
        parsed.fields.parse(&parsed.block).expect("a test's headers are well formed");
        if let Some(host) = parsed.fields.first(&parsed.block, FieldId::Host) {
            normal_host(host, &mut parsed.host);
        }
        parsed
    }

    /// The request of a client that no proxy stands for.
    pub fn facts(&self, client: impl Into<IpAddr>, now: Nanos, unix: UnixSeconds) -> Facts<'_> {
        Facts {
            method: &self.method,
            target: &self.target,
            host: &self.host,
            block: &self.block,
            fields: &self.fields,
            client: client.into(),
            peer_trusted: false,
            now,
            unix,
            shard: Shard::default(),
        }
    }
}

/// An RSA key that signs tokens.
pub struct Signer {
    pair: KeyPair,
    kid: &'static str,
}

impl Signer {
    pub fn new(kid: &'static str) -> Signer {
        Signer { pair: KeyPair::generate(KeySize::Rsa2048).expect("a key can be made"), kid }
    }

    /// The public key as a set of one.
    pub fn jwks(&self) -> String {
        // RSAPublicKey (RFC 8017 A.1.1) ends with the modulus and `INTEGER 65537`, which takes five bytes.
        let der = self.pair.public_key().as_ref();
        let end = der.len() - 5;
        let modulus = &der[end - self.pair.public_modulus_len()..end];
        json!({ "keys": [{ "kty": "RSA", "kid": self.kid, "alg": "RS256", "use": "sig",
            "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB" }] })
        .to_string()
    }

    /// A compact JWS over `claims`.
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "RS256", "kid": self.kid, "typ": "JWT" });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .expect("a token can be signed");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token of `https://id.test` for `orders`, valid from `iat` for an hour.
    pub fn token(&self, iat: u64, more: Value) -> String {
        let mut claims =
            json!({ "iss": "https://id.test", "aud": "orders", "sub": "ann", "iat": iat, "exp": iat + 3600 });
        merge(&mut claims, more);
        self.sign(&claims)
    }
}

/// The snapshot in force.
pub fn snapshot(core: &Core) -> Arc<Snapshot> {
    core.snapshot().expect("the core was published to")
}

/// Runs `test` once for each order in which its threads can go on; for two threads of a few steps.
#[cfg(feature = "interleave")]
pub fn every_order(test: impl Fn() + Send + Sync + 'static) {
    let scheduler = shuttle::scheduler::DfsScheduler::new(None, false);
    shuttle::Runner::new(scheduler, quiet()).run(test);
}

/// Runs `test` in many drawn orders: half of them at random, half with few changes of thread at the worst moments.
#[cfg(feature = "interleave")]
pub fn many_orders(test: impl Fn() + Send + Sync + 'static) {
    const ORDERS: usize = 1_000;
    const CHANGES: usize = 3;
    let test = Arc::new(test);
    let (random, few) = (Arc::clone(&test), test);
    shuttle::Runner::new(shuttle::scheduler::RandomScheduler::new(ORDERS), quiet()).run(move || random());
    shuttle::Runner::new(shuttle::scheduler::PctScheduler::new(CHANGES, ORDERS), quiet()).run(move || few());
}

/// The atomics here are read one at a time, so that their orderings are of no account to a test of interleavings.
#[cfg(feature = "interleave")]
fn quiet() -> shuttle::Config {
    let mut config = shuttle::Config::new();
    config.silence_warnings = true;
    config
}
