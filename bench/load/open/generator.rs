//! The offer: request number k is due at start + k / rate on connection k mod N, whatever became of the ones before it.
//! A connection that is still busy sends its due requests as soon as it is free.

use crate::answer::Answer;
use crate::record::{Record, micros};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub struct Offer {
    pub address: SocketAddr,
    pub connections: usize,
    /// Requests a second over all connections.
    pub rate: u64,
    /// Offered first, and not recorded.
    pub warm_up: Duration,
    pub duration: Duration,
    /// Whole requests, sent in turn.
    pub requests: Vec<Vec<u8>>,
}

/// Connections that are opened at a time, below any server's backlog.
const OPENED_AT_A_TIME: usize = 64;
/// All must be open by then.
const OPEN_WITHIN: Duration = Duration::from_secs(30);
/// Requests that are unanswered so long after the last was offered are given up.
const PATIENCE: Duration = Duration::from_secs(5);
/// The poll waits in whole milliseconds.
const LONGEST_WAIT: Duration = Duration::from_millis(1);

#[derive(PartialEq)]
enum Phase {
    Connecting,
    Free,
    /// So many bytes of the request are written.
    Busy(usize),
    /// It could not be opened again.
    Dead,
}

struct Connection {
    stream: TcpStream,
    phase: Phase,
    answer: Answer,
    /// The number of the request that is sent now, or next.
    next: u64,
}

struct Generator<'a> {
    offer: &'a Offer,
    poll: Poll,
    connections: Vec<Connection>,
    record: Record,
    start: Instant,
    /// Requests that are due by now, of `total`; the first `unrecorded` are the warm-up.
    due: u64,
    total: u64,
    unrecorded: u64,
    /// Recorded or not.
    done: u64,
    buffer: Vec<u8>,
}

/// Opens the connections, offers everything, waits for the last answers.
pub fn run(offer: &Offer) -> io::Result<Record> {
    let count = |duration: Duration| offer.rate * duration.as_millis() as u64 / 1000;
    let recorded = count(offer.duration) as usize;
    let mut generator = Generator {
        offer,
        poll: Poll::new()?,
        connections: Vec::with_capacity(offer.connections),
        record: Record { connections: offer.connections, offered: recorded as u64, ..Record::default() },
        start: Instant::now(),
        due: 0,
        total: count(offer.warm_up) + recorded as u64,
        unrecorded: count(offer.warm_up),
        done: 0,
        buffer: vec![0; 64 * 1024],
    };
    generator.record.latencies.reserve(recorded);
    generator.record.lateness.reserve(recorded);
    let mut events = Events::with_capacity(1024);
    generator.open_all(&mut events)?;
    generator.offer_all(&mut events)?;
    Ok(generator.finish())
}

