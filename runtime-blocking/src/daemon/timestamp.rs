//! The wall clock, for people.

use std::time::{SystemTime, UNIX_EPOCH};

use hyperwire_core::row::TimestampTz;

/// The time in RFC 3339, UTC, to the microsecond: as records and logs have it.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    let micros = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    let Some(time) = i128::try_from(micros).ok().and_then(TimestampTz::from_unix_micros) else {
        return "unknown".to_owned();
    };
    let (year, month, day) = time.utc().date().ymd();
    let (hour, minute, second, micro) = time.utc().time().hms_micro();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}+00:00")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moment_is_written_as_the_rfc_wants_it() {
        let time = UNIX_EPOCH + Duration::from_micros(1_000_000_000_000_001);

        assert_eq!(rfc3339(time), "2001-09-09T01:46:40.000001+00:00");
    }
}
