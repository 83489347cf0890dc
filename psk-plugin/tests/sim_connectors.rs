//! What honest connectors of the simulated network do to packets.

mod sim_support;

use std::time::Duration;

use psk_plugin::sim::{
    ConfigError, CurveConfig, CurvePoint, ErrorConfig, HopConfig, LinkConfig, LiquidityConfig, LiquidityStep,
    NetworkConfig, PacketRateConfig, TooLargeAnswer, World,
};
use sim_support::{Ended, Party, details, every_millisecond, line, run};

fn hop() -> HopConfig {
    HopConfig::new("hop")
}

fn through(hop: HopConfig, plan: impl IntoIterator<Item = (Duration, u64)>) -> Ended {
    run(&line(vec![hop]), Party::sends(plan), Party::answers(true), 1)
}

fn outcomes(ended: &Ended) -> Vec<(String, usize)> {
    ended.alice().outcomes().into_iter().collect()
}

#[test]
fn spread_is_taken_off_exactly_and_rounded_down() {
    let ended = through(HopConfig { spread_ppm: 2_000, ..hop() }, every_millisecond(1, 1_499));
    assert_eq!(ended.moved(), (1_499, 1_496), "1,496.002");
}

#[test]
fn packets_above_the_maximum_are_answered_as_configured() {
    let answers = [
        (TooLargeAnswer::F08, Some((1_001, 1_000))),
        (TooLargeAnswer::F08Empty, None),
        (TooLargeAnswer::F08ZeroZero, Some((0, 0))),
        (TooLargeAnswer::F08ZeroOne, Some((0, 1))),
        (TooLargeAnswer::F08OneOne, Some((1, 1))),
        (TooLargeAnswer::F08Greatest, Some((1_001, u64::MAX))),
        (TooLargeAnswer::T04, None),
    ];
    for (too_large, expected) in answers {
        let hop = HopConfig { max_packet_amount: Some(1_000), too_large, ..hop() };
        let ended = through(hop, [(Duration::ZERO, 1_000), (Duration::ZERO, 1_001)]);
        let code = if too_large == TooLargeAnswer::T04 { "T04" } else { "F08" };
        assert_eq!(outcomes(&ended), [(code.to_owned(), 1), ("fulfilled".to_owned(), 1)]);
        let rejected = ended.alice().replies.iter().find(|(tag, ..)| *tag == 1).unwrap();
        assert_eq!(details(&rejected.2), expected, "{too_large:?}");
    }
}

#[test]
fn liquidity_runs_out_and_comes_back() {
    let liquidity = LiquidityConfig { capacity: 1_000, per_second: 100_000, cycle: vec![] };
    let hop = HopConfig { liquidity: Some(liquidity), ..hop() };
    // 100 units come in each millisecond, 200 are asked for, after a reserve of 1,000.
    let ended = through(hop, every_millisecond(1_000, 200));
    let fulfilled = ended.alice().outcomes()["fulfilled"];
    assert!((500..=506).contains(&fulfilled), "{fulfilled}");
    assert_eq!(ended.alice().outcomes()["T04"], 1_000 - fulfilled);
}

#[test]
fn liquidity_follows_its_schedule() {
    let step = |per_second| LiquidityStep { for_ms: 1_000, per_second };
    let cycle = vec![step(100_000), step(50_000)];
    let liquidity = LiquidityConfig { capacity: 100, per_second: 0, cycle };
    let hop = HopConfig { liquidity: Some(liquidity), ..hop() };
    let ended = through(hop, every_millisecond(4_000, 100));
    let in_second = |second: u64| {
        let requests = ended.bob().requests.iter();
        requests.filter(|(number, ..)| number / 1_000 == second).count()
    };
    let passed = [in_second(0), in_second(1), in_second(2), in_second(3)];
    assert!(passed[0] > 990 && passed[2] > 990, "{passed:?}");
    assert!((495..=505).contains(&passed[1]) && (495..=505).contains(&passed[3]), "{passed:?}");
}

#[test]
fn packets_that_come_too_fast_are_rejected() {
    let packet_rate = Some(PacketRateConfig { per_second: 150, burst: 10 });
    let ended = through(HopConfig { packet_rate, ..hop() }, every_millisecond(1_000, 1));
    assert_eq!(outcomes(&ended), [("T05".to_owned(), 841), ("fulfilled".to_owned(), 159)]);
}

