//! Whether a scenario makes sense beside its network: what could only be ignored, or could never be, is refused, and where
//! it stands is told.

use std::time::Duration;

use psk_plugin::sim::{HostId, World};

use super::run::{RunError, TIME_LIMIT, paths_of};
use super::scenario::{AttackConfig, PaymentConfig, ReceiverConfig, Scenario};
use crate::send::PathPolicy;

/// Of the data of one payment, which is made in memory.
const MOST_OCTETS: u64 = 1_000_000_000;
const MILLION: u32 = 1_000_000;

type Refused = Result<(), String>;

/// Refuses a scenario that makes no sense on a network that does.
pub(super) fn check(scenario: &Scenario, world: &World) -> Result<(), RunError> {
    for (place, payment) in scenario.payments.iter().enumerate() {
        let checked = payment_of(scenario, payment, world);
        checked.map_err(|problem| refused(format!("payments[{place}]"), problem))?;
    }
    for (place, attack) in scenario.attacks.iter().enumerate() {
        let checked = attack_of(scenario, place, attack, world);
        checked.map_err(|problem| refused(format!("attacks[{place}]"), problem))?;
    }
    for name in scenario.lies.keys() {
        receives(scenario, name, world).map_err(|problem| refused("lies".to_owned(), problem))?;
    }
    for (name, receiver) in &scenario.receivers {
        let checked = receives(scenario, name, world).and_then(|()| receiver_of(receiver));
        checked.map_err(|problem| refused(format!("receivers.{name}"), problem))?;
    }
    Ok(())
}

fn refused(place: String, problem: String) -> RunError {
    RunError::Scenario { place, problem }
}

fn holds(sound: bool, problem: &str) -> Refused {
    if sound { Ok(()) } else { Err(problem.to_owned()) }
}

fn payment_of(scenario: &Scenario, payment: &PaymentConfig, world: &World) -> Refused {
    let from = host(scenario, &payment.from, world)?;
    host(scenario, &payment.to, world)?;
    let (data, limits) = (payment.data_octets.max(payment.returned_octets), payment.max_packets_in_flight);
    let bounded = payment.min_rate.is_some() || payment.slippage_ppm.is_some();
    if payment.from == payment.to {
        return Err(format!("{:?} pays itself", payment.from));
    }
    holds(payment.amount > 0, "the amount is zero")?;
    holds(
        Duration::from_millis(payment.starts_at_ms) < TIME_LIMIT,
        "starts_at_ms is beyond the four hours that a run takes at most",
    )?;
    holds(
        payment.slippage_ppm.is_none_or(|ppm| ppm < MILLION),
        "slippage_ppm is less than 1000000: any_rate takes any rate",
    )?;
    holds(!(payment.any_rate && bounded), "any_rate stands alone, without min_rate and slippage_ppm")?;
    holds(limits != Some(0), "max_packets_in_flight is at least 1")?;
    holds(
        !matches!(payment.path_policy, Some(PathPolicy::Weighed(ppm)) if ppm > MILLION),
        "path_policy: weighed is more than 1000000 parts per million",
    )?;
    holds(payment.pauses.iter().all(|pause| pause.for_ms > 0), "for_ms of pauses is not zero")?;
    holds(data <= MOST_OCTETS, "the data is at most 1000000000 octets each way")?;
    data_is_said(scenario, payment)?;
    via_neighbours(scenario, payment, from, world)?;
    in_one_unit(scenario, payment, world)
}

/// Whether the receiver knows data, and its side says no more than it may.
fn data_is_said(scenario: &Scenario, payment: &PaymentConfig) -> Refused {
    let is_plain = scenario.receivers.get(&payment.to).is_some_and(|receiver| receiver.plain);
    if is_plain && payment.data_octets.max(payment.returned_octets) > 0 {
        return Err(format!("there is data with it, and receivers.{} is plain: it knows none", payment.to));
    }
    let most = scenario.max_data_at(&payment.to);
    match payment.returned_octets > most {
        true => Err(format!("returned_octets are more than max_data_octets of the receiver, {most}")),
        false => Ok(()),
    }
}

/// Amounts are of one payment, whatever its paths: so these begin in one asset and scale, and end in one.
fn in_one_unit(scenario: &Scenario, payment: &PaymentConfig, world: &World) -> Refused {
    let Ok(paths) = paths_of(payment, world) else { return Ok(()) };
    let links = &scenario.network.links;
    let unit = |place: Option<&usize>| {
        place.and_then(|&place| links.get(place)).map(|link| (&link.asset, link.scale))
    };
    let differ = |ends: Vec<_>| ends.windows(2).any(|pair| pair[0] != pair[1]);
    holds(
        !differ(paths.iter().map(|path| unit(path.first())).collect()),
        "its paths begin in different assets or scales",
    )?;
    holds(
        !differ(paths.iter().map(|path| unit(path.last())).collect()),
        "its paths end in different assets or scales",
    )
}

