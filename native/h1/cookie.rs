//! Cookies of one name among those of a request (RFC 6265 section 5.4). It reads values as they are and judges none.

/// The value of the first cookie of this name in `Cookie` fields; names are case-sensitive.
pub fn cookie<'a>(fields: impl Iterator<Item = &'a [u8]>, name: &[u8]) -> Option<&'a [u8]> {
    cookies(fields, name).next()
}

/// The values of all cookies of this name, in order.
pub fn cookies<'a>(fields: impl Iterator<Item = &'a [u8]>, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    let pairs = fields.flat_map(|field| field.split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| {
        let (found, value) = split(pair)?;
        (found == name).then_some(value)
    })
}

/// Whether a `Set-Cookie` field sets a cookie of this name.
pub fn sets_cookie(field: &[u8], name: &[u8]) -> bool {
    let pair = field.split(|byte| *byte == b';').next().unwrap_or_default();
    split(pair).is_some_and(|(found, _)| found == name)
}

fn split(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    Some((pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()))
}
