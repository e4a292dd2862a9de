//! Dates, times, points in time, and intervals: Hyper's ranges, Hyper's text.
//!
//! Dates follow the Gregorian calendar, also before there was one. Years are astronomical in numbers, so that they can be
//! reckoned with (0 is 1 BC, -1 is 2 BC), and historical in text (`0001-12-31 BC`), as Hyper writes them.

mod date;
mod interval;
mod time;
mod timestamp;

pub use date::Date;
pub use interval::Interval;
pub use time::Time;
pub use timestamp::{Timestamp, TimestampTz};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;
const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;

/// The Julian day of 1970-01-01.
const UNIX_EPOCH_DAY: i64 = 2_440_588;
