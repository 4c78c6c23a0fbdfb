//! The signature algorithms of tokens by their names (RFC 7518 section 3.1, RFC 8037, RFC 9864), and sets of them;
//! `none` and the symmetric ones have no value here, so nothing can ask for them.

/// One table writes the enum, its names and its list.
macro_rules! algorithms {
    ($($variant:ident $name:literal),+ $(,)?) => {
        /// An algorithm that a token may be signed with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Algorithm { $(#[doc = $name] $variant),+ }

        impl Algorithm {
            pub const ALL: &'static [Algorithm] = &[$(Algorithm::$variant),+];

            /// The value of `alg`.
            pub const fn name(self) -> &'static str {
                match self { $(Algorithm::$variant => $name),+ }
            }
        }
    };
}

algorithms! {
    Rs256 "RS256",
    Rs384 "RS384",
    Rs512 "RS512",
    Ps256 "PS256",
    Ps384 "PS384",
    Ps512 "PS512",
    Es256 "ES256",
    Es384 "ES384",
    EdDsa "EdDSA",
    Ed25519 "Ed25519",
}

impl Algorithm {
    /// The algorithm of this name; names are case-sensitive (RFC 7515 section 4.1.1).
    pub fn of(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.iter().copied().find(|one| one.name() == name)
    }
}

/// A set of algorithms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Algorithms(u16);

impl Algorithms {
    pub const NONE: Algorithms = Algorithms(0);

    pub const fn of(list: &[Algorithm]) -> Algorithms {
        let (mut bits, mut at) = (0, 0);
        while at < list.len() {
            bits |= 1 << list[at] as u16;
            at += 1;
        }
        Algorithms(bits)
    }

    pub const fn has(self, one: Algorithm) -> bool {
        self.0 & (1 << one as u16) != 0
    }

    /// Whether some algorithm is in both.
    pub const fn meets(self, other: Algorithms) -> bool {
        self.0 & other.0 != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.iter().copied().filter(move |one| self.has(*one))
    }

    pub(super) const fn bits(self) -> u16 {
        self.0
    }
}
