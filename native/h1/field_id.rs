//! The header field names that have a meaning here, as small numbers, and the most frequent others, which are read
//! faster so. It judges names only, never values.

macro_rules! field_ids {
    ($($variant:ident = $name:literal,)*) => {
        /// A header field name. Numbers are not stable; there are fewer than 64.
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FieldId {
            /// A name without a meaning here.
            Other,
            /// `X-Forwarded-` and something else than `For`, `Host`, `Proto`.
            XForwardedOther,
            $($variant,)*
        }
        static KNOWN: &[Known] = &[$(Known::new($name, FieldId::$variant),)*];
    };
}

field_ids! {
    Host = "host",
    ContentLength = "content-length",
    TransferEncoding = "transfer-encoding",
    Connection = "connection",
    KeepAlive = "keep-alive",
    ProxyConnection = "proxy-connection",
    ProxyAuthorization = "proxy-authorization",
    ProxyAuthenticate = "proxy-authenticate",
    ProxyAuthenticationInfo = "proxy-authentication-info",
    Te = "te",
    Trailer = "trailer",
    Upgrade = "upgrade",
    Http2Settings = "http2-settings",
    Expect = "expect",
    Authorization = "authorization",
    Origin = "origin",
    AcrMethod = "access-control-request-method",
    AcrHeaders = "access-control-request-headers",
    XForwardedFor = "x-forwarded-for",
    XForwardedProto = "x-forwarded-proto",
    XForwardedHost = "x-forwarded-host",
    XRealIp = "x-real-ip",
    Forwarded = "forwarded",
    Via = "via",
    TraceParent = "traceparent",
    TraceState = "tracestate",
    ContentType = "content-type",
    Cookie = "cookie",
    SetCookie = "set-cookie",
    Vary = "vary",
    Date = "date",
    Server = "server",
    Accept = "accept",
    AcceptEncoding = "accept-encoding",
    AcceptLanguage = "accept-language",
    CacheControl = "cache-control",
    UserAgent = "user-agent",
}

impl FieldId {
    /// The id of a name in any case.
    pub fn of(name: &[u8]) -> FieldId {
        let &[first, .., last] = name else { return FieldId::Other };
        let at = SLOTS[slot(name.len(), first, last)];
        if let Some(known) = KNOWN.get(usize::from(at))
            && known.is(name)
        {
            return known.id;
        }
        let is_forwarded = first | 0x20 == b'x'
            && name.len() > X_FORWARDED.len()
            && name[..X_FORWARDED.len()].eq_ignore_ascii_case(X_FORWARDED);
        if is_forwarded { FieldId::XForwardedOther } else { FieldId::Other }
    }

    /// True for fields that belong to one connection: never forwarded, and never taken from a handler
    /// (RFC 9110 section 7.6.1). Includes the framing fields but `Content-Length`.
    pub fn is_hop_by_hop(self) -> bool {
        HOP_BY_HOP & self.bit() != 0
    }

    /// True for `Content-Length` and `Transfer-Encoding`: always written by us.
    pub fn is_framing(self) -> bool {
        matches!(self, FieldId::ContentLength | FieldId::TransferEncoding)
    }

    /// True for the fields in which proxies tell upstreams about the client; from an untrusted peer they are
    /// dropped.
    pub fn is_forwarding(self) -> bool {
        FORWARDING & self.bit() != 0
    }

    /// One name alone has it, in some spelling.
    pub(super) fn is_known(self) -> bool {
        self as u8 > FieldId::XForwardedOther as u8
    }

    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// Longest known name that there can be.
const MAX_NAME: usize = 32;

/// A known name, compared eight bytes at a time in any case.
struct Known {
    len: usize,
    lower: [u8; MAX_NAME],
    /// The bit that tells the cases of a letter apart, where the name has a letter.
    case: [u8; MAX_NAME],
    id: FieldId,
}

impl Known {
    const fn new(name: &str, id: FieldId) -> Known {
        let name = name.as_bytes();
        assert!(name.len() >= 2 && name.len() <= MAX_NAME, "`FieldId::of` looks at the ends of a name");
        let (mut lower, mut case) = ([0; MAX_NAME], [0; MAX_NAME]);
        let mut at = 0;
        while at < name.len() {
            lower[at] = name[at];
            case[at] = if name[at].is_ascii_lowercase() { 0x20 } else { 0 };
            at += 1;
        }
        Known { len: name.len(), lower, case, id }
    }

    #[inline]
    fn is(&self, name: &[u8]) -> bool {
        if name.len() != self.len {
            return false;
        }
        let (lower, case) = (&self.lower[..self.len], &self.case[..self.len]);
        let ends = (name.last_chunk::<8>(), lower.last_chunk::<8>(), case.last_chunk::<8>());
        let (Some(name_end), Some(lower_end), Some(case_end)) = ends else {
            return name.iter().zip(lower).zip(case).all(|((name, lower), case)| name | case == *lower);
        };
        let (words, _) = name.as_chunks::<8>();
        let known = lower.as_chunks::<8>().0.iter().zip(case.as_chunks::<8>().0);
        is_same(name_end, lower_end, case_end)
            && words.iter().zip(known).all(|(name, (lower, case))| is_same(name, lower, case))
    }
}

#[inline]
fn is_same(name: &[u8; 8], lower: &[u8; 8], case: &[u8; 8]) -> bool {
    u64::from_le_bytes(*name) | u64::from_le_bytes(*case) == u64::from_le_bytes(*lower)
}

const X_FORWARDED: &[u8] = b"x-forwarded-";

pub(super) const HOP_BY_HOP: u64 = FieldId::Connection.bit()
    | FieldId::TransferEncoding.bit()
    | FieldId::KeepAlive.bit()
    | FieldId::ProxyConnection.bit()
    | FieldId::ProxyAuthorization.bit()
    | FieldId::ProxyAuthenticate.bit()
    | FieldId::ProxyAuthenticationInfo.bit()
    | FieldId::Te.bit()
    | FieldId::Trailer.bit()
    | FieldId::Upgrade.bit()
    | FieldId::Http2Settings.bit();

pub(super) const FORWARDING: u64 = FieldId::XForwardedFor.bit()
    | FieldId::XForwardedProto.bit()
    | FieldId::XForwardedHost.bit()
    | FieldId::XForwardedOther.bit()
    | FieldId::XRealIp.bit()
    | FieldId::Forwarded.bit();

const SLOT_COUNT: usize = 128;
const FREE: u8 = u8::MAX;

/// Length, first and last letter tell all known names apart; `build_slots` proves it at compile time.
const fn slot(len: usize, first: u8, last: u8) -> usize {
    (len + (first | 0x20) as usize * 5 + (last | 0x20) as usize * 29) % SLOT_COUNT
}

static SLOTS: [u8; SLOT_COUNT] = build_slots();

const fn build_slots() -> [u8; SLOT_COUNT] {
    assert!(KNOWN.len() + 2 <= 64, "ids are bits of a u64");
    let mut slots = [FREE; SLOT_COUNT];
    let mut at = 0;
    while at < KNOWN.len() {
        let Known { len, lower, .. } = &KNOWN[at];
        let free = &mut slots[slot(*len, lower[0], lower[*len - 1])];
        assert!(*free == FREE, "two known names share a slot");
        *free = at as u8;
        at += 1;
    }
    slots
}