fn via_neighbours(scenario: &Scenario, payment: &PaymentConfig, from: HostId, world: &World) -> Refused {
    let neighbours: Vec<&str> = world.links_of(from).map(|link| world.neighbour(from, link)).collect();
    match payment.via.iter().find(|via| !neighbours.contains(&via.as_str())) {
        None => Ok(()),
        Some(via) if exists(scenario, via) => {
            Err(format!("via: {via:?} is no neighbour of {:?}", payment.from))
        }
        Some(via) => Err(format!("via: there is no node {via:?}")),
    }
}

/// An attacker is there in place of an honest host: it neither pays nor is paid.
fn attack_of(scenario: &Scenario, place: usize, attack: &AttackConfig, world: &World) -> Refused {
    let AttackConfig { from, to, per_second, .. } = attack;
    host(scenario, from, world)?;
    host(scenario, to, world)?;
    holds(*per_second > 0, "per_second is at least 1")?;
    if from == to {
        return Err(format!("{from:?} attacks itself"));
    }
    let pays = scenario.payments.iter().position(|payment| [&payment.from, &payment.to].contains(&from));
    if let Some(payment) = pays {
        return Err(format!("{from:?} attacks, so it has no part in payments[{payment}]"));
    }
    for (other_place, other) in scenario.attacks.iter().enumerate() {
        if other.to == *from {
            return Err(format!("{from:?} attacks, so it is not attacked in attacks[{other_place}]"));
        }
        if other_place < place && other.from == *from {
            return Err(format!("{from:?} attacks in attacks[{other_place}] already"));
        }
    }
    Ok(())
}

/// Whether a host is there and receives.
fn receives(scenario: &Scenario, name: &str, world: &World) -> Refused {
    host(scenario, name, world)?;
    match scenario.attacks.iter().position(|attack| attack.from == name) {
        Some(place) => Err(format!("{name:?} receives nothing: it attacks in attacks[{place}]")),
        None => Ok(()),
    }
}

fn receiver_of(receiver: &ReceiverConfig) -> Refused {
    holds(!receiver.plain || receiver.refunds != Some(true), "a plain receiver is not told where to refund")?;
    holds(!receiver.plain || receiver.max_data_octets.is_none(), "a plain receiver takes no data")
}

fn host(scenario: &Scenario, name: &str, world: &World) -> Result<HostId, String> {
    world.host(name).map_err(|_| match exists(scenario, name) {
        true => format!("{name:?} is a connector, not a host"),
        false => format!("there is no node {name:?}"),
    })
}

fn exists(scenario: &Scenario, name: &str) -> bool {
    let network = &scenario.network;
    network.hosts.iter().chain(network.connectors.iter().map(|hop| &hop.name)).any(|node| node == name)
}

#[cfg(test)]
mod tests {
    use super::super::scenario::{Attack, Lie, PauseConfig};
    use super::super::standard;
    use super::*;

    /// What is said of the path `lan` with a change, and with a host carol that has nothing to do.
    fn told(change: impl FnOnce(&mut Scenario)) -> String {
        let mut scenario = standard::scenario("lan").unwrap();
        scenario.network.hosts.push("carol".to_owned());
        scenario.network.links.push(psk_plugin::sim::LinkConfig::new("carol", "hop", 1));
        change(&mut scenario);
        let world = World::new(&scenario.network, 1).unwrap();
        check(&scenario, &world).map_or_else(|error| error.to_string(), |()| "nothing".to_owned())
    }

    fn of_payment(change: impl FnOnce(&mut PaymentConfig)) -> String {
        told(|scenario| change(&mut scenario.payments[0]))
    }

    fn attack(from: &str, to: &str) -> AttackConfig {
        AttackConfig {
            from: from.to_owned(),
            to: to.to_owned(),
            kind: Attack::Replays,
            packets: 1,
            amount: 1,
            per_second: 1,
        }
    }

    #[test]
    fn payments_that_make_no_sense_are_refused_with_their_place() {
        assert_eq!(of_payment(|_| {}), "nothing");
        assert_eq!(of_payment(|it| it.from = "zed".into()), "payments[0]: there is no node \"zed\"");
        assert_eq!(of_payment(|it| it.to = "hop".into()), "payments[0]: \"hop\" is a connector, not a host");
        assert_eq!(of_payment(|it| it.to = "alice".into()), "payments[0]: \"alice\" pays itself");
        assert_eq!(of_payment(|it| it.amount = 0), "payments[0]: the amount is zero");
        let late = of_payment(|it| it.starts_at_ms = 5 * 3_600_000);
        assert_eq!(late, "payments[0]: starts_at_ms is beyond the four hours that a run takes at most");
        assert!(of_payment(|it| it.slippage_ppm = Some(1_000_000)).contains("less than 1000000"));
        assert_eq!(of_payment(|it| it.slippage_ppm = Some(999_999)), "nothing");
        let both = of_payment(|it| (it.any_rate, it.slippage_ppm) = (true, Some(1)));
        assert!(both.contains("any_rate stands alone"), "{both}");
        assert!(of_payment(|it| it.max_packets_in_flight = Some(0)).contains("at least 1"));
        let weighed = |ppm| of_payment(|it| it.path_policy = Some(PathPolicy::Weighed(ppm)));
        assert_eq!(weighed(1_000_000), "nothing");
        assert_eq!(
            weighed(1_000_001),
            "payments[0]: path_policy: weighed is more than 1000000 parts per million"
        );
        let pause = PauseConfig { at_ms: 1, for_ms: 0 };
        assert!(of_payment(|it| it.pauses = vec![pause]).contains("for_ms of pauses is not zero"));
        assert!(of_payment(|it| it.returned_octets = u64::MAX).contains("1000000000 octets"));
        let back = of_payment(|it| it.returned_octets = 70_000);
        assert_eq!(back, "payments[0]: returned_octets are more than max_data_octets of the receiver, 65536");
        assert_eq!(of_payment(|it| it.via = vec!["hop".into()]), "nothing");
        let via = |name: &str| of_payment(|it| it.via = vec![name.to_owned()]);
        assert_eq!(via("bob"), "payments[0]: via: \"bob\" is no neighbour of \"alice\"");
        assert_eq!(via("zed"), "payments[0]: via: there is no node \"zed\"");
    }

