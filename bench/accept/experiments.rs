//! The three experiments; each takes turns between the ways to accept and returns one JSON object per way and case.

use crate::client::{self, Arrival, Tally};
use crate::server::{Mode, Server};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub const THREADS: usize = 4;
const CONNECTIONS: [usize; 3] = [4, 64, 1_000];
/// Client threads of the cost; few, because they share the processors with the server.
const CLIENTS: usize = 4;
/// Client threads while accepting stops; many, so that some always connect at that moment.
const CLIENTS_AT_CLOSE: usize = 16;
/// Clients connect so long before and after the moment that is looked at.
const AROUND_CLOSE: Duration = Duration::from_millis(40);
const COST_ROUND: Duration = Duration::from_secs(1);

/// How keep-alive connections fall on the threads: the busiest one over the mean, and threads that have none.
pub fn balance(runs: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    for (arrival, name) in [(Arrival::InTurn, "in turn"), (Arrival::AtOnce, "at once")] {
        for connections in CONNECTIONS {
            let mut seen: [Vec<Vec<usize>>; 3] = Default::default();
            for _ in 0..runs {
                for (mode, spreads) in Mode::ALL.into_iter().zip(&mut seen) {
                    spreads.push(spread(mode, connections, arrival));
                }
            }
            for (mode, spreads) in Mode::ALL.into_iter().zip(seen) {
                rows.push(balance_row(mode, name, connections, spreads));
            }
        }
    }
    rows
}

fn spread(mode: Mode, connections: usize, arrival: Arrival) -> Vec<usize> {
    let server = Server::start(mode, THREADS).expect("a listening socket");
    let held = client::hold(server.address, connections, arrival).expect("every connection is answered");
    let open = server.open();
    drop(held);
    server.end();
    open
}

fn balance_row(mode: Mode, arrival: &str, connections: usize, spreads: Vec<Vec<usize>>) -> Value {
    let mean = connections as f64 / THREADS as f64;
    let most = |spread: &Vec<usize>| *spread.iter().max().expect("threads") as f64 / mean;
    let over: Vec<f64> = spreads.iter().map(most).collect();
    let empty: usize = spreads.iter().flatten().filter(|&&count| count == 0).count();
    json!({
        "mode": mode.name(), "arrival": arrival, "connections": connections,
        "maxOverMean": median(over.clone()), "worst": over.iter().copied().fold(0.0, f64::max),
        "emptyThreads": empty as f64 / spreads.len() as f64, "spreads": spreads,
    })
}

/// Connections lost when one thread, or the whole server, stops accepting while clients connect.
pub fn close(runs: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    for (all, name) in [(false, "one thread leaves"), (true, "all close")] {
        let mut sums: [Tally; 3] = Default::default();
        for _ in 0..runs {
            for (mode, sum) in Mode::ALL.into_iter().zip(&mut sums) {
                let tally = closing(mode, all);
                sum.answered += tally.answered;
                sum.lost += tally.lost;
                sum.refused += tally.refused;
            }
        }
        for (mode, sum) in Mode::ALL.into_iter().zip(sums) {
            let Tally { answered, lost, refused } = sum;
            rows.push(json!({
                "mode": mode.name(), "event": name, "events": runs,
                "answered": answered, "lost": lost, "refused": refused,
            }));
        }
    }
    rows
}

fn closing(mode: Mode, all: bool) -> Tally {
    let server = Server::start(mode, THREADS).expect("a listening socket");
    let stop = AtomicBool::new(false);
    let tally = thread::scope(|scope| {
        let clients = start_clients(scope, &server, &stop, (CLIENTS_AT_CLOSE, all));
        thread::sleep(AROUND_CLOSE);
        if all {
            server.leave_all()
        } else {
            server.leave_one()
        }
        thread::sleep(AROUND_CLOSE);
        stop.store(true, Ordering::Release);
        sum(clients)
    });
    server.end();
    tally
}

/// CPU time of the server's threads for a connection that asks once, rounds in turn.
pub fn cost(rounds: usize) -> Vec<Value> {
    let mut seen: [Vec<(f64, f64)>; 3] = Default::default();
    for _ in 0..rounds {
        for (mode, list) in Mode::ALL.into_iter().zip(&mut seen) {
            list.push(cost_round(mode));
        }
    }
    let rows = Mode::ALL.into_iter().zip(seen).map(|(mode, list)| {
        let (micros, rates): (Vec<f64>, Vec<f64>) = list.into_iter().unzip();
        json!({
            "mode": mode.name(), "cpuMicros": median(micros.clone()),
            "connectionsPerSecond": median(rates), "rounds": micros,
        })
    });
    rows.collect()
}

/// CPU microseconds per connection, and connections per second.
fn cost_round(mode: Mode) -> (f64, f64) {
    let server = Server::start(mode, THREADS).expect("a listening socket");
    let stop = AtomicBool::new(false);
    let began = Instant::now();
    let tally = thread::scope(|scope| {
        let clients = start_clients(scope, &server, &stop, (CLIENTS, false));
        thread::sleep(COST_ROUND);
        stop.store(true, Ordering::Release);
        sum(clients)
    });
    let seconds = began.elapsed().as_secs_f64();
    let (accepted, nanos) = server.end();
    assert_eq!((tally.lost, tally.refused), (0, 0), "nothing stops accepting here");
    (nanos as f64 / accepted as f64 / 1e3, tally.answered as f64 / seconds)
}

type Client<'scope> = thread::ScopedJoinHandle<'scope, Tally>;

fn start_clients<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    server: &Server,
    stop: &'scope AtomicBool,
    (count, until_refused): (usize, bool),
) -> Vec<Client<'scope>> {
    let address = server.address;
    (0..count).map(|_| scope.spawn(move || client::hammer(address, stop, until_refused))).collect()
}

fn sum(clients: Vec<Client>) -> Tally {
    let tallies = clients.into_iter().map(|client| client.join().expect("a client panicked"));
    tallies.fold(Tally::default(), |sum, one| Tally {
        answered: sum.answered + one.answered,
        lost: sum.lost + one.lost,
        refused: sum.refused + one.refused,
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
