//! How Interledger packets leave.

mod clock;
mod plugin;

pub use clock::Clock;
pub use plugin::{DetailsError, Plugin, PrepareHandler, SendError};
pub use psk_codec::ildcp::AccountDetails;
