//! Step 3 of a request: may it pass, and where to. A function of its arguments; it owns no socket, and in steady
//! state it allocates nothing. The steps stand in their order in [`decide`].

mod access;
mod api_key;
mod fleet;
mod limits;
mod matching;
mod source;
mod token;

pub use access::{asking, refusal_of};
pub use api_key::find_api_key;
pub(crate) use fleet::COST;
pub use limits::{Ended, MAX_LIMITS};
pub use source::find_token;
pub use token::{UNKNOWN_KEY, choose_issuer, denial};

use crate::h1::{Fields, Target};
use crate::jwt::Verified;
use crate::limit::{self, Key, LimitText, Override, Take};
use crate::observe::{self, Shard};
use crate::remote;
use crate::respond::{Answer, Refusal};
use crate::router::{MethodSet, Params};
use crate::snapshot::{Route, RouteAction, Snapshot};
use crate::time::{Nanos, UnixSeconds};
use access::{check_access, check_demands};
use api_key::check_api_key;
use fleet::take_fleet;
use limits::{Owed, take_limits};
use matching::match_route;
use std::net::IpAddr;
use std::sync::Arc;
use token::{check_denied, check_scopes, check_token};

/// What the decision looks at; guarded and canonical.
pub struct Facts<'a> {
    pub method: &'a [u8],
    pub target: &'a Target,
    /// Lower-cased, without port and trailing dot; empty when the request has none.
    pub host: &'a [u8],
    pub block: &'a [u8],
    pub fields: &'a Fields,
    pub client: IpAddr,
    /// The peer is one of `listen.trustedProxies`.
    pub peer_trusted: bool,
    pub now: Nanos,
    pub unix: UnixSeconds,
    /// Where the engine that asks counts.
    pub shard: Shard,
}

/// What the decision found out; reused from request to request.
#[derive(Default)]
pub struct Outcome {
    pub route: Option<u32>,
    /// Those of `route`; meaningless without one.
    pub params: Params,
    pub token: Option<Arc<Verified>>,
    /// Methods of the matching routes, for `Allow`.
    pub allow: Option<MethodSet>,
    /// What the limit that the request waited for said; taken by the step that it is decided again from.
    pub answer: Option<remote::Answer>,
    takes: Vec<(u32, Take)>,
    /// Rules of their keys that some of those limits have instead of their own.
    pushed: Vec<(u32, Arc<Override>)>,
    owed: Vec<Owed>,
    origin: Vec<u8>,
    has_origin: bool,
    /// Parameters that a route's policy looks at, where decoding changes them.
    decoded: Vec<String>,
}

impl Outcome {
    pub fn clear(&mut self) {
        self.route = None;
        self.token = None;
        self.allow = None;
        self.answer = None;
        self.takes.clear();
        self.pushed.clear();
        self.owed.clear();
        self.origin.clear();
        self.has_origin = false;
    }

    /// The limits that were checked, as indexes into the snapshot's, with what each said.
    pub fn takes(&self) -> &[(u32, Take)] {
        &self.takes
    }

    /// What header fields say of a limit that was checked.
    pub fn text<'a>(&'a self, snapshot: &'a Snapshot, limit: u32) -> Option<&'a LimitText> {
        match self.pushed.iter().find(|(index, _)| *index == limit) {
            Some((_, pushed)) => Some(&pushed.text),
            None => snapshot.limits.get(limit as usize).map(|limit| &limit.text),
        }
    }

    /// Whether limits wait for the end of the exchange; then it must be told by [`Outcome::settle`]. Places are given back
    /// by [`Outcome::clear`] too.
    pub fn is_owing(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Tells the limits that wait for it how the exchange ended, once.
    pub fn settle(&mut self, snapshot: &Snapshot, ended: &Ended) {
        limits::settle(snapshot, self, ended);
    }

    /// The `Origin` of a request to a route with a CORS policy.
    pub fn origin(&self) -> Option<&[u8]> {
        self.has_origin.then_some(&*self.origin)
    }

    /// Seconds after which all limits that refused would allow one request; at least 1.
    pub fn retry_after_seconds(&self) -> u64 {
        limit::retry_after_seconds(self.takes.iter().map(|(_, take)| take).filter(|take| !take.allowed))
    }
}

/// Where to go on after a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step(u8);

impl Step {
    pub const START: Step = Step(0);
    const TOKEN: Step = Step(1);
    /// The first of the limits in a store: of the listener, of the route, by claim. The low half is which of them.
    const LISTEN_FLEET: Step = Step(0x40);
    const ROUTE_FLEET: Step = Step(0x50);
    const CLAIM_FLEET: Step = Step(0x60);

    /// Tells the waits of one request apart.
    pub fn number(self) -> u32 {
        self.0.into()
    }

    fn is_in(self, first: Step) -> bool {
        self.0 & 0xf0 == first.0
    }

