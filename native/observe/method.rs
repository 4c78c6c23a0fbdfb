//! Methods as metric labels: the registered ones by name, every other as `other`, so that clients cannot make series.

const NAMES: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "other"];

/// Index of a method in the label table.
pub fn index(method: &[u8]) -> u8 {
    NAMES[..9].iter().position(|name| name.as_bytes() == method).unwrap_or(9) as u8
}

pub fn name(index: u8) -> &'static str {
    NAMES.get(usize::from(index)).copied().unwrap_or("other")
}
