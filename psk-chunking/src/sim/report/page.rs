//! The page: one file, without scripts, that needs nothing else.

use std::fmt::Write;
use std::time::Duration;

use super::super::outcome::{DataOutcome, Outcome, PaymentOutcome, Rejects};
use super::super::scenario::{Expectation, Fixed, PaymentConfig, Scenario};
use super::charts::Payment;
use super::codes::{class, meaning};
use super::head::{attacks, head};
use super::markup::{Escaped, Shortened};
use super::number::{percent, ratio, time, whole};
use super::{drawing, facts, words};

/// Longer names do not stand whole in the head of a table.
const LONGEST_NAME: usize = 14;

/// A page of HTML about a run: what was simulated, what came of it, and plots of every payment over time, if its
/// [timeline](Outcome::timeline) was kept. `file` is the scenario as TOML, if it is to stand there too. The page stands
/// alone, works without a network, and can be printed.
pub fn html(scenario: &Scenario, outcome: &Outcome, file: Option<&str>) -> String {
    let name = Escaped(&outcome.scenario);
    let sections = [
        head(scenario, outcome),
        section("result", "What came of it", &result(scenario, outcome)),
        section("network", "The network", &network(scenario)),
        payments(scenario, outcome),
        section("words", "What the words mean", &words::glossary()),
        section("again", "See it again", &again(outcome, file)),
    ];
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
         <title>{name}, seed {}</title><style>{}</style></head><body><main>\n{}\n</main></body></html>\n",
        outcome.seed,
        include_str!("report.css"),
        sections.join("\n")
    )
}

fn section(id: &str, title: &str, content: &str) -> String {
    format!("<section id=\"{id}\"><h2>{title}</h2>{content}</section>")
}

/// Microseconds are enough for people.
fn rounded(time: Duration) -> Duration {
    match time {
        Duration::MAX => time,
        _ => Duration::from_micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
    }
}

fn name(scenario: &Scenario, place: usize) -> String {
    let payment = scenario.payments.get(place);
    let name = |payment: &PaymentConfig| {
        let ends = [Shortened(&payment.from, LONGEST_NAME), Shortened(&payment.to, LONGEST_NAME)];
        format!(
            "<span title=\"{} → {}\">{} → {}</span>",
            Escaped(&payment.from),
            Escaped(&payment.to),
            ends[0],
            ends[1]
        )
    };
    payment.map_or_else(|| format!("payment {}", place + 1), name)
}

fn result(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut text = String::new();
    if outcome.payments.is_empty() {
        text.push_str("<p>There are no payments in this scenario.</p>");
    }
    text.push_str("<ul class=\"endings\">");
    for (place, payment) in outcome.payments.iter().enumerate() {
        let ending = payment.ending();
        let class = match (ending.as_str(), scenario.expects) {
            ("completed", Expectation::Fails) => "wrong",
            ("completed", _) => "well",
            (_, Expectation::Completes) => "wrong",
            // What was expected is no alarm.
            _ => "plain",
        };
        // Writing to a string never fails.
        let _ = write!(
            text,
            "<li><b>{}</b>: <span class=\"{class}\">{}</span> after {}.</li>",
            name(scenario, place),
            Escaped(&ending),
            time(rounded(payment.took))
        );
    }
    text.push_str(&attacks(outcome));
    text.push_str("</ul>");
    if !outcome.payments.is_empty() {
        text.push_str(&table(scenario, outcome));
    }
    text
}

fn table(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut text = String::from("<div class=\"wide\"><table><thead><tr><th></th>");
    for place in 0..outcome.payments.len() {
        // Writing to a string never fails.
        let _ = write!(text, "<th>{}</th>", name(scenario, place));
    }
    text.push_str("</tr></thead><tbody>");
    let refunds = REFUNDS.iter().filter(|_| scenario.any_refunds());
    let data = DATA.iter().filter(|_| outcome.payments.iter().any(|payment| payment.data.is_some()));
    for (name, figure) in FIGURES.iter().chain(refunds).chain(data) {
        let _ = write!(text, "<tr><th>{name}</th>");
        for payment in &outcome.payments {
            let _ = write!(text, "<td>{}</td>", figure(payment));
        }
        text.push_str("</tr>");
    }
    text.push_str("</tbody></table></div>");
    text
}

