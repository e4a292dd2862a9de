//! Points in time: as numbers, and as ticks that lie on full hours, days, months or years.

use hyperwire_core::row::{Date, Time, Timestamp, TimestampTz};

const SECOND: f64 = 1e6;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;
/// 1970-01-05, a Monday, where weeks begin.
const MONDAY: f64 = 4.0 * DAY;
/// The Julian day of 1970-01-01.
const EPOCH: f64 = 2_440_588.0;

/// What kind of time an axis shows. All are microseconds since 1970-01-01, as doubles, which hold them exactly for the
/// years 1684 to 2255 and to a few microseconds for all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Date,
    Timestamp,
    /// Shown in UTC.
    TimestampTz,
    /// Within one day, of no date.
    Time,
}

/// A tick of a time axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moment {
    pub(crate) at: f64,
    /// `12:30`, `5 Mar`, `Mar`.
    pub(crate) label: String,
    /// What the label belongs to: `5 Mar 2024`, `2024`. Nothing where it is the same as at the tick before.
    pub(crate) context: Option<String>,
}

/// The distance of ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// Microseconds: up to two weeks.
    Fixed(f64),
    Months(i64),
}

impl Clock {
    /// Microseconds out of Hyper's text, in whatever time zone that is.
    pub(crate) fn parse(self, text: &str) -> Option<f64> {
        match self {
            Self::Date => text.parse::<Date>().ok().map(|date| f64::from(date.unix_days()) * DAY),
            Self::Timestamp => text.parse::<Timestamp>().ok().map(of_timestamp),
            Self::TimestampTz => text.parse::<TimestampTz>().ok().map(|moment| of_timestamp(moment.utc())),
            Self::Time => text.parse::<Time>().ok().map(|time| time.as_micros() as f64),
        }
    }

    /// The same out of what a caller wrote, who may leave out the time of day or write a `T`.
    pub(crate) fn parse_loosely(self, text: &str) -> Option<f64> {
        let spaced = text.trim().trim_end_matches('Z').replacen('T', " ", 1);
        let kinds = [self, Self::TimestampTz, Self::Timestamp, Self::Date];
        kinds.into_iter().find_map(|clock| clock.parse(&spaced))
    }

    /// A moment in full.
    pub(crate) fn show(self, at: f64) -> String {
        let Some((date, time)) = split(at) else { return String::new() };
        match self {
            Self::Date => date.to_string(),
            Self::Timestamp => format!("{date} {time}"),
            Self::TimestampTz => format!("{date} {time} UTC"),
            Self::Time => time.to_string(),
        }
    }

    /// About `wanted` ticks, or fewer, no closer together than `least`.
    pub(crate) fn ticks(self, min: f64, max: f64, wanted: usize, least: f64) -> Vec<Moment> {
        let step = self.step(((max - min) / wanted.max(1) as f64).max(least));
        let mut before = None;
        step.from(min, max)
            .into_iter()
            .filter_map(|at| {
                let (label, context) = self.label(at, step)?;
                let new = context != before;
                before.clone_from(&context);
                Some(Moment { at, label, context: if new { context } else { None } })
            })
            .collect()
    }

    /// The borders of spans that are about `wanted`, and all of `min` to `max` within them.
    pub(crate) fn spans(self, min: f64, max: f64, wanted: usize) -> Vec<f64> {
        let step = self.step((max - min) / wanted.max(1) as f64);
        let length = match step {
            Step::Fixed(length) => length,
            Step::Months(months) => months as f64 * 31.0 * DAY,
        };
        let mut borders = step.from(min - length, max + length);
        let first = borders.iter().rposition(|border| *border <= min).unwrap_or(0);
        let last = borders.iter().position(|border| *border > max).unwrap_or(borders.len() - 1);
        borders.truncate(last + 1);
        borders.split_off(first)
    }

