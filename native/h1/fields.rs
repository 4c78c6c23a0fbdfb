//! A header block walked once: where each name and value stands, without a copy. It refuses what is outside the
//! grammar and decides nothing about meaning.

use super::connection;
use super::error::Reject;
use super::field_id::FieldId;
use super::scan::{self, LineError};

/// Most fields in one head.
pub const MAX_FIELDS: usize = 100;

/// Longest header block in bytes. Listeners have lower limits; this one keeps offsets in 32 bits.
pub const MAX_BLOCK_BYTES: usize = 1 << 20;

/// A place in a buffer that somebody else holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

impl Span {
    /// The bytes of `buffer` at this place; empty when `buffer` is not the one that was parsed.
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        let start = self.start as usize;
        buffer.get(start..start + self.len as usize).unwrap_or_default()
    }

    pub(super) fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, len: end.saturating_sub(start) as u32 }
    }

    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    pub(super) fn end(self) -> usize {
        self.start as usize + self.len as usize
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub name: Span,
    pub value: Span,
    pub id: FieldId,
    /// The name, of a request's field, holds `_`, which some servers read as `-`.
    pub has_underscore: bool,
    /// Written exactly as `name: value` CRLF, so that the line can be copied whole.
    pub is_tidy: bool,
}

/// The fields of one head in their order. Reused: `parse` clears it, and it grows to at most [`MAX_FIELDS`].
#[derive(Debug)]
pub struct Fields {
    list: Vec<Field>,
    seen: u64,
    repeated: u64,
}

impl Default for Fields {
    fn default() -> Fields {
        Fields::new()
    }
}

impl Fields {
    pub fn new() -> Fields {
        Fields { list: Vec::with_capacity(32), seen: 0, repeated: 0 }
    }

    pub fn clear(&mut self) {
        self.list.clear();
        self.seen = 0;
        self.repeated = 0;
    }

