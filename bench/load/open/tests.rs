//! A server that stalls must be seen to stall: the requests that were due meanwhile have waited.

use crate::answer::Answer;
use crate::generator::{Offer, run};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CONNECTIONS: usize = 8;
const EVERY: Duration = Duration::from_millis(1000);

/// Answers nothing during the first `stall` of every second.
fn stalling_server(stall: Duration) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let start = Instant::now();
    thread::spawn(move || {
        for stream in listener.incoming().take(CONNECTIONS) {
            let stream = stream.expect("a connection");
            thread::spawn(move || serve(stream, start, stall));
        }
    });
    address
}

fn serve(mut stream: TcpStream, start: Instant, stall: Duration) {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
        let at = Duration::from_nanos((start.elapsed().as_nanos() % EVERY.as_nanos()) as u64);
        thread::sleep(stall.saturating_sub(at));
        if stream.write_all(ANSWER).is_err() {
            return;
        }
    }
}

fn offer(address: SocketAddr, seconds: u64) -> Offer {
    Offer {
        address,
        connections: CONNECTIONS,
        rate: 2_000,
        warm_up: Duration::from_millis(100),
        duration: Duration::from_secs(seconds),
        requests: vec![REQUEST.to_vec()],
    }
}

/// A tenth of the requests is due in a stall and waits for its end: evenly 0 to 100 ms, so that the 99th percentile is
/// 90 ms. A client that waits for each answer before it sends the next would see one late answer per connection and
/// stall, 8 of 2,000. Only lower bounds are held: a slow machine makes latencies longer.
#[test]
fn a_stall_of_100_ms_a_second_is_seen_in_full() {
    let seen = run(&offer(stalling_server(Duration::from_millis(100)), 2)).expect("the offer is made");
    let late = |millis: u32| seen.latencies.iter().filter(|&&micros| micros >= millis * 1000).count();
    assert_eq!((seen.offered, seen.answered, seen.latencies.len()), (4_000, 4_000, 4_000));
    assert_eq!((seen.non2xx, seen.broken, seen.reopened), (0, 0, 0));
    assert!(late(50) >= 180, "of 200 requests that wait 50 ms or more, {} are seen", late(50));
    let p99 = seen.json()["p99Ms"].as_f64().expect("a figure");
    assert!(p99 >= 85.0, "the 99th percentile is {p99} ms");
}

#[test]
fn requests_that_are_never_answered_count_with_their_age() {
    let seen = run(&offer(stalling_server(Duration::from_secs(3600)), 1)).expect("the offer is made");
    assert_eq!((seen.offered, seen.answered, seen.latencies.len()), (2_000, 0, 2_000));
    assert!(seen.latencies.iter().all(|&micros| micros >= 5_000_000));
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    assert!(run(&offer(address, 1)).is_err());
}

#[test]
fn an_answer_in_pieces_is_one_answer() {
    for at in 1..ANSWER.len() {
        let mut answer = Answer::default();
        assert_eq!(answer.feed(&ANSWER[..at]).expect("a beginning"), None, "split at {at}");
        assert_eq!(answer.feed(&ANSWER[at..]).expect("the rest"), Some(200), "split at {at}");
    }
    assert!(Answer::default().feed(b"HTTP/1.1 200 OK\r\n\r\n").is_err(), "an answer needs a length");
    assert!(Answer::default().feed(&[ANSWER, b"more"].concat()).is_err(), "one answer at a time");
}
