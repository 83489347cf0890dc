//! Points in time, as ILP packets carry them.

use std::fmt;
use std::time::Duration;

use crate::error::{DecodeError, Problem};

/// A point in time with a precision of one millisecond, from year 0000 to 9999, in UTC without leap seconds.
///
/// On the wire: `YYYYMMDDHHMMSSfff`, 17 digits (RFC 27, section "ILP Prepare", `expiresAt`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Milliseconds since 1970-01-01T00:00:00.000Z.
    unix_millis: i64,
}

/// A point in time outside of the years 0000 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} milliseconds since 1970 is outside of the years 0000 to 9999")]
pub struct TimestampError(i64);

const MILLIS_PER_DAY: i64 = 86_400_000;
/// 0000-01-01T00:00:00.000Z
const FIRST: i64 = days_from_civil(0, 1, 1) * MILLIS_PER_DAY;
/// 9999-12-31T23:59:59.999Z
const LAST: i64 = (days_from_civil(9999, 12, 31) + 1) * MILLIS_PER_DAY - 1;

impl Timestamp {
    /// The length on the wire, in octets.
    pub const LENGTH: usize = 17;

    /// 1970-01-01T00:00:00.000Z.
    pub const UNIX_EPOCH: Self = Self { unix_millis: 0 };

    /// So many milliseconds since 1970-01-01T00:00:00Z.
    pub const fn from_unix_millis(unix_millis: i64) -> Result<Self, TimestampError> {
        if unix_millis < FIRST || unix_millis > LAST {
            return Err(TimestampError(unix_millis));
        }
        Ok(Self { unix_millis })
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn unix_millis(self) -> i64 {
        self.unix_millis
    }

    /// This much later, at most the end of year 9999.
    pub fn saturating_add(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self { unix_millis: self.unix_millis.saturating_add(millis).min(LAST) }
    }

    /// This much earlier, at least the start of year 0000.
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self { unix_millis: self.unix_millis.saturating_sub(millis).max(FIRST) }
    }

    /// How much later this is than `earlier`; zero when it is not later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        let millis = self.unix_millis.saturating_sub(earlier.unix_millis);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// The 17 digits on the wire.
    pub fn encode(self) -> [u8; Self::LENGTH] {
        let Civil { year, month, day, hour, minute, second, milli } = self.civil();
        let mut digits = [0; Self::LENGTH];
        let fields = [(year, 4), (month, 2), (day, 2), (hour, 2), (minute, 2), (second, 2), (milli, 3)];
        let mut end = 0;
        for (mut number, width) in fields {
            end += width;
            for digit in digits[end - width..end].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        digits
    }

    /// Reads the 17 digits; a day or hour that does not exist is refused.
    pub fn decode(digits: [u8; Self::LENGTH]) -> Result<Self, DecodeError> {
        let invalid = |offset, what| DecodeError::new("expiresAt", offset, Problem::Invalid(what));
        if let Some(offset) = digits.iter().position(|digit| !digit.is_ascii_digit()) {
            return Err(invalid(offset, "not a digit"));
        }
        let number = |from: usize, to: usize| {
            digits[from..to].iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
        };
        let (year, month, day) = (number(0, 4), number(4, 6), number(6, 8));
        let (hour, minute, second) = (number(8, 10), number(10, 12), number(12, 14));
        if !(1..=12).contains(&month) {
            return Err(invalid(4, "no such month"));
        }
        if !(1..=days_in_month(year, month)).contains(&day) {
            return Err(invalid(6, "no such day"));
        }
        if hour > 23 || minute > 59 || second > 59 {
            return Err(invalid(8, "no such time of day"));
        }
        let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
        Ok(Self { unix_millis: seconds * 1_000 + number(14, 17) })
    }

    fn civil(self) -> Civil {
        let days = self.unix_millis.div_euclid(MILLIS_PER_DAY);
        let of_day = self.unix_millis.rem_euclid(MILLIS_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        Civil {
            year,
            month,
            day,
            hour: of_day / 3_600_000,
            minute: of_day / 60_000 % 60,
            second: of_day / 1_000 % 60,
            milli: of_day % 1_000,
        }
    }
}

/// A timestamp taken apart.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    milli: i64,
}

impl fmt::Display for Timestamp {
    /// RFC 3339, such as `2023-11-14T22:13:20.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day, hour, minute, second, milli } = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

const fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar. Years are counted from March, so that the
/// leap day is the last one, and in eras of 400 years, which all have the same number of days.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`]: year, month, day.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_the_calendar_comes_back() {
        let mut days = days_from_civil(0, 1, 1);
        for year in 0..10_000 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    assert_eq!(days_from_civil(year, month, day), days);
                    assert_eq!(civil_from_days(days), (year, month, day));
                    days += 1;
                }
            }
        }
    }

    #[test]
    fn times_that_do_not_exist_are_refused() {
        for digits in [
            b"20230229000000000",
            b"20231301000000000",
            b"20230001000000000",
            b"20230100000000000",
            b"20230101240000000",
            b"20230101006000000",
            b"20230101000060000",
            b"2023010100000000 ",
        ] {
            Timestamp::decode(*digits).unwrap_err();
        }
        assert_eq!(Timestamp::decode(*b"20000229235959999").unwrap().unix_millis(), 951_868_799_999);
    }

    #[test]
    fn the_ends_of_time_are_kept() {
        let (first, last) = (b"00000101000000000", b"99991231235959999");
        assert_eq!(&Timestamp::decode(*first).unwrap().encode(), first);
        let end = Timestamp::decode(*last).unwrap();
        assert_eq!(&end.encode(), last);
        assert_eq!(end.saturating_add(Duration::MAX), end);
        Timestamp::from_unix_millis(end.unix_millis() + 1).unwrap_err();
        Timestamp::from_unix_millis(i64::MIN).unwrap_err();
    }
}
