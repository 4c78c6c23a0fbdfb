//! Chunk extensions (RFC 9112 section 7.1.1), checked byte by byte and dropped: what is outside the grammar may end
//! elsewhere for another reader.

use super::scan::is_token_byte;

/// Where the list of extensions stands behind the `;` that starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    /// White space before a name.
    Start,
    Name,
    /// White space behind a name.
    NameEnd,
    /// White space before a value.
    Equals,
    Value,
    Quoted,
    /// Behind a backslash in quotes.
    Escaped,
    /// Behind the closing quote.
    Unquoted,
    /// White space that only another extension may follow.
    End,
}

impl Extension {
    /// What follows on `byte`; none when it is outside the grammar.
    pub fn step(self, byte: u8) -> Option<Extension> {
        use Extension::{End, Equals, Escaped, Name, NameEnd, Quoted, Start, Unquoted, Value};
        match (self, byte) {
            (Quoted, b'"') => Some(Unquoted),
            (Quoted, b'\\') => Some(Escaped),
            (Quoted | Escaped, b'\t' | 0x20..=0x7E | 0x80..) => Some(Quoted),
            (Start | Equals | NameEnd | End, b' ' | b'\t') => Some(self),
            (Name, b' ' | b'\t') => Some(NameEnd),
            (Value | Unquoted, b' ' | b'\t') => Some(End),
            (Name | NameEnd | Value | Unquoted | End, b';') => Some(Start),
            (Name | NameEnd, b'=') => Some(Equals),
            (Equals, b'"') => Some(Quoted),
            (Start | Name, token) if is_token_byte(token) => Some(Name),
            (Equals | Value, token) if is_token_byte(token) => Some(Value),
            _ => None,
        }
    }

    /// Whether the size line may end here.
    pub fn may_end(self) -> bool {
        matches!(self, Extension::Name | Extension::Value | Extension::Unquoted)
    }
}
