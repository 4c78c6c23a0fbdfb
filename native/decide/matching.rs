//! Step a: which route takes the request.

use super::{Facts, Next, Outcome, Pass, refuse};
use crate::h1::FieldId;
use crate::respond::{Answer, Refusal};
use crate::router::Find;
use crate::snapshot::{Route, Snapshot};

/// Step a: host, method and canonical path; then whether the route allows what is ambiguous in the path.
pub(super) fn match_route<'s>(
    snapshot: &'s Snapshot,
    facts: &Facts<'_>,
    outcome: &mut Outcome,
) -> Pass<&'s Route> {
    if facts.target.is_asterisk() {
        let answer =
            if facts.method == b"OPTIONS" { Answer::Options } else { Answer::Refuse(Refusal::NotFound) };
        return Err(Next::Answer(answer));
    }
    preflight(snapshot, facts, outcome)?;
    let path = facts.target.path();
    match snapshot.router.find(facts.host, facts.method, path, &mut outcome.params) {
        Find::Route(index) => found(snapshot, index, facts, outcome),
        _ if !facts.target.flags().is_empty() => Err(refuse(Refusal::AmbiguousPath)),
        Find::NotFound => Err(refuse(Refusal::NotFound)),
        Find::MethodNotAllowed(set) => {
            outcome.allow = Some(set);
            let answer = match facts.method {
                b"OPTIONS" => Answer::Options,
                _ => Answer::Refuse(Refusal::MethodNotAllowed),
            };
            Err(Next::Answer(answer))
        }
    }
}

/// A CORS preflight is answered before token and limits when the route of the method that it announces has a policy
/// (Fetch standard, CORS-preflight request); without one it is a plain OPTIONS request.
fn preflight(snapshot: &Snapshot, facts: &Facts<'_>, outcome: &mut Outcome) -> Pass {
    if facts.method != b"OPTIONS" || facts.fields.first(facts.block, FieldId::Origin).is_none() {
        return Ok(());
    }
    let Some(method) = facts.fields.first(facts.block, FieldId::AcrMethod) else { return Ok(()) };
    let found_route = snapshot.router.find(facts.host, method, facts.target.path(), &mut outcome.params);
    let Find::Route(index) = found_route else { return Ok(()) };
    if snapshot.route(index).is_none_or(|route| route.cors.is_none()) {
        return Ok(());
    }
    found(snapshot, index, facts, outcome)?;
    Err(Next::Answer(Answer::Preflight))
}

fn found<'s>(
    snapshot: &'s Snapshot,
    index: u32,
    facts: &Facts<'_>,
    outcome: &mut Outcome,
) -> Pass<&'s Route> {
    let route = snapshot.route(index).ok_or_else(|| refuse(Refusal::Internal))?;
    if !route.allow.contains(facts.target.flags()) {
        return Err(refuse(Refusal::AmbiguousPath));
    }
    outcome.route = Some(index);
    if route.cors.is_some()
        && let Some(origin) = facts.fields.first(facts.block, FieldId::Origin)
    {
        outcome.origin.extend_from_slice(origin);
        outcome.has_origin = true;
    }
    Ok(route)
}
