//! Prints tables of README: medians of the last run of the benchmarks `codec` and `exchange`, and how they compare with
//! the peers of the same run. (`crypto_in_turns` prints its own.)
#![expect(clippy::float_arithmetic, reason = "times and their ratios are no money")]
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Group, then function, to the median in nanoseconds.
type Medians = BTreeMap<String, BTreeMap<String, f64>>;

const OURS: [&str; 3] = ["psk-codec", "psk-codec, in place", "psk-codec, owned"];

fn main() -> Result<(), Box<dyn Error>> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let mut medians = Medians::new();
    collect(&target.join("criterion"), &mut medians)?;
    codec(&medians);
    exchange(&medians);
    Ok(())
}

/// Every benchmark has a folder `new` with its name and its estimates.
fn collect(folder: &Path, medians: &mut Medians) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.ends_with("new") {
            let json = |name| -> Result<Value, Box<dyn Error>> {
                Ok(serde_json::from_slice(&fs::read(path.join(name))?)?)
            };
            let (name, estimates) = (json("benchmark.json")?, json("estimates.json")?);
            let text = |key: &str| name[key].as_str().unwrap_or_default().to_owned();
            let median = estimates["median"]["point_estimate"].as_f64().unwrap_or(f64::NAN);
            medians.entry(text("group_id")).or_default().insert(text("function_id"), median);
        } else if path.is_dir() {
            collect(&path, medians)?;
        }
    }
    Ok(())
}

fn codec(medians: &Medians) {
    println!(
        "| codec | interledger-packet 0.4 | rasn 0.30 | ours, in place | ours, owned | against the faster peer |"
    );
    println!("|---|---|---|---|---|---|");
    for (packet, size) in
        [("Prepare", "100 B"), ("Fulfill", "100 B"), ("Reject", "100 B"), ("Prepare", "32 kB")]
    {
        for way in ["build", "parse"] {
            let Some(group) = medians.get(&format!("codec/{packet} {size}/{way}")) else { continue };
            let of = |name: &str| group.get(name).copied();
            let peers = [of("interledger-packet"), of("rasn")];
            let ours = OURS.map(of);
            let best_peer = peers.into_iter().flatten().fold(f64::INFINITY, f64::min);
            let best_ours = ours.into_iter().flatten().fold(f64::INFINITY, f64::min);
            println!(
                "| {packet} {size}, {way} | {} | {} | {} | {} | {:.2} |",
                time(peers[0]),
                time(peers[1]),
                time(ours[1]),
                time(ours[0].or(ours[2])),
                best_ours / best_peer
            );
        }
    }
}

fn exchange(medians: &Medians) {
    println!(
        "\n| a whole exchange, both sides | cryptography alone | with the codec, in place | with owned packets |"
    );
    println!("|---|---|---|---|");
    for size in ["100 B", "32 kB"] {
        let Some(group) = medians.get(&format!("exchange/{size}")) else { continue };
        let of = |name: &str| group.get(name).copied();
        let alone = of("cryptography alone");
        let with = |name| {
            let with = of(name);
            let ratio = with.unwrap_or(f64::NAN) / alone.unwrap_or(f64::NAN);
            format!("{} ({ratio:.2})", time(with))
        };
        let in_place = with("codec and cryptography, in place");
        let owned = with("codec and cryptography, owned packets");
        println!("| {size} | {} | {in_place} | {owned} |", time(alone));
    }
}

/// A time for people.
fn time(nanoseconds: Option<f64>) -> String {
    match nanoseconds {
        None => String::new(),
        Some(time) if time < 100.0 => format!("{time:.1} ns"),
        Some(time) if time < 10_000.0 => format!("{time:.0} ns"),
        Some(time) => format!("{:.1} us", time / 1_000.0),
    }
}