    /// Reads `*( name ":" OWS value OWS CRLF )`, the block without the empty line that ends a head. Names are
    /// tokens; values hold no control character but HTAB and no U+FFFD; continued lines are refused.
    /// On an error nothing of the block is kept.
    pub fn parse(&mut self, block: &[u8]) -> Result<(), Reject> {
        self.clear();
        let parsed = self.read_lines(block);
        if parsed.is_err() {
            self.clear();
        }
        parsed
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Name as received, value without surrounding white space, id.
    pub fn iter<'a>(
        &'a self,
        block: &'a [u8],
    ) -> impl Iterator<Item = (&'a [u8], &'a [u8], FieldId)> + Clone + 'a {
        self.list.iter().map(move |field| (field.name.of(block), field.value.of(block), field.id))
    }

    pub fn has(&self, id: FieldId) -> bool {
        self.seen & id.bit() != 0
    }

    pub fn is_repeated(&self, id: FieldId) -> bool {
        self.repeated & id.bit() != 0
    }

    pub fn count(&self, id: FieldId) -> usize {
        if !self.is_repeated(id) {
            return usize::from(self.has(id));
        }
        self.list.iter().filter(|field| field.id == id).count()
    }

    /// The value of the first field with this id.
    pub fn first<'a>(&self, block: &'a [u8], id: FieldId) -> Option<&'a [u8]> {
        self.first_span(id).map(|span| span.of(block))
    }

    /// The values of all fields with this id, in order.
    pub fn all<'a>(&'a self, block: &'a [u8], id: FieldId) -> impl DoubleEndedIterator<Item = &'a [u8]> + 'a {
        let list = if self.has(id) { self.list.as_slice() } else { &[] };
        list.iter().filter(move |field| field.id == id).map(|field| field.value.of(block))
    }

    /// The value of the first field of this name, given in lower case.
    pub fn find<'a>(&self, block: &'a [u8], lowercase_name: &[u8]) -> Option<&'a [u8]> {
        let is_named = |field: &&Field| {
            field.name.len as usize == lowercase_name.len()
                && field.name.of(block).eq_ignore_ascii_case(lowercase_name)
        };
        self.list.iter().find(is_named).map(|field| field.value.of(block))
    }

    /// The value of the field of this name, given in lower case, when it is the only one: no other that a server may
    /// take for it (`_` for `-`), and none of `Connection` that takes it off on its way.
    pub fn only<'a>(&self, block: &'a [u8], lowercase_name: &[u8]) -> Option<&'a [u8]> {
        let plain = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
        let is_like = |field: &&Field| {
            let name = field.name.of(block);
            name.len() == lowercase_name.len()
                && name.iter().zip(lowercase_name).all(|(one, other)| plain(*one) == plain(*other))
        };
        let mut alike = self.list.iter().filter(is_like);
        let (field, None) = (alike.next()?, alike.next()) else { return None };
        let is_named = field.name.of(block).eq_ignore_ascii_case(lowercase_name);
        (is_named && !connection::has_option(block, self, lowercase_name)).then(|| field.value.of(block))
    }

    /// Where the value of the first field with this id stands in the block.
    pub fn value_range(&self, id: FieldId) -> Option<std::ops::Range<usize>> {
        self.first_span(id).map(|span| span.start()..span.end())
    }

    pub(super) fn first_span(&self, id: FieldId) -> Option<Span> {
        if !self.has(id) {
            return None;
        }
        self.list.iter().find(|field| field.id == id).map(|field| field.value)
    }

    pub(super) fn list(&self) -> &[Field] {
        &self.list
    }

    /// Reads the line of a response at `start` and returns where the next one starts. Disguised names and the traces
    /// of a decoder matter in requests only, so neither `_` nor U+FFFD is looked for.
    pub(super) fn read_response_line(&mut self, head: &[u8], start: usize) -> Result<usize, LineError> {
        self.read_line::<false>(head, start)
    }

    fn read_lines(&mut self, block: &[u8]) -> Result<(), Reject> {
        if block.len() > MAX_BLOCK_BYTES {
            return Err(Reject::BlockTooLong);
        }
        let mut at = 0;
        while at < block.len() {
            at = self.read_line::<true>(block, at).map_err(LineError::at_end)?;
        }
        Ok(())
    }

    /// Reads the line at `start` and returns where the next one starts.
    #[inline(always)]
    fn read_line<const REQUEST: bool>(&mut self, block: &[u8], start: usize) -> Result<usize, LineError> {
        if self.list.len() >= MAX_FIELDS {
            return Err(LineError::Refused(Reject::TooManyFields));
        }
        let Name { len, id, has_underscore } = read_name(&block[start..])?;
        let colon = start + len;
        let mut value_start = colon + 1;
        while matches!(block.get(value_start), Some(b' ' | b'\t')) {
            value_start += 1;
        }
        let line = scan::field_value_end::<REQUEST>(block, value_start)?;
        let mut value_end = line;
        while value_end > value_start && matches!(block[value_end - 1], b' ' | b'\t') {
            value_end -= 1;
        }
        let bit = id.bit();
        self.repeated |= self.seen & bit;
        self.seen |= bit;
        self.list.push(Field {
            name: Span::new(start, colon),
            value: Span::new(value_start, value_end),
            id,
            has_underscore: REQUEST && has_underscore,
            is_tidy: value_start == colon + 2 && block[colon + 1] == b' ' && value_end == line,
        });
        Ok(line + 2)
    }
}

struct Name {
    len: usize,
    id: FieldId,
    has_underscore: bool,
}

/// The name that starts `line`. A known one is a token without `_`; only others are looked at byte by byte.
#[inline(always)]
fn read_name(line: &[u8]) -> Result<Name, LineError> {
    if let Some(len) = scan::near_colon(line) {
        let id = FieldId::of(&line[..len]);
        if id.is_known() {
            return Ok(Name { len, id, has_underscore: false });
        }
    }
    let (len, has_underscore) = scan::field_name(line)?;
    Ok(Name { len, id: FieldId::of(&line[..len]), has_underscore })
}
