//! Tables for the step that asks what a token may do: parameters and headers as requests spell them, answers, shadow,
//! and what the plan may say.

use crate::core::Core;
use crate::decide::{Next, Outcome, Step, decide};
use crate::explain::{Request, explain};
use crate::observe::{Shadow, Trace};
use crate::respond::{Answer, write_answer};
use crate::testing::{self, Parsed, Signer};
use crate::time::{Nanos, UnixSeconds};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

const NOW: Nanos = Nanos::from_secs(1000);
const UNIX: UnixSeconds = UnixSeconds(1_800_000_000);
const CLIENT: [u8; 4] = [192, 0, 2, 1];
static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new("k1"));

/// A policy that demands nothing but `changes`.
fn access(changes: Value) -> Value {
    let none = json!({ "allOf": [], "anyOf": [] });
    let mut access = json!({ "scopes": none, "roles": none, "rolesClaim": "roles", "action": null,
        "actionsClaim": "allowed_actions", "tenant": null, "projectScope": null, "rules": null, "shadow": false });
    if let (Value::Object(into), Value::Object(changes)) = (&mut access, changes) {
        into.extend(changes);
    }
    access
}

fn route(id: &str, path: &str, policy: Value) -> Value {
    let jwt = json!({ "issuer": "main", "scopes": [] });
    testing::route(id, path, json!({ "jwt": jwt, "access": access(policy), "allowEncoded": ["%2f"] }))
}

fn core(routes: Vec<Value>) -> Arc<Core> {
    let core = testing::core(json!({ "issuers": [testing::issuer("main")], "routes": routes }));
    core.put_keys("main", &SIGNER.jwks(), NOW).expect("the key set is good");
    core
}

fn bearer(claims: Value) -> String {
    format!("Authorization: Bearer {}", SIGNER.token(UNIX.0, claims))
}

/// What comes of a request: `ok`, or the code of the refusal; and the answer if there is one.
fn ask(core: &Core, method: &str, target: &str, headers: &[&str]) -> (&'static str, String) {
    let parsed = Parsed::new(method, target, headers);
    let facts = parsed.facts(CLIENT, NOW, UNIX);
    let (snapshot, mut outcome) = (testing::snapshot(core), Outcome::default());
    let answer = match decide(&snapshot, &facts, &mut outcome, Step::START) {
        Next::Handler { .. } => return ("ok", String::new()),
        Next::Answer(answer) => answer,
        other => panic!("{other:?}"),
    };
    let (mut head, mut body) = (Vec::new(), Vec::new());
    write_answer(&mut head, &mut body, &snapshot, &answer, &outcome, &Trace::default(), parsed.target.path());
    let Answer::Refuse(refusal) = answer else { panic!("{answer:?}") };
    let text = String::from_utf8([head, b"\r\n\r\n".to_vec(), body].concat()).expect("answers are text");
    (refusal.row().code, text)
}

#[test]
fn an_action_is_filled_from_the_canonical_path() {
    let core = core(vec![
        route("doc", "/docs/:id", json!({ "action": "update:doc:{id}" })),
        route("file", "/files/*rest", json!({ "action": "read:file:{rest}" })),
    ]);
    let held = |actions: Value| bearer(json!({ "allowed_actions": actions }));
    for (actions, target, expected) in [
        (json!(["update:doc:42"]), "/docs/42", "ok"),
        (json!(["update:doc:42"]), "/docs/%34%32", "ok"),
        (json!(["update:doc:42"]), "/x/../docs/42", "ok"),
        (json!(["update:doc:42"]), "/docs/42?id=43", "ok"),
        (json!(["update:doc:42"]), "/docs/43", "action_refused"),
        (json!(["update:doc:42"]), "/docs/42%20", "action_refused"),
        (json!(["update:doc:a"]), "/docs/A", "action_refused"),
        (json!(["update:doc:a/b"]), "/docs/a%2fb", "ok"),
        (json!(["update:doc:a%2fb"]), "/docs/a%2fb", "action_refused"),
        (json!(["update:doc:%41"]), "/docs/%2541", "ok"),
        (json!(["update:doc:\u{fc}"]), "/docs/%C3%BC", "ok"),
        (json!(["update:doc:u\u{308}"]), "/docs/%C3%BC", "action_refused"),
        (json!(["update:doc:*"]), "/docs/anything", "ok"),
        // A value that would be read as more than one segment, or as a wildcard, and one that is no text.
        (json!(["update:*"]), "/docs/42:43", "action_refused"),
        (json!(["update:doc:42:43"]), "/docs/42:43", "action_refused"),
        (json!(["update:doc:42:43"]), "/docs/42%3A43", "action_refused"),
        (json!(["update:doc:*"]), "/docs/*", "action_refused"),
        (json!(["update:doc:*"]), "/docs/%2A", "action_refused"),
        (json!(["update:doc:*"]), "/docs/4%2a", "action_refused"),
        (json!(["update:doc:*"]), "/docs/%ff", "action_refused"),
        (json!(["update:doc:*"]), "/docs/%C3%28", "action_refused"),
        (json!(["read:file:a/b"]), "/files/a/b", "ok"),
        (json!(["read:file:*"]), "/files/a/b", "ok"),
        (json!(["read:file:a"]), "/files/a/b", "action_refused"),
        (json!("update:doc:*"), "/docs/42", "ok"),
        (json!("read:x update:doc:42"), "/docs/42", "action_refused"),
        (json!([["update:doc:*"]]), "/docs/42", "claim_malformed"),
        (json!({ "update": "doc" }), "/docs/42", "claim_malformed"),
    ] {
        assert_eq!(ask(&core, "GET", target, &[&held(actions.clone())]).0, expected, "{actions} {target}");
    }
    assert_eq!(ask(&core, "GET", "/docs/42", &[&bearer(json!({}))]).0, "action_refused");
    assert_eq!(ask(&core, "GET", "/docs/42", &[]).0, "token_missing");
}

