//! Exact decimals.

use core::cmp::Ordering;
use core::fmt::{self, Write};
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use super::scalar::exactly;
use super::{Encoding, FromValue, ParseError, StackString, Type, ValueError};
use crate::wire::Format;

/// A `numeric`: an integer divided by a power of ten. Exact to 38 digits, as Hyper's are.
///
/// Equality, order and hash go by value: 1.5 and 1.50 are equal. Displayed with all digits of its scale, as Hyper does.
#[derive(Clone, Copy, Debug)]
pub struct Numeric {
    unscaled: i128,
    scale: u8,
}

impl Numeric {
    /// The digits that a value can have, and at most how many of them behind the decimal point.
    pub const MAX_PRECISION: u8 = 38;

    /// `unscaled` / 10^`scale`; `None` if that has more than 38 digits, or more than 38 behind the point.
    #[must_use]
    pub const fn new(unscaled: i128, scale: u8) -> Option<Self> {
        if scale > Self::MAX_PRECISION || unscaled.unsigned_abs() >= 10_u128.pow(38) {
            return None;
        }
        Some(Self { unscaled, scale })
    }

    /// The value without its decimal point.
    #[must_use]
    pub const fn unscaled(self) -> i128 {
        self.unscaled
    }

    /// How many digits stand behind the decimal point.
    #[must_use]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// The nearest `f64`.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        // Dividing two rounded numbers would round twice; parsing rounds once.
        self.to_text().as_str().parse().unwrap_or(f64::NAN)
    }

    /// Integer part, and the fraction in units of 10^-38. Both have the sign of the value, so that comparing the pairs
    /// compares the values.
    fn parts(self) -> (i128, i128) {
        let one = 10_i128.pow(self.scale.into());
        let fraction = self.unscaled % one;
        (self.unscaled / one, fraction * 10_i128.pow(u32::from(Self::MAX_PRECISION - self.scale)))
    }

    fn to_text(self) -> StackString<{ 1 + 1 + 1 + 38 }> {
        let mut text = StackString::new();
        let one = 10_u128.pow(self.scale.into());
        let magnitude = self.unscaled.unsigned_abs();
        let sign = if self.unscaled < 0 { "-" } else { "" };
        // A sign, a zero, a point and 38 digits are the longest there is, and they fit.
        let _ = write!(text, "{sign}{}", magnitude / one);
        if self.scale > 0 {
            let _ = write!(text, ".{:0width$}", magnitude % one, width = usize::from(self.scale));
        }
        text
    }
}

impl<'a> FromValue<'a> for Numeric {
    fn from_value(bytes: &'a [u8], encoding: &Encoding) -> Result<Self, ValueError> {
        if encoding.ty() != Type::Numeric {
            return Err(ValueError::WrongType);
        }
        match encoding.format() {
            Format::Text => super::parse_text(bytes),
            Format::PgBinary => Err(ValueError::UnsupportedFormat),
            Format::HyperBinary => {
                let scale = encoding.scale().ok_or(ValueError::Malformed("a numeric with a scale"))?;
                let unscaled = match bytes.len() {
                    8 => i64::from_le_bytes(exactly(bytes)?).into(),
                    _ => i128::from_le_bytes(exactly(bytes)?),
                };
                Self::new(unscaled, scale).ok_or(ValueError::OutOfRange)
            }
        }
    }
}

/// Bytes of a binary `numeric`: up to 18 digits take 8, more take 16.
pub(super) fn binary_size(precision: Option<u8>) -> usize {
    if precision.is_some_and(|precision| precision <= 18) { 8 } else { 16 }
}

impl fmt::Display for Numeric {
    /// Honours width, fill and `+`, not precision: the scale is part of the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_text();
        f.pad_integral(self.unscaled >= 0, "", text.as_str().trim_start_matches('-'))
    }
}

impl FromStr for Numeric {
    type Err = ParseError;

