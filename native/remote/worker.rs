//! The task of one store: it keeps a connection, sends what engines ask in pipelines, and tells everybody in time.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use tokio::sync::mpsc::Receiver;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout, timeout_at};

use super::breaker::{Backoff, Breaker};
use super::connect::{CONNECT_TIMEOUT, Fault, Link, Wording, primary};
use super::leases::Leftover;
use super::script::{Amount, Granted};
use super::store::{Answer, Ask, Shared, Who};

/// Calls of one pipeline.
const BATCH: usize = 256;
/// Pipelines that wait for their answers.
const PIPELINES: usize = 64;
/// How often the store is told that this gateway is there.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often leases are looked through for what nobody wants any more.
const SWEEP: Duration = Duration::from_millis(500);
/// A connection that lasted so long was a good one.
const SOUND: Duration = Duration::from_secs(10);

/// Serves until every handle of the store is gone.
pub(super) async fn serve(shared: Arc<Shared>, mut asks: Receiver<Ask>) {
    let me = name();
    let mut backoff = Backoff::default();
    let mut is_first = true;
    loop {
        let Some(reached) = hold(&shared, &mut asks, reach(&shared, &me), is_first).await else { break };
        is_first = false;
        if let Some((link, at)) = reached {
            shared.up.store(true, Relaxed);
            shared.known.store(true, Relaxed);
            let since = Instant::now();
            if pump(&shared, link, at, &mut asks, &me).await == End::Closed {
                break;
            }
            if since.elapsed() >= SOUND {
                backoff.reset();
            }
        }
        shared.up.store(false, Relaxed);
        let pause = backoff.next(random()).as_duration();
        if hold(&shared, &mut asks, sleep(pause), false).await.is_none() {
            break;
        }
    }
    shared.up.store(false, Relaxed);
}

/// A connection over which the store answers in time, and takes writes, and which server Sentinels named for it; none
/// otherwise.
async fn reach(shared: &Shared, me: &str) -> Option<(Link, Option<String>)> {
    shared.stats.connects.fetch_add(1, Relaxed);
    let prefix = &shared.plan.prefix;
    let open = async {
        let at = primary(&shared.plan).await.ok()?;
        let mut link = Link::open(&shared.plan).await.ok()?;
        link.gather(prefix, me, true).await.ok()?;
        Some((link, at))
    };
    let (mut link, at) = timeout(CONNECT_TIMEOUT, open).await.ok()??;
    let gateways = timeout(patience(shared), link.gather(prefix, me, true)).await.ok()?.ok()?;
    shared.gateways.store(gateways, Relaxed);
    Some((link, at))
}

/// Waits for `what`, and lets nobody wait with it; `patient` once for as long as a request may wait anyway. None when
/// every handle is gone.
async fn hold<T>(
    shared: &Shared,
    asks: &mut Receiver<Ask>,
    what: impl Future<Output = T>,
    patient: bool,
) -> Option<T> {
    let mut what = pin!(what);
    if patient && let Ok(done) = timeout(patience(shared), &mut what).await {
        return Some(done);
    }
    if patient {
        shared.up.store(false, Relaxed);
    }
    loop {
        tokio::select! {
            done = &mut what => return Some(done),
            ask = asks.recv() => give_up(shared, ask?),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The connection is of no more use.
    Lost,
    /// Every handle is gone.
    Closed,
}

/// What ends a connection that still seems open.
#[derive(Default)]
struct Trip {
    breaker: Mutex<Breaker>,
    tripped: Notify,
}

impl Trip {
    fn failed(&self) {
        if self.breaker.lock().unwrap_or_else(PoisonError::into_inner).failed() {
            self.tripped.notify_one();
        }
    }

    fn succeeded(&self) {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner).succeeded();
    }
}

/// One connection, from the moment that it answers.
struct Line {
    shared: Arc<Shared>,
    link: Link,
    /// The server that Sentinels named as primary.
    at: Option<String>,
    trip: Arc<Trip>,
    room: Arc<Semaphore>,
}

async fn pump(
    shared: &Arc<Shared>,
    link: Link,
    at: Option<String>,
    asks: &mut Receiver<Ask>,
    me: &str,
) -> End {
    let room = Arc::new(Semaphore::new(PIPELINES));
    let line = Line { shared: Arc::clone(shared), link, at, trip: Arc::default(), room };
    let (mut heartbeat, mut sweep) = (interval(HEARTBEAT), interval(SWEEP));
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.reset();
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            () = line.trip.tripped.notified() => return End::Lost,
            count = asks.recv_many(&mut batch, BATCH) => {
                if count == 0 {
                    line.farewell(me).await;
                    return End::Closed;
                }
                if !line.send(&mut batch).await {
                    return End::Lost;
                }
            }
            _ = heartbeat.tick() => line.beat(me),
            _ = sweep.tick() => line.give_back(shared.leases.sweep(shared.now(), false)),
        }
    }
}

