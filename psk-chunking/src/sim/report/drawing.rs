//! The network as a drawing.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

use psk_plugin::sim::{HopConfig, LinkConfig};

use super::super::scenario::Scenario;
use super::facts::{Fact, hop_short, host_short, link_facts, link_short};
use super::markup::{Escaped, Shortened, Tenths};
use super::number::time;

/// It is at least as wide as this, and so wide that there is room between neighbours.
const WIDTH: i64 = 9_000;
const SPACING: i64 = 2_000;
const FITS: i64 = 12_200;
const BOX: (i64, i64) = (1_150, 340);
/// So much is free above the middle of a box, and a line of text takes so much.
const ABOVE: i64 = 350;
const LINE: i64 = 130;
/// A letter of a fact is about so wide.
const LETTER: i64 = 62;
/// More letters of a name do not fit into a box.
const LONGEST_NAME: usize = 12;

/// Where a node stands.
struct Node<'a> {
    name: &'a str,
    hop: Option<&'a HopConfig>,
    x: i64,
    y: i64,
}

/// Hosts, connectors and the links between them.
pub(super) fn draw(scenario: &Scenario) -> String {
    let (nodes, [width, height]) = nodes(scenario);
    let mut text = String::new();
    // One that fits a wide page is not scrolled there; another may as well be read with ease.
    let least = if width <= FITS { width * 7 / 100 } else { width * 17 / 200 };
    // Writing to a string never fails.
    let _ = write!(
        text,
        "<div class=\"wide scrolls\"><svg class=\"net\" viewBox=\"0 0 {} {}\" style=\"min-width:{}px\" role=\"img\" \
         aria-label=\"the network\">",
        Tenths(width),
        Tenths(height),
        least
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
fn nodes(scenario: &Scenario) -> (Vec<Node<'_>>, [i64; 2]) {
    let network = &scenario.network;
    let hops = network.connectors.iter().map(|hop| (hop.name.as_str(), Some(hop)));
    let all: Vec<(&str, Option<&HopConfig>)> =
        network.hosts.iter().map(|host| (host.as_str(), None)).chain(hops).collect();
    let layers = layers(scenario, &all);
    let last = layers.iter().copied().max().unwrap_or(0);
    let in_layer = |layer: usize| layers.iter().filter(|other| **other == layer).count();
    let tallest = (0..=last).map(in_layer).max().unwrap_or(1).max(1);
    let length = |count: usize| i64::try_from(count).unwrap_or(i64::MAX / WIDTH);
    let row = row(scenario, tallest);
    let height = length(tallest) * row;
    let width = WIDTH.max(BOX.0 + 600 + spacing(scenario) * length(last));
    let across = width - BOX.0 - 600;
    let mut seen = vec![0; last + 1];
    let mut nodes = Vec::new();
    for ((name, hop), layer) in all.into_iter().zip(layers.iter().copied()) {
        let (count, place) = (length(in_layer(layer)), length(seen[layer]));
        seen[layer] += 1;
        let x = 300 + BOX.0 / 2 + across * length(layer) / length(last).max(1);
        let y = height * (2 * place + 1) / (2 * count.max(1)) - row / 2 + ABOVE;
        nodes.push(Node { name, hop, x, y });
    }
    (nodes, [width, height])
}

/// How far the middles of neighbours are from each other, so that what is said of them and of their link has room.
fn spacing(scenario: &Scenario) -> i64 {
    let network = &scenario.network;
    let letters = |facts: Vec<Fact>| facts.iter().map(|(fact, _)| fact.chars().count()).max();
    let hops = network.connectors.iter().filter_map(|hop| letters(hop_short(hop))).max();
    let links = network.links.iter().filter_map(|link| letters(link_short(link))).max();
    let width = |letters: Option<usize>| i64::try_from(letters.unwrap_or(0)).unwrap_or(WIDTH) * LETTER;
    SPACING.max(width(hops) + width(links) + LETTER)
}

/// How high a row of boxes is, with what stands below them at most, so that nothing is cut off.
fn row(scenario: &Scenario, rows: usize) -> i64 {
    let hops = scenario.network.connectors.iter().map(|hop| hop_short(hop).len());
    let hosts = scenario.network.hosts.iter().map(|host| host_short(scenario, host).len());
    let links = scenario.network.links.iter().map(|link| link_short(link).len()).max().unwrap_or(0);
    let below = |lines: usize| BOX.1 / 2 + 60 + LINE * i64::try_from(lines).unwrap_or(i64::MAX / WIDTH);
    let height = ABOVE + below(hops.chain(hosts).max().unwrap_or(0).max(links));
    // The text of a link between two rows stands in the middle of them, above that of a link in the lower one.
    if rows > 1 { height.max(2 * below(links + 1)) } else { height }
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
    text.push_str(&lines(&link_short(link), x, y));
    text.push_str("</g>");
    text
}

/// Facts below each other, under what stands at this place.
fn lines(facts: &[Fact], x: i64, y: i64) -> String {
    let mut text = String::new();
    for ((fact, harms), line) in facts.iter().zip(1i64..) {
        // Writing to a string never fails.
        let _ = write!(
            text,
            "<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>",
            if *harms { "fault" } else { "fact" },
            Tenths(x),
            Tenths(y + BOX.1 / 2 + 10 + LINE * line),
            Escaped(fact)
        );
    }
    text
}

fn draw_node(scenario: &Scenario, node: &Node<'_>) -> String {
    let bad = node.hop.is_some_and(|hop| hop.hostility.is_some())
        || scenario.lies.contains_key(node.name)
        || scenario.attacks.iter().any(|attack| attack.from == node.name);
    let kind = if node.hop.is_some() { "hop" } else { "host" };
    let facts = node.hop.map(hop_short).unwrap_or_else(|| host_short(scenario, node.name));
    let class = if bad { " bad" } else { "" };
    let radius = if node.hop.is_some() { 40 } else { BOX.1 / 2 };
    let mut text = format!(
        "<g class=\"{kind}{class}\"><title>{}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>\
         <text x=\"{}\" y=\"{}\">{}{}</text>",
        Escaped(node.name),
        Tenths(node.x - BOX.0 / 2),
        Tenths(node.y - BOX.1 / 2),
        Tenths(BOX.0),
        Tenths(BOX.1),
        Tenths(radius),
        Tenths(node.x),
        Tenths(node.y + 45),
        if bad { "⚠ " } else { "" },
        Shortened(node.name, if bad { LONGEST_NAME - 2 } else { LONGEST_NAME })
    );
    text.push_str(&lines(&facts, node.x, node.y));
    text.push_str("</g>");
    text
}
