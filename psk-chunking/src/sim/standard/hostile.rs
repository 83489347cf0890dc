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
        ("under-claims", "a receiver that says it got a tenth of what arrived", Lie::UnderClaims),
        ("over-claims", "a receiver that says it got ten times what arrived", Lie::OverClaims),
        ("decreasing-totals", "a receiver whose totals fall with every chunk", Lie::DecreasingTotals),
        ("closes-and-opens", "a receiver that says it is done, and then takes more", Lie::ClosesAndOpens),
        ("says-nothing", "a receiver that fulfills and never says how much arrived", Lie::SaysNothing),
    ];
    let attacks = [
        ("duplicate-sequences", "a sender that uses every number twice", Attack::DuplicateSequences),
        ("changing-totals", "a sender that names another total with every chunk", Attack::ChangingTotals),
        ("new-ids", "a sender that begins a new payment with every chunk", Attack::NewIds),
        ("replays", "a sender that sends every packet twice", Attack::Replays),
        ("expired", "a sender whose packets live 0 to 49 ms", Attack::Expired),
        ("too-little", "a sender whose packets bring less than their minimum", Attack::TooLittle),
        ("after-the-last", "a sender that sends chunks after the last one", Attack::AfterTheLast),
    ];
    let mut all: Vec<Scenario> = maxima.into_iter().map(|(name, answer)| nonsense(name, answer)).collect();
    all.extend(hops());
    all.extend(lies.into_iter().map(|(name, about, lie)| receiver(name, about, lie)));
    all.extend(attacks.into_iter().map(|(name, about, attack)| sender(name, about, attack)));
    all
}

/// The maximum is found all the same.
fn nonsense(name: &str, too_large: TooLargeAnswer) -> Scenario {
    let hop = HopConfig { max_packet_amount: Some(1_000), too_large, ..HopConfig::new("hop") };
    let name = format!("hop-{name}");
    honest(
        &name,
        "packets of 1,000 at the hop, which answers larger ones with F08 and nonsense in its details",
        line(vec![hop], 12_500),
        pays(500_000),
    )
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
        scenario(
            "r00",
            "a hop says R00 to every packet after the first hundred",
            Hostility::R00,
            ALL,
            100,
            fails,
        ),
        scenario(
            "r01",
            "a hop says R01 to every packet after the first hundred",
            Hostility::R01,
            ALL,
            100,
            fails,
        ),
        scenario("some-r01", "a hop says R01 to one of fifty packets", Hostility::R01, FEW, 100, completes),
        scenario(
            "swallows",
            "a hop answers no packet after the first hundred",
            Hostility::Swallow,
            ALL,
            100,
            fails,
        ),
        scenario(
            "wrong-preimage",
            "a hop answers with wrong preimages after the first hundred packets",
            Hostility::WrongPreimage,
            ALL,
            100,
            fails,
        ),
        scenario(
            "late-fulfills",
            "a hop keeps all Fulfills until after their expiry, after the first hundred packets",
            Hostility::LateFulfills,
            ALL,
            100,
            ends,
        ),
        scenario(
            "some-late",
            "a hop keeps one of fifty Fulfills until after its expiry",
            Hostility::LateFulfills,
            FEW,
            100,
            ends,
        ),
        scenario(
            "swapped",
            "a hop swaps the replies of one of fifty packets with those of another",
            Hostility::SwappedReplies,
            FEW,
            100,
            ends,
        ),
        scenario(
            "reflects",
            "a hop sends every packet back after the first hundred",
            Hostility::Reflect,
            ALL,
            100,
            fails,
        ),
        scenario(
            "some-reflected",
            "a hop sends one of fifty packets back",
            Hostility::Reflect,
            FEW,
            100,
            ends,
        ),
    ]
}

fn receiver(name: &str, about: &str, lie: Lie) -> Scenario {
    let hop = HopConfig { max_packet_amount: Some(1_000), ..HopConfig::new("hop") };
    let network = line(vec![hop], 12_500);
    Scenario {
        expects: Expectation::Ends,
        lies: [("bob".to_owned(), lie)].into(),
        ..honest(&format!("receiver-{name}"), about, network, pays(500_000))
    }
}

/// Beside the attack an honest payment goes on.
fn sender(name: &str, about: &str, kind: Attack) -> Scenario {
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
    let about = format!("{about}, beside an honest sender");
    Scenario { attacks: vec![attack], ..honest(&format!("sender-{name}"), &about, network, pays(500_000)) }
}
