//! The page: one file, without scripts, that needs nothing else.

use std::fmt::Write;
use std::time::Duration;

use super::super::outcome::{Outcome, PaymentOutcome};
use super::super::scenario::{Fixed, PaymentConfig, Scenario};
use super::charts::{Payment, meaning};
use super::drawing;
use super::markup::Escaped;
use super::number::{decimal, time, whole};

/// A page of HTML about a run: what was simulated, what came of it, and plots of every payment over time, if its
/// [timeline](Outcome::timeline) was kept. It stands alone, works without a network, and can be printed.
pub fn html(scenario: &Scenario, outcome: &Outcome) -> String {
    let name = Escaped(&outcome.scenario);
    let sections = [
        head(scenario, outcome),
        section("result", "What came of it", &result(scenario, outcome)),
        section("network", "The network", &network(scenario)),
        payments(scenario, outcome),
        section("words", "What the words mean", WORDS),
        section("again", "See it again", &again(outcome)),
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

fn head(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut text = format!(
        "<header><p class=\"kind\">A simulated Interledger payment path</p><h1>{}</h1><p class=\"about\">{}</p>\
         <p class=\"seed\">seed {}, {} events of the network, {} of virtual time</p>",
        Escaped(&outcome.scenario),
        Escaped(&sentence(&scenario.about)),
        outcome.seed,
        whole(outcome.events.into()),
        time(rounded(end(outcome)))
    );
    // Writing to a string never fails.
    if outcome.is_well() {
        text.push_str(
            "<p class=\"verdict well\"><b>All invariants held.</b> After every step the money was all accounted for, \
             and everything ended as this scenario expects.</p>",
        );
    } else {
        text.push_str("<div class=\"verdict wrong\"><b>Something was wrong:</b><ul>");
        for violation in &outcome.violations {
            let _ = write!(text, "<li>{}</li>", Escaped(violation));
        }
        text.push_str("</ul></div>");
    }
    text.push_str("</header>");
    text
}

fn sentence(about: &str) -> String {
    let mut letters = about.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>());
    let text = first.unwrap_or_default() + letters.as_str();
    if text.is_empty() { text } else { format!("{text}.") }
}

/// When the last thing was seen, or the last payment ended.
fn end(outcome: &Outcome) -> Duration {
    let ended = outcome.payments.iter().map(|payment| payment.starts_at.saturating_add(payment.took));
    let seen = outcome.timeline.iter().map(|timeline| timeline.ends());
    ended.chain(seen).max().unwrap_or_default()
}

/// Microseconds are enough for people.
fn rounded(time: Duration) -> Duration {
    match time {
        Duration::MAX => time,
        _ => Duration::from_micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
    }
}

fn names(scenario: &Scenario, place: usize) -> String {
    scenario
        .payments
        .get(place)
        .map_or_else(|| format!("payment {place}"), |payment| format!("{} → {}", payment.from, payment.to))
}

fn result(scenario: &Scenario, outcome: &Outcome) -> String {
    if outcome.payments.is_empty() {
        return "<p>There are no payments in this scenario.</p>".to_owned();
    }
    let mut text = String::from("<ul class=\"endings\">");
    for (place, payment) in outcome.payments.iter().enumerate() {
        let ending = payment.ending();
        let class = if ending == "completed" { "well" } else { "wrong" };
        let _ = write!(
            text,
            "<li><b>{}</b>: <span class=\"{class}\">{}</span> after {}.</li>",
            Escaped(&names(scenario, place)),
            Escaped(&ending),
            time(rounded(payment.took))
        );
    }
    text.push_str("</ul><div class=\"wide\"><table><thead><tr><th></th>");
    for place in 0..outcome.payments.len() {
        let _ = write!(text, "<th>{}</th>", Escaped(&names(scenario, place)));
    }
    text.push_str("</tr></thead><tbody>");
    for (name, figure) in FIGURES {
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
    ("time over ideal", |payment| {
        payment
            .per_mille_of_ideal()
            .map_or_else(|| "–".to_owned(), |over| format!("{} ×", decimal(over / 10, 100)))
    }),
    ("packets sent, with probes", |payment| whole(payment.packets.into())),
    ("rejects", |payment| {
        let codes = payment.rejects.iter().map(|(code, count)| {
            format!(
                "<abbr title=\"{}\">{}</abbr> {}",
                meaning(code),
                Escaped(code),
                whole(u128::from(*count))
            )
        });
        let codes: Vec<String> = codes.collect();
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

fn of_report(payment: &PaymentOutcome, figure: fn(&crate::send::Account) -> u64) -> String {
    payment.report.as_ref().map_or_else(|| "–".to_owned(), |report| whole(figure(&report.account).into()))
}

fn network(scenario: &Scenario) -> String {
    format!(
        "{}<p class=\"look\">Round boxes are hosts, which pay or are paid; square ones are connectors, which forward \
         packets. Times are those of a packet on its way over a link. Red is what harms.</p>{}",
        drawing::draw(scenario),
        drawing::words(scenario)
    )
}

fn payments(scenario: &Scenario, outcome: &Outcome) -> String {
    let Some(timeline) = &outcome.timeline else {
        return section("payments", "The payments over time", "<p>No timeline was kept of this run.</p>");
    };
    let mut text = String::new();
    let (ends, several) = (end(outcome), outcome.payments.len() > 1);
    for (place, (config, payment)) in scenario.payments.iter().zip(&outcome.payments).enumerate() {
        let drawn = Payment { place, config, outcome: payment, timeline, ends, several }.draw();
        let title = format!("Payment {}: {}", place + 1, Escaped(&paid(config)));
        text.push_str(&section(&format!("payment-{}", place + 1), &title, &drawn));
    }
    text
}

fn paid(payment: &PaymentConfig) -> String {
    let amount = whole(payment.amount.into());
    let starts = match payment.starts_at_ms {
        0 => String::new(),
        millis => format!(", from {} on", time(Duration::from_millis(millis))),
    };
    let quoted = if payment.quoted { ", from a quote" } else { "" };
    match payment.fixed {
        Fixed::Source => {
            format!("{} pays {} with {amount} source units{starts}{quoted}", payment.from, payment.to)
        }
        Fixed::Destination => {
            format!(
                "{} pays {}, who is to get {amount} destination units{starts}{quoted}",
                payment.from, payment.to
            )
        }
    }
}

fn again(outcome: &Outcome) -> String {
    let plain = outcome.replay.replacen(" --trace", "", 1);
    format!(
        "<p>The same seed gives the same run, event by event. This page:</p><pre>{} --report report.html</pre>\
         <p>Every event of the network, a line each:</p><pre>{}</pre>",
        Escaped(&plain),
        Escaped(&outcome.replay)
    )
}

const WORDS: &str = "<dl>\
<dt>Packet, chunk</dt><dd>A large payment is cut into chunks. Each travels in a packet of its own, from host to connector \
to host, and comes back either fulfilled (the money has moved) or rejected (it has not).</dd>\
<dt>Probe</dt><dd>A packet that cannot be fulfilled. It shows what the path takes and delivers, and moves nothing.</dd>\
<dt>Source and destination units</dt><dd>What the sender pays in, and what the receiver gets. Connectors exchange one for \
the other at a rate, keep a spread, and round down.</dd>\
<dt>In flight</dt><dd>Sent, and not answered yet.</dd>\
<dt>Window</dt><dd>How much, or how many packets, the sender lets be in flight at once. It grows while all goes well and is \
cut when the path says that it is too much.</dd>\
<dt>Round trip</dt><dd>The time of a packet to the receiver and of its answer back, when nothing holds them up.</dd>\
<dt>Ideal</dt><dd>The shortest possible time: one round trip, and the amount over the bandwidth of the path. Bandwidth is \
what the narrowest connector lets through in a second, or the largest packets times how many the scenario lets be in \
flight in a round trip, whichever is less; a path without limits could take all at once. Paths that can be used at once add up; payments at once share fairly. It is computed from the \
description of the network, not from the run.</dd>\
<dt>In doubt</dt><dd>Sent, and no answer that tells came: nobody knows yet whether it arrived. It is never sent again as if \
it were free.</dd>\
<dt>Unverified</dt><dd>Fulfilled, but the answer did not say how much arrived: beyond the minimum that was agreed it is only \
supposed.</dd>\
<dt>Overshoot</dt><dd>What the receiver got beyond the amount that it was to get.</dd>\
<dt>Invariants</dt><dd>What must hold after every step, whatever happens: no more leaves than the payer allowed, the sender \
never claims more delivered than the receiver has, no chunk counts twice, and all accounts add up to zero.</dd>\
</dl>";
