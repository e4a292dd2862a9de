//! What is around the marks of every chart: title, legend, grid, axes with their labels, footnotes; and where it all goes.

use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::element::{Circle, PathElement, Rectangle};
use plotters::style::{Color, RGBColor};

use crate::axis::{Axis, Domain, LABELS, Tick};
use crate::canvas::{Anchor, Canvas, Place, failed};
use crate::color::{AXIS, BACKGROUND, GRID, QUIET_TEXT, TEXT};
use crate::error::Error;
use crate::font::Letters;

const TITLE: Letters = Letters::bold(16.0);
const AXIS_TITLE: Letters = Letters::regular(12.5);
const FOOTNOTE: Letters = Letters::regular(10.5);

/// Points around everything.
const MARGIN: f64 = 14.0;
/// Between an axis and its labels.
const LABEL_GAP: f64 = 7.0;
/// A legend's sample, and what is before and behind a name.
const SAMPLE: f64 = 12.0;
const SAMPLE_GAP: f64 = 6.0;
const ENTRY_GAP: f64 = 18.0;
const LONGEST_ENTRY: f64 = 220.0;
const MOST_LEGEND_ROWS: usize = 4;
/// Labels beside a chart take so much of its width at most.
const MOST_LABELS: f64 = 0.36;

/// What marks look like in the legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    Box,
    Line,
    Dot,
}

/// All that is around the marks.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) title: Option<String>,
    /// The axis below, whichever of the data it shows.
    pub(crate) across: Domain,
    pub(crate) across_title: String,
    pub(crate) across_grid: bool,
    pub(crate) up: Domain,
    pub(crate) up_title: String,
    pub(crate) up_grid: bool,
    pub(crate) sample: Sample,
    /// Names of series, if there is a legend.
    pub(crate) legend: Vec<(String, RGBColor)>,
    pub(crate) footnotes: Vec<String>,
}

/// Where everything goes.
#[derive(Clone, Debug)]
struct Plan {
    title: Vec<String>,
    legend: Vec<Vec<(String, RGBColor, f64)>>,
    footnotes: Vec<String>,
    /// Of the first line below the title and of the plot itself, in points.
    legend_top: f64,
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    across: Axis,
    up: Axis,
}

/// The middle of a figure, where its marks are drawn. Marks are placed by their values.
pub(crate) struct Plot<'c, 'a> {
    canvas: &'c Canvas<'a>,
    context: ChartContext<'c, SVGBackend<'a>, Cartesian2d<Axis, Axis>>,
    plan: Plan,
    /// Boxes of labels, which must not overlap.
    labels: Vec<(Place, Place)>,
}

impl Figure {
    /// How large the plot is about, in points, for those who choose by it.
    pub(crate) fn usual_plot(canvas_width: f64, canvas_height: f64) -> (f64, f64) {
        (canvas_width - 90.0, canvas_height - 100.0)
    }

    /// Draws what is below the marks.
    pub(crate) fn begin<'c, 'a>(&self, canvas: &'c Canvas<'a>) -> Result<Plot<'c, 'a>, Error> {
        let plan = self.plan(canvas);
        canvas.rectangle((0.0, 0.0), (canvas.width, canvas.height), BACKGROUND)?;
        let mut y = MARGIN + TITLE.line_height() / 2.0;
        for line in &plan.title {
            canvas.text((MARGIN, y), line, TITLE, TEXT, Anchor::Start)?;
            y += TITLE.line_height();
        }
        self.draw_legend(canvas, &plan)?;
        let mut y = canvas.height - MARGIN + FOOTNOTE.line_height() / 2.0;
        for line in plan.footnotes.iter().rev() {
            y -= FOOTNOTE.line_height();
            canvas.text((MARGIN, y), line, FOOTNOTE, QUIET_TEXT, Anchor::Start)?;
        }
        let context = ChartBuilder::on(&canvas.area)
            .margin_left(canvas.pixels(plan.left))
            .margin_top(canvas.pixels(plan.top))
            .margin_right(canvas.pixels(canvas.width - plan.right))
            .margin_bottom(canvas.pixels(canvas.height - plan.bottom))
            .build_cartesian_2d(plan.across.clone(), plan.up.clone())
            .map_err(failed)?;
        let plot = Plot { canvas, context, plan, labels: Vec::new() };
        plot.draw_grid(self)?;
        Ok(plot)
    }

