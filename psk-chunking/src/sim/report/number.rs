//! Numbers for people: exact, without floats.

use std::time::Duration;

/// With commas between thousands.
pub(super) fn whole(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `number` over a power of ten, without zeros at the end.
pub(super) fn decimal(number: u128, unit: u128) -> String {
    let unit = unit.max(1);
    let (above, mut below) = (number / unit, number % unit);
    let mut text = whole(above);
    if below > 0 {
        text.push('.');
        let mut place = unit / 10;
        while below > 0 && place > 0 {
            text.push_str(&(below / place).to_string());
            below %= place;
            place /= 10;
        }
    }
    text
}

const UNITS: [(u128, &str); 6] = [
    (1_000_000_000_000_000_000, "E"),
    (1_000_000_000_000_000, "P"),
    (1_000_000_000_000, "T"),
    (1_000_000_000, "G"),
    (1_000_000, "M"),
    (1_000, "k"),
];

/// Three digits or so, rounded down: 1.23M. Small numbers stand as they are.
pub(super) fn short(number: u128) -> String {
    match UNITS.into_iter().find(|(unit, _)| number >= *unit) {
        None => number.to_string(),
        Some((unit, name)) => {
            let keep = match number / unit {
                0..10 => 100,
                10..100 => 10,
                _ => 1,
            };
            format!("{}{name}", decimal(number / (unit / keep), keep))
        }
    }
}

/// The number of a tick, which is round, in the unit that fits it.
pub(super) fn tick(number: u128) -> String {
    match UNITS.into_iter().find(|(unit, _)| number >= *unit) {
        Some((unit, name)) => format!("{}{name}", decimal(number, unit)),
        None => number.to_string(),
    }
}

/// Parts per thousand as a factor with two decimals, rounded: 1.02.
pub(super) fn ratio(per_mille: u128) -> String {
    let hundredths = per_mille.saturating_add(5) / 10;
    format!("{}.{:02}", whole(hundredths / 100), hundredths % 100)
}

/// One thing, or several: `3 packets`.
pub(super) fn several(count: u128, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{} {one}s", whole(count)),
    }
}

/// A share in parts per million, in per cent.
pub(super) fn percent(ppm: u32) -> String {
    format!("{} %", decimal(ppm.into(), 10_000))
}

/// A time in the unit that fits, rounded to thousandths of a second or hundredths of less: 12.5 ms.
pub(super) fn time(time: Duration) -> String {
    let nanos = time.as_nanos();
    let rounded = |unit: u128| nanos.saturating_add(unit / 2) / unit;
    match nanos {
        0 => "0 s".to_owned(),
        _ if time == Duration::MAX => "never".to_owned(),
        1..999_995 => format!("{} µs", decimal(rounded(10), 100)),
        999_995..999_995_000 => format!("{} ms", decimal(rounded(10_000), 100)),
        _ => format!("{} s", decimal(rounded(1_000_000), 1_000)),
    }
}

/// A time for a sentence: three digits of it.
pub(super) fn about(length: Duration) -> String {
    let nanos = length.as_nanos();
    let digits = nanos.checked_ilog10().unwrap_or(0);
    let unit = 10u128.pow(digits.saturating_sub(2));
    let rounded = nanos.saturating_add(unit / 2) / unit * unit;
    match u64::try_from(rounded) {
        Ok(nanos) if length < Duration::MAX => time(Duration::from_nanos(nanos)),
        _ => time(length),
    }
}

/// From `low` to `high` in round steps of one, two or five, `most` of them at most.
pub(super) fn ticks(low: u128, high: u128, most: u128) -> Vec<u128> {
    let span = high.saturating_sub(low).max(1);
    let mut step = 1u128;
    for factor in [2, 5, 10].into_iter().cycle() {
        if span / step <= most.max(1) {
            break;
        }
        let power = 10u128.pow(step.ilog10());
        step = power.saturating_mul(factor);
    }
    let mut ticks = Vec::new();
    let mut tick = low.div_ceil(step).saturating_mul(step);
    while tick <= high {
        ticks.push(tick);
        tick = tick.saturating_add(step);
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_round_and_exact() {
        assert_eq!(whole(u64::MAX.into()), "18,446,744,073,709,551,615");
        assert_eq!([whole(0), whole(999), whole(1_000)], ["0", "999", "1,000"]);
        assert_eq!([decimal(12_500, 1_000), decimal(5, 1_000), decimal(3, 1)], ["12.5", "0.005", "3"]);
        assert_eq!([short(999), short(1_234), short(45_678_900)], ["999", "1.23k", "45.6M"]);
        assert_eq!(short(u64::MAX.into()), "18.4E");
        assert_eq!([tick(0), tick(200), tick(1_000), tick(2_500_000)], ["0", "200", "1k", "2.5M"]);
        assert_eq!([ratio(1_024), ratio(1_025), ratio(2_000)], ["1.02", "1.03", "2.00"]);
        assert_eq!([several(1, "packet"), several(2_000, "packet")], ["1 packet", "2,000 packets"]);
        assert_eq!(time(Duration::from_micros(12_500)), "12.5 ms");
        assert_eq!(time(Duration::from_micros(250)), "250 µs");
        assert_eq!(time(Duration::from_millis(22_755)), "22.755 s");
        assert_eq!(time(Duration::from_nanos(5_070_499_999)), "5.07 s");
        assert_eq!(time(Duration::from_nanos(999_999_999)), "1 s");
        assert_eq!(about(Duration::from_micros(20_604_471)), "20.6 s");
        assert_eq!(about(Duration::from_nanos(335_460_123)), "335 ms");
        assert_eq!(about(Duration::MAX), "never");
        assert_eq!(percent(2_000), "0.2 %");
    }

    #[test]
    fn ticks_are_few_and_round_at_both_ends_of_64_bits() {
        assert_eq!(ticks(0, 10, 5), [0, 2, 4, 6, 8, 10]);
        assert_eq!(ticks(0, 0, 5), [0]);
        assert_eq!(ticks(0, 1, 5), [0, 1]);
        assert_eq!(ticks(0, 23_000_000_000, 5), [0, 5, 10, 15, 20].map(|giga| giga * 1_000_000_000));
        for high in [1, 7, 99, 12_345, u128::from(u64::MAX), u128::from(u64::MAX) * 4] {
            let ticks = ticks(0, high, 5);
            assert!((1..=6).contains(&ticks.len()), "{high}: {ticks:?}");
            assert!(ticks.iter().all(|tick| *tick <= high));
        }
        assert_eq!(
            ticks(995_000_000, 1_000_500_000, 5),
            [995, 996, 997, 998, 999, 1_000].map(|it| it * 1_000_000)
        );
    }
}
