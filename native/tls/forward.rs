//! The client's identity as a route uses it: a certificate that it demands, and header lines for its upstream.

use super::{ClientIdentity, TlsFacts};
use crate::h1;
use crate::snapshot::Route;
use crate::snapshot::plan::PlanCertificateField as Field;

/// Whether `route` demands a client certificate that the connection has not: then 403.
pub fn lacks_certificate(route: &Route, facts: Option<&TlsFacts>) -> bool {
    let is_required = route.client_certificate.as_ref().is_some_and(|certificate| certificate.required);
    is_required && facts.is_none_or(|facts| facts.client.is_none())
}

/// Appends the route's `clientCertificate.headers` as ready lines. Without a certificate, or where it has nothing to
/// say (no subject, no alternative names), a header is left out; the client's own is always dropped, since its name is
/// among `route.identity`.
///
/// `%`, control characters and everything outside ASCII are written as `%XX` of their UTF-8 bytes, so that any value
/// can stand in a field and is read back by percent-decoding. Alternative names are joined by `, `; in each of them a
/// comma, quote, backslash or space is `%XX` too, so that no name can pretend to be two.
pub fn write_client_certificate(out: &mut Vec<u8>, route: &Route, facts: Option<&TlsFacts>) {
    let Some(wanted) = &route.client_certificate else { return };
    let Some(client) = facts.and_then(|facts| facts.client.as_deref()) else { return };
    for (name, field) in &wanted.headers {
        let value = value(client, *field);
        if !value.is_empty() {
            h1::write_field(out, name, value.as_bytes());
        }
    }
}

fn value(client: &ClientIdentity, field: Field) -> String {
    match field {
        Field::Subject => subject(&client.subject),
        Field::San => {
            let names = client.sans.iter().map(|san| encoded(san, |byte| b" ,;\"\\".contains(&byte)));
            names.collect::<Vec<_>>().join(", ")
        }
        Field::Fingerprint => client.fingerprint.clone(),
        Field::Serial => client.serial.clone(),
    }
}

/// White space at the ends is no part of a field's value (RFC 9110 section 5.5), so a space there is escaped too.
fn subject(subject: &str) -> String {
    let text = encoded(subject, |_| false);
    match text.strip_suffix(' ') {
        Some(rest) => format!("{rest}%20"),
        None => text,
    }
}

fn encoded(text: &str, also: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let is_plain = matches!(byte, 0x20..=0x7e) && byte != b'%' && !also(byte);
        if is_plain { out.push(char::from(byte)) } else { out.push_str(&format!("%{byte:02X}")) }
    }
    out
}