#[test]
fn a_tenant_is_a_parameter_or_the_one_header() {
    let header = json!({ "from": "header", "name": "x-tenant-id", "claim": "tenant_id" });
    let core = core(vec![
        route(
            "path",
            "/t/:tenant/x",
            json!({ "tenant": { "from": "param", "name": "tenant", "claim": "tenant_id" } }),
        ),
        route("head", "/h", json!({ "tenant": header })),
        route(
            "project",
            "/p/:p",
            json!({ "projectScope": { "from": "param", "name": "p", "claim": "project_scope" } }),
        ),
    ]);
    let acme = bearer(json!({ "tenant_id": "acme", "project_scope": ["one", "a/b"] }));
    for (target, headers, expected) in [
        ("/t/acme/x", &[][..], "ok"),
        ("/t/%61cme/x", &[], "ok"),
        ("/t/Acme/x", &[], "tenant_refused"),
        ("/t/other/x", &[], "tenant_refused"),
        ("/t/acme%2fx/x", &[], "tenant_refused"),
        ("/h", &[], "tenant_refused"),
        ("/h", &["X-Tenant-ID: acme"], "ok"),
        ("/h", &["x-tenant-id:   acme  "], "ok"),
        ("/h", &["x-tenant-id: other"], "tenant_refused"),
        ("/h", &["x-tenant-id: acme, other"], "tenant_refused"),
        ("/h", &["x-tenant-id:"], "tenant_refused"),
        // Another server may take the other one.
        ("/h", &["x-tenant-id: acme", "x-tenant-id: other"], "tenant_refused"),
        ("/h", &["x-tenant-id: acme", "x-tenant-id: acme"], "tenant_refused"),
        ("/h", &["x-tenant-id: acme", "x_tenant_id: other"], "tenant_refused"),
        ("/h", &["X_Tenant-Id: acme"], "tenant_refused"),
        // Taken off before the upstream sees it.
        ("/h", &["x-tenant-id: acme", "connection: X-Tenant-Id"], "tenant_refused"),
        ("/p/one", &[], "ok"),
        ("/p/a%2fb", &[], "ok"),
        ("/p/two", &[], "project_refused"),
    ] {
        let headers: Vec<&str> = headers.iter().copied().chain([&*acme]).collect();
        assert_eq!(
            ask(&core, "GET", target, &headers).0,
            expected,
            "{target} {:?}",
            &headers[..headers.len() - 1]
        );
    }
    for (claims, expected) in [
        (json!({}), "tenant_refused"),
        (json!({ "tenant_id": null }), "tenant_refused"),
        (json!({ "tenant_id": "" }), "tenant_refused"),
        (json!({ "tenant_id": "acme other" }), "tenant_refused"),
        (json!({ "tenant_id": ["other", "acme"] }), "ok"),
    ] {
        assert_eq!(ask(&core, "GET", "/t/acme/x", &[&bearer(claims.clone())]).0, expected, "{claims}");
    }
    assert_eq!(ask(&core, "GET", "/t/7/x", &[&bearer(json!({ "tenant_id": 7 }))]).0, "ok");
    assert_eq!(ask(&core, "GET", "/t/07/x", &[&bearer(json!({ "tenant_id": 7 }))]).0, "tenant_refused");
}