impl Line {
    /// Sends a pipeline as soon as there is room for one more; false when the connection is lost before.
    async fn send(&self, batch: &mut Vec<Ask>) -> bool {
        let permit = tokio::select! {
            permit = Arc::clone(&self.room).acquire_owned() => permit.ok(),
            () = self.trip.tripped.notified() => None,
        };
        let Some(permit) = permit else {
            batch.drain(..).for_each(|ask| give_up(&self.shared, ask));
            return false;
        };
        let permit = Arc::new(permit);
        if self.link.is_cluster() {
            for ask in batch.drain(..) {
                self.start(vec![ask], Some(Arc::clone(&permit)));
            }
        } else {
            self.start(std::mem::replace(batch, Vec::with_capacity(BATCH)), Some(permit));
        }
        true
    }

    fn start(&self, batch: Vec<Ask>, permit: Option<Arc<OwnedSemaphorePermit>>) {
        let (shared, link, trip) = (Arc::clone(&self.shared), self.link.clone(), Arc::clone(&self.trip));
        tokio::spawn(async move {
            run(&shared, link, &trip, batch).await;
            drop(permit);
        });
    }

    fn beat(&self, me: &str) {
        let (shared, mut link, trip) = (Arc::clone(&self.shared), self.link.clone(), Arc::clone(&self.trip));
        let (me, at) = (me.to_owned(), self.at.clone());
        tokio::spawn(async move {
            // One that was replaced may take writes for a while, and they are lost.
            let named = timeout(CONNECT_TIMEOUT, primary(&shared.plan)).await;
            if let Ok(Ok(named)) = named
                && named != at
            {
                return trip.tripped.notify_one();
            }
            match timeout(patience(&shared), link.gather(&shared.plan.prefix, &me, true)).await {
                Ok(Ok(gateways)) => {
                    shared.gateways.store(gateways, Relaxed);
                    trip.succeeded();
                }
                Ok(Err(_)) => trip.tripped.notify_one(),
                Err(_) => trip.failed(),
            }
        });
    }

    fn give_back(&self, left: Vec<Leftover>) {
        let mut asks = left.into_iter().map(returned).peekable();
        while asks.peek().is_some() {
            let most = if self.link.is_cluster() { 1 } else { BATCH };
            self.start(asks.by_ref().take(most).collect(), None);
        }
    }

    /// What this gateway holds goes back, and it leaves.
    async fn farewell(mut self, me: &str) {
        let left: Vec<Ask> =
            self.shared.leases.sweep(self.shared.now(), true).into_iter().map(returned).collect();
        for asks in left.chunks(BATCH) {
            let _ = timeout(patience(&self.shared), self.link.take(asks, Wording::Whole)).await;
        }
        let _ = timeout(patience(&self.shared), self.link.gather(&self.shared.plan.prefix, me, false)).await;
    }
}

fn returned(left: Leftover) -> Ask {
    let amount = Amount { want: 0, least: 0, back: left.tokens };
    let (name, rate) = (left.name, left.rate);
    Ask { name, rate, amount, who: Who::Nobody, at: crate::time::Nanos::ZERO, since: Instant::now() }
}

