//! Quotes over a connector, on paused time.
#![cfg(feature = "driver")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use psk_codec::psk::{ChunkKind, ChunkPacket, PskPacket};
use psk_codec::{Amount, DestinationAmount, ErrorCode, Prepare, Reject, Reply, SourceAmount, Timestamp};
use psk_crypto::{Keys, ReceiverSecret, SystemRandom};
use psk_plugin::connector::{AccountConfig, Connector, ConnectorConfig, RateConfig, Relation};
use psk_plugin::{Clock, Plugin, handler_fn, memory};
use psk_quote::{
    DriverOptions, ProbeStyle, QuoteError, SearchError, max_packet_amount, quote_by_destination,
    quote_by_source,
};
use psk_request::{Destination, Endpoint, EndpointReceiver, ReceiverConfig};
use tokio::time::Instant;

const LATENCY: Duration = Duration::from_millis(50);

/// Alice, a connector that gives 0.37 USD for a EUR and takes at most 9,999 units, and Bob.
struct Network {
    alice: Arc<dyn Plugin>,
    bob: Arc<dyn Plugin>,
    _connector: Connector,
    options: DriverOptions,
}

impl Network {
    fn new() -> Self {
        let clock = Clock::starting_at(Timestamp::from_unix_millis(1_700_000_000_000).unwrap());
        let config = ConnectorConfig {
            address: Some("test.connector".parse().unwrap()),
            rates: vec![RateConfig {
                from: "EUR".into(),
                to: "USD".into(),
                rate: "0.37".parse().unwrap(),
                spread_ppm: None,
            }],
            ..ConnectorConfig::default()
        };
        let connector = Connector::new(config, clock.clone()).unwrap();
        let attach = |name: &str, asset: &str, max_packet_amount, latency| {
            let (left, right) =
                memory::Link { latency, clock: clock.clone(), ..memory::Link::default() }.pair();
            let terms = AccountConfig { max_packet_amount, ..AccountConfig::new(Relation::Child, asset, 2) };
            connector.add_account(name, terms, right).unwrap();
            left
        };
        Self {
            alice: attach("alice", "EUR", Some(Amount::new(9_999)), LATENCY),
            bob: attach("bob", "USD", None, Duration::ZERO),
            _connector: connector,
            options: DriverOptions { clock: clock.clone(), ..DriverOptions::default() },
        }
    }

    async fn receiver(&self) -> (EndpointReceiver, Destination) {
        let clock = self.options.clock.clone();
        let bob = Endpoint::attach(self.bob.clone(), clock).await.unwrap();
        let config = ReceiverConfig::new(ReceiverSecret::generate(&mut SystemRandom));
        let receiver = bob.receiver(config).unwrap();
        let destination = Destination::from(&receiver.credentials(b"").unwrap());
        (receiver, destination)
    }

    /// A receiver that knows only chunks. Counts the requests and the chunks that come.
    fn chunk_receiver(&self) -> (Destination, Arc<[AtomicUsize; 2]>) {
        self.chunk_receiver_that_loses(usize::MAX)
    }

    /// The same, and the answer to the chunk of this number, from 0, never comes.
    fn chunk_receiver_that_loses(&self, lost: usize) -> (Destination, Arc<[AtomicUsize; 2]>) {
        let address = "test.connector.bob".parse().unwrap();
        let secret = ReceiverSecret::generate(&mut SystemRandom);
        let credentials = secret.credentials(&address, b"", &mut SystemRandom).unwrap();
        let counts: Arc<[AtomicUsize; 2]> = Arc::default();
        let (keys, counted) = (Keys::derive(&credentials.shared_secret), counts.clone());
        let keys = Arc::new(keys);
        self.bob.set_handler(Some(handler_fn(move |prepare| {
            let reply = answer_chunk(&keys, &prepare);
            let is_chunk = reply.is_some();
            let number = counted[usize::from(is_chunk)].fetch_add(1, Ordering::Relaxed);
            let unknown = Reject::new(ErrorCode::F06_UNEXPECTED_PAYMENT, address.clone());
            async move {
                if is_chunk && number == lost {
                    std::future::pending::<()>().await;
                }
                reply.unwrap_or(unknown.into())
            }
        })));
        (Destination::from(&credentials), counts)
    }
}

