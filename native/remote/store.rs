//! A store as engines see it: asked without waiting, answered through [`Answers`] within its timeout. It opens no socket.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use aws_lc_rs::digest;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::leases::{Leases, Spend, Wanted};
use super::runtime::{Running, Runtime};
use super::script::{Amount, Rate};
use super::stats::Stats;
use super::worker;
use crate::limit::{Key, Take};
use crate::observe::Family;
use crate::snapshot::plan::PlanStore;
use crate::time::Nanos;

/// Questions that wait to be sent; one more is not asked.
const MAX_WAITING: usize = 16_384;

/// What a request that waited is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What the bucket in the store said.
    Take(Take),
    /// The lease was renewed: look at it again.
    Again,
    /// The store gave no answer in time.
    Fallback,
}

/// Who is told; an engine's letter box.
pub trait Answers: Send + Sync {
    fn answer(&self, ticket: &Ticket, answer: Answer);
}

/// A request that waits, by whatever its engine finds it.
#[derive(Clone)]
pub struct Ticket {
    pub to: Arc<dyn Answers>,
    pub id: u32,
    pub generation: u32,
    /// Which wait of the request it is.
    pub wait: u32,
}

impl Ticket {
    pub(super) fn tell(&self, answer: Answer) {
        self.to.answer(self, answer);
    }
}

/// What a limit counts by, as the store knows it: a hash of the value, never the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Prefix and limit, up to the brace that begins the part that a cluster chooses the slot by.
    pub begins: Arc<str>,
    pub hash: [u8; 16],
}

impl Name {
    /// `parts` are hashed with their lengths, so that no two lists give the same.
    pub fn new<'a>(begins: &Arc<str>, parts: impl Iterator<Item = &'a [u8]>) -> Name {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&context.finish().as_ref()[..16]);
        Name { begins: Arc::clone(begins), hash }
    }

    /// `prefix` + `limit:ID:{hash}`.
    pub(super) fn key(&self) -> String {
        let mut key = String::with_capacity(self.begins.len() + 34);
        key.push_str(&self.begins);
        key.push('{');
        for byte in self.hash {
            // Writing to a string cannot fail.
            let _ = write!(key, "{byte:02x}");
        }
        key.push('}');
        key
    }
}

/// A limit's request for tokens.
#[derive(Clone, Copy)]
pub struct Counted<'a> {
    /// As the leases of this process know it.
    pub key: Key,
    pub name: &'a Name,
    pub rate: Rate,
    pub cost: u32,
}

/// One call of the script.
pub(super) struct Ask {
    pub name: Name,
    pub rate: Rate,
    pub amount: Amount,
    pub who: Who,
    pub at: Nanos,
    /// By the clock of the machine: when it came.
    pub since: Instant,
}

pub(super) enum Who {
    Request(Ticket),
    Lease(Key),
    /// Tokens that go back.
    Nobody,
}

/// What a store's task and its engines share.
pub(super) struct Shared {
    pub plan: PlanStore,
    pub leases: Leases,
    pub stats: Stats,
    /// Questions are answered, or nobody has tried yet.
    pub up: AtomicBool,
    /// It has answered once.
    pub known: AtomicBool,
    /// Gateways that share it, as last heard.
    pub gateways: AtomicU32,
    /// The engines' time at a moment of the machine's, as first heard.
    epoch: OnceLock<(Instant, Nanos)>,
}

impl Shared {
    /// The engines' time; before the first of them asked, the beginning of it.
    pub fn now(&self) -> Nanos {
        self.epoch.get().map_or(Nanos::ZERO, |(then, nanos)| {
            nanos.plus(Nanos(u64::try_from(then.elapsed().as_nanos()).unwrap_or(u64::MAX)))
        })
    }
}

/// A Redis or Valkey that limits are counted in. Its task ends when the last handle is gone.
pub struct Store {
    shared: Arc<Shared>,
    asks: mpsc::Sender<Ask>,
    _runtime: Arc<Running>,
}

