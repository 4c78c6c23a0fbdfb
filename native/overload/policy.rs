//! When a step is taken and when it is taken back: functions of what was measured and of the time. They measure
//! nothing themselves.

use crate::time::Nanos;

/// How long a step that came from a sample stays after the last one that called for it, and each one below it too.
const HOLD: Nanos = Nanos::from_secs(1);
/// Samples over which the delay of an event loop is averaged.
const DELAYS: usize = 4;

/// What is no longer done for clients; each step with those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Everything is done.
    #[default]
    Calm,
    /// Answers end their connections.
    Shed,
    /// New requests are refused.
    Refuse,
    /// Connections are not accepted.
    Stop,
}

impl Step {
    const ALL: [Step; 4] = [Step::Calm, Step::Shed, Step::Refuse, Step::Stop];

    /// The step of that number; the last for a higher one.
    pub fn of(number: u8) -> Step {
        Step::ALL[usize::from(number).min(3)]
    }

    fn below(self) -> Step {
        Step::of((self as u8).saturating_sub(1))
    }
}

/// What is used of a resource, in thousandths of its maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pressure(pub u32);

impl Pressure {
    /// A maximum of 0 is always reached.
    pub fn of(used: u64, most: u64) -> Pressure {
        let share = u128::from(used) * 1000 / u128::from(most.max(1));
        Pressure(if most == 0 { 1000 } else { u32::try_from(share).unwrap_or(u32::MAX) })
    }
}

/// Where the steps begin, in thousandths of a maximum. Requests are refused at the maximum itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    pub shed: u32,
    pub stop: u32,
    /// How far below its beginning a step ends.
    pub hysteresis: u32,
}

impl Thresholds {
    fn begins(&self, step: Step) -> Pressure {
        Pressure(match step {
            Step::Calm => 0,
            Step::Shed => self.shed,
            Step::Refuse => 1000,
            Step::Stop => self.stop,
        })
    }

    fn ends(&self, step: Step) -> Pressure {
        Pressure(self.begins(step).0.saturating_sub(self.hysteresis))
    }

    /// The step at this pressure, coming from `now`.
    pub fn next(&self, now: Step, pressure: Pressure) -> Step {
        let called = Step::ALL.into_iter().rev().find(|step| pressure >= self.begins(*step));
        let called = called.unwrap_or(Step::Calm);
        let mut step = now;
        while step > called && pressure < self.ends(step) {
            step = step.below();
        }
        step.max(called)
    }

    /// How many of at most `most` can be in hand before the first step begins.
    pub fn calm(&self, most: usize) -> usize {
        (most as u128 * u128::from(self.shed)).div_ceil(1000) as usize
    }
}

/// The step of a resource that is sampled: taken at once, and taken back one by one, each after a while of calm.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held {
    step: Step,
    /// When it was last called for.
    called: Nanos,
}

impl Held {
    /// The step after a sample.
    pub fn look(&mut self, thresholds: &Thresholds, pressure: Pressure, now: Nanos) -> Step {
        let next = thresholds.next(self.step, pressure);
        if next >= self.step {
            (self.step, self.called) = (next, now);
        } else if now.since(self.called) >= HOLD {
            (self.step, self.called) = (self.step.below(), now);
        }
        self.step
    }
}

/// The last delays of an event loop, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delays([u64; DELAYS]);

impl Delays {
    /// Adds one. It counts for at most twice the maximum, so that one pause alone, however long, refuses nobody.
    pub fn add(&mut self, delay: u64, most: u64) -> Pressure {
        self.0.rotate_right(1);
        self.0[0] = delay.min(most.saturating_mul(2));
        Pressure::of(self.0.iter().sum::<u64>() / DELAYS as u64, most)
    }
}

/// How much memory the process may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxMemory {
    Bytes(u64),
    /// Of what the container, or else the machine, has.
    Percent(u8),
}

impl MaxMemory {
    /// In bytes, with that much memory there.
    pub fn bytes(self, there: u64) -> u64 {
        match self {
            MaxMemory::Bytes(bytes) => bytes,
            MaxMemory::Percent(percent) => there / 100 * u64::from(percent),
        }
    }
}

/// What the guard allows, compiled; none is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub thresholds: Thresholds,
    pub max_in_flight: Option<usize>,
    pub max_memory: Option<MaxMemory>,
    /// Milliseconds.
    pub max_loop_delay: Option<u64>,
    /// Seconds after which a refused client may ask again.
    pub retry_after: u32,
}
