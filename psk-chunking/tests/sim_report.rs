//! The page about a run and the plots for terminals: whole, escaped, and right for odd runs too.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::time::Duration;

use psk_chunking::sim::{
    Expectation, Figure, Outcome, PaymentConfig, RunOptions, Scenario, report, run, standard,
};
use psk_plugin::sim::{HopConfig, LinkConfig, NetworkConfig};

fn watched(scenario: &Scenario) -> Outcome {
    run(scenario, RunOptions { timeline: true, ..RunOptions::seed(1) }).unwrap()
}

fn line(hop: HopConfig) -> NetworkConfig {
    NetworkConfig {
        hosts: vec!["alice".to_owned(), "bob".to_owned()],
        links: vec![LinkConfig::new("alice", "hop", 10_000), LinkConfig::new("hop", "bob", 10_000)],
        connectors: vec![hop],
    }
}

fn scenario(payments: Vec<PaymentConfig>) -> Scenario {
    let network = line(HopConfig::new("hop"));
    Scenario { name: "odd".to_owned(), network, payments, ..Scenario::default() }
}

/// Fails unless every element is closed in its order, every attribute is quoted, and every `&` begins an entity.
fn assert_well_formed(html: &str) {
    let body = html.strip_prefix("<!DOCTYPE html>").expect("it starts with its type");
    let mut open: Vec<&str> = Vec::new();
    let mut rest = body;
    while let Some(start) = rest.find('<') {
        assert_text(&rest[..start]);
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "an element is closed that is not the last");
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        assert!(!name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric()), "{tag}");
        assert_attributes(&tag[name.len()..]);
        if !tag.ends_with('/') {
            open.push(name);
        }
        assert_ne!(name, "script");
    }
    assert_text(rest);
    assert!(open.is_empty(), "not closed: {open:?}");
}

fn assert_text(text: &str) {
    for (place, _) in text.match_indices('&') {
        let entity = text[place + 1..].split(';').next().unwrap();
        assert!(["amp", "lt", "gt", "quot", "#39"].contains(&entity), "&{entity:.20}");
    }
    let control = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
    assert!(!text.contains(control), "{text:?}");
}

fn assert_attributes(attributes: &str) {
    let attributes = attributes.strip_suffix('/').unwrap_or(attributes);
    let mut parts = attributes.split('"');
    while let Some(name) = parts.next().filter(|name| !name.is_empty()) {
        let name = name.trim().strip_suffix('=').expect("a name and a value");
        assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-'), "{name}");
        assert_text(parts.next().expect("a value in quotes"));
    }
}

/// The page of a run, after a look at what all pages have.
fn page(scenario: &Scenario, outcome: &Outcome) -> String {
    let html = report::html(scenario, outcome);
    assert_well_formed(&html);
    for part in
        ["id=\"result\"", "id=\"network\"", "id=\"words\"", "id=\"again\"", "psk simulate --seed 1 --trace"]
    {
        assert!(html.contains(part), "no {part}");
    }
    for outside in ["http:", "https:", "url(", "@import"] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(!html.contains("NaN") && !html.contains("inf "));
    html
}

fn count(html: &str, what: &str) -> usize {
    html.matches(what).count()
}

#[test]
fn every_payment_has_all_of_its_plots() {
    let scenario = standard::scenario("several").unwrap();
    let outcome = watched(&scenario);
    let html = page(&scenario, &outcome);
    let titles = [
        "Delivered, against",
        "Amount in flight",
        "Packets in flight",
        "Chunk size",
        "Rate interval",
        "Rejects by",
    ];
    for title in titles {
        assert_eq!(count(&html, &format!("<b>{title}")), 4, "{title}");
    }
    assert_eq!(count(&html, "class=\"curve best\""), 4, "a line for each ideal");
    assert!(html.contains("All invariants held") && html.contains("from 500 ms on"));
    assert_eq!(count(&html, "<svg class=\"net\""), 1);
    // Points at 600 whiles at most for each line, and bars at 60.
    let timeline = outcome.timeline.as_ref().unwrap();
    for payment in 0..4 {
        let points = timeline.figure(payment, Figure::InFlight).len();
        assert!((30..=600).contains(&points), "{points}");
        let rejects: u64 = timeline.rejects(payment).values().flatten().map(|(_, count)| count).sum();
        assert_eq!(rejects, outcome.payments[payment].rejects.values().sum::<u64>());
    }
}

