//! Hops, receivers and senders that cheat or harm.

use psk_plugin::sim::{HopConfig, Hostility, HostilityConfig, TooLargeAnswer};

use super::super::scenario::{Attack, AttackConfig, Expectation, Lie, Scenario};
use super::{honest, line, pays};

pub(super) fn scenarios() -> Vec<Scenario> {
    let maxima = [
        ("f08-0-0", TooLargeAnswer::F08ZeroZero),
        ("f08-0-1", TooLargeAnswer::F08ZeroOne),
        ("f08-1-1", TooLargeAnswer::F08OneOne),
        ("f08-greatest", TooLargeAnswer::F08Greatest),
    ];
    let lies = [
        ("under-claims", Lie::UnderClaims),
        ("over-claims", Lie::OverClaims),
        ("decreasing-totals", Lie::DecreasingTotals),
        ("closes-and-opens", Lie::ClosesAndOpens),
        ("says-nothing", Lie::SaysNothing),
    ];
    let attacks = [
        ("duplicate-sequences", Attack::DuplicateSequences),
        ("changing-totals", Attack::ChangingTotals),
        ("new-ids", Attack::NewIds),
        ("replays", Attack::Replays),
        ("expired", Attack::Expired),
        ("too-little", Attack::TooLittle),
        ("after-the-last", Attack::AfterTheLast),
    ];
    let mut all: Vec<Scenario> = maxima.into_iter().map(|(name, answer)| nonsense(name, answer)).collect();
    all.extend(hops());
    all.extend(lies.into_iter().map(|(name, lie)| receiver(name, lie)));
    all.extend(attacks.into_iter().map(|(name, attack)| sender(name, attack)));
    all
}

/// The maximum is found all the same.
fn nonsense(name: &str, too_large: TooLargeAnswer) -> Scenario {
    let hop = HopConfig { max_packet_amount: Some(1_000), too_large, ..HopConfig::new("hop") };
    let name = format!("hop-{name}");
    honest(&name, "F08 with nonsense in its details", line(vec![hop], 12_500), pays(500_000))
}

/// An honest connector before and after the hostile one.
fn hops() -> Vec<Scenario> {
    let scenario = |name: &str, about: &str, kind, share_ppm, after_packets, expects| {
        let hostility = Some(HostilityConfig { kind, share_ppm, after_packets });
        let before = HopConfig { max_packet_amount: Some(1_000), ..HopConfig::new("before") };
        let hostile = HopConfig { hostility, ..HopConfig::new("hostile") };
        let network = line(vec![before, hostile, HopConfig::new("after")], 12_500);
        Scenario { expects, ..honest(&format!("hop-{name}"), about, network, pays(500_000)) }
    };
    const ALL: u32 = 1_000_000;
    const FEW: u32 = 20_000;
    let (ends, fails, completes) = (Expectation::Ends, Expectation::Fails, Expectation::Completes);
    vec![
        scenario("r00", "R00 for ever", Hostility::R00, ALL, 100, fails),
        scenario("r01", "R01 for ever", Hostility::R01, ALL, 100, fails),
        scenario("some-r01", "R01 for one of fifty packets", Hostility::R01, FEW, 100, completes),
        scenario("swallows", "no answer, for ever", Hostility::Swallow, ALL, 100, fails),
        scenario("wrong-preimage", "another preimage", Hostility::WrongPreimage, ALL, 100, fails),
        scenario("late-fulfills", "Fulfills after expiry", Hostility::LateFulfills, ALL, 100, fails),
        scenario("some-late", "one of fifty Fulfills after expiry", Hostility::LateFulfills, FEW, 100, ends),
        scenario("swapped", "replies swapped between packets", Hostility::SwappedReplies, FEW, 100, ends),
        scenario("reflects", "requests sent back", Hostility::Reflect, ALL, 100, fails),
        scenario("some-reflected", "one of fifty requests sent back", Hostility::Reflect, FEW, 100, ends),
    ]
}

fn receiver(name: &str, lie: Lie) -> Scenario {
    let hop = HopConfig { max_packet_amount: Some(1_000), ..HopConfig::new("hop") };
    let network = line(vec![hop], 12_500);
    Scenario {
        expects: Expectation::Ends,
        lies: [("bob".to_owned(), lie)].into(),
        ..honest(&format!("receiver-{name}"), "a receiver that lies", network, pays(500_000))
    }
}

/// Beside the attack an honest payment goes on.
fn sender(name: &str, kind: Attack) -> Scenario {
    let mut hop = HopConfig { max_packet_amount: Some(1_000), ..HopConfig::new("hop") };
    if kind == Attack::Expired {
        // So that they do expire where it matters, and not at the connector.
        hop.min_message_window_ms = 0;
    }
    let mut network = line(vec![hop], 12_500);
    network.hosts.push("mallory".to_owned());
    network.links.push(psk_plugin::sim::LinkConfig::new("mallory", "hop", 12_500));
    let attack = AttackConfig {
        from: "mallory".to_owned(),
        to: "bob".to_owned(),
        kind,
        packets: 2_000,
        amount: 100,
        per_second: 1_000,
    };
    let about = "a sender that cheats, beside an honest one";
    Scenario { attacks: vec![attack], ..honest(&format!("sender-{name}"), about, network, pays(500_000)) }
}