    fn plan(&self, canvas: &Canvas<'_>) -> Plan {
        let inner = canvas.width - 2.0 * MARGIN;
        let title = self.title.as_ref().map(|title| TITLE.wrap(title, inner, 2)).unwrap_or_default();
        let legend = legend_rows(&self.legend, inner);
        let footnotes: Vec<_> =
            self.footnotes.iter().flat_map(|note| FOOTNOTE.wrap(note, inner, 2)).collect();
        let legend_top =
            MARGIN + title.len() as f64 * TITLE.line_height() + if title.is_empty() { 0.0 } else { 6.0 };
        let mut top = legend_top + legend.len() as f64 * LABELS.line_height() * 1.2;
        if !legend.is_empty() {
            top += 5.0;
        }
        if !self.up_title.is_empty() {
            top += AXIS_TITLE.line_height() + 4.0;
        }
        // Half a label stands above the highest tick.
        top += LABELS.size * 0.7;
        let mut below = MARGIN + footnotes.len() as f64 * FOOTNOTE.line_height();
        if !footnotes.is_empty() {
            below += 6.0;
        }
        if !self.across_title.is_empty() {
            below += AXIS_TITLE.line_height() + 4.0;
        }
        let right = canvas.width - MARGIN - 6.0;
        let widest = canvas.width * MOST_LABELS;
        // How high the plot is depends on the labels below it, they on its width, and that on the labels beside it.
        let mut bottom = canvas.height - below - LABELS.line_height() - LABEL_GAP;
        let mut up = self.up.up(bottom - top, widest);
        let mut left = MARGIN + up.depth(false) + LABEL_GAP;
        let mut across = self.across.across(right - left);
        for _ in 0..2 {
            bottom = canvas.height - below - across.depth(true) - LABEL_GAP;
            // A picture that is all labels shows nothing.
            bottom = bottom.max(top + 40.0);
            up = self.up.up(bottom - top, widest);
            left = MARGIN + up.depth(false) + LABEL_GAP;
            across = self.across.across(right - left);
        }
        Plan { title, legend, footnotes, legend_top, left, top, right, bottom, across, up }
    }

    fn draw_legend(&self, canvas: &Canvas<'_>, plan: &Plan) -> Result<(), Error> {
        let mut y = plan.legend_top + LABELS.line_height() / 2.0;
        for row in &plan.legend {
            let mut x = MARGIN;
            for (name, color, width) in row {
                let half = SAMPLE / 2.0;
                match self.sample {
                    Sample::Box => canvas.rectangle((x, y - half), (x + SAMPLE, y + half), *color)?,
                    Sample::Line => {
                        canvas.line((x - 1.0, y), (x + SAMPLE + 1.0, y), *color, 2.5)?;
                        canvas.dot((x + half, y), 3.0, *color)?;
                    }
                    Sample::Dot => canvas.dot((x + half, y), 4.5, *color)?,
                }
                canvas.text((x + SAMPLE + SAMPLE_GAP, y), name, LABELS, TEXT, Anchor::Start)?;
                x += width;
            }
            y += LABELS.line_height() * 1.2;
        }
        Ok(())
    }
}

/// Entries of a legend with their widths, as many in a row as have room.
fn legend_rows(entries: &[(String, RGBColor)], width: f64) -> Vec<Vec<(String, RGBColor, f64)>> {
    let mut rows: Vec<Vec<(String, RGBColor, f64)>> = Vec::new();
    let mut left = 0.0;
    // With many rows to fill, names are cut shorter.
    let most = entries.len().div_ceil(MOST_LEGEND_ROWS) as f64;
    let longest = LONGEST_ENTRY.min((width / most - SAMPLE - SAMPLE_GAP - ENTRY_GAP).max(30.0));
    for (name, color) in entries {
        let name = LABELS.fit(name, longest);
        let needed = SAMPLE + SAMPLE_GAP + LABELS.width(&name) + ENTRY_GAP;
        if rows.is_empty() || needed - ENTRY_GAP > left {
            rows.push(Vec::new());
            left = width;
        }
        left -= needed;
        if let Some(row) = rows.last_mut() {
            row.push((name, *color, needed));
        }
    }
    rows
}

