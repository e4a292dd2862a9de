//! Binary floating point in text.

use core::fmt::{self, Display, LowerExp, Write};

use super::StackString;

/// Writes an `f64` with the fewest digits that tell it apart, as Hyper does if `extra_float_digits` is at least 1. Where
/// two such numbers are equally near, the last digit may be another than Hyper's.
pub(super) fn write_double(value: f64, f: &mut impl Write) -> fmt::Result {
    /// Hyper changes to the form with an exponent here.
    const EXPONENT: i32 = 15;
    write_special(value, f)?.map_or(Ok(()), |()| write_shortest(value, EXPONENT, f))
}

/// Like [`write_double`].
pub(super) fn write_real(value: f32, f: &mut impl Write) -> fmt::Result {
    const EXPONENT: i32 = 6;
    write_special(value.into(), f)?.map_or(Ok(()), |()| write_shortest(value, EXPONENT, f))
}

/// Writes what is no number; `Some` if that is still to be done.
fn write_special(value: f64, f: &mut impl Write) -> Result<Option<()>, fmt::Error> {
    let name = match value {
        _ if value.is_nan() => "NaN",
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => return Ok(Some(())),
    };
    f.write_str(name).map(|()| None)
}

fn write_shortest(value: impl Display + LowerExp, limit: i32, f: &mut impl Write) -> fmt::Result {
    // A sign, 17 digits, a point, an `e` and four places for the exponent.
    let mut text = StackString::<32>::new();
    write!(text, "{value:e}")?;
    let (digits, exponent) = text.as_str().split_once('e').ok_or(fmt::Error)?;
    let exponent: i32 = exponent.parse().map_err(|_| fmt::Error)?;
    if (-4..limit).contains(&exponent) {
        return write!(f, "{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(f, "{digits}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use std::string::String;

    fn double(value: f64) -> String {
        let mut text = String::new();
        write_double(value, &mut text).expect("a string takes everything");
        text
    }

    fn real(value: f32) -> String {
        let mut text = String::new();
        write_real(value, &mut text).expect("a string takes everything");
        text
    }

    /// What the server wrote in a session with `extra_float_digits=1`.
    #[rstest]
    #[case(1e14, "100000000000000")]
    #[case(1e15, "1e+15")]
    #[case(1_234_567_890_123_456.0, "1.234567890123456e+15")]
    #[case(1.234_567_890_123_456_8e20, "1.2345678901234568e+20")]
    #[case(0.0001, "0.0001")]
    #[case(0.000_012, "1.2e-05")]
    #[case(123_456_789.123_456_79, "123456789.12345679")]
    #[case(-0.0, "-0")]
    #[case(1e100, "1e+100")]
    #[case(f64::NAN, "NaN")]
    #[case(f64::NEG_INFINITY, "-Infinity")]
    fn doubles_look_as_hyper_writes_them(#[case] value: f64, #[case] text: &str) {
        assert_eq!(double(value), text);
    }

    #[rstest]
    #[case(123_456.0, "123456")]
    #[case(1_234_567.0, "1.234567e+06")]
    #[case(16_777_216.0, "1.6777216e+07")]
    #[case(0.000_12, "0.00012")]
    #[case(1e-45, "1e-45")]
    #[case(f32::INFINITY, "Infinity")]
    fn reals_look_as_hyper_writes_them(#[case] value: f32, #[case] text: &str) {
        assert_eq!(real(value), text);
    }

    proptest! {
        #[test]
        fn text_is_read_back_as_it_was_written(bits in any::<u64>(), short in any::<u32>()) {
            let (long, short) = (f64::from_bits(bits), f32::from_bits(short));
            prop_assert!(long.is_nan() || double(long).parse() == Ok(long));
            prop_assert!(short.is_nan() || real(short).parse() == Ok(short));
        }
    }
}
