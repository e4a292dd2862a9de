//! An SVG as a PNG.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::iter::repeat_n;
use std::sync::{Arc, LazyLock};

use png::{BitDepth, ColorType, Compression, Encoder, Filter};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::fontdb::{Database, Source};
use resvg::usvg::{Options, Tree};

use crate::canvas::failed;
use crate::error::Error;

/// The fonts there are: those that come with this program, and none of the machine's.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    for file in [dejavu::sans::regular(), dejavu::sans::bold()] {
        fonts.load_font_source(Source::Binary(Arc::new(file)));
    }
    Arc::new(fonts)
});

/// Draws an SVG in its own size.
pub(crate) fn png(svg: &str) -> Result<Vec<u8>, Error> {
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

/// How far apart colors may be that become one, where there are more than a palette has: as little as is enough.
const COARSENESS: [u8; 3] = [1, 8, 16];

/// With a palette, which makes a third of the size: a chart has few colors, and between them shades at the edges of marks,
/// of which nobody misses some.
fn encoded(pixels: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, pixels.width(), pixels.height());
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::High);
    // Neighbors are alike, mostly. Nothing shines through: below everything is white.
    let runs = || {
        let runs = pixels.pixels().chunk_by(|a, b| a == b);
        runs.map(|run| ([run[0].red(), run[0].green(), run[0].blue()], run.len()))
    };
    let mut counts: HashMap<Rgb, usize> = HashMap::new();
    runs().for_each(|(color, length)| *counts.entry(color).or_default() += length);
    let mut data = Vec::new();
    match COARSENESS.iter().find_map(|coarseness| Palette::of(&counts, *coarseness)) {
        Some(palette) => {
            encoder.set_color(ColorType::Indexed);
            encoder.set_filter(Filter::NoFilter);
            runs().for_each(|(color, length)| data.extend(repeat_n(palette.places[&color], length)));
            encoder.set_palette(palette.colors.into_flattened());
        }
        None => {
            encoder.set_color(ColorType::Rgb);
            runs().for_each(|(color, length)| data.extend(repeat_n(color, length).flatten()));
        }
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&data)?;
    writer.finish()?;
    Ok(file)
}

type Rgb = [u8; 3];

/// As many colors as a byte can tell apart.
struct Palette {
    colors: Vec<Rgb>,
    /// Which of them stands for a color.
    places: HashMap<Rgb, u8>,
}

impl Palette {
    /// Of colors that are alike, the most frequent stands for all: what is large keeps its very color.
    fn of(counts: &HashMap<Rgb, usize>, coarseness: u8) -> Option<Self> {
        let alike = |color: &Rgb| {
            color.map(|part| (u16::from(part) + u16::from(coarseness) / 2) / u16::from(coarseness))
        };
        let mut by_count: Vec<(&Rgb, &usize)> = counts.iter().collect();
        // The color itself decides between equals, so that the same picture is the same file.
        by_count.sort_unstable_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let mut groups: HashMap<[u16; 3], u8> = HashMap::new();
        let mut palette = Self { colors: Vec::new(), places: HashMap::new() };
        for (color, _) in by_count {
            let place = match groups.entry(alike(color)) {
                Entry::Occupied(group) => *group.get(),
                Entry::Vacant(group) => {
                    let place = *group.insert(u8::try_from(palette.colors.len()).ok()?);
                    palette.colors.push(*color);
                    place
                }
            };
            palette.places.insert(*color, place);
        }
        Some(palette)
    }
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
            crate::font::FAMILY
        ));

        let (_, _, pixels) = decoded(&png(&svg).unwrap());

        assert!(pixels.iter().filter(|byte| **byte < 100).count() > 50);
    }

    #[test]
    fn shades_become_one_where_there_are_too_many_and_large_areas_keep_their_color() {
        let svg = svg(
            "<defs><linearGradient id=\"g\"><stop offset=\"0\" stop-color=\"#f00\"/><stop offset=\"1\" stop-color=\"#00f\"/></linearGradient>\
             <linearGradient id=\"h\" x2=\"0\" y2=\"1\"><stop offset=\"0\" stop-color=\"#0f0\"/><stop offset=\"1\" stop-color=\"#fff\" stop-opacity=\"0\"/></linearGradient></defs>\
             <rect width=\"20\" height=\"20\" fill=\"url(#g)\"/><rect width=\"20\" height=\"20\" fill=\"url(#h)\"/>\
             <rect x=\"20\" width=\"20\" height=\"20\" fill=\"#0172b3\"/>",
        );

        let (_, _, pixels) = decoded(&png(&svg).unwrap());

        let colors: std::collections::HashSet<_> = pixels.chunks(3).collect();
        assert!((50..=256).contains(&colors.len()), "{}", colors.len());
        assert!(colors.contains([0x01, 0x72, 0xb3].as_slice()));
    }

    #[test]
    fn noise_is_kept_as_it_is() {
        // More than a palette has, however coarse.
        let counts = (0..=255).flat_map(|a| (0..=255).map(move |b| ([a, b, a ^ b], 1))).collect();

        assert!(COARSENESS.iter().all(|coarseness| Palette::of(&counts, *coarseness).is_none()));
    }
}
