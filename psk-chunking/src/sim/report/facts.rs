//! What there is to say of connectors, links and hosts.

use std::fmt::Write;
use std::time::Duration;

use psk_plugin::sim::{BalanceLimitConfig, HopConfig, Hostility, LinkConfig, TooLargeAnswer};

use super::super::scenario::{Attack, Lie, Scenario};
use super::changes::{curve_range, curve_words};
use super::markup::Escaped;
use super::number::{percent, short, time};

/// What is said of something, and whether it harms.
pub(super) type Fact = (String, bool);

/// What is wrong with a host.
pub(super) fn host_short(scenario: &Scenario, name: &str) -> Vec<Fact> {
    let lie = scenario.lies.get(name).map(|lie| lies(*lie).to_owned());
    let attacks = scenario.attacks.iter().filter(|attack| attack.from == name);
    lie.into_iter()
        .chain(attacks.map(|attack| does(attack.kind).to_owned()))
        .map(|fact| (fact, true))
        .collect()
}

/// A few words for each, to stand below a connector; what harms first.
pub(super) fn hop_short(hop: &HopConfig) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    let mut fact = |text: String| facts.push((text, false));
    if hop.spread_ppm > 0 {
        fact(format!("keeps {}", percent(hop.spread_ppm)));
    }
    if let Some(most) = hop.max_packet_amount {
        fact(format!("packets ≤ {}", short(most.into())));
    }
    if let Some(liquidity) = &hop.liquidity {
        let least = liquidity.cycle.iter().map(|step| step.per_second).min();
        let most = liquidity.cycle.iter().map(|step| step.per_second).max();
        fact(match (least, most) {
            (Some(least), Some(most)) => format!("{}–{} per s", short(least.into()), short(most.into())),
            _ => format!("{} per s", short(liquidity.per_second.into())),
        });
        fact(format!("{} at once", short(liquidity.capacity.into())));
    }
    if let Some(limit) = hop.packet_rate {
        fact(format!("{} packets/s", short(limit.per_second.into())));
    }
    for range in hop.rates.iter().filter_map(curve_range) {
        fact(format!("rate {range}"));
    }
    if hop.strips_fulfill_data {
        facts.push(("drops answers' data".to_owned(), true));
    }
    for error in &hop.errors {
        facts.push((format!("{} for {}", error.code, percent(error.share_ppm)), true));
    }
    if let Some(hostility) = hop.hostility {
        facts.push((harm(hostility.kind).to_owned(), true));
    }
    facts.sort_by_key(|(_, harms)| !harms);
    facts
}

/// Likewise of a link.
pub(super) fn link_short(link: &LinkConfig) -> Vec<Fact> {
    let faults = [
        (link.request_loss_ppm, "requests lost"),
        (link.reply_loss_ppm, "replies lost"),
        (link.late_request_ppm, "requests late"),
        (link.late_reply_ppm, "replies late"),
    ];
    let faults = faults.into_iter().filter(|(ppm, _)| *ppm > 0);
    let mut facts: Vec<Fact> = faults.map(|(ppm, what)| (format!("{} {what}", percent(ppm)), true)).collect();
    if link.repeat_ppm > 0 || link.reorder_ppm > 0 {
        facts.push(("repeats, reorders".to_owned(), true));
    }
    for limit in &link.balance_limits {
        facts.push((format!("owes ≤ {}", short(limit.max_balance.into())), false));
    }
    facts
}

/// Everything about each connector and link, in words.
pub(super) fn words(scenario: &Scenario) -> String {
    let mut text = String::from("<ul class=\"facts\">");
    let mut item = |name: String, facts: Vec<String>| {
        let facts = if facts.is_empty() { "nothing special".to_owned() } else { facts.join("; ") };
        let _ = write!(text, "<li><b>{}</b>: {}.</li>", Escaped(&name), Escaped(&facts));
    };
    for hop in &scenario.network.connectors {
        item(hop.name.clone(), hop_facts(hop));
    }
    for link in &scenario.network.links {
        item(format!("{} – {}", link.ends[0], link.ends[1]), link_facts(link));
    }
    for (host, lie) in &scenario.lies {
        item(host.clone(), vec![lies(*lie).to_owned()]);
    }
    for attack in &scenario.attacks {
        let each =
            format!("{} packets of {}, {} per second", attack.packets, attack.amount, attack.per_second);
        item(attack.from.clone(), vec![does(attack.kind).to_owned(), each]);
    }
    text.push_str("</ul>");
    text
}

