mod names;
mod worlds;

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use psk_chunking::sim::{
    Outcome, PaymentOutcome, RunOptions, Scenario, random, report, run as run_scenario, standard,
};
use serde_json::{Value, json};

use crate::args::SimulateArgs;
use crate::error::Failure;
use crate::output::{Output, amount, optional_amount};
use crate::toml_words;

pub(crate) fn run(args: &SimulateArgs, output: Output) -> Result<(), Failure> {
    if let Some(count) = args.random {
        return worlds::run(args.seed, count, random::scenario, output);
    }
    if let Some(count) = args.calm {
        return worlds::run(args.seed, count, random::calm_scenario, output);
    }
    if let Some(count) = args.honest {
        return worlds::run(args.seed, count, random::honest_scenario, output);
    }
    let name = args.scenario.as_deref().unwrap_or_default();
    let scenario = load(name, args.seed)?;
    if let Some(file) = &args.report {
        check_writable(file).map_err(|error| not_written("report", file, &error))?;
    }
    let text = toml::to_string_pretty(&scenario)
        .map_err(|error| Failure::not_done(format!("{}: {error}", scenario.name)))?;
    if let Some(file) = &args.save {
        write("scenario", file, &text)?;
    }
    let mut options = RunOptions { timeline: true, ..RunOptions::seed(args.seed) };
    if args.trace {
        options.trace = Some(Box::new(move |line| output.emit(json!({ "trace": line }), line)));
    }
    let mut outcome = simulate(&scenario, options)?;
    if name.ends_with(".toml") {
        // By its file: its name may be that of no scenario here.
        let file = format!("'{}'", name.replace('\'', r"'\''"));
        outcome.replay = format!("psk simulate --seed {} --trace {file}", args.seed);
    }
    output.emit(to_json(&outcome), to_text(&scenario, &outcome));
    if let Some(file) = &args.report {
        write("report", file, &report::html(&scenario, &outcome, Some(&text)))?;
        output.emit_text(format!("report: {}", file.display()));
    }
    match outcome.is_well() {
        true => Ok(()),
        false => Err(Failure::not_done(wrong(&outcome)).told()),
    }
}

/// What went wrong, and how to see it again.
fn wrong(outcome: &Outcome) -> String {
    let Outcome { scenario, seed, violations, replay, .. } = outcome;
    format!("{scenario} with seed {seed}: {} (run it again: {replay})", violations.join("; "))
}

fn write(what: &str, file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|error| not_written(what, file, &error))
}

fn not_written(what: &str, file: &Path, error: &io::Error) -> Failure {
    Failure::not_done(format!("could not write the {what} {}: {error}", file.display()))
}

