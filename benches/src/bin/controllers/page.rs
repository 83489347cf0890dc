//! docs/controllers.md.

use std::fmt::Write;
use std::time::Duration;

use psk_chunking::send::control::ControllerKind;

use super::measure::{Cell, TIME_LIMIT};

/// What the default controller is to reach, in thousandths of the ideal time.
const TARGETS: [(&str, u128); 11] = [
    ("lan", 1_100),
    ("wan", 1_100),
    ("wan-steady", 1_100),
    ("thin", 1_100),
    ("thin-steady", 1_100),
    ("liquidity", 1_150),
    ("burst", 1_350),
    ("busy", 1_150),
    ("lossy", 1_500),
    ("lossy-steady", 1_500),
    ("twopath", 1_150),
];

/// The whole page. `cells` has all controllers of one path after the other.
pub(super) fn page(cells: &[Cell], seeds: u64, time: Duration) -> String {
    let (limit, time) = (TIME_LIMIT.as_secs(), time.as_secs());
    let mut page = format!(
        "# Controllers

How long payments take over the standard paths of the simulator (`psk-chunking/scenarios/`) with each controller of
`psk_chunking::send::control`: the default, `paced`; `window`, which it has replaced; and the rules of two other
implementations, `aimd` (interledger-rs) and `psk2` (npm `ilp-protocol-psk2` 1.0), within the same engine, so that
nothing but the rule differs.

Written by `cargo run --release -p benches --bin controllers -- {seeds} --seconds {time} --write`: seeds 1 to {seeds}, or
as many as {time} s of computing were enough for (column *seeds*). All figures are medians over the seeds. *Over ideal*
is the virtual time over the best possible one: the amount over the path's bandwidth, and a round trip. Of paths with
several payments it is that of the slowest; packets and rejects are those of all. *From, to* are the quickest and the
slowest seed; `same` means that all seeds give the same, packet by packet: such a path has no chance in it, and the
controller did not draw either. A payment that has taken {limit} virtual seconds has not completed, and a median that is
one of those is *never*. Packets include probes, and rejects their answers.

The ideal is a round trip where a path limits nothing: whoever knows the rate can send all at once. Nobody knows it when
a payment starts, so there it takes two at best, one to ask; a payment that starts from a quote (`-quoted`) has asked
before. On `lossy` the last of 500 chunks arrives up to half a round trip late, and answers do not overtake those before
them: from a quote nobody gets much below 1.5, and without one below 2.5. The `-steady` paths have a bandwidth. `aimd`
sends all at once whatever the path may take; what that costs connectors is in the column *rejects*.

## Targets

*Faster than* is the peer's time over that of `paced`: below 1.00 the peer is faster.

| path | target | paced | | faster than psk2 | faster than aimd | faster than window |
|---|--:|--:|---|--:|--:|--:|
"
    );
    let paths: Vec<&[Cell]> = cells.chunk_by(|one, next| one.path == next.path).collect();
    for path in &paths {
        // Writing to a string never fails.
        let _ = writeln!(page, "{}", summary(path));
    }
    page.push_str("\n## Path by path\n");
    for path in &paths {
        let _ = write!(page, "\n{}", details(path));
    }
    page
}

fn of(path: &[Cell], kind: ControllerKind) -> Option<&Cell> {
    path.iter().find(|cell| cell.controller == kind)
}

fn summary(path: &[Cell]) -> String {
    let name = path.first().map_or("", |cell| cell.path.as_str());
    let path_of = name.strip_suffix("-quoted").unwrap_or(name);
    let target = TARGETS.iter().find(|(path, _)| *path == path_of).map(|&(_, target)| target);
    let paced = of(path, ControllerKind::Paced);
    let over = paced.and_then(|cell| cell.median(|run| run.per_mille)).unwrap_or(u128::MAX);
    let verdict = match target {
        Some(target) if over <= target => "met",
        Some(_) => "**missed**",
        None => "",
    };
    let against = |kind| {
        let took = |cell: &Cell| cell.median(|run| run.took).unwrap_or(Duration::MAX);
        match (paced.map(took), of(path, kind).map(took)) {
            (Some(Duration::MAX), _) | (_, None) | (None, _) => String::new(),
            (_, Some(Duration::MAX)) => "never".to_owned(),
            (Some(ours), Some(theirs)) => hundredths(theirs.as_nanos() * 1_000 / ours.as_nanos().max(1)),
        }
    };
    format!(
        "| {name} | {} | {} | {verdict} | {} | {} | {} |",
        target.map(hundredths).unwrap_or_default(),
        hundredths(over),
        against(ControllerKind::Psk2),
        against(ControllerKind::Aimd),
        against(ControllerKind::Window),
    )
}

fn details(path: &[Cell]) -> String {
    let Some(first) = path.first() else { return String::new() };
    let mut text = format!(
        "### {}\n\n{}.\n\n| controller | time, s | over ideal | from, to | packets | rejects | completed | seeds |\n\
         |---|--:|--:|---|--:|--:|--:|--:|\n",
        first.path, first.about
    );
    for cell in path {
        let range = match cell.range() {
            _ if cell.is_certain() => "same".to_owned(),
            Some((from, to)) => format!("{}, {}", hundredths(from), hundredths(to)),
            None => String::new(),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {range} | {} | {} | {} | {} |",
            cell.controller.name(),
            seconds(cell.median(|run| run.took).unwrap_or(Duration::MAX)),
            hundredths(cell.median(|run| run.per_mille).unwrap_or(u128::MAX)),
            cell.median(|run| run.packets).unwrap_or_default(),
            cell.median(|run| run.rejects).unwrap_or_default(),
            cell.runs.iter().filter(|run| run.completed).count(),
            cell.runs.len(),
        );
    }
    text
}

/// Thousandths, rounded up to hundredths: no target is met by rounding.
fn hundredths(per_mille: u128) -> String {
    if per_mille == u128::MAX {
        return "never".to_owned();
    }
    let hundredths = per_mille.div_ceil(10);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn seconds(time: Duration) -> String {
    match time {
        Duration::MAX => "never".to_owned(),
        time => format!("{}.{:03}", time.as_secs(), time.subsec_millis()),
    }
}