#[test]
fn rates_follow_their_curve() {
    let curve = vec![CurvePoint { at_ms: 0, ppm: 1_000_000 }, CurvePoint { at_ms: 1_000, ppm: 900_000 }];
    let rate = CurveConfig { from: "EUR".into(), to: "USD".into(), rate: "1.25".parse().unwrap(), curve };
    let mut network = line(vec![HopConfig { rates: vec![rate], ..hop() }]);
    network.links[0] = network.links[0].clone().with_asset("EUR", 2);
    network.links[1] = network.links[1].clone().with_asset("USD", 2);
    let plan = [0, 490, 990, 5_000].map(|millis| (Duration::from_millis(millis), 10_000));
    let ended = run(&network, Party::sends(plan), Party::answers(true), 1);
    let arrived: Vec<u64> = ended.bob().requests.iter().map(|request| request.2.units()).collect();
    assert_eq!(arrived, [12_487, 11_875, 11_250, 11_250], "10 ms after they were sent");
}

#[test]
fn what_rounds_to_nothing_is_too_small() {
    let rates = vec![CurveConfig {
        from: "XRP".into(),
        to: "XRP".into(),
        rate: "0.001".parse().unwrap(),
        curve: vec![],
    }];
    let plan = [(Duration::ZERO, 999), (Duration::ZERO, 1_000)];
    let ended = through(HopConfig { rates, ..hop() }, plan);
    assert_eq!(outcomes(&ended), [("R01".to_owned(), 1), ("fulfilled".to_owned(), 1)]);
}

#[test]
fn expiries_are_shortened_and_too_short_ones_refused() {
    let network = line(vec![HopConfig::new("one"), HopConfig::new("two")]);
    let with_life = |millis| {
        let alice = Party::sends(every_millisecond(1, 5)).living(Duration::from_millis(millis));
        run(&network, alice, Party::answers(true), 1).alice().outcomes()
    };
    // A second for each connector, as much left at each, and 20 ms on the way.
    assert!(with_life(3_020).contains_key("fulfilled"));
    assert!(with_life(3_019).contains_key("R02"));
}

#[test]
fn errors_come_by_their_share() {
    let errors = vec![ErrorConfig { code: "T00".into(), share_ppm: 100_000 }];
    let ended = through(HopConfig { errors, ..hop() }, every_millisecond(10_000, 1));
    let errors = ended.alice().outcomes()["T00"];
    assert!((900..1_100).contains(&errors), "{errors}");
}

#[test]
fn descriptions_that_make_no_sense_are_refused() {
    let refused = |change: fn(&mut NetworkConfig)| {
        let mut network = line(vec![hop()]);
        change(&mut network);
        World::new(&network, 1).unwrap_err().problem().clone()
    };
    assert_eq!(refused(|network| network.hosts.push("bob".into())), ConfigError::NameTaken("bob".into()));
    assert_eq!(refused(|network| network.hosts.push("b.c".into())), ConfigError::Name("b.c".into()));
    assert_eq!(refused(|network| network.hosts.push("b c".into())), ConfigError::Name("b c".into()));
    let loops = refused(|network| network.links.push(LinkConfig::new("hop", "hop", 0)));
    assert_eq!(loops, ConfigError::Loop("hop".into()));
    let unknown = refused(|network| network.links[0].ends[0] = "carol".into());
    assert_eq!(unknown, ConfigError::UnknownNode("carol".into()));
    let share = refused(|network| network.links[0].repeat_ppm = 1_000_001);
    assert_eq!(share, ConfigError::Share { what: "repeat_ppm" });
    let rate = refused(|network| network.links[0].asset = "EUR".into());
    assert!(matches!(rate, ConfigError::Rate { .. }), "{rate}");
}

/// Alice, a hop with these settings, bob; and what is said about it.
fn told(hop: &str, ends: &str) -> String {
    let network = format!(
        r#"
        hosts = ["alice", "bob"]
        links = [{{ ends = ["alice", "hop"] }}, {{ ends = {ends} }}]
        [[connectors]]
        name = "hop"
        {hop}
        "#
    );
    let network: Result<NetworkConfig, _> = toml::from_str(&network);
    let network = match network {
        Ok(network) => network,
        Err(error) => return error.message().to_owned(),
    };
    World::new(&network, 1).map_or_else(|error| error.to_string(), |_| "nothing".to_owned())
}

