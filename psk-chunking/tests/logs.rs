//! Nothing of what is secret is logged by a whole payment over BTP, whatever happens to its packets.
#![cfg(feature = "driver")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use psk_chunking::receive::{PaymentOffer, ReceiveConfig, Verdict};
use psk_chunking::send::{SendConfig, Target};
use psk_chunking::{PaymentReceiver, send_payment};
use psk_codec::psk::PaymentId;
use psk_codec::{Amount, DestinationAmount, ErrorCode, Prepare, Reply, SourceAmount, Timestamp};
use psk_crypto::{Credentials, Keys, ReceiverSecret};
use psk_plugin::btp::{AnyToken, BtpClient, BtpServer, BtpServerConfig, BtpUrl};
use psk_plugin::connector::{AccountConfig, Connector, ConnectorConfig, Relation};
use psk_plugin::{AccountDetails, Clock, DetailsError, Plugin, PrepareHandler, SendError};
use psk_request::{
    Decision, Destination, Endpoint, EndpointReceiver, IncomingRequest, Outcome, ReceiverConfig, Request,
};
use sha2::Sha256;
use tracing_subscriber::EnvFilter;

const TOKEN: &str = "token-that-nobody-may-read";
const QUESTION: &str = "words that nobody may read";
const ANSWER: &str = "an answer that nobody may read";
const RECEIVER_SECRET: [u8; 32] = *b"a secret of Bob's, of 32 octets.";

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn install() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            // The WebSocket library logs whole frames below that, as the documentation of `psk_plugin::btp` says.
            .with_env_filter(EnvFilter::new("trace,tungstenite=debug"))
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    /// What is logged since the last time.
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

/// The first line that shows 12 octets of the secret, in whatever way octets are usually shown.
fn line_with<'a>(log: &'a str, secret: &[u8]) -> Option<&'a str> {
    let shown = parts(secret).flat_map(shown).find(|shown| log.contains(shown))?;
    log.lines().find(|line| line.contains(&shown))
}

/// Twelve octets each: many enough not to occur by chance, and four whole groups of base64.
fn parts(secret: &[u8]) -> impl Iterator<Item = &[u8]> {
    assert!(secret.len() >= 12, "too short to be looked for");
    secret.chunks_exact(12)
}

/// How octets get into a log: in hex, in base64, as a list, as a string with escapes, and as they are, if they are
/// text, because a log is.
fn shown(octets: &[u8]) -> Vec<String> {
    let hex = octets.iter().fold(String::new(), |mut hex, octet| {
        write!(hex, "{octet:02x}").unwrap();
        hex
    });
    let inner = |list: String| list.trim_matches(['[', ']']).to_owned();
    let debug_of_bytes = format!("{:?}", Bytes::copy_from_slice(octets));
    let mut shown = vec![
        hex.to_uppercase(),
        hex,
        STANDARD.encode(octets),
        URL_SAFE_NO_PAD.encode(octets),
        inner(format!("{octets:?}")),
        inner(format!("{octets:02x?}")),
        octets.escape_ascii().to_string(),
        debug_of_bytes.trim_start_matches("b\"").trim_end_matches('"').to_owned(),
    ];
    shown.extend(String::from_utf8(octets.to_vec()).ok());
    shown
}

/// A plugin that keeps what is sent and why it was rejected, and loses the answer to one packet.
struct Watched {
    plugin: BtpClient,
    sent: Mutex<Vec<Prepare>>,
    rejected: Mutex<Vec<ErrorCode>>,
}

impl Watched {
    const LOST: usize = 12;
}

