//! Histograms: how many values lie where.

use crate::axis::Domain;
use crate::bars::{Bar, Bars};
use crate::clock::Clock;
use crate::error::Error;
use crate::figure::{Figure, Sample};
use crate::number::{self, plain};
use crate::options::Labels;
use crate::scene::{Marks, Scene, Subject};
use crate::series::{Series, counted};
use crate::table::Meaning;
use crate::ticks;

/// How many bins there are, unless one says so.
const FEWEST: f64 = 5.0;
const MOST: f64 = 60.0;
/// Whole numbers within such a range have a bin each.
const WHOLE: f64 = 50.0;
/// Spans of time, about.
const SPANS: usize = 30;
/// Where several series overlap, all are seen.
const SEEN_THROUGH: f64 = 0.55;
/// Of a bin's width.
const FILLED: f64 = 0.96;

pub(crate) fn scene(subject: &Subject<'_>) -> Result<Scene, Error> {
    let meaning = subject.x_meaning();
    let mut all: Vec<f64> = subject.series().iter().flat_map(values).collect();
    all.sort_by(f64::total_cmp);
    let edges = edges(subject, meaning, &all)?;
    let several = subject.series().len() > 1;
    let mut bars = Vec::new();
    let mut most = 0.0_f64;
    for (index, series) in subject.series().iter().enumerate() {
        let counts = in_bins(values(series), &edges);
        for (edge, count) in edges.windows(2).zip(counts) {
            most = most.max(count as f64);
            if count == 0 {
                continue;
            }
            let labeled = matches!(subject.options.labels, Some(Labels::Values(true)));
            bars.push(Bar {
                at: edge[0] / 2.0 + edge[1] / 2.0,
                half: (edge[1] - edge[0]) / 2.0 * FILLED,
                from: if subject.is_log() { f64::MIN_POSITIVE } else { 0.0 },
                to: count as f64,
                color: subject.color(index),
                opacity: if several { SEEN_THROUGH } else { 1.0 },
                label: labeled.then(|| number::short(count as f64)),
            });
        }
    }
    let (mut first, mut last) = (edges[0], edges[edges.len() - 1]);
    if let [from, to] = edges[..] {
        // One bin looks like one with a place on either side.
        (first, last) = (2.0 * from - to, 2.0 * to - from);
    }
    let x = match meaning {
        Meaning::Time(clock) => Domain::Time { min: first, max: last, clock, least: 0.0 },
        _ => Domain::numbers(first, last, false, meaning == Meaning::Number { integral: true }),
    };
    let (_, height) = Figure::usual_plot(subject.canvas().0, subject.canvas().1);
    let least = if subject.is_log() { 0.5 } else { 0.0 };
    let y = subject.y_domain((least, most), true, !subject.is_log(), height);
    let mut figure = subject.figure(x, y, Sample::Box);
    figure.up_title = "count".to_owned();
    let what = format!(
        "Histogram of {} in {}{}",
        counted(all.len(), "value"),
        counted(edges.len() - 1, "bin"),
        width(meaning, &edges)
    );
    let said = vec![subject.sentence(&what)];
    Ok(Scene { figure, marks: Marks::Bars(Bars { bars, horizontal: false, stacked: false }), said })
}

fn values(series: &Series) -> impl Iterator<Item = f64> {
    series.points.iter().map(|point| point.y).filter(|value| !value.is_nan())
}

/// How wide the bins are, if they all are.
fn width(meaning: Meaning, edges: &[f64]) -> String {
    match meaning {
        Meaning::Number { .. } => format!(" of width {}", plain(edges[1] - edges[0])),
        _ => String::new(),
    }
}

/// Borders of bins: every value is at least one, and below the next or, if that is the last, as large.
fn edges(subject: &Subject<'_>, meaning: Meaning, sorted: &[f64]) -> Result<Vec<f64>, Error> {
    let (min, max) = match subject.options.x_range(meaning)? {
        Some(range) => range,
        None => (sorted[0], sorted[sorted.len() - 1]),
    };
    let integral = meaning == Meaning::Number { integral: true };
    Ok(match (meaning, subject.options.bins) {
        (Meaning::Time(clock), None) if min < max => clock.spans(min, max, SPANS),
        _ if min == max => {
            let around = match meaning {
                Meaning::Time(Clock::Date) => 43_200e6,
                Meaning::Time(_) => 30e6,
                _ => (min.abs() * 1e-3).max(0.5),
            };
            vec![min - around, min + around]
        }
        (_, Some(bins)) => equal(min, max, bins),
        _ if integral && max - min <= WHOLE => {
            (0..=(max - min) as u32 + 1).map(|index| min - 0.5 + f64::from(index)).collect()
        }
        _ => round(min, max, usual_bins(sorted, min, max), integral),
    })
}

fn equal(min: f64, max: f64, bins: u32) -> Vec<f64> {
    let width = (max - min) / f64::from(bins);
    (0..=bins).map(|index| if index == bins { max } else { min + width * f64::from(index) }).collect()
}

fn round(min: f64, max: f64, bins: usize, integral: bool) -> Vec<f64> {
    let (step, min, max) = ticks::widened(min, max, bins, integral);
    let edges = ticks::multiples(min, max, step);
    if edges.len() > 1 { edges } else { equal(min, max, 1) }
}

/// By the rule of Freedman and Diaconis, within reason.
fn usual_bins(sorted: &[f64], min: f64, max: f64) -> usize {
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    let width = 2.0 * (at(0.75) - at(0.25)) / (sorted.len() as f64).cbrt();
    let bins = if width > 0.0 { (max - min) / width } else { (sorted.len() as f64).log2() + 1.0 };
    bins.clamp(FEWEST, MOST) as usize
}

fn in_bins(values: impl Iterator<Item = f64>, edges: &[f64]) -> Vec<usize> {
    let mut counts = vec![0; edges.len() - 1];
    for value in values {
        let bin = edges.partition_point(|edge| *edge <= value);
        // The last bin has its upper edge, too.
        let bin = if value == edges[edges.len() - 1] { edges.len() - 1 } else { bin };
        if let Some(count) = bin.checked_sub(1).and_then(|bin| counts.get_mut(bin)) {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_one_bin() {
        let edges = equal(0.0, 10.0, 4);

        let counts = in_bins([0.0, 2.4, 2.5, 9.9, 10.0].into_iter(), &edges);

        assert_eq!(counts, [2, 1, 0, 2]);
    }

    #[test]
    fn bins_have_round_edges_and_cover_everything() {
        let edges = round(3.2, 97.9, 10, false);

        assert_eq!((edges[0], edges[edges.len() - 1]), (0.0, 100.0));
        assert_eq!(edges[1] - edges[0], 10.0);
    }

    #[test]
    fn the_number_of_bins_is_within_reason() {
        let same: Vec<f64> = vec![1.0; 99].into_iter().chain([1e9]).collect();
        let even: Vec<f64> = (0..1_000_000).map(f64::from).collect();

        assert!((5..=60).contains(&usual_bins(&same, 1.0, 1e9)));
        assert_eq!(usual_bins(&even, 0.0, 999_999.0), 60);
    }
}
