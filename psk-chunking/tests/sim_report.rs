//! The page about a run: whole, escaped, and right for odd runs too.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "common/page.rs"]
mod page;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use page::{assert_says, assert_well_formed, count, figure, page};
use psk_chunking::sim::{
    Expectation, Figure, Outcome, PauseConfig, PaymentConfig, RunOptions, Scenario, report, run, standard,
};
use psk_plugin::sim::{HopConfig, LinkConfig, NetworkConfig};

fn watched(scenario: &Scenario) -> Outcome {
    run(scenario, RunOptions { timeline: true, ..RunOptions::seed(1) }).unwrap()
}

fn line(hop: HopConfig) -> NetworkConfig {
    NetworkConfig {
        hosts: vec!["alice".to_owned(), "bob".to_owned()],
        links: vec![LinkConfig::new("alice", "hop", 10_000), LinkConfig::new("hop", "bob", 10_000)],
        connectors: vec![hop],
    }
}

fn scenario_of(payments: Vec<PaymentConfig>) -> Scenario {
    let network = line(HopConfig::new("hop"));
    Scenario { name: "odd".to_owned(), network, payments, ..Scenario::default() }
}

#[test]
fn every_payment_has_all_of_its_plots() {
    let scenario = standard::scenario("several").unwrap();
    let outcome = watched(&scenario);
    let html = page(&scenario, &outcome);
    let titles = [
        "Delivered, against",
        "Amount in flight",
        "Packets in flight",
        "Chunk size",
        "Rate interval",
        "Rejects by",
    ];
    for title in titles {
        assert_eq!(count(&html, &format!("<b>{title}")), 4, "{title}");
    }
    assert_eq!(count(&html, "class=\"curve best\""), 8, "a line for each ideal, and for each true rate");
    assert_eq!(count(&html, "<i class=\"line best\"></i>fair share"), 4);
    assert!(html.contains("if all of them began at once") && !html.contains("Nothing limits this path"));
    assert!(html.contains("All invariants held") && html.contains("from 500 ms on"));
    assert_eq!(count(&html, "<svg class=\"net\""), 1);
    // Points at 600 whiles at most for each line, and bars at 60.
    let timeline = outcome.timeline.as_ref().unwrap();
    for payment in 0..4 {
        let points = timeline.figure(payment, Figure::InFlight).len();
        assert!((30..=600).contains(&points), "{points}");
        let rejects: u64 = timeline.rejects(payment).values().flatten().map(|(_, count)| count).sum();
        assert_eq!(rejects, outcome.payments[payment].rejects_in_time().values().sum::<u64>());
    }
}

/// A run of a standard path, which several tests look at.
fn standard_run(name: &str) -> (Scenario, Outcome) {
    static RUNS: Mutex<BTreeMap<String, Outcome>> = Mutex::new(BTreeMap::new());
    let scenario = standard::scenario(name).unwrap();
    let known = RUNS.lock().unwrap().get(name).cloned();
    let outcome = known.unwrap_or_else(|| watched(&scenario));
    RUNS.lock().unwrap().insert(name.to_owned(), outcome.clone());
    (scenario, outcome)
}

#[test]
fn what_is_answered_after_the_end_is_counted_apart() {
    let (_, outcome) = standard_run("lossy-steady");
    let payment = &outcome.payments[0];
    assert!(payment.late_rejects["R00"] > 100, "{:?}", payment.late_rejects);
    assert_eq!(payment.rejects["R00"], payment.late_rejects["R00"]);
    assert!(!payment.rejects_in_time().contains_key("R00"));
    let ended = payment.starts_at + payment.took;
    assert!(outcome.last_event > ended + Duration::from_secs(1), "{:?}", outcome.last_event);
    let timeline = outcome.timeline.as_ref().unwrap();
    let seen = timeline.rejects(0).into_iter().map(|(code, bars)| {
        let count: u64 = bars.iter().map(|(_, count)| count).sum();
        (code, count)
    });
    assert_eq!(seen.collect::<psk_chunking::sim::Rejects>(), payment.rejects_in_time());
    let moments = timeline.moments(0);
    assert_eq!(moments.ended, Some(ended));
    assert!(moments.first_chunk < moments.last_chunk && moments.last_chunk < moments.last_answer);
    assert!(moments.by_word > 0, "answers were lost");
}

