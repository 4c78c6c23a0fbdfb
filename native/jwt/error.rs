//! Why a token, a key or a key set was refused; no message ever holds a part of the token or of a key.

use std::fmt;

use super::json::JsonError;

/// Why [`Issuer::verify`](super::Issuer::verify) gave no claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reject {
    /// No key set was ever loaded: not the client's fault (503, retry later).
    NoKeys,
    /// The token names a key that the issuer's set does not hold: ask [`KeyGate`](super::KeyGate) with this
    /// hash of the `kid` (keyed, equal only inside one issuer of one process) whether a refresh is worth
    /// waiting for, else 401.
    UnknownKey { kid_hash: u64 },
    /// Everything that is cheap to check holds, and the caller did not let the signature be checked: nothing is
    /// known of the token.
    Unchecked,
    /// The token is refused (401, `error="invalid_token"`).
    Invalid(Invalid),
}

impl Reject {
    /// Stable lower-case word for metrics and records.
    pub const fn label(&self) -> &'static str {
        match self {
            Reject::NoKeys => "no_keys",
            Reject::UnknownKey { .. } => "unknown_key",
            Reject::Unchecked => "unchecked",
            Reject::Invalid(invalid) => invalid.label(),
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reject::NoKeys => f.write_str("the keys of the issuer are not loaded yet"),
            Reject::UnknownKey { .. } => f.write_str("the issuer has no key with the kid of the token"),
            Reject::Unchecked => f.write_str("the signature of the token was not checked"),
            Reject::Invalid(invalid) => invalid.fmt(f),
        }
    }
}

impl std::error::Error for Reject {}

impl From<Invalid> for Reject {
    fn from(invalid: Invalid) -> Reject {
        Reject::Invalid(invalid)
    }
}

/// One table writes an enum of reasons, a stable label and a sentence for each.
macro_rules! reasons {
    ($(#[$meta:meta])* $name:ident { $($variant:ident $label:literal $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $(#[doc = $text] $variant),+ }

        impl $name {
            /// Every reason, in the order of the checks.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// Stable lower-case word for metrics and records.
            pub const fn label(self) -> &'static str {
                match self { $($name::$variant => $label),+ }
            }

            /// Stable English sentence without a full stop; names no value of the input.
            pub const fn text(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.text())
            }
        }

        impl std::error::Error for $name {}
    };
}

reasons! {
    /// Why a token is refused.
    Invalid {
        TooLong "too_long" "the token is longer than allowed",
        NotThreeParts "not_three_parts" "the token does not have exactly three parts",
        EmptyPart "empty_part" "a part of the token is empty",
        HeaderEncoding "header_encoding" "the header is not strict base64url of UTF-8",
        HeaderJson "header_json" "the header is not JSON",
        HeaderNotObject "header_not_object" "the header is not a JSON object",
        HeaderDuplicate "header_duplicate" "the header repeats a member",
        HeaderTooDeep "header_too_deep" "the header is nested too deeply",
        CritRefused "crit_refused" "the header has crit, and no extension is understood",
        AlgMissing "alg_missing" "the header has no alg",
        AlgRefused "alg_refused" "the alg of the header is not allowed",
        KidMalformed "kid_malformed" "the kid of the header is not a string",
        KidTooLong "kid_too_long" "the kid of the header is longer than 256 bytes",
        KidMissing "kid_missing" "the header has no kid, and the issuer does not have exactly one usable key for its alg",
        KeyNotUsable "key_not_usable" "the kid of the header names a key that may not verify tokens",
        AlgMismatch "alg_mismatch" "the kid of the header names a key that is not for its alg",
        SignatureEncoding "signature_encoding" "the signature is not strict base64url",
        SignatureLength "signature_length" "the signature does not have the length of its algorithm and key",
        ClaimsEncoding "claims_encoding" "the claims are not strict base64url of UTF-8",
        ClaimsJson "claims_json" "the claims are not JSON",
        ClaimsNotObject "claims_not_object" "the claims are not a JSON object",
        ClaimsDuplicate "claims_duplicate" "the claims repeat a member",
        ClaimsTooDeep "claims_too_deep" "the claims are nested too deeply",
        ExpMalformed "exp_malformed" "the exp of the token is not a date",
        NbfMalformed "nbf_malformed" "the nbf of the token is not a date",
        IatMalformed "iat_malformed" "the iat of the token is not a date",
        Expired "expired" "the token has expired",
        NotYetValid "not_yet_valid" "the token is not valid yet",
        IssuedInFuture "issued_in_future" "the token was issued in the future",
        IssuerUnknown "iss_unknown" "the iss of the token is none of those that are accepted",
        SignatureMismatch "signature_mismatch" "the signature does not fit the token",
        IssuerMissing "iss_missing" "the token has no iss",
        IssuerMismatch "iss_mismatch" "the iss of the token is another issuer",
        AudienceMissing "aud_missing" "the token has no aud",
        AudienceMalformed "aud_malformed" "the aud of the token is not a string or an array of strings",
        AudienceMismatch "aud_mismatch" "the token is for another audience",
        ExpMissing "exp_missing" "the token has no exp",
        ClaimMissing "claim_missing" "a required claim is missing or null",
        SubjectMalformed "sub_malformed" "the sub of the token is not a string",
        ScopeMalformed "scope_malformed" "the scope or scp of the token is not a string or an array of strings",
        TypeMismatch "typ_mismatch" "the typ of the header is not the one that is required",
        PartyMismatch "azp_mismatch" "the azp of the token is not an authorized party",
        ClaimRefused "claim_refused" "a claim of the token is not as required",
        IssuedAtMissing "iat_missing" "the token has no iat",
        TooOld "too_old" "the token was issued too long ago",
    }
}

