//! The reusable scratch of a search: where parameters lie in the path, and the choices still open.

use std::ops::Range;

use super::{MAX_PARAMS, MAX_SEGMENTS};

/// Places of the parameter values of the last match, in the order of [`Router::names`](super::Router::names).
/// About 300 bytes, and 20 more for each choice of the search that had most, at most `MAX_SEGMENTS + 1` of them. Make one
/// per thread or exchange and reuse it.
#[derive(Clone, Debug)]
pub struct Params {
    spans: [Span; MAX_PARAMS],
    len: usize,
    choices: Vec<Choice>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    end: u32,
}

/// A segment of the path where weaker branches were not tried yet. A search holds at most one per segment of the
/// longest pattern.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub node: u32,
    /// First branch to try: below the number of constraints one of them, then the parameter, then the catch-all.
    pub next: u32,
    pub start: u32,
    pub end: u32,
    pub params: u32,
}

impl Choice {
    /// All weaker branches of `node`.
    #[inline]
    pub fn new(node: u32, start: usize, end: usize, params: &Params) -> Choice {
        Choice { node, next: 0, start: start as u32, end: end as u32, params: params.len as u32 }
    }
}

impl Params {
    pub const fn new() -> Params {
        const SPAN: Span = Span { start: 0, end: 0 };
        Params { spans: [SPAN; MAX_PARAMS], len: 0, choices: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Byte range of parameter `at` in the path that was searched.
    pub fn range(&self, at: usize) -> Option<Range<usize>> {
        let span = self.spans[..self.len].get(at)?;
        Some(span.start as usize..span.end as usize)
    }

    /// The encoded text of parameter `at`; `path` is the one that was searched.
    pub fn value<'p>(&self, at: usize, path: &'p [u8]) -> Option<&'p [u8]> {
        path.get(self.range(at)?)
    }

    /// Byte ranges in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Range<usize>> + '_ {
        self.spans[..self.len].iter().map(|span| span.start as usize..span.end as usize)
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.choices.clear();
    }

    #[inline]
    pub(super) fn push(&mut self, start: u32, end: u32) {
        self.spans[self.len] = Span { start, end };
        self.len += 1;
    }

    #[inline]
    pub(super) fn postpone(&mut self, choice: Choice) {
        debug_assert!(self.choices.len() <= MAX_SEGMENTS, "one for each segment of the longest pattern");
        self.choices.push(choice);
    }

    /// The most recent open choice, with the parameters as they were then; without one, no parameters.
    pub(super) fn resume(&mut self) -> Option<Choice> {
        let choice = self.choices.pop();
        self.len = choice.as_ref().map_or(0, |choice| choice.params as usize);
        choice
    }
}

impl Default for Params {
    fn default() -> Params {
        Params::new()
    }
}
