//! What a certificate says: subject, alternative names, serial number, expiry. Reading only; rustls has verified it.

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::time::UnixSeconds;

/// Who the client is, by the certificate that it proved to own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientIdentity {
    /// The subject as RFC 4514 text (`CN=ann,O=Example`); empty when the certificate has none.
    pub subject: String,
    /// Alternative names: `DNS:…`, `URI:…`, `email:…` and `IP:…`, in the certificate's order; other kinds are left out.
    pub sans: Vec<String>,
    /// SHA-256 of the certificate, 64 hex digits in lower case.
    pub fingerprint: String,
    /// Serial number in hex, lower case, two digits a byte, without leading zero bytes.
    pub serial: String,
    /// Seconds since 1970 until which the certificate is valid.
    pub not_after: u64,
}

impl ClientIdentity {
    /// None when the certificate holds something that cannot be read.
    pub(super) fn of(der: &[u8]) -> Option<ClientIdentity> {
        let reading = Reading::of(der)?;
        Some(ClientIdentity {
            subject: reading.subject,
            sans: reading.sans,
            fingerprint: hex(digest(&SHA256, der).as_ref()),
            serial: reading.serial,
            not_after: reading.not_after.0,
        })
    }

    /// True from the second after `notAfter` on (RFC 5280 section 4.1.2.5 includes that second).
    pub fn is_expired(&self, now: UnixSeconds) -> bool {
        now.0 > self.not_after
    }
}

/// The parts of any certificate that the gateway uses.
pub(super) struct Reading {
    pub subject: String,
    pub sans: Vec<String>,
    pub serial: String,
    pub not_after: UnixSeconds,
}

impl Reading {
    pub fn of(der: &[u8]) -> Option<Reading> {
        let certificate = Certificate::from_der(der).ok()?;
        let tbs = certificate.tbs_certificate();
        let sans = match tbs.get_extension::<SubjectAltName>() {
            Ok(Some((_, SubjectAltName(names)))) => names.iter().filter_map(san_text).collect(),
            Ok(None) => Vec::new(),
            Err(_) => return None,
        };
        let serial = tbs.serial_number().as_bytes();
        let zeros = serial.iter().take_while(|byte| **byte == 0).count().min(serial.len().saturating_sub(1));
        Some(Reading {
            subject: tbs.subject().to_string(),
            sans,
            serial: hex(&serial[zeros..]),
            not_after: UnixSeconds(tbs.validity().not_after.to_unix_duration().as_secs()),
        })
    }

    pub fn dns_names(&self) -> impl Iterator<Item = &str> {
        self.sans.iter().filter_map(|san| san.strip_prefix("DNS:"))
    }
}

fn san_text(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(format!("DNS:{}", name.as_str())),
        GeneralName::UniformResourceIdentifier(uri) => Some(format!("URI:{}", uri.as_str())),
        GeneralName::Rfc822Name(mail) => Some(format!("email:{}", mail.as_str())),
        GeneralName::IpAddress(octets) => address(octets.as_bytes()).map(|ip| format!("IP:{ip}")),
        _ => None,
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|digit| DIGITS[digit as usize] as char).collect()
}
