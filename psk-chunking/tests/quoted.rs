//! Payments that start from a quote: they send no probes of their own, and stay exact and safe when the quote is old, of
//! another amount, or of less than the payment may cost.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;
#[cfg(feature = "driver")]
#[path = "common/link.rs"]
mod link;

use std::time::Duration;

use bytes::Bytes;
use common::{Hop, HopFn, Run, World, at, config, destination, maximum, rate, source};
use proptest::prelude::*;
use psk_chunking::send::{MinimumRate, Output, SendConfig, SendError, SendEvent, SendPayment, Target};
use psk_codec::{Address, Amount, AmountTooLarge, DestinationAmount, SourceAmount};
use psk_crypto::{Credentials, ReceiverSecret, SeededRandom};
use psk_quote::{
    ProbeResult, Quote, QuoteOptions, QuoteSearch, QuoteStep, QuotedReceiver, Rate, RedeemedQuote,
};
use psk_request::{Receiver, ReceiverOptions};

const RTT: Duration = Duration::from_millis(100);

/// Whoever pays, and the receiver.
struct Parties {
    random: SeededRandom,
    receiver: Receiver,
    credentials: Credentials,
}

impl Parties {
    fn new() -> Self {
        let mut random = SeededRandom::new(7);
        let secret = ReceiverSecret::generate(&mut random);
        let address: Address = "test.receiver".parse().unwrap();
        let credentials = secret.credentials(&address, b"", &mut random).unwrap();
        Self { random, receiver: Receiver::new(address, secret, ReceiverOptions::default()), credentials }
    }

    fn pay(&mut self, world: World, config: SendConfig, quote: RedeemedQuote) -> Run {
        let budget = match config.target {
            Target::Source(amount) => amount.min(config.max_source_amount),
            Target::Destination(_) => config.max_source_amount,
        };
        // The order of the two does not matter.
        let payment = SendPayment::new(config, &self.credentials, at(Duration::ZERO));
        let payment = payment.with_quote(quote).with_paths(1 + world.others.len());
        world.run(payment, &self.receiver, budget, &mut self.random)
    }
}

fn pay(world: World, config: SendConfig, quote: RedeemedQuote) -> Run {
    Parties::new().pay(world, config, quote)
}

/// A path: in packets of at most so much, of each of which a fee is taken, at which rate, and at which after that.
#[derive(Clone, Copy, Debug)]
struct Path {
    largest: u64,
    fee: u64,
    rate: (u64, u64),
    then: (u64, u64),
}

const HALF: Path = Path { largest: 1_000, fee: 0, rate: (1, 2), then: (1, 1) };

impl Path {
    fn world(self) -> World {
        let fee: HopFn = Box::new(move |packet| {
            Hop::Forward(Amount::new(packet.prepare.amount.units().saturating_sub(self.fee)))
        });
        let at = |(above, below)| rate(above, below);
        World::with(vec![maximum(self.largest), fee, at(self.rate), at(self.then)])
    }

    fn probe(self, amount: SourceAmount) -> ProbeResult {
        let units = amount.units();
        if units > self.largest {
            let details = AmountTooLarge { received: amount.into(), maximum: Amount::new(self.largest) };
            return ProbeResult::TooLarge(Some(details));
        }
        let convert = |units: u64, (above, below): (u64, u64)| {
            u64::try_from(u128::from(units) * u128::from(above) / u128::from(below)).unwrap()
        };
        let arrived = convert(convert(units.saturating_sub(self.fee), self.rate), self.then);
        ProbeResult::Arrived(DestinationAmount::new(arrived))
    }

    /// A quote of this path as it is now, good for 30 s; each round of probes takes a round trip.
    fn quote(self, target: Target) -> Quote {
        let expires_at = at(Duration::from_secs(30)).wall;
        let mut search = match target {
            Target::Source(amount) => QuoteSearch::by_source(amount, QuoteOptions::default(), expires_at),
            Target::Destination(amount) => {
                QuoteSearch::by_destination(amount, QuoteOptions::default(), expires_at)
            }
        };
        let (mut now, mut asked) = (Duration::ZERO, Vec::new());
        let mut quote = loop {
            match search.poll(now) {
                QuoteStep::Probe(amount) => asked.push(amount),
                QuoteStep::Done(quote) => break quote.unwrap(),
                step => {
                    assert_eq!(step, QuoteStep::AwaitResults);
                    now += RTT;
                    for amount in asked.drain(..) {
                        search.handle_result(amount, self.probe(amount), now);
                    }
                }
            }
        };
        // The receiver of these tests does.
        let account = Parties::new().credentials.destination_account;
        quote.receiver = Some(QuotedReceiver { account, knows_frames: true });
        quote
    }

