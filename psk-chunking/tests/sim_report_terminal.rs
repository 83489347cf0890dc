//! The summary and the plots of a run for terminals.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use psk_chunking::sim::{Outcome, RunOptions, Scenario, report, run, standard};

fn standard_run(name: &str) -> (Scenario, Outcome) {
    let scenario = standard::scenario(name).unwrap();
    let outcome = run(&scenario, RunOptions { timeline: true, ..RunOptions::seed(1) }).unwrap();
    (scenario, outcome)
}

#[test]
fn a_terminal_of_eighty_columns_is_enough() {
    for name in ["wan", "several", "hop-r00", "drift-recovery", "lossy-steady", "refund", "sender-expired"] {
        let (scenario, outcome) = standard_run(name);
        let (summary, plot) =
            (report::summary(&scenario, &outcome, 80), report::plot(&scenario, &outcome, 80));
        for text in plot.lines().chain(summary.lines()) {
            assert!(text.chars().count() <= 80 || text.starts_with("run it again"), "{text}");
        }
        let plots = plot.matches("delivered █").count();
        assert_eq!(plots, outcome.payments.len(), "{plot}");
        assert!(plot.contains('█') && plot.contains('·'), "{plot}");
        // The axis below is of the same strokes.
        let windows = plot.lines().filter(|line| !line.contains('└') && !line.contains("window ─"));
        let shown = windows.filter(|line| line.contains('─')).count() > 0;
        assert_eq!(plot.contains("window ─"), shown, "{name}\n{plot}");
        // A window that leaves the plot is told of as long as it is seen at all.
        let above = plot.lines().any(|line| line.contains('↑') && !line.contains("window ─"));
        assert_eq!(plot.contains("window ─ (↑ more)"), above, "{name}\n{plot}");
    }
}

#[test]
fn a_wider_terminal_has_wider_plots_and_cut_peaks_are_told() {
    let (scenario, outcome) = standard_run("liquidity");
    let width = |columns: usize| {
        let plot = report::plot(&scenario, &outcome, columns);
        plot.lines().map(|line| line.chars().count()).max().unwrap()
    };
    assert!((70..=80).contains(&width(80)), "{}", width(80));
    assert!((130..=140).contains(&width(140)), "{}", width(140));
    let plot = report::plot(&scenario, &outcome, 80);
    assert!(plot.contains("k+ │"), "what is beyond the edge: {plot}");
    let (_, right) = plot.lines().find(|line| line.contains("k+ │")).unwrap().split_once("k+ │").unwrap();
    assert!(right.starts_with('█'), "the peak reaches the edge: {plot}");
    let (scenario, outcome) = standard_run("lossy-steady");
    let summary = report::summary(&scenario, &outcome, 80);
    let summary = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    let late = outcome.payments[0].late_rejects["R00"];
    assert!(summary.contains(&format!("R00 {late} after its end")), "{summary}");
}
