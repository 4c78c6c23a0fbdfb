//! The header field names that have a meaning here, as small numbers. It judges names only, never values.

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
        const KNOWN: &[(&str, FieldId)] = &[$(($name, FieldId::$variant),)*];
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
}

impl FieldId {
    /// The id of a name in any case.
    pub fn of(name: &[u8]) -> FieldId {
        let (Some(&first), Some(&last)) = (name.first(), name.last()) else {
            return FieldId::Other;
        };
        let at = SLOTS[slot(name.len(), first, last)];
        if let Some(&(known, id)) = KNOWN.get(usize::from(at))
            && is_name(name, known.as_bytes())
        {
            return id;
        }
        let is_forwarded = name.len() > X_FORWARDED.len()
            && first | 0x20 == b'x'
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

    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// Lower-case names are compared in one go; other spellings byte by byte.
fn is_name(name: &[u8], lower: &[u8]) -> bool {
    name == lower || name.eq_ignore_ascii_case(lower)
}

const X_FORWARDED: &[u8] = b"x-forwarded-";

const HOP_BY_HOP: u64 = FieldId::Connection.bit()
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

const FORWARDING: u64 = FieldId::XForwardedFor.bit()
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
        let name = KNOWN[at].0.as_bytes();
        let free = &mut slots[slot(name.len(), name[0], name[name.len() - 1])];
        assert!(*free == FREE, "two known names share a slot");
        *free = at as u8;
        at += 1;
    }
    slots
}