impl Plot<'_, '_> {
    pub(crate) fn across(&self) -> &Axis {
        &self.plan.across
    }

    pub(crate) fn up(&self) -> &Axis {
        &self.plan.up
    }

    /// Width and height of the plot, in points.
    pub(crate) fn size(&self) -> Place {
        (self.plan.right - self.plan.left, self.plan.bottom - self.plan.top)
    }

    /// Where values are, in points.
    pub(crate) fn place(&self, at: Place) -> Place {
        let (width, height) = self.size();
        (
            self.plan.left + self.plan.across.share(at.0) * width,
            self.plan.bottom - self.plan.up.share(at.1) * height,
        )
    }

    /// A box with two opposite corners.
    pub(crate) fn rectangle(
        &mut self,
        from: Place,
        to: Place,
        color: RGBColor,
        opacity: f64,
    ) -> Result<(), Error> {
        let element = Rectangle::new([from, to], color.mix(opacity).filled());
        self.context.draw_series([element]).map(drop).map_err(failed)
    }

    pub(crate) fn line(&mut self, points: Vec<Place>, color: RGBColor, width: f64) -> Result<(), Error> {
        let element = PathElement::new(points, self.canvas.stroke(color, width));
        self.context.draw_series([element]).map(drop).map_err(failed)
    }

    pub(crate) fn dots(
        &mut self,
        points: impl IntoIterator<Item = Place>,
        radius: f64,
        color: RGBColor,
        opacity: f64,
    ) -> Result<(), Error> {
        let radius = self.canvas.size(radius);
        let style = color.mix(opacity).filled();
        let elements = points.into_iter().map(|point| Circle::new(point, radius, style));
        self.context.draw_series(elements).map(drop).map_err(failed)
    }

    /// Keeps labels away from a dot.
    pub(crate) fn reserve(&mut self, at: Place, radius: f64) {
        self.labels.push(((at.0 - radius, at.1 - radius), (at.0 + radius, at.1 + radius)));
    }

    /// Writes a label above, below or beside a dot, wherever there is room.
    pub(crate) fn label_dot(&mut self, at: Place, radius: f64, text: &str) -> Result<(), Error> {
        let (over, beside) = (radius + LABELS.size * 0.7, radius + 5.0);
        let places = [
            ((at.0, at.1 - over), Anchor::Middle),
            ((at.0, at.1 + over), Anchor::Middle),
            ((at.0 + beside, at.1), Anchor::Start),
            ((at.0 - beside, at.1), Anchor::End),
        ];
        for (place, anchor) in places {
            if self.label(place, text, TEXT, anchor)? {
                break;
            }
        }
        Ok(())
    }

    /// Writes a label in a box of the picture, unless there is one already or it would stand outside; whether it does.
    pub(crate) fn label(
        &mut self,
        at: Place,
        text: &str,
        color: RGBColor,
        anchor: Anchor,
    ) -> Result<bool, Error> {
        let (width, height) = (LABELS.width(text), LABELS.size);
        let left = match anchor {
            Anchor::Start => at.0,
            Anchor::Middle => at.0 - width / 2.0,
            Anchor::End => at.0 - width,
        };
        let (from, to) = ((left, at.1 - height / 2.0), (left + width, at.1 + height / 2.0));
        let outside = from.0 < self.plan.left
            || to.0 > self.canvas.width - 2.0
            || from.1 < self.plan.top - LABELS.size
            || to.1 > self.plan.bottom;
        let taken = self.labels.iter().any(|(other_from, other_to)| {
            from.0 < other_to.0 + 2.0
                && to.0 + 2.0 > other_from.0
                && from.1 < other_to.1
                && to.1 > other_from.1
        });
        if outside || taken {
            return Ok(false);
        }
        self.labels.push((from, to));
        self.canvas.text(at, text, LABELS, color, anchor)?;
        Ok(true)
    }

    /// Draws what is above the marks.
    pub(crate) fn finish(self, figure: &Figure) -> Result<(), Error> {
        self.draw_axes(figure)?;
        self.draw_across_labels(figure)?;
        self.draw_up_labels(figure)
    }

