//! Runs every path with every controller.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use psk_chunking::send::control::ControllerKind;
use psk_chunking::sim::{Expectation, Outcome, RunOptions, Scenario, run};

/// A path with a controller, and what came of it.
pub(super) struct Cell {
    pub(super) path: String,
    pub(super) about: String,
    pub(super) controller: ControllerKind,
    pub(super) runs: Vec<Run>,
    /// Invariants that did not hold, with the seed.
    pub(super) wrong: Vec<String>,
    scenario: Scenario,
    spent: Duration,
}

/// What came of one seed. Of several payments the slowest, in relation to its ideal, and the packets of all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Virtual time; [`Duration::MAX`] when not all payments completed.
    pub(super) took: Duration,
    /// Thousandths of the ideal time; [`u128::MAX`] when not all completed.
    pub(super) per_mille: u128,
    pub(super) packets: u64,
    pub(super) rejects: u64,
    pub(super) completed: bool,
}

/// A payment that takes longer has not completed, whatever its controller.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(12_000);

/// Seed by seed through all cells, so that all get some, on all cores.
#[expect(clippy::disallowed_methods, reason = "how long computing takes is nothing that a machine sees")]
pub(super) fn measure(paths: &[Scenario], seeds: u64, time: Duration) -> Vec<Cell> {
    let cells: Vec<Mutex<Cell>> = paths
        .iter()
        .flat_map(|path| ControllerKind::ALL.map(|controller| Mutex::new(Cell::new(path, controller))))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            let seed = (job / cells.len()) as u64 + 1;
            let Some(cell) = cells.get(job % cells.len()).filter(|_| seed <= seeds) else { return };
            let scenario = {
                let cell = lock(cell);
                if cell.spent > time {
                    continue;
                }
                cell.scenario.clone()
            };
            let started = Instant::now();
            let outcome = run(&scenario, RunOptions::seed(seed));
            let mut cell = lock(cell);
            cell.spent += started.elapsed();
            match outcome {
                Ok(outcome) => cell.add(&outcome),
                Err(error) => cell.wrong.push(format!("{}: {error}", scenario.name)),
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    cells.into_iter().map(|cell| cell.into_inner().unwrap_or_else(|broken| broken.into_inner())).collect()
}

fn lock(cell: &Mutex<Cell>) -> std::sync::MutexGuard<'_, Cell> {
    cell.lock().unwrap_or_else(|broken| broken.into_inner())
}

impl Cell {
    fn new(path: &Scenario, controller: ControllerKind) -> Self {
        let mut scenario = path.clone();
        // What does not complete is counted, and only invariants that do not hold are wrong.
        scenario.expects = Expectation::Ends;
        for payment in &mut scenario.payments {
            payment.controller = Some(controller);
            payment.timeout_ms = Some(TIME_LIMIT.as_millis() as u64);
        }
        Self {
            path: path.name.clone(),
            about: path.about.clone(),
            controller,
            runs: Vec::new(),
            wrong: Vec::new(),
            scenario,
            spent: Duration::ZERO,
        }
    }

    fn add(&mut self, outcome: &Outcome) {
        let (name, seed) = (self.controller.name(), outcome.seed);
        let wrong =
            outcome.violations.iter().map(|wrong| format!("{}, {name}, seed {seed}: {wrong}", self.path));
        self.wrong.extend(wrong);
        let completed = outcome.payments.iter().all(|payment| payment.ending() == "completed");
        let slowest = outcome.payments.iter().max_by_key(|payment| payment.per_mille_of_ideal());
        let slowest = slowest.filter(|_| completed);
        self.runs.push(Run {
            took: slowest.map_or(Duration::MAX, |payment| payment.took),
            per_mille: slowest.and_then(|payment| payment.per_mille_of_ideal()).unwrap_or(u128::MAX),
            packets: outcome.payments.iter().map(|payment| payment.packets).sum(),
            rejects: outcome.payments.iter().flat_map(|payment| payment.rejects.values()).sum(),
            completed,
        });
    }

    /// The median over all seeds.
    pub(super) fn median<T: Ord>(&self, figure: impl Fn(&Run) -> T) -> Option<T> {
        let mut figures: Vec<T> = self.runs.iter().map(figure).collect();
        figures.sort_unstable();
        let middle = figures.len() / 2;
        figures.into_iter().nth(middle)
    }

    /// Whether chance plays no part: all seeds give the same.
    pub(super) fn is_certain(&self) -> bool {
        self.runs.len() > 1 && self.runs.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// The quickest and the slowest of those that completed, in thousandths of the ideal.
    pub(super) fn range(&self) -> Option<(u128, u128)> {
        let all = || self.runs.iter().filter(|run| run.completed).map(|run| run.per_mille);
        Some((all().min()?, all().max()?))
    }
}
