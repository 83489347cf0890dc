//! The network as a drawing, and in words.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

use psk_plugin::sim::{BalanceLimitConfig, HopConfig, Hostility, LinkConfig, TooLargeAnswer};

use super::super::scenario::{Attack, Lie, Scenario};
use super::markup::{Escaped, Tenths};
use super::number::{percent, short, time};

const WIDTH: i64 = 9_000;
const LAYER_HEIGHT: i64 = 1_500;
const BOX: (i64, i64) = (1_150, 340);

/// Where a node stands.
struct Node<'a> {
    name: &'a str,
    hop: Option<&'a HopConfig>,
    x: i64,
    y: i64,
}

/// Hosts, connectors and the links between them.
pub(super) fn draw(scenario: &Scenario) -> String {
    let (nodes, height) = nodes(scenario);
    let mut text = String::new();
    // Writing to a string never fails.
    let _ = write!(
        text,
        "<div class=\"wide\"><svg class=\"net\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"the network\">",
        Tenths(WIDTH),
        Tenths(height)
    );
    let place = |name: &str| nodes.iter().find(|node| node.name == name);
    for link in &scenario.network.links {
        if let (Some(one), Some(other)) = (place(&link.ends[0]), place(&link.ends[1])) {
            text.push_str(&draw_link(link, one, other));
        }
    }
    for node in &nodes {
        text.push_str(&draw_node(scenario, node));
    }
    text.push_str("</svg></div>");
    text
}

/// From left to right by how many links they are away from the first that pays.
fn nodes(scenario: &Scenario) -> (Vec<Node<'_>>, i64) {
    let network = &scenario.network;
    let hops = network.connectors.iter().map(|hop| (hop.name.as_str(), Some(hop)));
    let all: Vec<(&str, Option<&HopConfig>)> =
        network.hosts.iter().map(|host| (host.as_str(), None)).chain(hops).collect();
    let layers = layers(scenario, &all);
    let last = layers.iter().copied().max().unwrap_or(0);
    let in_layer = |layer: usize| layers.iter().filter(|other| **other == layer).count();
    let tallest = (0..=last).map(in_layer).max().unwrap_or(1).max(1);
    let length = |count: usize| i64::try_from(count).unwrap_or(i64::MAX / WIDTH);
    let height = length(tallest) * LAYER_HEIGHT;
    let across = WIDTH - BOX.0 - 600;
    let mut seen = vec![0; last + 1];
    let mut nodes = Vec::new();
    for ((name, hop), layer) in all.into_iter().zip(layers.iter().copied()) {
        let (count, place) = (length(in_layer(layer)), length(seen[layer]));
        seen[layer] += 1;
        let x = 300 + BOX.0 / 2 + across * length(layer) / length(last).max(1);
        let y = height * (2 * place + 1) / (2 * count.max(1)) - 150;
        nodes.push(Node { name, hop, x, y });
    }
    (nodes, height)
}

fn layers(scenario: &Scenario, all: &[(&str, Option<&HopConfig>)]) -> Vec<usize> {
    let place = |name: &str| all.iter().position(|(other, _)| *other == name);
    let mut layers: Vec<Option<usize>> = vec![None; all.len()];
    let first = scenario.payments.first().and_then(|payment| place(&payment.from)).unwrap_or(0);
    let mut queue = VecDeque::new();
    for start in [first].into_iter().chain(0..all.len()) {
        if layers.get(start).is_some_and(Option::is_none) {
            layers[start] = Some(0);
            queue.push_back(start);
        }
        while let Some(node) = queue.pop_front() {
            let layer = layers[node].unwrap_or(0);
            for link in &scenario.network.links {
                let ends = [place(&link.ends[0]), place(&link.ends[1])];
                let next = match ends {
                    [Some(one), Some(other)] if one == node => other,
                    [Some(one), Some(other)] if other == node => one,
                    _ => continue,
                };
                if layers[next].is_none() {
                    layers[next] = Some(layer + 1);
                    queue.push_back(next);
                }
            }
        }
    }
    // Others who pay stand with the first one.
    for payer in scenario
        .payments
        .iter()
        .map(|it| it.from.as_str())
        .chain(scenario.attacks.iter().map(|it| it.from.as_str()))
    {
        let paid = scenario.payments.iter().any(|payment| payment.to == payer);
        if let Some(payer) = place(payer).filter(|payer| !paid && all[*payer].1.is_none()) {
            layers[payer] = Some(0);
        }
    }
    layers.into_iter().map(Option::unwrap_or_default).collect()
}

