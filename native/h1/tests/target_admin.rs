//! Ways to write `/admin`, so that a check on the path and the server behind it could disagree.

use super::super::{Flags, Reject, Target};

/// What becomes of a spelling.
enum Becomes {
    /// Exactly `/admin`, without a flag: the same checks as for the plain spelling.
    Admin,
    /// This path, and 400 unless the route allows these flags.
    Flagged(&'static str, Flags),
    /// Another resource, for us and for a server that decodes as often as it can.
    Other(&'static str),
    Refused(Reject),
}
use Becomes::{Admin, Flagged, Other, Refused};

const SLASH: Flags = Flags::ENCODED_SLASH;
const DOUBLE: Flags = Flags::DOUBLE_SLASH;

const SPELLINGS: &[(&[u8], Becomes)] = &[
    (b"/admin", Admin),
    (b"/%61dmin", Admin),
    (b"/%61%64%6D%69%6e", Admin),
    (b"/./admin", Admin),
    (b"/../admin", Admin),
    (b"/public/../admin", Admin),
    (b"/public/./../admin", Admin),
    (b"/public/../../../admin", Admin),
    (b"/public/%2e%2e/admin", Admin),
    (b"/public/%2E./admin", Admin),
    (b"/public/.%2e/%61dmin", Admin),
    (b"/public/x/../../admin", Admin),
    (b"/%2e/admin", Admin),
    (b"/public/..?/admin", Other("/")),
    (b"/admin/", Other("/admin/")),
    (b"/admin/.", Other("/admin/")),
    (b"/Admin", Other("/Admin")),
    (b"/admin%20", Other("/admin%20")),
    (b"/admin;x", Other("/admin;x")),
    (b"/admin.", Other("/admin.")),
    (b"/%2561dmin", Other("/%2561dmin")),
    (b"/public/%252e%252efoo", Other("/public/%252e%252efoo")),
    (b"/public/100%25/admin", Other("/public/100%25/admin")),
    (b"/public/%25.%25./admin", Other("/public/%25.%25./admin")),
    (b"/public/%C0%AEx/admin", Other("/public/%C0%AEx/admin")),
    (b"/public/%C0.%C0./admin", Other("/public/%C0.%C0./admin")),
    (b"/public/%E0%B8%81/admin", Other("/public/%E0%B8%81/admin")),
    (b"/public/%EF%BC%8E%EF%BC%8E/admin", Other("/public/%EF%BC%8E%EF%BC%8E/admin")),
    (b"//admin", Flagged("//admin", DOUBLE)),
    (b"/public/..//admin", Flagged("//admin", DOUBLE)),
    (b"/public//../admin", Flagged("/public/admin", DOUBLE)),
    (b"/%2fadmin", Flagged("/%2Fadmin", SLASH)),
    (b"/public%2f/../admin", Flagged("/admin", SLASH)),
    (b"/public/a%2fb/../../admin", Flagged("/admin", SLASH)),
    (b"/\\admin", Flagged("/\\admin", Flags::BACKSLASH)),
    (b"/%5cadmin", Flagged("/%5Cadmin", Flags::ENCODED_BACKSLASH)),
    (b"/public/..%2fadmin", Refused(Reject::TargetDots)),
    (b"/public/%2e%2e%2Fadmin", Refused(Reject::TargetDots)),
    (b"/public%2f..%2fadmin", Refused(Reject::TargetDots)),
    (b"/public%2f%2e%2e/admin", Refused(Reject::TargetDots)),
    (b"/public/..%5cadmin", Refused(Reject::TargetDots)),
    (b"/public/..\\admin", Refused(Reject::TargetDots)),
    (b"/public\\..\\admin", Refused(Reject::TargetDots)),
    (b"/public/..;/admin", Refused(Reject::TargetDots)),
    (b"/public/..;x=y/admin", Refused(Reject::TargetDots)),
    (b"/public/%2e%2e;/admin", Refused(Reject::TargetDots)),
    (b"/public/..%3b/admin", Refused(Reject::TargetDots)),
    (b"/.;/admin", Refused(Reject::TargetDots)),
    (b"/public/%252e%252e/admin", Refused(Reject::TargetDots)),
    (b"/public/%252e./admin", Refused(Reject::TargetDots)),
    (b"/public/%25%32%65%25%32%65/admin", Refused(Reject::TargetDots)),
    (b"/public/%25252e%2525252e/admin", Refused(Reject::TargetDots)),
    (b"/public/%25%2532%2565./admin", Refused(Reject::TargetDots)),
    (b"/public/..%252fadmin", Refused(Reject::TargetDots)),
    (b"/public/..%255Cadmin", Refused(Reject::TargetDots)),
    (b"/public/x%252f..%252f..%252fadmin", Refused(Reject::TargetDots)),
    (b"/public/..%253B/admin", Refused(Reject::TargetDots)),
    (b"/public/..%2500/admin", Refused(Reject::TargetDots)),
    (b"/public/..%3Fx/admin", Refused(Reject::TargetDots)),
    (b"/public/..%23/admin", Refused(Reject::TargetDots)),
    (b"/public/%C0%AE%C0%AE/admin", Refused(Reject::TargetDots)),
    (b"/public/..%C0%AFadmin", Refused(Reject::TargetDots)),
    (b"/public/..%C1%9Cadmin", Refused(Reject::TargetDots)),
    (b"/public/%E0%80%AE%E0%80%AE/admin", Refused(Reject::TargetDots)),
    (b"/public/%F0%80%80%AE./admin", Refused(Reject::TargetDots)),
    (b"/public/%F8%80%80%80%AE./admin", Refused(Reject::TargetDots)),
    (b"/public/%FC%80%80%80%80%AE./admin", Refused(Reject::TargetDots)),
    (b"/public/%25c0%25ae./admin", Refused(Reject::TargetDots)),
    (b"/public/%C0%A52e./admin", Refused(Reject::TargetDots)),
    (b"/admin%00", Refused(Reject::TargetNul)),
    (b"/public/..%00/admin", Refused(Reject::TargetNul)),
    (b"/admin\x00.png", Refused(Reject::TargetNul)),
    (b"/admin#/public", Refused(Reject::TargetFragment)),
    (b"/public/..\xC0\xAFadmin", Refused(Reject::TargetByte)),
    (b"/public/.. /admin", Refused(Reject::TargetByte)),
    (b"/public/\t../admin", Refused(Reject::TargetByte)),
    (b"/\xC5\x81dmin", Refused(Reject::TargetByte)),
    (b"/public/%u002e%u002e/admin", Refused(Reject::TargetEscape)),
    (b"/public/%2%65/admin", Refused(Reject::TargetEscape)),
    (b"/public/..%/admin", Refused(Reject::TargetEscape)),
    (b"http://h/admin", Refused(Reject::TargetForm)),
    (b"admin", Refused(Reject::TargetForm)),
];

#[test]
fn every_spelling_of_admin_has_one_meaning() {
    assert!(SPELLINGS.len() >= 40);
    for (raw, becomes) in SPELLINGS {
        let mut target = Target::new();
        let parsed = target.parse(raw);
        let seen = (parsed, target.path(), target.flags());
        let expected: (_, &[u8], _) = match becomes {
            Admin => (Ok(()), b"/admin", Flags::NONE),
            Flagged(path, flags) => (Ok(()), path.as_bytes(), *flags),
            Other(path) => (Ok(()), path.as_bytes(), Flags::NONE),
            Refused(reject) => (Err(*reject), b"", Flags::NONE),
        };
        assert_eq!(seen, expected, "{}", super::show(raw));
    }
}
