//! `psk simulate`: standard paths, random worlds, scenarios in files, each again and the same.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use serde_json::Value;
use support::*;

fn simulate(arguments: &[&str]) -> Ending {
    Scenario::new().psk_with(&[&["simulate"], arguments].concat(), &[]).finish()
}

fn lines(ending: &Ending) -> Vec<Value> {
    ending.stdout.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_standard_path_for_programs_and_for_people() {
    let ending = simulate(&["wan", "--seed", "3", "--json"]);
    assert_eq!(ending.status, Some(0), "{ending:?}");
    let outcome = &lines(&ending)[0];
    assert_eq!(
        (&outcome["scenario"], &outcome["seed"], &outcome["well"]),
        (&"wan".into(), &"3".into(), &true.into())
    );
    assert_eq!(outcome["payments"][0]["ending"], "completed");
    assert_eq!(outcome["payments"][0]["delivered"], outcome["payments"][0]["received"]);
    let again = simulate(&["wan", "--seed", "3", "--json"]);
    assert_eq!(again.stdout, ending.stdout);
    let people = simulate(&["wan"]);
    assert!(people.stdout.concat().contains("all invariants held"), "{people:?}");
}

#[test]
fn programs_are_told_the_whole_account() {
    let payment =
        |arguments: &[&str]| lines(&simulate(&[arguments, &["--json"]].concat()))[0]["payments"][0].clone();
    let refunded = payment(&["refund"]);
    assert!(refunded["source_sent"].as_str().unwrap().parse::<u64>().unwrap() > 1_000_000, "{refunded}");
    assert!(refunded["refunded"].as_str().unwrap().parse::<u64>().unwrap() > 1_000_000, "{refunded}");
    let units = |key: &str| refunded[key].as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(units("lost"), units("source_sent") - units("refunded"));
    assert_eq!((units("in_doubt"), units("unverified")), (0, 0));
    let wan = payment(&["wan"]);
    let count = |key: &str| wan[key].as_u64().unwrap();
    assert!(wan["lost"].is_null(), "what has been paid for is not lost: {wan}");
    assert!(count("probes") > 0 && count("chunks_fulfilled") > 900, "{wan}");
    assert!(count("probes") + count("chunks_fulfilled") <= count("packets"), "{wan}");
}

#[test]
fn the_command_that_a_run_names_shows_every_event_of_it() {
    let first = simulate(&["random-9", "--seed", "9", "--json"]);
    let replay = lines(&first)[0]["replay"].as_str().unwrap().to_owned();
    let arguments: Vec<&str> = replay.strip_prefix("psk simulate ").unwrap().split(' ').collect();
    let traced = simulate(&[&arguments[..], &["--json"]].concat());
    let traced = lines(&traced);
    let (outcome, trace) = traced.split_last().unwrap();
    assert_eq!(outcome, &lines(&first)[0]);
    assert!(trace.len() > 10 && trace.iter().all(|line| line["trace"].is_string()));
}

#[test]
fn random_worlds_hold_the_invariants() {
    let ending = simulate(&["--random", "20", "--seed", "7", "--json"]);
    assert_eq!(ending.status, Some(0), "{ending:?}");
    let told = &lines(&ending)[0];
    assert_eq!((&told["worlds"], &told["wrong"]), (&20.into(), &0.into()));
    let again = simulate(&["--random", "20", "--seed", "7", "--json"]);
    assert_eq!(again.stdout, ending.stdout, "whichever core runs which of them");
    let calm = simulate(&["--calm", "5", "--seed", "7", "--json"]);
    let told = &lines(&calm)[0];
    assert_eq!(told["completed"], told["payments"], "{calm:?}");
}

#[test]
fn a_run_has_a_page_and_a_plot() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    let ending = simulate(&["liquidity", "--report", file.to_str().unwrap()]);
    assert_eq!(ending.status, Some(0), "{ending:?}");
    let (html, text) = (std::fs::read_to_string(&file).unwrap(), ending.stdout.join("\n"));
    assert!(
        html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n") && html.contains("20,000,000")
    );
    assert!(text.contains("delivered █, ideal ·") && text.contains("report: "), "{text}");
    let nowhere = folder.path().join("nowhere/report.html");
    let ending = simulate(&["lan", "--report", nowhere.to_str().unwrap(), "--json"]);
    assert_eq!(ending.status, Some(1), "{ending:?}");
}

#[test]
fn a_file_is_a_scenario_and_a_bad_one_is_told() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../psk-chunking/scenarios/thin.toml");
    let (from_file, by_name) = (simulate(&[file, "--json"]), simulate(&["thin", "--json"]));
    let (mut from_file, mut by_name) = (lines(&from_file).remove(0), lines(&by_name).remove(0));
    let replay = from_file["replay"].take();
    assert!(replay.as_str().unwrap().ends_with("thin.toml'"), "{replay}");
    assert_eq!(by_name["replay"].take(), "psk simulate --seed 1 --trace thin");
    assert_eq!(from_file, by_name);
    for arguments in [&["nowhere"][..], &["nowhere.toml"], &[], &["lan", "--random", "3"]] {
        let ending = simulate(arguments);
        assert_eq!(ending.status, Some(2), "{arguments:?} {ending:?}");
        assert_eq!(ending.stderr.len(), 1, "{ending:?}");
    }
}

#[test]
fn a_world_that_was_saved_is_the_same_world() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.toml");
    let file = file.to_str().unwrap();
    let made = lines(&simulate(&["random-11", "--seed", "11", "--json", "--save", file])).remove(0);
    let read = lines(&simulate(&[file, "--seed", "11", "--json"])).remove(0);
    assert_eq!((&made["events"], &made["payments"]), (&read["events"], &read["payments"]));
    assert!(made["events"].as_u64().unwrap() > 10, "{made}");
    let ending = simulate(&["lan", "--save", folder.path().join("nowhere/world.toml").to_str().unwrap()]);
    assert_eq!(ending.status, Some(1), "{ending:?}");
}
