//! The standard paths of ENGINE.md section 7: all invariants hold on all of them, honest ones complete with exact
//! amounts, and what came of each is the table in `docs/standard-paths.md`.
//!
//! `PSK_RENEW=1 cargo test -p psk-chunking --test sim_standard_paths` writes the table and the TOML files anew.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::{Path, PathBuf};

use psk_chunking::sim::{Outcome, RunOptions, Scenario, run, standard, table};

const HEAD: &str = "\
# Standard paths

What came of each standard path (ENGINE.md section 7) with seed 1, written by
`PSK_RENEW=1 cargo test -p psk-chunking --test sim_standard_paths` and compared by the same test without the variable.
Times are virtual seconds. The ideal is the amount over the bandwidth of the payment's paths and one round trip:
bandwidth is what the narrowest connector lets through, and where none limits anything the ideal is the round trip;
payments at once share it fairly, so one of them may be faster than its ideal. A payment asks for the rate before money
leaves, which takes a round trip that the ideal does not have. Those named `-quoted` start from a quote, whose time and packets are not counted.
`psk simulate NAME --report FILE.html` shows each of them over time.

";

fn below_workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn renews() -> bool {
    std::env::var_os("PSK_RENEW").is_some()
}

fn compare(path: &Path, text: &str) {
    if renews() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(path).unwrap();
    for (kept, now) in kept.lines().zip(text.lines()) {
        assert_eq!(kept, now, "{} is out of date: see the head of this test", path.display());
    }
    assert_eq!(kept, text, "{} is out of date: see the head of this test", path.display());
}

#[test]
fn the_table_of_all_paths_is_up_to_date_and_all_invariants_hold() {
    let outcomes: Vec<Outcome> =
        standard::scenarios().iter().map(|scenario| run(scenario, RunOptions::seed(1)).unwrap()).collect();
    let wrong: Vec<String> =
        outcomes.iter().filter(|outcome| !outcome.is_well()).map(ToString::to_string).collect();
    if !wrong.is_empty() {
        eprintln!("{}", table(&outcomes));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    compare(&below_workspace("docs/standard-paths.md"), &format!("{HEAD}{}", table(&outcomes)));
}

#[test]
fn scenarios_in_files_are_those_in_code() {
    for scenario in standard::scenarios() {
        let path = below_workspace("psk-chunking/scenarios").join(format!("{}.toml", scenario.name));
        compare(&path, &toml::to_string(&scenario).unwrap());
        let read: Scenario = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(read, scenario);
    }
    let files = std::fs::read_dir(below_workspace("psk-chunking/scenarios")).unwrap().count();
    assert_eq!(files, standard::scenarios().len(), "a file for each and no other");
}
