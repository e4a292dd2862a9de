//! The one font of all pictures, which comes with this program: how wide a text is in it, and what it lacks.

use std::sync::LazyLock;

use skrifa::charmap::Charmap;
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider};

/// As CSS names it, with what readers of an SVG may have instead; both are as wide or narrower.
pub(crate) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// What stands for the rest of a text.
const ELLIPSIS: char = '…';

static REGULAR: LazyLock<Face> = LazyLock::new(|| Face::new(dejavu::sans::regular()));
static BOLD: LazyLock<Face> = LazyLock::new(|| Face::new(dejavu::sans::bold()));

/// How letters look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Letters {
    /// Of an em, in points.
    pub(crate) size: f64,
    pub(crate) bold: bool,
}

struct Face {
    letters: Charmap<'static>,
    widths: GlyphMetrics<'static>,
    units_per_em: f64,
}

impl Letters {
    pub(crate) const fn regular(size: f64) -> Self {
        Self { size, bold: false }
    }

    pub(crate) const fn bold(size: f64) -> Self {
        Self { size, bold: true }
    }

    /// Of a line and the space below it.
    pub(crate) fn line_height(self) -> f64 {
        self.size * 1.25
    }

    /// In points. Kerning, which makes it a little narrower, is left out.
    pub(crate) fn width(self, text: &str) -> f64 {
        let face = self.face();
        text.chars().map(|letter| face.width(letter)).sum::<f64>() * self.size
    }

    /// The text if it is no wider than `width`, or its beginning and an ellipsis.
    pub(crate) fn fit(self, text: &str, width: f64) -> String {
        if self.width(text) <= width {
            return text.to_owned();
        }
        let face = self.face();
        let mut left = width / self.size - face.width(ELLIPSIS);
        let fitting = text.chars().take_while(|letter| {
            left -= face.width(*letter);
            left >= 0.0
        });
        let mut cut: String = fitting.collect();
        cut.truncate(cut.trim_end().len());
        cut.push(ELLIPSIS);
        cut
    }

    /// The text in at most so many lines of at most such a width, broken between words; the last line is cut.
    pub(crate) fn wrap(self, text: &str, width: f64, lines: usize) -> Vec<String> {
        let mut wrapped: Vec<String> = Vec::new();
        let mut words = text.split(' ').filter(|word| !word.is_empty()).peekable();
        while let Some(word) = words.next() {
            let mut line = word.to_owned();
            let last = wrapped.len() + 1 == lines;
            while let Some(next) = words.peek() {
                if !last && self.width(&line) + self.width(" ") + self.width(next) > width {
                    break;
                }
                line.push(' ');
                line.push_str(next);
                words.next();
            }
            wrapped.push(self.fit(&line, width));
        }
        wrapped
    }

    fn face(self) -> &'static Face {
        if self.bold { &BOLD } else { &REGULAR }
    }
}

impl Face {
    fn new(file: &'static [u8]) -> Self {
        let font = FontRef::new(file).expect("the font that comes with this program is one");
        let widths = font.glyph_metrics(Size::unscaled(), LocationRef::default());
        let units_per_em = font.metrics(Size::unscaled(), LocationRef::default()).units_per_em;
        Self { letters: font.charmap(), widths, units_per_em: f64::from(units_per_em) }
    }

    /// In ems.
    fn width(&self, letter: char) -> f64 {
        let Some(glyph) = self.letters.map(letter) else {
            // Drawn by another font, if at all; few letters of any are wider than high.
            return 1.0;
        };
        self.widths.advance_width(glyph).map_or(1.0, f64::from) / self.units_per_em
    }
}

/// Whether the font can show a letter.
pub(crate) fn has(letter: char) -> bool {
    REGULAR.letters.map(letter).is_some()
}

/// A text as it can stand in a picture: one line, without what is invisible or XML forbids.
pub(crate) fn clean(text: &str) -> String {
    let is_lost = |letter: char| {
        // Marks of direction, and what is no character.
        matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    let shown: String = text
        .chars()
        .filter(|letter| !is_lost(*letter))
        .map(|letter| if letter.is_control() || letter.is_whitespace() { ' ' } else { letter })
        .collect();
    shown.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTERS: Letters = Letters::regular(12.0);

    #[test]
    fn a_text_is_as_wide_as_its_letters() {
        let (narrow, wide) = (LETTERS.width("iiii"), LETTERS.width("MMMM"));

        assert!(narrow < 16.0 && wide > 40.0, "{narrow} {wide}");
        assert_eq!(Letters::regular(24.0).width("MMMM"), 2.0 * wide);
        assert!(Letters::bold(12.0).width("MMMM") > wide);
    }

    #[test]
    fn what_does_not_fit_ends_with_an_ellipsis() {
        let text = "a rather long label of a category";

        let cut = LETTERS.fit(text, 80.0);

        assert!(cut.ends_with('…') && LETTERS.width(&cut) <= 80.0, "{cut}");
        assert!(text.starts_with(cut.trim_end_matches('…')), "{cut}");
        assert_eq!(LETTERS.fit("short", 80.0), "short");
    }

    #[test]
    fn lines_are_broken_between_words() {
        let lines = LETTERS.wrap("Research and Development", 80.0, 2);

        assert_eq!(lines, ["Research", "and Devel…"]);
    }

    #[test]
    fn a_word_that_is_too_long_is_cut() {
        let lines = LETTERS.wrap("Donaudampfschifffahrtsgesellschaft", 80.0, 2);

        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with('…'), "{lines:?}");
    }

    #[test]
    fn what_cannot_be_shown_is_left_out() {
        assert_eq!(clean(" a\nb\t\u{202e}c\u{0}d "), "a b c d");
    }

    #[test]
    fn many_scripts_are_there_and_some_are_not() {
        assert!("Ağ Ωж ع ₂ ≤ →".chars().all(has));
        assert!(!has('東') && !has('🦀'));
    }
}
