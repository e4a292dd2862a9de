//! What the texts of a column say of its type.

use super::kind::{EXACT_DIGITS, Kind, classify};

/// A column keeps so many characters of a value that it may have to show.
const SHOWN: usize = 60;
/// Decimals with at most so many places are kept exactly, as amounts of money are; longer ones are measured numbers.
const EXACT_PLACES: u8 = 4;
/// What `numeric` takes up to without becoming wider and slower in Hyper.
const NARROW: u8 = 18;
/// Hyper's longest `numeric`.
const WIDEST: u8 = 38;

/// All values of a column so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// By kind: how many there were, and the first.
    seen: [Option<Seen>; Kind::ALL.len()],
    /// Digits before the point, at most.
    whole: u8,
    /// Digits behind the point, at most.
    places: u8,
    /// The first value with as many of them.
    longest: Option<Sample>,
    /// The first number that a double does not keep.
    inexact: Option<Sample>,
    pub(crate) nulls: u64,
}

#[derive(Clone, Debug)]
struct Seen {
    count: u64,
    first: Sample,
}

/// A value, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) place: Place,
    pub(crate) text: String,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Of several files, from 0.
    pub(crate) file: usize,
    /// From 1; of JSON the number of the row.
    pub(crate) line: u64,
}

impl Evidence {
    /// Takes a value of this place.
    pub(crate) fn see(&mut self, text: &str, place: Place) {
        self.see_as(classify(text), text, place);
    }

    /// Takes a value whose kind is known.
    pub(crate) fn see_as(&mut self, kind: Kind, text: &str, place: Place) {
        match &mut self.seen[kind as usize] {
            Some(seen) => seen.count += 1,
            none => *none = Some(Seen { count: 1, first: Sample::of(text, place) }),
        }
        if kind.is_number() {
            self.measure(kind, text, place);
        }
    }

    pub(crate) fn see_null(&mut self) {
        self.nulls += 1;
    }

    /// The narrowest type that holds every value as it is.
    pub(crate) fn ty(&self) -> String {
        let only = |kinds: &[Kind]| Kind::ALL.iter().all(|kind| !self.has(*kind) || kinds.contains(kind));
        if only(&[]) {
            return "text".to_owned();
        }
        if only(&Kind::NUMBERS) {
            return self.number_type();
        }
        let of_one_family = [
            ("boolean", &[Kind::Boolean][..]),
            ("date", &[Kind::Date]),
            ("timestamp", &[Kind::Date, Kind::Timestamp]),
            ("timestamptz", &[Kind::TimestampTz]),
            ("time", &[Kind::Time]),
            ("json", &[Kind::Json]),
        ];
        let family = of_one_family.iter().find(|(_, kinds)| only(kinds));
        family.map_or("text", |(ty, _)| ty).to_owned()
    }

    /// The first value that this type would silently change.
    pub(crate) fn changed_by(&self, ty: &str) -> Option<&Sample> {
        let first = |kinds: &[Kind]| {
            kinds.iter().filter_map(|kind| self.seen[*kind as usize].as_ref()).map(|seen| &seen.first).next()
        };
        let (name, modifiers) = modifiers(ty);
        match (name.as_str(), modifiers.as_slice()) {
            ("smallint" | "integer" | "int" | "bigint", _) => first(&[Kind::Decimal, Kind::Float]),
            ("numeric" | "decimal", places) => {
                let places = places.get(1).copied().unwrap_or(0);
                self.longest.as_ref().filter(|_| u32::from(self.places) > places)
            }
            ("double precision" | "float" | "real", _) => self.inexact.as_ref(),
            ("date", _) => first(&[Kind::Timestamp, Kind::TimestampTz]),
            ("timestamp", _) => first(&[Kind::TimestampTz]),
            _ => None,
        }
    }

    /// Whether most values are of another kind than text, and yet it is a text: with the first that makes it one.
    pub(crate) fn spoiled_by(&self) -> Option<(&Sample, u64)> {
        let text = self.seen[Kind::Text as usize].as_ref()?;
        let others: u64 = Kind::ALL
            .iter()
            .filter(|kind| **kind != Kind::Text)
            .filter_map(|kind| self.seen[*kind as usize].as_ref())
            .map(|seen| seen.count)
            .sum();
        (others > text.count).then_some((&text.first, text.count))
    }

    fn has(&self, kind: Kind) -> bool {
        self.seen[kind as usize].is_some()
    }

    fn measure(&mut self, kind: Kind, text: &str, place: Place) {
        let digits = text.trim_start_matches('-');
        let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
        if kind != Kind::Float {
            let [whole, digits] = [whole, places].map(|part| u8::try_from(part.len()).unwrap_or(u8::MAX));
            self.whole = self.whole.max(whole);
            if digits > self.places {
                self.places = digits;
                self.longest = Some(Sample::of(text, place));
            }
        }
        let is_long = whole.len() + places.len() > EXACT_DIGITS;
        if is_long && kind != Kind::Float && self.inexact.is_none() && !is_kept_by_double(text) {
            self.inexact = Some(Sample::of(text, place));
        }
    }

    fn number_type(&self) -> String {
        let digits = self.whole.saturating_add(self.places);
        if !self.has(Kind::Float) {
            if self.has(Kind::Decimal) {
                if digits <= NARROW && self.places <= EXACT_PLACES {
                    return format!("numeric({NARROW},{})", self.places);
                }
                if self.inexact.is_some() {
                    return match digits <= WIDEST {
                        true => format!("numeric({WIDEST},{})", self.places),
                        false => "text".to_owned(),
                    };
                }
            } else if self.has(Kind::Huge) {
                return format!("numeric({WIDEST},0)");
            } else {
                return if self.has(Kind::Bigint) { "bigint" } else { "integer" }.to_owned();
            }
        }
        if self.inexact.is_some() { "text" } else { "double precision" }.to_owned()
    }
}

