//! Outcomes as a table.

use std::fmt::Write;

use super::outcome::{Outcome, PaymentOutcome, Seconds};

/// A table in Markdown: a line for each payment of each outcome.
///
/// Times are virtual seconds; *over ideal* is the time over the best possible one.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "| path | ending | time | ideal | over ideal | packets | rejects | sent | delivered | overshoot |\n\
         |---|---|--:|--:|--:|--:|---|--:|--:|--:|\n",
    );
    for outcome in outcomes {
        for payment in &outcome.payments {
            // Writing to a string never fails.
            let _ = writeln!(text, "{}", row(outcome, payment));
        }
    }
    text
}

fn row(outcome: &Outcome, payment: &PaymentOutcome) -> String {
    let rejects: Vec<String> =
        payment.rejects.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let over = payment.over_ideal();
    let over = over.map(|over| format!("{}.{:02}", over / 1_000, over % 1_000 / 10)).unwrap_or_default();
    format!(
        "| {} | {} | {} | {} | {over} | {} | {} | {} | {} | {} |",
        outcome.scenario,
        payment.ending(),
        Seconds(payment.took),
        Seconds(payment.ideal),
        payment.packets,
        rejects.join(", "),
        payment.sent(),
        payment.delivered(),
        payment.overshoot(),
    )
}
