//! The main job on one machine: everything is real but the distance.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use comfy_table::{ContentArrangement, Table, presets};
use psk_chunking::PaymentReceiver;
use psk_chunking::receive::{PaymentOffer, ReceiveConfig, Verdict};
use psk_chunking::send::{SendConfig, SendReport, Target};
use psk_codec::{Amount, DestinationAmount, SourceAmount};
use psk_crypto::{Credentials, ReceiverSecret, SystemRandom};
use psk_plugin::btp::{BtpClient, BtpUrl, Token};
use psk_plugin::connector::{AccountConfig, ConnectorConfig, RateConfig, Relation};
use psk_plugin::{Clock, Plugin};
use psk_quote::{DriverOptions, max_packet_amount, quote_by_destination, quote_by_source};
use psk_request::{
    Decision, Destination, Endpoint, EndpointReceiver, IncomingRequest, ReceiverConfig, Request, send_request,
};
use serde_json::{Map, Value, json};

use super::connector::{Config, LinkConfig, Running, start};
use super::{Stop, probe, quote, request, send};
use crate::error::Failure;
use crate::output::Output;

const MAX_PACKET: Amount = Amount::new(20_000);
const SPREAD_PPM: u32 = 2_000;
const PEER_TOKEN: &str = "between-connectors";
const LATENCY: Duration = Duration::from_millis(10);
/// One dollar, at a scale of six.
const SOURCE: SourceAmount = SourceAmount::new(1_000_000);
/// Half a euro.
const DESTINATION: DestinationAmount = DestinationAmount::new(500_000);

pub(crate) async fn run(output: &Output) -> Result<(), Failure> {
    let network = Network::start().await?;
    let mut story = Story::new(*output);
    story.tell_network(&network);
    let destination = Destination::from(&network.credentials);
    let options = DriverOptions::default();
    let alice = &*network.alice;

    story.time();
    let found = max_packet_amount(alice, &destination, &options).await.map_err(Failure::not_done)?;
    story.tell("path maximum packet amount", probe::to_json(&found), &probe::to_text(&found));

    story.time();
    let by_source =
        quote_by_source(alice, &destination, SOURCE, &options).await.map_err(Failure::not_done)?;
    let text = format!("{} USD deliver {} EUR", whole(SOURCE), whole(by_source.destination_amount));
    story.tell("quote by source amount", quote::to_json(&by_source), &text);

    story.time();
    let by_destination =
        quote_by_destination(alice, &destination, DESTINATION, &options).await.map_err(Failure::not_done)?;
    let text = format!("{} EUR cost {} USD", whole(DESTINATION), whole(by_destination.source_amount));
    story.tell("quote by destination amount", quote::to_json(&by_destination), &text);

    story.time();
    let expires_at = Clock::system().now().saturating_add(Duration::from_secs(30));
    let ask = Request::new(SourceAmount::new(1_000), DestinationAmount::new(900), expires_at);
    let outcome = send_request(alice, &destination, &ask.with_data("is this the demo?"))
        .await
        .map_err(Failure::not_done)?;
    story.tell("request with data", request::to_json(&outcome), &request::to_text(&outcome));

    for (name, target) in [
        ("payment by source amount", Target::Source(SOURCE)),
        ("payment by destination amount", Target::Destination(DESTINATION)),
    ] {
        story.time();
        let config = SendConfig::new(target, send::fresh_payment_id());
        let ways = send::Ways { plugins: vec![network.alice.clone()], refund: None };
        let paid = send::pay(&ways, &network.credentials, config, Stop::new()?, output).await;
        story.tell(name, paid.to_json(), &payment_text(&paid.report));
        if let Some(error) = paid.report.error {
            return Err(Failure::not_done(format!("{name}: {error}")).told());
        }
    }
    story.end();
    network.stop().await;
    Ok(())
}

/// Units at a scale of six, as a decimal.
fn whole(amount: impl Into<Amount>) -> String {
    let units = amount.into().units();
    format!("{}.{:06}", units / 1_000_000, units % 1_000_000)
}

fn payment_text(report: &SendReport) -> String {
    let account = &report.account;
    format!(
        "{} USD sent, {} EUR delivered, in {} chunks",
        whole(account.source_sent),
        whole(account.delivered),
        account.chunks_fulfilled
    )
}

/// alice -> connector east -> connector west -> bob, each arrow a BTP connection on loopback.
struct Network {
    alice: Arc<BtpClient>,
    bob: Arc<BtpClient>,
    credentials: Credentials,
    /// These run as long as they are held.
    connectors: [Running; 2],
    _receiver: EndpointReceiver,
}

