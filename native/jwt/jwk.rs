//! One JSON Web Key (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2) as a verifying key, and the algorithms
//! that it may be used with; what leaves doubt is refused with its reason.

use serde_json::{Map, Value};

use super::algorithm::{Algorithm, Algorithms};
use super::compact::decode;
use super::ec::{Curve, EcKey};
use super::ed25519::{self, Ed25519Key};
use super::error::Unusable;
use super::header::MAX_KID_BYTES;
use super::rsa::{self, RsaKey};
use super::verifying::VerifyingKey;

/// A key as its set describes it.
pub(super) struct Jwk {
    pub kid: Option<Box<str>>,
    /// What its kind can verify, or the one that `alg` names.
    pub algorithms: Algorithms,
    pub verifying: VerifyingKey,
    /// Tells keys of equal `algorithms` apart: modulus, or coordinates.
    pub material: Box<[u8]>,
}

impl Jwk {
    pub fn read(value: &Value) -> Result<Jwk, Unusable> {
        let key = value.as_object().ok_or(Unusable::NotObject)?;
        let kind = Kind::of(key)?;
        if key.contains_key("kid") && kid_of(value).is_none() {
            return Err(Unusable::KidMalformed);
        }
        if key.contains_key("use") && text(key, "use") != Some("sig") {
            return Err(Unusable::WrongUse);
        }
        if key.get("key_ops").is_some_and(|ops| !holds_verify(ops)) {
            return Err(Unusable::WrongOperations);
        }
        let algorithms = pinned(key, kind.able())?;
        if PRIVATE_MEMBERS.iter().any(|name| key.contains_key(*name)) {
            return Err(Unusable::PrivateKey);
        }
        let (verifying, material) = kind.read(key, algorithms)?;
        Ok(Jwk { kid: kid_of(value), algorithms, verifying, material })
    }
}

pub(super) fn kid_of(value: &Value) -> Option<Box<str>> {
    let kid = value.get("kid")?.as_str()?;
    (kid.len() <= MAX_KID_BYTES).then(|| kid.into())
}

/// RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2.
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

#[derive(Clone, Copy)]
enum Kind {
    Rsa,
    Ec(Curve),
    Ed25519,
}

impl Kind {
    fn of(key: &Map<String, Value>) -> Result<Kind, Unusable> {
        let crv = || text(key, "crv").ok_or(Unusable::UnknownCurve);
        match text(key, "kty") {
            Some("RSA") => Ok(Kind::Rsa),
            Some("EC") => Curve::of(crv()?).map(Kind::Ec).ok_or(Unusable::UnknownCurve),
            Some("OKP") if crv()? == "Ed25519" => Ok(Kind::Ed25519),
            Some("OKP") => Err(Unusable::UnknownCurve),
            _ => Err(Unusable::UnknownType),
        }
    }

    fn able(self) -> Algorithms {
        match self {
            Kind::Rsa => rsa::ABLE,
            Kind::Ec(curve) => curve.able(),
            Kind::Ed25519 => ed25519::ABLE,
        }
    }

    fn read(
        self,
        key: &Map<String, Value>,
        algorithms: Algorithms,
    ) -> Result<(VerifyingKey, Box<[u8]>), Unusable> {
        match self {
            Kind::Rsa => {
                let exponent = number(key, "e").ok_or(Unusable::Exponent)?;
                let modulus = number(key, "n").ok_or(Unusable::ModulusEncoding)?;
                let rsa = RsaKey::new(&modulus, &exponent, algorithms)?;
                Ok((VerifyingKey::Rsa(rsa), modulus.into()))
            }
            Kind::Ec(curve) => {
                let (x, y) = (coordinate(key, "x")?, coordinate(key, "y")?);
                Ok((VerifyingKey::Ec(EcKey::new(curve, &x, &y)?), [x, y].concat().into()))
            }
            Kind::Ed25519 => {
                let point = coordinate(key, "x")?;
                Ok((VerifyingKey::Ed25519(Ed25519Key::new(&point)?), point.into()))
            }
        }
    }
}

/// All of `able`, or the one of them that `alg` names.
fn pinned(key: &Map<String, Value>, able: Algorithms) -> Result<Algorithms, Unusable> {
    if !key.contains_key("alg") {
        return Ok(able);
    }
    match text(key, "alg").and_then(Algorithm::of) {
        Some(one) if able.has(one) => Ok(Algorithms::of(&[one])),
        _ => Err(Unusable::WrongAlgorithm),
    }
}

fn text<'a>(key: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    key.get(name)?.as_str()
}

fn holds_verify(ops: &Value) -> bool {
    ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify"))
}

/// Base64urlUInt, big-endian. RFC 7518 section 2 forbids leading zeros, some issuers write one: they carry no
/// meaning and are dropped.
fn number(key: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    let mut bytes = decode(text(key, name)?.as_bytes())?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    Some(bytes)
}

/// The bytes of a coordinate, its leading zeros with it: RFC 7518 section 6.2.1.2 fixes its length.
fn coordinate(key: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Unusable> {
    text(key, name).and_then(|text| decode(text.as_bytes())).ok_or(Unusable::Coordinate)
}
