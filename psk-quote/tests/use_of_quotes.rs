//! A quote is used once, before it expires.

mod model;

use std::time::Duration;

use model::{Path, Refusal, ask};
use psk_codec::{DestinationAmount, SourceAmount, Timestamp};
use psk_quote::{Quote, QuoteOptions, QuoteSearch, QuoteStep, Rate};

const EXPIRES_AT: i64 = 1_700_000_030_000;

fn at(unix_millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(unix_millis).expect("a time")
}

/// 1,000,000 over a path of 0.37 in packets of 9,999.
fn quote() -> Quote {
    let mut path = Path::of_one_hop((37, 100), 9_999, Refusal::Honest);
    let amount = SourceAmount::new(1_000_000);
    let search = QuoteSearch::by_source(amount, QuoteOptions::default(), at(EXPIRES_AT));
    ask(search, |amount| path.probe(amount)).expect("an honest path")
}

#[test]
fn a_quote_is_good_until_it_expires_and_not_a_millisecond_longer() {
    assert!(!quote().is_expired(at(EXPIRES_AT - 1)));
    assert!(quote().redeem(at(EXPIRES_AT - 1)).is_ok());
    for late in [EXPIRES_AT, EXPIRES_AT + 1, EXPIRES_AT + 86_400_000] {
        let expired = quote().redeem(at(late)).unwrap_err();
        assert_eq!(expired.now, at(late));
        // It comes back, to be looked at, and is still expired.
        assert_eq!(*expired.quote, quote());
        assert!(expired.quote.redeem(at(late)).is_err());
    }
}

#[test]
fn a_redeemed_quote_has_what_a_payment_needs() {
    let quoted = quote();
    let redeemed = quote().redeem(at(0)).unwrap();
    let view = redeemed.view();
    assert_eq!(view.passes, SourceAmount::new(9_999));
    assert_eq!(view.refused, Some(SourceAmount::new(10_000)));
    assert!(view.refused_for_size);
    assert_eq!((view.rate, redeemed.rate()), (quoted.rate, quoted.rate));
    assert_eq!(redeemed.source_amount(), SourceAmount::new(1_000_000));
    assert_eq!(redeemed.destination_amount(), DestinationAmount::new(369_937));
    assert_eq!(redeemed.smallest_delivering(), SourceAmount::new(3));
    assert_eq!(redeemed.max_packet_amount(), Some(SourceAmount::new(9_999)));
    assert_eq!(redeemed.plan(), quoted.plan());
    assert_eq!(redeemed.segments(), quoted.segments);
    assert!(redeemed.is_exact());
    // No chunk of the plan is below the lowest rate; at least one is above any higher one.
    let arrives = |amount: u64| DestinationAmount::new(amount * 37 / 100);
    let lowest = redeemed.lowest_chunk_rate();
    let [first, second] = redeemed.plan().tail;
    for chunk in [redeemed.plan().full_chunk, first, second] {
        assert!(lowest.worth_floor(chunk) <= arrives(chunk.units()), "{chunk}");
    }
    let full: Rate = "3699/9999".parse().unwrap();
    assert!(lowest <= full && lowest > "0.36".parse().unwrap());
    assert_eq!(redeemed.average_rate(), "0.369937".parse().unwrap());
    assert_eq!(redeemed.minimum_rate(10_000), lowest.less_ppm(10_000));
}

#[test]
fn a_search_makes_one_quote_however_often_it_is_asked() {
    for amount in [1_000_000, 0] {
        let mut path = Path::of_one_hop((37, 100), 9_999, Refusal::Honest);
        let options = QuoteOptions::default();
        let mut search = QuoteSearch::by_source(SourceAmount::new(amount), options, at(EXPIRES_AT));
        let now = Duration::ZERO;
        let mut done = 0;
        for _ in 0..10_000 {
            match search.poll(now) {
                QuoteStep::Probe(amount) => search.handle_result(amount, path.probe(amount), now),
                QuoteStep::Done(_) => done += 1,
                QuoteStep::AwaitResults | QuoteStep::WaitUntil(_) => {}
            }
        }
        assert_eq!(done, 1, "{amount}");
    }
}