fn hop_facts(hop: &HopConfig) -> Vec<String> {
    let mut facts = Vec::new();
    if hop.spread_ppm > 0 {
        facts.push(format!("keeps {} of every packet", percent(hop.spread_ppm)));
    }
    for rate in &hop.rates {
        let (above, below) = rate.rate.parts();
        let moves = curve_words(rate).map_or_else(String::new, |words| format!(", and moves: {words}"));
        facts.push(format!("{below} {} is worth {above} {}{moves}", rate.from, rate.to));
    }
    if let Some(most) = hop.max_packet_amount {
        let answer = match hop.too_large {
            TooLargeAnswer::F08 => "F08 and the true maximum",
            TooLargeAnswer::F08Empty => "F08 without the maximum",
            TooLargeAnswer::T04 => "T04",
            _ => "F08 and a false maximum",
        };
        facts.push(format!(
            "takes packets of at most {}, answers larger ones with {answer}",
            short(most.into())
        ));
    }
    if let Some(liquidity) = &hop.liquidity {
        let rate = match liquidity.cycle.is_empty() {
            true => format!("{} units per second", short(liquidity.per_second.into())),
            false => {
                let step = |step: &psk_plugin::sim::LiquidityStep| {
                    format!(
                        "{} per second for {}",
                        short(step.per_second.into()),
                        time(Duration::from_millis(step.for_ms))
                    )
                };
                liquidity.cycle.iter().map(step).collect::<Vec<_>>().join(", ") + ", over and over"
            }
        };
        facts.push(format!("forwards {rate}, {} at once; T04 beyond", short(liquidity.capacity.into())));
    }
    if let Some(limit) = hop.packet_rate {
        facts.push(format!(
            "forwards {} packets per second, {} at once; T05 beyond",
            limit.per_second, limit.burst
        ));
    }
    if hop.processing_us > 0 {
        facts.push(format!("takes {} over each packet", time(Duration::from_micros(hop.processing_us))));
    }
    if hop.strips_fulfill_data {
        facts.push("takes the data out of Fulfills".to_owned());
    }
    facts.extend(
        hop.errors.iter().map(|error| format!("{} for {} of packets", error.code, percent(error.share_ppm))),
    );
    if let Some(hostility) = hop.hostility {
        let (kind, share) = (harm(hostility.kind), percent(hostility.share_ppm));
        facts
            .push(format!("hostile: {kind}, {share} of packets after the first {}", hostility.after_packets));
    }
    facts
}

/// All of a link.
pub(super) fn link_facts(link: &LinkConfig) -> Vec<String> {
    let mut facts = vec![
        format!("{} each way", time(Duration::from_micros(link.latency_us))),
        format!("in units of 10^-{} {}", link.scale, link.asset),
    ];
    if link.jitter_us > 0 {
        facts.push(format!("up to {} more", time(Duration::from_micros(link.jitter_us))));
    }
    let faults = [
        (link.request_loss_ppm, "of requests lost"),
        (link.reply_loss_ppm, "of replies lost"),
        (link.repeat_ppm, "repeated"),
        (link.reorder_ppm, "may be overtaken"),
        (link.late_request_ppm, "of requests come after their expiry"),
        (link.late_reply_ppm, "of replies come after their expiry"),
    ];
    facts.extend(
        faults.iter().filter(|(ppm, _)| *ppm > 0).map(|(ppm, what)| format!("{} {what}", percent(*ppm))),
    );
    let owed = |limit: &BalanceLimitConfig| {
        let most = short(limit.max_balance.into());
        let settled = limit.settle_every_ms.map_or("never settled".to_owned(), |millis| {
            format!("settled every {}", time(Duration::from_millis(millis)))
        });
        format!("{} may be owed {most} at most, {settled}; T04 beyond", limit.at)
    };
    facts.extend(link.balance_limits.iter().map(owed));
    facts
}

fn harm(kind: Hostility) -> &'static str {
    match kind {
        Hostility::WrongPreimage => "wrong preimages",
        Hostility::LateFulfills => "late Fulfills",
        Hostility::SwappedReplies => "swaps replies",
        Hostility::Reflect => "reflects packets",
        Hostility::R00 => "says R00",
        Hostility::R01 => "says R01",
        Hostility::Swallow => "never answers",
    }
}

fn lies(lie: Lie) -> &'static str {
    match lie {
        Lie::UnderClaims => "says it got less",
        Lie::OverClaims => "says it got more",
        Lie::DecreasingTotals => "says falling totals",
        Lie::ClosesAndOpens => "closes and opens",
        Lie::SaysNothing => "says nothing",
    }
}

fn does(attack: Attack) -> &'static str {
    match attack {
        Attack::DuplicateSequences => "numbers used twice",
        Attack::ChangingTotals => "changing totals",
        Attack::NewIds => "floods of new ids",
        Attack::Replays => "replays packets",
        Attack::Expired => "expired packets",
        Attack::TooLittle => "too small packets",
        Attack::AfterTheLast => "chunks after the last",
    }
}
