//! Lines through the points of each series.

use plotters::style::RGBColor;

use crate::axis::Domain;
use crate::canvas::Place;
use crate::error::Error;
use crate::figure::{Figure, Plot, Sample};
use crate::scene::{Marks, Scene, Subject};
use crate::series::counted;

const WIDTH: f64 = 2.0;
const DOT: f64 = 3.0;
/// Points that each point of a line needs for a dot of its own.
const DOT_ROOM: f64 = 14.0;
/// A line has no more points than these in each point of the picture's width; more are not seen.
const MOST_PER_POINT: usize = 4;

/// All lines of a chart.
pub(crate) struct Lines(Vec<Line>);

struct Line {
    color: RGBColor,
    /// By x, with gaps.
    points: Vec<Place>,
    labels: Vec<(Place, String)>,
}

pub(crate) fn scene(subject: &Subject<'_>) -> Result<Scene, Error> {
    let positions = subject.positions();
    let of = positions.of();
    let mut lines = Vec::new();
    for (index, series) in subject.series().iter().enumerate() {
        let mut points: Vec<(Place, usize)> =
            series.points.iter().map(|point| ((of(point.x), point.y), point.row)).collect();
        points.sort_by(|(a, _), (b, _)| a.0.total_cmp(&b.0));
        let labels = points.iter().filter(|(at, _)| !at.1.is_nan());
        let labels = labels.filter_map(|(at, row)| Some((*at, subject.label(*row, at.1)?))).collect();
        let points = points.into_iter().map(|(at, _)| at).collect();
        lines.push(Line { color: subject.color(index), points, labels });
    }
    let (_, height) = Figure::usual_plot(subject.canvas().0, subject.canvas().1);
    let range = subject.split.y_range().unwrap_or((0.0, 1.0));
    let y = subject.y_domain(range, false, subject.y_is_integral(), height);
    let count: usize = lines.iter().map(|line| line.points.len()).sum();
    let mut said = vec![subject.sentence(&format!("Line chart of {}", counted(count, "point")))];
    said.extend(repeated(&lines, &positions.domain));
    let figure = subject.figure(positions.domain, y, Sample::Line);
    Ok(Scene { figure, marks: Marks::Lines(Lines(lines)), said })
}

impl Lines {
    pub(crate) fn draw(&self, plot: &mut Plot<'_, '_>) -> Result<(), Error> {
        for line in &self.0 {
            line.draw(plot)?;
        }
        let labels = self.0.iter().flat_map(|line| &line.labels);
        let visible = labels.filter(|(at, _)| plot.across().contains(at.0) && plot.up().contains(at.1));
        let placed: Vec<_> = visible.map(|(at, label)| (plot.place(*at), label)).collect();
        placed.iter().for_each(|(at, _)| plot.reserve(*at, DOT));
        placed.iter().try_for_each(|(at, label)| plot.label_dot(*at, DOT, label))
    }
}

impl Line {
    fn draw(&self, plot: &mut Plot<'_, '_>) -> Result<(), Error> {
        let (width, _) = plot.size();
        let dotted = self.points.len() as f64 * DOT_ROOM <= width;
        let (low, high) = (plot.up().min(), plot.up().max());
        let within = |at: &Place| at.1 >= low && at.1 <= high;
        for run in self.points.split(|at| at.1.is_nan()) {
            if dotted || run.len() == 1 {
                plot.dots(run.iter().copied().filter(within), DOT, self.color, 1.0)?;
            }
            if run.len() < 2 {
                continue;
            }
            let most = width as usize * MOST_PER_POINT;
            let column = |at: &Place| (plot.across().share(at.0) * width).floor() as i64;
            let seen = if run.len() > most { seen(run, column) } else { run.to_vec() };
            // A log axis is cut at its ends, too: between two points a line is straight in the picture, not in numbers.
            for part in clipped(&seen, low, high) {
                plot.line(part, self.color, WIDTH)?;
            }
        }
        Ok(())
    }
}