#[test]
fn what_comes_back_and_what_attackers_got_is_known() {
    let (_, refund) = standard_run("refund");
    let payment = &refund.payments[0];
    assert!(payment.received > 1_000_000 && payment.paid_back == payment.received);
    assert_eq!(payment.left_with_receiver(), 0);
    let refunded = refund.timeline.as_ref().unwrap().figure(0, Figure::Refunded);
    let account = payment.report.as_ref().unwrap().account;
    assert_eq!(refunded.last().unwrap().1.last, account.refunded.units().into());

    let (_, outcome) = standard_run("sender-duplicate-sequences");
    let attack = &outcome.attacks[0];
    assert_eq!((attack.from.as_str(), attack.sent), ("mallory", 2_000));
    assert_eq!(attack.fulfilled + attack.rejects.values().sum::<u64>(), 2_000, "{attack:?}");
    assert!(attack.fulfilled <= 1_000 && attack.rejects["F99"] > 0, "{attack:?}");
}

#[test]
fn the_best_course_follows_the_cycle_of_the_liquidity() {
    let (_, outcome) = standard_run("burst");
    let (payment, course) = (&outcome.payments[0], &outcome.payments[0].ideal_course);
    let at = |seconds: u64| {
        let time = Duration::from_secs(seconds);
        course.iter().take_while(|(at, _)| *at <= time).last().unwrap().1
    };
    // A million per second at first, then half of that.
    assert!(at(5) - at(1) > 3_500_000 && at(9) - at(6) < 2_000_000, "{course:?}");
    assert_eq!(course.last(), Some(&(payment.ideal - payment.round_trip / 2, 40_000_000)));
}

#[test]
fn every_standard_path_has_a_page() {
    for name in [
        "hop-r00",
        "hop-swallows",
        "receiver-over-claims",
        "sender-replays",
        "drift-step",
        "crossrate-up",
        "twopath",
    ] {
        let scenario = standard::scenario(name).unwrap();
        page(&scenario, &watched(&scenario));
    }
    let hostile = standard::scenario("hop-r00").unwrap();
    let html = page(&hostile, &watched(&hostile));
    assert!(html.contains("class=\"hop bad\"") && html.contains("in doubt"), "what harms is marked");
}

#[test]
fn text_of_files_stays_text() {
    let mut scenario = scenario_of(vec![PaymentConfig::new("alice", "bob", 1_000)]);
    scenario.name = "<script>alert('name')</script>".to_owned();
    scenario.about = "a \"quoted\" & <b>bold</b>\u{1b}[2J\u{0} line".to_owned();
    scenario.expects = Expectation::Fails;
    let outcome = watched(&scenario);
    let html = page(&scenario, &outcome);
    assert!(html.contains("&lt;script&gt;alert(&#39;name&#39;)&lt;/script&gt;"));
    assert!(html.contains("completed, which cannot be") && html.contains("Something was wrong"));
    assert!(!report::summary(&scenario, &outcome, 80).contains('\u{1b}'));
}

#[test]
fn odd_runs_have_pages_too() {
    let none = scenario_of(vec![]);
    let html = page(&none, &watched(&none));
    assert!(html.contains("no payments in this scenario"));
    assert_eq!(report::plot(&none, &watched(&none), 80), "");

    // Over before anything was sent.
    let at_once = PaymentConfig { timeout_ms: Some(0), ..PaymentConfig::new("alice", "bob", 1) };
    let nothing = scenario_of(vec![at_once]);
    let outcome = watched(&nothing);
    assert_eq!(outcome.timeline.as_ref().unwrap().figure(0, Figure::InFlight).len(), 1);
    page(&nothing, &outcome);
    report::plot(&nothing, &outcome, 80);

    let late = PaymentConfig { starts_at_ms: 60_000, ..PaymentConfig::new("alice", "bob", 1_000) };
    let late = scenario_of(vec![PaymentConfig::new("alice", "bob", 1_000), late]);
    let html = page(&late, &watched(&late));
    assert!(html.contains("from 60 s on"));

    // It never ended, and never started.
    let mut outcome = watched(&late);
    outcome.payments[0].report = None;
    outcome.payments[1].ideal = Duration::MAX;
    let html = page(&late, &outcome);
    assert!(html.contains("did not end") && html.contains("no ideal to compare") && html.contains("never"));
    outcome.timeline = None;
    assert!(page(&late, &outcome).contains("No timeline was kept"));
}

