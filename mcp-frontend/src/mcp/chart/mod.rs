//! Charts of results, as PNG or SVG.
//!
//! plotters draws, always an SVG; resvg makes a PNG of that with the one font that comes with this program, so that a
//! picture is the same on every machine. What plotters leaves to its users is done here: which column is drawn as what,
//! which ticks and labels have room, and what has to be said of what is not drawn.

mod axis;
mod bars;
mod canvas;
mod clock;
mod color;
mod figure;
mod font;
mod histogram;
mod lines;
mod number;
mod options;
mod raster;
mod roles;
mod scatter;
mod scene;
mod series;
mod table;
mod ticks;

use crate::mcp::failure::Failure;
pub(crate) use options::{Format, Kind, Options, schema};
pub(crate) use roles::{Asked, Names, Roles};
use scene::{Scene, Subject};
pub(crate) use table::{Meaning, Table};

/// A chart that is drawn.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) png: Vec<u8>,
    pub(crate) svg: String,
    /// What it shows and what it does not, in a few sentences.
    pub(crate) said: String,
}

impl Picture {
    pub(crate) fn file(&self, format: Format) -> &[u8] {
        match format {
            Format::Png => &self.png,
            Format::Svg => self.svg.as_bytes(),
        }
    }

    pub(crate) fn into_file(self, format: Format) -> Vec<u8> {
        match format {
            Format::Png => self.png,
            Format::Svg => self.svg.into_bytes(),
        }
    }
}

/// How many rows are kept to draw them, and what becomes of more.
pub(crate) fn most_rows(kind: Kind) -> usize {
    match kind {
        // More bars are not told apart.
        Kind::Bar => 10_000,
        // One or two columns of eight bytes.
        Kind::Histogram => 1_000_000,
        Kind::Line => 100_000,
        // Each is an element of the SVG.
        Kind::Scatter => 50_000,
    }
}

/// Refuses a result that has more rows than can be drawn, once that is known.
pub(crate) fn check_rows(kind: Kind, rows: usize) -> Result<(), Failure> {
    let most = most_rows(kind);
    match kind {
        Kind::Bar if rows > most => Err(Failure::new(format!(
            "The result has more than {most} rows, which are too many bars. Next: aggregate in SQL (GROUP BY), or draw the \
             largest (ORDER BY ... LIMIT 20)."
        ))),
        Kind::Histogram if rows > most => Err(Failure::new(format!(
            "The result has more than {most} rows. Next: count in SQL, such as SELECT floor(x / 10) * 10 AS x, count(*) \
             ... GROUP BY 1, and draw that as kind bar; or draw a sample."
        ))),
        // A part of the rows shows what all would.
        _ => Ok(()),
    }
}

/// Draws. This takes the processor for a while: not for a thread that others wait for.
pub(crate) fn draw(kind: Kind, table: &Table, roles: &Roles, options: &Options) -> Result<Picture, Failure> {
    if table.rows() == 0 {
        return Err(Failure::new(
            "The result has no rows, so there is nothing to draw. Next: check the filter with `query`.",
        ));
    }
    let subject = Subject::new(kind, table, roles, options)?;
    let scene = match kind {
        Kind::Bar => bars::scene(&subject)?,
        Kind::Line => lines::scene(&subject)?,
        Kind::Scatter => scatter::scene(&subject)?,
        Kind::Histogram => histogram::scene(&subject)?,
    };
    let Scene { figure, marks, mut said } = scene;
    let svg = canvas::svg(options.width, options.height, |canvas| {
        let mut chart = figure.begin(canvas)?;
        marks.draw(&mut chart)?;
        chart.finish(&figure)
    })?;
    let png = raster::png(&svg)?;
    said.extend(subject.said());
    said.extend(missing_letters(&svg));
    Ok(Picture { png, svg, said: said.join(" ") })
}

/// What the PNG shows as empty boxes.
fn missing_letters(svg: &str) -> Option<String> {
    let mut missing: Vec<char> =
        svg.chars().filter(|letter| !letter.is_ascii() && !font::has(*letter)).collect();
    missing.sort_unstable();
    missing.dedup();
    let shown: String = missing.iter().take(10).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "The font of the PNG lacks {} letters ({shown}), shown as boxes. Next: write those names in another script in \
             SQL, or pass format svg and a path.",
            missing.len()
        )
    })
}

#[cfg(test)]
mod tests;
