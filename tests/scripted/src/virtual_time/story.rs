//! What happened, as lines for a reader and as a digest for a comparison.

use std::collections::BTreeMap;
use std::fmt::Arguments;

use hyperwire_core::time::Instant;
use xxhash_rust::xxh3::Xxh3;

/// Lines kept; a story that is longer loses its beginning.
const LINES: usize = 2000;
/// Characters shown of a line.
const WIDTH: usize = 240;

/// What happened.
pub struct Story {
    digest: Xxh3,
    told: bool,
    lines: Vec<String>,
    /// How often things of each kind happened.
    pub census: BTreeMap<&'static str, u64>,
}

impl Story {
    /// A story whose lines are kept if `told`.
    #[must_use]
    pub fn new(told: bool) -> Self {
        Self { digest: Xxh3::new(), told, lines: Vec::new(), census: BTreeMap::new() }
    }

    /// A line of what happened now.
    pub fn add(&mut self, now: Instant, what: Arguments<'_>) {
        self.line(format!("{:>14.6}s {what}", now.saturating_since(Instant::EPOCH).as_secs_f64()));
    }

    /// A line of what was decided before the first byte.
    pub fn plan(&mut self, what: Arguments<'_>) {
        self.line(format!("plan: {what}"));
    }

    fn line(&mut self, mut line: String) {
        self.digest.update(line.as_bytes());
        if let Some((end, _)) = line.char_indices().nth(WIDTH) {
            line.truncate(end);
            line.push_str("...");
        }
        if self.told {
            if self.lines.len() == LINES {
                self.lines.drain(..LINES / 2);
            }
            self.lines.push(line);
        }
    }

    /// One more of this kind.
    pub fn count(&mut self, kind: &'static str) {
        *self.census.entry(kind).or_default() += 1;
    }

    /// Of every line, kept or not.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest.digest()
    }

    /// The lines that were kept.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}
