//! Client authentication: who is let in, who the client is afterwards, and which hosts a connection answers for.

use rustls::ClientConfig;
use serde_json::{Value, json};
use std::sync::Arc;

use super::support::{Authority, NOW, Pair, auth, client, compile, meet, plan, server};
use crate::time::UnixSeconds;
use crate::tls::{FactsError, ServerTls};

struct Town {
    ca: Authority,
    clients: Authority,
    pair: Pair,
}

fn town() -> Town {
    let ca = Authority::new("ca");
    let pair = ca.server(&["a.test", "b.test", "c.test", "x.d.test"]);
    Town { ca, clients: Authority::new("clients"), pair }
}

impl Town {
    fn server(&self, changes: Value) -> Arc<ServerTls> {
        server(&[&self.pair], changes)
    }

    fn client(&self, pair: Option<&Pair>, version: u16) -> Arc<ClientConfig> {
        client(&self.ca, pair, &[version])
    }
}

#[test]
fn optional_and_required_let_in_whom_they_should() {
    let town = town();
    let known = town.clients.client("ann");
    let stranger = Authority::new("strangers").client("eve");
    let expired = town.clients.issue(&[], |params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
    for version in [12, 13] {
        for (auth, pair, expected) in [
            (Value::Null, None, Some(false)),
            // Not asked for, so not shown.
            (Value::Null, Some(&known), Some(false)),
            (auth(&town.clients, false), None, Some(false)),
            (auth(&town.clients, false), Some(&known), Some(true)),
            (auth(&town.clients, false), Some(&stranger), None),
            (auth(&town.clients, false), Some(&expired), None),
            (auth(&town.clients, true), None, None),
            (auth(&town.clients, true), Some(&known), Some(true)),
            (auth(&town.clients, true), Some(&stranger), None),
        ] {
            let tls = town.server(json!({"clientAuth": auth}));
            let met = meet(&tls, &town.client(pair, version), "a.test");
            let identified = met.map(|met| met.facts(NOW).expect("facts").client.is_some());
            match (identified, expected) {
                (Ok(identified), Some(expected)) => assert_eq!(identified, expected),
                (Err((side, _)), None) => assert_eq!(side, "server"),
                (got, expected) => panic!("{version}: {got:?} instead of {expected:?}"),
            }
        }
    }
}

#[test]
fn the_identity_is_told_in_full() {
    let town = town();
    let tls = town.server(json!({"clientAuth": auth(&town.clients, true)}));
    let ann = town.clients.client("ann \"a\"");
    let facts = meet(&tls, &town.client(Some(&ann), 13), "A.test").expect("met").facts(NOW).expect("facts");
    let client = facts.client.expect("identified");
    assert_eq!(facts.sni.as_deref(), Some("a.test"));
    assert_eq!(client.subject, "CN=ann \\\"a\\\",O=Example\\, Inc");
    assert_eq!(client.sans, ["URI:spiffe://example/ann \"a\"", "IP:192.0.2.7"]);
    assert_eq!((client.serial.as_str(), client.fingerprint.len()), ("0abc", 64));
    assert_eq!(client.not_after, rcgen::date_time_ymd(4096, 1, 1).unix_timestamp() as u64);
}

#[test]
fn a_resumed_session_keeps_the_identity_and_looks_at_its_expiry_again() {
    let town = town();
    let until = rcgen::date_time_ymd(2060, 1, 1);
    let ann = town.clients.issue(&[], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "ann");
        params.not_after = until;
    });
    let until = UnixSeconds(until.unix_timestamp() as u64);
    for (version, required) in [(12, true), (13, true), (12, false), (13, false)] {
        let tls = town.server(json!({"clientAuth": auth(&town.clients, required)}));
        let config = town.client(Some(&ann), version);
        let first = meet(&tls, &config, "a.test").expect("met").facts(NOW).expect("facts");
        let met = meet(&tls, &config, "a.test").expect("met again");
        let second = met.facts(NOW).expect("facts");
        assert_eq!((first.resumed, second.resumed), (false, true), "{version}");
        assert_eq!(second.client.as_ref().map(|c| &*c.subject), Some("CN=ann"));
        assert_eq!(first.client, second.client);
        assert!(met.facts(until).is_ok());
        assert_eq!(met.facts(UnixSeconds(until.0 + 1)), Err(FactsError::Expired));
        // A session of one name is not resumed under another.
        let other = meet(&tls, &config, "b.test").expect("met").facts(NOW).expect("facts");
        assert!(!other.resumed);
    }
}

#[test]
fn each_server_name_may_have_its_own_client_authentication() {
    let town = town();
    let others = Authority::new("others");
    let tls = town.server(json!({
        "clientAuth": auth(&town.clients, false),
        "serverNames": [
            ["b.test", auth(&others, true)], ["c.test", null], ["*.d.test", auth(&town.clients, false)],
        ],
    }));
    let (ann, bob) = (town.clients.client("ann"), others.client("bob"));
    let meets = |name: &str, pair| {
        let met = meet(&tls, &town.client(pair, 13), name);
        met.ok().map(|met| met.facts(NOW).expect("facts").client.is_some())
    };
    assert_eq!((meets("a.test", None), meets("a.test", Some(&ann))), (Some(false), Some(true)));
    assert_eq!((meets("b.test", None), meets("b.test", Some(&ann))), (None, None));
    assert_eq!((meets("b.test", Some(&bob)), meets("a.test", Some(&bob))), (Some(true), None));
    assert_eq!((meets("c.test", Some(&ann)), meets("x.d.test", Some(&ann))), (Some(false), Some(true)));

    for (name, pair, host, answers) in [
        ("a.test", None, "a.test", true),
        ("a.test", None, "unknown.test", true),
        ("a.test", None, "", true),
        ("a.test", None, "b.test", false),
        ("a.test", None, "c.test", false),
        // Equal authentication, whatever the name.
        ("a.test", None, "x.d.test", true),
        ("a.test", None, "x.x.d.test", true),
        ("b.test", Some(&bob), "b.test", true),
        ("b.test", Some(&bob), "a.test", false),
        ("c.test", None, "c.test", true),
        ("c.test", None, "a.test", false),
    ] {
        let facts = meet(&tls, &town.client(pair, 13), name).expect("met").facts(NOW).expect("facts");
        assert_eq!(tls.answers_for(&facts, host.as_bytes()), answers, "{name} asked for {host}");
    }
}

#[test]
fn a_connection_from_before_a_reload_answers_only_for_what_it_was_checked_against() {
    let town = town();
    let open = town.server(json!({}));
    let facts = meet(&open, &town.client(None, 13), "a.test").expect("met").facts(NOW).expect("facts");
    assert!(open.answers_for(&facts, b"b.test"));
    let again = |changes| compile(plan(&[&town.pair], changes), Some(&open)).expect("it compiles");
    let named = again(json!({"serverNames": [["b.test", auth(&town.clients, true)]]}));
    assert!(named.answers_for(&facts, b"a.test") && !named.answers_for(&facts, b"b.test"));
    let all = again(json!({"clientAuth": auth(&town.clients, true)}));
    assert!(!all.answers_for(&facts, b"a.test"));
}
