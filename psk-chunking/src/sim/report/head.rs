//! The top of the page: what was simulated, what was expected, and whether it came so.

use std::fmt::Write;

use super::super::outcome::{Outcome, PaymentOutcome};
use super::super::scenario::{Expectation, Scenario};
use super::captions::counted;
use super::markup::Escaped;
use super::number::{about, several, whole};

/// Name, seed, times, and the verdict.
pub(super) fn head(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut text = format!(
        "<header><p class=\"kind\">A simulated Interledger payment path</p><h1>{}</h1><p class=\"about\">{}</p>\
         <p class=\"seed\">seed {}, {} events of the network; {} of virtual time</p>",
        Escaped(&outcome.scenario),
        Escaped(&sentence(&scenario.about)),
        outcome.seed,
        whole(outcome.events.into()),
        times(outcome)
    );
    let (expected, met) = expectation(scenario, outcome);
    // Writing to a string never fails.
    if outcome.is_well() {
        let _ = write!(
            text,
            "<p class=\"verdict well\"><b>All invariants held.</b> After every step the money was all accounted for. \
             {expected} {met}</p>"
        );
    } else {
        let _ = write!(text, "<div class=\"verdict wrong\"><b>Something was wrong.</b> {expected} {met}<ul>");
        for violation in &outcome.violations {
            let _ = write!(text, "<li>{}</li>", Escaped(violation));
        }
        text.push_str("</ul></div>");
    }
    text.push_str(&contents(outcome));
    text.push_str("</header>");
    text
}

/// When payments ended, and the last event.
fn times(outcome: &Outcome) -> String {
    let ends = outcome.payments.iter().map(|payment| payment.starts_at.saturating_add(payment.took));
    let last = outcome.last_event;
    match (ends.max(), outcome.payments.len()) {
        (Some(end), count) => {
            let who = if count == 1 { "the payment" } else { "the last payment" };
            format!("{who} ended at {}, the last event was at {}", about(end), about(last))
        }
        (None, _) => format!("the last event was at {}", about(last)),
    }
}

/// What this scenario expects of its payments, and whether it came so.
fn expectation(scenario: &Scenario, outcome: &Outcome) -> (String, &'static str) {
    let payments = &outcome.payments;
    let one = payments.len() == 1;
    let completed = |it: &PaymentOutcome| it.ending() == "completed";
    let ended = payments.iter().all(|payment| payment.report.is_some());
    let (what, met) = match scenario.expects {
        _ if payments.is_empty() => return ("Expected: nothing, as nobody pays.".to_owned(), ""),
        Expectation::Completes if one => ("the payment completes", payments.iter().all(completed)),
        Expectation::Completes => ("all payments complete", payments.iter().all(completed)),
        Expectation::Fails => {
            let failed = ended && !payments.iter().any(completed);
            match (one, scenario.any_refunds()) {
                (true, false) => ("the payment fails", failed),
                (false, false) => ("all payments fail", failed),
                (one, true) => {
                    let back = payments.iter().all(|payment| payment.left_with_receiver() == 0);
                    let what = match one {
                        true => "the payment fails and is refunded",
                        false => "all payments fail and are refunded",
                    };
                    (what, failed && back)
                }
            }
        }
        Expectation::Ends if one => ("the payment ends, completed or not", ended),
        Expectation::Ends => ("all payments end, completed or not", ended),
    };
    let met = match (one, met) {
        (true, true) => "It did.",
        (true, false) => "It did not.",
        (false, true) => "They did.",
        (false, false) => "They did not.",
    };
    (format!("Expected: {what}."), met)
}

fn contents(outcome: &Outcome) -> String {
    let payments = (1..=outcome.payments.len()).filter(|_| outcome.timeline.is_some());
    let payments = payments.map(|place| format!("<a href=\"#payment-{place}\">payment {place}</a>"));
    format!(
        "<nav><a href=\"#result\">what came of it</a> <a href=\"#network\">the network</a> {} \
         <a href=\"#words\">what the words mean</a> <a href=\"#again\">see it again</a></nav>",
        payments.collect::<Vec<_>>().join(" ")
    )
}

fn sentence(about: &str) -> String {
    let mut letters = about.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>());
    let text = first.unwrap_or_default() + letters.as_str();
    if text.is_empty() { text } else { format!("{text}.") }
}

/// What attackers sent, and what they were answered.
pub(super) fn attacks(outcome: &Outcome) -> String {
    let mut text = String::new();
    for attack in &outcome.attacks {
        let rejected: u64 = attack.rejects.values().sum();
        let silent = u64::from(attack.sent).saturating_sub(attack.fulfilled).saturating_sub(rejected);
        let mut replies = vec![format!("fulfilled {}", whole(attack.fulfilled.into()))];
        if !attack.rejects.is_empty() {
            replies.push(format!("rejected with {}", counted(&attack.rejects)));
        }
        if silent > 0 {
            replies.push(format!("not answered {}", whole(silent.into())));
        }
        let _ = write!(
            text,
            "<li><b>{}</b> attacks: {} sent; {}.</li>",
            Escaped(&attack.from),
            several(attack.sent.into(), "packet"),
            Escaped(&replies.join(", "))
        );
    }
    text
}
