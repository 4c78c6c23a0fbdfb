use proptest::prelude::*;

use super::super::{
    BodyError, BodyKind, BodyReader, CHUNK_END, ChunkReader, Framing, LAST_CHUNK, MAX_CHUNK_OVERHEAD,
    chunk_header,
};
use super::show;

type Outcome = Result<(Vec<u8>, usize, bool), BodyError>;

/// Feeds `pieces` one after another: the body, the bytes consumed, and whether it was complete.
fn feed<'a>(mut reader: BodyReader, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let (mut body, mut consumed, mut done) = (Vec::new(), 0, reader.is_done());
    for piece in pieces {
        let fed = reader.feed(piece, &mut |data| body.extend_from_slice(data))?;
        consumed += fed.consumed;
        done = fed.done;
        if done {
            break;
        }
        assert_eq!(fed.consumed, piece.len());
    }
    Ok((body, consumed, done))
}

fn chunked() -> BodyReader {
    BodyReader::for_request(Framing::Chunked)
}

/// The same verdict for the whole, for each split in two, and byte by byte.
fn at_every_split(text: &[u8]) -> Outcome {
    let whole = feed(chunked(), [text]);
    for split in 0..=text.len() {
        let (a, b) = text.split_at(split);
        assert_eq!(feed(chunked(), [a, b]), whole, "{} at {split}", show(text));
    }
    assert_eq!(feed(chunked(), text.chunks(1)), whole, "{}", show(text));
    whole
}

