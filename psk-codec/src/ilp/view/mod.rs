//! ILPv4 packets read where they stand: checked once, then each field is a few octets at a known place.
//!
//! ```
//! use psk_codec::{Amount, PrepareView};
//! # use psk_codec::{Condition, Prepare, Timestamp};
//! # let prepare = Prepare {
//! #     amount: Amount::new(1_000),
//! #     expires_at: Timestamp::from_unix_millis(1_700_000_000_000)?,
//! #     condition: Condition::new([7; 32]),
//! #     destination: "test.receiver".parse()?,
//! #     data: "sealed".into(),
//! # };
//! # let mut received = prepare.encode()?.to_vec();
//! // What a connector does: it changes two fields and sends the packet on.
//! let mut prepare = PrepareView::new(&mut received[..])?;
//! let amount = prepare.amount().checked_sub(Amount::new(2)).ok_or("nothing left")?;
//! prepare.set_amount(amount);
//! prepare.set_expires_at(prepare.expires_at().saturating_sub(std::time::Duration::from_secs(1)));
//!
//! let prepare = PrepareView::new(&received[..])?;
//! assert_eq!(prepare.amount(), Amount::new(998));
//! assert_eq!(prepare.expires_at().to_string(), "2023-11-14T22:13:19.000Z");
//! assert_eq!(prepare.data(), b"sealed");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod fulfill;
mod prepare;
mod reject;

pub use fulfill::FulfillView;
pub use prepare::PrepareView;
pub(super) use prepare::{FIXED_LENGTH, put_fixed};
pub use reject::RejectView;
pub(super) use reject::start_reject;

use core::fmt;

use super::PacketType;
use crate::error::DecodeError;
use crate::octets::Octets;

/// Any ILPv4 packet, read where it stands.
#[derive(Clone)]
#[non_exhaustive]
pub enum PacketView<B> {
    /// Type 12.
    Prepare(PrepareView<B>),
    /// Type 13.
    Fulfill(FulfillView<B>),
    /// Type 14.
    Reject(RejectView<B>),
}

impl<B: Octets> PacketView<B> {
    /// Checks one whole packet. A packet of another type than these three is refused; [`Packet`](crate::Packet)
    /// keeps its contents.
    #[inline]
    pub fn new(octets: B) -> Result<Self, DecodeError> {
        match octets.as_ref().first().copied().map(PacketType::new) {
            Some(PacketType::PREPARE) => PrepareView::new(octets).map(Self::Prepare),
            Some(PacketType::REJECT) => RejectView::new(octets).map(Self::Reject),
            // Says what is wrong with everything else.
            _ => FulfillView::new(octets).map(Self::Fulfill),
        }
    }

    /// The whole packet.
    pub fn octets(&self) -> &[u8] {
        match self {
            Self::Prepare(prepare) => prepare.octets(),
            Self::Fulfill(fulfill) => fulfill.octets(),
            Self::Reject(reject) => reject.octets(),
        }
    }
}

impl<B: Octets> fmt::Debug for PacketView<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prepare(prepare) => prepare.fmt(f),
            Self::Fulfill(fulfill) => fulfill.fmt(f),
            Self::Reject(reject) => reject.fmt(f),
        }
    }
}
