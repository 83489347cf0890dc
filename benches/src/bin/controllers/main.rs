//! Measures the controllers of the payment engine against each other, against the best possible time and against its
//! targets, on the standard paths of the simulator, and prints docs/controllers.md.
//!
//! ```text
//! cargo run --release -p benches --bin controllers -- [SEEDS] [--seconds N] [--only PATH]... [--write]
//! ```
//!
//! Each path is run with each controller and seeds 1 to SEEDS (100 by default), on all cores. A path and a controller
//! that have taken more than so many seconds of computing (20 by default) get no further seeds; the table says how many
//! they got. `--only` takes paths whose names begin so, `--write` writes the page.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]
#![expect(clippy::print_stderr, reason = "and what went wrong")]

mod measure;
mod page;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use psk_chunking::sim::{Expectation, Scenario, standard};

use measure::measure;

/// What is asked for.
struct Options {
    seeds: u64,
    /// For each path and controller.
    time: Duration,
    only: Vec<String>,
    writes: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options(std::env::args().skip(1))?;
    let chosen = |scenario: &Scenario| {
        options.only.is_empty() || options.only.iter().any(|start| scenario.name.starts_with(start))
    };
    let paths: Vec<Scenario> = standard::scenarios().into_iter().filter(is_measured).filter(chosen).collect();
    if paths.is_empty() {
        return Err("no such path".into());
    }
    let cells = measure(&paths, options.seeds, options.time);
    let page = page::page(&cells, options.seeds, options.time);
    match options.writes {
        true => std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/controllers.md"), page)?,
        false => println!("{page}"),
    }
    let wrong: Vec<&String> = cells.iter().flat_map(|cell| &cell.wrong).collect();
    wrong.iter().for_each(|wrong| eprintln!("{wrong}"));
    if wrong.is_empty() { Ok(()) } else { Err(format!("{} runs broke an invariant", wrong.len()).into()) }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
    let mut options = Options { seeds: 100, time: Duration::from_secs(20), only: vec![], writes: false };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--write" => options.writes = true,
            "--only" => options.only.push(arguments.next().ok_or("--only takes the name of a path")?),
            "--seconds" => {
                let seconds = arguments.next().ok_or("--seconds takes a number")?;
                options.time = Duration::from_secs(seconds.parse()?);
            }
            seeds => options.seeds = seeds.parse().map_err(|_| format!("unknown argument {seeds}"))?,
        }
    }
    if options.seeds == 0 {
        return Err("at least one seed".into());
    }
    Ok(options)
}

/// Honest paths on which payments have to complete: where somebody cheats, time says nothing.
fn is_measured(scenario: &Scenario) -> bool {
    let cheats = ["hop-", "receiver-", "sender-"].iter().any(|start| scenario.name.starts_with(start));
    scenario.expects == Expectation::Completes && !cheats
}
