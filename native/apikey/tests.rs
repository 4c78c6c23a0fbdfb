//! Which keys are found, when, and as whom.

use super::*;
use serde_json::json;

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

fn key(id: &str, text: &str, from: Option<u64>, until: Option<u64>) -> ApiKey {
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    let claims = json!({ "sub": id, "scope": "read write" }).to_string();
    let identity = Verified::stated(claims, until.map(UnixSeconds)).expect("claims");
    ApiKey { id: id.into(), hash, not_before: from.map(UnixSeconds), identity: Arc::new(identity) }
}

fn text(letter: char) -> String {
    std::iter::repeat_n(letter, 43).collect()
}

#[test]
fn a_key_is_found_by_every_byte_and_in_its_time() {
    let keys = ApiKeys::new(vec![
        key("a", &text('a'), None, None),
        key("old", &text('b'), None, Some(NOW.0)),
        key("last", &text('c'), None, Some(NOW.0 + 1)),
        key("first", &text('d'), Some(NOW.0), None),
        key("new", &text('e'), Some(NOW.0 + 1), None),
        key("short", "short", None, None),
        key("least", &text('f')[..22], None, None),
        key("long", &text('g').repeat(6), None, None),
    ])
    .expect("different keys");
    for (sent, expected) in [
        (text('a'), Ok("a")),
        (text('b'), Err(Reject::NotNow(1))),
        (text('c'), Ok("last")),
        (text('d'), Ok("first")),
        (text('e'), Err(Reject::NotNow(4))),
        ("short".into(), Err(Reject::Unknown)),
        (text('f')[..22].into(), Ok("least")),
        (text('f')[..21].into(), Err(Reject::Unknown)),
        (text('g').repeat(6), Err(Reject::Unknown)),
        (text('a')[..42].into(), Err(Reject::Unknown)),
        (text('A'), Err(Reject::Unknown)),
        (format!("{}b", &text('a')[..42]), Err(Reject::Unknown)),
        (String::new(), Err(Reject::Unknown)),
    ] {
        let found = keys.find(sent.as_bytes(), NOW).map(|(_, identity)| identity.subject().unwrap_or(""));
        assert_eq!(found, expected, "{sent}");
    }
    let (at, identity) = keys.find(text('a').as_bytes(), NOW).expect("it is there");
    assert_eq!(at, 0);
    assert!(identity.has_scope("read") && identity.has_scope("write") && !identity.has_scope("delete"));
}

#[test]
fn the_same_key_twice_is_told_by_its_ids() {
    let keys = vec![key("a", &text('a'), None, None), key("b", &text('a'), None, None)];
    let error = ApiKeys::new(keys).err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("keys \"a\" and \"b\" are the same key"));
}

#[test]
fn ten_thousand_keys_are_all_found() {
    let text = |n: usize| format!("key number {n:032}");
    let all = (0..10_000).map(|n| key(&n.to_string(), &text(n), None, None)).collect();
    let keys = ApiKeys::new(all).expect("different keys");
    for n in (0..10_000).step_by(37) {
        assert_eq!(keys.find(text(n).as_bytes(), NOW).map(|(at, _)| at as usize), Ok(n));
    }
    assert!(keys.find(text(10_000).as_bytes(), NOW).is_err());
}