    fn redeemed(self, target: Target) -> RedeemedQuote {
        self.quote(target).redeem(at(Duration::ZERO).wall).unwrap()
    }
}

fn by_source(units: u64) -> Target {
    Target::Source(source(units))
}

fn by_destination(units: u64) -> Target {
    Target::Destination(destination(units))
}

#[test]
fn a_quoted_payment_takes_one_round_trip_and_no_probe() {
    for (target, sent) in [(by_source(50_000), 50_000), (by_source(1), 1), (by_destination(25_000), 50_000)] {
        let path = if sent == 1 { Path { rate: (1, 1), ..HALF } } else { HALF };
        let run = pay(path.world(), config(target), path.redeemed(target));
        assert!(run.report.is_completed(), "{:?}", run.report);
        assert_eq!(run.report.account.source_sent, source(sent));
        assert_eq!(run.report.account.delivered, run.received);
        assert_eq!(run.report.probes, 0);
        assert_eq!(run.sent_at[0], Duration::ZERO);
        if matches!(target, Target::Source(_)) {
            assert_eq!(run.received, destination(sent * path.rate.0 / path.rate.1));
            assert_eq!(run.took, RTT);
        } else {
            // The chunk that completes it leaves when it is known what the others have delivered.
            assert_eq!(run.received, destination(25_000));
            assert!(run.took <= RTT * 2, "{:?}", run.took);
        }
    }
}

#[test]
fn a_quote_of_another_receiver_is_refused_before_anything_is_sent() {
    let target = by_source(50_000);
    let mut quote = HALF.quote(target);
    let other: Address = "test.receiver.another".parse().unwrap();
    quote.receiver.as_mut().unwrap().account = other.clone();
    let run = pay(HALF.world(), config(target), quote.redeem(at(Duration::ZERO).wall).unwrap());
    assert_eq!(run.report.error, Some(SendError::OtherQuote(other)));
    assert_eq!((run.sent_at.len(), run.report.probes), (0, 0));

    // One that does not say whose it is, is taken at the caller's word.
    let mut quote = HALF.quote(target);
    quote.receiver = None;
    let run = pay(HALF.world(), config(target), quote.redeem(at(Duration::ZERO).wall).unwrap());
    assert!(run.report.is_completed(), "{:?}", run.report);
}

#[test]
fn without_a_word_of_frames_the_first_chunk_is_alone() {
    let target = by_source(50_000);
    let mut quote = HALF.quote(target);
    quote.receiver.as_mut().unwrap().knows_frames = false;
    let run = pay(HALF.world(), config(target), quote.redeem(at(Duration::ZERO).wall).unwrap());
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.report.probes, 0);
    assert_eq!(run.sent_at.iter().filter(|sent| **sent < RTT).count(), 1);
    assert_eq!(run.took, RTT * 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever the path and the amount, and whatever amount was quoted.
    #[test]
    fn amounts_are_exact(
        amount in 1..300_000_u64,
        quoted in 1..300_000_u64,
        same: bool,
        fixes_source: bool,
        quotes_source: bool,
        (above, below) in (200..1_000_u64, 900..1_000_u64),
        largest in 1_000..100_000_u64,
    ) {
        let path = Path { largest, rate: (above, below), ..HALF };
        // Of less than that rounding takes more than the slippage.
        let amount = amount.max(500);
        let quoted = if same { amount } else { quoted.max(500) };
        let of = |source, amount| if source { by_source(amount) } else { by_destination(amount) };
        let target = of(fixes_source, amount);
        let quotes_source = if same { fixes_source } else { quotes_source };
        let run = pay(path.world(), config(target), path.redeemed(of(quotes_source, quoted)));
        prop_assert!(run.report.is_completed(), "{:?}", run.report);
        let account = run.report.account;
        prop_assert_eq!(account.delivered, run.received);
        prop_assert!(account.in_doubt.is_zero() && account.unverified.is_zero());
        match target {
            Target::Source(amount) => prop_assert_eq!(account.source_sent, amount),
            // A source unit is worth one destination unit at most, or a little more.
            Target::Destination(amount) => {
                let over = run.received.units() - amount.units();
                prop_assert!(over <= u64::from(above > below), "{over}");
            }
        }
    }
}

