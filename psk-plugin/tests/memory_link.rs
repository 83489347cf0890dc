//! The link in memory.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use psk_codec::ErrorCode;
use psk_plugin::memory::{self, Link};
use psk_plugin::{Clock, DetailsError, Plugin, SendError, handler_fn};
use support::*;
use tokio::time::Instant;

fn timed(latency: Duration) -> (Link, Clock) {
    let clock = Clock::starting_at(some_day());
    let link = Link { latency, clock: clock.clone(), ..Link::default() };
    (link, clock)
}

#[tokio::test]
async fn packets_go_both_ways_and_each_end_knows_its_details() {
    let (left, right) = memory::pair(details("test.left"), details("test.right"));
    left.set_handler(Some(handler_fn(|_| async { fulfill("left") })));
    right.set_handler(Some(handler_fn(|_| async { fulfill("right") })));
    let reply = left.send(prepare("test.x", 1)).await.unwrap();
    assert_eq!(fulfilled(reply).data, "right");
    let reply = right.send(prepare("test.x", 1)).await.unwrap();
    assert_eq!(fulfilled(reply).data, "left");
    assert_eq!(left.details().await.unwrap(), details("test.left"));
    assert_eq!(right.details().await.unwrap(), details("test.right"));
}

#[tokio::test]
async fn an_end_that_does_not_know_its_details_asks_the_other() {
    let (left, right) = Link::default().pair();
    let error = left.details().await.unwrap_err();
    assert!(matches!(error, DetailsError::Refused(_)), "{error}");
    right.set_handler(Some(echo()));
    let error = left.details().await.unwrap_err();
    assert!(matches!(error, DetailsError::Invalid(_)), "{error}");
    right.set_handler(Some(handler_fn(|_| async { details("test.asked").to_fulfill().unwrap().into() })));
    assert_eq!(left.details().await.unwrap(), details("test.asked"));
}

#[tokio::test]
async fn without_a_handler_packets_are_rejected_for_now() {
    let (left, _right) = Link::default().pair();
    let reply = left.send(prepare("test.x", 1)).await.unwrap();
    assert_eq!(code(reply), ErrorCode::T01_PEER_UNREACHABLE);
}

#[tokio::test(start_paused = true)]
async fn thousands_are_in_flight_at_once_and_take_one_round_trip() {
    let (link, clock) = timed(Duration::from_millis(50));
    let (left, right) = link.pair();
    right.set_handler(Some(echo()));
    let start = Instant::now();
    let sends = (0..10_000u32).map(|number| {
        let mut prepare = prepare_until("test.x", 1, in_seconds(&clock, 10));
        prepare.data = number.to_be_bytes().to_vec().into();
        left.send(prepare)
    });
    for (number, reply) in (0u32..).zip(join_all(sends).await) {
        assert_eq!(fulfilled(reply.unwrap()).data, number.to_be_bytes()[..]);
    }
    assert_eq!(start.elapsed(), Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_waited_for_until_expiry_and_grace() {
    let (link, clock) = timed(Duration::ZERO);
    let (left, right) = link.pair();
    right.set_handler(Some(silence()));
    let start = Instant::now();
    let error = left.send(prepare_until("test.x", 1, in_seconds(&clock, 10))).await.unwrap_err();
    assert!(matches!(error, SendError::Unknown(_)), "{error}");
    assert_eq!(start.elapsed().as_secs(), 15);
}

#[tokio::test]
async fn closing_fails_what_is_in_flight_and_sends_no_more() {
    let (left, right) = Link::default().pair();
    let arrived = Arc::new(tokio::sync::Notify::new());
    let notify = arrived.clone();
    right.set_handler(Some(handler_fn(move |_| {
        notify.notify_one();
        std::future::pending()
    })));
    let close = async {
        arrived.notified().await;
        right.close().await;
    };
    let (reply, ()) = tokio::join!(left.send(prepare("test.x", 1)), close);
    assert!(matches!(reply.unwrap_err(), SendError::Unknown(_)));
    for end in [left, right] {
        let error = end.send(prepare("test.x", 1)).await.unwrap_err();
        assert!(matches!(error, SendError::NotSent(_)), "{error}");
    }
}
