//! A router that tries all routes and compares them: what the real one is measured against, here and by the fuzz
//! target. It knows nothing of this crate.

use std::cmp::Ordering;

/// Patterns are made of these, paths of [`TEXTS`].
pub const SEGMENTS: [&str; 10] =
    ["a", "b", "long-segment-1", "long-segment-2", ":x", ":x(a|b)", ":x(.+)", r":x(\d+)", ":x(a.?)", ":x(1)"];
pub const TEXTS: [&str; 9] =
    ["a", "b", "ab", "long-segment-1", "long-segment-2", "1", "22", "", "long-segment"];
pub const HOSTS: [&str; 5] = ["a.test", "b.a.test", "*.test", "*.a.test", "other"];
pub const ASKED_HOSTS: [&str; 6] = ["", "a.test", "b.a.test", "c.b.a.test", "test", "other"];
pub const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "PURGE"];

#[derive(Clone, Debug)]
pub struct Route {
    pub number: u32,
    pub segments: Vec<String>,
    pub methods: Vec<&'static str>,
    pub hosts: Vec<&'static str>,
}

impl Route {
    pub fn path(&self) -> String {
        self.segments.iter().map(|segment| format!("/{segment}")).collect()
    }

    fn takes(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.contains(&method)
    }

    /// Constraint text, or what kind of segment it is.
    fn shape(&self, at: usize) -> &str {
        let text = &self.segments[at];
        match text.as_bytes().first() {
            Some(b':') => text.find('(').map_or(":", |open| &text[open..]),
            Some(b'*') => "*",
            _ => text,
        }
    }

    fn has_same_shape(&self, other: &Route, until: usize) -> bool {
        self.segments.len() >= until
            && other.segments.len() >= until
            && (0..until).all(|at| self.shape(at) == other.shape(at))
    }

    /// The values if the path fits.
    fn values<'p>(&self, path: &'p str) -> Option<Vec<&'p str>> {
        let mut values = Vec::new();
        let mut rest = path;
        for at in 0..self.segments.len() {
            rest = rest.strip_prefix('/')?;
            let text = &rest[..rest.find('/').unwrap_or(rest.len())];
            match self.shape(at) {
                "*" => {
                    values.push(rest);
                    return Some(values);
                }
                ":" if !text.is_empty() => values.push(text),
                "(a|b)" if text == "a" || text == "b" => values.push(text),
                "(.+)" if !text.is_empty() => values.push(text),
                r"(\d+)" if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => values.push(text),
                "(a.?)" if text.starts_with('a') && text.len() <= 2 => values.push(text),
                "(1)" if text == "1" => values.push(text),
                shape if shape == text => {}
                _ => return None,
            }
            rest = &rest[text.len()..];
        }
        rest.is_empty().then_some(values)
    }
}

fn host_matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => pattern == host,
    }
}

pub struct Oracle {
    pub routes: Vec<Route>,
}

impl Oracle {
    /// Hosts that apply, strongest first; `None` is any.
    fn tiers(&self, host: &str) -> Vec<Option<&'static str>> {
        let mut tiers: Vec<&'static str> =
            HOSTS.into_iter().filter(|pattern| host_matches(pattern, host)).collect();
        tiers.sort_by_key(|pattern| (pattern.starts_with('*'), std::cmp::Reverse(pattern.len())));
        tiers.into_iter().map(Some).chain([None]).collect()
    }

    fn of_tier(&self, tier: Option<&'static str>) -> Vec<&Route> {
        let belongs =
            |route: &&Route| tier.map_or(route.hosts.is_empty(), |host| route.hosts.contains(&host));
        self.routes.iter().filter(belongs).collect()
    }

    /// Kind of segment, then among constraints the first registration at that place.
    fn rank(tier: &[&Route], route: &Route, at: usize) -> (u8, u32) {
        match route.shape(at) {
            "*" => (3, 0),
            ":" => (2, 0),
            shape if shape.starts_with('(') => {
                let same = tier.iter().filter(|other| other.has_same_shape(route, at + 1));
                (1, same.map(|other| other.number).min().unwrap_or(u32::MAX))
            }
            _ => (0, 0),
        }
    }

    fn compare(tier: &[&Route], one: &Route, other: &Route) -> Ordering {
        let common = one.segments.len().min(other.segments.len());
        let ranks = (0..common).map(|at| Self::rank(tier, one, at).cmp(&Self::rank(tier, other, at)));
        ranks.fold(Ordering::Equal, Ordering::then)
    }

    fn strongest<'r>(tier: &[&'r Route], path: &str, takes: impl Fn(&Route) -> bool) -> Option<&'r Route> {
        let fitting = tier.iter().copied().filter(|route| takes(route) && route.values(path).is_some());
        fitting.min_by(|one, other| Self::compare(tier, one, other))
    }

    fn in_tier<'r>(tier: &[&'r Route], method: &str, path: &str) -> Option<&'r Route> {
        let direct = Self::strongest(tier, path, |route| route.takes(method));
        let from_get = Self::strongest(tier, path, |route| method == "HEAD" && route.takes("GET"));
        match (direct, from_get) {
            (Some(own), Some(get)) if Self::compare(tier, get, own) == Ordering::Less => Some(get),
            (own, get) => own.or(get),
        }
    }

    pub fn outcome(&self, host: &str, method: &str, path: &str) -> String {
        let tiers: Vec<Vec<&Route>> = self.tiers(host).into_iter().map(|tier| self.of_tier(tier)).collect();
        if let Some(route) = tiers.iter().find_map(|tier| Self::in_tier(tier, method, path)) {
            let names = route.segments.iter().filter(|text| text.starts_with([':', '*']));
            let names = names.map(|text| text[1..].split('(').next().unwrap_or_default());
            let values = route.values(path).unwrap_or_default();
            let pairs = names.zip(values).map(|(name, value)| format!(" {name}={value}"));
            return format!("{}{}", route.number, pairs.collect::<String>());
        }
        let fits = |method: &str| tiers.iter().any(|tier| Self::in_tier(tier, method, path).is_some());
        let allowed = |method: &str| method == "OPTIONS" || fits(method);
        if !METHODS.into_iter().any(fits) {
            return "404".to_owned();
        }
        let names = ["GET", "HEAD", "POST", "OPTIONS", "PURGE"].into_iter().filter(|name| allowed(name));
        format!("405 {}", names.collect::<Vec<_>>().join(", "))
    }

    /// A route whose requests this one would take as well.
    pub fn twin(&self, new: &Route) -> Option<u32> {
        let shares_host = |old: &Route| {
            (old.hosts.is_empty() && new.hosts.is_empty())
                || old.hosts.iter().any(|host| new.hosts.contains(host))
        };
        let shares_method = |old: &Route| {
            old.methods.is_empty()
                || new.methods.is_empty()
                || old.methods.iter().any(|name| new.methods.contains(name))
        };
        let is_twin = |old: &&Route| {
            old.segments.len() == new.segments.len()
                && old.has_same_shape(new, new.segments.len())
                && shares_host(old)
                && shares_method(old)
        };
        self.routes.iter().find(is_twin).map(|old| old.number)
    }
}
