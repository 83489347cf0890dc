//! Alice, who sends, Bob, who receives, and what is between them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use psk_chunking::receive::{ReceiveConfig, Verdict};
use psk_chunking::send::{SendConfig, SendReport, Target};
use psk_chunking::{PaymentReceiver, send_payment};
use psk_codec::psk::PaymentId;
use psk_codec::{
    Amount, AmountTooLarge, DestinationAmount, ErrorCode, Prepare, Reject, Reply, SourceAmount, Timestamp,
};
use psk_crypto::{Credentials, Random, ReceiverSecret, SystemRandom};
use psk_plugin::btp::{AnyToken, BtpClient, BtpServer, BtpServerConfig, BtpUrl};
use psk_plugin::connector::{AccountConfig, Connector, ConnectorConfig, Relation};
use psk_plugin::{AccountDetails, Clock, DetailsError, Plugin, PrepareHandler, SendError, memory};
use psk_request::{
    Decision, Delivered, Destination, Endpoint, EndpointReceiver, IncomingRequest, Outcome, ReceiverConfig,
    Request,
};

/// Two parties and what is between them, for as long as this is held.
pub struct Path {
    /// Alice's plugin.
    pub alice: Arc<dyn Plugin>,
    /// Bob's plugin.
    pub bob: Arc<dyn Plugin>,
    _connector: Option<(Connector, BtpServer)>,
}

impl Path {
    /// A link in memory, which takes no time.
    pub fn in_memory() -> Self {
        let details = |address: &str| AccountDetails {
            address: address.parse().expect("an address"),
            asset_scale: 9,
            asset_code: "XRP".into(),
        };
        let (alice, bob) = memory::pair(details("test.alice"), details("test.bob"));
        Self { alice, bob, _connector: None }
    }

    /// A link in memory that takes packets of at most so much from Alice.
    pub fn in_memory_limited(maximum: Amount) -> Self {
        let path = Self::in_memory();
        Self { alice: Arc::new(Limited { maximum, plugin: path.alice }), ..path }
    }

    /// Two clients of a BTP server on the loopback, and a connector between them that takes packets of at most
    /// `maximum` and adds `round_trip`.
    pub async fn over_btp(maximum: Option<Amount>, round_trip: Duration) -> Self {
        let config = ConnectorConfig {
            address: Some("test.connector".parse().expect("an address")),
            // It waits so long both on the way there and on the way back.
            latency_ms: u64::try_from(round_trip.as_millis() / 2).expect("a short time"),
            ..ConnectorConfig::default()
        };
        let connector = Connector::new(config, Clock::system()).expect("a connector");
        let terms =
            AccountConfig { max_packet_amount: maximum, ..AccountConfig::new(Relation::Child, "XRP", 9) };
        let config =
            BtpServerConfig { new_account: Some(connector.accept_all(terms)), ..BtpServerConfig::default() };
        let server = BtpServer::bind("127.0.0.1:0", AnyToken::new(2), config).await.expect("a server");
        let (alice, bob) = (client(&server, "alice").await, client(&server, "bob").await);
        Self { alice, bob, _connector: Some((connector, server)) }
    }
}

async fn client(server: &BtpServer, name: &str) -> Arc<dyn Plugin> {
    let url = format!("btp+ws://{name}:token@{}", server.local_addr());
    let url: BtpUrl = url.parse().expect("a URL");
    Arc::new(BtpClient::connect(url).await.expect("a client"))
}

/// A plugin whose peer takes packets of at most so much, as F08 says.
pub struct Limited {
    maximum: Amount,
    plugin: Arc<dyn Plugin>,
}

impl Limited {
    /// The answer to a packet that is too large; `None` for others.
    pub fn refuse(prepare: &Prepare, maximum: Amount) -> Option<Reject> {
        let too_large = prepare.amount > maximum;
        too_large.then(|| Reject {
            code: ErrorCode::F08_AMOUNT_TOO_LARGE,
            triggered_by: None,
            message: Bytes::new(),
            data: AmountTooLarge { received: prepare.amount, maximum }.encode(),
        })
    }
}

#[async_trait]
impl Plugin for Limited {
    async fn send(&self, prepare: Prepare) -> Result<Reply, SendError> {
        match Self::refuse(&prepare, self.maximum) {
            Some(reject) => Ok(reject.into()),
            None => self.plugin.send(prepare).await,
        }
    }

    fn set_handler(&self, handler: Option<Arc<dyn PrepareHandler>>) {
        self.plugin.set_handler(handler);
    }

    async fn details(&self) -> Result<AccountDetails, DetailsError> {
        self.plugin.details().await
    }

    async fn close(&self) {
        self.plugin.close().await;
    }
}

/// Bob takes every payment and every request, and answers a request with its own data.
pub async fn receive(path: &Path) -> EndpointReceiver {
    let clock = Clock::system();
    let accept_all = |_offer| async { Verdict::Accept };
    let payments = PaymentReceiver::new(ReceiveConfig::default(), accept_all, clock.clone());
    let config = ReceiverConfig::new(ReceiverSecret::generate(&mut SystemRandom))
        .with_requests(async |request: IncomingRequest| Decision::Accept(request.data))
        .with_chunks(payments);
    let endpoint = Endpoint::attach(path.bob.clone(), clock).await.expect("Bob's details");
    endpoint.receiver(config).expect("a receiver")
}

/// Where Alice's requests go.
pub fn destination(receiver: &EndpointReceiver) -> Destination {
    Destination::from(&receiver.credentials(b"").expect("credentials"))
}

/// Five units with data, all of which must arrive.
pub fn request(data: Bytes, expires_at: Timestamp) -> Request {
    Request::new(SourceAmount::new(5), DestinationAmount::new(5), expires_at).with_data(data)
}

/// Alice sends a request with this data, which must come back.
///
/// It should have no longer a life than it needs, because receivers remember a packet until it expires, and refuse
/// further ones when they remember [too many](psk_request::ReplayLimits): of packets that live for the usual 30 s,
/// some 8,700 a second.
///
/// # Panics
///
/// When it is not fulfilled, with the same data.
pub async fn send(alice: &Endpoint, destination: &Destination, data: &Bytes, life: Duration) {
    let request = request(data.clone(), alice.clock().now().saturating_add(life));
    let outcome = alice.send_request(destination, &request).await.expect("an answer");
    let Outcome::Fulfilled { delivered, data: answer } = outcome else { panic!("{outcome:?}") };
    assert_eq!((delivered, &answer), (Delivered::Exact(request.minimum), data));
}

/// Alice pays Bob so much, over a path that costs nothing.
///
/// # Panics
///
/// When not exactly this much has left and arrived.
pub async fn pay(path: &Path, credentials: &Credentials, units: u64) -> SendReport {
    let mut payment_id = [0; 16];
    SystemRandom.fill_secure(&mut payment_id);
    let config = SendConfig::new(Target::Source(SourceAmount::new(units)), PaymentId::new(payment_id));
    let payment = send_payment(path.alice.clone(), credentials, config, Clock::system());
    let report = payment.finished().await;
    assert!(report.is_completed(), "{report:?}");
    assert_eq!(report.account.source_sent, SourceAmount::new(units));
    assert_eq!(report.account.delivered, DestinationAmount::new(units));
    report
}
