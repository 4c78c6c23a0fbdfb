//! Which host a route answers.

use super::*;

#[test]
fn an_exact_host_comes_before_wildcards_and_those_before_any() {
    let table = router(&[
        ("/a", &[], &[]),
        ("/a", &[], &["*.example.com"]),
        ("/a", &[], &["*.eu.example.com"]),
        ("/a", &[], &["API.Example.com.", "other.example"]),
        ("/any", &[], &[]),
        ("/wild", &[], &["*.example.com"]),
        ("/v6", &[], &["[::1]"]),
    ]);
    for (host, path, expected) in [
        ("", "/a", "0"),
        ("nowhere.test", "/a", "0"),
        ("example.com", "/a", "0"),
        (".example.com", "/a", "0"),
        ("badexample.com", "/a", "0"),
        ("www.example.com", "/a", "1"),
        ("a.b.example.com", "/a", "1"),
        ("x.eu.example.com", "/a", "2"),
        ("eu.example.com", "/a", "1"),
        ("api.example.com", "/a", "3"),
        ("other.example", "/a", "3"),
        ("api.example.com", "/any", "4"),
        ("x.eu.example.com", "/wild", "5"),
        ("api.example.com", "/wild", "5"),
        ("[::1]", "/v6", "6"),
        ("[::1]", "/any", "4"),
        ("example.com", "/wild", "404"),
    ] {
        assert_eq!(outcome(&table, host, "GET", path), expected, "{host} {path}");
    }
}

#[test]
fn a_host_whose_method_does_not_match_is_left_and_all_count_for_allow() {
    let table = router(&[
        ("/a", &["GET"], &["api.example.com"]),
        ("/a", &["PUT"], &["*.example.com"]),
        ("/:x", &["DELETE"], &[]),
        ("/a", &["PATCH"], &["*.other.example"]),
    ]);
    for (method, expected) in
        [("GET", "0"), ("PUT", "1"), ("DELETE", "2 x=a"), ("POST", "405 GET, HEAD, PUT, DELETE, OPTIONS")]
    {
        assert_eq!(outcome(&table, "api.example.com", method, "/a"), expected, "{method}");
    }
    assert_eq!(outcome(&table, "x.test", "GET", "/a"), "405 DELETE, OPTIONS");
}

#[test]
fn only_routes_with_a_host_leave_other_hosts_alone() {
    let table = router(&[("/a", &[], &["a.example"])]);
    assert_eq!(outcome(&table, "b.example", "GET", "/a"), "404");
    assert_eq!(outcome(&table, "", "GET", "/a"), "404");
}

#[test]
fn a_host_of_many_labels_is_looked_up_only_where_a_suffix_can_be() {
    let table = router(&[("/a", &[], &["*.example.com"])]);
    let long = format!("{}example.com", "a.".repeat(100_000));
    assert_eq!(outcome(&table, &long, "GET", "/a"), "0");
    assert_eq!(outcome(&table, &"a.".repeat(100_000), "GET", "/a"), "404");
}

#[test]
fn unusable_hosts_are_refused_with_the_reason() {
    let too_long = "a.".repeat(127) + "a";
    for (host, part) in [
        ("example.com:8080", "port"),
        ("*", "leave the host out"),
        ("*.", "leave the host out"),
        ("", "empty"),
        (".", "empty"),
        ("a..b", "empty"),
        ("*.*.example", "wildcard"),
        ("w*.example", "wildcard"),
        ("a/b", "only letters"),
        ("a b", "only letters"),
        ("münchen.example", "xn--"),
        ("[::1", "IPv6"),
        ("[::1]:80", "IPv6"),
        ("[x]", "IPv6"),
        (too_long.as_str(), "253"),
    ] {
        match refusal(&[("/", &[], &[host])]) {
            RouterError::Host { host: named, message } => {
                assert_eq!(&*named, host);
                assert!(message.contains(part), "{host}: {message}");
            }
            other => panic!("{host}: {other:?}"),
        }
    }
}
