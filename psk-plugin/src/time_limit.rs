use std::time::Duration;

use psk_codec::Timestamp;

/// How long an answer is waited for after its Prepare has expired. It makes 35 s of the 30 s that connectors hold a
/// packet at most, which is the time limit of the JS plugins.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// How long an answer is waited for at most, whatever the Prepare says (PROTOCOL.md section 5).
pub(crate) const LONGEST: Duration = Duration::from_secs(35);

/// How long to wait for the answer to a Prepare.
pub(crate) fn time_limit(now: Timestamp, expires_at: Timestamp) -> Duration {
    let limit = expires_at.saturating_add(GRACE).saturating_since(now);
    limit.min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_waited_for_until_expiry_and_grace_but_at_most_35_seconds() {
        let now = Timestamp::from_unix_millis(1_700_000_000_000).unwrap();
        let limit = |expiry| time_limit(now, now.saturating_add(Duration::from_secs(expiry)));
        assert_eq!(limit(0), Duration::from_secs(5));
        assert_eq!(limit(20), Duration::from_secs(25));
        assert_eq!(limit(30), Duration::from_secs(35));
        assert_eq!(limit(1_000_000), Duration::from_secs(35));
        let long_ago = now.saturating_sub(Duration::from_secs(9));
        assert_eq!(time_limit(now, long_ago), Duration::ZERO);
    }
}
