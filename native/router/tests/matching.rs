//! Which route takes a path and a method.

use super::*;

#[test]
fn static_paths_match_whole_and_with_their_trailing_slash() {
    let table = paths(&["/", "/a", "/a/b", "/ab", "/a/b/", "/abcdefgh", "/abcdefghi", "/abcdefghijklmnop/x"]);
    check(
        &table,
        &[
            ("/", "0"),
            ("/a", "1"),
            ("/a/b", "2"),
            ("/ab", "3"),
            ("/a/b/", "4"),
            ("/abcdefgh", "5"),
            ("/abcdefghi", "6"),
            ("/abcdefghijklmnop/x", "7"),
            ("/a/", "404"),
            ("/abc", "404"),
            ("/A", "404"),
            ("/a/b/c", "404"),
            ("/a//b", "404"),
            ("/abcdefghijklmnop", "404"),
            ("/abcdefghijklmnoq/x", "404"),
            ("/abcdefgh\0", "404"),
            ("/a\0", "404"),
            ("//", "404"),
            ("", "404"),
            ("*", "404"),
            ("a", "404"),
        ],
    );
}

#[test]
fn a_single_route_matches_like_one_of_many() {
    check(&paths(&["/a/b/c"]), &[("/a/b/c", "0"), ("/a/b", "404"), ("/a/b/c/", "404"), ("/a/b/cd", "404")]);
    check(&paths(&["/a/"]), &[("/a/", "0"), ("/a", "404"), ("/a//", "404"), ("/a/b", "404")]);
    check(&paths(&[]), &[("/", "404"), ("", "404")]);
}

#[test]
fn a_parameter_takes_one_segment_that_is_not_empty() {
    let table = paths(&["/u/:id", "/u/:id/posts/:post", "/:only"]);
    check(
        &table,
        &[
            ("/u/1", "0 id=1"),
            ("/u/a%20b", "0 id=a%20b"),
            ("/u/12345678", "0 id=12345678"),
            ("/u/123456789012345678", "0 id=123456789012345678"),
            ("/u/1/posts/2", "1 id=1 post=2"),
            ("/u/", "404"),
            ("/u//posts/2", "404"),
            ("/u/1/posts/", "404"),
            ("/u/1/", "404"),
            ("/x", "2 only=x"),
            ("/u", "2 only=u"),
            ("/", "404"),
        ],
    );
}

#[test]
fn a_catch_all_takes_the_rest_also_an_empty_one() {
    let table = paths(&["/a/*rest", "/b/", "/b/*rest", "/c/:id/*tail"]);
    check(
        &table,
        &[
            ("/a/", "0 rest="),
            ("/a/b", "0 rest=b"),
            ("/a/b/c/", "0 rest=b/c/"),
            ("/a//b", "0 rest=/b"),
            ("/a", "404"),
            ("/b/", "1"),
            ("/b/c", "2 rest=c"),
            ("/c/1/", "3 id=1 tail="),
            ("/c/1/x/y", "3 id=1 tail=x/y"),
            ("/c//x", "404"),
        ],
    );
    check(&paths(&["/*all"]), &[("/", "0 all="), ("/x/y", "0 all=x/y"), ("", "404"), ("x", "404")]);
}

#[test]
fn constraints_hold_for_the_whole_segment() {
    let table = paths(&[
        r"/n/:n(\d+)",
        "/w/:w(one|two)",
        "/u/:u([0-9a-f]{8}-[0-9a-f]{4})",
        "/e/:e(.*)",
        r"/p/:p(a/b|\)x|[)]y|(?:z))",
        "/x/:x(%C3%A9+)/y",
        "/s/:s([^a-c/]{2,3})",
    ]);
    check(
        &table,
        &[
            ("/n/12", "0 n=12"),
            ("/n/12x", "404"),
            ("/n/x12", "404"),
            ("/w/one", "1 w=one"),
            ("/w/onetwo", "404"),
            ("/u/0123abcd-ffff", "2 u=0123abcd-ffff"),
            ("/u/0123abcd-ffff0", "404"),
            ("/e/", "404"),
            ("/e/x", "3 e=x"),
            ("/p/)x", "4 p=)x"),
            ("/p/)y", "4 p=)y"),
            ("/p/z", "4 p=z"),
            ("/p/a/b", "404"),
            ("/x/%C3%A9/y", "5 x=%C3%A9"),
            ("/s/xy", "6 s=xy"),
            ("/s/x", "404"),
            ("/s/xyzz", "404"),
            ("/s/xa", "404"),
        ],
    );
}

