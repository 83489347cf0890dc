//! Which way an address is.

use std::collections::HashMap;

use psk_codec::Address;

/// Prefixes of addresses, and what is there; the longest one that fits an address counts.
#[derive(Debug)]
pub(super) struct Routes<T> {
    by_prefix: HashMap<String, T>,
    /// How many segments the longest prefix has: looking up a longer part of an address is of no use, and would let
    /// strangers with long addresses keep us busy.
    most_segments: usize,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self { by_prefix: HashMap::new(), most_segments: 0 }
    }
}

impl<T> Routes<T> {
    /// Whether text is a prefix: empty for all addresses, or whole segments without a `.` at the end.
    pub(super) fn is_prefix(prefix: &str) -> bool {
        prefix.is_empty() || prefix.parse::<Address>().is_ok()
    }

    /// Adds a prefix; the one that was the same before is returned.
    pub(super) fn insert(&mut self, prefix: &str, target: T) -> Option<T> {
        let segments = prefix.split('.').count();
        self.most_segments = self.most_segments.max(segments);
        self.by_prefix.insert(prefix.to_owned(), target)
    }

    /// What is at the longest prefix of an address. A prefix ends where a segment does.
    pub(super) fn longest(&self, address: &Address) -> Option<&T> {
        let address = address.as_str();
        let end = address.match_indices('.').nth(self.most_segments.saturating_sub(1));
        let mut prefix = match end {
            Some((end, _)) => &address[..end],
            None => address,
        };
        loop {
            if let Some(target) = self.by_prefix.get(prefix) {
                return Some(target);
            }
            prefix = match prefix.rfind('.') {
                Some(end) => &prefix[..end],
                None if prefix.is_empty() => return None,
                None => "",
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(prefixes: &[&'static str]) -> Routes<&'static str> {
        let mut routes = Routes::default();
        for prefix in prefixes {
            assert!(Routes::<()>::is_prefix(prefix), "{prefix:?}");
            routes.insert(prefix, *prefix);
        }
        routes
    }

    #[test]
    fn the_longest_prefix_counts_and_ends_with_a_segment() {
        let routes = routes(&["test.a.b.c", "test", "test.a"]);
        let longest = |address: &str| routes.longest(&address.parse().unwrap()).copied();
        assert_eq!(longest("test.a.b.c"), Some("test.a.b.c"));
        assert_eq!(longest("test.a.b.c.d.e.f"), Some("test.a.b.c"));
        assert_eq!(longest("test.a.b.cd"), Some("test.a"));
        assert_eq!(longest("test.ab"), Some("test"));
        assert_eq!(longest("test"), Some("test"));
        assert_eq!(longest("g.a"), None);
    }

    #[test]
    fn the_empty_prefix_is_for_all_the_rest() {
        let routes = routes(&["", "g.a"]);
        let longest = |address: &str| routes.longest(&address.parse().unwrap()).copied();
        assert_eq!(longest("g.b.c"), Some(""));
        assert_eq!(longest("g.a.c"), Some("g.a"));
        assert_eq!(Routes::<()>::default().longest(&"g.a".parse().unwrap()), None);
    }

    #[test]
    fn prefixes_are_whole_segments() {
        for text in [".", "g.", "g..a", "nothing", "g.a b"] {
            assert!(!Routes::<()>::is_prefix(text), "{text:?}");
        }
    }
}