impl Generator<'_> {
    fn open_all(&mut self, events: &mut Events) -> io::Result<()> {
        let until = Instant::now() + OPEN_WITHIN;
        let mut free = 0;
        while free < self.offer.connections {
            while self.connections.len() < (free + OPENED_AT_A_TIME).min(self.offer.connections) {
                let number = self.connections.len();
                let stream = self.connect(number)?;
                let answer = Answer::default();
                self.connections.push(Connection {
                    stream,
                    phase: Phase::Connecting,
                    answer,
                    next: number as u64,
                });
            }
            self.turn(events, LONGEST_WAIT)?;
            free = self.connections.iter().filter(|one| one.phase == Phase::Free).count();
            if Instant::now() > until || self.connections.iter().any(|one| one.phase == Phase::Dead) {
                return Err(io::Error::other(format!("only {free} connections could be opened")));
            }
        }
        Ok(())
    }

    fn offer_all(&mut self, events: &mut Events) -> io::Result<()> {
        self.start = Instant::now();
        let end = self.intended(self.total) + PATIENCE;
        while self.done < self.total {
            let now = Instant::now();
            if now > end {
                break;
            }
            while self.due < self.total && self.intended(self.due) <= now {
                let number = (self.due % self.offer.connections as u64) as usize;
                self.due += 1;
                if self.connections[number].phase == Phase::Free {
                    self.note_lateness(number);
                    self.send(number);
                }
            }
            let wait = self.intended(self.due).saturating_duration_since(now).min(LONGEST_WAIT);
            self.turn(events, wait)?;
        }
        Ok(())
    }

    fn turn(&mut self, events: &mut Events, wait: Duration) -> io::Result<()> {
        match self.poll.poll(events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &*events {
            let number = event.token().0;
            if event.is_writable() {
                self.writable(number);
            }
            if event.is_readable() {
                self.readable(number);
            }
        }
        Ok(())
    }

    /// When request number `number` should be sent.
    fn intended(&self, number: u64) -> Instant {
        self.start
            + Duration::from_nanos((u128::from(number) * 1_000_000_000 / u128::from(self.offer.rate)) as u64)
    }

    fn connect(&mut self, number: usize) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.offer.address)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(number), both)?;
        Ok(stream)
    }

    /// The connection was free when its request was due: what it is late by now is this program's doing.
    fn note_lateness(&mut self, number: usize) {
        let next = self.connections[number].next;
        if next >= self.unrecorded {
            self.record.lateness.push(micros(self.intended(next).elapsed()));
        }
    }

    /// Sends the next request of a free connection if it is due.
    fn send(&mut self, number: usize) {
        let next = self.connections[number].next;
        if next >= self.due {
            return;
        }
        self.connections[number].phase = Phase::Busy(0);
        self.write(number);
    }

    fn writable(&mut self, number: usize) {
        match self.connections[number].phase {
            Phase::Connecting => match self.connections[number].stream.peer_addr() {
                Ok(_) => {
                    let _ = self.connections[number].stream.set_nodelay(true);
                    self.connections[number].phase = Phase::Free;
                    self.send(number);
                }
                Err(error) if error.kind() == ErrorKind::NotConnected => {
                    if !matches!(self.connections[number].stream.take_error(), Ok(None)) {
                        self.connections[number].phase = Phase::Dead;
                    }
                }
                Err(_) => self.connections[number].phase = Phase::Dead,
            },
            Phase::Busy(_) => self.write(number),
            Phase::Free | Phase::Dead => {}
        }
    }

    fn write(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        let request = &self.offer.requests[(connection.next % self.offer.requests.len() as u64) as usize];
        while let Phase::Busy(written) = connection.phase {
            if written == request.len() {
                return;
            }
            match connection.stream.write(&request[written..]) {
                Ok(count) => connection.phase = Phase::Busy(written + count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.reopen(number),
            }
        }
    }

    fn readable(&mut self, number: usize) {
        while matches!(self.connections[number].phase, Phase::Free | Phase::Busy(_)) {
            let connection = &mut self.connections[number];
            let count = match connection.stream.read(&mut self.buffer) {
                Ok(0) => return self.reopen(number),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.reopen(number),
            };
            match connection.answer.feed(&self.buffer[..count]) {
                Ok(Some(status)) if connection.phase != Phase::Free => self.answered(number, status),
                Ok(None) if connection.phase != Phase::Free => {}
                _ => return self.reopen(number),
            }
        }
    }

    fn answered(&mut self, number: usize, status: u16) {
        let next = self.connections[number].next;
        if next >= self.unrecorded {
            self.record.latencies.push(micros(self.intended(next).elapsed()));
            self.record.answered += 1;
            self.record.non2xx += u64::from(!(200..300).contains(&status));
        } else {
            self.record.warm_up_answered += 1;
        }
        self.free(number);
        self.send(number);
    }

    fn free(&mut self, number: usize) {
        self.done += 1;
        self.connections[number].next += self.offer.connections as u64;
        self.connections[number].phase = Phase::Free;
    }

    /// The connection has ended; a request that it carried is not sent again.
    fn reopen(&mut self, number: usize) {
        if let Phase::Busy(_) = self.connections[number].phase {
            let next = self.connections[number].next;
            if next >= self.unrecorded {
                self.record.broken += 1;
                self.record.latencies.push(micros(self.intended(next).elapsed()));
            }
            self.free(number);
        } else {
            self.record.reopened += 1;
        }
        let stream = self.connect(number);
        let connection = &mut self.connections[number];
        connection.answer = Answer::default();
        match stream {
            Ok(stream) => (connection.stream, connection.phase) = (stream, Phase::Connecting),
            Err(_) => connection.phase = Phase::Dead,
        }
    }

    /// What is unanswered now has waited until now.
    fn finish(mut self) -> Record {
        let every = self.offer.connections as u64;
        for connection in &self.connections {
            let mut number = connection.next;
            while number < self.total {
                if number >= self.unrecorded {
                    self.record.latencies.push(micros(self.intended(number).elapsed()));
                }
                number += every;
            }
        }
        self.record
    }
}