impl Network {
    async fn start() -> Result<Self, Failure> {
        let west = start(west()?).await?;
        let east = start(east(&west)?).await?;
        let alice = connect(&east, "alice").await?;
        let bob = connect(&west, "bob").await?;
        let clock = Clock::system();
        let endpoint = Endpoint::attach(bob.clone(), clock.clone()).await.map_err(Failure::not_done)?;
        let accept = |_: PaymentOffer| async { Verdict::Accept };
        let payments = PaymentReceiver::new(ReceiveConfig::default(), accept, clock);
        let answer = |request: IncomingRequest| async move {
            Decision::Accept(Bytes::from([b"you said: ", &request.data[..]].concat()))
        };
        let secret = ReceiverSecret::generate(&mut SystemRandom);
        let config = ReceiverConfig::new(secret).with_chunks(payments).with_requests(answer);
        let receiver = endpoint.receiver(config).map_err(Failure::not_done)?;
        let credentials = receiver.credentials(b"demo").map_err(Failure::not_done)?;
        Ok(Self { alice, bob, credentials, connectors: [east, west], _receiver: receiver })
    }

    async fn stop(self) {
        self.alice.close().await;
        self.bob.close().await;
        for connector in self.connectors {
            connector.stop().await;
        }
    }
}

/// Dollars come in from the east, euros go out to bob; here is the rate, the spread and the largest packet.
fn west() -> Result<Config, Failure> {
    let dollars =
        AccountConfig { max_packet_amount: Some(MAX_PACKET), ..AccountConfig::new(Relation::Peer, "USD", 6) };
    let rate = RateConfig {
        from: "USD".into(),
        to: "EUR".into(),
        rate: "0.92".parse().map_err(Failure::not_done)?,
        spread_ppm: Some(SPREAD_PPM),
    };
    let connector = ConnectorConfig {
        address: Some("test.west".parse().map_err(Failure::not_done)?),
        accounts: [("east".to_owned(), dollars)].into(),
        routes: [("test.east".to_owned(), "east".to_owned())].into(),
        rates: vec![rate],
        latency_ms: u64::try_from(LATENCY.as_millis()).unwrap_or_default(),
        ..ConnectorConfig::default()
    };
    Ok(Config {
        listen: Some("127.0.0.1:0".into()),
        connector,
        links: [("east".to_owned(), LinkConfig::with_token(PEER_TOKEN))].into(),
        guests: Some(AccountConfig::new(Relation::Child, "EUR", 6)),
    })
}

/// All in dollars.
fn east(west: &Running) -> Result<Config, Failure> {
    let connector = ConnectorConfig {
        address: Some("test.east".parse().map_err(Failure::not_done)?),
        accounts: [("west".to_owned(), AccountConfig::new(Relation::Peer, "USD", 6))].into(),
        routes: [("test.west".to_owned(), "west".to_owned())].into(),
        latency_ms: u64::try_from(LATENCY.as_millis()).unwrap_or_default(),
        ..ConnectorConfig::default()
    };
    let url = format!("btp+ws://east:{PEER_TOKEN}@{}", west.local_addr()?);
    Ok(Config {
        listen: Some("127.0.0.1:0".into()),
        connector,
        links: [("west".to_owned(), LinkConfig::with_url(url))].into(),
        guests: Some(AccountConfig::new(Relation::Child, "USD", 6)),
    })
}

async fn connect(connector: &Running, user: &str) -> Result<Arc<BtpClient>, Failure> {
    let url = format!("btp+ws://{}", connector.local_addr()?);
    let url = BtpUrl::with_credentials(&url, Some(user), Token::new("demo")).map_err(Failure::not_done)?;
    BtpClient::connect(url).await.map(Arc::new).map_err(Failure::not_done)
}

/// Tells step after step, and all of it in a table at the end.
struct Story {
    output: Output,
    table: Table,
    since: Instant,
}

impl Story {
    fn new(output: Output) -> Self {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["step", "result", "time"]);
        Self { output, table, since: now() }
    }

    fn tell_network(&self, network: &Network) {
        self.output.emit(
            json!({
                "step": "network",
                "source_asset": { "code": "USD", "scale": 6 },
                "destination_asset": { "code": "EUR", "scale": 6 },
                "rate": "0.92",
                "spread_ppm": SPREAD_PPM,
                "max_packet_amount": MAX_PACKET.to_string(),
                "latency_ms": u64::try_from(LATENCY.as_millis()).unwrap_or_default(),
                "destination_account": network.credentials.destination_account.to_string(),
            }),
            format!(
                "alice (USD) -> connector test.east -> connector test.west -> bob (EUR), over BTP on loopback\n\
                 1 USD is 0.92 EUR less 0.2 % spread; packets of at most {MAX_PACKET} units; {} ms per connector\n\
                 and direction; a unit is a millionth\n",
                LATENCY.as_millis()
            ),
        );
    }

    /// A step begins.
    fn time(&mut self) {
        self.since = now();
    }

    fn tell(&mut self, step: &str, result: Value, text: &str) {
        let time = self.since.elapsed();
        let mut object = Map::new();
        object.insert("step".into(), step.into());
        object.insert("milliseconds".into(), u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into());
        if let Value::Object(result) = result {
            object.extend(result);
        }
        self.output.emit(Value::Object(object), format!("{step}: {text}"));
        self.table.add_row([step.to_owned(), text.to_owned(), format!("{} ms", time.as_millis())]);
    }

    fn end(&self) {
        self.output.emit_text(format!("\n{}", self.table));
    }
}

#[expect(clippy::disallowed_methods, reason = "the demo shows how long each step takes")]
fn now() -> Instant {
    Instant::now()
}
