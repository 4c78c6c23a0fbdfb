//! The router: drawn tables answer as a matcher does that tries every route; patterns as free text never stop it, and
//! a pattern of plain text matches the request that is written the same.

use ferrogate::h1::Target;
use ferrogate::router::{Find, MatchSpec, Params, Router, RouterBuilder, RouterError, Warning};

#[path = "../../native/router/tests/naive.rs"]
mod naive;

use naive::{ASKED_HOSTS, HOSTS, METHODS, Oracle, Route, SEGMENTS, TEXTS};

/// What a table's last segments are made of.
const LAST: [&str; 5] = ["", "a", "*rest", ":x", "b"];

/// A first byte below this draws a table.
const TABLES: u8 = b' ';

pub fn check(data: &[u8]) {
    match data.split_first() {
        Some((&first, rest)) if first < TABLES => check_table(&mut Draw(rest), usize::from(first)),
        Some(_) => check_text(&String::from_utf8_lossy(data)),
        None => {}
    }
}

/// Choices, one a byte.
struct Draw<'a>(&'a [u8]);

impl Draw<'_> {
    fn byte(&mut self) -> Option<usize> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(usize::from(first))
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        Some(of[self.byte()? % of.len()])
    }

    /// Those whose bits are set; never more than three.
    fn some(&mut self, of: &[&'static str], unless: usize) -> Option<Vec<&'static str>> {
        let bits = self.byte()?;
        let chosen = of.iter().enumerate().filter(|(at, _)| bits & unless != 0 && bits >> at & 1 == 1);
        Some(chosen.map(|(_, name)| *name).take(3).collect())
    }

    fn route(&mut self, number: u32) -> Option<Route> {
        let count = self.byte()? % 4;
        let mut segments = (0..count).map(|_| self.one(&SEGMENTS)).collect::<Option<Vec<_>>>()?;
        segments.push(self.one(&LAST)?);
        let named = |(at, text): (usize, &str)| text.replace(":x", &format!(":x{at}"));
        let segments = segments.into_iter().enumerate().map(named).collect();
        Some(Route { number, segments, methods: self.some(&METHODS, 0x80)?, hosts: self.some(&HOSTS, 0x80)? })
    }

    fn path(&mut self) -> Option<String> {
        let count = self.byte()? % 5;
        (0..=count).map(|_| Some(format!("/{}", self.one(&TEXTS)?))).collect()
    }
}

fn check_table(draw: &mut Draw<'_>, routes: usize) {
    let mut oracle = Oracle { routes: Vec::new() };
    let mut builder = RouterBuilder::new();
    let mut hidden = Vec::new();
    for number in 0..routes {
        let Some(route) = draw.route(number as u32) else { return };
        let path = route.path();
        let spec = MatchSpec { path: &path, methods: &route.methods, hosts: &route.hosts };
        match (builder.insert(route.number, &spec), oracle.twin(&route)) {
            (Ok(warnings), None) => {
                hidden.extend(warnings.into_iter().filter_map(|warning| match warning {
                    Warning::Unreachable { route, .. } => Some(route),
                    _ => None,
                }));
                oracle.routes.push(route);
            }
            (Err(RouterError::Conflict { .. }), Some(_)) => {}
            (answer, twin) => panic!("{path}: {answer:?}, expected a conflict with {twin:?}"),
        }
    }
    let table = builder.build();
    while let (Some(host), Some(method), Some(path)) =
        (draw.one(&ASKED_HOSTS), draw.one(&METHODS), draw.path())
    {
        let answer = outcome(&table, host, method, &path);
        assert_eq!(
            answer,
            oracle.outcome(host, method, &path),
            "{host} {method} {path} of {:?}",
            oracle.routes
        );
        let route = answer.split(' ').next().and_then(|number| number.parse().ok());
        assert!(route.is_none_or(|number| !hidden.contains(&number)), "{answer} was called unreachable");
    }
}

/// `7 id=1 rest=x`, `405 GET, HEAD`, `404`, as the matcher writes it.
fn outcome(router: &Router, host: &str, method: &str, path: &str) -> String {
    let mut params = Params::new();
    match router.find(host.as_bytes(), method.as_bytes(), path.as_bytes(), &mut params) {
        Find::Route(route) => {
            let names = router.names(route).iter().zip(params.iter());
            let values = names.map(|(name, range)| format!(" {name}={}", &path[range]));
            format!("{route}{}", values.collect::<String>())
        }
        Find::MethodNotAllowed(set) => {
            let mut allow = Vec::new();
            router.allow(set, &mut allow);
            format!("405 {}", String::from_utf8_lossy(&allow))
        }
        Find::NotFound => "404".to_owned(),
    }
}

/// Patterns line by line, after an empty line the paths that are asked for.
fn check_text(text: &str) {
    let mut lines = text.split('\n');
    let patterns: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).take(16).collect();
    let mut builder = RouterBuilder::new();
    let mut accepted = Vec::new();
    for (number, path) in patterns.into_iter().enumerate() {
        if builder.insert(number as u32, &MatchSpec { path, methods: &[], hosts: &[] }).is_ok() {
            accepted.push(path);
        }
    }
    let table = builder.build();
    let mut params = Params::new();
    for path in lines.take(16) {
        if let Find::Route(route) = table.find(b"", b"GET", path.as_bytes(), &mut params) {
            assert_eq!(table.names(route).len(), params.len(), "a value for each name");
            assert!(params.iter().all(|range| path.as_bytes().get(range).is_some()), "within the path");
        }
    }
    let mut target = Target::new();
    for pattern in accepted {
        let is_plain = !pattern.contains([':', '*', '\\', '?']);
        if is_plain && target.parse(pattern.as_bytes()).is_ok() {
            let found = table.find(b"", b"GET", target.path(), &mut params);
            assert!(matches!(found, Find::Route(_)) && params.is_empty(), "{pattern}: {found:?}");
        }
    }
}
