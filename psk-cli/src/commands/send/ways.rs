//! The connectors that a payment goes over, and where its money may come back to.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use psk_chunking::{ExpectedRefund, RefundListener};
use psk_codec::SourceAmount;
use psk_codec::psk::PaymentId;
use psk_crypto::Credentials;
use psk_plugin::btp::BtpUrl;
use psk_plugin::{AccountDetails, Clock, Plugin};
use psk_request::Endpoint;
use serde_json::json;
use tokio::time::timeout;

use crate::args::SendArgs;
use crate::error::Failure;
use crate::link;
use crate::output::Output;

/// How long a connector may take to say who we are; without that there is no refund.
const DETAILS_PATIENCE: Duration = Duration::from_secs(5);

/// The ways to the receiver, and the one back.
pub(crate) struct Ways {
    pub(crate) plugins: Vec<Arc<dyn Plugin>>,
    pub(crate) refund: Option<ExpectedRefund>,
}

impl Ways {
    /// Connects to all. Of several, those that cannot be used are told of, and the payment goes over the others.
    pub(super) async fn connect(
        urls: Vec<BtpUrl>,
        args: &SendArgs,
        credentials: &Credentials,
        payment_id: PaymentId,
        output: &Output,
    ) -> Result<Self, Failure> {
        let patience = args.timeout.map_or(DETAILS_PATIENCE, |limit| limit.min(DETAILS_PATIENCE));
        let plugins = match <[BtpUrl; 1]>::try_from(urls) {
            Ok([url]) => vec![link::connect(url).await? as Arc<dyn Plugin>],
            Err(urls) => connect_to_several(urls, patience, output).await?,
        };
        let mut ways = Self { plugins, refund: None };
        if !args.no_refund
            && let Some(plugin) = ways.plugins.first()
        {
            match expect_refund(plugin, credentials, payment_id, patience).await {
                Ok(refund) => ways.refund = Some(refund),
                Err(failure) => output.emit(
                    json!({"event": "no_refund", "reason": failure.message}),
                    format!("nothing can be refunded: {}", failure.message),
                ),
            }
        }
        Ok(ways)
    }

    /// Hangs up. What has come back until then, if anything may: what is taken while the last answers are written counts
    /// too, so it is looked after until the links are closed.
    pub(super) async fn close(self) -> Option<SourceAmount> {
        for plugin in self.plugins {
            plugin.close().await;
        }
        self.refund.as_ref().map(ExpectedRefund::refunded)
    }
}

/// Our accounts at those that are used must be in one asset. Fails as the first one does when none can be used.
async fn connect_to_several(
    urls: Vec<BtpUrl>,
    patience: Duration,
    output: &Output,
) -> Result<Vec<Arc<dyn Plugin>>, Failure> {
    let mut plugins = Vec::new();
    let mut failures = Vec::new();
    let mut asset: Option<AccountDetails> = None;
    let connected = join_all(urls.into_iter().map(|url| account(url, patience))).await;
    for (place, connected) in connected.into_iter().enumerate() {
        let (server, plugin, details) = match connected {
            Ok(connected) => connected,
            Err(failure) => {
                failures.push((place, failure));
                continue;
            }
        };
        let first = asset.get_or_insert(details.clone());
        if (&first.asset_code, first.asset_scale) != (&details.asset_code, details.asset_scale) {
            let message = "--plugin: our accounts at the connectors are in different assets";
            return Err(Failure::usage(message).at(&server));
        }
        plugins.push(plugin);
    }
    if plugins.is_empty()
        && let Some((_, failure)) = failures.first()
    {
        return Err(failure.clone());
    }
    for (place, failure) in failures {
        output.emit_json(json!({"event": "plugin_unusable", "plugin": place, "reason": failure.message}));
        output.warn(format!("going on without a connector: {}", failure.message));
    }
    Ok(plugins)
}

