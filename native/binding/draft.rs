//! The route checker of registration time: it says at once what publication would say later; it routes nothing.

use super::setup::failure;
use crate::router::{MatchSpec, RouterBuilder, RouterError, Warning};
use napi::{Error, Result};
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

struct Draft {
    builder: RouterBuilder,
    ids: Vec<String>,
}

thread_local! {
    /// By a number that never comes back.
    static DRAFTS: RefCell<HashMap<u32, Draft>> = RefCell::new(HashMap::new());
    static LAST_DRAFT: Cell<u32> = const { Cell::new(0) };
}

/// A checker that reports route conflicts as routes are registered. Returns its number.
#[napi(catch_unwind)]
pub fn draft_open() -> u32 {
    let number = LAST_DRAFT.get() + 1;
    LAST_DRAFT.set(number);
    let draft = Draft { builder: RouterBuilder::new(), ids: Vec::new() };
    DRAFTS.with_borrow_mut(|drafts| drafts.insert(number, draft));
    number
}

/// Adds a route to a draft; a refused one changes nothing.
#[napi(catch_unwind)]
pub fn draft_add(
    draft: u32,
    id: String,
    path: String,
    methods: Vec<String>,
    hosts: Vec<String>,
) -> Result<Vec<String>> {
    DRAFTS.with_borrow_mut(|drafts| {
        let gone = || failure("ERR_FG_CLOSED", "the gateway is closed", None);
        let draft = drafts.get_mut(&draft).ok_or_else(gone)?;
        let methods: Vec<&str> = methods.iter().map(String::as_str).collect();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let spec = MatchSpec { path: &path, methods: &methods, hosts: &hosts };
        let index = draft.ids.len() as u32;
        let warnings = draft.builder.insert(index, &spec).map_err(|e| draft_failure(&e, &draft.ids))?;
        draft.ids.push(id);
        let name = |route: u32| draft.ids.get(route as usize).map_or("", String::as_str);
        let text = |warning| match warning {
            Warning::Unreachable { route, winner } => {
                format!("route {:?} is never reached: {:?} always wins", name(route), name(winner))
            }
        };
        Ok(warnings.into_iter().map(text).collect())
    })
}

fn draft_failure(error: &RouterError, ids: &[String]) -> Error {
    let RouterError::Conflict { with, .. } = error else {
        return failure("ERR_FG_CONFIG_INVALID", &error.to_string(), Some("match"));
    };
    let other = ids.get(*with as usize).map_or("", String::as_str);
    failure("ERR_FG_ROUTE_CONFLICT", &format!("cannot be told apart from route {other:?}"), Some("match"))
}

#[napi(catch_unwind)]
pub fn draft_close(draft: u32) {
    DRAFTS.with_borrow_mut(|drafts| drafts.remove(&draft));
}
