//! The quotes of every published JS version, asked of `psk receive`.

mod support;

use support::*;

#[test]
fn by_source_and_by_destination_amount() {
    with_peers(|scenario| {
        let mut accounts = Accounts::start(scenario, json!({}));
        let receiver = PskReceiver::start(scenario, &accounts.right("bob"), &[]);
        // What the packages make of 1,000 units that they probe with.
        for ((numerator, denominator), by_source, by_destination) in
            [(("3", "2"), "15000", "6667"), (("37", "100"), "3700", "27028")]
        {
            accounts.set(json!({"rate": {"numerator": numerator, "denominator": denominator}}));
            for version in VERSIONS {
                let quote = |options| {
                    scenario.npm_result(version, &accounts.left("alice"), &receiver.credentials(), options)
                };
                let quoted = quote(json!({"method": "quoteSourceAmount", "source_amount": "10000"}));
                assert_eq!(text(&quoted["destination_amount"]), by_source, "{version}");
                let quoted =
                    quote(json!({"method": "quoteDestinationAmount", "destination_amount": "10000"}));
                assert_eq!(text(&quoted["source_amount"]), by_destination, "{version}");
            }
        }
        assert_eq!(accounts.received("test.right.bob"), 0);
        // Quotes leave no payments behind.
        let rest = receiver.stop();
        assert!(rest.json().iter().all(|line| line["event"] != "payment_finished"), "{rest:?}");
    });
}
