//! The router against a matcher that tries all routes and compares them; the order of search is written twice.

use super::naive::{ASKED_HOSTS, HOSTS, METHODS, Oracle, Route, SEGMENTS, TEXTS};
use super::*;
use proptest::prelude::*;

fn a_route() -> impl Strategy<Value = Route> {
    let segments = prop::collection::vec(prop::sample::select(SEGMENTS.to_vec()), 0..4);
    let last = prop::sample::select(vec!["", "a", "*rest", ":x", "b"]);
    let methods = prop::sample::subsequence(METHODS.to_vec(), 0..3);
    let hosts = prop_oneof![3 => Just(Vec::new()), 1 => prop::sample::subsequence(HOSTS.to_vec(), 1..3)];
    (segments, last, methods, hosts).prop_map(|(mut segments, last, methods, hosts)| {
        segments.push(last);
        let named = |(n, text): (usize, &str)| text.replace(":x", &format!(":x{n}"));
        Route { number: 0, segments: segments.into_iter().enumerate().map(named).collect(), methods, hosts }
    })
}

fn a_path() -> impl Strategy<Value = String> {
    let segments = prop::collection::vec(prop::sample::select(TEXTS.to_vec()), 1..5);
    segments.prop_map(|segments| segments.iter().map(|text| format!("/{text}")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn the_router_answers_like_the_naive_matcher(
        routes in prop::collection::vec(a_route(), 1..24),
        asked in prop::collection::vec(
            (prop::sample::select(ASKED_HOSTS.to_vec()), prop::sample::select(METHODS.to_vec()), a_path()), 40),
    ) {
        let mut oracle = Oracle { routes: Vec::new() };
        let mut builder = RouterBuilder::new();
        let mut hidden = Vec::new();
        for (number, mut route) in routes.into_iter().enumerate() {
            route.number = number as u32;
            let path = route.path();
            let spec = MatchSpec { path: &path, methods: &route.methods, hosts: &route.hosts };
            match (builder.insert(route.number, &spec), oracle.twin(&route)) {
                (Ok(warnings), None) => {
                    hidden.extend(warnings.into_iter().map(|Warning::Unreachable { route, .. }| route));
                    oracle.routes.push(route);
                }
                (Err(RouterError::Conflict { .. }), Some(_)) => {}
                (answer, twin) => prop_assert!(false, "{}: {:?}, expected a conflict with {:?}", path, answer, twin),
            }
        }
        let table = builder.build();
        for (host, method, path) in asked {
            let answer = outcome(&table, host, method, &path);
            prop_assert_eq!(&answer, &oracle.outcome(host, method, &path), "{} {} {}", host, method, path);
            let route = answer.split(' ').next().and_then(|number| number.parse().ok());
            prop_assert!(route.is_none_or(|number| !hidden.contains(&number)), "{} was called unreachable", answer);
        }
    }
}
