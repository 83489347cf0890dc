//! Points in time, as ILP packets carry them.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

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
const FIRST: i64 = -(days_from_civil(1970, 1, 1) as i64) * MILLIS_PER_DAY;
/// 9999-12-31T23:59:59.999Z
const LAST: i64 = FIRST + (days_from_civil(9999, 12, 31) as i64 + 1) * MILLIS_PER_DAY - 1;

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
    #[inline]
    pub fn encode(self) -> [u8; Self::LENGTH] {
        let Civil { year, month, day, hour, minute, second, milli } = self.civil();
        let mut digits = [0; Self::LENGTH];
        digits[..8].copy_from_slice(&digits::of_pairs([year / 100, year % 100, month, day]));
        digits[8..16].copy_from_slice(&digits::of_pairs([hour, minute, second, milli / 10]));
        digits[16] = b'0' + (milli % 10) as u8;
        digits
    }

    /// Reads the 17 digits; a day or hour that does not exist is refused.
    #[inline]
    pub fn decode(digits: [u8; Self::LENGTH]) -> Result<Self, DecodeError> {
        match Civil::read(&digits) {
            Some(civil) if civil.exists() => Ok(civil.timestamp()),
            _ => Err(Self::refusal(&digits)),
        }
    }

    /// As [`Timestamp::decode`], for those who only want to know whether it would succeed.
    #[inline]
    pub(crate) fn check(digits: &[u8; Self::LENGTH]) -> Result<(), DecodeError> {
        match Civil::read(digits) {
            Some(civil) if civil.exists() => Ok(()),
            _ => Err(Self::refusal(digits)),
        }
    }

    /// As [`Timestamp::decode`], of digits that have been checked; anything else gives any time.
    #[inline]
    pub(crate) fn from_checked(digits: &[u8; Self::LENGTH]) -> Self {
        Civil::read(digits).map_or(Self::UNIX_EPOCH, Civil::timestamp)
    }

    /// What is wrong with digits that are no time.
    #[cold]
    fn refusal(digits: &[u8; Self::LENGTH]) -> DecodeError {
        let invalid = |offset, what| DecodeError::new("expiresAt", offset, Problem::Invalid(what));
        let Some(civil) = Civil::read(digits) else {
            let offset = digits.iter().position(|digit| !digit.is_ascii_digit());
            return invalid(offset.unwrap_or_default(), "not a digit");
        };
        if !(1..=12).contains(&civil.month) {
            invalid(4, "no such month")
        } else if !(1..=days_in_month(civil.year, civil.month)).contains(&civil.day) {
            invalid(6, "no such day")
        } else {
            invalid(8, "no such time of day")
        }
    }

    #[inline]
    fn civil(self) -> Civil {
        let since_first = self.unix_millis.abs_diff(FIRST);
        // Both fit: there are some 3.7 million days until the end of year 9999.
        let days = (since_first / MILLIS_PER_DAY.unsigned_abs()) as u32;
        let of_day = (since_first % MILLIS_PER_DAY.unsigned_abs()) as u32;
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
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    milli: u32,
}

impl Civil {
    /// Reads digits, whatever they say; `None` when one of them is no digit.
    #[inline]
    fn read(digits: &[u8; Timestamp::LENGTH]) -> Option<Self> {
        let (first, rest) = digits.split_first_chunk::<8>()?;
        let (second, last) = rest.split_first_chunk::<8>()?;
        let last = last.first()?.wrapping_sub(b'0');
        if !digits::all_digits(first) || !digits::all_digits(second) || last > 9 {
            return None;
        }
        let [century, year, month, day] = digits::pairs(first);
        let [hour, minute, second, centi] = digits::pairs(second);
        let (year, milli) = (century * 100 + year, centi * 10 + u32::from(last));
        Some(Self { year, month, day, hour, minute, second, milli })
    }

    /// Whether there is such a day and such a time of the day.
    #[inline]
    fn exists(&self) -> bool {
        // Few days need a look into the calendar.
        let day_exists = (1..=28).contains(&self.day) || self.day <= days_in_month(self.year, self.month);
        (1..=12).contains(&self.month)
            && self.day >= 1
            && day_exists
            && self.hour <= 23
            && self.minute <= 59
            && self.second <= 59
    }

    #[inline]
    fn timestamp(self) -> Timestamp {
        let days = days_from_civil(self.year, self.month, self.day);
        let of_day = self.hour * 3_600_000 + self.minute * 60_000 + self.second * 1_000 + self.milli;
        Timestamp { unix_millis: FIRST + i64::from(days) * MILLIS_PER_DAY + i64::from(of_day) }
    }
}

/// Eight ASCII digits at a time, as the octets of one 64-bit number, the first digit lowest.
mod digits {
    const ZEROS: u64 = u64::from_le_bytes(*b"00000000");
    const HIGH_HALVES: u64 = 0xf0f0_f0f0_f0f0_f0f0;

