//! Axes: what they span, and the ticks and labels that have room on them.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

use crate::clock::Clock;
use crate::font::Letters;
use crate::number::{self, Numbers};
use crate::ticks;

pub(crate) const LABELS: Letters = Letters::regular(12.0);
/// Points between labels that stand side by side.
const APART: f64 = 12.0;
/// Points of an axis that a tick should have at least.
const TICK_ACROSS: f64 = 75.0;
const TICK_UP: f64 = 55.0;
/// Points that a label which is read from below may be long.
const LONGEST_UPRIGHT: f64 = 150.0;

/// What an axis spans.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Domain {
    Numbers {
        min: f64,
        max: f64,
        log: bool,
        integral: bool,
        /// The distance of ticks, if the ends were made for it.
        step: Option<f64>,
    },
    Time {
        min: f64,
        max: f64,
        clock: Clock,
        /// How close together ticks may be.
        least: f64,
    },
    /// One after the other, the first at 0.
    Names(Vec<String>),
}

/// An axis of a certain length.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    min: f64,
    max: f64,
    log: bool,
    /// From above, or from the right.
    reversed: bool,
    pub(crate) ticks: Vec<Tick>,
    /// Whether labels are read from below.
    pub(crate) upright: bool,
}

/// A place on an axis that has a label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) lines: Vec<String>,
}

impl Domain {
    /// Numbers of an axis whose ends are free: round ones, with about as many ticks as have room on so many points.
    pub(crate) fn round(min: f64, max: f64, log: bool, integral: bool, length: f64) -> Self {
        let (min, max) = apart(min, max);
        if log {
            return Self::numbers(min, max, log, integral);
        }
        let (step, min, max) = ticks::widened(min, max, wanted(length, TICK_UP), integral);
        Self::Numbers { min, max, log, integral, step: Some(step) }
    }

    /// Numbers from exactly here to there.
    pub(crate) fn numbers(min: f64, max: f64, log: bool, integral: bool) -> Self {
        Self::Numbers { min, max, log, integral, step: None }
    }

    /// Numbers of an axis that reaches from the first to the last, and a little further.
    pub(crate) fn padded(min: f64, max: f64, integral: bool) -> Self {
        let (min, max) = apart(min, max);
        let padding = (max - min) * 0.02;
        Self::numbers(min - padding, max + padding, false, integral)
    }

    pub(crate) fn time(min: f64, max: f64, clock: Clock) -> Self {
        let (min, max) = if min < max {
            let padding = (max - min) * 0.01;
            (min - padding, max + padding)
        } else {
            let around = if clock == Clock::Date { 86_400e6 } else { 60e6 };
            (min - around, max + around)
        };
        Self::Time { min, max, clock, least: 0.0 }
    }

    /// The axis that lies below a chart.
    pub(crate) fn across(&self, length: f64) -> Axis {
        let most = wanted(length, TICK_ACROSS);
        let mut axis = self.bare();
        match self {
            Self::Names(names) => axis.name_across(names, length),
            _ => {
                // As many as fit; an axis with one tick says little, one with none nothing.
                let choices = (1..=most).rev().map(|wanted| self.measured(wanted));
                let mut fitting = choices.filter(|ticks| axis.fits(ticks, length));
                let first = fitting.next();
                axis.ticks = match first {
                    Some(ticks) if ticks.len() < 2 => fitting.find(|ticks| ticks.len() > 1).unwrap_or(ticks),
                    Some(ticks) => ticks,
                    None => Vec::new(),
                };
                if axis.ticks.is_empty() {
                    axis.ticks = self.ends();
                }
            }
        }
        axis
    }

    /// The axis that stands beside a chart, with labels that are no wider than so many points.
    pub(crate) fn up(&self, length: f64, widest: f64) -> Axis {
        let mut axis = self.bare();
        match self {
            Self::Names(names) => axis.name_up(names, length, widest),
            _ => {
                axis.ticks = self.measured(wanted(length, TICK_UP));
                for tick in &mut axis.ticks {
                    tick.lines = vec![tick.lines.join(" ")];
                }
                if axis.ticks.is_empty() {
                    axis.ticks = self.ends();
                }
            }
        }
        axis
    }

    fn bare(&self) -> Axis {
        let (min, max, log) = match self {
            Self::Numbers { min, max, log, .. } => (*min, *max, *log),
            Self::Time { min, max, .. } => (*min, *max, false),
            Self::Names(names) => (-0.5, names.len() as f64 - 0.5, false),
        };
        Axis { min, max, log, reversed: false, ticks: Vec::new(), upright: false }
    }