impl Sample {
    fn of(text: &str, place: Place) -> Self {
        let mut shown: String = text.chars().take(SHOWN).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Self { place, text: shown }
    }
}

/// Whether a decimal text comes back from a double digit by digit.
fn is_kept_by_double(text: &str) -> bool {
    let Ok(value) = text.parse::<f64>() else { return false };
    let plain = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    };
    // Without an exponent, however large or small.
    value.to_string() == plain
}

/// `numeric(18,2)` as `numeric` and `[18, 2]`.
pub(crate) fn modifiers(ty: &str) -> (String, Vec<u32>) {
    let ty = ty.trim().to_ascii_lowercase();
    match ty.split_once('(') {
        Some((name, rest)) => {
            let numbers = rest.split(')').next().unwrap_or_default();
            (name.trim().to_owned(), numbers.split(',').filter_map(|n| n.trim().parse().ok()).collect())
        }
        None => (ty, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(values: &[&str]) -> Evidence {
        let mut evidence = Evidence::default();
        for (line, value) in (1..).zip(values) {
            match *value {
                "" => evidence.see_null(),
                value => evidence.see(value, Place { file: 0, line }),
            }
        }
        evidence
    }

    fn ty(values: &[&str]) -> String {
        evidence(values).ty()
    }

    #[test]
    fn integers_are_as_wide_as_they_must_be() {
        assert_eq!(ty(&["1", "", "-2147483648", "2147483647"]), "integer");
        assert_eq!(ty(&["1", "2147483648"]), "bigint");
        assert_eq!(ty(&["-9223372036854775808"]), "bigint");
        assert_eq!(ty(&["9223372036854775808"]), "numeric(38,0)");
        assert_eq!(ty(&["1", &"9".repeat(39)]), "text");
    }

    #[test]
    fn what_a_number_would_lose_stays_text() {
        for lossy in ["007", "+1", "-0", "1,000", " 1", "1 ", "0x10", "00.5", "1_000"] {
            assert_eq!(ty(&["1", lossy]), "text", "{lossy}");
        }
    }

    #[test]
    fn money_is_exact_and_measured_numbers_are_double() {
        assert_eq!(ty(&["12.50", "3", "0.1"]), "numeric(18,2)");
        assert_eq!(ty(&["0.123456", "2"]), "double precision");
        assert_eq!(ty(&["1e3", "2.5"]), "double precision");
        assert_eq!(ty(&["0.30000000000000004"]), "double precision");
        assert_eq!(ty(&["1.5", "NaN"]), "text");
    }

    #[test]
    fn decimals_that_no_double_keeps_are_numeric_or_text() {
        assert_eq!(ty(&["12345678901234567.891"]), "numeric(38,3)");
        assert_eq!(ty(&["0.1234567890123456789"]), "numeric(38,19)");
        assert_eq!(ty(&["0.1234567890123456789", "1e5"]), "text");
        assert_eq!(ty(&["9007199254740993", "1e5"]), "text");
        assert_eq!(ty(&["9007199254740992", "1e5"]), "double precision");
    }

    #[test]
    fn times_are_what_iso_8601_says() {
        assert_eq!(ty(&["2024-02-29"]), "date");
        assert_eq!(ty(&["2023-02-29"]), "text");
        assert_eq!(ty(&["2024-02-29", "2024-02-29 12:00:00"]), "timestamp");
        assert_eq!(ty(&["2024-02-29T12:00:00.123456"]), "timestamp");
        assert_eq!(ty(&["2024-02-29T12:00:00.1234567"]), "text");
        assert_eq!(ty(&["2024-02-29T12:00:00Z", "2024-02-29 12:00:00+02:00"]), "timestamptz");
        assert_eq!(ty(&["2024-02-29T12:00:00Z", "2024-02-29T12:00:00"]), "text");
        assert_eq!(ty(&["12:34:56"]), "time");
        assert_eq!(ty(&["29.02.2024"]), "text");
    }

    #[test]
    fn true_and_false_are_boolean_and_nothing_at_all_is_text() {
        assert_eq!(ty(&["true", "FALSE", ""]), "boolean");
        assert_eq!(ty(&["true", "1"]), "text");
        assert_eq!(ty(&["", ""]), "text");
    }

    #[test]
    fn what_a_type_would_change_is_found() {
        let amounts = evidence(&["1.5", "1.234", "1.2345"]);

        assert_eq!(amounts.changed_by("numeric(18,4)"), None);
        assert_eq!(amounts.changed_by("numeric(18, 2)").unwrap().place.line, 3);
        assert_eq!(amounts.changed_by("integer").unwrap().text, "1.5");
        assert_eq!(amounts.changed_by("text"), None);
        assert_eq!(evidence(&["9007199254740993"]).changed_by("double precision").unwrap().place.line, 1);
    }

    #[test]
    fn a_few_odd_values_among_numbers_are_pointed_at() {
        let numbers = evidence(&["1", "2", "n/a", "3"]);

        assert_eq!(
            numbers.spoiled_by().unwrap().0,
            &Sample { place: Place { file: 0, line: 3 }, text: "n/a".to_owned() }
        );
        assert!(evidence(&["a", "b", "3"]).spoiled_by().is_none());
    }
}
