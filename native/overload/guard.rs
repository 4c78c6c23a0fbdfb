//! The state of the guard, shared by the engines of one core: what each has in hand, the steps in force, and how often
//! they were acted upon. Engines write lines of their own; what they read per request is written only when a step changes.

use super::policy::{Delays, Held, Limits, Pressure, Step};
use crate::time::Nanos;
use arc_swap::ArcSwap;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// What was not done for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An answer ended a connection that could have been kept.
    Close,
    /// A request was refused.
    Refuse,
    /// A listening socket was left alone.
    Stop,
}

impl Action {
    pub const ALL: [(Action, &'static str); 3] =
        [(Action::Close, "close"), (Action::Refuse, "refuse"), (Action::Stop, "stop_accepting")];
}

/// What one engine has in hand, written by it alone. Apart by two cache lines: the processor fetches them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Load {
    in_flight: AtomicUsize,
    /// Of the event loop that it runs in; calm where it runs in none.
    step: AtomicU8,
    pressure: AtomicU32,
}

impl Load {
    #[inline]
    pub fn has_in_flight(&self, count: usize) {
        self.in_flight.store(count, Relaxed);
    }

    /// The step of the event loop.
    pub fn step(&self) -> Step {
        Step::of(self.step.load(Relaxed))
    }
}

/// What is sampled now and then: the event loop of one environment.
#[derive(Debug, Default)]
pub struct Sampled {
    delays: Delays,
    held: Held,
}

impl Sampled {
    /// The loop was late by so many milliseconds.
    pub fn look(&mut self, load: &Load, late: u64, limits: Option<&Limits>, now: Nanos) -> Step {
        let most = limits.and_then(|limits| Some((limits, limits.max_loop_delay?)));
        let (step, pressure) = match most {
            None => {
                *self = Sampled::default();
                (Step::Calm, Pressure::default())
            }
            Some((limits, most)) => {
                let pressure = self.delays.add(late, most);
                (self.held.look(&limits.thresholds, pressure, now), pressure)
            }
        };
        load.step.store(step as u8, Relaxed);
        load.pressure.store(pressure.0, Relaxed);
        step
    }
}

/// The guard of one core.
#[derive(Debug, Default)]
pub struct Overload {
    /// Of memory in the low half, of exchanges in flight in the high one.
    steps: AtomicU8,
    memory: Mutex<Held>,
    memory_pressure: AtomicU32,
    engines: ArcSwap<Vec<Arc<Load>>>,
    actions: [AtomicU64; Action::ALL.len()],
}

const HALF: u32 = 4;
const LOW: u8 = 0xf;

impl Overload {
    /// An engine joins.
    pub fn join(&self) -> Arc<Load> {
        let load = Arc::<Load>::default();
        self.engines.rcu(|all| all.iter().chain([&load]).cloned().collect::<Vec<_>>());
        load
    }

    /// It leaves.
    pub fn leave(&self, load: &Arc<Load>) {
        self.engines.rcu(|all| all.iter().filter(|one| !Arc::ptr_eq(one, load)).cloned().collect::<Vec<_>>());
    }

    /// Exchanges in flight in all engines, but for those of `except`.
    pub fn in_flight(&self, except: Option<&Arc<Load>>) -> usize {
        let engines = self.engines.load();
        let counted = engines.iter().filter(|one| except.is_none_or(|except| !Arc::ptr_eq(one, except)));
        counted.map(|one| one.in_flight.load(Relaxed)).sum()
    }

    /// Whether a step of memory or of exchanges in flight is in force.
    #[inline]
    pub fn is_pressed(&self) -> bool {
        self.steps.load(Relaxed) != 0
    }

    /// The step of memory and exchanges in flight; those of event loops are the engines' own.
    pub fn step(&self) -> Step {
        let steps = self.steps.load(Relaxed);
        Step::of((steps & LOW).max(steps >> HALF))
    }

    /// So many exchanges are in flight. True when accepting may begin again.
    pub fn look_at_in_flight(&self, count: usize, limits: Option<&Limits>) -> bool {
        let before = self.step();
        let now = Step::of(self.steps.load(Relaxed) >> HALF);
        let most = limits.and_then(|limits| Some((limits, limits.max_in_flight?)));
        let next = most.map_or(Step::Calm, |(limits, most)| {
            limits.thresholds.next(now, Pressure::of(count as u64, most as u64))
        });
        if next != now {
            self.put(next, HALF);
        }
        before == Step::Stop && self.step() < Step::Stop
    }

    /// The process has `used` bytes of the `there` that it could have. True when accepting may begin again.
    pub fn look_at_memory(&self, used: u64, there: u64, limits: Option<&Limits>, now: Nanos) -> bool {
        let before = self.step();
        let mut held = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let most = limits.and_then(|limits| Some((limits, limits.max_memory?.bytes(there))));
        let (step, pressure) = match most {
            None => {
                *held = Held::default();
                (Step::Calm, Pressure::default())
            }
            Some((limits, most)) => {
                let pressure = Pressure::of(used, most);
                (held.look(&limits.thresholds, pressure, now), pressure)
            }
        };
        self.memory_pressure.store(pressure.0, Relaxed);
        self.put(step, 0);
        before == Step::Stop && self.step() < Step::Stop
    }

    fn put(&self, step: Step, half: u32) {
        let with = |steps: u8| Some(steps & !(LOW << half) | (step as u8) << half);
        // It cannot fail: the new value is always given.
        let _ = self.steps.fetch_update(Relaxed, Relaxed, with);
    }

    pub fn count(&self, action: Action) {
        self.actions[action as usize].fetch_add(1, Relaxed);
    }

    /// How often that was done.
    pub fn counted(&self, action: Action) -> u64 {
        self.actions[action as usize].load(Relaxed)
    }

    /// Resource, step in force and pressure of each.
    pub fn resources(&self, limits: Option<&Limits>) -> [(&'static str, Step, Pressure); 3] {
        let steps = self.steps.load(Relaxed);
        let most = limits.and_then(|limits| limits.max_in_flight);
        let in_flight =
            most.map_or(Pressure::default(), |most| Pressure::of(self.in_flight(None) as u64, most as u64));
        let engines = self.engines.load();
        let late = engines.iter().map(|one| (one.step(), Pressure(one.pressure.load(Relaxed)))).max();
        let (loop_step, loop_pressure) = late.unwrap_or_default();
        [
            ("memory", Step::of(steps & LOW), Pressure(self.memory_pressure.load(Relaxed))),
            ("in_flight", Step::of(steps >> HALF), in_flight),
            ("event_loop", loop_step, loop_pressure),
        ]
    }
}
