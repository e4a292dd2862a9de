//! Numbers as readers of a chart want them.

/// Beyond these a number is written with an exponent.
const LARGE: f64 = 1e15;
const SMALL: f64 = 1e-4;
/// Decimals that are never needed to tell ticks apart.
const MOST_DECIMALS: usize = 6;
/// Below it, a number such as the year 2024 has no separators.
const SEPARATED: f64 = 10_000.0;

/// How the numbers of one axis are written, all alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Numbers {
    /// So many decimals, of the number divided by this, with this behind it.
    Decimal { decimals: usize, unit: f64, suffix: &'static str },
    /// `1.5e6`, with so many decimals before the `e`.
    Exponent { decimals: usize },
}

impl Numbers {
    /// For ticks that lie `step` apart and reach as far from zero as `largest`.
    pub(crate) fn of_ticks(largest: f64, step: f64) -> Self {
        if largest >= LARGE || largest < SMALL && largest > 0.0 {
            let magnitude = 10_f64.powf(largest.log10().floor());
            return Self::Exponent { decimals: decimals(step / magnitude) };
        }
        let (unit, suffix) = unit(largest);
        if unit > 1.0 && decimals(step / unit) > 3 {
            // 1.00001M and 1.00002M would be hard to tell apart.
            return Self::Decimal { decimals: decimals(step), unit: 1.0, suffix: "" };
        }
        Self::Decimal { decimals: decimals(step / unit), unit, suffix }
    }

    pub(crate) fn show(self, number: f64) -> String {
        match self {
            _ if number == 0.0 => "0".to_owned(),
            Self::Decimal { decimals, unit, suffix } => {
                format!("{}{suffix}", separated(&format!("{:.decimals$}", number / unit)))
            }
            Self::Exponent { decimals } => format!("{number:.decimals$e}").replace('-', "−"),
        }
    }
}

/// A number by itself, to four digits.
pub(crate) fn short(number: f64) -> String {
    rounded(number, 4)
}

/// A number in a sentence, to six digits and with a plain minus.
pub(crate) fn plain(number: f64) -> String {
    rounded(number, 6).replace('−', "-")
}

fn rounded(number: f64, digits: usize) -> String {
    let size = number.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(SMALL..LARGE).contains(&size) {
        let shown = format!("{number:.*e}", digits - 1);
        let (mantissa, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
        return format!("{}e{exponent}", trimmed(mantissa)).replace('-', "−");
    }
    let (unit, suffix) = unit(size);
    let before_point = (size / unit).log10().floor() as i32 + 1;
    let decimals = usize::try_from(digits as i32 - before_point).unwrap_or(0);
    format!("{}{suffix}", separated(trimmed(&format!("{:.decimals$}", number / unit))))
}

/// What a number is best divided by, and what stands for that.
fn unit(size: f64) -> (f64, &'static str) {
    match size {
        _ if size >= 1e12 => (1e12, "T"),
        _ if size >= 1e9 => (1e9, "B"),
        _ if size >= 1e6 => (1e6, "M"),
        _ => (1.0, ""),
    }
}

/// How many decimals it takes to write a step exactly, or nearly so.
fn decimals(step: f64) -> usize {
    (0..MOST_DECIMALS)
        .find(|decimals| {
            let scaled = step * 10_f64.powi(*decimals as i32);
            scaled >= 0.5 && (scaled - scaled.round()).abs() < 1e-6 * scaled
        })
        .unwrap_or(MOST_DECIMALS)
}

/// Without zeros that say nothing.
fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// With a comma between thousands, and a minus that is as wide as a plus.
fn separated(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("−", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut shown = sign.to_owned();
    let grouped = digits.parse().is_ok_and(|size: f64| size >= SEPARATED);
    for (index, digit) in whole.chars().enumerate() {
        if grouped && index > 0 && (whole.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    if !fraction.is_empty() {
        shown.push('.');
        shown.push_str(fraction);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(largest: f64, step: f64, numbers: &[f64]) -> Vec<String> {
        let format = Numbers::of_ticks(largest, step);
        numbers.iter().map(|number| format.show(*number)).collect()
    }

    #[test]
    fn ticks_have_the_decimals_of_their_step() {
        assert_eq!(ticks(1.0, 0.25, &[0.0, 0.25, -0.5, 1.0]), ["0", "0.25", "−0.50", "1.00"]);
        assert_eq!(ticks(2024.0, 1.0, &[2023.0, 2024.0]), ["2023", "2024"]);
        assert_eq!(ticks(30_000.0, 5000.0, &[5000.0, 30_000.0]), ["5000", "30,000"]);
    }

    #[test]
    fn large_ticks_share_a_unit() {
        assert_eq!(ticks(1.5e6, 5e5, &[5e5, 1e6, 1.5e6]), ["0.5M", "1.0M", "1.5M"]);
        assert_eq!(ticks(3e9, 1e9, &[1e9, 3e9]), ["1B", "3B"]);
        assert_eq!(ticks(1_000_020.0, 10.0, &[1_000_010.0]), ["1,000,010"]);
    }

    #[test]
    fn numbers_beyond_all_measure_have_an_exponent() {
        assert_eq!(ticks(2e20, 5e19, &[5e19, -2e20]), ["5.0e19", "−2.0e20"]);
        assert_eq!(ticks(2e-7, 1e-7, &[1e-7]), ["1e−7"]);
    }

    #[test]
    fn a_number_by_itself_has_four_digits() {
        let shown = [1234.56, 12_345.6, -1_234_567.0, 0.123_456, 5.0, 2.5e-9, 1e18].map(short);

        assert_eq!(shown, ["1235", "12,346", "−1.235M", "0.1235", "5", "2.5e−9", "1e18"]);
    }

    #[test]
    fn a_sentence_has_a_plain_minus() {
        assert_eq!(plain(-1234.5), "-1234.5");
    }
}