#[test]
fn amounts_at_the_end_of_64_bits_fit_on_the_page() {
    for (payment, amount) in [
        (PaymentConfig::new("alice", "bob", u64::MAX), "18,446,744,073,709,551,615"),
        (PaymentConfig::delivering("alice", "bob", u64::MAX - 1), "18,446,744,073,709,551,614"),
    ] {
        let units = payment.amount;
        let scenario = scenario_of(vec![payment]);
        let outcome = watched(&scenario);
        assert_eq!(outcome.payments[0].received, units.into(), "{outcome}");
        let html = page(&scenario, &outcome);
        assert!(html.contains(amount));
        assert!(report::plot(&scenario, &outcome, 80).contains("18.4E"));
    }
}

#[test]
fn rejects_are_counted_once_and_explained() {
    let (scenario, outcome) = standard_run("lossy-steady");
    let html = page(&scenario, &outcome);
    let late = outcome.payments[0].late_rejects["R00"];
    let rejects = figure(&html, "Rejects by code");
    assert_says(
        &html,
        &[&format!("R00</abbr> {late} after its end"), "the payment ended at ", "the last event was at "],
    );
    assert_says(
        rejects,
        &[
            "T04 means that",
            "R00 means that",
            "came after its end (",
            &format!("R00 {late})"),
            "packets per ",
        ],
    );
    assert!(!rejects.contains("R00 timed out") && !rejects.contains("T05 means"));
    // A spike does not hide the rest: it is cut and has its number.
    assert_says(rejects, &["▲ ", "Bars beyond the upper edge"]);
    // One code, one colour, wherever it is.
    let (scenario, outcome) = standard_run("busy");
    let busy = page(&scenario, &outcome);
    for html in [&html, &busy] {
        assert_says(html, &["<i class=\"box c1\"></i><b>F08</b>", "<i class=\"box c4\"></i><b>T05</b>"]);
    }
    assert_says(figure(&busy, "Rejects by code"), &["<i class=\"box c4\"></i>T05 too many packets"]);
    assert_says(figure(&html, "Rejects by code"), &["<i class=\"box c2\"></i>T04 no liquidity"]);
}

#[test]
fn a_rate_that_moves_is_seen_and_told() {
    let (scenario, outcome) = standard_run("drift-recovery");
    let html = page(&scenario, &outcome);
    assert_says(
        &html,
        &[
            "and moves: ×0.97 from 4 s on, slowly to ×1 from 12 s to 14 s",
            "rate ×0.97 to ×1",
            "1 % below the first",
        ],
    );
    assert_says(
        &html,
        &[
            "Meanwhile the network changes: the rate of hop: ×0.97 from 4 s on",
            "nothing was delivered: packets were rejected (",
        ],
    );
    let rates = figure(&html, "Rate interval");
    assert_says(
        rates,
        &["true rate", ">0.97</span>", ">1</span>", "class=\"mark change\"", "<rect class=\"change\""],
    );
    let (scenario, outcome) = standard_run("burst");
    let html = page(&scenario, &outcome);
    assert_eq!(count(figure(&html, "Delivered"), "class=\"mark change\""), 7, "every five seconds");
    let (scenario, outcome) = standard_run("twopath");
    let two = ["true rate over cheap", "true rate over dear", "<path class=\"curve best dots\""];
    assert_says(&page(&scenario, &outcome), &two);
    let (scenario, outcome) = standard_run("owed");
    assert_says(&page(&scenario, &outcome), &["what is owed is paid, every 500 ms"]);
    // Numbers that are too long for the axis count from the first one, and have room.
    let (scenario, outcome) = standard_run("crossrate-up");
    assert!(scenario.about.starts_with("1 source unit is"));
    let html = page(&scenario, &outcome);
    assert_says(
        figure(&html, "Rate interval"),
        &[", above 1,000</span>", ">+0</span>", "style=\"grid-template-columns:"],
    );
}

