//! Access records: one flat JSON line per exchange, in a bounded buffer that TypeScript empties in batches.

use super::finish::Finished;
use crate::h1::Fields;
use std::fmt::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Bounds of what waits to be taken; past either one new records are dropped and counted.
const MAX_RECORDS: usize = 16_384;
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Longest value of a listed header or query that is written; the rest is cut.
const MAX_VALUE: usize = 1024;

/// What to write: decided by the snapshot.
#[derive(Clone, Debug, Default)]
pub struct RecordOptions {
    /// Share of answers below 400 that are written, as a threshold on 64 random bits; errors are always written.
    pub threshold: u64,
    /// Lower-case names of request headers whose values are written.
    pub headers: Vec<Box<str>>,
    pub query: bool,
}

/// Records waiting to be taken by TypeScript, of all engines in the order of their ends. One lock for all, so that the
/// bounds are exact: it is held only to move a finished line or a batch of them, never while text is written or
/// joined. Apart by two cache lines from what else its owner has.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct RecordRing(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    lines: std::collections::VecDeque<Box<str>>,
    bytes: usize,
    dropped: u64,
}

impl RecordRing {
    pub fn push(&self, line: String) {
        let line = line.into_boxed_str();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.lines.len() >= MAX_RECORDS || waiting.bytes + line.len() > MAX_BYTES {
            waiting.dropped += 1;
            return;
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line);
    }

    /// Up to `max` records joined by newlines, and how many were dropped since the last call.
    pub fn take(&self, max: usize) -> (String, u64) {
        let (lines, dropped) = self.take_lines(max);
        let mut text = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        (text, dropped)
    }

    /// Only moves them: engines wait meanwhile.
    fn take_lines(&self, max: usize) -> (Vec<Box<str>>, u64) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = max.min(waiting.lines.len());
        let lines: Vec<Box<str>> = waiting.lines.drain(..count).collect();
        waiting.bytes -= lines.iter().map(|line| line.len()).sum::<usize>();
        (lines, std::mem::take(&mut waiting.dropped))
    }
}

/// Writes one record as a JSON object. Every value that a client can choose goes through [`Text`].
pub(super) fn line(f: &Finished<'_>, options: &RecordOptions) -> String {
    let mut out = String::with_capacity(320);
    let route = f.route.map_or("", |r| &*r.id);
    let _ = write!(out, "{{\"time\":{},\"method\":{}", f.unix_millis, Text(f.method));
    let _ = write!(out, ",\"route\":{},\"path\":{}", Text(route.as_bytes()), Text(f.path));
    let _ = write!(out, ",\"status\":{},\"bytes\":{}", f.status, f.response_bytes);
    let _ = write!(out, ",\"requestBytes\":{}", f.request_bytes);
    let _ = write!(out, ",\"durationMs\":{:.3}", f.ended.since(f.started).0 as f64 / 1e6);
    if let Some(took) = f.upstream_time {
        let _ = write!(out, ",\"upstreamMs\":{:.3}", took.0 as f64 / 1e6);
    }
    if let Some(address) = f.upstream {
        let _ = write!(out, ",\"upstream\":\"{address}\"");
    }
    let _ = write!(out, ",\"retries\":{},\"verdict\":\"{}\"", f.retries, f.verdict);
    let _ = write!(out, ",\"traceId\":{},\"client\":\"{}\"", Text(f.trace.id()), f.client);
    if options.query {
        let _ = write!(out, ",\"query\":{}", Text(f.query.unwrap_or_default()));
    }
    listed_headers(&mut out, f.block, options);
    out.push('}');
    out
}

fn listed_headers(out: &mut String, block: &[u8], options: &RecordOptions) {
    let mut fields = Fields::default();
    if options.headers.is_empty() || fields.parse(block).is_err() {
        return;
    }
    for name in &options.headers {
        if let Some(value) = fields.find(block, name.as_bytes()) {
            let _ = write!(out, ",{}:{}", Text(format!("header.{name}").as_bytes()), Text(value));
        }
    }
}

/// A JSON string of printable ASCII, whatever the bytes are: no terminal obeys it, no reader of lines splits it, and
/// what is not UTF-8 reads as U+FFFD.
struct Text<'a>(&'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = &self.0[..self.0.len().min(MAX_VALUE)];
        f.write_char('"')?;
        for character in String::from_utf8_lossy(cut).chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                ' '..='~' => f.write_char(character)?,
                _ => character
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .try_for_each(|unit| write!(f, "\\u{unit:04x}"))?,
            }
        }
        f.write_char('"')
    }
}
