//! ILP over HTTP (RFC 35): a POST whose body is one ILP packet, answered with status 200 and one ILP packet.
//!
//! The packets themselves are [`Packet`](crate::Packet)s; here are the names around them, as they stand in
//! headers. PROTOCOL.md section 6 says which implementations send what.
//!
//! ```
//! use psk_codec::http::{self, bearer_token, is_ilp_content_type};
//!
//! assert!(is_ilp_content_type(http::CONTENT_TYPE));
//! assert!(is_ilp_content_type("application/ilp+octet-stream; charset=utf-8"));
//! assert_eq!(bearer_token("Bearer 83bd5e"), Some("83bd5e"));
//! ```

/// The content type of requests and responses that we send (RFC 35).
pub const CONTENT_TYPE: &str = "application/octet-stream";

/// The content type that npm `ilp-plugin-http` sends; accepted beside [`CONTENT_TYPE`].
pub const NPM_CONTENT_TYPE: &str = "application/ilp+octet-stream";

/// The header with the content type. Names of headers are lower-case here, as HTTP/2 demands; HTTP/1.1 does not
/// tell the cases apart.
pub const CONTENT_TYPE_HEADER: &str = "content-type";

/// The header with the token that authenticates the sender: see [`bearer_token`].
pub const AUTHORIZATION_HEADER: &str = "authorization";

/// The header that says who the sender is: its address is that of the one who answers, with this after it.
pub const PEER_NAME_HEADER: &str = "ilp-peer-name";

/// The header that repeats the destination of the packet.
pub const DESTINATION_HEADER: &str = "ilp-destination";

/// Whether a body of this content type is an ILP packet: [`CONTENT_TYPE`] or [`NPM_CONTENT_TYPE`], in any case, with
/// any parameters after a `;` (RFC 9110 section 8.3.1).
pub fn is_ilp_content_type(value: &str) -> bool {
    let media_type = value.split(';').next().map_or("", trimmed);
    [CONTENT_TYPE, NPM_CONTENT_TYPE].iter().any(|known| media_type.eq_ignore_ascii_case(known))
}

/// The scheme of an [`AUTHORIZATION_HEADER`] that we send, before a space and the token (RFC 6750 section 2.1).
pub const BEARER: &str = "Bearer";

/// The token in the value of an [`AUTHORIZATION_HEADER`]: what follows [`BEARER`], in any case, and spaces; or all
/// of it, since older versions of npm `ilp-plugin-http` send the token alone. `None` when there is no token.
///
/// What comes back is a secret that the other side claims to know: compare it in constant time, and do not log it.
pub fn bearer_token(value: &str) -> Option<&str> {
    let value = trimmed(value);
    let token = match value.split_at_checked(BEARER.len()) {
        // A token may begin with the same letters: the scheme ends at a space, or with the value.
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(BEARER) && !rest.starts_with(not_space) => {
            trimmed(rest)
        }
        _ => value,
    };
    (!token.is_empty()).then_some(token)
}

/// Without spaces and tabs around it (RFC 9110 section 5.6.3).
fn trimmed(value: &str) -> &str {
    value.trim_matches([' ', '\t'])
}

fn not_space(character: char) -> bool {
    !matches!(character, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_content_types_are_taken_in_any_case_and_with_parameters() {
        for value in [
            "application/octet-stream",
            "application/ilp+octet-stream",
            "Application/ILP+Octet-Stream",
            " application/octet-stream\t",
            "application/octet-stream;charset=utf-8",
            "application/octet-stream ; a=\"b;c\"; d=e",
            "application/octet-stream;",
        ] {
            assert!(is_ilp_content_type(value), "{value:?}");
        }
        for value in [
            "",
            ";",
            "application/json",
            "application/octet",
            "application/octet-streams",
            "text/plain; application/octet-stream",
            "application/octet-stream, application/octet-stream",
            "application / octet-stream",
        ] {
            assert!(!is_ilp_content_type(value), "{value:?}");
        }
    }

    #[test]
    fn tokens_are_taken_with_and_without_their_scheme() {
        for (value, token) in [
            ("Bearer secret", "secret"),
            ("bearer secret", "secret"),
            ("BEARER \t secret ", "secret"),
            ("secret", "secret"),
            (" secret ", "secret"),
            // Not the scheme: the whole is the token.
            ("Bearersecret", "Bearersecret"),
            ("bear", "bear"),
            ("Basic c2VjcmV0", "Basic c2VjcmV0"),
            // Only one scheme is taken off.
            ("Bearer Bearer secret", "Bearer secret"),
            // No boundary of characters at the sixth octet.
            ("Beareé", "Beareé"),
        ] {
            assert_eq!(bearer_token(value), Some(token), "{value:?}");
        }
        for value in ["", " \t", "Bearer", "bearer  "] {
            assert_eq!(bearer_token(value), None, "{value:?}");
        }
    }

    #[test]
    fn names_of_headers_are_lower_case() {
        for name in [CONTENT_TYPE_HEADER, AUTHORIZATION_HEADER, PEER_NAME_HEADER, DESTINATION_HEADER] {
            assert_eq!(name, name.to_ascii_lowercase());
        }
    }
}