    #[inline]
    pub(super) fn all_digits(digits: &[u8; 8]) -> bool {
        let digits = u64::from_le_bytes(*digits);
        // 0x30 to 0x39: the high half is 3, and still is when 6 is added, which turns 0x3a to 0x3f into 0x4.
        let above = digits.wrapping_add(0x0606_0606_0606_0606);
        (digits & HIGH_HALVES) == ZEROS && (above & HIGH_HALVES) == ZEROS
    }

    /// The numbers that four pairs of digits make.
    #[inline]
    pub(super) fn pairs(digits: &[u8; 8]) -> [u32; 4] {
        let values = u64::from_le_bytes(*digits).wrapping_sub(ZEROS);
        // In each even octet ten times its own digit and the next one, at most 99. (What stands in the odd octets
        // is not looked at; of digits it is no more than 99 either, so that nothing is carried.)
        let pairs = values.wrapping_mul(10).wrapping_add(values >> 8).to_le_bytes();
        [pairs[0].into(), pairs[2].into(), pairs[4].into(), pairs[6].into()]
    }

    /// The digits of four numbers, each at most 99.
    #[inline]
    pub(super) fn of_pairs(numbers: [u32; 4]) -> [u8; 8] {
        let lanes = numbers.iter().rev().fold(0, |lanes, &number| (lanes << 16) | u64::from(number));
        // 103 / 1024 is a tenth, near enough for every number up to 99.
        let tens = ((lanes * 103) >> 10) & 0x000f_000f_000f_000f;
        let ones = lanes - tens * 10;
        (ZEROS | tens | (ones << 8)).to_le_bytes()
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339, such as `2023-11-14T22:13:20.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day, hour, minute, second, milli } = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

/// Reads what `Display` writes.
impl FromStr for Timestamp {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
        let invalid = |offset, what| DecodeError::new("time", offset, Problem::Invalid(what));
        if text.len() != FORM.len() {
            return Err(invalid(text.len().min(FORM.len()), "not YYYY-MM-DDThh:mm:ss.fffZ"));
        }
        let mut digits = [0; Self::LENGTH];
        let mut read = 0;
        for (offset, (octet, form)) in text.bytes().zip(FORM).enumerate() {
            if *form == b'0' {
                digits[read] = octet;
                read += 1;
            } else if octet != *form {
                return Err(invalid(offset, "not YYYY-MM-DDThh:mm:ss.fffZ"));
            }
        }
        Self::decode(digits).map_err(|error| DecodeError::new("time", 0, error.problem))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

const fn is_leap_year(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days of January and February 0000, which has a leap day. The algorithms below count years from March, so that
/// the leap day is the last one, and put an era of 400 years, all of which have the same number of days, before the
/// year 0000, so that no number is negative.
const BEFORE_MARCH: u32 = 60;
const DAYS_PER_ERA: u32 = 146_097;

/// Days from 0000-01-01 to a day of the proleptic Gregorian calendar.
const fn days_from_civil(year: u32, month: u32, day: u32) -> u32 {
    let (year, month) = if month <= 2 { (year + 399, month + 9) } else { (year + 400, month - 3) };
    let leap_days = year / 4 - year / 100 + year / 400;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + leap_days + day_of_year + BEFORE_MARCH - DAYS_PER_ERA
}

/// The inverse of [`days_from_civil`]: year, month, day.
const fn civil_from_days(days: u32) -> (u32, u32, u32) {
    let days = days + DAYS_PER_ERA - BEFORE_MARCH;
    let era = days / DAYS_PER_ERA;
    let day_of_era = days % DAYS_PER_ERA;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let year = year_of_era + era * 400;
    if month_from_march < 10 {
        (year - 400, month_from_march + 3, day)
    } else {
        (year - 399, month_from_march - 9, day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_the_calendar_comes_back() {
        let mut days = 0;
        assert_eq!((FIRST, LAST), (-62_167_219_200_000, 253_402_300_799_999));
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
    fn every_number_of_two_digits_comes_back() {
        for number in 0..100 {
            let digits = digits::of_pairs([number, 99 - number, number, 0]);
            assert_eq!(digits, *format!("{number:02}{:02}{number:02}00", 99 - number).as_bytes());
            assert_eq!(digits::pairs(&digits), [number, 99 - number, number, 0]);
        }
        for octet in 0..=u8::MAX {
            for position in 0..8 {
                let mut digits = *b"90909090";
                digits[position] = octet;
                assert_eq!(digits::all_digits(&digits), octet.is_ascii_digit(), "{octet} at {position}");
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
    fn what_is_displayed_is_read() {
        let time = Timestamp::from_unix_millis(951_868_799_999).unwrap();
        assert_eq!(time.to_string().parse(), Ok(time));
        for text in ["", "2000-02-29T23:59:59Z", "2000-02-29 23:59:59.999Z", "2000-02-30T00:00:00.000Z"] {
            text.parse::<Timestamp>().unwrap_err();
        }
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
