//! Days.

use core::fmt;
use core::str::FromStr;

use crate::row::scalar::exactly;
use crate::row::text::Cursor;
use crate::row::{Encoding, FromValue, ParseError, Type, ValueError, parse_text};
use crate::wire::Format;

/// A `date`: a day from 4713-01-01 BC to 294276-12-31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(u32);

impl Date {
    /// 4713-01-01 BC, which Hyper also takes `-infinity` for.
    pub const MIN: Self = Self(38);
    /// 294276-12-31, which Hyper also takes `infinity` for.
    pub const MAX: Self = Self(109_203_527);

    /// A day by its Julian day number; `None` outside of Hyper's range. 2440588 is 1970-01-01.
    #[must_use]
    pub const fn from_julian_day(day: u32) -> Option<Self> {
        if day < Self::MIN.0 || day > Self::MAX.0 { None } else { Some(Self(day)) }
    }

    /// A day by its year (0 is 1 BC), month and day from 1; `None` if there is no such day or Hyper cannot hold it.
    #[must_use]
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        // A bound far outside the range, so that nothing below overflows.
        if year.unsigned_abs() > 1_000_000 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let date = Self::from_julian_day(u32::try_from(julian_day(year, month, day)).ok()?)?;
        // The 30th of February came out as a day in March.
        (date.ymd() == (year, month, day)).then_some(date)
    }

    /// The Julian day number.
    #[must_use]
    pub const fn julian_day(self) -> u32 {
        self.0
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn unix_days(self) -> i32 {
        // The largest Julian day is far below 2^31.
        self.0 as i32 - super::UNIX_EPOCH_DAY as i32
    }

    /// Year (0 is 1 BC), month from 1, day from 1.
    #[must_use]
    pub fn ymd(self) -> (i32, u32, u32) {
        let days = i64::from(self.0) - DAY_OF_MARCH_0000;
        let (era, day_of_era) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
        // Leap days that the era has had by that day; its last day is the leap day that closes it.
        let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / (DAYS_PER_ERA - 1);
        let year_of_era = (day_of_era - leap_days) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - days_before(month_from_march) + 1;
        let (month, carry) =
            if month_from_march < 10 { (month_from_march + 3, 0) } else { (month_from_march - 9, 1) };
        // All three are small by construction.
        ((era * 400 + year_of_era + carry) as i32, month as u32, day as u32)
    }
}

/// The calendar repeats after 400 years.
const DAYS_PER_ERA: i64 = 146_097;

/// The Julian day of 1 March of the year 0. Years that begin in March have their leap day at the end, where it is in
/// nobody's way.
const DAY_OF_MARCH_0000: i64 = 1_721_120;

fn julian_day(year: i32, month: u32, day: u32) -> i64 {
    let (year, month_from_march) =
        if month > 2 { (i64::from(year), month - 3) } else { (i64::from(year) - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = days_before(month_from_march.into()) + i64::from(day) - 1;
    let day_of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year;
    DAY_OF_MARCH_0000 + era * DAYS_PER_ERA + day_of_era
}

/// Days of the year, which begins in March, before a month: five months have 153 days, again and again.
fn days_before(month_from_march: i64) -> i64 {
    (153 * month_from_march + 2) / 5
}

impl<'a> FromValue<'a> for Date {
    #[inline]
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        match (encoding.ty(), encoding.format()) {
            (Type::Date, Format::HyperBinary) => {
                Self::from_julian_day(u32::from_le_bytes(exactly(bytes)?)).ok_or(ValueError::OutOfRange)
            }
            (Type::Date, Format::Text) => parse_text(bytes),
            (Type::Date, Format::PgBinary) => Err(ValueError::UnsupportedFormat),
            _ => Err(ValueError::WrongType),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_common_era(f)?;
        f.write_str(self.era())
    }
}

impl Date {
    /// Without what tells the era, which a timestamp has at its very end.
    pub(super) fn fmt_common_era(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        let year = if year > 0 { year } else { 1 - year };
        write!(f, "{year:04}-{month:02}-{day:02}")
    }

    pub(super) fn era(self) -> &'static str {
        if self.ymd().0 > 0 { "" } else { " BC" }
    }
}

impl FromStr for Date {
    type Err = ParseError;

    /// Takes what Hyper writes: `2024-02-29`, `0044-03-15 BC`, `10000-01-01`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        const WANTED: ParseError = ParseError::Malformed("a date like 2024-02-29");
        let mut cursor = Cursor::new(text);
        let (year, month, day) = year_month_day(&mut cursor).ok_or(WANTED)?;
        let before_christ = cursor.take(" BC");
        if !cursor.is_at_end() {
            return Err(WANTED);
        }
        in_era(year, month, day, before_christ)
    }
}

