//! Spans of time.

use core::fmt;
use core::str::FromStr;

use super::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};
use crate::row::scalar::exactly;
use crate::row::text::Cursor;
use crate::row::{Encoding, FromValue, ParseError, Type, ValueError, parse_text};
use crate::wire::Format;

/// An `interval`. Months and days have no fixed length, so the three parts do not mix, and each has its own sign.
///
/// Two intervals are equal if their parts are: 24 hours are not a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Interval {
    /// Months; 12 a year.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds; any number of hours.
    pub microseconds: i64,
}

impl<'a> FromValue<'a> for Interval {
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        match (encoding.ty(), encoding.format()) {
            (Type::Interval, Format::HyperBinary) => exactly(bytes).map(Self::from_le_bytes),
            (Type::Interval, Format::Text) => parse_text(bytes),
            (Type::Interval, Format::PgBinary) => Err(ValueError::UnsupportedFormat),
            _ => Err(ValueError::WrongType),
        }
    }
}

impl Interval {
    /// Hyper's binary form has the parts in one number: microseconds lowest, months highest.
    fn from_le_bytes(bytes: [u8; 16]) -> Self {
        let all = u128::from_le_bytes(bytes);
        // The casts take the parts apart.
        Self { microseconds: all as i64, days: (all >> 64) as i32, months: (all >> 96) as i32 }
    }

    /// Hyper's binary form.
    pub(in crate::row) fn to_le_bytes(self) -> [u8; 16] {
        let (low, days, months) =
            (self.microseconds.cast_unsigned(), self.days.cast_unsigned(), self.months.cast_unsigned());
        (u128::from(low) | u128::from(days) << 64 | u128::from(months) << 96).to_le_bytes()
    }
}

impl fmt::Display for Interval {
    /// ISO 8601, as Hyper writes it by default: `P1Y2M3DT4H5M6.789000S`, `PT0S`, `P1M-1DT1S`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("PT0S");
        }
        f.write_str("P")?;
        let parts = [(self.months / 12, 'Y'), (self.months % 12, 'M'), (self.days, 'D')];
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number != 0) {
            write!(f, "{number}{unit}")?;
        }
        if self.microseconds == 0 {
            return Ok(());
        }
        f.write_str("T")?;
        let (hours, rest) = (self.microseconds / MICROS_PER_HOUR, self.microseconds % MICROS_PER_HOUR);
        let (minutes, rest) = (rest / MICROS_PER_MINUTE, rest % MICROS_PER_MINUTE);
        for (number, unit) in [(hours, 'H'), (minutes, 'M')].into_iter().filter(|(number, _)| *number != 0) {
            write!(f, "{number}{unit}")?;
        }
        let (seconds, fraction) = (rest / MICROS_PER_SECOND, rest % MICROS_PER_SECOND);
        match (seconds, fraction) {
            (0, 0) => Ok(()),
            (_, 0) => write!(f, "{seconds}S"),
            _ => {
                let sign = if rest < 0 { "-" } else { "" };
                write!(f, "{sign}{}.{:06}S", seconds.unsigned_abs(), fraction.unsigned_abs())
            }
        }
    }
}

impl FromStr for Interval {
    type Err = ParseError;

    /// Takes ISO 8601 and what Hyper writes in sessions with `IntervalStyle=postgres`:
    /// `1 year 2 mons -3 days +04:05:06.789000`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        const WANTED: ParseError = ParseError::Malformed("an interval like P1Y2M3DT4H5M6.789S");
        let mut cursor = Cursor::new(text);
        let mut sums = Sums::default();
        let read = if cursor.take("P") {
            read_iso(&mut cursor, &mut sums)
        } else {
            read_postgres(&mut cursor, &mut sums)
        };
        if read.is_none() || !cursor.is_at_end() {
            return Err(WANTED);
        }
        sums.finish().ok_or(ParseError::OutOfRange)
    }
}

/// The parts while they are read; nothing that a text can hold overflows them: each term is below 2^104, and a kind
/// of term comes at most once.
#[derive(Default)]
struct Sums {
    months: i128,
    days: i128,
    microseconds: i128,
}

impl Sums {
    fn finish(self) -> Option<Interval> {
        Some(Interval {
            months: i32::try_from(self.months).ok()?,
            days: i32::try_from(self.days).ok()?,
            microseconds: i64::try_from(self.microseconds).ok()?,
        })
    }
}

/// Reads what follows the `P`: at least one number with its unit, the units in order.
fn read_iso(cursor: &mut Cursor<'_>, sums: &mut Sums) -> Option<()> {
    let mut units: &[u8] = b"YMD";
    let mut in_time = false;
    loop {
        if !in_time && cursor.take("T") {
            (units, in_time) = (b"HMS", true);
        }
        let (sign, (number, _)) = (sign(cursor), cursor.digits()?);
        let (has_point, micros) = (cursor.peek() == Some(b'.'), cursor.fraction()?);
        let position = units.iter().position(|unit| Some(*unit) == cursor.peek())?;
        let unit = units[position];
        cursor.skip();
        units = &units[position + 1..];
        let number = sign * i128::from(number);
        match (in_time, unit) {
            (true, b'S') => {
                sums.microseconds += number * i128::from(MICROS_PER_SECOND) + sign * i128::from(micros);
            }
            _ if has_point => return None,
            (false, b'Y') => sums.months += number * 12,
            (false, b'M') => sums.months += number,
            (false, _) => sums.days += number,
            (true, b'H') => sums.microseconds += number * i128::from(MICROS_PER_HOUR),
            (true, _) => sums.microseconds += number * i128::from(MICROS_PER_MINUTE),
        }
        if cursor.is_at_end() {
            return Some(());
        }
    }
}