/// So much of each chunk arrives, in per mille, until then, and so much after it.
fn moving(before: u64, until: Duration, after: u64) -> HopFn {
    Box::new(move |packet| {
        let per_mille = if packet.now < until { before } else { after };
        Hop::Forward(Amount::new(packet.prepare.amount.units() * per_mille / 1_000))
    })
}

#[test]
fn a_rate_that_has_fallen_below_the_minimum_moves_no_money_until_it_recovers() {
    let (target, never) = (by_source(50_000), Duration::MAX);
    let world = |until| World::with(vec![maximum(1_000), moving(490, until, 500)]);
    let run = pay(world(never), config(target), HALF.redeemed(target));
    assert_eq!(run.report.error, Some(SendError::RateTooLow), "1 % is taken, not 2");
    assert_eq!(run.report.account.source_sent, SourceAmount::ZERO);
    assert_eq!(run.received, DestinationAmount::ZERO);
    assert!(run.took >= config(target).idle_timeout, "it was waited for");

    let run = pay(world(Duration::from_secs(5)), config(target), HALF.redeemed(target));
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(25_000));
}

#[test]
fn a_rate_that_has_fallen_within_the_slippage_is_taken() {
    for target in [by_source(50_000), by_destination(25_000)] {
        let world = World::with(vec![maximum(1_000), moving(497, Duration::MAX, 0)]);
        let run = pay(world, config(target), HALF.redeemed(target));
        assert!(run.report.is_completed(), "{:?}", run.report);
        match target {
            Target::Source(_) => assert_eq!(run.received, destination(24_850)),
            Target::Destination(_) => assert_eq!(run.received, destination(25_000)),
        }
    }
}

#[test]
fn a_rate_that_has_risen_gives_away_less_than_it_has_risen() {
    let target = by_destination(25_000);
    let world = World::with(vec![maximum(1_000), moving(515, Duration::MAX, 0)]);
    let run = pay(world, config(target), HALF.redeemed(target));
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert!(run.received.units() <= 25_000 * 515 / 500, "{:?}", run.received);
    assert!(run.report.account.source_sent <= source(50_000));
}

#[test]
fn packets_that_have_become_too_large_are_made_smaller() {
    for target in [by_source(50_000), by_destination(25_000)] {
        let narrow = Path { largest: 130, ..HALF };
        let run = pay(narrow.world(), config(target), HALF.redeemed(target));
        assert!(run.report.is_completed(), "{:?}", run.report);
        match target {
            Target::Source(_) => assert_eq!(run.report.account.source_sent, source(50_000)),
            Target::Destination(_) => assert_eq!(run.received, destination(25_000)),
        }
        // Of a chunk of an odd amount half a unit is lost.
        assert!(run.received >= destination(24_990) && run.report.account.source_sent <= source(50_020));
    }
}

#[test]
fn a_quote_of_less_is_searched_on_from() {
    let target = by_source(10_000_000);
    let wide = Path { largest: 20_000, ..HALF };
    let run = pay(wide.world(), config(target), wide.redeemed(by_source(1_000)));
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.sent_at[0], Duration::ZERO);
    assert!(run.report.probes > 0, "larger packets are looked for");
    let chunks = run.report.account.chunks_fulfilled;
    assert!(chunks < 6_000, "{chunks} chunks: 10,000 of what was quoted");

    // Three units show no rate: whoever took it for one would let a third of the money go.
    let path = Path { rate: (37, 100), ..wide };
    let run = pay(path.world(), config(target), path.redeemed(by_source(3)));
    assert!(run.report.is_completed(), "{:?}", run.report);
    let skims = World::with(vec![
        maximum(20_000),
        rate(37, 100),
        common::chunks_only(|_, packet| {
            Some(Hop::Forward(Amount::new(packet.prepare.amount.units() * 950 / 1_000)))
        }),
    ]);
    let run = pay(skims, config(target), path.redeemed(by_source(3)));
    assert_eq!(run.report.error, Some(SendError::RateTooLow));
    assert_eq!(run.received, DestinationAmount::ZERO);
}