/// Of the points in each column of the picture the first, the lowest, the highest and the last: the same line to see.
fn seen(run: &[Place], column: impl Fn(&Place) -> i64) -> Vec<Place> {
    let mut seen = Vec::new();
    for group in run.chunk_by(|a, b| column(a) == column(b)) {
        let by_height = |a: &&usize, b: &&usize| group[**a].1.total_cmp(&group[**b].1);
        let all: Vec<usize> = (0..group.len()).collect();
        let ends = [0, group.len() - 1];
        let extremes = all.iter().min_by(by_height).into_iter().chain(all.iter().max_by(by_height));
        let mut kept: Vec<usize> = extremes.copied().chain(ends).collect();
        kept.sort_unstable();
        kept.dedup();
        seen.extend(kept.into_iter().map(|index| group[index]));
    }
    seen
}

/// The parts of a line that lie between two heights.
fn clipped(points: &[Place], low: f64, high: f64) -> Vec<Vec<Place>> {
    if points.iter().all(|at| (low..=high).contains(&at.1)) {
        return vec![points.to_vec()];
    }
    let mut parts: Vec<Vec<Place>> = Vec::new();
    let mut open = false;
    for pair in points.windows(2) {
        let Some((from, to)) = cut(pair[0], pair[1], low, high) else {
            open = false;
            continue;
        };
        match parts.last_mut().filter(|part| open && part.last() == Some(&from)) {
            Some(part) => part.push(to),
            None => parts.push(vec![from, to]),
        }
        open = to == pair[1];
    }
    parts
}

/// What of a straight piece lies between two heights.
fn cut(from: Place, to: Place, low: f64, high: f64) -> Option<(Place, Place)> {
    let outside = |bound: f64, side: f64| (from.1 - bound) * side > 0.0 && (to.1 - bound) * side > 0.0;
    if outside(low, -1.0) || outside(high, 1.0) {
        return None;
    }
    let at = |end: Place, other: Place| {
        let height = end.1.clamp(low, high);
        if height == end.1 {
            return end;
        }
        (end.0 + (other.0 - end.0) * (height - end.1) / (other.1 - end.1), height)
    };
    Some((at(from, to), at(to, from)))
}

/// A hint, when a line goes up and down at one x.
fn repeated(lines: &[Line], domain: &Domain) -> Option<String> {
    let repeats =
        lines.iter().any(|line| line.points.windows(2).filter(|pair| pair[0].0 == pair[1].0).count() > 0);
    let axis = if matches!(domain, Domain::Names(_)) { "name" } else { "x" };
    repeats.then(|| {
        format!("Some {axis} has several values, between which the line goes straight up: aggregate in SQL, or pass `series`.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_of_many_points_has_their_extremes() {
        let points: Vec<Place> = (0..10_000).map(|x| (f64::from(x), f64::from(x % 7))).collect();

        let seen = seen(&points, |at| (at.0 / 1000.0) as i64);

        assert!(seen.len() <= 40, "{}", seen.len());
        assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(seen.iter().any(|at| at.1 == 6.0));
        assert_eq!((seen[0], seen[seen.len() - 1].0), ((0.0, 0.0), 9999.0));
    }

    #[test]
    fn a_line_is_cut_where_it_leaves() {
        let parts = clipped(&[(0.0, 0.0), (1.0, 10.0), (2.0, 0.0)], -5.0, 5.0);

        assert_eq!(parts, [vec![(0.0, 0.0), (0.5, 5.0)], vec![(1.5, 5.0), (2.0, 0.0)]]);
    }

    #[test]
    fn a_line_that_stays_outside_is_not_drawn() {
        assert_eq!(clipped(&[(0.0, 9.0), (1.0, 10.0)], 0.0, 5.0), Vec::<Vec<Place>>::new());
    }
}
