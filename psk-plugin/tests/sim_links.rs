//! What links of the simulated network do to packets: each fault does what it says, and nothing else.

mod sim_support;

use std::time::Duration;

use psk_plugin::sim::{HopConfig, LinkConfig, NetworkConfig};
use sim_support::{Ended, Party, every_millisecond, is_fulfilled_right, line, run};

const PACKETS: u64 = 10_000;

/// Ten thousand packets through one connector; `fault` is on the link from it to bob.
fn with_fault(fault: impl FnOnce(&mut LinkConfig)) -> Ended {
    let mut network = line(vec![HopConfig::new("hop")]);
    fault(&mut network.links[1]);
    run(&network, Party::sends(every_millisecond(PACKETS, 10)), Party::answers(true), 1)
}

fn count(ended: &Ended, outcome: &str) -> usize {
    ended.alice().outcomes().get(outcome).copied().unwrap_or(0)
}

#[test]
fn without_faults_everything_arrives_in_order_after_the_latency() {
    let ended = with_fault(|_| {});
    assert_eq!(count(&ended, "fulfilled"), 10_000);
    assert!(ended.alice().replies.iter().all(|(tag, _, reply)| is_fulfilled_right(*tag, reply)));
    assert!(ended.alice().replies.iter().map(|reply| reply.0).is_sorted());
    let first = ended.alice().replies[0].1;
    assert_eq!(first, Duration::from_millis(40));
    assert_eq!(ended.moved(), (100_000, 100_000));
}

#[test]
fn lost_requests_never_arrive_and_the_connector_gives_them_up() {
    let ended = with_fault(|link| link.request_loss_ppm = 20_000);
    let lost = 10_000 - ended.bob().requests.len();
    assert!((150..250).contains(&lost), "{lost}");
    assert_eq!(count(&ended, "R00"), lost);
    let (sent, received) = ended.moved();
    assert_eq!(sent, received, "no money moved with them");
}

#[test]
fn lost_replies_are_fulfilled_at_one_end_alone() {
    let ended = with_fault(|link| link.reply_loss_ppm = 20_000);
    assert_eq!(ended.bob().requests.len(), 10_000);
    let lost = count(&ended, "R00");
    assert!((150..250).contains(&lost), "{lost}");
    let (sent, received) = ended.moved();
    assert_eq!(received - sent, 10 * i128::try_from(lost).unwrap());
    let bobs = ended.world().links_of(ended.world().host("bob").unwrap()).next().unwrap();
    assert_eq!(ended.world().unacknowledged(bobs).units(), received - sent);
}

#[test]
fn repeated_packets_arrive_twice_and_count_once() {
    let ended = with_fault(|link| link.repeat_ppm = 10_000);
    let twice = ended.bob().requests.len() - 10_000;
    assert!((60..140).contains(&twice), "{twice}");
    assert_eq!(count(&ended, "fulfilled"), 10_000, "one answer each");
    assert_eq!(ended.moved(), (100_000, 100_000));
}

#[test]
fn connectors_take_a_repeated_packet_once() {
    let mut network = line(vec![HopConfig::new("hop")]);
    network.links[0].repeat_ppm = 500_000;
    let ended = run(&network, Party::sends(every_millisecond(1_000, 10)), Party::answers(true), 1);
    assert_eq!(ended.bob().requests.len(), 1_000);
    assert_eq!(ended.moved(), (10_000, 10_000));
}

#[test]
fn jitter_keeps_the_order_and_reordering_does_not() {
    let ended = with_fault(|link| link.jitter_us = 20_000);
    assert!(ended.bob().requests.iter().map(|request| request.0).is_sorted());
    let ended = with_fault(|link| (link.reorder_ppm, link.reorder_us) = (100_000, 5_000));
    let requests = &ended.bob().requests;
    let overtaken = requests.windows(2).filter(|pair| pair[0].0 > pair[1].0).count();
    assert!((500..1_000).contains(&overtaken), "{overtaken}");
    assert_eq!(count(&ended, "fulfilled"), 10_000);
}

#[test]
fn late_packets_arrive_after_their_expiry() {
    let ended = with_fault(|link| link.late_reply_ppm = 50_000);
    let late = count(&ended, "R00");
    assert!((400..600).contains(&late), "{late}");
    let ended = with_fault(|link| link.late_request_ppm = 50_000);
    let travelled = |(number, at, _): &(u64, Duration, _)| *at - Duration::from_millis(*number);
    let late = ended.bob().requests.iter().filter(|request| travelled(request) > Duration::from_secs(29));
    let late: Vec<Duration> = late.map(travelled).collect();
    assert!((400..600).contains(&late.len()), "{}", late.len());
    // 30 s, less the connector's second, and one second after that.
    assert!(late.iter().all(|&took| took == Duration::from_secs(30)), "{:?}", late[0]);
}

#[test]
fn two_hosts_may_have_a_link_without_a_connector() {
    let network = NetworkConfig {
        hosts: vec!["alice".into(), "bob".into()],
        connectors: vec![],
        links: vec![LinkConfig::new("alice", "bob", 1_000)],
    };
    let ended = run(&network, Party::sends(every_millisecond(10, 10)), Party::answers(true), 1);
    assert_eq!(count(&ended, "fulfilled"), 10);
    assert_eq!(ended.world().now(), Duration::from_millis(11));
}
