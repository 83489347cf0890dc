//! `psk demo`: what a newcomer runs first.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the demo has a time limit, and what it takes is shown"
)]

mod support;

use std::time::{Duration, Instant};

use support::*;

/// What the demo may take; not asked of a build for debugging.
const TIME_LIMIT: Duration = Duration::from_secs(15);

fn run(scenario: &Scenario, arguments: &[&str]) -> Ending {
    let begin = Instant::now();
    let ending = scenario.psk_with(arguments, &[]).finish();
    println!("psk {}: {:.2} s", arguments.join(" "), begin.elapsed().as_secs_f64());
    assert!(cfg!(debug_assertions) || begin.elapsed() < TIME_LIMIT, "{:?}", begin.elapsed());
    assert_eq!(ending.status, Some(0), "{ending:?}");
    assert!(ending.stderr.is_empty(), "{:?}", ending.stderr);
    ending
}

#[test]
fn for_people() {
    let ending = run(&Scenario::new(), &["demo"]);
    let text = ending.stdout.join("\n").to_lowercase();
    for step in ["quote", "request", "payment", "maximum packet amount"] {
        assert!(text.contains(step), "nothing about a {step}:\n{text}");
    }
    // Colours and a progress bar are for terminals.
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn for_programs() {
    let lines = run(&Scenario::new(), &["demo", "--json"]).json();
    assert!(lines.iter().all(Value::is_object));
    let completed: Vec<_> = lines.iter().filter(|line| line["status"] == "completed").collect();
    assert_eq!(completed.len(), 2, "by source and by destination: {lines:#?}");
    assert!(lines.iter().any(|line| line["fulfilled"] == true), "{lines:#?}");
    assert_eq!(
        lines.iter().filter(|line| line["destination_amount_low"].is_string()).count(),
        2,
        "{lines:#?}"
    );
}

#[test]
fn two_at_the_same_time() {
    // No port is assumed to be free.
    let scenario = Scenario::new();
    let demos = [scenario.psk(&["demo"]), scenario.psk(&["demo"])];
    for demo in demos {
        assert_eq!(demo.finish().status, Some(0));
    }
}
