//! Reasons of the libraries in words for whoever runs the program.

use psk_chunking::send::SendError;
use psk_codec::ErrorCode;
use psk_quote::{QuoteError, SearchError};

/// Why a payment did not reach its target.
pub(crate) fn of_payment(error: &SendError) -> String {
    match error {
        // There is a path, or so it seems.
        SendError::NoPath(SearchError::Refused(ErrorCode::F06_UNEXPECTED_PAYMENT)) => UNREADABLE.to_owned(),
        SendError::NoPath(problem) => format!("no path to the receiver: {}", of_search(problem)),
        other => other.to_string(),
    }
}

/// Why there is no quote.
pub(crate) fn of_quote(error: &QuoteError) -> String {
    match error {
        QuoteError::Search(problem) => of_search(problem),
        other => other.to_string(),
    }
}

/// Nobody vouches for a code: any hop may say it.
const UNREADABLE: &str = "packets are answered with F06, as by a receiver that cannot read them: the shared secret \
     is not that of this account, or the account is a wrong one";

fn of_search(error: &SearchError) -> String {
    match error {
        SearchError::Refused(ErrorCode::F06_UNEXPECTED_PAYMENT) => UNREADABLE.to_owned(),
        SearchError::Busy { code: ErrorCode::R02_INSUFFICIENT_TIMEOUT, attempts } => {
            format!("packets expire too soon for the path, which answered R02 {attempts} times")
        }
        SearchError::Busy { code, attempts } if !code.is_busy() => {
            format!("the path failed {attempts} times, at last with {code}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(code: ErrorCode) -> String {
        of_payment(&SendError::NoPath(SearchError::Busy { code, attempts: 12 }))
    }

    #[test]
    fn a_code_is_told_for_what_it_means() {
        let expires = busy(ErrorCode::R02_INSUFFICIENT_TIMEOUT);
        let expected =
            "no path to the receiver: packets expire too soon for the path, which answered R02 12 times";
        assert_eq!(expires, expected);
        assert!(busy(ErrorCode::T05_RATE_LIMITED).ends_with("the path was busy 12 times, at last with T05"));
        assert!(
            busy(ErrorCode::T01_PEER_UNREACHABLE).ends_with("the path failed 12 times, at last with T01")
        );
        let unreadable = SearchError::Refused(ErrorCode::F06_UNEXPECTED_PAYMENT);
        assert!(of_payment(&SendError::NoPath(unreadable)).starts_with("packets are answered with F06"));
        assert!(of_quote(&QuoteError::Search(unreadable)).contains("shared secret"));
        let nowhere = SearchError::Refused(ErrorCode::F02_UNREACHABLE);
        assert_eq!(of_quote(&QuoteError::Search(nowhere)), nowhere.to_string());
        assert_eq!(of_payment(&SendError::Cancelled), "cancelled");
    }
}
