//! Patterns of names: the one matcher of the server. It takes time in proportion to the name, whatever the pattern.

use std::ffi::OsStr;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher, escape};

use super::failure::Failure;

/// Characters of a pattern. A file's name has at most 255 bytes, a name in Hyper a few hundred.
const LONGEST: usize = 1024;

/// A pattern that names are compared with.
#[derive(Clone, Debug)]
pub(crate) struct Wildcard {
    matcher: GlobMatcher,
    folds_case: bool,
}

impl Wildcard {
    /// Of file names, as in shells: `*`, `?`, `[a-z]`, `{a,b}`. Case matters, and a name that begins with a dot is meant only
    /// by a pattern that does.
    pub(crate) fn of_files(pattern: &str) -> Result<Self, Failure> {
        Self::build(pattern, pattern, false)
    }

    /// Of names in a database: `*` and `%` stand for anything, everything else for itself. Case does not matter.
    pub(crate) fn of_names(pattern: &str) -> Result<Self, Failure> {
        let pieces: Vec<_> = pattern.split(['*', '%']).map(|piece| escape(&piece.to_lowercase())).collect();
        Self::build(pattern, &pieces.join("*"), true)
    }

    fn build(shown: &str, glob: &str, folds_case: bool) -> Result<Self, Failure> {
        let refused = |why: &str| Failure::new(format!("The pattern {shown:?} cannot be used: {why}."));
        if shown.chars().count() > LONGEST {
            return Err(Failure::new(format!("A pattern has at most {LONGEST} characters.")));
        }
        let glob = GlobBuilder::new(glob).backslash_escape(false).build();
        let matcher = glob.map_err(|error| refused(&error.kind().to_string()))?.compile_matcher();
        Ok(Self { matcher, folds_case })
    }

    /// Whether a name is like it.
    pub(crate) fn matches(&self, name: &str) -> bool {
        match self.folds_case {
            true => self.matcher.is_match(name.to_lowercase()),
            false => self.matches_file(OsStr::new(name)),
        }
    }

    /// Whether a file's name is like it, which need not be UTF-8.
    pub(crate) fn matches_file(&self, name: &OsStr) -> bool {
        let is_hidden = name.as_encoded_bytes().starts_with(b".");
        (!is_hidden || self.matcher.glob().glob().starts_with('.')) && self.matcher.is_match(Path::new(name))
    }

    /// Whether a file's name has characters that a pattern gives a meaning.
    pub(crate) fn is_one(name: &str) -> bool {
        name.contains(['*', '?', '[', '{'])
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn files_are_matched_as_shells_do() {
        let matches = |name, pattern| Wildcard::of_files(pattern).unwrap().matches(name);

        for (name, pattern) in [
            ("a_2024.csv", "a_*.csv"),
            ("a_.csv", "a_*.csv"),
            ("xyz", "*y*"),
            ("a1.csv", "a?.csv"),
            ("a1.csv", "a[0-9].csv"),
            ("b.json", "*.{csv,json}"),
            (".hidden", ".h*"),
            ("new\nline.csv", "*.csv"),
            ("back\\slash", "back\\*"),
        ] {
            assert!(matches(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in
            [("b_2024.csv", "a_*.csv"), ("é.csv", "*.json"), ("A.csv", "a.*"), (".h.csv", "*.csv")]
        {
            assert!(!matches(name, pattern), "{name} {pattern}");
        }
    }

    #[test]
    fn in_names_only_two_characters_have_a_meaning() {
        let matches = |name, pattern| Wildcard::of_names(pattern).unwrap().matches(name);

        for (name, pattern) in [
            ("orders", "ORD%"),
            ("orders", "*ers"),
            ("orders", "%d%r%"),
            ("a[b]?{c}\\", "a[b]?{c}\\"),
            ("a[b]", "*[b]"),
            ("ÄRGER", "ä%"),
            ("a/b", "a*b"),
            ("", "%"),
        ] {
            assert!(matches(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [("orders", "ord"), ("aba", "ab%ba"), ("a", "a%a"), ("ab", "a?")] {
            assert!(!matches(name, pattern), "{name} {pattern}");
        }
    }

    #[test]
    fn no_pattern_takes_longer_than_its_length_and_that_of_the_name() {
        let start = Instant::now();
        for stars in [8, 100, 500] {
            let pattern = "*a".repeat(stars) + "*b";
            let name = "a".repeat(255);
            assert!(!Wildcard::of_files(&pattern).unwrap().matches(&name));
            assert!(!Wildcard::of_names(&pattern).unwrap().matches(&name));
        }
        let braces = "{a,aa}".repeat(100) + "b";
        let _ = Wildcard::of_files(&braces).map(|pattern| pattern.matches(&"a".repeat(255)));
        // Debug builds on a busy machine; exponential time would be years.
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }

    #[test]
    fn what_is_no_pattern_is_refused_in_words() {
        assert!(Wildcard::of_files("a[").unwrap_err().text().contains("a["));
        assert!(Wildcard::of_files(&"*".repeat(2000)).is_err());
    }
}
