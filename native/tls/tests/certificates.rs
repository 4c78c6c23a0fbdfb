//! What is refused when certificates and keys are loaded, by which words, and what a reload keeps.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Value, json};

use super::support::{Authority, Pair, auth, client, compile, meet, plan, server};
use crate::core::Core;
use crate::testing;
use crate::time::UnixSeconds;

fn fault(pair: &Pair, changes: Value) -> (String, String) {
    let error = compile(plan(&[pair], changes), None).expect_err("it is refused");
    (error.path, error.message)
}

#[test]
fn a_bad_pair_is_named_and_its_key_is_not_shown() {
    let ca = Authority::new("ca");
    let (good, other) = (ca.server(&["a.test"]), ca.server(&["b.test"]));
    let with = |certificate: &str, key: &str| Pair { certificate: certificate.into(), key: key.into() };
    let body = |pem: &str| pem.lines().nth(1).expect("base64").to_owned();
    let cut = good.key.replace("-----END PRIVATE KEY-----", "");
    for (pair, field, message) in [
        (with(&good.certificate, &other.key), "key", "does not belong to the certificate of a.test"),
        (with(&good.certificate, &good.certificate), "key", "holds no PEM private key for a.test"),
        (with(&good.certificate, &cut), "key", "is not well-formed PEM (the key of a.test)"),
        (
            with(
                &good.certificate,
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
            ),
            "key",
            "is encrypted; the key of a.test must be given without a pass phrase",
        ),
        (
            with(
                &good.certificate,
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n-----END RSA PRIVATE KEY-----\n",
            ),
            "key",
            "is encrypted; the key of a.test must be given without a pass phrase",
        ),
        (
            with(&good.certificate, "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"),
            "key",
            "is of a kind that cannot be used (RSA from 2048 bits, ECDSA, Ed25519)",
        ),
        (with("", &good.key), "certificate", "holds no PEM certificate"),
        (with(&good.key, &good.key), "certificate", "holds no PEM certificate"),
        (with("-----BEGIN CERTIFICATE-----\nMIIB", &good.key), "certificate", "is not well-formed PEM"),
        (
            with("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", &good.key),
            "certificate",
            "holds a certificate that cannot be read",
        ),
    ] {
        let (path, said) = fault(&pair, json!({}));
        assert_eq!((&*path, &*said), (&*format!("listen.tls.certificates[0].{field}"), message));
        assert!(!said.contains(&body(&good.key)) && !said.contains(&body(&other.key)));
    }
    let debug = format!(
        "{:?}",
        serde_json::from_value::<crate::snapshot::plan::PlanListenTls>(plan(&[&good], json!({})))
    );
    assert!(debug.contains("***") && !debug.contains(&body(&good.key)));
}

#[test]
fn other_faults_name_their_place() {
    let ca = Authority::new("ca");
    let good = ca.server(&["a.test"]);
    let named = json!({"certificate": good.certificate, "key": good.key, "names": ["a.test", "1.2.3.4"]});
    for (changes, path) in [
        (json!({"certificates": []}), "listen.tls.certificates"),
        (json!({"certificates": [named]}), "listen.tls.certificates[0].names[1]"),
        (json!({"clientAuth": {"required": true, "caPem": ""}}), "listen.tls.clientAuth.ca"),
        (json!({"clientAuth": {"required": true, "caPem": good.key}}), "listen.tls.clientAuth.ca"),
        (
            json!({"serverNames": [["b.test", {"required": true, "caPem": "x"}]]}),
            "listen.tls.serverNames[\"b.test\"].clientAuth.ca",
        ),
        (json!({"serverNames": [["*", null]]}), "listen.tls.serverNames[\"*\"]"),
    ] {
        assert_eq!(fault(&good, changes).0, path);
    }
}

