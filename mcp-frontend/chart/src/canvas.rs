//! What is drawn on: plotters, in points instead of its whole pixels.

use std::fmt::Display;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, ShapeStyle, TextStyle,
};

use crate::error::Error;
use crate::font::{self, Letters};

/// Into so many parts a pixel is divided: plotters places everything on whole numbers, which makes flat curves jagged.
const PARTS: u32 = 10;
/// A picture of this size, in pixels, has points of one pixel; larger ones have larger letters, too.
const USUAL: (f64, f64) = (960.0, 600.0);
/// How large a point may be.
const POINTS: std::ops::RangeInclusive<f64> = 0.8..=4.0;

/// How a baseline lies below the middle of letters, in ems: half the height of digits and capitals.
const BASELINE: f64 = 0.36;
/// Where plotters' SVG puts the baseline of what it is told to hang from a place, in ems.
const HANGING: f64 = 0.76;
/// What plotters' SVG divides a font's size by.
const FONT_SIZE: f64 = 1.24;

/// A place, in points from the upper left corner.
pub(crate) type Place = (f64, f64);

/// Which part of a text is at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// An SVG that is being drawn.
pub(crate) struct Canvas<'a> {
    pub(crate) area: DrawingArea<SVGBackend<'a>, Shift>,
    /// In points.
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// plotters' pixels in a point.
    unit: f64,
}

/// The SVG that `draw` draws, of a width and height in pixels.
pub(crate) fn svg(
    width: u32,
    height: u32,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), Error>,
) -> Result<String, Error> {
    let mut svg = String::new();
    let parts = (width * PARTS, height * PARTS);
    {
        let area = SVGBackend::with_string(&mut svg, parts).into_drawing_area();
        let (points_wide, points_high) = points(width, height);
        let canvas = Canvas {
            width: points_wide,
            height: points_high,
            unit: f64::from(width) / points_wide * f64::from(PARTS),
            area,
        };
        draw(&canvas)?;
        canvas.area.present().map_err(failed)?;
    }
    // The picture is as large as was asked for, whatever its parts; and a sharp turn of a line is no spike.
    let asked = format!("<svg width=\"{}\" height=\"{}\"", parts.0, parts.1);
    let meant = format!("<svg width=\"{width}\" height=\"{height}\" stroke-linejoin=\"round\"");
    Ok(svg.replacen(&asked, &meant, 1))
}

/// How many points a picture is wide and high.
pub(crate) fn points(width: u32, height: u32) -> (f64, f64) {
    let (width, height) = (f64::from(width), f64::from(height));
    let point = (width / USUAL.0).min(height / USUAL.1).clamp(*POINTS.start(), *POINTS.end());
    (width / point, height / point)
}

/// Why plotters could not draw.
pub(crate) fn failed(error: impl Display) -> Error {
    Error::Internal(error.to_string())
}

impl Canvas<'_> {
    /// Points in plotters' pixels.
    pub(crate) fn pixels(&self, points: f64) -> i32 {
        (points * self.unit).round() as i32
    }

    /// A line's width, or a circle's radius.
    pub(crate) fn size(&self, points: f64) -> u32 {
        (points * self.unit).round().max(1.0) as u32
    }

    pub(crate) fn stroke(&self, color: RGBColor, width: f64) -> ShapeStyle {
        ShapeStyle { color: color.to_rgba(), filled: false, stroke_width: self.size(width) }
    }

    pub(crate) fn line(&self, from: Place, to: Place, color: RGBColor, width: f64) -> Result<(), Error> {
        let path = vec![self.place(from), self.place(to)];
        self.area.draw(&PathElement::new(path, self.stroke(color, width))).map_err(failed)
    }

    pub(crate) fn rectangle(&self, from: Place, to: Place, color: RGBColor) -> Result<(), Error> {
        self.area.draw(&Rectangle::new([self.place(from), self.place(to)], color.filled())).map_err(failed)
    }

    pub(crate) fn dot(&self, at: Place, radius: f64, color: RGBColor) -> Result<(), Error> {
        self.area.draw(&Circle::new(self.place(at), self.size(radius), color.filled())).map_err(failed)
    }

    /// A line of text, whose middle is as high as `at`.
    pub(crate) fn text(
        &self,
        at: Place,
        text: &str,
        letters: Letters,
        color: RGBColor,
        anchor: Anchor,
    ) -> Result<(), Error> {
        let hanging = (at.0, at.1 + (BASELINE - HANGING) * letters.size);
        self.write(hanging, text, letters, color, anchor, FontTransform::None)
    }

    /// A line of text that is read from below.
    pub(crate) fn upright(
        &self,
        at: Place,
        text: &str,
        letters: Letters,
        color: RGBColor,
        anchor: Anchor,
    ) -> Result<(), Error> {
        let hanging = (at.0 + (BASELINE - HANGING) * letters.size, at.1);
        self.write(hanging, text, letters, color, anchor, FontTransform::Rotate270)
    }

    fn write(
        &self,
        at: Place,
        text: &str,
        letters: Letters,
        color: RGBColor,
        anchor: Anchor,
        transform: FontTransform,
    ) -> Result<(), Error> {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let weight = if letters.bold { FontStyle::Bold } else { FontStyle::Normal };
        let size = (letters.size * self.unit).round() * FONT_SIZE;
        let font = FontDesc::new(FontFamily::Name(font::FAMILY), size, weight).transform(transform);
        let style = TextStyle::from(font).color(&color).pos(Pos::new(horizontal, VPos::Top));
        self.area.draw(&Text::new(text, self.place(at), style)).map_err(failed)
    }

    fn place(&self, at: Place) -> (i32, i32) {
        (self.pixels(at.0), self.pixels(at.1))
    }
}
