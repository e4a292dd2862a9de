//! A dot for each point.

use std::collections::HashMap;

use plotters::style::RGBColor;

use crate::canvas::Place;
use crate::error::Error;
use crate::figure::{Figure, Plot, Sample};
use crate::scene::{Marks, Scene, Subject};
use crate::series::counted;

/// So many dots in one place are as dark as more.
const MOST_IN_PLACE: u32 = 6;
/// Parts of a point that are a place.
const PLACE: f64 = 2.0;

/// All dots of a chart.
pub(crate) struct Dots {
    /// Radius in points, and opacity: the more there are, the smaller and the paler.
    radius: f64,
    opacity: f64,
    series: Vec<(RGBColor, Vec<Place>)>,
    labels: Vec<(Place, String)>,
}

pub(crate) fn scene(subject: &Subject<'_>) -> Result<Scene, Error> {
    let positions = subject.positions();
    let of = positions.of();
    let mut series = Vec::new();
    let mut labels = Vec::new();
    for (index, one) in subject.series().iter().enumerate() {
        let points: Vec<_> = one.points.iter().filter(|point| !point.y.is_nan()).collect();
        let place = |x: f64, y: f64| (of(x), y);
        labels.extend(
            points
                .iter()
                .filter_map(|point| Some((place(point.x, point.y), subject.label(point.row, point.y)?))),
        );
        let places = points.into_iter().map(|point| place(point.x, point.y)).collect();
        series.push((subject.color(index), places));
    }
    let count: usize = series.iter().map(|(_, points): &(_, Vec<Place>)| points.len()).sum();
    let (radius, opacity) = match count {
        0..=200 => (4.0, 0.8),
        201..=2000 => (3.0, 0.6),
        2001..=10_000 => (2.2, 0.45),
        _ => (1.7, 0.3),
    };
    let (_, height) = Figure::usual_plot(subject.canvas().0, subject.canvas().1);
    let range = subject.split.y_range().unwrap_or((0.0, 1.0));
    let y = subject.y_domain(range, false, subject.y_is_integral(), height);
    let said = vec![subject.sentence(&format!("Scatter plot of {}", counted(count, "point")))];
    let figure = subject.figure(positions.domain, y, Sample::Dot);
    Ok(Scene { figure, marks: Marks::Dots(Dots { radius, opacity, series, labels }), said })
}

impl Dots {
    pub(crate) fn draw(&self, plot: &mut Plot<'_, '_>) -> Result<(), Error> {
        for (color, points) in &self.series {
            let mut places: HashMap<(i64, i64), u32> = HashMap::new();
            let mut shown = Vec::new();
            for point in points {
                let at = plot.place(*point);
                let count = places.entry(((at.0 * PLACE) as i64, (at.1 * PLACE) as i64)).or_default();
                *count += 1;
                if *count <= MOST_IN_PLACE && plot.up().contains(point.1) {
                    shown.push(*point);
                }
            }
            plot.dots(shown, self.radius, *color, self.opacity)?;
        }
        let visible = self.labels.iter().filter(|(at, _)| plot.up().contains(at.1));
        let placed: Vec<_> = visible.map(|(at, label)| (plot.place(*at), label)).collect();
        placed.iter().for_each(|(at, _)| plot.reserve(*at, self.radius));
        placed.iter().try_for_each(|(at, label)| plot.label_dot(*at, self.radius, label))
    }
}