/// The answer of draft 1; `None` to anything but a chunk.
fn answer_chunk(keys: &Keys, prepare: &Prepare) -> Option<Reply> {
    let PskPacket::Chunk(chunk) = PskPacket::decode(keys.open(&prepare.data).ok()?).ok()? else {
        return None;
    };
    let answer = ChunkPacket {
        kind: ChunkKind::Reject,
        payment_amount: Amount::new(0),
        chunk_amount: prepare.amount,
        ..chunk
    };
    let data = keys.seal(&answer.encode().unwrap(), &mut SystemRandom).unwrap();
    let reject = Reject::new(ErrorCode::F99_APPLICATION_ERROR, "test.connector.bob".parse().unwrap());
    Some(reject.with_data(data).into())
}

#[tokio::test(start_paused = true)]
async fn a_quote_by_source_takes_a_few_round_trips() {
    let network = Network::new();
    let (_receiver, destination) = network.receiver().await;
    let (started, asked_at) = (Instant::now(), network.options.clock.now());
    let amount = SourceAmount::new(1_000_000);
    let quote = quote_by_source(&*network.alice, &destination, amount, &network.options).await.unwrap();
    assert_eq!(quote.destination_amount, DestinationAmount::new(369_937));
    assert_eq!(quote.max_packet_amount, Some(SourceAmount::new(9_999)));
    assert_eq!(quote.smallest_delivering, SourceAmount::new(3));
    assert_eq!(quote.expires_at, asked_at.saturating_add(Duration::from_secs(30)));
    // The ladder; the maximum; the chunks of the plan and the smallest ones.
    assert_eq!(started.elapsed(), 3 * 2 * LATENCY);
    assert_eq!(u64::from(quote.probes), destination.keys().sealed_packets());
}

