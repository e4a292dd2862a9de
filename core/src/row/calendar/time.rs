//! Times of day.

use core::fmt;
use core::str::FromStr;

use super::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};
use crate::row::scalar::exactly;
use crate::row::text::Cursor;
use crate::row::{Encoding, FromValue, ParseError, Type, ValueError, parse_text};
use crate::wire::Format;

/// A `time` of day, in microseconds. Hyper has both 00:00:00 and 24:00:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// 00:00:00.
    pub const MIN: Self = Self(0);
    /// 24:00:00.
    pub const MAX: Self = Self(MICROS_PER_DAY);

    /// The time that is so many microseconds after midnight; `None` if that is not on the same day.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros < 0 || micros > MICROS_PER_DAY { None } else { Some(Self(micros)) }
    }

    /// A time of day; `None` if there is none such. 24 hours are allowed if nothing follows.
    #[must_use]
    pub fn from_hms_micro(hour: u32, minute: u32, second: u32, micro: u32) -> Option<Self> {
        if hour > 24 || minute > 59 || second > 59 || micro > 999_999 {
            return None;
        }
        let micros = i64::from(hour) * MICROS_PER_HOUR
            + i64::from(minute) * MICROS_PER_MINUTE
            + i64::from(second) * MICROS_PER_SECOND
            + i64::from(micro);
        Self::from_micros(micros)
    }

    /// Microseconds since midnight.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Hour (24 at the end of the day), minute, second, microsecond.
    #[must_use]
    pub const fn hms_micro(self) -> (u32, u32, u32, u32) {
        // A day's microseconds, divided: each is small.
        (
            (self.0 / MICROS_PER_HOUR) as u32,
            (self.0 / MICROS_PER_MINUTE % 60) as u32,
            (self.0 / MICROS_PER_SECOND % 60) as u32,
            (self.0 % MICROS_PER_SECOND) as u32,
        )
    }
}

impl<'a> FromValue<'a> for Time {
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        match (encoding.ty(), encoding.format()) {
            // Hyper stores longer times if they are loaded in binary; they are no times of day.
            (Type::Time, Format::HyperBinary) => {
                Self::from_micros(i64::from_le_bytes(exactly(bytes)?)).ok_or(ValueError::OutOfRange)
            }
            (Type::Time, Format::Text) => parse_text(bytes),
            (Type::Time, Format::PgBinary) => Err(ValueError::UnsupportedFormat),
            _ => Err(ValueError::WrongType),
        }
    }
}

impl fmt::Display for Time {
    /// Microseconds are written as far as they are not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second, micro) = self.hms_micro();
        write!(f, "{hour:02}:{minute:02}:{second:02}")?;
        let (mut fraction, mut digits) = (micro, 6);
        if fraction == 0 {
            return Ok(());
        }
        while fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        write!(f, ".{fraction:0digits$}")
    }
}

impl FromStr for Time {
    type Err = ParseError;

    /// Takes what Hyper writes: `12:34:56`, `12:34:56.789012`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        const WANTED: ParseError = ParseError::Malformed("a time like 12:34:56.789");
        let mut cursor = Cursor::new(text);
        let (hour, minute, second, micro) = hms_micro(&mut cursor).ok_or(WANTED)?;
        if !cursor.is_at_end() {
            return Err(WANTED);
        }
        Self::from_hms_micro(hour, minute, second, micro).ok_or(ParseError::OutOfRange)
    }
}

/// Takes two digits each of hour, minute and second, and a fraction if there is one.
pub(super) fn hms_micro(cursor: &mut Cursor<'_>) -> Option<(u32, u32, u32, u32)> {
    let hour = cursor.two_digits()?;
    let minute = cursor.take(":").then(|| cursor.two_digits())??;
    let second = cursor.take(":").then(|| cursor.two_digits())??;
    Some((hour, minute, second, cursor.fraction()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    #[test]
    fn the_day_has_both_its_ends() {
        assert_eq!(Time::MIN.to_string(), "00:00:00");
        assert_eq!(Time::MAX.to_string(), "24:00:00");
        assert_eq!("24:00:00".parse(), Ok(Time::MAX));
        assert_eq!("24:00:00.000001".parse::<Time>(), Err(ParseError::OutOfRange));
        assert_eq!(Time::from_micros(-1), None);
    }

    #[test]
    fn text_that_is_no_time_is_refused() {
        for text in
            ["", "12", "12:34", "1:02:03", "12:34:56.", "12:34:56.1234567", "12:34:56 ", "12:34:56+00"]
        {
            assert!(matches!(text.parse::<Time>(), Err(ParseError::Malformed(_))), "{text:?}");
        }
        for text in ["25:00:00", "12:60:00", "12:00:60"] {
            assert_eq!(text.parse::<Time>(), Err(ParseError::OutOfRange), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_is_read_back_as_it_was_written(micros in 0..=MICROS_PER_DAY, cut in 0_u32..7) {
            let time = Time(micros / 10_i64.pow(cut) * 10_i64.pow(cut));
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            let (hour, minute, second, micro) = time.hms_micro();
            prop_assert_eq!(Time::from_hms_micro(hour, minute, second, micro), Some(time));
        }
    }
}
