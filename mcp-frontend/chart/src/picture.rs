//! What was drawn.

use crate::error::Error;
use crate::options::Format;
use crate::{font, raster};

/// A chart that is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    svg: String,
    said: String,
}

impl Picture {
    pub(crate) fn new(svg: String, mut said: Vec<String>) -> Self {
        said.extend(missing_letters(&svg));
        Self { svg, said: said.join(" ") }
    }

    /// The picture as SVG. Text stays text, in the font DejaVu Sans or what the reader has instead.
    #[must_use]
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// The picture as PNG. This takes the processor for a while: up to a second for the largest.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        raster::png(&self.svg)
    }

    /// The bytes of a file in that format.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn file(&self, format: Format) -> Result<Vec<u8>, Error> {
        match format {
            Format::Png => self.png(),
            Format::Svg => Ok(self.svg.clone().into_bytes()),
        }
    }

    /// What the picture shows and what it leaves out, in a few sentences.
    #[must_use]
    pub fn said(&self) -> &str {
        &self.said
    }
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
