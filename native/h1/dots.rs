//! Dot segments: removed where every server agrees (RFC 3986 section 5.2.4), refused where only some would see them.

use super::error::Reject;

/// Removes `.` and `..` segments in place. `path` starts with `/`; only `/` separates segments.
pub(super) fn remove(path: &mut Vec<u8>) {
    let (mut read, mut write) = (0, 0);
    while read < path.len() {
        let end = segment_end(path, read);
        let is_last = end == path.len();
        let is_dots = match &path[read + 1..end] {
            b"." => true,
            b".." => {
                write = path[..write].iter().rposition(|&b| b == b'/').unwrap_or(0);
                true
            }
            _ => false,
        };
        if !is_dots {
            path.copy_within(read..end, write);
            write += end - read;
        } else if is_last {
            path[write] = b'/';
            write += 1;
        }
        read = end;
    }
    path.truncate(write);
}

/// Refuses dot segments that appear only to a server which decodes `%2f` or `%5c`, takes `\` for `/`, or cuts `;`
/// parameters off before it resolves dots. `path` has its escapes in upper case and its unreserved ones decoded.
pub(super) fn check_hidden(path: &[u8]) -> Result<(), Reject> {
    let mut start = 0;
    while start < path.len() {
        let end = segment_end(path, start);
        let segment = &path[start + 1..end];
        if !is_dots(segment) && has_hidden_dots(segment) {
            return Err(Reject::TargetDots);
        }
        start = end;
    }
    Ok(())
}

/// The end of the segment whose `/` stands at `slash`.
fn segment_end(path: &[u8], slash: usize) -> usize {
    memchr::memchr(b'/', &path[slash + 1..]).map_or(path.len(), |at| slash + 1 + at)
}

fn is_dots(piece: &[u8]) -> bool {
    matches!(piece, b"." | b"..")
}

fn has_hidden_dots(segment: &[u8]) -> bool {
    let mut start = 0;
    let mut at = 0;
    while at < segment.len() {
        let width = separator(&segment[at..]);
        if width > 0 {
            if is_dots(before_parameters(&segment[start..at])) {
                return true;
            }
            start = at + width;
        }
        at += width.max(1);
    }
    is_dots(before_parameters(&segment[start..]))
}

/// The length of what some servers take for `/` at the start of `text`; 0 if there is none.
fn separator(text: &[u8]) -> usize {
    match text {
        [b'\\', ..] => 1,
        [b'%', b'2', b'F', ..] | [b'%', b'5', b'C', ..] => 3,
        _ => 0,
    }
}

fn before_parameters(piece: &[u8]) -> &[u8] {
    let plain = memchr::memchr(b';', piece).unwrap_or(piece.len());
    let encoded = piece.windows(3).position(|w| w == b"%3B").unwrap_or(piece.len());
    &piece[..plain.min(encoded)]
}