#[test]
fn a_refund_is_told_and_drawn() {
    let (scenario, outcome) = standard_run("refund");
    let html = page(&scenario, &outcome);
    assert_says(
        &html,
        &[
            "the payment fails and is refunded. It did.",
            "in 5 s at most",
            "so 0 is left with it",
            "for the refund",
        ],
    );
    assert_says(
        &html,
        &["paid back by the receiver", "left with the receiver", "came back, in source units"],
    );
    let back = figure(&html, "Came back");
    assert_says(back, &["</i>came back", "gave up at 5 s</b>"]);
    // What failed is not compared with the ideal.
    assert_says(&html, &["time over ideal, if completed</th><td>–</td>"]);
    // The ideal goes on beyond the axis at its slope: two fifths of it are there when the time is over.
    assert_eq!(count(figure(&html, "Delivered"), ">20M</span>"), 0);
    let summary = report::summary(&scenario, &outcome, 80);
    assert_says(&summary, &["left there", "came back"]);
    let (scenario, outcome) = standard_run("wan");
    let html = page(&scenario, &outcome);
    assert_says(&html, &["Expected: the payment completes. It did."]);
    assert!(!html.contains("came back, in source units") && !html.contains("<b>Came back"));
}

#[test]
fn what_attackers_got_is_told_and_the_payment_has_its_own_axis() {
    let (scenario, outcome) = standard_run("sender-duplicate-sequences");
    let html = page(&scenario, &outcome);
    assert_says(
        &html,
        &["<b>mallory</b> attacks: 2,000 packets sent; fulfilled 1,000, rejected with F99 1,000."],
    );
    let summary = report::summary(&scenario, &outcome, 80);
    assert_says(&summary, &["mallory attacks: 2,000 packets"]);
    // The payment is over long before the attack.
    assert!(
        outcome.last_event > Duration::from_secs(1) && outcome.payments[0].took < Duration::from_millis(200)
    );
    let delivered = figure(&html, "Delivered");
    assert!(delivered.contains(">100 ms</span>") && !delivered.contains(">1 s</span>"), "{delivered}");
    // And its last step is not on the frame.
    let last = delivered.split(">100 ms</span>").next().unwrap().rsplit("left:").next().unwrap();
    assert!(last.starts_with("97."), "{last}");
    let late = PaymentConfig { starts_at_ms: 60_000, ..PaymentConfig::new("alice", "bob", 1_000) };
    let late = scenario_of(vec![late]);
    let html = page(&late, &watched(&late));
    assert_says(figure(&html, "Delivered"), &[">60.02 s</span>"]);
}

#[test]
fn what_is_beyond_the_edge_and_what_is_pale_is_in_the_legend() {
    let (scenario, outcome) = standard_run("lossy-steady");
    let html = page(&scenario, &outcome);
    let packets = figure(&html, "Packets in flight");
    assert!(!packets.contains("window: at most so many"), "no line, no entry");
    assert_says(
        packets,
        &["<li>window 1.02k to ", ", beyond the edge</li>", "</i>pale: from the least to the most in "],
    );
    assert_says(
        packets,
        &["<span class=\"peak left c1\"", "</i>probes only", "<rect class=\"probing\"", "virtual time"],
    );
    assert_says(figure(&html, "Delivered"), &["<path class=\"curve c2 wide\"", "destination units</span>"]);
    assert_says(figure(&html, "Chunk size"), &[">200</span>", ">1k</span>", "at most 1k source units"]);
}

#[test]
fn a_page_says_where_the_time_went_and_what_words_mean() {
    let (scenario, outcome) = standard_run("lossy-steady");
    let html = page(&scenario, &outcome);
    let by_word = outcome.timeline.as_ref().unwrap().moments(0).by_word;
    let parts =
        ["The first chunk was sent after ", "The last chunk was sent at 4.", " went into finding the path, "];
    assert_says(&html, &parts);
    assert_says(&html, &[&format!("To {by_word} chunks no answer came")]);
    assert_says(&html, &["One source unit is 10^-9 XRP, one destination unit 10^-9 XRP.", "href=\"#words\""]);
    for word in
        ["Fulfill, Reject", "Spread", "Liquidity", "Quote", "Slippage", "1 source unit", "Codes of Rejects"]
    {
        assert_says(&html, &[&format!("<dt>{word}</dt>")]);
    }
    let over = outcome.payments[0].over_ideal().unwrap();
    assert_says(&html, &[&format!("{}.{:02} ×", over / 1_000, (over % 1_000 + 5) / 10)]);
    assert_says(&html, &[&format!("Made by psk {}.", env!("CARGO_PKG_VERSION"))]);
    let with_file = report::html(&scenario, &outcome, Some("name = \"<lossy>\""));
    assert_well_formed(&with_file);
    assert_says(&with_file, &["<details><summary>", "name = &quot;&lt;lossy&gt;&quot;"]);
}

