//! Routes that can never be told apart.

use super::*;

#[test]
fn the_same_requests_conflict_and_the_other_route_is_named() {
    for (first, second, host, method) in [
        (("/a", &[][..], &[][..]), ("/a", &[][..], &[][..]), None, "*"),
        (("/a", &["GET"], &[]), ("/a", &["POST", "GET"], &[]), None, "GET"),
        (("/a", &["GET"], &[]), ("/a", &[], &[]), None, "GET"),
        (("/a", &[], &[]), ("/a", &["PURGE"], &[]), None, "PURGE"),
        (("/a/:x", &[], &[]), ("/a/:y", &[], &[]), None, "*"),
        (("/a/*x", &[], &[]), ("/a/*y", &[], &[]), None, "*"),
        ((r"/a/:x(\d+)/b", &[], &[]), (r"/a/:y(\d+)/b", &[], &[]), None, "*"),
        (("/A~", &[], &[]), ("/%41%7E", &[], &[]), None, "*"),
        (("/\u{e9}", &[], &[]), ("/%c3%A9", &[], &[]), None, "*"),
        (("/a", &[], &["x.test"]), ("/a", &[], &["y.test", "X.TEST."]), Some("x.test"), "*"),
        (("/a", &[], &["*.test"]), ("/a", &[], &["*.test"]), Some("*.test"), "*"),
    ] {
        let expected = RouterError::Conflict { with: 0, host: host.map(Box::from), method: method.into() };
        assert_eq!(refusal(&[first, second]), expected, "{first:?} {second:?}");
    }
}

#[test]
fn routes_that_differ_in_anything_are_accepted() {
    router(&[
        ("/a", &["GET"], &[]),
        ("/a", &["HEAD"], &[]),
        ("/a", &["POST"], &[]),
        ("/a/", &["GET"], &[]),
        ("/a", &["GET"], &["x.test"]),
        ("/a", &["GET"], &["*.x.test"]),
        ("/a/:x", &[], &[]),
        (r"/a/:x(\d+)", &[], &[]),
        (r"/a/:x(\d+\d)", &[], &[]),
        ("/a/*x", &[], &[]),
        ("/a/b", &[], &[]),
        ("/%2F", &[], &[]),
        ("/%2f/x", &[], &[]),
    ]);
}

#[test]
fn the_message_says_it_in_plain_english() {
    let error = refusal(&[("/a", &["GET"], &["x.test"]), ("/a", &[], &["x.test"])]);
    let text = "matches the same requests as route 0: same path shape, same host x.test, both take GET";
    assert_eq!(error.to_string(), text);
    let error = refusal(&[("/a", &[], &[]), ("/a", &[], &[])]);
    assert_eq!(
        error.to_string(),
        "matches the same requests as route 0: same path shape, any host, both take every method"
    );
    let error = refusal(&[("/a/:", &[], &[])]);
    assert!(error.to_string().starts_with("path pattern, at byte 4: a parameter needs a name"), "{error}");
}

#[test]
fn unusable_methods_are_refused_with_the_reason() {
    let too_long = "X".repeat(33);
    for (method, part) in
        [("get", "capitals"), ("Post", "capitals"), ("", "token"), ("A B", "token"), (&too_long, "token")]
    {
        match refusal(&[("/", &["GET", method], &[])]) {
            RouterError::Method { method: named, message } => {
                assert_eq!(&*named, method);
                assert!(message.contains(part), "{method}: {message}");
            }
            other => panic!("{method}: {other:?}"),
        }
    }
}

#[test]
fn methods_of_their_own_are_bounded_and_all_distinct() {
    let names: Vec<String> = (0..54).map(|n| format!("M{n}")).collect();
    let lists: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
    let mut routes: Vec<Case<'_>> = lists.iter().map(|list| ("/a", &list[..], &[][..])).collect();
    let table = router(&routes);
    for (route, name) in names.iter().enumerate() {
        assert_eq!(outcome(&table, "", name, "/a"), route.to_string());
    }
    assert!(outcome(&table, "", "UNHEARD", "/a").ends_with(", M53"));
    routes.push(("/a", &["ONE-MORE"], &[]));
    assert!(matches!(refusal(&routes), RouterError::Method { .. }));
}

#[test]
fn a_route_number_is_used_once() {
    let mut builder = RouterBuilder::new();
    builder.insert(3, &spec(("/a", &[], &[]))).expect("accepted");
    assert_eq!(builder.insert(3, &spec(("/b", &[], &[]))), Err(RouterError::DuplicateRoute { route: 3 }));
}

#[test]
fn a_refused_route_leaves_nothing_behind() {
    let mut builder = RouterBuilder::new();
    builder.insert(0, &spec(("/a", &["GET"], &["b.test"]))).expect("accepted");
    for case in [
        ("/a", &["NEW", "GET"][..], &["a.test", "b.test"][..]),
        ("/x/:y(z+)/:w(*)", &["NEW"], &["a.test"]),
        ("/x", &["NEW", "bad name"], &["a.test"]),
        ("/x/:y(q[a-z]q)", &["NEW"], &["a.test", "bad host"]),
    ] {
        builder.insert(1, &spec(case)).expect_err("refused");
    }
    assert!(builder.constraints.is_empty(), "refused constraints are dropped");
    let table = builder.build();
    assert_eq!(outcome(&table, "a.test", "GET", "/a"), "404");
    assert_eq!(outcome(&table, "b.test", "NEW", "/a"), "405 GET, HEAD, OPTIONS");
    builder.insert(1, &spec(("/x/:y(w+)", &["OTHER"], &["a.test"]))).expect("accepted");
    let table = builder.build();
    assert_eq!(outcome(&table, "a.test", "OTHER", "/x/ww"), "1 y=ww");
    assert_eq!(outcome(&table, "a.test", "OTHER", "/x/zz"), "404", "a refused constraint does not come back");
    assert_eq!(outcome(&table, "a.test", "NEW", "/x/ww"), "405 OPTIONS, OTHER");
    builder.insert(2, &spec(("/y/:y(z+)", &[], &[]))).expect("accepted");
    let table = builder.build();
    assert_eq!(outcome(&table, "", "GET", "/y/zz"), "2 y=zz");
    assert_eq!(outcome(&table, "", "GET", "/y/ww"), "404", "it is compiled anew");
}
