//! Routes that stronger ones hide.

use super::*;

/// All warnings as (hidden, winner).
fn warnings(routes: &[Case<'_>]) -> Vec<(u32, u32)> {
    let mut builder = RouterBuilder::new();
    let mut all = Vec::new();
    for (route, case) in routes.iter().enumerate() {
        for warning in builder.insert(route as u32, &spec(*case)).expect("accepted") {
            let Warning::Unreachable { route, winner } = warning;
            all.push((route, winner));
        }
    }
    all
}

#[test]
fn a_hidden_path_names_its_winner_in_either_order() {
    for (strong, weak) in [
        ("/a/:x(.+)", "/a/:y"),
        ("/a/:x(.*)", "/a/:y"),
        ("/a/:x([^/]+)", "/a/:y"),
        ("/a/:x(.+)/:y", "/a/:z/b"),
        ("/a/:x(.+)/*y", "/a/:z/b/c"),
        ("/a/:x(.+)/*y", "/a/:z/"),
        ("/a/:x(.+)/*y", "/a/:z/*w"),
        (r"/a/:x(.+)/:y(\d+)", "/a/:z/17"),
        (r"/a/:x(.+)/:y(\d+)", r"/a/:z/:w(\d)"),
        ("/a/b", "/a/:x(b)"),
        ("/a/b/:y", "/a/:x(b)/c"),
    ] {
        let ((strong, weak), none) = ((strong, weak), &[][..]);
        assert_eq!(warnings(&[(strong, none, none), (weak, none, none)]), [(1, 0)], "{strong} {weak}");
        assert_eq!(warnings(&[(weak, none, none), (strong, none, none)]), [(0, 1)], "{weak} {strong}");
    }
}

#[test]
fn among_constraints_the_earlier_hides_the_later() {
    for (first, second, expected) in [
        (r"/a/:x(\d+)", r"/a/:y([0-9]+)", &[(1, 0)][..]),
        (r"/a/:x(\w+)", r"/a/:y(\d{2,4})", &[(1, 0)]),
        (r"/a/:x(\w+)", r"/a/:y(on|off)", &[(1, 0)]),
        (r"/a/:y(\d{2,4})", r"/a/:x(\w+)", &[]),
        (r"/a/:x(\w{2,})", r"/a/:y(\d+)", &[]),
        (r"/a/:x(a+b)", r"/a/:y(ab|aab)", &[(1, 0)]),
    ] {
        assert_eq!(warnings(&[(first, &[], &[]), (second, &[], &[])]), expected, "{first} {second}");
    }
}

#[test]
fn what_can_be_reached_is_not_reported() {
    let none = &[][..];
    for (first, second) in [
        (("/a/:x", none, none), ("/a/b", none, none)),
        (("/a/*x", none, none), ("/a/:y", none, none)),
        (("/a/:x(.+)", none, none), ("/a/*y", none, none)),
        (("/a/:x(.+)/c", none, none), ("/a/:y/:z", none, none)),
        (("/a/:x(.+)", none, none), ("/a/b", none, none)),
        (("/a/:x(.+)", &["GET"], none), ("/a/:y", none, none)),
        (("/a/:x(.+)", &["HEAD"], none), ("/a/:y", &["GET"], none)),
        (("/a/:x(.+)", none, &["x.test"]), ("/a/:y", none, none)),
        (("/a/:x(.+)", none, &["x.test"]), ("/a/:y", none, &["x.test", "y.test"])),
        (("/a/:x(.+)", none, none), ("/a/:y", none, &["y.test"])),
        (("/a/:x(.+)/:y", none, none), ("/a/:z/", none, none)),
    ] {
        assert_eq!(warnings(&[first, second]), [], "{first:?} {second:?}");
    }
}

#[test]
fn methods_and_hosts_count() {
    let get_and_rest: &[Case<'_>] =
        &[("/a/:x(.+)", &["GET"], &[]), ("/a/:x(.+)", &["POST"], &[]), ("/a/:y", &["POST", "GET"], &[])];
    assert_eq!(warnings(get_and_rest), [(2, 0)], "two routes together");
    assert_eq!(
        warnings(&[("/a/:x(.+)", &["GET"], &[]), ("/a/:y", &["HEAD"], &[])]),
        [(1, 0)],
        "HEAD goes to GET"
    );
    let two_hosts: &[Case<'_>] = &[
        ("/a/:x(.+)", &[], &["x.test"]),
        ("/a/:y", &[], &["x.test", "y.test"]),
        ("/a/:z(.+)", &[], &["y.test"]),
    ];
    assert_eq!(warnings(two_hosts), [(1, 0)], "hidden once its last host is");
}

#[test]
fn a_route_is_reported_once() {
    let routes: &[Case<'_>] =
        &[("/a/:y", &[], &[]), ("/a/:x(.+)", &[], &[]), ("/a/:z([^/]+)", &["GET"], &[]), ("/b/:c", &[], &[])];
    assert_eq!(warnings(routes), [(0, 1), (2, 1)]);
}

#[test]
fn the_search_for_hidden_routes_is_bounded() {
    let mut builder = RouterBuilder::new();
    let branches = ["(.+)", "([^/]+)", "(.*)", "([^/]*)"];
    for shape in 0..4_u32.pow(4) {
        let part = |place: u32| format!("/:p{place}{}", branches[(shape / 4_u32.pow(place) % 4) as usize]);
        let path: String = (0..4).map(part).collect();
        builder.insert(shape, &spec((&path, &[], &[]))).expect("accepted");
    }
    builder.insert(u32::MAX, &spec(("/:w/:x/:y/:z", &[], &[]))).expect("accepted");
}