#[test]
fn no_chunk_is_held_to_more_than_the_quote_saw() {
    // Of a packet of 1,000 the two hops leave 902, and of 507 they leave 456, which is less than 0.902 of it.
    let path = Path { rate: (95, 100), then: (95, 100), ..HALF };
    let target = by_source(1_014);
    let exact = SendConfig { minimum_rate: MinimumRate::Slippage(0), ..config(target) };
    let run = pay(path.world(), exact, path.redeemed(target));
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(2 * 456));
    assert!(run.rejects.is_empty(), "{:?}", run.rejects);
}

#[test]
fn where_the_rate_depends_on_the_size_a_quote_is_of_its_own_amount() {
    let path = Path { largest: 10_000, fee: 10, rate: (1, 1), ..HALF };
    let quoted = by_source(50_000);
    let run = pay(path.world(), config(quoted), path.redeemed(quoted));
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!((run.received, run.report.probes), (destination(50_000 - 5 * 10), 0));
    // A tenth of this is the fee. Held to the rate of the large chunks it would never be taken.
    let run = pay(path.world(), config(by_source(100)), path.redeemed(quoted));
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(90));
    assert!(run.report.probes > 0, "it is searched for");
}

#[test]
fn a_maximum_that_is_too_low_fails_before_any_money_moves() {
    let limited = |target, units| SendConfig { max_source_amount: source(units), ..config(target) };
    let target = by_destination(25_000);
    let run = pay(HALF.world(), limited(target, 40_000), HALF.redeemed(target));
    let Some(SendError::MaxSourceAmountTooLow { needed }) = run.report.error else {
        panic!("{:?}", run.report);
    };
    assert!(needed > source(40_000) && needed <= source(50_000), "{needed}");
    assert_eq!((run.packets, run.received), (0, DestinationAmount::ZERO));
    // Also where the quote is of less, and its rate is all that is known.
    let run = pay(HALF.world(), limited(target, 40_000), HALF.redeemed(by_destination(100)));
    assert!(matches!(run.report.error, Some(SendError::MaxSourceAmountTooLow { .. })), "{:?}", run.report);
    assert_eq!(run.received, DestinationAmount::ZERO);

    let run = pay(HALF.world(), limited(by_source(50_000), 40_000), HALF.redeemed(by_source(50_000)));
    assert_eq!(run.report.error, Some(SendError::MaxSourceAmountTooLow { needed: source(50_000) }));
    assert_eq!(run.packets, 0);

    let run = pay(HALF.world(), limited(target, 50_000), HALF.redeemed(target));
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.report.account.source_sent, source(50_000));
}

#[test]
fn a_minimum_of_the_caller_counts_beside_a_quote() {
    let target = by_source(50_000);
    let dear: Rate = "0.51".parse().unwrap();
    let run = pay(
        HALF.world(),
        SendConfig { minimum_rate: MinimumRate::AtLeast(dear), ..config(target) },
        HALF.redeemed(target),
    );
    assert_eq!(run.report.error, Some(SendError::RateTooLow));
    assert_eq!(run.packets, 0);
}

#[test]
fn a_quote_that_has_expired_before_the_payment_starts_is_not_used() {
    let target = by_source(50_000);
    let mut quote = HALF.quote(target);
    quote.expires_at = at(Duration::from_millis(1)).wall;
    let redeemed = quote.redeem(at(Duration::ZERO).wall).unwrap();
    let mut parties = Parties::new();
    // It was redeemed, and then somebody took his time.
    let late = at(Duration::from_millis(1));
    let mut payment = SendPayment::new(config(target), &parties.credentials, late).with_quote(redeemed);
    match payment.poll(late, &mut parties.random) {
        Output::Send { prepare, .. } => {
            let arrival = parties.receiver.open(&prepare, late.wall).unwrap();
            assert!(!arrival.fulfillable, "a probe");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_paths_are_searched_beside_it() {
    let target = by_source(1_000_000);
    let mut world = HALF.world();
    world.others = vec![vec![maximum(2_000), rate(1, 2)]];
    let run = pay(world, config(target), HALF.redeemed(target));
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(500_000));
    assert!(run.report.probes > 0, "of the second path");
    let found = run.events.iter().filter(|event| matches!(event, SendEvent::PathFound { .. })).count();
    assert_eq!(found, 2);
}

#[test]
fn how_long_answers_take_is_known_from_the_quote() {
    let target = by_source(1_000);
    let mut world = HALF.world();
    let mut is_first = true;
    world.reply = Box::new(move |_, reply| (!std::mem::take(&mut is_first)).then_some(reply));
    let run = pay(world, config(target), HALF.redeemed(target));
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(500));
    assert!(run.took < RTT * 5, "the only answer was lost, and after {:?} somebody asked", run.took);
}

#[test]
fn data_goes_with_the_first_chunks() {
    let target = by_source(50_000);
    let said = Bytes::from(vec![7; 5_000]);
    let config = SendConfig { data: Some(said.clone()), ..config(target) };
    let run = pay(HALF.world(), config, HALF.redeemed(target));
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.data_received(), (said.to_vec(), true));
    assert_eq!(run.took, RTT);
}