#[test]
fn chunked_bodies() {
    let cases: &[(&[u8], &[u8], usize)] = &[
        (b"0\r\n\r\n", b"", 0),
        (b"000\r\n\r\nGET", b"", 3),
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello", 0),
        (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789", 0),
        (b"a\r\n0123456789\r\n0\r\n\r\nnext", b"0123456789", 4),
        (b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"abc", 0),
        (b"0000000000000001\r\na\r\n0\r\n\r\n", b"a", 0),
        (b"1;x\r\na\r\n0;y=\"z\"\r\n\r\n", b"a", 0),
        (b"1 ; x = y\r\na\r\n0\r\n\r\n", b"a", 0),
        (b"1;a;b=c;d\r\na\r\n0\r\n\r\n", b"a", 0),
        (b"1\t;\ta\t=\t\"b \xE9\\\"\\\\;\"\t;c\r\na\r\n0\r\n\r\n", b"a", 0),
        (b"1;a=\"\"\r\na\r\n0\r\n\r\n", b"a", 0),
        (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n", 0),
        (b"0\r\nA: b\r\nC:\r\n\r\n", b"", 0),
        (b"1\r\na\r\n0\r\nX-Sum: 1 2\t3\r\n\r\n!", b"a", 1),
    ];
    for (text, body, left) in cases {
        assert_eq!(at_every_split(text), Ok((body.to_vec(), text.len() - left, true)), "{}", show(text));
    }
}

#[test]
fn refused_chunked_bodies() {
    use BodyError::{ChunkEnd, ChunkExtension, ChunkSize, Trailer};
    let cases: &[(&[u8], BodyError)] = &[
        (b"\r\n", ChunkSize),
        (b";x\r\n", ChunkSize),
        (b" 1\r\n", ChunkSize),
        (b"-1\r\n", ChunkSize),
        (b"+1\r\n", ChunkSize),
        (b"0x1\r\n", ChunkSize),
        (b"g\r\n", ChunkSize),
        (b"1_0\r\n", ChunkSize),
        (b"1\n", ChunkSize),
        (b"00000000000000001\r\n", ChunkSize),
        (b"fffffffffffffffff\r\n", ChunkSize),
        (b"1\rX", ChunkExtension),
        (b"1 \r\n", ChunkExtension),
        (b"1 x\r\n", ChunkExtension),
        (b"1;a\nb\r\n", ChunkExtension),
        (b"1;a\rb", ChunkExtension),
        (b"1;\x00\r\n", ChunkExtension),
        (b"1;\r\n", ChunkExtension),
        (b"1; \r\n", ChunkExtension),
        (b"1;;a\r\n", ChunkExtension),
        (b"1;a;\r\n", ChunkExtension),
        (b"1;a \r\n", ChunkExtension),
        (b"1;a b\r\n", ChunkExtension),
        (b"1;a=\r\n", ChunkExtension),
        (b"1;a=;b\r\n", ChunkExtension),
        (b"1;=b\r\n", ChunkExtension),
        (b"1;a=b=c\r\n", ChunkExtension),
        (b"1;a=b \r\n", ChunkExtension),
        (b"1;a=b c\r\n", ChunkExtension),
        (b"1;bad[=x\r\n", ChunkExtension),
        (b"1;a\xE9\r\n", ChunkExtension),
        (b"1;a=\"b\r\n", ChunkExtension),
        (b"1;a=\"b\\\r\n", ChunkExtension),
        (b"1;a=\"b\x7F\"\r\n", ChunkExtension),
        (b"1;a=\"b\"c\r\n", ChunkExtension),
        (b"1;a=b\"c\"\r\n", ChunkExtension),
        (b"1;\x7F\r\n", ChunkExtension),
        (b"1\r\nab", ChunkEnd),
        (b"1\r\na\n", ChunkEnd),
        (b"1\r\na\rX", ChunkEnd),
        (b"1\r\na0\r\n\r\n", ChunkEnd),
        (b"0\r\n\n", Trailer),
        (b"0\r\n\rX", Trailer),
        (b"0\r\n: b\r\n\r\n", Trailer),
        (b"0\r\nA b\r\n\r\n", Trailer),
        (b"0\r\nA\r\n\r\n", Trailer),
        (b"0\r\n A: b\r\n\r\n", Trailer),
        (b"0\r\nA: b\r\n c\r\n\r\n", Trailer),
        (b"0\r\nA: b\nB: c\r\n\r\n", Trailer),
        (b"0\r\nA: \x00\r\n\r\n", Trailer),
        (b"0\r\nGET / HTTP/1.1\r\n\r\n", Trailer),
    ];
    for (text, expected) in cases {
        assert_eq!(at_every_split(text), Err(*expected), "{}", show(text));
    }
}

#[test]
fn an_error_stays() {
    let mut reader = ChunkReader::new();
    assert_eq!(reader.feed(b"x", &mut |_| ()), Err(BodyError::ChunkSize));
    assert_eq!(reader.feed(b"0\r\n\r\n", &mut |_| ()), Err(BodyError::ChunkSize));
    assert!(!reader.is_done());
}

#[test]
fn overhead_is_bounded() {
    let max = MAX_CHUNK_OVERHEAD as usize;
    let trailer = |len: usize| [b"0\r\nA: ".as_slice(), &vec![b'x'; len], b"\r\n\r\n"].concat();
    assert!(feed(chunked(), [&trailer(max - 7)[..]]).is_ok());
    assert_eq!(feed(chunked(), [&trailer(max)[..]]), Err(BodyError::Overhead));
    let line = [b"1;".as_slice(), &vec![b'x'; max]].concat();
    assert_eq!(feed(chunked(), [&line[..]]), Err(BodyError::Overhead));
    let thin = b"1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\na\r\n".repeat(max);
    assert_eq!(feed(chunked(), [&thin[..]]), Err(BodyError::Overhead));
    let plain = b"1\r\na\r\n".repeat(max);
    assert!(feed(chunked(), [&plain[..]]).is_ok());
    let signed = [b"80;sig=".as_slice(), &[b'f'; 64], b"\r\n", &[b'd'; 128], b"\r\n"].concat().repeat(1000);
    assert!(feed(chunked(), [&signed[..]]).is_ok());
}

#[test]
fn other_framings() {
    assert_eq!(feed(BodyReader::None, [&b"next"[..]]), Ok((vec![], 0, true)));
    let length = || BodyReader::for_response(BodyKind::Length(5));
    for split in 0..=7 {
        let (a, b) = b"helloGE".split_at(split);
        assert_eq!(feed(length(), [a, b]), Ok((b"hello".to_vec(), 5, true)), "{split}");
    }
    assert_eq!(feed(length(), [&b"he"[..]]), Ok((b"he".to_vec(), 2, false)));
    let until_close = BodyReader::for_response(BodyKind::UntilClose);
    assert_eq!(feed(until_close, [&b"a"[..], b"", b"b"]), Ok((b"ab".to_vec(), 2, false)));
    assert!(BodyReader::for_request(Framing::Length(0)).is_done());
    assert!(!length().is_done());
}

#[test]
fn the_end_of_the_connection() {
    assert_eq!(BodyReader::None.end(), Ok(()));
    assert_eq!(BodyReader::UntilClose.end(), Ok(()));
    assert_eq!(BodyReader::Length(0).end(), Ok(()));
    assert_eq!(BodyReader::Length(1).end(), Err(BodyError::Truncated));
    assert_eq!(chunked().end(), Err(BodyError::Truncated));
    let mut reader = chunked();
    reader.feed(LAST_CHUNK, &mut |_| ()).unwrap();
    assert_eq!(reader.end(), Ok(()));
}

#[test]
fn chunk_headers() {
    for (len, expected) in [(0, ""), (1, "1\r\n"), (15, "f\r\n"), (16, "10\r\n"), (65_536, "10000\r\n")] {
        let mut out = Vec::new();
        chunk_header(len, &mut out);
        assert_eq!(show(&out), show(expected.as_bytes()));
    }
    let mut out = Vec::new();
    chunk_header(usize::MAX, &mut out);
    assert_eq!(out, format!("{:x}\r\n", usize::MAX).into_bytes());
}

/// Splits at CRLF with the whole body at hand; knows plain chunks, extensions that are a word, and trailers.
fn naive_chunks(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = take_line(&mut text)?;
        let mut parts = line.split(|&b| b == b';');
        let size = parts.next()?;
        if !parts.all(|name| !name.is_empty() && name.iter().all(u8::is_ascii_alphanumeric)) {
            return None;
        }
        if size.is_empty() || size.len() > 16 || !size.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let size = u64::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            break;
        }
        let size = usize::try_from(size).ok()?;
        body.extend_from_slice(text.get(..size)?);
        text = text.get(size..)?.strip_prefix(b"\r\n")?;
    }
    while !text.starts_with(b"\r\n") {
        let line = take_line(&mut text)?;
        let colon = line.iter().position(|&b| b == b':')?;
        if colon == 0 || !line[..colon].iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
    }
    Some(body)
}

