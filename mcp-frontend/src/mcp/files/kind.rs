//! What one text can be read as without a loss.

/// Decimal digits that a double keeps, whichever they are (IEEE 754).
pub(crate) const EXACT_DIGITS: usize = 15;
/// Digits of Hyper's longest `numeric`.
const LONGEST_NUMERIC: usize = 38;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Integer,
    Bigint,
    /// An integer of up to 38 digits.
    Huge,
    /// With a point, and no exponent.
    Decimal,
    /// With an exponent.
    Float,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    /// An object or array of JSON.
    Json,
    Text,
}

impl Kind {
    pub(crate) const ALL: [Self; 12] = [
        Self::Boolean,
        Self::Integer,
        Self::Bigint,
        Self::Huge,
        Self::Decimal,
        Self::Float,
        Self::Date,
        Self::Time,
        Self::Timestamp,
        Self::TimestampTz,
        Self::Json,
        Self::Text,
    ];
    pub(crate) const NUMBERS: [Self; 5] =
        [Self::Integer, Self::Bigint, Self::Huge, Self::Decimal, Self::Float];

    pub(crate) fn is_number(self) -> bool {
        Self::NUMBERS.contains(&self)
    }

    /// What JSON has no literals for.
    pub(crate) fn is_time(self) -> bool {
        matches!(self, Self::Date | Self::Time | Self::Timestamp | Self::TimestampTz)
    }
}

/// The kind of a text that is not NULL. What does not come back as it was written, such as `007`, is text.
pub(crate) fn classify(text: &str) -> Kind {
    let bytes = text.as_bytes();
    let known = match bytes.first() {
        Some(b'0'..=b'9') => number(bytes).or_else(|| time(bytes)),
        Some(b'-') => number(&bytes[1..]).filter(|_| text != "-0").map(|kind| negative(kind, text)),
        Some(b't' | b'T' | b'f' | b'F') => {
            let is = |word: &str| text.eq_ignore_ascii_case(word);
            (is("true") || is("false")).then_some(Kind::Boolean)
        }
        _ => None,
    };
    known.unwrap_or(Kind::Text)
}

/// `-2147483648` is narrower than its digits.
fn negative(kind: Kind, text: &str) -> Kind {
    match kind {
        Kind::Bigint if text.parse::<i32>().is_ok() => Kind::Integer,
        Kind::Huge if text.parse::<i64>().is_ok() => Kind::Bigint,
        kind => kind,
    }
}

/// A number without a sign.
fn number(bytes: &[u8]) -> Option<Kind> {
    let whole = digits(bytes);
    if whole == 0 || (whole > 1 && bytes[0] == b'0') {
        return None;
    }
    let mut rest = &bytes[whole..];
    if rest.is_empty() {
        return integer(bytes);
    }
    let mut places = 0;
    if rest[0] == b'.' {
        places = digits(&rest[1..]);
        if places == 0 {
            return None;
        }
        rest = &rest[1 + places..];
        if rest.is_empty() {
            return (whole + places <= usize::from(u8::MAX)).then_some(Kind::Decimal);
        }
    }
    let exponent = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E"))?;
    let exponent = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
    let is_number = !exponent.is_empty() && digits(exponent) == exponent.len();
    (is_number && whole + places <= EXACT_DIGITS + 2 && is_finite(bytes)).then_some(Kind::Float)
}

/// Some digits without a leading zero.
fn integer(bytes: &[u8]) -> Option<Kind> {
    if bytes.len() < 10 {
        return Some(Kind::Integer);
    }
    if bytes.len() > LONGEST_NUMERIC {
        return None;
    }
    let text = str::from_utf8(bytes).ok()?;
    Some(match text.parse::<i64>() {
        Ok(value) if value <= i64::from(i32::MAX) => Kind::Integer,
        Ok(_) => Kind::Bigint,
        Err(_) => Kind::Huge,
    })
}

fn is_finite(bytes: &[u8]) -> bool {
    let value = str::from_utf8(bytes).ok().and_then(|text| text.parse::<f64>().ok());
    value.is_some_and(f64::is_finite)
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// A date, a time, or both, as ISO 8601 and Hyper write them.
fn time(bytes: &[u8]) -> Option<Kind> {
    if bytes.get(2) == Some(&b':') {
        return clock(bytes)?.is_empty().then_some(Kind::Time);
    }
    let (year, month, day) = (field(bytes, 0..4)?, field(bytes, 5..7)?, field(bytes, 8..10)?);
    if bytes[4] != b'-' || bytes[7] != b'-' || !is_date(year, month, day) {
        return None;
    }
    match bytes.get(10) {
        None => Some(Kind::Date),
        Some(b' ' | b'T') => match clock(&bytes[11..])? {
            [] => Some(Kind::Timestamp),
            zone => is_zone(zone).then_some(Kind::TimestampTz),
        },
        Some(_) => None,
    }
}

/// What follows `hh:mm:ss[.ffffff]`.
fn clock(bytes: &[u8]) -> Option<&[u8]> {
    let (hour, minute, second) = (field(bytes, 0..2)?, field(bytes, 3..5)?, field(bytes, 6..8)?);
    if bytes[2] != b':' || bytes[5] != b':' || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let rest = &bytes[8..];
    let Some(fraction) = rest.strip_prefix(b".") else { return Some(rest) };
    let places = digits(fraction);
    // Hyper counts microseconds.
    let is_kept = places > 0 && fraction[..places].iter().skip(6).all(|digit| *digit == b'0');
    is_kept.then(|| &fraction[places..])
}

/// `Z`, `+02`, `-03:30`
fn is_zone(zone: &[u8]) -> bool {
    match zone {
        b"Z" => true,
        [b'+' | b'-', offset @ ..] => match offset.len() {
            2 => field(offset, 0..2).is_some_and(|hours| hours <= 14),
            5 => {
                offset[2] == b':'
                    && field(offset, 0..2).is_some_and(|hours| hours <= 14)
                    && field(offset, 3..5).is_some_and(|minutes| minutes <= 59)
            }
            _ => false,
        },
        _ => false,
    }
}

/// A number of digits at a fixed place.
fn field(bytes: &[u8], at: std::ops::Range<usize>) -> Option<u32> {
    let bytes = bytes.get(at)?;
    bytes.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')))
}

fn is_date(year: u32, month: u32, day: u32) -> bool {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    year > 0 && (1..=days).contains(&day)
}