    fn measured(&self, wanted: usize) -> Vec<Tick> {
        let tick = |at: f64, label: String| Tick { at, lines: vec![label] };
        match self {
            Self::Numbers { min, max, log: true, .. } => {
                let ticks = ticks::logarithmic(*min, *max, wanted).into_iter();
                ticks.map(|at| tick(at, number::short(at))).collect()
            }
            Self::Numbers { min, max, integral, step, .. } => {
                // Twice as many as would do are not too many yet.
                let given = step.map(|step| (step, ticks::multiples(*min, *max, step)));
                let given = given.filter(|(_, ticks)| ticks.len() <= 2 * wanted);
                let (step, ticks) = given.unwrap_or_else(|| ticks::linear(*min, *max, wanted, *integral));
                let numbers = Numbers::of_ticks(range_size(*min, *max), step);
                ticks.into_iter().map(|at| tick(at, numbers.show(at))).collect()
            }
            Self::Time { min, max, clock, least } => {
                let moments = clock.ticks(*min, *max, wanted, *least).into_iter();
                moments
                    .map(|moment| Tick {
                        at: moment.at,
                        lines: [Some(moment.label), moment.context].into_iter().flatten().collect(),
                    })
                    .collect()
            }
            Self::Names(_) => Vec::new(),
        }
    }

    /// The ends as ticks, where nothing between them is round.
    fn ends(&self) -> Vec<Tick> {
        let show = |at: f64| match self {
            Self::Time { clock, .. } => clock.show(at),
            _ => number::plain(at),
        };
        let bare = self.bare();
        [bare.min, bare.max].map(|at| Tick { at, lines: vec![show(at)] }).into()
    }
}

impl Axis {
    /// Where a value lies: 0 at the axis's beginning, 1 at its end.
    pub(crate) fn share(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(f64::MIN_POSITIVE) / self.min).log10() / (self.max / self.min).log10()
        } else {
            (value - self.min) / (self.max - self.min)
        };
        if self.reversed { 1.0 - share } else { share }
    }

    /// The value, or the nearest on the axis.
    pub(crate) fn clamp(&self, value: f64) -> f64 {
        value.clamp(self.min, self.max)
    }

    pub(crate) fn contains(&self, value: f64) -> bool {
        (self.min..=self.max).contains(&value)
    }

    pub(crate) fn min(&self) -> f64 {
        self.min
    }

    pub(crate) fn max(&self) -> f64 {
        self.max
    }

    /// Points from the axis to the end of its labels: downwards below a chart, to the left beside one.
    pub(crate) fn depth(&self, below: bool) -> f64 {
        let lines = self.ticks.iter().map(|tick| tick.lines.len()).max().unwrap_or(0);
        if below && !self.upright { lines as f64 * LABELS.line_height() } else { self.widest_label() }
    }

    fn widest_label(&self) -> f64 {
        self.ticks.iter().map(Tick::width).fold(0.0, f64::max)
    }

    /// Whether labels stand side by side without touching.
    fn fits(&self, ticks: &[Tick], length: f64) -> bool {
        ticks.windows(2).all(|pair| {
            let apart = (self.share(pair[1].at) - self.share(pair[0].at)).abs() * length;
            apart >= (pair[0].width() + pair[1].width()) / 2.0 + APART
        })
    }

    fn name_across(&mut self, names: &[String], length: f64) {
        let room = length / names.len().max(1) as f64;
        let wrapped: Vec<_> = names.iter().map(|name| LABELS.wrap(name, room - APART / 2.0, 2)).collect();
        let whole = wrapped.iter().zip(names).all(|(lines, name)| lines.join(" ") == **name);
        if whole || names.len() < 3 {
            self.ticks = numbered(wrapped);
            return;
        }
        self.upright = true;
        let fitted = names.iter().map(|name| vec![LABELS.fit(name, LONGEST_UPRIGHT)]);
        self.ticks = thinned(numbered(fitted.collect()), room);
    }

    fn name_up(&mut self, names: &[String], length: f64, widest: f64) {
        self.reversed = true;
        let room = length / names.len().max(1) as f64;
        let lines = if room > 2.2 * LABELS.line_height() { 2 } else { 1 };
        let wrapped = names.iter().map(|name| LABELS.wrap(name, widest, lines));
        self.ticks = thinned(numbered(wrapped.collect()), room);
    }
}