/// Sends one pipeline and tells everybody what came of it, at the latest when the first of them has waited enough.
async fn run(shared: &Shared, mut link: Link, trip: &Trip, batch: Vec<Ask>) {
    let since = batch.first().map_or_else(Instant::now, |ask| ask.since);
    let end = (since + patience(shared)).into();
    let unknown = match timeout_at(end, link.take(&batch, Wording::Short)).await {
        Ok(Ok(answers)) => settle(shared, trip, batch, answers),
        Ok(Err(_)) => return lost(shared, trip, batch, link.is_cluster()),
        Err(_) => return late(shared, trip, batch),
    };
    if unknown.is_empty() {
        return;
    }
    // A restart or a flush made Redis forget the script.
    match timeout_at(end, link.take(&unknown, Wording::Whole)).await {
        Ok(Ok(answers)) => {
            for ask in settle(shared, trip, unknown, answers) {
                refuse(shared, trip, ask);
            }
        }
        Ok(Err(_)) => lost(shared, trip, unknown, link.is_cluster()),
        Err(_) => late(shared, trip, unknown),
    }
}

/// Gives those whose script was not known.
fn settle(shared: &Shared, trip: &Trip, batch: Vec<Ask>, answers: Vec<Result<Granted, Fault>>) -> Vec<Ask> {
    let mut unknown = Vec::new();
    let mut answers = answers.into_iter();
    for ask in batch {
        match answers.next().unwrap_or(Err(Fault::Refused)) {
            Ok(granted) => {
                trip.succeeded();
                tell(shared, ask, &granted);
            }
            Err(Fault::Unknown) => unknown.push(ask),
            Err(Fault::Demoted) => {
                trip.tripped.notify_one();
                refuse(shared, trip, ask);
            }
            Err(Fault::Refused) => refuse(shared, trip, ask),
        }
    }
    unknown
}

fn tell(shared: &Shared, ask: Ask, granted: &Granted) {
    let stats = &shared.stats;
    let took = u64::try_from(ask.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
    stats.took.fetch_add(took, Relaxed);
    let outcome = if granted.tokens < ask.amount.least { &stats.refused } else { &stats.granted };
    outcome.fetch_add(1, Relaxed);
    match ask.who {
        Who::Request(ticket) => ticket.tell(Answer::Take(granted.take())),
        Who::Lease(key) => {
            for ticket in shared.leases.granted(key, ask.amount, granted, ask.at) {
                ticket.tell(Answer::Again);
            }
        }
        Who::Nobody => {}
    }
}

/// The store answered with an error.
fn refuse(shared: &Shared, trip: &Trip, ask: Ask) {
    shared.stats.failed.fetch_add(1, Relaxed);
    trip.failed();
    give_up(shared, ask);
}

/// The connection broke; of a cluster it is that of one node, and others may answer.
fn lost(shared: &Shared, trip: &Trip, batch: Vec<Ask>, is_cluster: bool) {
    if is_cluster {
        trip.failed();
    } else {
        shared.up.store(false, Relaxed);
        trip.tripped.notify_one();
    }
    shared.stats.failed.fetch_add(batch.len() as u64, Relaxed);
    batch.into_iter().for_each(|ask| give_up(shared, ask));
}

/// No answer in time. What the store has granted all the same is not spent by anybody.
fn late(shared: &Shared, trip: &Trip, batch: Vec<Ask>) {
    trip.failed();
    shared.stats.late.fetch_add(batch.len() as u64, Relaxed);
    batch.into_iter().for_each(|ask| give_up(shared, ask));
}

/// Whoever waits is told to do without.
pub(super) fn give_up(shared: &Shared, ask: Ask) {
    match ask.who {
        Who::Request(ticket) => ticket.tell(Answer::Fallback),
        Who::Lease(key) => {
            for ticket in shared.leases.failed(key) {
                ticket.tell(Answer::Fallback);
            }
        }
        Who::Nobody => {}
    }
}

fn patience(shared: &Shared) -> Duration {
    Duration::from_millis(shared.plan.timeout_ms)
}

/// What tells this gateway from the others of its fleet.
fn name() -> String {
    format!("{:016x}", random())
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness gateways are only less apart.
    let _ = rand::fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}
