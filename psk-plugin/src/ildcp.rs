//! Asking the peer for our account's details (IL-DCP, RFC 31), over any plugin.

use std::time::Duration;

use psk_codec::Reply;
use psk_codec::ildcp::{self, AccountDetails};

use crate::{Clock, DetailsError, Plugin};

/// The life of a request: what connectors cap every packet at (PROTOCOL.md section 7).
pub const REQUEST_LIFE: Duration = Duration::from_secs(30);

/// Asks the peer of `plugin`. Every implementation of [`Plugin::details`] can be made of this.
pub async fn ask(plugin: &(impl Plugin + ?Sized), clock: &Clock) -> Result<AccountDetails, DetailsError> {
    let request = ildcp::request(clock.now().saturating_add(REQUEST_LIFE));
    match plugin.send(request).await? {
        Reply::Fulfill(fulfill) => {
            AccountDetails::from_fulfill(&fulfill).map_err(|error| DetailsError::Invalid(error.to_string()))
        }
        Reply::Reject(reject) => {
            let (code, message) = (reject.code, reject.message_text());
            Err(DetailsError::Refused(format!("{code} {message:?}")))
        }
    }
}
