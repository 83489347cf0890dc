//! What hostile connectors of the simulated network do, and that the accounts add up all the same.

mod sim_support;

use std::time::Duration;

use psk_codec::Reply;
use psk_plugin::sim::{HopConfig, Hostility, HostilityConfig};
use sim_support::{Ended, Party, every_millisecond, is_fulfilled_right, line, run};

/// A hundred packets; the connectors are honest where there is no kind.
fn through(kinds: &[Option<Hostility>]) -> Ended {
    let hop = |(place, kind): (usize, &Option<Hostility>)| HopConfig {
        hostility: kind.map(|kind| HostilityConfig { kind, share_ppm: 1_000_000, after_packets: 0 }),
        ..HopConfig::new(format!("hop{place}"))
    };
    let network = line(kinds.iter().enumerate().map(hop).collect());
    run(&network, Party::sends(every_millisecond(100, 10)), Party::answers(true), 1)
}

#[test]
fn a_wrong_preimage_reaches_who_does_not_check_and_no_one_else() {
    let ended = through(&[Some(Hostility::WrongPreimage)]);
    assert_eq!(ended.alice().outcomes()["fulfilled"], 100);
    assert!(!ended.alice().replies.iter().any(|(tag, _, reply)| is_fulfilled_right(*tag, reply)));
    assert_eq!(ended.moved(), (0, 1_000), "the connector pays");
    let ended = through(&[None, Some(Hostility::WrongPreimage)]);
    assert_eq!(ended.alice().outcomes()["F05"], 100, "the honest connector before it checks");
}

#[test]
fn late_fulfills_come_half_a_second_after_the_expiry() {
    let ended = through(&[Some(Hostility::LateFulfills)]);
    let late = |(tag, at, reply): &(u64, Duration, Reply)| {
        let sent = Duration::from_millis(*tag);
        is_fulfilled_right(*tag, reply) && *at == sent + Duration::from_millis(30_510)
    };
    assert!(ended.alice().replies.iter().all(late));
    let ended = through(&[None, Some(Hostility::LateFulfills)]);
    assert_eq!(ended.alice().outcomes()["R00"], 100, "the honest connector before it has given up");
    assert_eq!(ended.moved(), (0, 1_000));
}

#[test]
fn swapped_replies_are_for_other_packets() {
    let ended = through(&[Some(Hostility::SwappedReplies)]);
    assert_eq!(ended.alice().replies.len(), 100);
    assert!(!ended.alice().replies.iter().any(|(tag, _, reply)| is_fulfilled_right(*tag, reply)));
}

#[test]
fn reflected_requests_come_back() {
    let ended = through(&[Some(Hostility::Reflect)]);
    assert_eq!(ended.alice().requests.len(), 100);
    assert_eq!(ended.alice().outcomes()["F02"], 100, "as alice has answered them herself");
    // Between an honest connector and one that reflects, a packet goes round until its time is up.
    let ended = through(&[None, Some(Hostility::Reflect)]);
    assert_eq!(ended.alice().outcomes()["R02"], 100);
}

#[test]
fn rejections_for_ever_and_silence() {
    assert_eq!(through(&[Some(Hostility::R00)]).alice().outcomes()["R00"], 100);
    assert_eq!(through(&[Some(Hostility::R01)]).alice().outcomes()["R01"], 100);
    assert!(through(&[Some(Hostility::Swallow)]).alice().replies.is_empty());
    let ended = through(&[None, Some(Hostility::Swallow)]);
    assert_eq!(ended.alice().outcomes()["R00"], 100, "given up by the honest connector");
}

#[test]
fn hostility_starts_when_it_is_told_and_hits_its_share() {
    let hostility = HostilityConfig { kind: Hostility::R01, share_ppm: 500_000, after_packets: 1_000 };
    let network = line(vec![HopConfig { hostility: Some(hostility), ..HopConfig::new("hop") }]);
    let ended = run(&network, Party::sends(every_millisecond(3_000, 10)), Party::answers(true), 1);
    let mut rejected = ended.alice().replies.iter().filter(|(_, _, reply)| matches!(reply, Reply::Reject(_)));
    assert!(rejected.clone().next().unwrap().0 >= 1_000);
    assert!((900..1_100).contains(&rejected.by_ref().count()));
}