fn draw_link(link: &LinkConfig, one: &Node<'_>, other: &Node<'_>) -> String {
    let (x, y) = ((one.x + other.x) / 2, (one.y + other.y) / 2);
    let facts = link_facts(link);
    let mut text = format!(
        "<g class=\"link\"><title>{}: {}</title><path d=\"M{} {}L{} {}\"/><text x=\"{}\" y=\"{}\">{}</text>",
        Escaped(&format!("{} – {}", one.name, other.name)),
        Escaped(&facts.join(", ")),
        Tenths(one.x),
        Tenths(one.y),
        Tenths(other.x),
        Tenths(other.y),
        Tenths(x),
        Tenths(y - 50),
        Escaped(&time(Duration::from_micros(link.latency_us)))
    );
    for (fact, line) in link_short(link).iter().zip(1..=4) {
        let _ = write!(
            text,
            "<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>",
            if fact.1 { "fault" } else { "fact" },
            Tenths(x),
            Tenths(y + 20 + 130 * line),
            Escaped(&fact.0)
        );
    }
    text.push_str("</g>");
    text
}

fn draw_node(scenario: &Scenario, node: &Node<'_>) -> String {
    let bad = node.hop.is_some_and(|hop| hop.hostility.is_some())
        || scenario.lies.contains_key(node.name)
        || scenario.attacks.iter().any(|attack| attack.from == node.name);
    let kind = if node.hop.is_some() { "hop" } else { "host" };
    let class = if bad { " bad" } else { "" };
    let radius = if node.hop.is_some() { 40 } else { BOX.1 / 2 };
    let mut text = format!(
        "<g class=\"{kind}{class}\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>\
         <text x=\"{}\" y=\"{}\">{}{}</text>",
        Tenths(node.x - BOX.0 / 2),
        Tenths(node.y - BOX.1 / 2),
        Tenths(BOX.0),
        Tenths(BOX.1),
        Tenths(radius),
        Tenths(node.x),
        Tenths(node.y + 45),
        if bad { "⚠ " } else { "" },
        Escaped(node.name)
    );
    let facts = node.hop.map(hop_short).unwrap_or_else(|| host_facts(scenario, node.name));
    for ((fact, fault), line) in facts.iter().zip(1i64..=6) {
        let _ = write!(
            text,
            "<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>",
            if *fault { "fault" } else { "fact" },
            Tenths(node.x),
            Tenths(node.y + BOX.1 / 2 + 10 + 130 * line),
            Escaped(fact)
        );
    }
    text.push_str("</g>");
    text
}

type Fact = (String, bool);

fn host_facts(scenario: &Scenario, name: &str) -> Vec<Fact> {
    let lie = scenario.lies.get(name).map(|lie| lies(*lie).to_owned());
    let attacks = scenario.attacks.iter().filter(|attack| attack.from == name);
    lie.into_iter()
        .chain(attacks.map(|attack| does(attack.kind).to_owned()))
        .map(|fact| (fact, true))
        .collect()
}

/// A few words for each, to stand below a connector.
fn hop_short(hop: &HopConfig) -> Vec<Fact> {
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
    if hop.rates.iter().any(|rate| !rate.curve.is_empty()) {
        fact("its rate moves".to_owned());
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
    facts
}

fn link_short(link: &LinkConfig) -> Vec<Fact> {
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
        let moves = if rate.curve.is_empty() { "" } else { ", and moves" };
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

fn link_facts(link: &LinkConfig) -> Vec<String> {
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
