//! BTP 2.0 (RFC 23).