    /// Takes an optional sign, digits, and optionally a point and digits; no exponent.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        const WANTED: ParseError = ParseError::Malformed("a decimal number like -1.50");
        let (negative, digits) = match text.as_bytes() {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] | digits => (false, digits),
        };
        let mut unscaled = 0_i128;
        let mut scale = None;
        let mut any = false;
        for &byte in digits {
            match byte {
                b'0'..=b'9' => {
                    any = true;
                    // The bound keeps 38 digits; the 39th of an i128 never comes into question.
                    unscaled = unscaled
                        .checked_mul(10)
                        .and_then(|tens| tens.checked_add(i128::from(byte - b'0')))
                        .ok_or(ParseError::OutOfRange)?;
                    scale = scale.map(|scale: u8| scale.saturating_add(1));
                }
                b'.' if scale.is_none() => scale = Some(0),
                _ => return Err(WANTED),
            }
        }
        if !any {
            return Err(WANTED);
        }
        Self::new(if negative { -unscaled } else { unscaled }, scale.unwrap_or(0))
            .ok_or(ParseError::OutOfRange)
    }
}

impl PartialEq for Numeric {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Numeric {}

impl PartialOrd for Numeric {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Numeric {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl Hash for Numeric {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl From<i64> for Numeric {
    fn from(value: i64) -> Self {
        Self { unscaled: value.into(), scale: 0 }
    }
}

impl From<i32> for Numeric {
    fn from(value: i32) -> Self {
        i64::from(value).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    fn numeric(text: &str) -> Numeric {
        text.parse().expect("a decimal number")
    }

    #[test]
    fn values_that_are_equal_have_one_hash_and_one_place_in_the_order() {
        assert_eq!(numeric("1.5"), numeric("1.50"));
        assert_eq!(numeric("-0.00"), numeric("0"));
        assert!(
            numeric("-1.5") < numeric("-1.49")
                && numeric("-0.01") < numeric("0")
                && numeric("9.9") < numeric("10")
        );
        let huge = numeric("99999999999999999999999999999999999999");
        assert!(
            numeric("0.99999999999999999999999999999999999999") < huge && huge.cmp(&huge) == Ordering::Equal
        );
    }

    #[test]
    fn thirty_eight_digits_are_kept_and_a_thirty_ninth_is_refused() {
        let digits = "12345678901234567890123456789012345678";
        assert_eq!(numeric(digits).to_string(), digits);
        assert_eq!(numeric("-.00000000000000000000000000000000000001").unscaled(), -1);
        assert_eq!("100000000000000000000000000000000000000".parse::<Numeric>(), Err(ParseError::OutOfRange));
        assert_eq!(
            "0.000000000000000000000000000000000000001".parse::<Numeric>(),
            Err(ParseError::OutOfRange)
        );
        assert_eq!(
            "999999999999999999999999999999999999999999999".parse::<Numeric>(),
            Err(ParseError::OutOfRange)
        );
    }

    #[test]
    fn what_is_no_decimal_number_is_refused() {
        for text in ["", "-", ".", "1.2.3", "1e5", " 1", "1 ", "NaN", "--1", "1,5", "٣"] {
            assert!(matches!(text.parse::<Numeric>(), Err(ParseError::Malformed(_))), "{text:?}");
        }
    }

    #[test]
    fn width_and_sign_are_honoured() {
        assert_eq!(
            std::format!("[{:>8}] [{:+}] [{:.1}]", numeric("-1.50"), numeric("2"), numeric("1.25")),
            "[   -1.50] [+2] [1.25]"
        );
    }

    #[test]
    fn the_nearest_double_is_rounded_once() {
        assert_eq!(numeric("0.1").to_f64(), 0.1);
        assert_eq!(numeric("9007199254740993").to_f64(), 9_007_199_254_740_992.0);
        assert_eq!(numeric("-1234567890.125").to_f64(), -1_234_567_890.125);
    }

    proptest! {
        #[test]
        fn text_is_read_back_as_it_was_written(unscaled in -(10_i128.pow(38) - 1)..10_i128.pow(38), scale in 0_u8..=38) {
            let value = Numeric::new(unscaled, scale).expect("within 38 digits");
            let read = numeric(&value.to_string());
            prop_assert_eq!((read.unscaled(), read.scale()), (unscaled, scale));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = text.parse::<Numeric>();
        }

        #[test]
        fn order_is_that_of_the_doubles_where_those_can_tell(a in any::<i32>(), b in any::<i32>(), s in 0_u8..6, t in 0_u8..6) {
            let (a, b) = (Numeric::new(a.into(), s).expect("small"), Numeric::new(b.into(), t).expect("small"));
            prop_assert_eq!(a.cmp(&b), a.to_f64().total_cmp(&b.to_f64()));
        }
    }

    use std::string::String;
}