    fn at_limit(self, at: usize) -> Step {
        Step(self.0 & 0xf0 | (at & 0x0f) as u8)
    }

    fn limit(self) -> usize {
        usize::from(self.0 & 0x0f)
    }
}

const _: () = assert!(MAX_LIMITS <= 16, "a step has four bits for the limit");

#[derive(Debug)]
pub enum Next {
    /// Index into the snapshot's upstreams.
    Forward {
        upstream: u32,
    },
    /// Number of a JavaScript handler.
    Handler {
        handler: u32,
    },
    Answer(Answer),
    /// Wait, then decide again from `step`, on this snapshot.
    Wait {
        waits: Waits,
        step: Step,
    },
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// The keys of an issuer, an index into the snapshot's; `start`: their fetch is still to be asked for.
    Keys { issuer: u32, start: bool },
    /// The store of a limit, an index into the snapshot's: the key as this process and as the store knows it.
    Limit { limit: u32, key: Key, hash: [u8; 16] },
}

/// A step answers, waits, or goes on.
type Pass<T = ()> = Result<T, Next>;

/// Decides a request. After [`Next::Wait`] it is called again with the same snapshot, facts and outcome.
pub fn decide(snapshot: &Snapshot, facts: &Facts<'_>, outcome: &mut Outcome, step: Step) -> Next {
    match steps(snapshot, facts, outcome, step) {
        Ok(next) | Err(next) => next,
    }
}

fn steps(snapshot: &Snapshot, facts: &Facts<'_>, outcome: &mut Outcome, step: Step) -> Pass<Next> {
    if step == Step::START {
        take_limits(snapshot, facts, outcome, &snapshot.listen_limits, None)?;
        if !snapshot.fleet_limits.is_empty() {
            take_fleet(snapshot, facts, outcome, &snapshot.fleet_limits, None, Step::LISTEN_FLEET)?;
        }
        before_token(snapshot, facts, outcome)?;
    } else if step.is_in(Step::LISTEN_FLEET) {
        take_fleet(snapshot, facts, outcome, &snapshot.fleet_limits, None, step)?;
        before_token(snapshot, facts, outcome)?;
    }
    let route = outcome.route.and_then(|r| snapshot.route(r)).ok_or_else(|| refuse(Refusal::Internal))?;
    if step.is_in(Step::ROUTE_FLEET) {
        take_fleet(snapshot, facts, outcome, &route.fleet_limits, Some(route), step)?;
    }
    if step.is_in(Step::CLAIM_FLEET) {
        take_fleet(snapshot, facts, outcome, &route.fleet_claim_limits, Some(route), step)?;
    } else {
        check_identity(snapshot, facts, outcome, route)?;
        take_limits(snapshot, facts, outcome, &route.claim_limits, Some(route))?;
        if !route.fleet_claim_limits.is_empty() {
            let limits = &route.fleet_claim_limits;
            take_fleet(snapshot, facts, outcome, limits, Some(route), Step::CLAIM_FLEET)?;
        }
    }
    Ok(match route.action {
        RouteAction::Upstream(upstream) => Next::Forward { upstream },
        RouteAction::Handler(handler) => Next::Handler { handler },
    })
}

/// Steps c and d: who asks, and what they may do.
#[inline]
fn check_identity(snapshot: &Snapshot, facts: &Facts<'_>, outcome: &mut Outcome, route: &Route) -> Pass {
    if let Some(jwt) = &route.jwt {
        let checked = check_token(snapshot, facts, outcome, jwt)
            .and_then(|()| check_denied(snapshot, facts, outcome, jwt))
            .and_then(|()| {
                jwt.demands.as_ref().map_or(Ok(()), |demands| check_demands(facts, outcome, demands))
            })
            .and_then(|()| check_scopes(outcome, jwt));
        match checked {
            Err(_) if jwt.shadow => route.metrics.shadow(facts.shard, observe::Shadow::Token),
            checked => checked?,
        }
    }
    if let Some(wanted) = &route.api_key {
        check_api_key(snapshot, facts, outcome, wanted)?;
    }
    match &route.access {
        Some(access) => check_access(facts, outcome, route, access),
        None => Ok(()),
    }
}

/// From the match to the limits that need no token.
fn before_token(snapshot: &Snapshot, facts: &Facts<'_>, outcome: &mut Outcome) -> Pass {
    let route = match_route(snapshot, facts, outcome)?;
    take_limits(snapshot, facts, outcome, &route.limits, Some(route))?;
    if route.fleet_limits.is_empty() {
        return Ok(());
    }
    take_fleet(snapshot, facts, outcome, &route.fleet_limits, Some(route), Step::ROUTE_FLEET)
}

const fn refuse(refusal: Refusal) -> Next {
    Next::Answer(Answer::Refuse(refusal))
}
