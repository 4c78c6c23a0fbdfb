//! What compilation refuses, and what survives a publication.

use super::{Downstream, WebSocketPolicy};
use crate::core::Core;
use crate::testing::{self, Signer};
use crate::time::Nanos;
use serde_json::{Value, json};
use std::sync::Arc;

fn publish(core: &Core, changes: Value) -> Result<u64, String> {
    let plan = serde_json::from_str(&testing::plan(changes)).map_err(|e| e.to_string())?;
    core.publish(plan).map(|(generation, _)| generation).map_err(|e| e.to_string())
}

/// A route that accepts these issuers.
fn jwt(issuer: Value) -> Value {
    testing::route("a", "/x", json!({ "jwt": { "issuer": issuer, "scopes": [] } }))
}

/// An issuer whose tokens may have these algorithms.
fn signing(algorithms: Value) -> Value {
    let mut issuer = testing::issuer("i");
    issuer["algorithms"] = algorithms;
    issuer
}

#[test]
fn a_bad_plan_names_the_place_and_changes_nothing() {
    let core = Core::new(0);
    assert_eq!(publish(&core, json!({})), Ok(1));
    let before = testing::snapshot(&core);
    let a = testing::route("a", "/x/:id", json!({}));
    for (changes, message) in [
        (
            json!({ "routes": [a, testing::route("b", "/x/:name", json!({}))] }),
            "routes[1].match: cannot be told apart from route \"a\" (routes[0])",
        ),
        (
            json!({ "routes": [testing::route("a", "/x", json!({ "limits": ["none"] }))] }),
            "routes[0].limits: no limit is named \"none\"",
        ),
        (
            json!({ "routes": [testing::route("a", "/x", json!({ "limits": vec!["l"; 17] }))] }),
            "routes[0].limits: a route takes at most 16 limits",
        ),
        (
            json!({ "routes": [testing::route("a", "/x", json!({ "action": { "kind": "upstream", "upstream": "u" } }))] }),
            "routes[0].upstream: no upstream is named \"u\"",
        ),
        (
            json!({ "routes": [testing::route("a", "/x", json!({ "jwt": { "issuer": "i", "scopes": [] } }))] }),
            "routes[0].jwt: no issuer is named \"i\"",
        ),
        (
            json!({ "issuers": [testing::issuer("i")], "routes": [jwt(json!(["i", "j"]))] }),
            "routes[0].jwt: no issuer is named \"j\"",
        ),
        (
            json!({ "issuers": [testing::issuer("i"), testing::issuer("j")], "routes": [jwt(json!(["i", "j"]))] }),
            "routes[0].jwt: issuers \"i\" and \"j\" have the same \"issuer\", so no token tells them apart",
        ),
        (
            json!({ "issuers": [testing::issuer("i")], "routes": [jwt(json!(["i", "i"]))] }),
            "routes[0].jwt: issuers \"i\" and \"i\" have the same \"issuer\", so no token tells them apart",
        ),
        (json!({ "routes": [jwt(json!([]))] }), "routes[0].jwt: a route accepts 1 to 8 issuers"),
        (
            json!({ "issuers": [testing::issuer("i")], "routes": [jwt(json!(vec!["i"; 9]))] }),
            "routes[0].jwt: a route accepts 1 to 8 issuers",
        ),
        (json!({ "issuers": [signing(json!([]))] }), "issuers[0].algorithms: expected one algorithm or more"),
        (
            json!({ "issuers": [signing(json!(["RS256", "none"]))] }),
            "issuers[0].algorithms: no algorithm is named \"none\"",
        ),
        (json!({ "listenLimits": ["none"] }), "listen.limits: no limit is named \"none\""),
        (
            json!({ "limits": [testing::limit("l", 0, json!({ "kind": "client" }))] }),
            "limits[0]: rate, per and burst must be positive",
        ),
    ] {
        assert_eq!(publish(&core, changes), Err(message.to_owned()));
        assert!(Arc::ptr_eq(&before, &testing::snapshot(&core)), "{message}");
    }
    assert!(publish(&core, json!({ "unknown": 1 })).is_err_and(|m| m.contains("unknown field")));
    assert_eq!(core.generation(), 1);
}