#[test]
fn settings_that_could_only_be_ignored_are_refused_with_their_place() {
    let hop = |settings: &str| told(settings, r#"["hop", "bob"]"#);
    assert_eq!(hop("spread_ppm = 1"), "nothing");
    for code in ["", "T0", "T00000", "T 0", "Té", "t00", "X00", "T0A"] {
        let told = hop(&format!("errors = [{{ code = \"{code}\", share_ppm = 1 }}]"));
        assert!(
            told.starts_with("connector \"hop\": code of errors: ") && told.contains("no error code"),
            "{told}"
        );
    }
    let error = |code, share| format!("{{ code = \"{code}\", share_ppm = {share} }}");
    let errors = |share| hop(&format!("errors = [{}, {}]", error("T00", 600_000), error("R42", share)));
    assert_eq!(errors(400_000), "nothing");
    assert_eq!(
        errors(400_001),
        "connector \"hop\": the sum of the share_ppm of errors is more than 1000000 parts per million"
    );
    let too_large = "too_large = \"t04\"";
    assert_eq!(hop(too_large), "connector \"hop\": too_large: no packet is, without max_packet_amount");
    assert_eq!(hop(&format!("{too_large}\nmax_packet_amount = 5")), "nothing");
    let rate = |more: &str| hop(&format!("rates = [{{ from = \"XRP\", to = \"XRP\", rate = 2 }}, {more}]"));
    assert_eq!(rate(r#"{ from = "XRP", to = "EUR", rate = 2 }"#), "nothing", "of assets that nobody has");
    assert_eq!(
        rate(r#"{ from = "XRP", to = "XRP", rate = 3 }"#),
        "connector \"hop\": rates: that from XRP to XRP is given twice"
    );
    let curve = |points: &str| {
        hop(&format!("rates = [{{ from = \"XRP\", to = \"XRP\", rate = 2, curve = [{points}] }}]"))
    };
    assert_eq!(curve("{ at_ms = 5, ppm = 1 }, { at_ms = 5, ppm = 2 }"), "nothing");
    assert_eq!(curve(""), "the list has nothing in it: leave it out");
    let cycle = hop("liquidity = { capacity = 1, per_second = 1, cycle = [] }");
    assert_eq!(cycle, "the list has nothing in it: leave it out");
    let told = curve("{ at_ms = 5, ppm = 1 }, { at_ms = 4, ppm = 2 }");
    assert!(told.ends_with("curve of rates: that from XRP to XRP has times that fall"), "{told}");
    let cycle = "liquidity = { capacity = 1, per_second = 1, cycle = [{ for_ms = 0, per_second = 1 }] }";
    assert_eq!(hop(cycle), "connector \"hop\": for_ms in the cycle of liquidity: it is not zero");
    let burst = hop("packet_rate = { burst = 0, per_second = 1 }");
    assert_eq!(burst, "connector \"hop\": burst of packet_rate: it is at least 1");
    assert!(
        hop("processing_us = 9000000000000000000").contains("processing_us is more than a hundred years")
    );
}

#[test]
fn links_that_join_no_two_nodes_are_refused_with_their_place() {
    let link = |ends| told("", ends);
    assert_eq!(link(r#"["hop", "bob", "alice"]"#), "a link has two ends, not 3");
    assert_eq!(link(r#"["hop"]"#), "a link has two ends, not 1");
    assert_eq!(link(r#"["hop", "zed"]"#), "links[1]: there is no node \"zed\"");
    assert_eq!(link(r#"["hop", "hop"]"#), "links[1]: a link joins \"hop\" to itself");
    for again in [r#"["hop", "alice"]"#, r#"["alice", "hop"]"#] {
        assert!(
            link(again).starts_with("links[1]: ends: \"")
                && link(again).ends_with("have a link already, links[0]")
        );
    }
    let faulty = LinkConfig { late_reply_ppm: 1_000_001, ..LinkConfig::new("hop", "bob", 0) };
    let mut network = line(vec![hop()]);
    network.links[1] = faulty;
    let told = World::new(&network, 1).unwrap_err().to_string();
    assert_eq!(told, "links[1]: late_reply_ppm is more than 1000000 parts per million");
}

#[test]
fn settings_of_a_link_that_need_another_one_are_refused_without_it() {
    let told = |settings: &str| {
        let link = format!("ends = [\"alice\", \"bob\"]\n{settings}");
        let network: Result<NetworkConfig, _> =
            toml::from_str(&format!("hosts = [\"alice\", \"bob\"]\n[[links]]\n{link}"));
        World::new(&network.unwrap(), 1).map_or_else(|error| error.to_string(), |_| "nothing".to_owned())
    };
    assert_eq!(told("reorder_ppm = 1\nreorder_us = 1"), "nothing");
    assert_eq!(
        told("reorder_ppm = 1"),
        "links[0]: reorder_ppm: reorder_us is missing, how much longer those packets travel"
    );
    assert_eq!(
        told("reorder_us = 1"),
        "links[0]: reorder_us: reorder_ppm is missing, the share of packets that may be overtaken"
    );
    let late = "links[0]: late_by_us: nothing is late without late_request_ppm or late_reply_ppm";
    assert_eq!(told("late_by_us = 1"), late);
    assert_eq!(told("late_by_us = 1\nlate_reply_ppm = 1"), "nothing");
    assert_eq!(told("late_by_us = 1\nlate_request_ppm = 1"), "nothing");
}