#[test]
fn texts_of_links_between_rows_do_not_stand_upon_each_other() {
    let mut slanted =
        LinkConfig { request_loss_ppm: 5_000, reply_loss_ppm: 1, ..LinkConfig::new("alice", "two", 5) };
    slanted.late_reply_ppm = 1;
    slanted.repeat_ppm = 1;
    let network = NetworkConfig {
        hosts: ["alice", "carol", "bob"].map(str::to_owned).to_vec(),
        connectors: vec![HopConfig::new("one"), HopConfig::new("two")],
        links: vec![
            LinkConfig::new("alice", "one", 7_000),
            slanted,
            LinkConfig::new("carol", "two", 9_000),
            LinkConfig::new("one", "bob", 1_000),
            LinkConfig::new("two", "bob", 1_000),
        ],
    };
    let payments = vec![PaymentConfig::new("alice", "bob", 1_000), PaymentConfig::new("carol", "bob", 1_000)];
    let scenario = Scenario { name: "rows".to_owned(), network, payments, ..Scenario::default() };
    let html = page(&scenario, &watched(&scenario));
    let height = |text: &str| -> f64 {
        let before = html.split(&format!(">{text}</text>")).next().unwrap();
        before.rsplit(" y=\"").next().unwrap().split('"').next().unwrap().parse().unwrap()
    };
    assert!(height("9 ms") - height("repeats, reorders") >= 12.0, "a line of text is 13 high");
}

#[test]
fn a_pause_is_told_as_what_it_was() {
    let mut scenario = standard::scenario("wan").unwrap();
    let hop = &mut scenario.network.connectors[0];
    hop.packet_rate = Some(psk_plugin::sim::PacketRateConfig { per_second: 100, burst: 1 });
    let pause = PauseConfig { at_ms: 1_000, for_ms: 5_000 };
    scenario.payments[0].pauses = vec![pause];
    let html = page(&scenario, &watched(&scenario));
    assert_says(&html, &["nothing was delivered: the sender paused it"]);
}

#[test]
fn captions_hold_of_the_run_they_stand_below() {
    let (scenario, outcome) = standard_run("wan");
    let wan = page(&scenario, &outcome);
    assert_says(
        &wan,
        &[
            "Nothing limits this path",
            "The line stays below the window",
            "No packet was rejected for lack of liquidity",
            "packets of at most 10",
        ],
    );
    let (scenario, outcome) = standard_run("liquidity");
    let html = page(&scenario, &outcome);
    assert_says(
        &html,
        &["all that the limits of the path let through", "were (T04)", "No connector of the path limits"],
    );
    let (scenario, outcome) = standard_run("busy");
    assert_says(
        &page(&scenario, &outcome),
        &["This window is cut when packets come too fast", "The path takes packets of at most"],
    );
    let (scenario, outcome) = standard_run("drift-recovery");
    let packets = page(&scenario, &outcome);
    assert_says(figure(&packets, "Packets in flight"), &["their number is what limits the payment"]);
    assert_says(figure(&page(&scenario, &outcome), "Rate interval"), &["which then started anew"]);
    let (scenario, outcome) = standard_run("twopath");
    let two = page(&scenario, &outcome);
    assert_says(figure(&two, "Rate interval"), &["those of one path"]);
}

