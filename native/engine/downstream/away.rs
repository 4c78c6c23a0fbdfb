//! Requests whose handler lives in another engine: the boxed exchange moves there, the connection stays, and both
//! sides tell each other what happens, in messages.

use super::conn::Serving;
use super::intake::MAX_UNTAKEN;
use crate::engine::Engine;
use crate::engine::inbox::{Control, Inbox, Message};
use crate::engine::queue::What;
use crate::engine::state::{ConnKey, Link, Phase};
use crate::h1::{BodyError, BodyReader, Fed};
use crate::overload::{Action, Step};
use crate::respond::{Answer, Refusal};
use crate::upstream::{Failure, deadline::NEVER};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes of a body that are gathered while the engine that wants them has not taken the ones before: one message for
/// each read would cost two thousand times the bytes of a body that comes byte by byte.
const GATHERED: usize = 16 * 1024;

impl Engine {
    /// Moves an exchange to the environment that has the fewest.
    pub(super) fn send_away(&mut self, id: u32, handler: u32) {
        let Link::Here(d) = self.exchanges[id as usize].link else { return };
        let host = match self.crew.host() {
            Some(host) if host.guard.step() < Step::Refuse => host,
            none => {
                // JavaScript was not told of it, and is not told of its end.
                self.exchanges[id as usize].phase = Phase::Answered;
                return self.refuse_handler(id, none.is_some());
            }
        };
        let key = self.key_of(d);
        let exchange = self.exchanges.remove(id as usize);
        self.lets_go(exchange.upload.held.len());
        self.weigh();
        self.downs[d].serving = Serving::Away(host.clone());
        host.handling.fetch_add(1, Relaxed);
        let message = Message::Handle { exchange, handler, from: self.inbox.clone(), key };
        if let Err(Message::Handle { exchange, .. }) = self.post(&host, message) {
            host.handling.fetch_sub(1, Relaxed);
            self.holds(exchange.upload.held.len());
            let id = self.exchanges.insert(exchange) as u32;
            self.downs[d].serving = Serving::Here(id);
            // That environment has just ended, and is no longer among those that are chosen from.
            self.send_away(id, handler);
        }
    }

    /// No environment takes a request for a handler: their event loops are late, or there is none.
    fn refuse_handler(&mut self, id: u32, late: bool) {
        if late {
            self.core.overload.count(Action::Refuse);
        }
        let refusal = if late { Refusal::Overloaded } else { Refusal::ShuttingDown };
        self.answer(id, &Answer::Refuse(refusal));
    }

    /// Body bytes for a handler in another engine.
    pub(super) fn feed_away(
        &mut self,
        inbox: &Arc<Inbox>,
        key: ConnKey,
        reader: &mut BodyReader,
        bytes: &[u8],
    ) -> Result<Fed, BodyError> {
        let down = &mut self.downs[key.slot as usize];
        let mut piece = std::mem::take(&mut down.gathered);
        if piece.capacity() == 0 {
            piece = self.buffers.take();
        }
        let fed = reader.feed(bytes, &mut |part| piece.extend_from_slice(part))?;
        let waits = self.downs[key.slot as usize].untaken > 0 && piece.len() < GATHERED;
        if fed.done || !piece.is_empty() && !waits {
            self.send_body(inbox, key, piece, fed.done);
        } else {
            self.downs[key.slot as usize].gathered = piece;
        }
        Ok(fed)
    }

    fn send_body(&mut self, inbox: &Arc<Inbox>, key: ConnKey, bytes: Vec<u8>, last: bool) {
        self.downs[key.slot as usize].untaken += bytes.len();
        let message = Message::Body { from: self.inbox.id(), key, bytes, last };
        // An engine that is gone has answered for its exchanges.
        let _ = self.post(inbox, message);
    }

    pub(super) fn tell_gone(&mut self, d: usize, inbox: &Arc<Inbox>, failure: Failure) {
        let message = Message::Gone { from: self.inbox.id(), key: self.key_of(d), failure };
        // An engine that is gone has answered for its exchanges.
        let _ = self.post(inbox, message);
    }

    /// Writes to another engine, which is woken at once or when this turn is over; gives the message back when that
    /// engine is gone.
    pub(in crate::engine) fn post(&mut self, inbox: &Arc<Inbox>, message: Message) -> Result<(), Message> {
        if !inbox.put(message)? {
            return Ok(());
        }
        if self.in_turn || self.delivering {
            if !self.to_wake.iter().any(|known| Arc::ptr_eq(known, inbox)) {
                self.to_wake.push(inbox.clone());
            }
        } else {
            inbox.wake();
        }
        Ok(())
    }

    pub(in crate::engine) fn wake_others(&mut self) {
        for inbox in self.to_wake.drain(..) {
            inbox.wake();
        }
    }

    /// Works off what other engines said.
    pub(in crate::engine) fn read_mail(&mut self) {
        self.inbox.take(&mut self.mail);
        while let Some(message) = self.mail.pop_front() {
            self.read_message(message);
        }
    }

