//! The `Connection` field: which fields it takes off the message. It removes nothing itself.

use super::error::Reject;
use super::field_id::FieldId;
use super::fields::Fields;
use super::scan;

/// Most options in all `Connection` fields of one head.
pub const MAX_CONNECTION_OPTIONS: usize = 32;

/// Fields meant for every recipient, which a client must not talk us into removing.
const END_TO_END: &[FieldId] = &[
    FieldId::Host,
    FieldId::ContentLength,
    FieldId::TransferEncoding,
    FieldId::Authorization,
    FieldId::Cookie,
    FieldId::ContentType,
    FieldId::Origin,
];

/// The options in order, trimmed; empty list elements are skipped (RFC 9110 section 5.6.1).
pub(super) fn options<'a>(block: &'a [u8], fields: &'a Fields) -> impl Iterator<Item = &'a [u8]> + 'a {
    let lists = fields.all(block, FieldId::Connection);
    lists.flat_map(|list| list.split(|&b| b == b',')).map(scan::trim).filter(|option| !option.is_empty())
}

/// What a `Connection` field mostly says, told apart without taking it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    /// Exactly this one option.
    Close,
    KeepAlive,
    /// Anything else.
    List,
}

fn said(block: &[u8], fields: &Fields) -> Said {
    if !fields.has(FieldId::Connection) {
        return Said::Nothing;
    }
    match fields.first(block, FieldId::Connection) {
        Some(b"keep-alive" | b"Keep-Alive") if !fields.is_repeated(FieldId::Connection) => Said::KeepAlive,
        Some(b"close" | b"Close") if !fields.is_repeated(FieldId::Connection) => Said::Close,
        _ => Said::List,
    }
}

/// True when every option is a token and there are at most [`MAX_CONNECTION_OPTIONS`].
fn is_valid(block: &[u8], fields: &Fields) -> bool {
    let mut count = 0;
    options(block, fields).all(|option| {
        count += 1;
        count <= MAX_CONNECTION_OPTIONS && scan::is_token(option)
    })
}

/// What `Connection` says about the connection itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    pub close: bool,
    pub keep_alive: bool,
    /// There may be other options.
    pub others: bool,
}

pub(super) fn check_request(block: &[u8], fields: &Fields) -> Result<Wishes, Reject> {
    let mut wishes = Wishes::default();
    wishes.others = match said(block, fields) {
        Said::Nothing => return Ok(wishes),
        Said::Close => return Ok(Wishes { close: true, ..wishes }),
        Said::KeepAlive => return Ok(Wishes { keep_alive: true, ..wishes }),
        Said::List => true,
    };
    if !is_valid(block, fields) {
        return Err(Reject::ConnectionInvalid);
    }
    for option in options(block, fields) {
        match FieldId::of(option) {
            FieldId::KeepAlive => wishes.keep_alive = true,
            FieldId::Other => wishes.close |= option.eq_ignore_ascii_case(b"close"),
            id if END_TO_END.contains(&id) => return Err(Reject::ConnectionNominates),
            _ => {}
        }
    }
    Ok(wishes)
}

/// True when this option is there, in any case.
pub(super) fn has_option(block: &[u8], fields: &Fields, lowercase: &[u8]) -> bool {
    options(block, fields).any(|option| option.eq_ignore_ascii_case(lowercase))
}

/// None when an option is no token, or there are too many.
pub(super) fn check_response(block: &[u8], fields: &Fields) -> Option<Wishes> {
    let wishes = Wishes::default();
    match said(block, fields) {
        Said::Nothing => Some(wishes),
        Said::Close => Some(Wishes { close: true, ..wishes }),
        Said::KeepAlive => Some(Wishes { keep_alive: true, ..wishes }),
        Said::List => is_valid(block, fields).then(|| Wishes {
            close: has_option(block, fields, b"close"),
            keep_alive: has_option(block, fields, b"keep-alive"),
            others: true,
        }),
    }
}

/// The positions of all fields that `Connection` names, as bits (there are at most 100). `close` and `keep-alive`
/// name nothing. Work is bounded by options × fields, also for a head that no guard has seen.
pub(super) fn nominated(block: &[u8], fields: &Fields) -> u128 {
    let mut marks = 0;
    if said(block, fields) != Said::List {
        return marks;
    }
    let names = options(block, fields).filter(|option| {
        !option.eq_ignore_ascii_case(b"close") && !option.eq_ignore_ascii_case(b"keep-alive")
    });
    for option in names.take(MAX_CONNECTION_OPTIONS) {
        for (at, field) in fields.list().iter().enumerate() {
            if field.name.len as usize == option.len() && field.name.of(block).eq_ignore_ascii_case(option) {
                marks |= 1u128 << at;
            }
        }
    }
    marks
}