/// A connector's `host:port`, the link to it, and our account there.
async fn account(
    url: BtpUrl,
    patience: Duration,
) -> Result<(String, Arc<dyn Plugin>, AccountDetails), Failure> {
    let server = url.host_and_port();
    let plugin: Arc<dyn Plugin> = link::connect(url).await?;
    match details(&plugin, patience).await {
        Ok(details) => Ok((server, plugin, details)),
        Err(failure) => {
            plugin.close().await;
            Err(failure.at(&server))
        }
    }
}

async fn details(plugin: &Arc<dyn Plugin>, patience: Duration) -> Result<AccountDetails, Failure> {
    let unknown = |reason: String| Failure::not_done(format!("our account is not known: {reason}"));
    match timeout(patience, plugin.details()).await {
        Ok(details) => details.map_err(|error| unknown(error.to_string())),
        Err(_) => Err(unknown("no answer in time".to_owned())),
    }
}

/// Listens where the money of this payment may come back to.
async fn expect_refund(
    plugin: &Arc<dyn Plugin>,
    credentials: &Credentials,
    payment_id: PaymentId,
    patience: Duration,
) -> Result<ExpectedRefund, Failure> {
    let details = details(plugin, patience).await?;
    let endpoint = Endpoint::with_details(plugin.clone(), Clock::system(), details);
    let listener = RefundListener::new(&endpoint).map_err(Failure::not_done)?;
    listener.expect(credentials, payment_id).map_err(Failure::not_done)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use psk_chunking::send::{SendConfig, Target};
    use psk_chunking::send_payment;
    use psk_codec::{Prepare, Reply};
    use psk_crypto::SharedSecret;
    use psk_plugin::memory::{self, MemoryPlugin};
    use psk_plugin::{DetailsError, PrepareHandler, SendError};

    use super::*;

    /// A link over which a refund comes while it is being closed.
    struct PaysAtLast {
        ours: Arc<MemoryPlugin>,
        theirs: Arc<MemoryPlugin>,
        refund: Credentials,
        payment_id: PaymentId,
    }

    #[async_trait]
    impl Plugin for PaysAtLast {
        async fn send(&self, prepare: Prepare) -> Result<Reply, SendError> {
            self.ours.send(prepare).await
        }

        fn set_handler(&self, handler: Option<Arc<dyn PrepareHandler>>) {
            self.ours.set_handler(handler);
        }

        async fn details(&self) -> Result<AccountDetails, DetailsError> {
            self.ours.details().await
        }

        async fn close(&self) {
            let config = SendConfig::new(Target::Source(SourceAmount::new(1_000)), self.payment_id);
            let refund = send_payment(self.theirs.clone(), &self.refund, config, Clock::system());
            assert!(refund.finished().await.is_completed(), "the refund is refused");
            self.ours.close().await;
        }
    }

    #[tokio::test]
    async fn what_comes_back_until_the_links_are_closed_is_counted() {
        let details = |name: &str| AccountDetails {
            address: format!("test.{name}").parse().unwrap(),
            asset_scale: 9,
            asset_code: "XRP".into(),
        };
        let (ours, theirs) = memory::pair(details("alice"), details("bob"));
        let payment_id = PaymentId::new([9; 16]);
        let receiver = Credentials {
            destination_account: "test.bob.token".parse().unwrap(),
            shared_secret: SharedSecret::from_octets(&[7; 32]).unwrap(),
        };
        let plugin: Arc<dyn Plugin> = ours.clone();
        let expected = expect_refund(&plugin, &receiver, payment_id, DETAILS_PATIENCE).await;
        let Ok(expected) = expected else { panic!("no refund is expected") };
        let refund = Credentials {
            destination_account: expected.account().clone(),
            shared_secret: receiver.shared_secret.refund(payment_id.octets()),
        };
        let plugin = PaysAtLast { ours, theirs, refund, payment_id };
        let ways = Ways { plugins: vec![Arc::new(plugin)], refund: Some(expected) };
        assert_eq!(ways.close().await, Some(SourceAmount::new(1_000)));
    }
}
