//! Methods as metric labels: the registered ones by name, every other as `other`, so that clients cannot make series.

pub(super) const NAMES: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "other"];

/// Index of a method in the label table. Written out, since comparing with the table's names costs a call for each.
pub fn index(method: &[u8]) -> u8 {
    match method {
        b"GET" => 0,
        b"HEAD" => 1,
        b"POST" => 2,
        b"PUT" => 3,
        b"DELETE" => 4,
        b"PATCH" => 5,
        b"OPTIONS" => 6,
        b"TRACE" => 7,
        b"CONNECT" => 8,
        _ => 9,
    }
}

pub fn name(index: u8) -> &'static str {
    NAMES.get(usize::from(index)).copied().unwrap_or("other")
}
