//! What is in a folder.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::lane::operation;

/// Entries of a folder that are looked at. Their names alone take some 10 MB.
pub(crate) const MOST_ENTRIES: usize = 200_000;

/// Names in a folder, sorted.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) names: Vec<OsString>,
    /// There are more than were looked at.
    pub(crate) is_cut: bool,
}

/// The names in a folder that are wanted, of its first [`MOST_ENTRIES`] entries.
pub(crate) fn names(folder: &Path, wanted: impl Fn(&OsString) -> bool) -> io::Result<Names> {
    operation(folder, || {
        let mut found = Names::default();
        for (index, entry) in folder.read_dir()?.enumerate() {
            if index == MOST_ENTRIES {
                found.is_cut = true;
                break;
            }
            let name = entry?.file_name();
            if wanted(&name) {
                found.names.push(name);
            }
        }
        found.names.sort();
        Ok(found)
    })
}