#[test]
fn whatever_is_said_of_a_node_has_room_and_names_are_shortened() {
    let name = "market-maker-with-a-very-long-name";
    let error = |code: &str| psk_plugin::sim::ErrorConfig { code: code.to_owned(), share_ppm: 1_000 };
    let hop = HopConfig {
        spread_ppm: 2_000,
        max_packet_amount: Some(1_000),
        strips_fulfill_data: true,
        packet_rate: Some(psk_plugin::sim::PacketRateConfig { per_second: 1_000, burst: 100 }),
        errors: vec![error("T00"), error("T01"), error("T02"), error("T03"), error("F00"), error("F01")],
        ..HopConfig::new(name)
    };
    let mut network = line(hop);
    for link in &mut network.links {
        link.ends = link.ends.clone().map(|end| if end == "hop" { name.to_owned() } else { end });
    }
    let payments = vec![PaymentConfig::new("alice", "bob", 10_000)];
    let scenario = Scenario { name: "odd".to_owned(), network, payments, ..Scenario::default() };
    let html = page(&scenario, &watched(&scenario));
    let drawing = html.split("class=\"net\"").nth(1).unwrap().split("</svg>").next().unwrap();
    assert_says(drawing, &["market-make…", &format!("<title>{name}</title>")]);
    let height: f64 =
        drawing.split("viewBox=\"0 0 ").nth(1).unwrap().split([' ', '"']).nth(1).unwrap().parse().unwrap();
    let lowest =
        drawing.split(" y=\"").skip(1).map(|text| text.split('"').next().unwrap().parse::<f64>().unwrap());
    let lowest = lowest.fold(0.0, f64::max);
    assert!(lowest > 120.0 && lowest < height - 2.0, "{lowest} of {height}");
    // What harms stands first.
    let place = |fact: &str| drawing.find(fact).unwrap_or_else(|| panic!("no {fact}: {drawing}"));
    assert!(place("T00 for") < place("keeps 0.2 %") && place("drops answers") < place("keeps 0.2 %"));
    assert_says(&html, &["<div class=\"wide scrolls\">", "min-width:630px"]);
}

#[test]
fn a_row_of_connectors_with_much_to_say_is_wide() {
    let names = ["alice", "one", "two", "three", "four", "bob"];
    let hop =
        |name: &&str| HopConfig { spread_ppm: 123_456, strips_fulfill_data: true, ..HopConfig::new(*name) };
    let faulty =
        |ends: &[&str]| LinkConfig { request_loss_ppm: 1_234, ..LinkConfig::new(ends[0], ends[1], 5) };
    let network = NetworkConfig {
        hosts: vec!["alice".to_owned(), "bob".to_owned()],
        connectors: names[1..5].iter().map(hop).collect(),
        links: names.windows(2).map(faulty).collect(),
    };
    let payments = vec![PaymentConfig::new("alice", "bob", 1_000)];
    let scenario = Scenario { name: "row".to_owned(), network, payments, ..Scenario::default() };
    let html = page(&scenario, &watched(&scenario));
    let width = html.split("class=\"net\" viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap();
    // Of 22 and 19 letters, five times.
    assert!(width.parse::<u32>().unwrap() > 175 + 5 * 240, "{width}");
}

/// The contrast of two colours, as WCAG has it.
#[expect(clippy::float_arithmetic, reason = "it is defined by powers that are not whole")]
fn contrast(one: &str, other: &str) -> f64 {
    let light = |colour: &str| {
        let part = |at: usize| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        let linear =
            |part: f64| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
        0.2126 * linear(part(1)) + 0.7152 * linear(part(3)) + 0.0722 * linear(part(5))
    };
    let (one, other) = (light(one), light(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_colour_can_be_read_on_its_ground() {
    let (scenario, outcome) = standard_run("wan");
    let html = page(&scenario, &outcome);
    let themes: Vec<&str> =
        html.split(":root {").skip(1).take(2).map(|text| text.split('}').next().unwrap()).collect();
    for theme in themes {
        let value = |name: &str| theme.split(&format!("{name}: ")).nth(1).unwrap().split(';').next().unwrap();
        let full = |colour: &str| match colour.len() {
            4 => colour
                .chars()
                .flat_map(|letter| if letter == '#' { vec!['#'] } else { vec![letter; 2] })
                .collect(),
            _ => colour.to_owned(),
        };
        let ground = full(value("--bg"));
        for place in 1..=11 {
            let colour = full(value(&format!("--c{place}")));
            assert!(contrast(&colour, &ground) >= 4.5, "c{place} {colour} on {ground}");
        }
    }
}
