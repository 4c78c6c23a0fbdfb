//! Which certificate a server name gets, over both versions.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

use super::support::{Authority, Pair, certificate, client, compile, meet, meet_in, plan, server};
use crate::tls::names::normal_name;

fn der(pair: &Pair) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pair.certificate.as_bytes()).expect("PEM")
}

#[test]
fn the_server_name_chooses_the_certificate() {
    let ca = Authority::new("ca");
    let first = ca.server(&["first.test", "other.test", "x.y.wild.test", "wild.test", "odd.second.test"]);
    let second = ca.server(&["second.test", "*.second.test"]);
    let wild = ca.server(&["*.wild.test", "exact.wild.test"]);
    let third = ca.server(&["third.test", "exact.wild.test"]);
    let tls = server(&[&first, &second, &wild, &third], json!({}));
    for (name, expected) in [
        ("first.test", &first),
        ("SECOND.test", &second),
        ("a.second.test", &second),
        ("odd.second.test", &first),
        ("b.wild.test", &wild),
        ("third.test", &third),
        // The first of two certificates with the same name.
        ("exact.wild.test", &wild),
        // A wildcard stands for one label.
        ("x.y.wild.test", &first),
        ("wild.test", &first),
        // The default.
        ("other.test", &first),
    ] {
        for version in [12, 13] {
            let met = meet(&tls, &client(&ca, None, &[version]), name).expect(name);
            assert_eq!(met.shown(), der(expected), "{name} over {version}");
        }
    }
}

#[test]
fn names_that_are_given_replace_those_of_the_certificate() {
    let ca = Authority::new("ca");
    let (first, second) = (ca.server(&["a.test", "b.test"]), ca.server(&["a.test", "b.test"]));
    let mut named = certificate(&second);
    named["names"] = json!(["B.test."]);
    let tls = server(&[&first], json!({"certificates": [certificate(&first), named]}));
    let config = client(&ca, None, &[13]);
    assert_eq!(meet(&tls, &config, "a.test").expect("met").shown(), der(&first));
    // The first certificate has the name too, and stands first.
    assert_eq!(meet(&tls, &config, "b.test").expect("met").shown(), der(&first));
    let mut only = certificate(&first);
    only["names"] = json!(["a.test"]);
    let mut named = certificate(&second);
    named["names"] = json!(["*.test"]);
    let tls = server(&[&first], json!({"certificates": [only, named]}));
    assert_eq!(meet(&tls, &config, "a.test").expect("met").shown(), der(&first));
    assert_eq!(meet(&tls, &config, "b.test").expect("met").shown(), der(&second));
}

#[test]
fn of_two_kinds_of_key_the_client_gets_one_that_it_can_verify() {
    let ca = Authority::new("ca");
    let (ed, ec) = (ca.ed25519(&["a.test"]), ca.server(&["a.test"]));
    let tls = server(&[&ed, &ec], json!({}));
    let mut config = (*client(&ca, None, &[13])).clone();
    assert_eq!(meet(&tls, &config.clone().into(), "a.test").expect("met").shown(), der(&ed));
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    let known = provider.signature_verification_algorithms;
    let without: Vec<_> = known
        .mapping
        .iter()
        .filter(|(scheme, _)| *scheme != rustls::SignatureScheme::ED25519)
        .copied()
        .collect();
    provider.signature_verification_algorithms.mapping = without.leak();
    let roots = {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).expect("PEM")).expect("an authority");
        roots
    };
    config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    assert_eq!(meet(&tls, &config.into(), "a.test").expect("met").shown(), der(&ec));
}

#[test]
fn the_floor_and_the_protocol_are_kept() {
    let ca = Authority::new("ca");
    let pair = ca.server(&["a.test"]);
    let floor = server(&[&pair], json!({"minVersion": "1.3"}));
    let both = server(&[&pair], json!({}));
    assert!(meet(&floor, &client(&ca, None, &[13]), "a.test").is_ok());
    assert!(meet(&both, &client(&ca, None, &[12]), "a.test").is_ok());
    let (side, error) = meet(&floor, &client(&ca, None, &[12]), "a.test").expect_err("too old");
    assert_eq!((side, error), ("server", rustls::PeerIncompatible::Tls12NotOfferedOrEnabled.into()));
    let mut h2 = (*client(&ca, None, &[13])).clone();
    h2.alpn_protocols = vec![b"h2".to_vec()];
    assert!(meet(&both, &h2.clone().into(), "a.test").is_err());
    h2.alpn_protocols.clear();
    assert!(meet(&both, &h2.into(), "a.test").is_ok());
}

#[test]
fn a_handshake_may_come_byte_by_byte() {
    let ca = Authority::new("ca");
    let tls = server(&[&ca.server(&["a.test"])], json!({}));
    for version in [12, 13] {
        let met = meet_in(&tls, &client(&ca, None, &[version]), "a.test", 1).expect("met");
        assert_eq!(met.facts(super::support::NOW).expect("facts").sni.as_deref(), Some("a.test"));
    }
}

#[test]
fn a_client_without_a_server_name_gets_the_first_certificate() {
    let ca = Authority::new("ca");
    let (first, second) = (ca.server(&["192.0.2.1"]), ca.server(&["second.test"]));
    let tls = server(&[&first, &second], json!({}));
    let met = meet(&tls, &client(&ca, None, &[13]), "192.0.2.1").expect("met");
    assert_eq!(met.shown(), der(&first));
    assert_eq!(met.facts(super::support::NOW).expect("facts").sni, None);
    let error = compile(plan(&[&second, &first], json!({})), None).expect_err("never chosen");
    assert_eq!(error.path, "listen.tls.certificates[1]");
}

#[test]
fn names_have_one_form() {
    for (written, normal) in [
        ("A.Test", Some("a.test")),
        ("a.test.", Some("a.test")),
        ("*.a.test", Some("*.a.test")),
        ("xn--bcher-kva.test", Some("xn--bcher-kva.test")),
        ("localhost", Some("localhost")),
        ("", None),
        (".", None),
        ("*", None),
        ("*.", None),
        ("a..test", None),
        ("a.*.test", None),
        ("f*.test", None),
        ("-a.test", None),
        ("192.0.2.1", None),
        ("[::1]", None),
        ("bücher.test", None),
        ("a b.test", None),
    ] {
        assert_eq!(normal_name(written).as_deref(), normal, "{written}");
    }
}