#[test]
fn precedence_is_static_then_constrained_then_parameter_then_catch_all() {
    let table = paths(&["/p/*rest", "/p/:any", r"/p/:n(\d+)", "/p/7", r"/p/:m([0-9a-f]+)"]);
    check(
        &table,
        &[
            ("/p/7", "3"),
            ("/p/8", "2 n=8"),
            ("/p/8f", "4 m=8f"),
            ("/p/x", "1 any=x"),
            ("/p/x/y", "0 rest=x/y"),
            ("/p/", "0 rest="),
            ("/p/7/", "0 rest=7/"),
        ],
    );
}

#[test]
fn constraints_are_tried_in_the_order_of_their_place_not_of_the_table() {
    let table = paths(&[r"/elsewhere/:x(\d+)", "/a/:x(1.*)", r"/a/:y(\d+)"]);
    check(&table, &[("/a/12", "1 x=12"), ("/a/22", "2 y=22")]);
}

#[test]
fn the_leftmost_segment_decides_and_dead_ends_are_left() {
    let table = paths(&["/a/:x/c", "/a/b/:y", "/:z/b/d", "/a/b/c/e", "/:p/:q/:r/f", "/a/*rest", "/:s/*rest"]);
    check(
        &table,
        &[
            ("/a/b/c", "1 y=c"),
            ("/a/x/c", "0 x=x"),
            ("/a/b/d", "1 y=d"),
            ("/z/b/d", "2 z=z"),
            ("/a/b/c/e", "3"),
            ("/a/b/c/f", "5 rest=b/c/f"),
            ("/z/b/c/f", "4 p=z q=b r=c"),
            ("/z/b/x", "6 s=z rest=b/x"),
            ("/z/", "6 s=z rest="),
            ("/z", "404"),
        ],
    );
}

#[test]
fn a_long_dead_end_is_left_with_its_parameters() {
    let table = paths(&[r"/:a/:b/:c/:n(\d+)/end", "/:a/:b/*tail", "/x/:b/:c/:d/stop"]);
    check(
        &table,
        &[
            ("/x/2/3/4/end", "0 a=x b=2 c=3 n=4"),
            ("/x/2/3/4/stop", "2 b=2 c=3 d=4"),
            ("/x/2/3/4/other", "1 a=x b=2 tail=3/4/other"),
        ],
    );
}

#[test]
fn the_method_is_part_of_the_match() {
    let table = router(&[
        ("/a/b", &["GET"], &[]),
        ("/a/:id", &["POST", "PURGE"], &[]),
        ("/a/*rest", &["DELETE"], &[]),
        ("/any", &[], &[]),
        ("/head", &["HEAD"], &[]),
        ("/head", &["GET"], &[]),
        ("/h/x", &["PUT"], &[]),
        ("/h/:id", &["GET"], &[]),
    ]);
    for (method, path, expected) in [
        ("GET", "/a/b", "0"),
        ("POST", "/a/b", "1 id=b"),
        ("PURGE", "/a/b", "1 id=b"),
        ("DELETE", "/a/b", "2 rest=b"),
        ("PATCH", "/a/b", "405 GET, HEAD, POST, DELETE, OPTIONS, PURGE"),
        ("get", "/a/b", "405 GET, HEAD, POST, DELETE, OPTIONS, PURGE"),
        ("UNHEARD", "/a/b", "405 GET, HEAD, POST, DELETE, OPTIONS, PURGE"),
        ("OPTIONS", "/a/x", "405 POST, DELETE, OPTIONS, PURGE"),
        ("GET", "/a/", "405 DELETE, OPTIONS"),
        ("UNHEARD", "/any", "3"),
        ("OPTIONS", "/any", "3"),
        ("HEAD", "/a/b", "0"),
        ("HEAD", "/head", "4"),
        ("GET", "/head", "5"),
        ("HEAD", "/h/x", "7 id=x"),
        ("POST", "/h/x", "405 GET, HEAD, PUT, OPTIONS"),
        ("GET", "/nothing", "404"),
    ] {
        assert_eq!(outcome(&table, "", method, path), expected, "{method} {path}");
    }
}