    fn draw_grid(&self, figure: &Figure) -> Result<(), Error> {
        let plan = &self.plan;
        if figure.up_grid {
            for tick in &plan.up.ticks {
                let (_, y) = self.place((0.0, tick.at));
                self.canvas.line((plan.left, y), (plan.right, y), GRID, 1.0)?;
            }
        }
        if figure.across_grid {
            for tick in &plan.across.ticks {
                let (x, _) = self.place((tick.at, 0.0));
                self.canvas.line((x, plan.top), (x, plan.bottom), GRID, 1.0)?;
            }
        }
        Ok(())
    }

    /// The lines at zero, or at the chart's edge where zero is not on the axis or means nothing.
    fn draw_axes(&self, figure: &Figure) -> Result<(), Error> {
        let plan = &self.plan;
        let has_zero = |domain: &Domain, axis: &Axis| {
            matches!(domain, Domain::Numbers { log: false, .. }) && axis.contains(0.0)
        };
        let y = if has_zero(&figure.up, &plan.up) { self.place((0.0, 0.0)).1 } else { plan.bottom };
        self.canvas.line((plan.left, y), (plan.right, y), AXIS, 1.2)?;
        if y < plan.bottom - 1.0 {
            self.canvas.line((plan.left, plan.bottom), (plan.right, plan.bottom), GRID, 1.0)?;
        }
        let upright_line = matches!(figure.up, Domain::Names(_)) || figure.across_grid;
        if upright_line {
            let x = if has_zero(&figure.across, &plan.across) { self.place((0.0, 0.0)).0 } else { plan.left };
            self.canvas.line((x, plan.top), (x, plan.bottom), AXIS, 1.2)?;
        }
        Ok(())
    }

    fn draw_across_labels(&self, figure: &Figure) -> Result<(), Error> {
        let plan = &self.plan;
        let is_measured = !matches!(figure.across, Domain::Names(_));
        for Tick { at, lines } in &plan.across.ticks {
            let (x, _) = self.place((*at, 0.0));
            if is_measured {
                self.canvas.line((x, plan.bottom), (x, plan.bottom + 4.0), AXIS, 1.0)?;
            }
            let mut y = plan.bottom + LABEL_GAP;
            if plan.across.upright {
                let label = lines.join(" ");
                self.canvas.upright((x, y), &label, LABELS, QUIET_TEXT, Anchor::End)?;
                continue;
            }
            for line in lines {
                y += LABELS.line_height() / 2.0;
                let half = LABELS.width(line) / 2.0;
                let x = x.clamp(half + 2.0, (self.canvas.width - half - 2.0).max(half + 2.0));
                self.canvas.text((x, y), line, LABELS, QUIET_TEXT, Anchor::Middle)?;
                y += LABELS.line_height() / 2.0;
            }
        }
        if figure.across_title.is_empty() {
            return Ok(());
        }
        let title = AXIS_TITLE.fit(&figure.across_title, self.canvas.width - 2.0 * MARGIN);
        let y = plan.bottom + LABEL_GAP + plan.across.depth(true) + 4.0 + AXIS_TITLE.line_height() / 2.0;
        let half = AXIS_TITLE.width(&title) / 2.0;
        let x = (plan.left + plan.right) / 2.0;
        let x = x.min(self.canvas.width - MARGIN - half).max(MARGIN + half);
        self.canvas.text((x, y), &title, AXIS_TITLE, TEXT, Anchor::Middle)
    }

    fn draw_up_labels(&self, figure: &Figure) -> Result<(), Error> {
        let plan = &self.plan;
        for Tick { at, lines } in &plan.up.ticks {
            let (_, y) = self.place((0.0, *at));
            let mut y = y - (lines.len() as f64 - 1.0) * LABELS.line_height() / 2.0;
            for line in lines {
                self.canvas.text((plan.left - LABEL_GAP, y), line, LABELS, QUIET_TEXT, Anchor::End)?;
                y += LABELS.line_height();
            }
        }
        if figure.up_title.is_empty() {
            return Ok(());
        }
        let title = AXIS_TITLE.fit(&figure.up_title, self.canvas.width - 2.0 * MARGIN);
        let y = plan.top - LABELS.size * 0.7 - 4.0 - AXIS_TITLE.line_height() / 2.0;
        self.canvas.text((MARGIN, y), &title, AXIS_TITLE, TEXT, Anchor::Start)
    }
}
