//! What became of a folder's files, and which are to be loaded now. It reads no folder and no clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A file that was not written to for so long is whole.
pub(crate) const SETTLE: Duration = Duration::from_secs(2);

/// The files of a folder, by name.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    files: BTreeMap<String, File>,
}

/// A file's size and time, as text: what is written to it gives it another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version(pub(crate) String);

/// A file that was seen once.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// The one that the standing is about.
    pub(crate) version: Version,
    pub(crate) standing: Standing,
    /// It was written to after it was loaded.
    pub(crate) changed: bool,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// As it is since then. It may not be whole yet.
    Settling(Instant),
    /// There when the watch began.
    Skipped,
    Loading,
    /// So many rows, if that is known.
    Loaded(Option<u64>),
    /// It is tried again when it changes.
    Failed(String),
    /// Its rows may be in the table, or not. It is tried again when it changes.
    Unknown(String),
    /// Another server loads it into the same table, or has.
    Elsewhere,
}

impl Folder {
    /// What is known of a file from before.
    pub(crate) fn recall(&mut self, name: String, version: Version, standing: Standing) {
        self.files.insert(name, File { version, standing, changed: false });
    }

    /// Those that were there when a watch began are to be loaded after all.
    pub(crate) fn reconsider(&mut self) {
        self.files.retain(|_, file| file.standing != Standing::Skipped);
    }

    /// All files that are there now. Those that are new, whole, and not loaded are returned, by name.
    pub(crate) fn saw(&mut self, there: &BTreeMap<String, Version>, now: Instant) -> Vec<String> {
        self.files
            .retain(|name, file| there.contains_key(name) || !matches!(file.standing, Standing::Settling(_)));
        let mut whole = Vec::new();
        for (name, version) in there {
            let file = self.files.entry(name.clone()).or_insert_with(|| File {
                version: version.clone(),
                standing: Standing::Settling(now),
                changed: false,
            });
            if file.version == *version {
                match file.standing {
                    Standing::Settling(since) if now.saturating_duration_since(since) >= SETTLE => {
                        whole.push(name.clone());
                    }
                    _ => {}
                }
            } else if matches!(file.standing, Standing::Loaded(_) | Standing::Loading) {
                // To load it again would make its first rows come twice.
                file.changed = true;
            } else {
                file.version = version.clone();
                file.standing = Standing::Settling(now);
            }
        }
        whole
    }

    /// What became of a file that was there.
    pub(crate) fn settle(&mut self, name: &str, standing: Standing) {
        if let Some(file) = self.files.get_mut(name) {
            file.standing = standing;
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&File> {
        self.files.get(name)
    }

    /// All files, by name.
    pub(crate) fn files(&self) -> &BTreeMap<String, File> {
        &self.files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(files: &[(&str, &str)]) -> BTreeMap<String, Version> {
        files.iter().map(|(name, version)| ((*name).to_owned(), Version((*version).to_owned()))).collect()
    }

    #[test]
    fn a_file_is_whole_when_it_stays_as_it_is() {
        let mut folder = Folder::default();
        let start = Instant::now();

        assert!(folder.saw(&there(&[("a", "1")]), start).is_empty());
        assert!(folder.saw(&there(&[("a", "2")]), start + SETTLE).is_empty(), "it has grown");
        assert_eq!(folder.saw(&there(&[("a", "2")]), start + 2 * SETTLE), ["a"]);
    }

    #[test]
    fn a_file_is_loaded_once() {
        let mut folder = Folder::default();
        let start = Instant::now();
        folder.saw(&there(&[("a", "1")]), start);
        assert_eq!(folder.saw(&there(&[("a", "1")]), start + SETTLE), ["a"]);

        folder.settle("a", Standing::Loaded(Some(3)));

        assert!(folder.saw(&there(&[("a", "1")]), start + 2 * SETTLE).is_empty());
        assert!(folder.saw(&there(&[("a", "2")]), start + 3 * SETTLE).is_empty());
        assert!(folder.saw(&there(&[("a", "2")]), start + 4 * SETTLE).is_empty());
        assert!(folder.get("a").unwrap().changed);
    }

    #[test]
    fn what_failed_is_tried_again_when_it_has_changed() {
        let mut folder = Folder::default();
        let start = Instant::now();
        for standing in [Standing::Failed("bad".into()), Standing::Unknown("lost".into()), Standing::Skipped]
        {
            folder.recall("a".into(), Version("1".into()), standing);
            assert!(folder.saw(&there(&[("a", "1")]), start).is_empty());
            assert!(folder.saw(&there(&[("a", "1")]), start + SETTLE).is_empty());
            assert!(folder.saw(&there(&[("a", "2")]), start + SETTLE).is_empty());
            assert_eq!(folder.saw(&there(&[("a", "2")]), start + 2 * SETTLE), ["a"]);
        }
    }

    #[test]
    fn a_file_that_went_before_it_was_whole_is_forgotten() {
        let mut folder = Folder::default();
        let start = Instant::now();
        folder.saw(&there(&[("a.part", "1")]), start);

        folder.saw(&there(&[]), start);

        assert!(folder.files().is_empty());
    }

    #[test]
    fn what_was_loaded_is_remembered_though_it_is_gone() {
        let mut folder = Folder::default();
        folder.recall("a".into(), Version("1".into()), Standing::Loaded(None));

        folder.saw(&there(&[]), Instant::now());

        assert!(folder.get("a").is_some());
    }
}
