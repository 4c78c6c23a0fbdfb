//! The engines that serve one core together: threads that own connections, and environments that run JavaScript
//! handlers. It knows their letter boxes, not what is in them.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use arc_swap::ArcSwap;

use super::inbox::Inbox;
use crate::core::Core;
use crate::overload::Step;

/// An environment with connections of its own gives a request away when another has so many fewer in hand: handing it
/// over costs a message each way.
const CLEARLY_FEWER: usize = 2;

#[derive(Default)]
pub(super) struct Crew {
    /// Run handlers.
    hosts: ArcSwap<Vec<Arc<Inbox>>>,
    /// Serve connections on threads of their own.
    threads: ArcSwap<Vec<Arc<Inbox>>>,
    turn: AtomicUsize,
}

impl Crew {
    /// The crew of a core, the same one for every engine.
    pub fn of(core: &Core) -> Arc<Crew> {
        let made = core.engines.get_or_init(|| Arc::new(Crew::default()) as Arc<dyn Any + Send + Sync>);
        Arc::clone(made).downcast::<Crew>().unwrap_or_default()
    }

    pub fn add_host(&self, inbox: &Arc<Inbox>) {
        add(&self.hosts, inbox);
    }

    pub fn add_thread(&self, inbox: &Arc<Inbox>) {
        add(&self.threads, inbox);
    }

    pub fn remove_host(&self, inbox: &Arc<Inbox>) {
        remove(&self.hosts, inbox);
    }

    pub fn remove(&self, inbox: &Arc<Inbox>) {
        remove(&self.hosts, inbox);
        remove(&self.threads, inbox);
    }

    /// The environment with the fewest exchanges, of those whose event loop is not too late for more as long as there
    /// are any.
    pub fn host(&self) -> Option<Arc<Inbox>> {
        self.least(&self.hosts.load(), |inbox| (inbox.guard.step() >= Step::Refuse, inbox.handling()))
    }

    /// Whether an environment has clearly fewer exchanges than `own`.
    pub fn has_freer_host(&self, own: &Inbox) -> bool {
        let hosts = self.hosts.load();
        if hosts.len() < 2 {
            return false;
        }
        let limit = own.handling();
        hosts.iter().any(|inbox| inbox.handling() + CLEARLY_FEWER <= limit)
    }

    /// The thread with the fewest connections.
    pub fn thread(&self) -> Option<Arc<Inbox>> {
        self.least(&self.threads.load(), Inbox::busy)
    }

    /// Of equals each gets its turn.
    fn least<T: Ord>(&self, all: &[Arc<Inbox>], load: fn(&Inbox) -> T) -> Option<Arc<Inbox>> {
        if all.len() < 2 {
            return all.first().cloned();
        }
        let start = self.turn.fetch_add(1, Relaxed) % all.len();
        let (before, after) = all.split_at(start);
        after.iter().chain(before).min_by_key(|inbox| load(inbox)).cloned()
    }
}

fn remove(list: &ArcSwap<Vec<Arc<Inbox>>>, inbox: &Arc<Inbox>) {
    list.rcu(|all| all.iter().filter(|one| !Arc::ptr_eq(one, inbox)).cloned().collect::<Vec<_>>());
}

fn add(list: &ArcSwap<Vec<Arc<Inbox>>>, inbox: &Arc<Inbox>) {
    list.rcu(|all| all.iter().chain([inbox]).cloned().collect::<Vec<_>>());
}