#[test]
fn head_from_get_does_not_lose_to_a_weaker_route_for_head() {
    let table = router(&[("/a/:id", &["HEAD"], &[]), ("/a/b", &["GET"], &[])]);
    assert_eq!(outcome(&table, "", "HEAD", "/a/b"), "1");
    assert_eq!(outcome(&table, "", "HEAD", "/a/c"), "0 id=c");
}

#[test]
fn the_scratch_carries_nothing_over() {
    let table = paths(&["/a/:x/:y", "/b"]);
    let mut params = Params::new();
    assert_eq!(table.find(b"", b"GET", b"/a/1/2", &mut params), Find::Route(0));
    assert_eq!(params.value(1, b"/a/1/2"), Some(&b"2"[..]));
    assert_eq!((params.range(0), params.range(2)), (Some(3..4), None));
    assert_eq!(table.find(b"", b"GET", b"/b", &mut params), Find::Route(1));
    assert_eq!((params.len(), params.range(0)), (0, None));
    assert_eq!(table.find(b"", b"GET", b"/a/1", &mut params), Find::NotFound);
    assert!(params.is_empty());
}

#[test]
fn the_deepest_patterns_fit_the_scratch() {
    let statics = "/s".repeat(MAX_SEGMENTS);
    let every_level: Vec<String> =
        (0..MAX_SEGMENTS).map(|depth| format!("{}/:p", "/s".repeat(depth))).collect();
    let catch_alls: Vec<String> =
        (0..MAX_SEGMENTS).map(|depth| format!("{}/*r", "/s".repeat(depth))).collect();
    let params: String = (0..MAX_PARAMS).map(|n| format!("/:p{n}")).collect();
    let mut all = vec![statics.as_str(), params.as_str()];
    all.extend(every_level.iter().chain(&catch_alls).map(String::as_str));
    let table = paths(&all);
    assert_eq!(outcome(&table, "", "GET", &statics), "0");
    let miss = format!("{}x", "/s".repeat(MAX_SEGMENTS));
    assert!(outcome(&table, "", "GET", &miss).ends_with(" p=sx"), "the parameter of the last level");
    let long = "/s".repeat(10 * MAX_SEGMENTS);
    assert!(outcome(&table, "", "GET", &long).contains(" r=s/s"), "the deepest catch-all");
    assert!(outcome(&table, "", "GET", &"/x".repeat(MAX_PARAMS)).starts_with("1 p0=x"));
}

#[test]
fn ten_thousand_children_of_one_node_are_all_found() {
    let texts: Vec<String> = (0..10_000).map(|n| format!("/service-{n}/items/:id")).collect();
    let table = paths(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    for n in 0..10_000 {
        assert_eq!(outcome(&table, "", "GET", &format!("/service-{n}/items/x")), format!("{n} id=x"));
    }
    check(&table, &[("/service-10000/items/x", "404"), ("/service-1/items", "404")]);
}

#[test]
fn a_segment_forged_to_the_hash_of_another_is_not_taken_for_it() {
    let label = b"sixteen-bytes-01";
    let words =
        |text: &[u8; 16]| text.as_chunks::<8>().0.iter().map(|w| u64::from_le_bytes(*w)).collect::<Vec<_>>();
    let (real, start) = (words(label), u64::from_le_bytes(*b"forged-x"));
    let fold = |word: u64| segment::mix(0, word) ^ (segment::mix(0, word) >> 32);
    let end = fold(start) ^ fold(real[0]) ^ real[1];
    let forged = [start.to_le_bytes(), end.to_le_bytes()].concat();
    assert_eq!(segment::hash(&forged), segment::hash(label), "the forgery is one");
    let table = paths(&["/sixteen-bytes-01", "/other", "/:any"]);
    let path = [b"/", &forged[..]].concat();
    assert_eq!(table.find(b"", b"GET", &path, &mut Params::new()), Find::Route(2));
}

#[test]
fn a_builder_can_be_built_again_after_more_routes() {
    let mut builder = RouterBuilder::new();
    builder.insert(5, &spec(("/a/:id", &[], &[]))).expect("accepted");
    let first = builder.build();
    builder.insert(9, &spec(("/a/b", &[], &[]))).expect("accepted");
    assert_eq!(outcome(&first, "", "GET", "/a/b"), "5 id=b");
    assert_eq!(outcome(&builder.build(), "", "GET", "/a/b"), "9");
}
