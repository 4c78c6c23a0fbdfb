//! Tables of cases and properties against naive oracles; no sockets.

mod body;
mod cookie;
mod date;
mod fields;
mod guard;
mod head;
mod proxy;
mod request;
mod response;
mod target;
mod target_admin;
mod upgrade;
mod write;

use super::{Fields, Reject};

/// The fields of a block that must be valid.
fn fields(block: &[u8]) -> Fields {
    let mut fields = Fields::new();
    assert_eq!(fields.parse(block), Ok(()), "{}", show(block));
    fields
}

fn parse_fields(block: &[u8]) -> Result<(), Reject> {
    Fields::new().parse(block)
}

fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