#[test]
fn expiry_is_told_as_metric_and_warning() {
    let ca = Authority::new("ca");
    let at = |year| rcgen::date_time_ymd(year, 1, 1);
    let until = |names: &[&str], year| ca.issue(names, |params| params.not_after = at(year));
    let (a, again, other) =
        (until(&["a.test", "b.test"], 2031), until(&["a.test"], 2041), until(&["c.test"], 2051));
    let tls = server(&[&a, &again, &other], json!({}));
    let seconds = |year| UnixSeconds(at(year).unix_timestamp() as u64);
    let labels = [("a.test", 2031), ("a.test (certificates[1])", 2041), ("c.test", 2051)];
    assert_eq!(tls.expiries(), labels.map(|(label, year)| (label.to_owned(), seconds(year))));
    assert_eq!(tls.warnings(seconds(2031)), Vec::<String>::new());
    assert_eq!(
        tls.warnings(UnixSeconds(seconds(2031).0 + 1)),
        ["listen.tls: the certificate of a.test has expired"]
    );
    tls.handshakes.resumed.store(3, Relaxed);
    let text = serde_json::to_string(&tls.families()).expect("plain data");
    for part in [
        "\"ferrogate_tls_certificate_not_after_seconds\"",
        "{\"labels\":{\"certificate\":\"c.test\"},\"value\":2556144000.0}",
        "{\"labels\":{\"outcome\":\"resumed\"},\"value\":3.0}",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn sessions_survive_a_reload_unless_client_authentication_changes() {
    let (ca, clients) = (Authority::new("ca"), Authority::new("clients"));
    let (old, new) = (ca.server(&["a.test"]), ca.server(&["a.test"]));
    for version in [12, 13] {
        let before = server(&[&old], json!({}));
        let same = compile(plan(&[&old], json!({})), Some(&before)).expect("it compiles");
        assert!(Arc::ptr_eq(&before, &same), "an equal plan is not compiled again");
        let config = client(&ca, None, &[version]);
        let resumed = |tls| {
            meet(tls, &config, "a.test").expect("met").facts(super::support::NOW).expect("facts").resumed
        };
        assert_eq!((resumed(&before), resumed(&before)), (false, true), "{version}");
        let renewed = compile(plan(&[&new], json!({})), Some(&before)).expect("it compiles");
        assert!(!Arc::ptr_eq(&before, &renewed));
        assert!(resumed(&renewed), "{version}: another certificate");
        let optional = json!({"clientAuth": auth(&clients, false)});
        let asking = compile(plan(&[&new], optional), Some(&renewed)).expect("it compiles");
        assert!(!resumed(&asking), "{version}: other client authentication");
        assert!(resumed(&asking));
        let names = json!({"clientAuth": auth(&clients, false), "serverNames": [["b.test", null]]});
        let named = compile(plan(&[&new], names), Some(&asking)).expect("it compiles");
        assert!(!resumed(&named), "{version}: other client authentication of one name");
    }
}

#[test]
fn a_publication_keeps_or_exchanges_tls_as_a_whole() {
    let ca = Authority::new("ca");
    let (first, second) = (ca.server(&["a.test"]), ca.server(&["b.test"]));
    let core = Core::new(0);
    let publish = |tls: Value| {
        let plan = serde_json::from_str(&testing::plan(json!({"listenTls": tls}))).expect("a plan");
        core.publish(plan).map_err(|e| e.to_string())
    };
    let in_force = || testing::snapshot(&core).settings.tls.clone();
    publish(Value::Null).expect("it compiles");
    assert!(in_force().is_none() && core.warnings(UnixSeconds(u64::MAX)).is_empty());
    assert!(!core.families().iter().any(|family| family.name.starts_with("ferrogate_tls")));
    publish(plan(&[&first], json!({}))).expect("it compiles");
    let tls = in_force().expect("TLS");
    publish(plan(&[&first], json!({}))).expect("it compiles");
    assert!(in_force().is_some_and(|now| Arc::ptr_eq(&tls, &now)));
    let mixed = Pair { certificate: first.certificate.clone(), key: second.key.clone() };
    let said = publish(plan(&[&second, &mixed], json!({}))).expect_err("a key of another");
    assert_eq!(said, "listen.tls.certificates[1].key: does not belong to the certificate of a.test");
    assert!(in_force().is_some_and(|now| Arc::ptr_eq(&tls, &now)));
    tls.handshakes.full.store(7, Relaxed);
    publish(plan(&[&second], json!({}))).expect("it compiles");
    assert_eq!(in_force().expect("TLS").handshakes.full.load(Relaxed), 7);
    assert_eq!(core.warnings(UnixSeconds(u64::MAX)), ["listen.tls: the certificate of b.test has expired"]);
    assert_eq!(core.families().iter().filter(|family| family.name.starts_with("ferrogate_tls")).count(), 2);
}
