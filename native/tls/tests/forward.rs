//! The identity as header lines, and which routes demand one.

use serde_json::{Value, json};

use super::support::{Authority, NOW, auth, client, meet, server};
use crate::snapshot::Snapshot;
use crate::testing;
use crate::tls::{ClientIdentity, TlsFacts, lacks_certificate, write_client_certificate};
use std::sync::Arc;

fn snapshot(client_certificate: Value) -> Arc<Snapshot> {
    let route = testing::route(
        "r",
        "/r",
        json!({"clientCertificate": client_certificate, "claimHeaders": [["X-User", "sub"]]}),
    );
    testing::snapshot(&testing::core(json!({"routes": [route]})))
}

fn facts(change: impl FnOnce(&mut ClientIdentity)) -> TlsFacts {
    let ca = Authority::new("ca");
    let tls = server(&[&ca.server(&["a.test"])], json!({"clientAuth": auth(&ca, false)}));
    let met = meet(&tls, &client(&ca, Some(&ca.client("ann")), &[13]), "a.test").expect("met");
    let mut facts = met.facts(NOW).expect("facts");
    change(facts.client.as_mut().expect("identified"));
    facts
}

fn lines(facts: Option<&TlsFacts>) -> String {
    let snapshot = snapshot(json!({"required": true, "headers": [
        ["X-Subject", "subject"], ["x-names", "san"], ["x-print", "fingerprint"], ["x-serial", "serial"],
    ]}));
    let route = &snapshot.routes[0];
    let names: Vec<_> = route.identity.iter().map(|name| String::from_utf8_lossy(name)).collect();
    assert_eq!(names, ["x-user", "x-subject", "x-names", "x-print", "x-serial"]);
    let mut out = Vec::new();
    write_client_certificate(&mut out, route, facts);
    String::from_utf8(out).expect("ASCII")
}

#[test]
fn headers_tell_the_identity() {
    let facts = facts(|client| client.fingerprint = "ab".repeat(32));
    let expected = format!(
        "X-Subject: CN=ann,O=Example\\, Inc\r\nx-names: URI:spiffe://example/ann, IP:192.0.2.7\r\nx-print: {}\r\n\
         x-serial: 0abc\r\n",
        "ab".repeat(32)
    );
    assert_eq!(lines(Some(&facts)), expected);
    assert_eq!(lines(None), "");
}

#[test]
fn no_value_can_break_out_of_its_field_or_list() {
    let facts = facts(|client| {
        client.subject = "CN=a\r\nX-Admin: 1\u{0}%,O=Jos\u{e9}\\ ".into();
        client.sans = vec!["DNS:a, DNS:admin".into(), "URI:x\"\\;\n".into(), "email:ü@b%2c".into()];
        client.fingerprint = String::new();
    });
    let expected = "X-Subject: CN=a%0D%0AX-Admin: 1%00%25,O=Jos%C3%A9\\%20\r\n\
        x-names: DNS:a%2C%20DNS:admin, URI:x%22%5C%3B%0A, email:%C3%BC@b%252c\r\nx-serial: 0abc\r\n";
    assert_eq!(lines(Some(&facts)), expected);
}

#[test]
fn a_route_may_demand_a_certificate() {
    let with = facts(|_| {});
    let mut without = with.clone();
    without.client = None;
    for (options, lacking) in [
        (Value::Null, [false, false, false]),
        (json!({"required": false, "headers": []}), [false, false, false]),
        (json!({"required": true, "headers": []}), [false, true, true]),
    ] {
        let snapshot = snapshot(options);
        let route = &snapshot.routes[0];
        let lacks = [Some(&with), Some(&without), None].map(|facts| lacks_certificate(route, facts));
        assert_eq!(lacks, lacking);
    }
}
