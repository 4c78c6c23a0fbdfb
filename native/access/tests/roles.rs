//! Required scopes.

use super::strings;
use crate::access::{AccessError, RequiredScopes, has_all};

#[test]
fn all_required_scopes_must_be_held() {
    for (required, held, expected) in [
        (&[][..], &[][..], true),
        (&[], &["read"], true),
        (&["read"], &[], false),
        (&["read"], &["read"], true),
        (&["read", "write"], &["write", "x", "read"], true),
        (&["read", "write"], &["read"], false),
        (&["read"], &["READ"], false),
        (&["read"], &["read:orders"], false),
        (&["read"], &["read write"], false),
    ] {
        assert_eq!(has_all(required, held), expected, "{required:?} {held:?}");
        let compiled = RequiredScopes::new(&strings(required)).expect("valid scopes");
        assert_eq!(compiled.are_met_by(held), expected, "{required:?} {held:?}");
        assert_eq!(compiled.is_empty(), required.is_empty());
        assert_eq!(compiled.text(), required.join(" "));
    }
}

#[test]
fn scopes_outside_the_grammar_are_refused() {
    for scope in ["", "a b", "a\"b", "a\\b", "a\tb", "\u{e9}", "a\r\n", "\u{7f}"] {
        let compiled = RequiredScopes::new(&strings(&["ok!#[]~", scope]));
        assert_eq!(compiled, Err(AccessError::Scope { index: 1 }), "{scope:?}");
    }
}