fn take_line<'a>(text: &mut &'a [u8]) -> Option<&'a [u8]> {
    let at = text.windows(2).position(|w| w == b"\r\n")?;
    let line = &text[..at];
    *text = &text[at + 2..];
    (!line.iter().any(|&b| b == b'\r' || b == b'\n')).then_some(line)
}

fn pieces<'a>(text: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).chain([0, text.len()]).collect();
    at.sort_unstable();
    at.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut text = Vec::new();
        for chunk in &chunks {
            chunk_header(chunk.len(), &mut text);
            text.extend_from_slice(chunk);
            text.extend_from_slice(CHUNK_END);
        }
        text.extend_from_slice(LAST_CHUNK);
        let expected = Ok((chunks.concat(), text.len(), true));
        prop_assert_eq!(feed(chunked(), pieces(&text, &cuts)), expected);
    }

    #[test]
    fn agrees_with_a_naive_reader(
        text in "(0|1|2|a|1\r\na\r\n|2\r\nbc\r\n|0\r\n|\r\n|\r|\n|;|;x|:|A: b\r\n|g){0,10}",
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        let text = text.into_bytes();
        let seen = feed(chunked(), pieces(&text, &cuts));
        let complete = seen.ok().filter(|(_, _, done)| *done).map(|(body, _, _)| body);
        prop_assert_eq!(complete, naive_chunks(&text), "{}", show(&text));
    }
}
