//! JSON objects without doubt: a repeated member name at any depth, deep nesting or anything after the value
//! is refused.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

/// Objects and arrays inside one another, the outermost counted. Deeper than any token in the wild, and far
/// below the recursion that a thread's stack bears.
pub(super) const MAX_DEPTH: usize = 32;

/// Why a text is not an object that has one meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonError {
    Syntax,
    NotAnObject,
    Duplicate,
    TooDeep,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JsonError::Syntax => "is not JSON",
            JsonError::NotAnObject => "is not a JSON object",
            JsonError::Duplicate => "repeats a member",
            JsonError::TooDeep => "is nested too deeply",
        })
    }
}

impl std::error::Error for JsonError {}

/// An object and, in the order of `dates`, the text of its members with those names.
pub(super) struct Object<'a, const N: usize> {
    pub members: Map<String, Value>,
    /// Raw text, so that a caller can read digits as digits instead of through a binary fraction.
    pub raw: [Option<&'a str>; N],
}

/// Reads `text` as one object. Member names are compared after their escapes are undone; `raw_names` are the
/// top-level members whose text is kept beside their value.
pub(super) fn object<'a, const N: usize>(
    text: &'a str,
    raw_names: &[&str; N],
) -> Result<Object<'a, N>, JsonError> {
    let fault = Cell::new(None);
    let mut input = serde_json::Deserializer::from_str(text);
    let top = Top { raw_names, fault: &fault };
    let read = top.deserialize(&mut input).and_then(|object| input.end().map(|()| object));
    read.map_err(|error| match (fault.get(), error.classify()) {
        (Some(fault), _) => fault,
        (None, Category::Data) => JsonError::NotAnObject,
        (None, _) => JsonError::Syntax,
    })
}

type Fault = Cell<Option<JsonError>>;

/// Stops the parser; the real reason travels in `fault`, since the parser's error type holds only text.
fn stop<E: serde::de::Error>(fault: &Fault, reason: JsonError) -> E {
    fault.set(Some(reason));
    E::custom("refused")
}

struct Top<'c, const N: usize> {
    raw_names: &'c [&'c str; N],
    fault: &'c Fault,
}

impl<'de, const N: usize> DeserializeSeed<'de> for Top<'_, N> {
    type Value = Object<'de, N>;

    fn deserialize<D: serde::Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Top<'_, N> {
    type Value = Object<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut input: A) -> Result<Self::Value, A::Error> {
        let mut object = Object { members: Map::new(), raw: [None; N] };
        let fault = self.fault;
        while let Some(name) = input.next_key::<String>()? {
            let seed = Any { depth: 1, fault };
            let value = match self.raw_names.iter().position(|raw| *raw == name) {
                None => input.next_value_seed(seed)?,
                Some(at) => {
                    let raw = input.next_value::<&'de RawValue>()?.get();
                    object.raw[at] = Some(raw);
                    let mut inner = serde_json::Deserializer::from_str(raw);
                    seed.deserialize(&mut inner).map_err(A::Error::custom).inspect_err(|_| {
                        if fault.get().is_none() {
                            fault.set(Some(JsonError::Syntax));
                        }
                    })?
                }
            };
            if object.members.insert(name, value).is_some() {
                return Err(stop(fault, JsonError::Duplicate));
            }
        }
        Ok(object)
    }
}

/// Any value, `depth` containers down.
#[derive(Clone, Copy)]
struct Any<'c> {
    depth: usize,
    fault: &'c Fault,
}

impl Any<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(stop(self.fault, JsonError::TooDeep));
        }
        Ok(Any { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| stop(self.fault, JsonError::Syntax))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = input.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut input: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut members = Map::new();
        while let Some(name) = input.next_key::<String>()? {
            let value = input.next_value_seed(inner)?;
            if members.insert(name, value).is_some() {
                return Err(stop(self.fault, JsonError::Duplicate));
            }
        }
        Ok(Value::Object(members))
    }
}