#[test]
fn what_clients_may_take_is_compiled() {
    let core = testing::core(json!({
        "acceptChunked": true,
        "downstream": {
            "headerTimeoutMs": 1, "requestTimeoutMs": 2, "keepAliveTimeoutMs": 3, "writeTimeoutMs": 4,
            "halfCloseTimeoutMs": 0, "minBodyRate": 0, "maxConnections": 6, "maxConnectionsPerClient": null,
            "proxyProtocol": true,
        },
        "routes": [
            testing::route("a", "/a", json!({ "websocket": { "idleTimeoutMs": 7, "closeOnTokenExpiry": true } })),
            testing::route("b", "/b", json!({})),
        ],
    }));
    let snapshot = testing::snapshot(&core);
    assert_eq!(snapshot.settings.accept_chunked, Some(true));
    let expected = Downstream {
        header_timeout: Nanos::from_millis(1),
        request_timeout: Nanos::from_millis(2),
        keep_alive_timeout: Nanos::from_millis(3),
        write_timeout: Nanos::from_millis(4),
        half_close_timeout: Nanos::ZERO,
        min_body_rate: 0,
        max_connections: 6,
        max_connections_per_client: None,
        proxy_protocol: true,
    };
    assert_eq!(snapshot.settings.downstream, expected);
    let policy = WebSocketPolicy { idle_timeout: Nanos::from_millis(7), close_on_token_expiry: true };
    assert_eq!((snapshot.routes[0].websocket, snapshot.routes[1].websocket), (Some(policy), None));
    assert_eq!(testing::snapshot(&testing::core(json!({}))).settings.accept_chunked, None);
}

#[test]
fn unreachable_routes_are_warned_of_with_their_winner() {
    let core = Core::new(0);
    let routes = json!({ "routes": [
        testing::route("all", "/x/:id", json!({})),
        testing::route("constrained", "/x/:id(.*)", json!({})),
    ] });
    let plan = serde_json::from_str(&testing::plan(routes)).expect("a plan");
    let (_, warnings) = core.publish(plan).expect("it compiles");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("\"all\"") && warnings[0].contains("\"constrained\""), "{warnings:?}");
}

#[test]
fn keys_buckets_and_counters_survive_a_publication() {
    let core = Core::new(0);
    let with = |burst| {
        json!({ "issuers": [testing::issuer("main")],
            "limits": [testing::limit("l", burst, json!({ "kind": "client" }))],
            "routes": [testing::route("a", "/a", json!({ "limits": ["l"] }))] })
    };
    publish(&core, with(3)).expect("it compiles");
    core.put_keys("main", &Signer::new("k").jwks(), Nanos(1)).expect("a good key set");
    let first = testing::snapshot(&core);
    publish(&core, with(5)).expect("it compiles");
    let second = testing::snapshot(&core);
    assert_eq!((first.generation, second.generation, core.generation()), (1, 2, 2));
    assert!(second.issuers[0].state.has_keys());
    assert!(Arc::ptr_eq(&first.buckets, &second.buckets));
    assert!(Arc::ptr_eq(&first.routes[0].metrics, &second.routes[0].metrics));
    assert_eq!(first.limits[0].key_id, second.limits[0].key_id);
}

#[test]
fn cores_are_shared_by_name_until_the_last_hold_ends() {
    let one = Core::open("shared by name");
    let two = Core::open("shared by name");
    assert!(Arc::ptr_eq(&one, &two));
    assert_ne!(Core::open("").id, Core::open("").id);
    Core::close(one.id);
    assert!(Core::find(one.id).is_some());
    Core::close(one.id);
    assert!(Core::find(one.id).is_none());
    assert_ne!(Core::open("shared by name").id, one.id);
}

#[test]
fn ten_thousand_routes_compile() {
    let routes: Vec<Value> = (0..10_000)
        .map(|i| {
            testing::route(&format!("r{i}"), &format!("/svc{}/v{}/items{i}/:id", i % 97, i % 5), json!({}))
        })
        .collect();
    let core = testing::core(json!({ "routes": routes }));
    assert_eq!(testing::snapshot(&core).routes.len(), 10_000);
}
