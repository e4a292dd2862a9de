//! An SVG as a PNG.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use png::{BitDepth, ColorType, Compression, Encoder};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::fontdb::{Database, Source};
use resvg::usvg::{Options, Tree};

use super::canvas::failed;
use crate::mcp::failure::Failure;

/// The fonts there are: those that come with this program, and none of the machine's.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    for file in [dejavu::sans::regular(), dejavu::sans::bold()] {
        fonts.load_font_source(Source::Binary(Arc::new(file)));
    }
    Arc::new(fonts)
});

/// Draws an SVG in its own size.
pub(super) fn png(svg: &str) -> Result<Vec<u8>, Failure> {
    let options =
        Options { fontdb: FONTS.clone(), font_family: "DejaVu Sans".to_owned(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(failed)?;
    let size = tree.size().to_int_size();
    let mut pixels = Pixmap::new(size.width(), size.height())
        .ok_or_else(|| failed(format!("{} x {} pixels", size.width(), size.height())))?;
    pixels.fill(Color::WHITE);
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    encoded(&pixels).map_err(failed)
}

/// With a palette if there are few colors, as there are in most charts: a third of the size, exactly the same picture.
fn encoded(pixels: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, pixels.width(), pixels.height());
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::High);
    // Nothing shines through: below everything is white.
    let colors = pixels.pixels().iter().map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]);
    let data = match with_palette(colors.clone()) {
        Some((palette, indices)) => {
            encoder.set_color(ColorType::Indexed);
            encoder.set_palette(palette);
            indices
        }
        None => {
            encoder.set_color(ColorType::Rgb);
            colors.flatten().collect()
        }
    };
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&data)?;
    writer.finish()?;
    Ok(file)
}

/// The colors, and which of them each pixel has; `None` if there are more than a byte can tell apart.
fn with_palette(colors: impl Iterator<Item = [u8; 3]>) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut places: HashMap<[u8; 3], u8> = HashMap::new();
    let mut palette = Vec::new();
    let mut before = None;
    let indices = colors.map(|color| {
        if let Some((same, index)) = before
            && same == color
        {
            return Some(index);
        }
        let index = match places.get(&color) {
            Some(index) => *index,
            None => {
                let index = u8::try_from(places.len()).ok()?;
                places.insert(color, index);
                palette.extend_from_slice(&color);
                index
            }
        };
        before = Some((color, index));
        Some(index)
    });
    let indices: Option<Vec<u8>> = indices.collect();
    indices.map(|indices| (palette, indices))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Width, height, and the pixels as RGB.
    fn decoded(file: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        (reader.info().width, reader.info().height, pixels)
    }

    fn svg(inside: &str) -> String {
        format!("<svg width=\"40\" height=\"20\" xmlns=\"http://www.w3.org/2000/svg\">{inside}</svg>")
    }

    #[test]
    fn shapes_have_their_colors() {
        let svg = svg("<rect x=\"10\" y=\"0\" width=\"10\" height=\"20\" fill=\"#ff0000\"/>");

        let (width, height, pixels) = decoded(&png(&svg).unwrap());

        assert_eq!((width, height), (40, 20));
        assert_eq!(&pixels[..3], [255, 255, 255]);
        assert_eq!(&pixels[15 * 3..15 * 3 + 3], [255, 0, 0]);
    }

    #[test]
    fn letters_are_drawn_without_any_font_of_the_machine() {
        let svg = svg(&format!(
            "<text x=\"2\" y=\"15\" font-family=\"{}\" font-size=\"14\">Ağ</text>",
            super::super::font::FAMILY
        ));

        let (_, _, pixels) = decoded(&png(&svg).unwrap());

        assert!(pixels.iter().filter(|byte| **byte < 100).count() > 50);
    }

    #[test]
    fn many_colors_are_kept_without_a_palette() {
        let svg = svg(
            "<defs><linearGradient id=\"g\"><stop offset=\"0\" stop-color=\"#f00\"/><stop offset=\"1\" stop-color=\"#00f\"/></linearGradient>\
             <linearGradient id=\"h\" x2=\"0\" y2=\"1\"><stop offset=\"0\" stop-color=\"#0f0\"/><stop offset=\"1\" stop-color=\"#fff\" stop-opacity=\"0\"/></linearGradient></defs>\
             <rect width=\"40\" height=\"20\" fill=\"url(#g)\"/><rect width=\"40\" height=\"20\" fill=\"url(#h)\"/>",
        );

        let (_, _, pixels) = decoded(&png(&svg).unwrap());

        let colors: std::collections::HashSet<_> = pixels.chunks(3).collect();
        assert!(colors.len() > 256, "{}", colors.len());
    }
}