type Row = (&'static str, fn(&PaymentOutcome) -> String);

/// The figures of a payment, as HTML.
const FIGURES: [Row; 12] = [
    ("time", |payment| time(rounded(payment.took))),
    ("ideal time", |payment| time(rounded(payment.ideal))),
    ("time over ideal, if completed", |payment| {
        payment.over_ideal().map_or_else(|| "–".to_owned(), |over| format!("{} ×", ratio(over)))
    }),
    ("packets sent, with probes", |payment| whole(payment.packets.into())),
    ("rejects", |payment| {
        let mut codes = codes(&payment.rejects_in_time(), "");
        codes.extend(self::codes(&payment.late_rejects, " after its end"));
        if codes.is_empty() { "none".to_owned() } else { codes.join("<br/>") }
    }),
    ("sent, in source units", |payment| whole(payment.sent().units().into())),
    ("delivered, as the sender knows", |payment| whole(payment.delivered().units().into())),
    ("received, by the receiver's books", |payment| whole(payment.received)),
    ("in doubt, in source units", |payment| of_report(payment, |account| account.in_doubt.units())),
    ("unverified", |payment| of_report(payment, |account| account.unverified.units())),
    ("overshoot", |payment| whole(payment.overshoot())),
    ("round trip", |payment| time(payment.round_trip)),
];

/// Those of payments whose receivers refund.
const REFUNDS: [Row; 3] = [
    ("paid back by the receiver", |payment| whole(payment.paid_back)),
    ("left with the receiver", |payment| whole(payment.left_with_receiver())),
    ("came back, in source units", |payment| of_report(payment, |account| account.refunded.units())),
];

/// Those of payments with data.
const DATA: [Row; 2] = [
    ("octets of data that the receiver has, as the sender knows", |payment| {
        of_data(payment, |data| (data.acknowledged, data.octets))
    }),
    ("octets of data that came back", |payment| {
        of_data(payment, |data| (data.returned, data.returned_octets))
    }),
];

fn of_data(payment: &PaymentOutcome, figure: fn(&DataOutcome) -> (u64, u64)) -> String {
    payment.data.as_ref().map(figure).filter(|(_, all)| *all > 0).map_or_else(
        || "–".to_owned(),
        |(some, all)| format!("{} of {}", whole(some.into()), whole(all.into())),
    )
}

fn codes(rejects: &Rejects, when: &str) -> Vec<String> {
    let code = |(code, count): (&String, &u64)| {
        format!(
            "<i class=\"box {}\"></i><abbr title=\"{}\">{}</abbr> {}{when}",
            class(code),
            meaning(code),
            Escaped(code),
            whole(u128::from(*count))
        )
    };
    rejects.iter().map(code).collect()
}

fn of_report(payment: &PaymentOutcome, figure: fn(&crate::send::Account) -> u64) -> String {
    payment.report.as_ref().map_or_else(|| "–".to_owned(), |report| whole(figure(&report.account).into()))
}

fn network(scenario: &Scenario) -> String {
    format!(
        "{}<p class=\"look\">Round boxes are hosts, which pay or are paid; square ones are connectors, which forward \
         packets. Times are those of a packet on its way over a link. Red is what harms.</p>{}",
        drawing::draw(scenario),
        facts::words(scenario)
    )
}

fn payments(scenario: &Scenario, outcome: &Outcome) -> String {
    let Some(timeline) = &outcome.timeline else {
        return section("payments", "The payments over time", "<p>No timeline was kept of this run.</p>");
    };
    let mut text = String::new();
    for (place, (config, payment)) in scenario.payments.iter().zip(&outcome.payments).enumerate() {
        let drawn = Payment::new(scenario, (place, config, payment), timeline).draw();
        let title = format!("Payment {}: {}", place + 1, Escaped(&paid(config)));
        text.push_str(&section(&format!("payment-{}", place + 1), &title, &drawn));
    }
    text
}

/// Who pays whom how much, and on what terms.
fn paid(payment: &PaymentConfig) -> String {
    let amount = whole(payment.amount.into());
    let mut text = match payment.fixed {
        Fixed::Source => format!("{} pays {} with {amount} source units", payment.from, payment.to),
        Fixed::Destination => {
            format!("{} pays {}, who is to get {amount} destination units", payment.from, payment.to)
        }
    };
    let millis = |millis: u64| time(Duration::from_millis(millis));
    let terms = [
        Some(payment.starts_at_ms).filter(|at| *at > 0).map(|at| format!("from {} on", millis(at))),
        payment.quoted.then(|| "from a quote".to_owned()),
        payment.slippage_ppm.map(|ppm| match ppm {
            0 => "at no lower rate than the first".to_owned(),
            ppm => format!("at rates down to {} below the first", percent(ppm)),
        }),
        payment.timeout_ms.map(|limit| format!("in {} at most", millis(limit))),
        payment.packet_timeout_ms.map(|limit| format!("in packets that live {}", millis(limit))),
        payment.max_source_amount.map(|most| format!("for {} source units at most", whole(most.into()))),
        payment.max_packets_in_flight.map(|most| format!("with {most} packets in flight at most")),
    ];
    for term in terms.into_iter().flatten() {
        text.push_str(", ");
        text.push_str(&term);
    }
    text
}

fn again(outcome: &Outcome, file: Option<&str>) -> String {
    let plain = outcome.replay.replacen(" --trace", "", 1);
    let file = file.map_or_else(String::new, |file| {
        format!(
            "<details><summary>The scenario, as a file for psk simulate FILE.toml</summary><pre>{}</pre></details>",
            Escaped(file)
        )
    });
    format!(
        "<p>The same seed gives the same run, event by event. This page:</p><pre>{} --report report.html</pre>\
         <p>Every event of the network, a line each:</p><pre>{}</pre>{file}\
         <p class=\"look\">Made by psk {}.</p>",
        Escaped(&plain),
        Escaped(&outcome.replay),
        env!("CARGO_PKG_VERSION")
    )
}
