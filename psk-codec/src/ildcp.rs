//! IL-DCP (RFC 31).

use crate::Address;

/// What IL-DCP tells about an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDetails {
    /// The ILP address of the one who asked.
    pub address: Address,
    /// One unit of the account is 10^-scale of the asset.
    pub asset_scale: u8,
    /// Such as `USD` or `XRP`.
    pub asset_code: String,
}
