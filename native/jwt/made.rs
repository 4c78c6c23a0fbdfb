//! What later steps made of a token's claims, kept with the token so that it is made once; bounded in number.

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

use serde_json::Value;

/// Things kept for one token: what differs in claim or type. More are made anew each time.
const MAX_MADE: usize = 8;

/// A list that only grows, so that it is read without a lock.
#[derive(Default)]
pub(super) struct Made(OnceLock<Box<Node>>);

struct Node {
    claim: Box<str>,
    thing: Box<dyn Any + Send + Sync>,
    next: Made,
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Made")
    }
}

impl Made {
    /// Shows `then` what `make` makes of the claim. Two threads may make a thing at the same time; one is kept.
    pub fn with<'v, T: Any + Send + Sync, R>(
        &self,
        claim: &str,
        value: impl Fn() -> Option<&'v Value>,
        make: fn(Option<&Value>) -> T,
        then: impl FnOnce(&T) -> R,
    ) -> R {
        let mut place = self;
        for _ in 0..MAX_MADE {
            let node = place.0.get_or_init(|| {
                Box::new(Node { claim: claim.into(), thing: Box::new(make(value())), next: Made::default() })
            });
            if *node.claim == *claim
                && let Some(thing) = node.thing.downcast_ref::<T>()
            {
                return then(thing);
            }
            place = &node.next;
        }
        then(&make(value()))
    }
}
