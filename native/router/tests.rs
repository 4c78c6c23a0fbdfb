//! Behaviour of the router as tables of cases, and its equality with a naive matcher.

mod conflicts;
mod hosts;
mod matching;
mod naive;
mod oracle;
mod patterns;
mod unreachable;

use super::*;

/// A route of a table: path, methods, hosts; its number is its place.
type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

fn spec<'a>((path, methods, hosts): Case<'a>) -> MatchSpec<'a> {
    MatchSpec { path, methods, hosts }
}

fn router(routes: &[Case<'_>]) -> Router {
    let mut builder = RouterBuilder::new();
    for (route, case) in routes.iter().enumerate() {
        if let Err(error) = builder.insert(route as u32, &spec(*case)) {
            panic!("{case:?}: {error}");
        }
    }
    builder.build()
}

/// Routes for every method and host.
fn paths(paths: &[&str]) -> Router {
    router(&paths.iter().map(|path| (*path, &[][..], &[][..])).collect::<Vec<_>>())
}

/// `7 id=1 rest=x`, `405 GET, HEAD`, `404`.
fn outcome(router: &Router, host: &str, method: &str, path: &str) -> String {
    let mut params = Params::new();
    match router.find(host.as_bytes(), method.as_bytes(), path.as_bytes(), &mut params) {
        Find::Route(route) => {
            let names = router.names(route);
            assert_eq!(names.len(), params.len(), "{path}: a value for each name");
            let values =
                names.iter().zip(params.iter()).map(|(name, range)| format!(" {name}={}", &path[range]));
            format!("{route}{}", values.collect::<String>())
        }
        Find::MethodNotAllowed(set) => {
            assert!(params.is_empty(), "{path}: no parameters without a route");
            let mut allow = Vec::new();
            router.allow(set, &mut allow);
            format!("405 {}", String::from_utf8_lossy(&allow))
        }
        Find::NotFound => {
            assert!(params.is_empty(), "{path}: no parameters without a route");
            "404".to_owned()
        }
    }
}

#[track_caller]
fn check(router: &Router, cases: &[(&str, &str)]) {
    for (path, expected) in cases {
        assert_eq!(outcome(router, "", "GET", path), *expected, "GET {path}");
    }
}

fn refusal(routes: &[Case<'_>]) -> RouterError {
    let mut builder = RouterBuilder::new();
    let (last, before) = routes.split_last().expect("at least one route");
    for (route, case) in before.iter().enumerate() {
        builder.insert(route as u32, &spec(*case)).expect("an earlier route is accepted");
    }
    builder.insert(before.len() as u32, &spec(*last)).expect_err("the last route is refused")
}