    #[test]
    fn paths_are_in_one_unit() {
        let paths = |scale_of_alice, scale_of_bob| {
            told(|scenario| {
                scenario.network.connectors.push(psk_plugin::sim::HopConfig::new("other"));
                let mut here = psk_plugin::sim::LinkConfig::new("alice", "other", 1);
                let mut there = psk_plugin::sim::LinkConfig::new("other", "bob", 1);
                (here.scale, there.scale) = (here.scale + scale_of_alice, there.scale + scale_of_bob);
                scenario.network.links.extend([here, there]);
            })
        };
        assert_eq!(paths(0, 0), "nothing");
        assert_eq!(paths(1, 0), "payments[0]: its paths begin in different assets or scales");
        assert_eq!(paths(0, 1), "payments[0]: its paths end in different assets or scales");
    }

    #[test]
    fn attackers_are_in_nobodys_place() {
        let attacks = |attacks: &[AttackConfig]| told(|scenario| scenario.attacks = attacks.to_vec());
        assert_eq!(attacks(&[attack("carol", "bob")]), "nothing");
        let slow = AttackConfig { per_second: 0, ..attack("carol", "bob") };
        assert_eq!(attacks(&[slow]), "attacks[0]: per_second is at least 1");
        let takes_part = |who: &str| format!("attacks[0]: {who:?} attacks, so it has no part in payments[0]");
        assert_eq!(attacks(&[attack("alice", "bob")]), takes_part("alice"));
        assert_eq!(attacks(&[attack("bob", "alice")]), takes_part("bob"));
        assert_eq!(attacks(&[attack("carol", "carol")]), "attacks[0]: \"carol\" attacks itself");
        assert_eq!(attacks(&[attack("zed", "bob")]), "attacks[0]: there is no node \"zed\"");
        let twice = attacks(&[attack("carol", "bob"), attack("carol", "alice")]);
        assert_eq!(twice, "attacks[1]: \"carol\" attacks in attacks[0] already");
        let attacked = told(|scenario| {
            scenario.network.hosts.push("dave".to_owned());
            scenario.attacks = vec![attack("dave", "carol"), attack("carol", "bob")];
        });
        assert_eq!(attacked, "attacks[1]: \"carol\" attacks, so it is not attacked in attacks[0]");
    }

    #[test]
    fn receivers_are_hosts_that_receive() {
        let receiver = |name: &str, receiver: ReceiverConfig| {
            told(|scenario| {
                scenario.attacks = vec![attack("carol", "bob")];
                scenario.receivers.insert(name.to_owned(), receiver);
            })
        };
        let plain = ReceiverConfig { plain: true, ..ReceiverConfig::default() };
        assert_eq!(receiver("bob", plain.clone()), "nothing");
        let refunds = ReceiverConfig { refunds: Some(true), ..plain.clone() };
        assert_eq!(receiver("bob", refunds), "receivers.bob: a plain receiver is not told where to refund");
        let data = ReceiverConfig { max_data_octets: Some(1), ..plain.clone() };
        assert_eq!(receiver("bob", data), "receivers.bob: a plain receiver takes no data");
        let with_data = |there, back| {
            told(|scenario| {
                scenario.receivers.insert("bob".to_owned(), plain.clone());
                (scenario.payments[0].data_octets, scenario.payments[0].returned_octets) = (there, back);
            })
        };
        let none = "payments[0]: there is data with it, and receivers.bob is plain: it knows none";
        assert_eq!((with_data(1, 0).as_str(), with_data(0, 1).as_str()), (none, none));
        assert_eq!(receiver("bbo", plain.clone()), "receivers.bbo: there is no node \"bbo\"");
        let attacks = "receivers.carol: \"carol\" receives nothing: it attacks in attacks[0]";
        assert_eq!(receiver("carol", plain), attacks);
        let lies = told(|scenario| _ = scenario.lies.insert("hop".to_owned(), Lie::SaysNothing));
        assert_eq!(lies, "lies: \"hop\" is a connector, not a host");
    }
}
