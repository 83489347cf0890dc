//! What a connector is told: structs to fill in, or to read from TOML or JSON.

use std::collections::BTreeMap;

use psk_codec::{Address, Amount};
use serde::Deserialize;

use super::{Balance, Rate};
use crate::text::optional_text;

/// A connector's configuration. Amounts and balances are integers, or text for those that TOML cannot hold.
///
/// ```
/// use psk_plugin::connector::ConnectorConfig;
///
/// let config: ConnectorConfig = toml::from_str(r#"
///     address = "test.connector"
///
///     [accounts.alice]
///     relation = "child"
///     asset_code = "EUR"
///     asset_scale = 2
///     max_packet_amount = 100_000
///     maximum_balance = "18446744073709551615"
///
///     [accounts.bob]
///     relation = "peer"
///     asset_code = "USD"
///     asset_scale = 9
///
///     [routes]
///     "test.bob" = "bob"
///
///     [[rates]]
///     from = "EUR"
///     to = "USD"
///     rate = "1.25"
///     spread_ppm = 2000
/// "#)?;
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectorConfig {
    /// The connector's ILP address. Default: none; a connector with a parent inherits one
    /// ([`Connector::inherit_address`](super::Connector::inherit_address)), another one needs it to have children.
    #[serde(deserialize_with = "optional_text")]
    pub address: Option<Address>,
    /// The accounts by their names. Default: none; they can be added later.
    pub accounts: BTreeMap<String, AccountConfig>,
    /// Prefixes of addresses (whole segments; empty for all the rest), and the account that packets for them go to.
    /// Default: none. Children have a route each, and everything else goes to the parent if there is one.
    pub routes: BTreeMap<String, String>,
    /// Exchange rates. Default: none; an asset is always worth itself. A pair that is given in one direction alone has
    /// the inverse rate in the other.
    pub rates: Vec<RateConfig>,
    /// What is kept of every packet whose pair of assets has no spread of its own, in parts per million. Default: 0,
    /// so that nothing is kept that nobody asked for; npm's connector keeps 2,000.
    pub spread_ppm: u32,
    /// What is taken from a packet's expiry, in milliseconds; as much must be left for the next hop. Default: 1,000,
    /// as npm's connector has it: enough for the Fulfill to come back in time.
    pub min_message_window_ms: u64,
    /// How far off the expiry of a packet that is forwarded may be, in milliseconds. Default: 30,000, as all known
    /// connectors have it: it is how long the money of a packet without an answer is tied up.
    pub max_hold_time_ms: u64,
    /// What a packet above an account's maximum is rejected with. Default: `F08` with its details.
    pub too_large: TooLarge,
    /// What becomes of a packet with an amount that is rounded down to zero. Default: it is rejected.
    pub rounded_to_zero: RoundedToZero,
    /// How long a packet is kept before it is forwarded, and its answer before it is returned, in milliseconds.
    /// Default: 0. For tests.
    pub latency_ms: u64,
}

/// An account: a link to another node, and the terms.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// Who the other node is to the connector.
    pub relation: Relation,
    /// Such as `USD` or `XRP`: what the account is kept in.
    pub asset_code: String,
    /// One unit of the account is 10^-scale of the asset.
    pub asset_scale: u8,
    /// The greatest packet that is taken from the account, in its units. Default: no limit.
    #[serde(default, deserialize_with = "optional_text")]
    pub max_packet_amount: Option<Amount>,
    /// The least balance, in units of the account: below zero, what the connector may owe it. A packet to the account
    /// that could lead below it is rejected with `T04`. Default: no limit, which is fit for tests alone.
    #[serde(default, deserialize_with = "optional_text")]
    pub minimum_balance: Option<Balance>,
    /// The greatest balance, in units of the account: what it may owe the connector. A packet from the account that
    /// could lead above it is rejected with `T04`. Default: no limit, which is fit for tests alone.
    #[serde(default, deserialize_with = "optional_text")]
    pub maximum_balance: Option<Balance>,
}

