//! The strings of a claim, such as roles; a text is never cut into words.

use serde_json::Value;

/// A claim that is neither a string nor a list of strings: nothing is concluded from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The strings of one claim, sorted, each once. A string is a list of one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Words(Box<[Box<str>]>);

impl Words {
    /// An absent claim, and one that is null, has none.
    pub fn read(claim: Option<&Value>) -> Result<Words, Malformed> {
        let mut words: Vec<Box<str>> = texts(claim)?.into_iter().map(Box::from).collect();
        words.sort_unstable();
        words.dedup();
        Ok(Words(words.into()))
    }

    /// Compared byte by byte.
    pub fn has(&self, word: &str) -> bool {
        self.0.binary_search_by(|one| (**one).cmp(word)).is_ok()
    }
}

/// The strings of a claim in their order.
pub(super) fn texts(claim: Option<&Value>) -> Result<Vec<&str>, Malformed> {
    match claim {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(all)) => all.iter().map(|one| one.as_str().ok_or(Malformed)).collect(),
        Some(_) => Err(Malformed),
    }
}