#[test]
fn refusals_tell_no_value_that_would_do() {
    let words = |all: &[&str], any: &[&str]| json!({ "allOf": all, "anyOf": any });
    let core = core(vec![
        route("scopes", "/scopes", json!({ "scopes": words(&["secret:a"], &["secret:b", "secret:c"]) })),
        route("roles", "/roles", json!({ "roles": words(&["secret-role"], &[]) })),
        route(
            "rules",
            "/rules",
            json!({ "rules": [
            { "effect": "allow", "condition": { "kind": "role", "anyOf": ["secret-role"] } },
        ] }),
        ),
        testing::route(
            "claims",
            "/claims",
            json!({ "jwt": { "issuer": "main", "scopes": ["x"], "demands": {
            "claims": [{ "name": "plan", "required": true, "anyOf": ["secret-plan"] }],
        } } }),
        ),
    ]);
    for (target, code) in [
        ("/scopes", "insufficient_scope"),
        ("/roles", "insufficient_role"),
        ("/rules", "access_denied"),
        ("/claims", "claims_refused"),
    ] {
        let (word, answer) = ask(&core, "GET", target, &[&bearer(json!({ "roles": ["user"] }))]);
        assert_eq!(word, code, "{target}");
        assert!(
            answer.starts_with("403 Forbidden\r\n") && answer.contains(&format!("\"code\":\"{code}\"")),
            "{answer}"
        );
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(!body.contains("secret"), "{body}");
        let challenge = ", error=\"insufficient_scope\", scope=\"secret:a secret:b secret:c\"\r\n";
        assert_eq!(head.contains(challenge), code == "insufficient_scope", "{head}");
        assert_eq!(head.contains("WWW-Authenticate"), code == "insufficient_scope", "{head}");
    }
}

#[test]
fn a_route_looks_at_claims_of_a_token_from_the_cache() {
    let demands =
        json!({ "claims": [{ "name": "plan", "required": true, "anyOf": ["pro"] }], "maxAgeSeconds": 60 });
    let core = core(vec![
        testing::route("open", "/open", json!({ "jwt": { "issuer": "main", "scopes": [] } })),
        testing::route(
            "pro",
            "/pro",
            json!({ "jwt": { "issuer": "main", "scopes": [], "demands": demands } }),
        ),
    ]);
    let old = format!("Authorization: Bearer {}", SIGNER.token(UNIX.0 - 90, json!({ "plan": "pro" })));
    for (headers, expected) in [
        (bearer(json!({ "plan": "pro" })), "ok"),
        (bearer(json!({ "plan": "free" })), "claims_refused"),
        (bearer(json!({})), "claims_refused"),
        (old, "claims_refused"),
    ] {
        for _ in 0..2 {
            assert_eq!(ask(&core, "GET", "/open", &[&headers]).0, "ok");
            assert_eq!(ask(&core, "GET", "/pro", &[&headers]).0, expected);
        }
    }
}

#[test]
fn in_shadow_a_refusal_is_counted_and_not_made() {
    let action = json!({ "action": "update:doc:{id}" });
    let mut shadow = action.clone();
    shadow["shadow"] = json!(true);
    let core = core(vec![route("real", "/real/:id", action), route("shadow", "/shadow/:id", shadow)]);
    let token = bearer(json!({ "allowed_actions": ["update:doc:1"] }));
    for (target, expected, count) in [
        ("/real/1", "ok", 0),
        ("/real/2", "action_refused", 0),
        ("/shadow/1", "ok", 0),
        ("/shadow/2", "ok", 1),
        ("/shadow/*", "ok", 2),
    ] {
        assert_eq!(ask(&core, "GET", target, &[&token]).0, expected, "{target}");
        let metrics = &testing::snapshot(&core).routes[1].metrics;
        assert_eq!(metrics.shadowed(Shadow::Access), count, "{target}");
    }
    assert_eq!(testing::snapshot(&core).routes[0].metrics.shadowed(Shadow::Access), 0);
}

#[test]
fn rules_without_a_token() {
    let inside =
        json!([{ "effect": "allow", "condition": { "kind": "client", "networks": ["192.0.2.0/24"] } }]);
    let outside =
        json!([{ "effect": "allow", "condition": { "kind": "client", "networks": ["10.0.0.0/8"] } }]);
    let open = |id: &str, path: &str, rules: &Value| {
        testing::route(id, path, json!({ "access": access(json!({ "rules": rules })) }))
    };
    let core = core(vec![open("in", "/in", &inside), open("out", "/out", &outside)]);
    assert_eq!(ask(&core, "GET", "/in", &[]).0, "ok");
    assert_eq!(ask(&core, "GET", "/out", &[]).0, "access_denied");
}

