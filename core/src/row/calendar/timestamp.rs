//! Points in time, with and without a time zone.

use core::fmt;
use core::str::FromStr;

use super::date::{in_era, year_month_day};
use super::time::hms_micro;
use super::{
    Date, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, Time, UNIX_EPOCH_DAY,
};
use crate::row::scalar::exactly;
use crate::row::text::Cursor;
use crate::row::{Encoding, FromValue, ParseError, Type, ValueError, parse_text};
use crate::wire::Format;

/// A `timestamp`: a day and a time of day, wherever that is. In microseconds, over the range of [`Date`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// A `timestamptz`: a point in time. In microseconds, over the range of [`Date`] in UTC.
///
/// Hyper keeps no time zone with it; it only writes it in the session's `TimeZone`. It is displayed in UTC here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimestampTz(Timestamp);

impl Timestamp {
    /// The beginning of [`Date::MIN`].
    pub const MIN: Self = Self(Date::MIN.julian_day() as u64 * MICROS_PER_DAY as u64);
    /// The last microsecond of [`Date::MAX`].
    pub const MAX: Self = Self((Date::MAX.julian_day() as u64 + 1) * MICROS_PER_DAY as u64 - 1);

    /// A day and a time of day. 24:00:00 is 00:00:00 of the next day; `None` if there is none.
    #[must_use]
    pub fn new(date: Date, time: Time) -> Option<Self> {
        let day = u64::from(date.julian_day()) * MICROS_PER_DAY.cast_unsigned();
        Self::from_julian_micros(day + time.as_micros().cast_unsigned())
    }

    /// The time that is so many microseconds after the beginning of Julian day 0; `None` outside of Hyper's range.
    #[must_use]
    pub const fn from_julian_micros(micros: u64) -> Option<Self> {
        if micros < Self::MIN.0 || micros > Self::MAX.0 { None } else { Some(Self(micros)) }
    }

    /// Microseconds since the beginning of Julian day 0, as Hyper counts them. The last 6,700 years do not fit into
    /// an `i64`.
    #[must_use]
    pub const fn julian_micros(self) -> u64 {
        self.0
    }

    /// The day.
    #[must_use]
    pub fn date(self) -> Date {
        self.split().0
    }

    /// The time of day.
    #[must_use]
    pub fn time(self) -> Time {
        self.split().1
    }

    fn split(self) -> (Date, Time) {
        let micros_per_day = MICROS_PER_DAY.cast_unsigned();
        let day = u32::try_from(self.0 / micros_per_day).ok().and_then(Date::from_julian_day);
        let time = Time::from_micros((self.0 % micros_per_day).cast_signed());
        // The range of a timestamp is that of the days, so there are both.
        (day.unwrap_or(Date::MIN), time.unwrap_or(Time::MIN))
    }
}

impl TimestampTz {
    /// The earliest one.
    pub const MIN: Self = Self(Timestamp::MIN);
    /// The latest one.
    pub const MAX: Self = Self(Timestamp::MAX);

    /// A day and a time of day in UTC.
    #[must_use]
    pub const fn from_utc(utc: Timestamp) -> Self {
        Self(utc)
    }

    /// The point in time that is so many microseconds after 1970-01-01 in UTC; `None` outside of Hyper's range.
    #[must_use]
    pub fn from_unix_micros(micros: i128) -> Option<Self> {
        from_wide(micros.checked_add(UNIX_EPOCH)?).map(Self)
    }

    /// Day and time of day in UTC.
    #[must_use]
    pub const fn utc(self) -> Timestamp {
        self.0
    }

    /// Microseconds since 1970-01-01 in UTC. An `i64` has room for all but the last thirty years of the range.
    #[must_use]
    pub const fn unix_micros(self) -> i128 {
        self.0.0 as i128 - UNIX_EPOCH
    }
}

/// Microseconds from Julian day 0 to 1970-01-01.
const UNIX_EPOCH: i128 = UNIX_EPOCH_DAY as i128 * MICROS_PER_DAY as i128;

/// A timestamp from a calculation that may have left the range.
fn from_wide(micros: i128) -> Option<Timestamp> {
    u64::try_from(micros).ok().and_then(Timestamp::from_julian_micros)
}