/// Takes a year of at least four digits, month and day.
pub(super) fn year_month_day(cursor: &mut Cursor<'_>) -> Option<(u64, u32, u32)> {
    let (year, 4..) = cursor.digits()? else { return None };
    let month = cursor.take("-").then(|| cursor.two_digits())??;
    let day = cursor.take("-").then(|| cursor.two_digits())??;
    Some((year, month, day))
}

/// A day of a year that is counted from 1 in either direction.
pub(super) fn in_era(year: u64, month: u32, day: u32, before_christ: bool) -> Result<Date, ParseError> {
    let year = i32::try_from(year).ok().filter(|year| *year > 0).ok_or(ParseError::OutOfRange)?;
    let year = if before_christ { 1 - year } else { year };
    Date::from_ymd(year, month, day).ok_or(ParseError::OutOfRange)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    #[test]
    fn known_days_have_their_julian_day() {
        for (ymd, day) in [
            ((1970, 1, 1), 2_440_588),
            ((2000, 1, 1), 2_451_545),
            ((2000, 2, 29), 2_451_604),
            ((2000, 3, 1), 2_451_605),
            ((0, 3, 1), 1_721_120),
            ((-4712, 1, 1), 38),
            ((294_276, 12, 31), 109_203_527),
        ] {
            let date = Date::from_ymd(ymd.0, ymd.1, ymd.2).expect("a day there is");
            assert_eq!(date.julian_day(), day, "{ymd:?}");
            assert_eq!(date.ymd(), ymd);
        }
        assert_eq!(Date::from_ymd(1970, 1, 2).map(Date::unix_days), Some(1));
    }

    #[test]
    fn days_that_there_are_not_are_refused() {
        for (year, month, day) in [
            (2023, 2, 29),
            (1900, 2, 29),
            (2024, 4, 31),
            (2024, 0, 1),
            (2024, 13, 1),
            (2024, 1, 0),
            (2024, 1, 32),
            (-4713, 12, 31),
            (294_277, 1, 1),
            (i32::MAX, 1, 1),
            (i32::MIN, 1, 1),
        ] {
            assert_eq!(Date::from_ymd(year, month, day), None, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn text_that_is_no_date_is_refused() {
        for text in [
            "",
            "2024",
            "2024-1-1",
            "24-01-01",
            "2024-01-01 AD",
            "2024-01-01BC",
            " 2024-01-01",
            "2024-01-01 ",
        ] {
            assert!(matches!(text.parse::<Date>(), Err(ParseError::Malformed(_))), "{text:?}");
        }
        for text in ["0000-01-01", "2023-02-29", "9999999-01-01", "4714-01-01 BC"] {
            assert_eq!(text.parse::<Date>(), Err(ParseError::OutOfRange), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_day_is_found_again(day in Date::MIN.0..=Date::MAX.0) {
            let date = Date::from_julian_day(day).expect("in range");
            let (year, month, day) = date.ymd();
            prop_assert_eq!(Date::from_ymd(year, month, day), Some(date));
            prop_assert_eq!(date.to_string().parse(), Ok(date));
        }

        #[test]
        fn the_next_day_is_one_later(day in Date::MIN.0..Date::MAX.0) {
            let (today, tomorrow) = (Date(day).ymd(), Date(day + 1).ymd());
            let expected = match today {
                (year, month, day) if Date::from_ymd(year, month, day + 1).is_some() => (year, month, day + 1),
                (year, 12, _) => (year + 1, 1, 1),
                (year, month, _) => (year, month + 1, 1),
            };
            prop_assert_eq!(tomorrow, expected);
        }
    }
}