    /// The smallest that is not below so many microseconds.
    fn step(self, least: f64) -> Step {
        const FIXED: [f64; 24] = [
            SECOND,
            2.0 * SECOND,
            5.0 * SECOND,
            10.0 * SECOND,
            15.0 * SECOND,
            30.0 * SECOND,
            MINUTE,
            2.0 * MINUTE,
            5.0 * MINUTE,
            10.0 * MINUTE,
            15.0 * MINUTE,
            30.0 * MINUTE,
            HOUR,
            2.0 * HOUR,
            3.0 * HOUR,
            6.0 * HOUR,
            12.0 * HOUR,
            DAY,
            2.0 * DAY,
            3.0 * DAY,
            4.0 * DAY,
            5.0 * DAY,
            7.0 * DAY,
            14.0 * DAY,
        ];
        const MONTHS: [i64; 4] = [1, 2, 3, 6];
        const YEARS: [i64; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
        let smallest = if self == Self::Date { DAY } else { 1.0 };
        if least < SECOND && smallest < SECOND {
            let magnitude = 10_f64.powf(least.max(1.0).log10().floor());
            let round = [1.0, 2.0, 5.0, 10.0].map(|step| step * magnitude);
            return Step::Fixed(round.into_iter().find(|step| *step >= least).unwrap_or(SECOND));
        }
        if let Some(step) = FIXED.into_iter().find(|step| *step >= least.max(smallest)) {
            return Step::Fixed(step);
        }
        // The shortest there is; a tick too many is seen when labels have no room.
        let months = MONTHS.into_iter().chain(YEARS.map(|years| 12 * years));
        let step = months.into_iter().find(|months| *months as f64 * 28.0 * DAY >= least);
        Step::Months(step.unwrap_or(120_000))
    }

    fn label(self, at: f64, step: Step) -> Option<(String, Option<String>)> {
        let (date, time) = split(at)?;
        let (year, month, day) = date.ymd();
        let month = MONTH_NAMES[month as usize - 1];
        let year = if year > 0 { year.to_string() } else { format!("{} BC", 1 - year) };
        let (hour, minute, second, micro) = time.hms_micro();
        Some(match step {
            Step::Months(months) if months % 12 == 0 => (year, None),
            Step::Months(_) => (month.to_owned(), Some(year)),
            Step::Fixed(step) if step >= DAY => (format!("{day} {month}"), Some(year)),
            Step::Fixed(step) => {
                let mut label = format!("{hour:02}:{minute:02}");
                if step < MINUTE {
                    label.push_str(&format!(":{second:02}"));
                }
                if step < SECOND {
                    let decimals = (6.0 - step.log10().floor()) as usize;
                    label.push_str(&format!(".{micro:06}")[..=decimals.min(6)]);
                }
                (label, (self != Self::Time).then(|| format!("{day} {month} {year}")))
            }
        })
    }
}

impl Step {
    /// All ticks within a range.
    fn from(self, min: f64, max: f64) -> Vec<f64> {
        match self {
            Self::Fixed(step) => {
                let origin = if step > DAY { MONDAY } else { 0.0 };
                let (first, last) = (((min - origin) / step).ceil(), ((max - origin) / step).floor());
                (0..=(last - first).max(-1.0) as i64)
                    .map(|index| origin + (first + index as f64) * step)
                    .filter(|at| *at <= max)
                    .collect()
            }
            Self::Months(step) => {
                let Some(first) = split(min).map(|(date, _)| month_of(date).div_euclid(step) * step) else {
                    return Vec::new();
                };
                (0..)
                    .map_while(|index| start_of(first + index * step))
                    .take_while(|at| *at <= max)
                    .filter(|at| *at >= min)
                    .collect()
            }
        }
    }
}

const MONTH_NAMES: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Months since the year 0 began.
fn month_of(date: Date) -> i64 {
    let (year, month, _) = date.ymd();
    i64::from(year) * 12 + i64::from(month) - 1
}

/// When a month begins; `None` outside of Hyper's calendar.
fn start_of(month: i64) -> Option<f64> {
    let year = i32::try_from(month.div_euclid(12)).ok()?;
    let date = Date::from_ymd(year, month.rem_euclid(12) as u32 + 1, 1)?;
    Some(f64::from(date.unix_days()) * DAY)
}

fn of_timestamp(timestamp: Timestamp) -> f64 {
    f64::from(timestamp.date().unix_days()) * DAY + timestamp.time().as_micros() as f64
}

/// Day and time of day; `None` outside of Hyper's calendar.
fn split(at: f64) -> Option<(Date, Time)> {
    let day = (at / DAY).floor();
    let julian = day + EPOCH;
    if !(0.0..=f64::from(u32::MAX)).contains(&julian) {
        return None;
    }
    Some((Date::from_julian_day(julian as u32)?, Time::from_micros((at - day * DAY).round() as i64)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(clock: Clock, from: &str, to: &str, wanted: usize) -> Vec<String> {
        let [from, to] = [from, to].map(|text| clock.parse(text).unwrap());
        let shown = |tick: Moment| match tick.context {
            Some(context) => format!("{}|{context}", tick.label),
            None => tick.label,
        };
        clock.ticks(from, to, wanted, 0.0).into_iter().map(shown).collect()
    }

    #[test]
    fn days_lie_on_mondays_when_there_are_many() {
        let shown = ticks(Clock::Date, "2023-12-20", "2024-01-20", 5);

        assert_eq!(shown, ["25 Dec|2023", "1 Jan|2024", "8 Jan", "15 Jan"]);
    }

    #[test]
    fn months_and_years_begin_on_their_first_day() {
        assert_eq!(
            ticks(Clock::Date, "2023-10-05", "2024-03-05", 6),
            ["Nov|2023", "Dec", "Jan|2024", "Feb", "Mar"]
        );
        assert_eq!(ticks(Clock::Date, "1990-06-01", "2024-06-01", 4), ["2000", "2010", "2020"]);
    }

    #[test]
    fn dates_have_no_ticks_between_days() {
        assert_eq!(ticks(Clock::Date, "2024-02-28", "2024-03-01", 20), ["28 Feb|2024", "29 Feb", "1 Mar"]);
    }

    #[test]
    fn hours_say_which_day_they_are_of() {
        let shown = ticks(Clock::Timestamp, "2024-02-29 10:00:00", "2024-03-01 11:00:00", 5);

        assert_eq!(shown, ["12:00|29 Feb 2024", "18:00", "00:00|1 Mar 2024", "06:00"]);
    }

    #[test]
    fn seconds_have_as_many_decimals_as_they_need() {
        let shown = ticks(Clock::Time, "12:00:00", "12:00:00.5", 5);

        assert_eq!(
            shown,
            ["12:00:00.0", "12:00:00.1", "12:00:00.2", "12:00:00.3", "12:00:00.4", "12:00:00.5"]
        );
    }

    #[test]
    fn an_instant_is_shown_in_utc() {
        let at = Clock::TimestampTz.parse("2024-02-29 12:00:00+05:30").unwrap();

        assert_eq!(Clock::TimestampTz.show(at), "2024-02-29 06:30:00 UTC");
    }

    #[test]
    fn years_before_the_common_era_are_said_to_be() {
        let shown = ticks(Clock::Date, "0010-01-01 BC", "0010-01-01", 3);

        assert_eq!(shown, ["11 BC", "1 BC", "10"].map(str::to_owned)[1..].to_vec());
    }

    #[test]
    fn ticks_are_no_closer_together_than_what_they_mark() {
        let [from, to] = ["2023-12-17", "2024-04-15"].map(|text| Clock::Date.parse(text).unwrap());

        let ticks = Clock::Date.ticks(from, to, 10, 29.0 * 0.9 * DAY);

        let labels: Vec<_> = ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["Jan", "Feb", "Mar", "Apr"]);
    }

    #[test]
    fn spans_cover_everything() {
        let [from, to] = ["2024-01-15", "2024-06-20"].map(|text| Clock::Date.parse(text).unwrap());

        let spans = Clock::Date.spans(from, to, 6);

        assert_eq!(spans.len(), 7);
        assert!(spans[0] <= from && spans[6] > to);
    }

    #[test]
    fn a_caller_may_write_time_in_several_ways() {
        let clock = Clock::Timestamp;

        assert_eq!(clock.parse_loosely("2024-01-01"), clock.parse("2024-01-01 00:00:00"));
        assert_eq!(clock.parse_loosely("2024-01-01T10:30:00Z"), clock.parse("2024-01-01 10:30:00"));
        assert_eq!(clock.parse_loosely("yesterday"), None);
    }
}