impl<'a> FromValue<'a> for Timestamp {
    #[inline]
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        match (encoding.ty(), encoding.format()) {
            (Type::Timestamp, Format::HyperBinary) => from_binary(bytes),
            (Type::Timestamp, Format::Text) => parse_text(bytes),
            (Type::Timestamp, Format::PgBinary) => Err(ValueError::UnsupportedFormat),
            _ => Err(ValueError::WrongType),
        }
    }
}

impl<'a> FromValue<'a> for TimestampTz {
    #[inline]
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        match (encoding.ty(), encoding.format()) {
            (Type::TimestampTz, Format::HyperBinary) => from_binary(bytes).map(Self),
            (Type::TimestampTz, Format::Text) => parse_text(bytes),
            (Type::TimestampTz, Format::PgBinary) => Err(ValueError::UnsupportedFormat),
            _ => Err(ValueError::WrongType),
        }
    }
}

fn from_binary(bytes: &[u8]) -> Result<Timestamp, ValueError> {
    Timestamp::from_julian_micros(u64::from_le_bytes(exactly(bytes)?)).ok_or(ValueError::OutOfRange)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_with_zone(*self, "", f)
    }
}

impl fmt::Display for TimestampTz {
    /// In UTC, as Hyper writes it unless the session has a `TimeZone`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_with_zone(self.0, "+00", f)
    }
}

fn fmt_with_zone(timestamp: Timestamp, zone: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (date, time) = timestamp.split();
    date.fmt_common_era(f)?;
    write!(f, " {time}{zone}{}", date.era())
}

impl FromStr for Timestamp {
    type Err = ParseError;

    /// Takes what Hyper writes: `2024-02-29 12:34:56.789`, `0044-03-15 01:02:03 BC`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        match parse(text)? {
            (micros, None) => from_wide(micros).ok_or(ParseError::OutOfRange),
            (_, Some(_)) => Err(WANTED),
        }
    }
}

impl FromStr for TimestampTz {
    type Err = ParseError;

    /// Takes what Hyper writes, in any time zone: `2024-02-29 12:34:56+05:30`. Zones of long ago have seconds.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        match parse(text)? {
            (local, Some(offset)) => from_wide(local - offset).map(Self).ok_or(ParseError::OutOfRange),
            (_, None) => Err(ParseError::Malformed("a timestamp with an offset like 2024-02-29 12:34:56+00")),
        }
    }
}

const WANTED: ParseError = ParseError::Malformed("a timestamp like 2024-02-29 12:34:56.789");

/// Microseconds since Julian day 0, maybe just outside of the range, and those that the zone is ahead of UTC.
fn parse(text: &str) -> Result<(i128, Option<i128>), ParseError> {
    let mut cursor = Cursor::new(text);
    let (year, month, day) = year_month_day(&mut cursor).ok_or(WANTED)?;
    let time = cursor.take(" ").then(|| hms_micro(&mut cursor)).flatten().ok_or(WANTED)?;
    let offset = match cursor.peek() {
        Some(b'+' | b'-') => Some(offset(&mut cursor).ok_or(WANTED)?),
        _ => None,
    };
    let before_christ = cursor.take(" BC");
    if !cursor.is_at_end() {
        return Err(WANTED);
    }
    let (hour, minute, second, micro) = time;
    let time = Time::from_hms_micro(hour, minute, second, micro).ok_or(ParseError::OutOfRange)?;
    let day = local_day(year, month, day, before_christ)?;
    Ok((i128::from(day) * i128::from(MICROS_PER_DAY) + i128::from(time.as_micros()), offset))
}

/// The Julian day of a date in local time. West of Greenwich the earliest point in time is written with the day
/// before [`Date::MIN`], east of it the latest with the day behind [`Date::MAX`].
fn local_day(year: u64, month: u32, day: u32, before_christ: bool) -> Result<i64, ParseError> {
    match (year, month, day, before_christ) {
        (4714, 12, 31, true) => Ok(i64::from(Date::MIN.julian_day()) - 1),
        (294_277, 1, 1, false) => Ok(i64::from(Date::MAX.julian_day()) + 1),
        _ => in_era(year, month, day, before_christ).map(|date| date.julian_day().into()),
    }
}