#[test]
fn a_policy_that_cannot_be_compiled_names_its_place() {
    let many: Vec<String> = (0..9).map(|n| format!(":p{n}")).collect();
    let (many, all) = (format!("/{}", many.join("/")), ["{p0}:{p1}:{p2}:{p3}:{p4}:{p5}:{p6}:{p7}", "{p8}"]);
    let tie = |name: &str| json!({ "from": "param", "name": name, "claim": "c" });
    let rule = |condition: Value| json!({ "rules": [{ "effect": "deny", "condition": condition }] });
    for (path, policy, message) in [
        (
            "/a/:id/:tenant",
            json!({ "action": "a:{doc}" }),
            "routes[0].access.action: the path has no parameter \"doc\"; it has id, tenant",
        ),
        (
            "/a",
            json!({ "action": "a:{doc}" }),
            "routes[0].access.action: the path has no parameter \"doc\"; it has none",
        ),
        (
            "/a/:id",
            json!({ "tenant": tie("Id") }),
            "routes[0].access.tenant: the path has no parameter \"Id\"; it has id",
        ),
        (
            "/a/:id",
            json!({ "projectScope": tie("x") }),
            "routes[0].access.projectScope: the path has no parameter \"x\"; it has id",
        ),
        (
            "/a/:id",
            json!({ "action": "a:*" }),
            "routes[0].access.action: the segment \"*\" is neither visible ASCII without \"*\" nor a parameter such as {id}",
        ),
        (
            "/a/:id",
            json!({ "action": "a::b" }),
            "routes[0].access.action: expected 1 to 8 segments with \":\" between, at most 256 characters",
        ),
        (
            "/a/:id",
            rule(json!({ "kind": "action", "action": "a:{x}" })),
            "routes[0].access.rules[0].deny: the path has no parameter \"x\"; it has id",
        ),
        (
            "/a/:id",
            rule(json!({ "kind": "any", "of": [{ "kind": "client", "networks": ["10.0.0.0/33"] }] })),
            "routes[0].access.rules[0].deny.client: expected an IP address or a CIDR block such as 10.0.0.0/8, received \"10.0.0.0/33\"",
        ),
        (
            "/a/:id",
            rule(
                json!({ "kind": "claims", "claims": [{ "name": "a.b", "required": true, "pattern": "(" }] }),
            ),
            "routes[0].access.rules[0].deny.claims[\"a.b\"]: the pattern is no regular expression: unclosed group",
        ),
        (
            &many,
            json!({ "action": all[0], "tenant": tie("p8") }),
            "routes[0].access.tenant: a policy names at most 8 parameters of the path",
        ),
    ] {
        let plan = testing::plan(
            json!({ "issuers": [testing::issuer("main")], "routes": [route("r", path, policy)] }),
        );
        let published = Core::new(0).publish(serde_json::from_str(&plan).expect("a plan"));
        assert_eq!(published.map(drop).map_err(|e| e.to_string()), Err(message.to_owned()));
    }
    let mut issuer = testing::issuer("main");
    issuer["demands"] = json!({ "claims": [{ "name": "sub", "required": true, "pattern": "[" }] });
    let plan = testing::plan(json!({ "issuers": [issuer] }));
    let published = Core::new(0).publish(serde_json::from_str(&plan).expect("a plan"));
    let message = published.map(drop).map_err(|e| e.to_string()).expect_err("it is refused");
    assert!(
        message.starts_with("issuers.main.claims[\"sub\"]: the pattern is no regular expression: "),
        "{message}"
    );
}

#[test]
fn explain_says_why() {
    let core = core(vec![route(
        "doc",
        "/docs/:id",
        json!({
            "roles": { "allOf": [], "anyOf": ["editor"] }, "action": "update:doc:{id}",
        }),
    )]);
    let told = |claims: Value| {
        let parsed = Parsed::new("PUT", "/docs/42", &[&bearer(claims)]);
        let request = Request {
            method: b"PUT",
            target: b"/docs/42",
            block: &parsed.block,
            peer: CLIENT.into(),
            now: NOW,
            unix: UNIX,
        };
        explain(&core, &request)
    };
    let refused = told(json!({ "roles": ["editor"], "allowed_actions": ["read:*"] }));
    assert_eq!((&refused["verdict"], &refused["status"]), (&json!("refused"), &json!(403)));
    let steps: Vec<&Value> = refused["steps"].as_array().expect("steps").iter().collect();
    let access: Vec<String> = steps
        .iter()
        .filter(|step| step["step"] == "access")
        .map(|step| {
            format!("{} {}", step["outcome"].as_str().unwrap_or(""), step["detail"].as_str().unwrap_or(""))
        })
        .collect();
    assert_eq!(
        access,
        [
            "allowed no scope needed",
            "allowed roles: one of editor in the claim roles",
            "action_refused action: update:doc:42 in the claim allowed_actions",
        ]
    );
    assert_eq!(told(json!({ "roles": "editor", "allowed_actions": "*" }))["verdict"], "handler");
}