impl Invalid {
    /// Whether the signature was checked before this was found, which is what a refusal costs: 20 µs and more instead
    /// of one. What depends on the configuration (`iss`, `aud`, `required`, demands) is told to nobody but the owner of a
    /// signed token, so it comes after.
    pub const fn cost_a_check(self) -> bool {
        self as u8 >= Invalid::SignatureMismatch as u8
    }
}

reasons! {
    /// Why a key of a set cannot be used; the others of the set still are.
    Unusable {
        NotObject "not_object" "the key is not a JSON object",
        UnknownType "unknown_type" "kty is not RSA, EC or OKP",
        UnknownCurve "unknown_curve" "crv is not P-256, P-384 or Ed25519",
        KidMalformed "kid_malformed" "kid is not a string of at most 256 bytes",
        WrongUse "wrong_use" "use is not sig",
        WrongOperations "wrong_operations" "key_ops is not an array that holds verify",
        WrongAlgorithm "wrong_algorithm" "alg is none that a key of its kind can verify",
        PrivateKey "private_key" "the key holds private members: it is not secret any more",
        Exponent "exponent" "e is not 65537",
        ModulusEncoding "modulus_encoding" "n is not strict base64url",
        ModulusSize "modulus_size" "n does not have 2048 to 4096 bits",
        ModulusEven "modulus_even" "n is even, so it is no RSA modulus",
        Coordinate "coordinate" "x or y is not strict base64url of the length that the curve has",
        SmallOrder "small_order" "x is a point of small order, for which anybody can sign",
        Refused "refused" "the cryptographic library refused the key",
        DuplicateKid "duplicate_kid" "another key of the set has the same kid",
    }
}

/// Why a whole key set is refused; the one loaded before stays.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwksError {
    /// Longer than 512 KiB.
    TooLarge,
    Json(JsonError),
    /// No member `keys` that is an array (RFC 7517 section 5).
    NoKeysMember,
    /// More than 64 keys.
    TooManyKeys,
    /// Not one usable key; the reasons in the order of the set, with the `kid` where it is known.
    NoUsableKey {
        ignored: Vec<(Option<Box<str>>, Unusable)>,
    },
}

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JwksError::TooLarge => f.write_str("the key set is larger than 512 KiB"),
            JwksError::Json(error) => write!(f, "the key set {error}"),
            JwksError::NoKeysMember => f.write_str("the key set has no array named keys"),
            JwksError::TooManyKeys => f.write_str("the key set has more than 64 keys"),
            JwksError::NoUsableKey { ignored } => {
                write!(f, "none of the {} keys of the set can verify tokens", ignored.len())?;
                let mut told: Vec<&str> = Vec::new();
                for (_, reason) in ignored {
                    if !told.contains(&reason.text()) {
                        f.write_str(if told.is_empty() { ": " } else { "; " })?;
                        f.write_str(reason.text())?;
                        told.push(reason.text());
                    }
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for JwksError {}