/// Takes `+05`, `+05:30` or `-04:56:02`: microseconds ahead of UTC.
fn offset(cursor: &mut Cursor<'_>) -> Option<i128> {
    let sign = if cursor.take("-") { -1 } else { i64::from(cursor.take("+")) };
    let mut micros = i64::from(cursor.two_digits()?) * MICROS_PER_HOUR;
    for unit in [MICROS_PER_MINUTE, MICROS_PER_SECOND] {
        if cursor.take(":") {
            let number = cursor.two_digits().filter(|number| *number < 60)?;
            micros += i64::from(number) * unit;
        }
    }
    Some(i128::from(sign * micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use std::string::ToString;

    /// What the server wrote for one point in time, in sessions of several time zones.
    #[rstest]
    #[case("2024-02-29 12:34:56.789+00", "2024-02-29 18:04:56.789+05:30")]
    #[case("2024-02-29 12:34:56.789+00", "2024-02-29 07:34:56.789-05")]
    #[case("1850-02-27 12:34:56.789+00", "1850-02-27 18:28:24.789+05:53:28")]
    #[case("0044-02-27 12:34:56.789+00 BC", "0044-02-27 18:28:24.789+05:53:28 BC")]
    #[case("0044-02-27 12:34:56.789+00 BC", "0044-02-27 07:38:54.789-04:56:02 BC")]
    fn a_point_in_time_is_the_same_in_every_zone(#[case] utc: TimestampTz, #[case] elsewhere: TimestampTz) {
        assert_eq!(utc, elsewhere);
    }

    #[test]
    fn the_ends_of_the_range_can_be_written_in_local_time() {
        assert_eq!("4714-12-31 23:00:00-01 BC".parse(), Ok(TimestampTz::MIN));
        assert_eq!("294277-01-01 05:29:59.999999+05:30".parse(), Ok(TimestampTz::MAX));
        assert_eq!("4713-01-01 00:00:00+01 BC".parse::<TimestampTz>(), Err(ParseError::OutOfRange));
        assert_eq!("4714-12-31 23:00:00 BC".parse::<Timestamp>(), Err(ParseError::OutOfRange));
    }

    #[test]
    fn a_zone_must_be_there_exactly_if_the_type_has_one() {
        assert!("2024-02-29 00:00:00+00".parse::<Timestamp>().is_err());
        assert!("2024-02-29 00:00:00".parse::<TimestampTz>().is_err());
        for text in [
            "2024-02-29 00:00:00+",
            "2024-02-29 00:00:00+0",
            "2024-02-29 00:00:00+00:60",
            "2024-02-29 00:00:00Z",
        ] {
            assert!(matches!(text.parse::<TimestampTz>(), Err(ParseError::Malformed(_))), "{text:?}");
        }
    }

    #[test]
    fn unix_time_counts_from_1970() {
        let second = TimestampTz::from_unix_micros(1_000_000).expect("in range");
        assert_eq!(second.to_string(), "1970-01-01 00:00:01+00");
        assert_eq!(second.unix_micros(), 1_000_000);
        assert_eq!(TimestampTz::from_unix_micros(TimestampTz::MAX.unix_micros()), Some(TimestampTz::MAX));
        assert_eq!(TimestampTz::from_unix_micros(i128::MAX), None);
    }

    proptest! {
        #[test]
        fn text_is_read_back_as_it_was_written(micros in Timestamp::MIN.0..=Timestamp::MAX.0, cut in 0_u32..7) {
            let micros = (micros / 10_u64.pow(cut) * 10_u64.pow(cut)).max(Timestamp::MIN.0);
            let timestamp = Timestamp(micros);
            prop_assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
            prop_assert_eq!(TimestampTz(timestamp).to_string().parse(), Ok(TimestampTz(timestamp)));
            prop_assert_eq!(Timestamp::new(timestamp.date(), timestamp.time()), Some(timestamp));
        }
    }
}
