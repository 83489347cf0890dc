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
fn every_key_of_the_output_is_on_the_page() {
    let page = include_str!("../../docs/simulate.md");
    let outcome = lines(&simulate(&["data", "--json"])).remove(0);
    let payment = &outcome["payments"][0];
    for value in [&outcome, payment, &payment["data"]] {
        for key in value.as_object().unwrap().keys() {
            assert!(page.contains(&format!("`{key}`")), "{key}");
        }
    }
    let worlds = lines(&simulate(&["--calm", "1", "--json"])).remove(0);
    for key in worlds.as_object().unwrap().keys() {
        assert!(page.contains(&format!("`{key}`")), "{key}");
    }
    let help = simulate(&["--help"]).stdout.concat();
    assert!(help.contains("docs/simulate.md"), "{help}");
}

#[test]
fn an_honest_world_is_run_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.toml");
    // Whatever comes of it: a world is a world, and is told.
    let made = lines(&simulate(&["honest-3", "--seed", "3", "--json", "--save", file.to_str().unwrap()]));
    assert_eq!((&made[0]["scenario"], &made[0]["seed"]), (&"honest-3".into(), &"3".into()));
    let read = lines(&simulate(&[file.to_str().unwrap(), "--seed", "3", "--json"]));
    assert_eq!((&made[0]["events"], &made[0]["payments"]), (&read[0]["events"], &read[0]["payments"]));
    for arguments in [&["--honest", "3", "--calm", "3"][..], &["lan", "--honest", "3"]] {
        assert_eq!(simulate(arguments).status, Some(2), "{arguments:?}");
    }
    let told = lines(&simulate(&["--honest", "3", "--json"]));
    assert_eq!(told.last().unwrap()["worlds"], 3, "{told:?}");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.toml");
    let lan = include_str!("../../psk-chunking/scenarios/lan.toml");
    for (change, to, told) in [
        ("amount = 1000000", "amount = 0", "payments[0]: the amount is zero"),
        ("amount = 1000000", "amount = -1", "expected a whole number from 0 to 18446744073709551615"),
        ("amount = 1000000", "amount = 1\nvia = []", "the list has nothing in it: leave it out"),
        ("to = \"bob\"", "to = \"bbo\"", "payments[0]: there is no node \"bbo\""),
        ("ends = [\"hop\", \"bob\"]", "ends = [\"hop\", \"bbo\"]", "links[1]: there is no node \"bbo\""),
        ("ends = [\"hop\", \"bob\"]", "ends = [\"hop\", \"bob\", \"bob\"]", "a link has two ends, not 3"),
    ] {
        assert!(lan.contains(change), "{change}");
        std::fs::write(&file, lan.replace(change, to)).unwrap();
        let ending = simulate(&[file.to_str().unwrap()]);
        assert_eq!(ending.status, Some(2), "{ending:?}");
        assert!(ending.stderr.iter().any(|line| line.contains(told)), "{ending:?}");
    }
}

#[test]
fn a_run_that_went_wrong_is_told_with_its_seed_and_how_to_see_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.toml");
    let lan = include_str!("../../psk-chunking/scenarios/lan.toml");
    let wrong = lan.replace("expects = \"completes\"", "expects = \"fails\"");
    assert_ne!(wrong, lan);
    std::fs::write(&file, wrong).unwrap();
    let name = file.to_str().unwrap();
    let ending = simulate(&[name, "--seed", "5"]);
    assert_eq!((ending.status, ending.stderr.len()), (Some(1), 1), "{ending:?}");
    let line = &ending.stderr[0];
    let (begins, ends) =
        ("psk: lan with seed 5: payments[0]: ", format!("psk simulate --seed 5 --trace '{name}')"));
    assert!(line.starts_with(begins) && line.ends_with(&ends), "{line}");
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
    // It is known before the run, which is not told of.
    assert_eq!(ending.stdout.len(), 1, "{ending:?}");
    let error = lines(&ending)[0]["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("could not write the report "), "{error}");
    let folder = simulate(&["lan", "--report", folder.path().to_str().unwrap()]);
    assert_eq!((folder.status, folder.stdout.len()), (Some(1), 0), "{folder:?}");
    assert!(html.contains("<details>") && html.contains("capacity = 100000"), "the scenario stands in it");
}

#[test]
fn what_is_wrong_with_a_scenario_is_told_where_it_is() {
    let ending = simulate(&["liqudity"]);
    assert!(ending.stderr[0].contains("did you mean liquidity? there are random"), "{ending:?}");
    assert!(!simulate(&["nowhere"]).stderr[0].contains("did you mean"));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.toml");
    let name = file.to_str().unwrap();
    let world = "name = \"odd\"\n[network]\nhosts = [\"alice\", \"bob\"]\n[[network.links]]\n";
    std::fs::write(&file, format!("{world}ends = [\"alice\", \"bob\"]\nlatncy_us = 250\n")).unwrap();
    let ending = simulate(&[name]);
    assert_eq!(ending.status, Some(2), "{ending:?}");
    // As it stands there, with the caret under it.
    let place = |text: &str| ending.stderr.iter().find_map(|line| line.find(text)).unwrap();
    assert_eq!(place("latncy_us = 250"), place("^^^^"), "{ending:?}");
    let for_programs = simulate(&[name, "--json"]);
    assert_eq!((for_programs.stderr.len(), for_programs.stdout.len()), (1, 1), "{for_programs:?}");

    std::fs::write(&file, format!("{world}ends = [\"alice\", \"bbo\"]\n")).unwrap();
    let ending = simulate(&[name]);
    let told = r#"links[0]: there is no node "bbo""#;
    assert!(ending.stderr[0].ends_with(told), "{ending:?}");
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