impl Tick {
    fn width(&self) -> f64 {
        self.lines.iter().map(|line| LABELS.width(line)).fold(0.0, f64::max)
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        // Far outside is as good as outside; numbers of pixels have an end.
        let share = self.share(*value).clamp(-10.0, 10.0);
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|tick| tick.at).collect()
    }

    fn range(&self) -> Range<f64> {
        self.min..self.max
    }
}

fn wanted(length: f64, each: f64) -> usize {
    ((length / each) as usize).clamp(2, 12)
}

/// How far from zero a range reaches.
fn range_size(min: f64, max: f64) -> f64 {
    min.abs().max(max.abs())
}

/// Two numbers as the ends of an axis: if they are one, a little around it.
fn apart(min: f64, max: f64) -> (f64, f64) {
    // Doubles that are so close are not told apart by what is calculated with them.
    if max - min > range_size(min, max) * 1e-12 {
        return (min, max);
    }
    let around = if min == 0.0 { 1.0 } else { (min.abs() * 0.1).max(f64::MIN_POSITIVE * 1e10) };
    (min - around, max + around)
}

fn numbered(labels: Vec<Vec<String>>) -> Vec<Tick> {
    labels.into_iter().enumerate().map(|(index, lines)| Tick { at: index as f64, lines }).collect()
}

/// Every second, third ... if all have too little room.
fn thinned(ticks: Vec<Tick>, room: f64) -> Vec<Tick> {
    let every = (LABELS.line_height() / room).ceil().max(1.0) as usize;
    ticks.into_iter().step_by(every).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|tick| tick.lines.join("|")).collect()
    }

    fn names(count: usize, each: &str) -> Domain {
        Domain::Names((0..count).map(|index| format!("{each} {index}")).collect())
    }

    #[test]
    fn a_round_axis_ends_at_ticks() {
        let axis = Domain::round(-3.0, 97.0, false, false, 300.0).up(300.0, 100.0);

        assert_eq!(labels(&axis), ["−20", "0", "20", "40", "60", "80", "100"]);
        assert_eq!((axis.share(-20.0), axis.share(100.0)), (0.0, 1.0));
    }

    #[test]
    fn labels_side_by_side_do_not_touch() {
        for length in [150.0, 200.0, 500.0, 2000.0] {
            let domain = Domain::padded(123_456_789.0, 123_456_999.0, true);

            let axis = domain.across(length);

            assert!(!axis.ticks.is_empty(), "{length}");
            assert!(axis.fits(&axis.ticks, length), "{length}: {:?}", labels(&axis));
        }
    }

    #[test]
    fn one_value_lies_in_the_middle() {
        for value in [0.0, 5.0, -3e-9, 1e300] {
            let axis = Domain::padded(value, value, false).across(500.0);

            assert!((axis.share(value) - 0.5).abs() < 1e-6, "{value}");
        }
    }

    #[test]
    fn short_names_lie_flat_and_long_ones_stand() {
        assert!(!names(5, "short").across(500.0).upright);
        assert!(!names(4, "two words").across(300.0).upright);
        assert!(names(12, "a name that is rather long").across(500.0).upright);
    }

    #[test]
    fn names_that_have_no_room_are_thinned() {
        let axis = names(300, "name").across(600.0);

        assert!(axis.ticks.len() < 50, "{}", axis.ticks.len());
        assert_eq!(axis.ticks[0].lines, ["name 0"]);
    }

    #[test]
    fn names_beside_a_chart_begin_above() {
        let axis = names(3, "name").up(300.0, 100.0);

        assert!(axis.share(0.0) > axis.share(2.0));
    }

    #[test]
    fn a_log_axis_has_powers_at_equal_distances() {
        let domain = Domain::numbers(1.0, 10_000.0, true, false);

        let axis = domain.up(400.0, 100.0);

        assert_eq!(labels(&axis), ["1", "10", "100", "1000", "10,000"]);
        assert_eq!(axis.share(100.0), 0.5);
    }

    #[test]
    fn the_largest_numbers_have_an_axis() {
        let axis = Domain::padded(-1e300, 1e300, false).up(400.0, 100.0);

        assert!(axis.share(0.0).is_finite());
        assert!(!axis.ticks.is_empty());
    }
}