/// Whether a file can probably be written, before much time goes into what is to stand there. Changes nothing.
fn check_writable(file: &Path) -> io::Result<()> {
    if file.exists() {
        return OpenOptions::new().append(true).open(file).map(drop);
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match fs::metadata(folder.unwrap_or(Path::new("."))) {
        Ok(folder) if !folder.is_dir() => Err(io::ErrorKind::NotADirectory.into()),
        other => other.map(drop),
    }
}

/// A standard path, a world made of the seed, or a file.
fn load(name: &str, seed: u64) -> Result<Scenario, Failure> {
    let made_of_seed = |kind| match name.strip_prefix(kind)? {
        "" => Some(seed),
        // As the world is called when it is reported.
        suffix => suffix.strip_prefix('-')?.parse().ok(),
    };
    if let Some(seed) = made_of_seed("random") {
        return Ok(random::scenario(seed));
    }
    if let Some(seed) = made_of_seed("calm") {
        return Ok(random::calm_scenario(seed));
    }
    if let Some(seed) = made_of_seed("honest") {
        return Ok(random::honest_scenario(seed));
    }
    if name.ends_with(".toml") {
        let text = fs::read_to_string(name).map_err(|error| Failure::usage(format!("{name}: {error}")))?;
        return toml::from_str(&text).map_err(|error| {
            let failure = Failure::usage(format!("{name}: {}", one_line(&error)));
            failure.in_lines(format!("{name}: {}", in_lines(&error)))
        });
    }
    standard::scenario(name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Failure {
    let names: Vec<String> = standard::scenarios().into_iter().map(|scenario| scenario.name).collect();
    let meant = names::closest(name, names.iter().map(String::as_str).chain(["random", "calm", "honest"]));
    let meant = meant.map_or_else(String::new, |meant| format!("did you mean {meant}? "));
    let others = format!("there are random, calm, honest, FILE.toml, {}", names.join(", "));
    Failure::usage(format!("no scenario {name:?}; {meant}{others}"))
}

fn one_line(error: &toml::de::Error) -> String {
    with_its_place(error).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Line and column, the line itself, and what is wrong with it.
fn with_its_place(error: &toml::de::Error) -> String {
    let text = error.to_string();
    match text.trim_end().strip_suffix(error.message().trim_end()) {
        Some(place) => format!("{place}{}", toml_words::message_of(error)),
        None => text,
    }
}

/// As it is, with its caret under the place, but for what would move the cursor.
fn in_lines(error: &toml::de::Error) -> String {
    let text = with_its_place(error);
    let harmless = |letter: char| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter };
    text.trim_end().chars().map(harmless).collect()
}

fn simulate(scenario: &Scenario, options: RunOptions) -> Result<Outcome, Failure> {
    run_scenario(scenario, options).map_err(|error| Failure::usage(format!("{}: {error}", scenario.name)))
}

fn to_json(outcome: &Outcome) -> Value {
    let payments: Vec<Value> = outcome.payments.iter().map(payment_to_json).collect();
    json!({
        "scenario": outcome.scenario,
        "seed": outcome.seed.to_string(),
        "well": outcome.is_well(),
        "violations": outcome.violations,
        "events": outcome.events,
        "payments": payments,
        "replay": outcome.replay,
    })
}

fn payment_to_json(payment: &PaymentOutcome) -> Value {
    // Of a payment that did not end, nothing is reported.
    let report = payment.report.as_ref();
    let account = report.map(|report| report.account).unwrap_or_default();
    // What has been paid for is not lost.
    let lost = report.is_none_or(|report| !report.is_completed()).then(|| account.lost());
    let mut line = json!({
        "ending": payment.ending(),
        "source_sent": amount(payment.sent()),
        "delivered": amount(payment.delivered()),
        "received": amount(payment.received),
        "overshoot": amount(payment.overshoot()),
        "refunded": amount(account.refunded),
        "lost": optional_amount(lost),
        "in_doubt": amount(account.in_doubt),
        "unverified": amount(account.unverified),
        "took_us": u64::try_from(payment.took.as_micros()).unwrap_or(u64::MAX),
        "ideal_us": u64::try_from(payment.ideal.as_micros()).unwrap_or(u64::MAX),
        "packets": payment.packets,
        "probes": report.map_or(0, |report| report.probes),
        "chunks_fulfilled": account.chunks_fulfilled,
        "rejects": payment.rejects,
    });
    if let Some(data) = payment.data {
        line["data"] = json!({
            "octets": data.octets,
            "acknowledged": data.acknowledged,
            "delivered": data.delivered,
            "returned_octets": data.returned_octets,
            "returned": data.returned,
        });
    }
    line
}

fn to_text(scenario: &Scenario, outcome: &Outcome) -> String {
    let columns = columns();
    let summary = report::summary(scenario, outcome, columns);
    format!("{summary}\n{}", report::plot(scenario, outcome, columns))
}

/// Of the terminal; where there is none, as many as always fit.
fn columns() -> usize {
    let size = console::Term::stdout().size_checked();
    size.map_or(80, |(_, columns)| usize::from(columns)).max(80)
}
