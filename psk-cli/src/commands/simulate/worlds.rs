//! Many random worlds, on all cores.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use indicatif::{ProgressBar, ProgressStyle};
use psk_chunking::sim::{Outcome, RunOptions, Scenario};
use serde_json::json;

use super::{simulate, to_json};
use crate::error::Failure;
use crate::output::Output;

/// Random worlds from this seed on; tells of those that went wrong, in the order of their seeds, and how many there
/// were.
pub(super) fn run(
    first: u64,
    worlds: u64,
    scenario: fn(u64) -> Scenario,
    output: Output,
) -> Result<(), Failure> {
    let bar = output.shows_progress().then(|| progress_bar(worlds));
    let (mut wrong, mut completed, mut payments) = (0_u64, 0, 0);
    let told = in_order(first, worlds, scenario, |outcome| {
        payments += outcome.payments.len();
        completed += outcome.payments.iter().filter(|payment| payment.ending() == "completed").count();
        if !outcome.is_well() {
            wrong += 1;
            let tell = || output.emit(to_json(&outcome), &outcome);
            bar.as_ref().map_or_else(tell, |bar| bar.suspend(tell));
        }
        if let Some(bar) = &bar {
            bar.inc(1);
            bar.set_message(format!("{wrong} went wrong"));
        }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    told?;
    let text = format!("{worlds} worlds, {wrong} went wrong; {completed} of {payments} payments completed");
    let told = json!({ "worlds": worlds, "wrong": wrong, "payments": payments, "completed": completed });
    output.emit(told, &text);
    if wrong > 0 { Err(Failure::not_done(text).told()) } else { Ok(()) }
}

/// Runs them on all cores, and tells of each when all before it have been told of. The first that cannot be run ends
/// it.
fn in_order(
    first: u64,
    worlds: u64,
    scenario: fn(u64) -> Scenario,
    mut tell: impl FnMut(Outcome),
) -> Result<(), Failure> {
    let end = first.saturating_add(worlds);
    let next = AtomicU64::new(first);
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        let (done, outcomes) = mpsc::channel();
        for _ in 0..cores {
            let (done, next) = (done.clone(), &next);
            scope.spawn(move || {
                loop {
                    // Which thread takes which seed is of no matter: a seed gives the same outcome on each.
                    let taken = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |seed| {
                        (seed < end).then_some(seed.saturating_add(1))
                    });
                    let Ok(seed) = taken else { return };
                    let outcome = simulate(&scenario(seed), RunOptions::seed(seed));
                    // Nobody listens any more after a failure.
                    if done.send((seed, outcome)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let mut waiting = BTreeMap::new();
        let mut due = first;
        for (seed, outcome) in outcomes {
            waiting.insert(seed, outcome);
            while let Some(outcome) = waiting.remove(&due) {
                tell(outcome?);
                due = due.saturating_add(1);
            }
        }
        Ok(())
    })
}

fn progress_bar(worlds: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} worlds, {msg}, {eta} left");
    let bar = ProgressBar::new(worlds);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