impl Store {
    /// Opens it in the background.
    pub fn open(plan: &PlanStore, runtime: &Runtime) -> std::io::Result<Store> {
        let shared = Arc::new(Shared {
            plan: plan.clone(),
            leases: Leases::default(),
            stats: Stats::default(),
            up: AtomicBool::new(true),
            known: AtomicBool::new(false),
            gateways: AtomicU32::new(1),
            epoch: OnceLock::new(),
        });
        let (asks, questions) = mpsc::channel(MAX_WAITING);
        let running = runtime.running()?;
        running.spawn(Box::pin(worker::serve(Arc::clone(&shared), questions)));
        Ok(Store { shared, asks, _runtime: running })
    }

    /// Whether the plan asks for what is open.
    pub fn is_made_of(&self, plan: &PlanStore) -> bool {
        self.shared.plan == *plan
    }

    /// Prefix and limit, as [`Name::new`] wants them.
    pub fn begins(&self, limit: &str) -> Arc<str> {
        format!("{}limit:{limit}:", self.shared.plan.prefix).into()
    }

    /// False while it is known to be away, so that nobody waits for it.
    pub fn is_up(&self) -> bool {
        self.shared.up.load(Relaxed)
    }

    pub fn timeout(&self) -> Nanos {
        Nanos::from_millis(self.shared.plan.timeout_ms)
    }

    /// Gateways that share the store, this one among them, as it said last.
    pub fn gateways(&self) -> u32 {
        self.shared.gateways.load(Relaxed).max(1)
    }

    /// Spends from the lease of a key.
    pub fn spend(&self, key: Key, rate: &Rate, cost: u32, now: Nanos) -> Spend {
        self.shared.leases.spend(key, rate, cost, now)
    }

    /// Has a lease that runs low renewed; nobody waits for it.
    pub fn top_up(&self, counted: &Counted<'_>, now: Nanos) {
        if self.is_up() {
            self.renew(counted, now, None);
        }
    }

    /// Asks for tokens of a lease, or with `exact` for those of this request alone. The ticket is answered within the
    /// timeout, perhaps before this returns.
    pub fn ask(&self, counted: &Counted<'_>, exact: bool, now: Nanos, ticket: Ticket) {
        self.shared.epoch.get_or_init(|| (Instant::now(), now));
        let rest = if exact { Some(ticket) } else { self.renew(counted, now, Some(ticket)) };
        if let Some(ticket) = rest {
            let amount = Amount { want: counted.cost, least: counted.cost, back: 0 };
            self.send(counted, amount, Who::Request(ticket), now);
        }
    }

    /// Gives the ticket back where there is no place for a lease.
    fn renew(&self, counted: &Counted<'_>, now: Nanos, waiting: Option<Ticket>) -> Option<Ticket> {
        match self.shared.leases.want(counted, self.gateways(), now, waiting) {
            Wanted::Ask(renewal) => {
                self.send(counted, renewal.amount, Who::Lease(counted.key), renewal.at);
            }
            Wanted::Waits => {}
            Wanted::There(ticket) => ticket.tell(Answer::Again),
            Wanted::Full(ticket) => return Some(ticket),
        }
        None
    }

    fn send(&self, counted: &Counted<'_>, amount: Amount, who: Who, at: Nanos) {
        let ask =
            Ask { name: counted.name.clone(), rate: counted.rate, amount, who, at, since: Instant::now() };
        if let Err(TrySendError::Full(ask) | TrySendError::Closed(ask)) = self.asks.try_send(ask) {
            self.shared.stats.full.fetch_add(1, Relaxed);
            worker::give_up(&self.shared, ask);
        }
    }

    /// Requests that the fallback of a limit decided; the same counter after a reload.
    pub fn fallbacks(&self, limit: &str) -> Arc<AtomicU64> {
        let mut all = self.shared.stats.fallbacks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(limit.into()).or_default())
    }
}

/// Counters of fallbacks by limit.
pub(super) type Fallbacks = Mutex<HashMap<Box<str>, Arc<AtomicU64>>>;

/// Every metric family of the stores; none without stores.
pub fn families(stores: &[Arc<Store>]) -> Vec<Family> {
    let shared: Vec<&Shared> = stores.iter().map(|store| &*store.shared).collect();
    super::stats::families(&shared)
}