#[test]
fn every_standard_path_has_a_page() {
    for name in [
        "hop-r00",
        "hop-swallows",
        "receiver-over-claims",
        "sender-replays",
        "drift-step",
        "crossrate-up",
        "twopath",
    ] {
        let scenario = standard::scenario(name).unwrap();
        page(&scenario, &watched(&scenario));
    }
    let hostile = standard::scenario("hop-r00").unwrap();
    let html = page(&hostile, &watched(&hostile));
    assert!(html.contains("class=\"hop bad\"") && html.contains("in doubt"), "what harms is marked");
}

#[test]
fn text_of_files_stays_text() {
    let mut scenario = scenario(vec![PaymentConfig::new("alice", "bob", 1_000)]);
    scenario.name = "<script>alert('name')</script>".to_owned();
    scenario.about = "a \"quoted\" & <b>bold</b>\u{1b}[2J\u{0} line".to_owned();
    scenario.expects = Expectation::Fails;
    let outcome = watched(&scenario);
    let html = page(&scenario, &outcome);
    assert!(html.contains("&lt;script&gt;alert(&#39;name&#39;)&lt;/script&gt;"));
    assert!(html.contains("completed, which cannot be") && html.contains("Something was wrong"));
    assert!(!report::summary(&scenario, &outcome).contains('\u{1b}'));
}

#[test]
fn odd_runs_have_pages_too() {
    let none = scenario(vec![]);
    let html = page(&none, &watched(&none));
    assert!(html.contains("no payments in this scenario"));
    assert_eq!(report::plot(&none, &watched(&none)), "");

    // Over before anything was sent.
    let at_once = PaymentConfig { timeout_ms: Some(0), ..PaymentConfig::new("alice", "bob", 1) };
    let nothing = scenario(vec![at_once]);
    let outcome = watched(&nothing);
    assert_eq!(outcome.timeline.as_ref().unwrap().figure(0, Figure::InFlight).len(), 1);
    page(&nothing, &outcome);
    report::plot(&nothing, &outcome);

    let late = PaymentConfig { starts_at_ms: 60_000, ..PaymentConfig::new("alice", "bob", 1_000) };
    let late = scenario(vec![PaymentConfig::new("alice", "bob", 1_000), late]);
    let html = page(&late, &watched(&late));
    assert!(html.contains("from 60 s on"));

    // It never ended, and never started.
    let mut outcome = watched(&late);
    outcome.payments[0].report = None;
    outcome.payments[1].ideal = Duration::MAX;
    let html = page(&late, &outcome);
    assert!(html.contains("did not end") && html.contains("no ideal to compare") && html.contains("never"));
    outcome.timeline = None;
    assert!(page(&late, &outcome).contains("No timeline was kept"));
}

#[test]
fn amounts_at_the_end_of_64_bits_fit_on_the_page() {
    for payment in
        [PaymentConfig::new("alice", "bob", u64::MAX), PaymentConfig::delivering("alice", "bob", u64::MAX)]
    {
        let scenario = scenario(vec![payment]);
        let outcome = watched(&scenario);
        assert_eq!(outcome.payments[0].received, u64::MAX.into(), "{outcome}");
        let html = page(&scenario, &outcome);
        assert!(html.contains("18,446,744,073,709,551,615"));
        assert!(report::plot(&scenario, &outcome).contains("18.4E"));
    }
}

#[test]
fn a_terminal_of_eighty_columns_is_enough() {
    for name in ["wan", "several", "hop-r00", "drift-recovery"] {
        let scenario = standard::scenario(name).unwrap();
        let outcome = watched(&scenario);
        let (summary, plot) = (report::summary(&scenario, &outcome), report::plot(&scenario, &outcome));
        for text in plot.lines().chain(summary.lines().skip(1)) {
            assert!(text.chars().count() <= 80 || text.contains("rejects"), "{text}");
        }
        let plots = plot.matches("delivered █").count();
        assert_eq!(plots, outcome.payments.len(), "{plot}");
        assert!(plot.contains('█') && plot.contains('·'), "{plot}");
    }
}