    fn read_message(&mut self, message: Message) {
        match message {
            Message::Arrive(arrival) => self.adopt(*arrival),
            Message::Handle { exchange, handler, from, key } => {
                let of = (from.id(), key);
                self.holds(exchange.upload.held.len());
                let id = self.exchanges.insert(exchange) as u32;
                self.weigh();
                self.generations = self.generations.wrapping_add(1);
                let ex = &mut self.exchanges[id as usize];
                ex.generation = self.generations;
                ex.link = Link::There(from, key);
                self.away.insert(of, id);
                self.hand_to_javascript(id, handler);
            }
            Message::Body { from, key, bytes, last } => self.body_from_away(from, key, bytes, last),
            Message::Gone { from, key, failure } => self.gone_away(from, key, failure),
            Message::Drained { from, key } => {
                if let Some(id) = self.away.get(&(from, key)).copied() {
                    self.writable_again(id);
                }
            }
            Message::Control(Control::StopListening) => self.stop_listening(),
            Message::Control(Control::Drain { within, idle }) => self.drain(within, idle),
            Message::Keys { issuer, generation } => {
                self.queue.signal(0, 0, What::KeyWanted { issuer, snapshot: generation });
            }
            Message::Limit { id, generation, wait, answer } => {
                self.store_answered(id, generation, wait, answer);
            }
            for_connection => self.read_answer(for_connection),
        }
    }

    /// What the engine of an environment says about a connection of ours.
    fn read_answer(&mut self, message: Message) {
        match message {
            Message::Answer { key, bytes, last, close, ack } => {
                let Some(d) = self.down_of(key) else { return self.buffers.give(bytes) };
                let down = &mut self.downs[d];
                if down.out.is_empty() {
                    self.buffers.give(std::mem::replace(&mut down.out, bytes));
                } else {
                    down.out.extend_from_slice(&bytes);
                    self.buffers.give(bytes);
                }
                self.downs[d].owes_ack |= ack;
                if last {
                    self.downs[d].untaken = 0;
                    let gathered = std::mem::take(&mut self.downs[d].gathered);
                    self.buffers.give(gathered);
                    self.answer_is_over(d, close, !close);
                }
                self.flush_down(d);
            }
            Message::Break { key } => {
                if let Some(d) = self.down_of(key) {
                    self.break_down(d);
                }
            }
            Message::Flow { key, wanted } => {
                if let Some(d) = self.down_of(key) {
                    self.want_body(d, wanted);
                }
            }
            Message::Taken { key, bytes } => {
                if let Some(d) = self.down_of(key) {
                    self.taken_away(d, bytes);
                }
            }
            _ => {}
        }
    }

    /// The engine of an environment took so much of a body.
    fn taken_away(&mut self, d: usize, bytes: usize) {
        let now = self.now;
        let down = &mut self.downs[d];
        let stopped = down.untaken > MAX_UNTAKEN;
        down.untaken = down.untaken.saturating_sub(bytes);
        if stopped && down.untaken <= MAX_UNTAKEN {
            if down.clocks.rate != NEVER {
                down.clocks.restart_rate(now);
            }
            self.schedule_down(d);
        }
        let down = &mut self.downs[d];
        if down.untaken == 0
            && !down.gathered.is_empty()
            && let Serving::Away(inbox) = down.serving.clone()
        {
            let gathered = std::mem::take(&mut self.downs[d].gathered);
            let key = self.key_of(d);
            self.send_body(&inbox, key, gathered, false);
        }
    }

    fn body_from_away(&mut self, from: u64, key: ConnKey, bytes: Vec<u8>, last: bool) {
        if let Some(id) = self.away.get(&(from, key)).copied() {
            self.body(id, &bytes, last);
            if !last
                && let Some(ex) = self.exchanges.get(id as usize)
                && let Link::There(inbox, key) = &ex.link
            {
                // A thread that is gone sends nothing more.
                let _ = inbox.send(Message::Taken { key: *key, bytes: bytes.len() });
            }
        }
        self.buffers.give(bytes);
    }

    fn gone_away(&mut self, from: u64, key: ConnKey, failure: Failure) {
        let Some(id) = self.away.get(&(from, key)).copied() else { return };
        if failure == Failure::ClientGone {
            self.client_gone(id);
        } else {
            self.fail(id, failure);
        }
    }

    /// An exchange that is over is no longer found by its connection.
    pub(in crate::engine) fn forget_away(&mut self, link: &Link) {
        if let Link::There(inbox, key) = link {
            self.away.remove(&(inbox.id(), *key));
        }
    }

    /// The engine ends: whoever waits for an answer from here gets one.
    pub(in crate::engine) fn close_mail(&mut self) {
        let mut mail = std::mem::take(&mut self.mail);
        mail.extend(self.inbox.close());
        for message in mail {
            if let Message::Handle { exchange, from, key, .. } = message {
                let id = self.exchanges.insert(exchange) as u32;
                self.exchanges[id as usize].link = Link::There(from, key);
                self.exchanges[id as usize].phase = Phase::Handler;
            }
        }
        let ids: Vec<u32> = self
            .exchanges
            .iter()
            .filter(|(_, ex)| matches!(ex.link, Link::There(..)))
            .filter_map(|(id, _)| u32::try_from(id).ok())
            .collect();
        for id in ids {
            self.fail(id, Failure::HandlerLost);
        }
    }

    /// The engine ends: environments that make answers for its clients need not go on, and no client takes what it
    /// got so far for whole.
    pub(in crate::engine) fn abandon_downs(&mut self) {
        let running: Vec<usize> =
            self.downs.iter().filter(|(_, down)| !down.is_free()).map(|(d, _)| d).collect();
        for d in running {
            if let Serving::Away(inbox) = self.downs[d].serving.clone() {
                self.tell_gone(d, &inbox, Failure::ClientGone);
            }
            self.break_down(d);
        }
    }

    /// Breaks every connection; who makes an answer for one is told that the client is gone.
    pub fn close_connections(&mut self) {
        self.tick();
        let all: Vec<usize> = self.downs.iter().map(|(d, _)| d).collect();
        for d in all {
            self.lose_down(d);
        }
    }
}