/// Over a link of 20 ms each way: the quote is asked for with chunks, so that the payment takes one round trip.
#[cfg(feature = "driver")]
#[tokio::test(start_paused = true)]
async fn the_driver_pays_in_one_round_trip() {
    use psk_chunking::receive::{ReceiveConfig, Verdict};
    use psk_chunking::{PaymentReceiver, send_quoted_payment_over};
    use psk_quote::{DriverOptions, ProbeStyle, quote_by_destination};
    use psk_request::{Destination, Endpoint, ReceiverConfig};
    use tokio::time::Instant;

    let (alice, bob, clock) = link::alice_and_bob();
    let accept = |_offer| async { Verdict::Accept };
    let payments = PaymentReceiver::new(ReceiveConfig::default(), accept, clock.clone());
    let endpoint = Endpoint::attach(bob, clock.clone()).await.unwrap();
    let secret = ReceiverSecret::from_octets(&[7; 32]).unwrap();
    let receiver = endpoint.receiver(ReceiverConfig::new(secret).with_chunks(payments)).unwrap();
    let credentials = receiver.credentials(b"").unwrap();

    let amount = destination(5_000);
    let options = DriverOptions { clock: clock.clone(), ..DriverOptions::default() };
    let to = Destination::from(&credentials);
    let asked_with_requests = quote_by_destination(&*alice, &to, amount, &options).await.unwrap();
    assert!(!asked_with_requests.receiver.unwrap().knows_frames, "requests do not tell");
    let options = DriverOptions { style: ProbeStyle::Chunk, ..options };
    let quote = quote_by_destination(&*alice, &to, amount, &options).await.unwrap();
    assert!(quote.receiver.as_ref().unwrap().knows_frames);

    let quote = quote.redeem(clock.now()).unwrap();
    let begun = Instant::now();
    let config = config(Target::Destination(amount));
    let payment = send_quoted_payment_over(vec![alice], &credentials, config, quote, None, clock);
    let report = payment.finished().await;
    assert!(report.is_completed(), "{report:?}");
    assert_eq!((report.account.delivered, report.probes), (amount, 0));
    assert_eq!(begun.elapsed(), Duration::from_millis(40));
}

/// A quote that does not know whether the receiver knows frames, and the only chunk is lost: the receiver is asked, by
/// whatever it knows.
#[test]
fn a_receiver_that_knows_more_than_the_quote_says_is_asked_all_the_same() {
    for (knows_frames, arrives) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut world = HALF.world();
        let lost = move |chunk, _: &common::Passing<'_>| (chunk == 1).then_some(Hop::LinkLost { arrives });
        world.hops.push(common::chunks_only(lost));
        let mut quote = HALF.quote(by_source(1_000));
        quote.receiver.as_mut().unwrap().knows_frames = knows_frames;
        let run = pay(world, config(by_source(1_000)), quote.redeem(at(Duration::ZERO).wall).unwrap());
        assert!(run.report.is_completed(), "{knows_frames} {arrives}: {:?}", run.report);
        assert_eq!(run.report.account.delivered, run.received, "{knows_frames} {arrives}");
    }
}

/// What was agreed to by a quote of one path is the price over others too.
#[test]
fn the_price_of_a_quote_holds_over_all_paths() {
    let target = by_source(1_000_000);
    let quote = HALF.redeemed(target);
    let agreed = quote.destination_amount().units();
    let dark: HopFn = Box::new(|packet| match packet.now.as_secs() {
        1 => Hop::Swallow,
        _ => Hop::Forward(packet.prepare.amount),
    });
    let mut world = HALF.world();
    world.hops.insert(0, dark);
    world.others = vec![vec![maximum(1_000), rate(1, 10)]];
    let config = SendConfig { max_packets_in_flight: 50, ..config(target) };
    let run = pay(world, config, quote);
    assert!(run.report.is_completed() && run.received.units() >= agreed * 98 / 100, "{:?}", run.report);
}