impl AccountConfig {
    /// An account without limits.
    pub fn new(relation: Relation, asset_code: impl Into<String>, asset_scale: u8) -> Self {
        Self {
            relation,
            asset_code: asset_code.into(),
            asset_scale,
            max_packet_amount: None,
            minimum_balance: None,
            maximum_balance: None,
        }
    }
}

/// Who the other node is to the connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// It has an address below the connector's, `address.name`, which it learns by IL-DCP.
    Child,
    /// It has an address of its own; routes to it are configured.
    Peer,
    /// The connector has an address below its. Packets that nobody else is known for go there. One at most.
    Parent,
}

/// What a packet above an account's maximum is rejected with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum TooLarge {
    /// `F08` with the amount and the maximum, as RFC 27 has it.
    #[default]
    #[serde(rename = "F08")]
    F08,
    /// `F08` without details. For tests of senders.
    #[serde(rename = "F08-empty")]
    F08Empty,
    /// `T04`, which does not say what the matter is. For tests of senders.
    #[serde(rename = "T04")]
    T04,
}

/// What becomes of a packet with an amount that is rounded down to zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoundedToZero {
    /// It is rejected with `R01`, as RFC 27 has it ("too little to forward (zero or less)").
    #[default]
    Reject,
    /// It is forwarded with nothing, as npm's connector does. A packet that had no amount always is.
    Forward,
}

/// What one asset is worth in another.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateConfig {
    /// The code of the asset that packets come in.
    pub from: String,
    /// The code of the asset that they leave in.
    pub to: String,
    /// How much of `to` one of `from` is worth, in whole units, whatever the scales of the accounts.
    pub rate: Rate,
    /// What is kept of every packet, in parts per million. Default: the connector's spread.
    #[serde(default)]
    pub spread_ppm: Option<u32>,
}

impl Default for ConnectorConfig {
    fn default() -> Self {
        Self {
            address: None,
            accounts: BTreeMap::new(),
            routes: BTreeMap::new(),
            rates: Vec::new(),
            spread_ppm: 0,
            min_message_window_ms: 1_000,
            max_hold_time_ms: 30_000,
            too_large: TooLarge::default(),
            rounded_to_zero: RoundedToZero::default(),
            latency_ms: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(line: &str) -> Result<AccountConfig, String> {
        let text = format!("relation = 'peer'\nasset_code = 'USD'\nasset_scale = 2\n{line}");
        toml::from_str(&text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn amounts_are_integers_or_text() {
        let maximum = |line| account(line).map(|account| account.max_packet_amount);
        assert_eq!(maximum(""), Ok(None));
        assert_eq!(maximum("max_packet_amount = 1_000"), Ok(Some(Amount::new(1_000))));
        let greatest = "max_packet_amount = '18446744073709551615'";
        assert_eq!(maximum(greatest), Ok(Some(Amount::MAX)));
        let negative = account("minimum_balance = -5").unwrap();
        assert_eq!(negative.minimum_balance, Some(Balance::new(-5)));
        let message = maximum("max_packet_amount = -1").unwrap_err();
        assert!(message.contains("not a whole number"), "{message}");
        let message = maximum("max_packet_amount = 1.5").unwrap_err();
        assert!(message.contains("an integer or text"), "{message}");
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let message = account("max_packet = 1").unwrap_err();
        assert!(message.contains("max_packet_amount"), "{message}");
        toml::from_str::<ConnectorConfig>("too_large = 'F09'").unwrap_err();
        toml::from_str::<ConnectorConfig>("address = 'nowhere.x'").unwrap_err();
    }

    #[test]
    fn an_empty_configuration_has_the_defaults() {
        let config: ConnectorConfig = toml::from_str("").unwrap();
        assert_eq!(config.min_message_window_ms, 1_000);
        assert_eq!(config.max_hold_time_ms, 30_000);
        assert_eq!(config.too_large, TooLarge::F08);
        assert_eq!(config.rounded_to_zero, RoundedToZero::Reject);
    }
}
