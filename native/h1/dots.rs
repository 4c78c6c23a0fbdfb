//! Dot segments: removed where every server agrees (RFC 3986 section 5.2.4), refused where only some would see them.

use super::error::Reject;
use super::target::escaped;

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

/// Refuses dot segments that appear only to a server which decodes escapes, more than once or in overlong UTF-8 too,
/// takes `\` for `/`, or cuts a segment off at `;` or at what ends a path or a string. `path` has its escapes in upper
/// case and its unreserved ones decoded. What is decoded stands behind it for a while, so that nothing is allocated.
pub(super) fn check_hidden(path: &mut Vec<u8>) -> Result<(), Reject> {
    let len = path.len();
    let mut start = 0;
    while start < len {
        let end = segment_end(&path[..len], start);
        if !is_dots(&path[start + 1..end]) {
            push_decoded(path, start + 1, end);
            let has_dots = path[len..].split(|&b| is_separator(b)).any(|piece| is_dots(before_end(piece)));
            path.truncate(len);
            if has_dots {
                return Err(Reject::TargetDots);
            }
        }
        start = end;
    }
    Ok(())
}

/// Whether an escape of this byte may stand for something else to a server that [`check_hidden`] is about: `%`, and
/// what begins overlong UTF-8. Separators have flags of their own.
pub(super) fn may_hide(byte: u8) -> bool {
    byte == b'%' || is_overlong_lead(byte)
}

/// The end of the segment whose `/` stands at `slash`.
fn segment_end(path: &[u8], slash: usize) -> usize {
    memchr::memchr(b'/', &path[slash + 1..]).map_or(path.len(), |at| slash + 1 + at)
}

fn is_dots(piece: &[u8]) -> bool {
    matches!(piece, b"." | b"..")
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}

fn before_end(piece: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| matches!(byte, b';' | b'?' | b'#' | 0);
    &piece[..piece.iter().position(is_end).unwrap_or(piece.len())]
}

/// Appends `text[from..to]` decoded until nothing is left to decode, in time linear in its length: a byte that
/// completes an escape takes its place, and may complete another.
fn push_decoded(text: &mut Vec<u8>, from: usize, to: usize) {
    let bottom = text.len();
    for at in from..to {
        text.push(text[at]);
        while let Some((taken, byte)) = last_escape(&text[bottom..]) {
            text.truncate(text.len() - taken);
            text.push(byte);
        }
    }
}

/// The length of the escape that `text` ends with, and what it stands for.
fn last_escape(text: &[u8]) -> Option<(usize, u8)> {
    if let [.., b'%', high, low] = text
        && let Some(byte) = escaped(&[*high, *low])
    {
        return Some((3, byte));
    }
    overlong(text)
}

/// The overlong form of an ASCII character that `text` ends with (RFC 3629 section 3 forbids it, old decoders do not).
fn overlong(text: &[u8]) -> Option<(usize, u8)> {
    let (len, high, low) = match text {
        [.., high @ 0xC0..=0xC1, low] => (2, high, low),
        [.., 0xE0, high @ 0x80..=0x81, low] => (3, high, low),
        [.., 0xF0, 0x80, high @ 0x80..=0x81, low] => (4, high, low),
        [.., 0xF8, 0x80, 0x80, high @ 0x80..=0x81, low] => (5, high, low),
        [.., 0xFC, 0x80, 0x80, 0x80, high @ 0x80..=0x81, low] => (6, high, low),
        _ => return None,
    };
    matches!(low, 0x80..=0xBF).then_some((len, (high & 1) << 6 | low & 0x3F))
}

fn is_overlong_lead(byte: u8) -> bool {
    matches!(byte, 0xC0 | 0xC1 | 0xE0 | 0xF0 | 0xF8 | 0xFC)
}