/// Reads numbers with years, months and days, and at last hours, minutes and seconds, of which any may be missing.
fn read_postgres(cursor: &mut Cursor<'_>, sums: &mut Sums) -> Option<()> {
    /// Longer names before those that they begin with.
    const UNITS: [(&str, usize, i128); 6] = [
        (" years", 0, 12),
        (" year", 0, 12),
        (" mons", 1, 1),
        (" mon", 1, 1),
        (" days", 2, 1),
        (" day", 2, 1),
    ];
    let mut next_unit = 0;
    loop {
        let (sign, (number, _)) = (sign(cursor), cursor.digits()?);
        let number = i128::from(number);
        if cursor.take(":") {
            let minutes = cursor.two_digits()?;
            let seconds = cursor.take(":").then(|| cursor.two_digits())??;
            let micros = i128::from(cursor.fraction()?);
            let seconds = number * 3600 + i128::from(minutes) * 60 + i128::from(seconds);
            sums.microseconds = sign * (seconds * i128::from(MICROS_PER_SECOND) + micros);
            return Some(());
        }
        let (_, unit, factor) = UNITS.into_iter().find(|(name, ..)| cursor.take(name))?;
        if unit < next_unit {
            return None;
        }
        next_unit = unit + 1;
        *(if unit == 2 { &mut sums.days } else { &mut sums.months }) += sign * number * factor;
        if cursor.is_at_end() {
            return Some(());
        }
        cursor.take(" ").then_some(())?;
    }
}

fn sign(cursor: &mut Cursor<'_>) -> i128 {
    if cursor.take("-") {
        return -1;
    }
    cursor.take("+");
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use std::string::{String, ToString};

    /// What the server wrote in sessions with `IntervalStyle=postgres`, and by default.
    #[rstest]
    #[case("1 year 2 mons 3 days 04:05:06.789000", "P1Y2M3DT4H5M6.789000S")]
    #[case("-1 day", "P-1D")]
    #[case("1 mon -1 day +00:00:01", "P1M-1DT1S")]
    #[case("00:00:00", "PT0S")]
    #[case("-00:00:00.500000", "PT-0.500000S")]
    fn both_styles_say_the_same(#[case] postgres: Interval, #[case] iso: &str) {
        assert_eq!(Ok(postgres), iso.parse());
        assert_eq!(postgres.to_string(), iso);
    }

    #[test]
    fn the_parts_keep_their_signs() {
        let interval = Interval { months: -13, days: 5, microseconds: -14_706_789_000 };
        assert_eq!(interval.to_string(), "P-1Y-1M5DT-4H-5M-6.789000S");
        assert_eq!("P1DT-1H".parse(), Ok(Interval { months: 0, days: 1, microseconds: -3_600_000_000 }));
        assert_eq!("P1Y-1M".parse(), Ok(Interval { months: 11, ..Interval::default() }));
    }

    #[test]
    fn text_that_is_no_interval_is_refused() {
        for text in [
            "",
            "P",
            "PT",
            "P1",
            "P1YT",
            "P1S",
            "PT1Y",
            "P1M1Y",
            "P1.5Y",
            "PT1.5H",
            "PT.5S",
            "PT1.1234567S",
            "P1Y1Y",
            "P--1Y",
            "1",
            "1 day ",
            "1 day 2 years",
            "1 week",
            "1 day 1",
            "04:05",
            "1 day 04:05:06 1 mon",
            "P1D ",
            "PT1S1S",
        ] {
            assert!(matches!(text.parse::<Interval>(), Err(ParseError::Malformed(_))), "{text:?}");
        }
        for text in ["P2147483648D", "P178956971Y", "PT9223372036855S", "PT9999999999999999999H"] {
            assert_eq!(text.parse::<Interval>(), Err(ParseError::OutOfRange), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_and_bytes_are_read_back_as_they_were_written(
            months in any::<i32>(), days in any::<i32>(), microseconds in any::<i64>(), seconds in any::<bool>(),
        ) {
            let microseconds = if seconds { microseconds / MICROS_PER_SECOND * MICROS_PER_SECOND } else { microseconds };
            let interval = Interval { months, days, microseconds };
            prop_assert_eq!(interval.to_string().parse(), Ok(interval));
            prop_assert_eq!(Interval::from_le_bytes(interval.to_le_bytes()), interval);
        }

        #[test]
        fn no_text_panics(text in "[P+0-9a-zTYMDHS.: -]{0,40}", other in any::<String>()) {
            let _ = (text.parse::<Interval>(), other.parse::<Interval>());
        }
    }
}