#[async_trait]
impl Plugin for Watched {
    async fn send(&self, prepare: Prepare) -> Result<Reply, SendError> {
        let count = {
            let mut sent = self.sent.lock().unwrap();
            sent.push(prepare.clone());
            sent.len()
        };
        let reply = self.plugin.send(prepare).await?;
        if let Reply::Reject(reject) = &reply {
            self.rejected.lock().unwrap().push(reject.code);
        }
        match count == Self::LOST {
            true => Err(SendError::Unknown("the answer is lost".into())),
            false => Ok(reply),
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

/// A server with a connector that takes packets of at most 1,000 units, and its two clients.
struct Path {
    alice: Arc<Watched>,
    bob: Arc<dyn Plugin>,
    _connector: (Connector, BtpServer),
}

impl Path {
    async fn new() -> Self {
        let address = Some("test.connector".parse().unwrap());
        let config = ConnectorConfig { address, ..ConnectorConfig::default() };
        let connector = Connector::new(config, Clock::system()).unwrap();
        let terms = AccountConfig::new(Relation::Child, "XRP", 9);
        let terms = AccountConfig { max_packet_amount: Some(Amount::new(1_000)), ..terms };
        let config =
            BtpServerConfig { new_account: Some(connector.accept_all(terms)), ..BtpServerConfig::default() };
        let server = BtpServer::bind("127.0.0.1:0", AnyToken::new(2), config).await.unwrap();
        let plugin = client(&server, "alice").await;
        let alice = Arc::new(Watched { plugin, sent: Mutex::default(), rejected: Mutex::default() });
        Self { alice, bob: Arc::new(client(&server, "bob").await), _connector: (connector, server) }
    }
}

async fn client(server: &BtpServer, name: &str) -> BtpClient {
    let url: BtpUrl = format!("btp+ws://{name}:{TOKEN}@{}", server.local_addr()).parse().unwrap();
    BtpClient::connect(url).await.unwrap()
}

/// Bob refuses the first chunk and takes the rest; he answers requests.
async fn receiver(path: &Path) -> EndpointReceiver {
    let reviews = Mutex::new(0);
    let review = move |_: PaymentOffer| {
        let mut reviews = reviews.lock().unwrap();
        *reviews += 1;
        let verdict = if *reviews == 1 { Verdict::RefuseChunk } else { Verdict::Accept };
        async move { verdict }
    };
    let payments = PaymentReceiver::new(ReceiveConfig::default(), review, Clock::system());
    let secret = ReceiverSecret::from_octets(&RECEIVER_SECRET).unwrap();
    let config = ReceiverConfig::new(secret)
        .with_requests(async |_: IncomingRequest| Decision::Accept(ANSWER.into()))
        .with_chunks(payments);
    Endpoint::attach(path.bob.clone(), Clock::system()).await.unwrap().receiver(config).unwrap()
}

/// A payment with chunks that are too large, refused, lost and fulfilled.
async fn pay(path: &Path, credentials: &Credentials) {
    let target = Target::Source(SourceAmount::new(50_000));
    let config = SendConfig {
        packet_timeout: Duration::from_secs(3),
        expiry_grace: Duration::ZERO,
        ..SendConfig::new(target, PaymentId::new(*b"a payment's name"))
    };
    let payment = send_payment(path.alice.clone(), credentials, config, Clock::system());
    let report = payment.finished().await;
    assert!(report.is_completed(), "{report:?}");
    assert_eq!(report.account.delivered, DestinationAmount::new(50_000));
    let rejected = path.alice.rejected.lock().unwrap();
    assert!(rejected.contains(&ErrorCode::F08_AMOUNT_TOO_LARGE), "{rejected:?}");
    assert!(rejected.contains(&ErrorCode::F99_APPLICATION_ERROR), "{rejected:?}");
}

async fn ask(path: &Path, credentials: &Credentials) {
    let alice = Endpoint::attach(path.alice.clone(), Clock::system()).await.unwrap();
    let expires_at = in_ten_seconds();
    let request =
        Request::new(SourceAmount::new(5), DestinationAmount::new(5), expires_at).with_data(QUESTION);
    let outcome = alice.send_request(&Destination::from(credentials), &request).await.unwrap();
    assert!(matches!(outcome, Outcome::Fulfilled { data, .. } if data == ANSWER));
}

fn in_ten_seconds() -> Timestamp {
    Clock::system().now().saturating_add(Duration::from_secs(10))
}

/// The key that PSKv2 derives for this purpose (PROTOCOL.md section 1).
fn derived(secret: &[u8], purpose: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// What nobody may read in the log, each with its name.
fn secrets(credentials: &Credentials, sent: &[Prepare]) -> Vec<(String, Vec<u8>)> {
    let shared = credentials.shared_secret.expose_octets();
    let mut secrets = vec![
        ("token".into(), TOKEN.into()),
        ("request's data".into(), QUESTION.into()),
        ("answer's data".into(), ANSWER.into()),
        ("receiver's secret".into(), RECEIVER_SECRET.into()),
        ("shared secret".into(), shared.into()),
    ];
    for purpose in ["ilp_psk2_generation", "ilp_psk2_address_from_secret"] {
        secrets.push((purpose.into(), derived(&RECEIVER_SECRET, purpose)));
    }
    for purpose in ["ilp_psk2_encryption", "ilp_psk2_fulfillment"] {
        secrets.push((purpose.into(), derived(shared, purpose)));
    }
    let keys = Keys::derive(&credentials.shared_secret);
    for (at, prepare) in sent.iter().enumerate() {
        // IL-DCP's are known to everybody.
        let Ok(plaintext) = keys.open(&prepare.data) else { continue };
        secrets.push((format!("plaintext {at}"), plaintext.to_vec()));
        secrets.push((format!("fulfillment {at}"), keys.fulfillment(&prepare.data).octets().to_vec()));
    }
    secrets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_logs_no_secret() {
    let log = Log::install();
    let path = Path::new().await;
    let receiver = receiver(&path).await;
    let credentials = receiver.credentials(b"").unwrap();
    pay(&path, &credentials).await;
    ask(&path, &credentials).await;

    let sent = path.alice.sent.lock().unwrap().clone();
    let secrets = secrets(&credentials, &sent);
    assert!(secrets.len() > 2 * 50, "{}", secrets.len());
    let text = log.take();
    for (name, secret) in &secrets {
        assert_eq!(line_with(&text, secret), None, "shows the {name}");
    }

    // The log is a log: each layer has written what only this run could make it write.
    for words in [
        "TRACE psk_chunking::driver::send: event=ChunkFulfilled",
        "DEBUG psk_chunking::driver::send: packet=",
        "DEBUG psk_request::driver",
        "TRACE psk_plugin::connector::forward",
        "TRACE psk_plugin::btp",
        "F08 the amount is too large",
    ] {
        assert!(text.contains(words), "no {words} in {text}");
    }
    every_way_to_show_a_secret_is_found(&log, &secrets);
}

/// The search finds what it is to find: each secret is logged in each way, and found.
fn every_way_to_show_a_secret_is_found(log: &Log, secrets: &[(String, Vec<u8>)]) {
    for (name, secret) in secrets {
        for planted in parts(secret).last().into_iter().flat_map(shown) {
            tracing::trace!(%planted);
            let text = log.take();
            // Control characters are changed on the way, and are not what a log shows as they are.
            let is_found = line_with(&text, secret).is_some_and(|line| line.contains("planted"));
            assert!(is_found || planted.contains(char::is_control), "the {name} is not found in {text}");
        }
    }
}
