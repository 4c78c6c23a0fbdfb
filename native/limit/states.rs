//! The states that whole limits have, kept by id for as long as some snapshot uses them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, Weak};

use super::adaptive::Adaptive;
use super::warm::WarmUp;
use crate::sync::Mutex;

/// States by limit id; those that no snapshot holds any more are forgotten.
#[derive(Default)]
pub struct States {
    warm: Mutex<HashMap<Box<str>, Weak<WarmUp>>>,
    adaptive: Mutex<HashMap<Box<str>, Weak<Adaptive>>>,
}

impl States {
    /// When the limit `id` began to warm up.
    pub fn warm_up(&self, id: &str) -> Arc<WarmUp> {
        known(&self.warm, id, WarmUp::default)
    }

    /// The bound of the limit `id`, which begins within `floor` and `ceiling`.
    pub fn adaptive(&self, id: &str, floor: u32, ceiling: u32) -> Arc<Adaptive> {
        known(&self.adaptive, id, || Adaptive::new(floor, ceiling))
    }
}

fn known<T>(all: &Mutex<HashMap<Box<str>, Weak<T>>>, id: &str, made: impl FnOnce() -> T) -> Arc<T> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|_, state| state.strong_count() > 0);
    if let Some(state) = all.get(id).and_then(Weak::upgrade) {
        return state;
    }
    let state = Arc::new(made());
    all.insert(id.into(), Arc::downgrade(&state));
    state
}