#[tokio::test(start_paused = true)]
async fn a_quote_expires_in_the_time_of_the_link() {
    let network = Network::new();
    let (_receiver, destination) = network.receiver().await;
    let (amount, clock) = (SourceAmount::new(1_000), &network.options.clock);
    let ask = || quote_by_source(&*network.alice, &destination, amount, &network.options);
    for (later, in_time) in [(29, true), (30, false)] {
        let asked_at = Instant::now();
        let quote = ask().await.unwrap();
        tokio::time::sleep_until(asked_at + Duration::from_secs(later)).await;
        assert_eq!(quote.redeem(clock.now()).is_ok(), in_time, "after {later} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quote_by_destination_says_what_it_costs() {
    let network = Network::new();
    let (_receiver, destination) = network.receiver().await;
    let amount = DestinationAmount::new(369_937);
    let quote = quote_by_destination(&*network.alice, &destination, amount, &network.options).await.unwrap();
    assert_eq!(quote.source_amount, SourceAmount::new(999_999));
    assert_eq!(quote.destination_amount_high, amount);
}

#[tokio::test(start_paused = true)]
async fn the_maximum_packet_amount_has_a_function_of_its_own() {
    let network = Network::new();
    let (_receiver, destination) = network.receiver().await;
    let found = max_packet_amount(&*network.alice, &destination, &network.options).await.unwrap();
    assert_eq!(found.max_packet_amount, Some(SourceAmount::new(9_999)));
    assert!(found.exact);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_knows_only_chunks_is_asked_with_chunks_after_one_round() {
    let network = Network::new();
    let (destination, counts) = network.chunk_receiver();
    let amount = SourceAmount::new(9_000);
    let quote = quote_by_source(&*network.alice, &destination, amount, &network.options).await.unwrap();
    assert_eq!(quote.destination_amount, DestinationAmount::new(3_330));
    let [requests, chunks] = [0, 1].map(|kind| counts[kind].load(Ordering::Relaxed));
    // 1 unit is too small for the connector, so the receiver sees 1,000 and 9,000 of the first round.
    assert_eq!(requests, 2);
    assert!(chunks >= 2);
}

#[tokio::test(start_paused = true)]
async fn without_chunks_a_receiver_that_knows_only_those_is_no_receiver() {
    let network = Network::new();
    let (destination, _) = network.chunk_receiver();
    let options = DriverOptions { style: ProbeStyle::Request, ..network.options.clone() };
    let amount = SourceAmount::new(9_000);
    let error = quote_by_source(&*network.alice, &destination, amount, &options).await.unwrap_err();
    let refused = SearchError::Refused(ErrorCode::F06_UNEXPECTED_PAYMENT);
    assert_eq!(error, QuoteError::Search(refused));
}

#[tokio::test(start_paused = true)]
async fn no_more_probes_are_under_way_than_allowed() {
    let network = Network::new();
    let (_receiver, destination) = network.receiver().await;
    let options = DriverOptions { max_in_flight: 1, ..network.options.clone() };
    let started = Instant::now();
    let amount = SourceAmount::new(1_000_000);
    let quote = quote_by_source(&*network.alice, &destination, amount, &options).await.unwrap();
    assert_eq!(started.elapsed(), quote.probes * 2 * LATENCY);
}

#[tokio::test(start_paused = true)]
async fn a_destination_without_a_route_is_reported() {
    let network = Network::new();
    let (_receiver, destination) = network.receiver().await;
    let nowhere = "test.nowhere".parse().unwrap();
    let destination = Destination::new(nowhere, destination.keys().clone());
    let error = max_packet_amount(&*network.alice, &destination, &network.options).await.unwrap_err();
    assert_eq!(error, SearchError::Refused(ErrorCode::F02_UNREACHABLE).into());
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_down_is_tried_again_and_not_for_ever() {
    let network = Network::new();
    let (_receiver, destination) = network.receiver().await;
    network.alice.close().await;
    let started = Instant::now();
    let amount = SourceAmount::new(1_000);
    let error = quote_by_source(&*network.alice, &destination, amount, &network.options).await.unwrap_err();
    assert_eq!(error, SearchError::Unanswered(8).into());
    assert!(started.elapsed() < Duration::from_secs(10));
}

/// It is asked again long before the packet has expired, once it is known how long answers take.
#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_not_waited_for() {
    let amount = SourceAmount::new(100_000);
    for lost in [0, 1, 2, 4, usize::MAX] {
        let network = Network::new();
        let (destination, counts) = network.chunk_receiver_that_loses(lost);
        let options = DriverOptions { style: ProbeStyle::Chunk, ..network.options.clone() };
        let started = Instant::now();
        let quote = quote_by_source(&*network.alice, &destination, amount, &options).await.unwrap();
        assert_eq!(quote.destination_amount, DestinationAmount::new(36_993), "{lost}");
        let chunks = counts[1].load(Ordering::Relaxed);
        assert!(lost == usize::MAX || chunks > lost, "{lost} of {chunks} was lost");
        // Eight round trips more; of the first one that reaches the receiver nobody knows how long answers take.
        let longest = match lost {
            usize::MAX => 400,
            0 => 5_400,
            _ => 1_400,
        };
        assert!(started.elapsed() <= Duration::from_millis(longest), "{lost}: {:?}", started.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_that_answers_nothing_ends_with_the_time_limit() {
    let network = Network::new();
    let (_receiver, destination) = network.receiver().await;
    network.bob.set_handler(Some(handler_fn(|_| std::future::pending())));
    let options = DriverOptions { timeout: Duration::from_secs(7), ..network.options.clone() };
    let started = Instant::now();
    let amount = SourceAmount::new(1_000);
    let error = quote_by_source(&*network.alice, &destination, amount, &options).await.unwrap_err();
    assert_eq!(error, QuoteError::TimedOut);
    assert_eq!(started.elapsed(), options.timeout);
}
