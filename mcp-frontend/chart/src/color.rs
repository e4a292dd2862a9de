//! Colors: those of series, and those that a caller wishes.

use std::collections::BTreeMap;

use plotters::style::RGBColor;
use serde::Deserialize;

pub(crate) const TEXT: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(crate) const QUIET_TEXT: RGBColor = RGBColor(0x55, 0x55, 0x55);
pub(crate) const GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);
/// Of axes, and of the line at zero.
pub(crate) const AXIS: RGBColor = RGBColor(0x88, 0x88, 0x88);
pub(crate) const BACKGROUND: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// Told apart by people who see all colors, and by those who do not: the set of Okabe and Ito (2008) without its yellow,
/// which is hard to see on white, then darker ones of Paul Tol's.
const SERIES: [RGBColor; 12] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x33, 0x22, 0x88),
    RGBColor(0x99, 0x99, 0x33),
    RGBColor(0x88, 0x22, 0x55),
    RGBColor(0x11, 0x77, 0x33),
    RGBColor(0x77, 0x77, 0x77),
    RGBColor(0x00, 0x00, 0x00),
];

/// More series than this are not told apart.
pub(crate) const MOST_SERIES: usize = SERIES.len();

/// Colors of a caller's choice.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "`options.colors` is a list like [\"#0072b2\"], or an object of them by series"
)]
pub enum Colors {
    /// One for each series in turn, again from the first if there are more series.
    InOrder(Vec<Hex>),
    /// By the names of series; the others have their usual colors.
    BySeries(BTreeMap<String, Hex>),
}

/// A color, made of a text like `#0072b2` or `#07b` with [`TryFrom`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Hex(RGBColor);

impl Colors {
    /// The one of a series, which is the `index`th.
    pub(crate) fn of(colors: Option<&Self>, name: &str, index: usize) -> RGBColor {
        let wished = match colors {
            Some(Self::InOrder(list)) if !list.is_empty() => Some(list[index % list.len()]),
            Some(Self::BySeries(by_name)) => by_name.get(name).copied(),
            _ => None,
        };
        wished.map_or(SERIES[index % SERIES.len()], |hex| hex.0)
    }
}

/// Black or white, whichever is read more easily on a color.
pub(crate) fn on(color: RGBColor) -> RGBColor {
    // Rec. 709.
    let light = 0.2126 * f64::from(color.0) + 0.7152 * f64::from(color.1) + 0.0722 * f64::from(color.2);
    if light > 140.0 { TEXT } else { BACKGROUND }
}

impl TryFrom<String> for Hex {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no color like #0072b2");
        let digits = text.strip_prefix('#').ok_or_else(wrong)?;
        let digits = match digits.len() {
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            _ => digits.to_owned(),
        };
        match u32::from_str_radix(&digits, 16) {
            Ok(number) if digits.len() == 6 => {
                let [_, red, green, blue] = number.to_be_bytes();
                Ok(Self(RGBColor(red, green, blue)))
            }
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colors(json: &str) -> Result<Colors, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn colors_are_taken_in_order_or_by_name() {
        let in_order = colors(r##"["#f00", "#00ff00"]"##).unwrap();
        let by_name = colors(r##"{"b": "#0000ff"}"##).unwrap();

        assert_eq!(Colors::of(Some(&in_order), "a", 2), RGBColor(255, 0, 0));
        assert_eq!(Colors::of(Some(&by_name), "b", 0), RGBColor(0, 0, 255));
        assert_eq!(Colors::of(Some(&by_name), "a", 0), SERIES[0]);
    }

    #[test]
    fn what_is_no_color_is_refused() {
        assert!(colors(r#"["red"]"#).is_err());
        assert!(colors(r##"["#12345"]"##).is_err());
    }

    #[test]
    fn letters_are_read_on_any_color() {
        assert_eq!(on(RGBColor(0, 0, 0)), BACKGROUND);
        assert_eq!(on(RGBColor(255, 230, 120)), TEXT);
    }
}
