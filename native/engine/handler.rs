//! Exchanges that JavaScript answers: what a handler may ask, the head it answers with, and the end.

use super::Engine;
use super::bridge::{AnswerError, ExchangeFacts, HandlerAnswer};
use super::response::trim_line_end;
use super::state::{Exchange, HANDLED, Phase};
use crate::h1::{self, Fields};
use crate::respond::{self, Answer, Refusal};
use crate::upstream::Failure;

/// Longest head of a handler's answer, in bytes.
const MAX_ANSWER_HEAD: usize = 128 * 1024;

impl Engine {
    /// What a handler may ask about its request; `None` when the exchange is over.
    pub fn facts(&mut self, id: u32) -> Option<ExchangeFacts<'_>> {
        let ex = self.exchanges.get(id as usize)?;
        self.scratch_of = None;
        self.target.parse(ex.request.target()).ok()?;
        let path = self.target.path();
        Some(ExchangeFacts {
            method: ex.request.method(),
            path,
            query: self.target.query(),
            block: ex.request.block(),
            params: params(ex, path),
            certificate: ex.tls.as_ref().and_then(|tls| tls.client.as_deref()),
            claims: ex.outcome.token.as_ref().map(|t| t.claims_json()),
            client: ex.client,
            trace: &ex.trace,
            https: ex.https,
            route: ex.route().map(|r| &*r.id),
        })
    }

    /// Composes the head of a handler's answer into `out`, as [`super::Event::Head`] has it, with the gateway's own
    /// lines. Once per exchange; the body is the listener's, and [`Engine::finish`] ends it.
    pub fn answer_head(
        &mut self,
        id: u32,
        answer: &HandlerAnswer<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), AnswerError> {
        self.handler_head(id, answer, out)?;
        trim_line_end(out);
        Ok(())
    }

    /// The same with the CRLF of the last line.
    pub(super) fn handler_head(
        &mut self,
        id: u32,
        answer: &HandlerAnswer<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), AnswerError> {
        let before = out.len();
        let ex = self.exchanges.get_mut(id as usize).ok_or(AnswerError::Gone)?;
        if ex.phase != Phase::Handler {
            return Err(AnswerError::Gone);
        }
        if !(200..=599).contains(&answer.status) {
            return Err(AnswerError::Status);
        }
        let snapshot = ex.snapshot.as_ref().ok_or(AnswerError::Gone)?;
        self.response_fields.parse(answer.lines).map_err(|_| AnswerError::Field)?;
        if self.response_fields.iter(answer.lines).any(|(_, _, id)| id.is_hop_by_hop() || id.is_framing()) {
            return Err(AnswerError::Reserved);
        }
        respond::write_status(out, answer.status);
        out.extend_from_slice(b"\r\n");
        copy_lines(out, &self.response_fields, answer.lines, ex.own_names());
        respond::write_own_lines(out, snapshot, &ex.outcome, &ex.trace);
        if out.len() - before > MAX_ANSWER_HEAD {
            return Err(AnswerError::Field);
        }
        ex.answer.status = answer.status;
        ex.phase = Phase::HandlerAnswered;
        Ok(())
    }

    /// Ends a handler's exchange: counted, recorded, the id is free. `completed` is false when the client went away
    /// or the answer broke off.
    pub fn finish(&mut self, id: u32, response_bytes: u64, completed: bool) {
        self.tick();
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        if !matches!(ex.phase, Phase::Handler | Phase::HandlerAnswered) {
            return;
        }
        if ex.is_javascripts() {
            // Its answer goes over a connection of ours and ends there.
            return self.break_off(id);
        }
        ex.answer.bytes = response_bytes;
        ex.verdict = HANDLED;
        if !completed {
            ex.ends_in(Failure::ClientGone);
        }
        self.release(id);
    }

    /// Has the gateway answer a handler's exchange, 500 for one that threw; its [`super::Event::Head`] is queued.
    /// A handler that began to answer gets [`super::Event::Reset`].
    pub fn refuse(&mut self, id: u32, refusal: Refusal) {
        self.tick();
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        match ex.phase {
            Phase::Handler => self.answer(id, &Answer::Refuse(refusal)),
            Phase::HandlerAnswered => {
                ex.verdict = refusal.row().code;
                self.break_exchange(id);
            }
            _ => {}
        }
    }
}

/// Name and decoded value of each parameter, in pattern order.
fn params<'a>(ex: &'a Exchange, path: &[u8]) -> Vec<(&'a str, String)> {
    let (Some(snapshot), Some(route)) = (&ex.snapshot, ex.route) else { return Vec::new() };
    let names = snapshot.router.names(route).iter().map(|name| &**name);
    let decode = |(at, name): (usize, &'a str)| {
        let mut value = String::new();
        let encoded = ex.outcome.params.value(at, path)?;
        h1::decode_segment(encoded, &mut value).then_some((name, value))
    };
    names.enumerate().filter_map(decode).collect()
}

/// The handler's lines but for those that are the gateway's `own`.
fn copy_lines(out: &mut Vec<u8>, fields: &Fields, lines: &[u8], own: &[&[u8]]) {
    for (name, value, _) in fields.iter(lines) {
        if own.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            continue;
        }
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
}
