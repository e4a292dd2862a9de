//! # hyperwire-chart
//!
//! Draws the rows of a query result as a chart: bars, lines, dots or a histogram, as SVG or PNG.
//!
//! A [`Chart`] is told the columns of a result, takes its rows one by one, and draws them. Which column is drawn as what
//! follows from the types of the columns, unless [`Axes`] says otherwise. The font comes with this crate, so that a picture
//! is the same on every machine. With each [`Picture`] comes a text that says what it shows and what had to be left out.
//!
//! ```
//! use hyperwire_chart::{Axes, Chart, Kind, Options};
//! use hyperwire_core::row::{Column, Columns, Encoding, Type};
//! use hyperwire_core::wire::Format;
//!
//! // A client says this of a result: `rows.columns()`.
//! let column = |name, ty| Column::new(name, Encoding::new(ty, Format::Text));
//! let columns: Columns = [column("region", Type::Text), column("revenue", Type::Numeric)].into_iter().collect();
//!
//! let mut options = Options::default();
//! options.title = Some("Revenue by region".to_owned());
//! let mut chart = Chart::new(Kind::Bar, &columns, &Axes::default(), options)?;
//! // Rows of a client are taken by `chart.push(&row)?`.
//! chart.push_text(&[Some("North"), Some("1250.50")])?;
//! chart.push_text(&[Some("South"), Some("830.00")])?;
//! let picture = chart.draw()?;
//!
//! assert_eq!(picture.said(), "2 bars: x = region, y = revenue; values from 830 to 1250.5.");
//! assert!(picture.svg().contains("Revenue by region"));
//! let png: Vec<u8> = picture.png()?;
//! assert!(png.starts_with(b"\x89PNG"));
//! # Ok::<(), hyperwire_chart::Error>(())
//! ```
//!
//! # Bounds
//!
//! A chart keeps at most [`Kind::most_rows`] rows. Of longer results lines and scatter plots draw every second row, or every
//! fourth, and so on, and say so; bars and histograms, which would be wrong then, are refused with [`Error::TooManyRows`].
//!
//! # Threads
//!
//! Nothing waits and nothing is shared: all types are `Send` and `Sync`. [`Chart::draw`] and [`Picture::png`] take the
//! processor for up to a second, so an async program calls them on a thread where that harms nobody.
#![forbid(unsafe_code)]

mod axis;
mod bars;
mod canvas;
mod chart;
mod clock;
mod color;
mod error;
mod figure;
mod font;
mod histogram;
mod lines;
mod number;
mod options;
mod picture;
mod raster;
mod roles;
mod scatter;
mod scene;
mod series;
mod table;
#[cfg(test)]
mod tests;
mod ticks;

pub use chart::Chart;
pub use color::{Colors, Hex};
pub use error::Error;
pub use options::{Bound, Format, Kind, Labels, Options, Orientation, Scale};
pub use picture::Picture;
pub use roles::Axes;
