//! What data files a folder has.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::folder::Version;
use crate::mcp::disk::{blocking, shown};

/// Names of data files, as `load` knows them, `.gz` behind them aside.
const ENDINGS: [&str; 13] = [
    "csv", "tsv", "tab", "json", "jsonl", "ndjson", "geojson", "parquet", "pq", "arrow", "arrows", "feather",
    "ipc",
];
/// How many files a folder may have: all of their names are kept in memory.
const MOST: usize = 100_000;

/// Files by their names.
pub(crate) type Listing = BTreeMap<String, Version>;

/// Those of the folder itself. Hidden files are left out: that is how many programs call what they have not finished.
pub(crate) fn scan(folder: &Path, ready_suffix: Option<&str>) -> io::Result<Listing> {
    let mut listing = Listing::new();
    let found = blocking::names(folder, |name| name.to_str().is_some_and(is_data))?;
    if found.is_cut || found.names.len() > MOST {
        return Err(io::Error::other(format!("it has more than {MOST} data files")));
    }
    for name in found.names {
        let Some(name) = name.to_str() else { continue };
        let is_ready = |suffix: &str| blocking::about(&folder.join(name.to_owned() + suffix)).is_ok();
        if !ready_suffix.is_none_or(is_ready) {
            continue;
        }
        // One that goes meanwhile, or is no file, does not count.
        let Ok(version) = version(&folder.join(name)) else { continue };
        listing.insert(name.to_owned(), version);
    }
    Ok(listing)
}

/// A file's version.
pub(crate) fn version(path: &Path) -> io::Result<Version> {
    let about = blocking::about(path)?;
    if !about.is_file() {
        return Err(io::Error::other(format!("{} is no file", shown(path))));
    }
    let modified = about.modified;
    Ok(Version(format!("{} bytes of {}.{:09}", about.size, modified.as_secs(), modified.subsec_nanos())))
}

fn is_data(name: &str) -> bool {
    let lower = name.to_lowercase();
    let plain = lower.strip_suffix(".gz").unwrap_or(&lower);
    let ending = plain.rsplit_once('.').map(|(_, ending)| ending);
    !name.starts_with('.') && ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(folder: &Path, suffix: Option<&str>) -> Vec<String> {
        scan(folder, suffix).unwrap().into_keys().collect()
    }

    #[test]
    fn only_data_files_count() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.csv", "B.CSV", "c.json.gz", ".d.csv", "e.csv.part", "f.txt", "csv"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        fs::create_dir(folder.path().join("g.csv")).unwrap();

        assert_eq!(names(folder.path(), None), ["B.CSV", "a.csv", "c.json.gz"]);
    }

    #[test]
    fn with_a_suffix_only_those_that_are_ready_count() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.csv", "b.csv", "b.csv.ready"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }

        assert_eq!(names(folder.path(), Some(".ready")), ["b.csv"]);
    }

    #[test]
    fn what_is_written_to_is_another_version() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.csv"), "x").unwrap();
        let before = scan(folder.path(), None).unwrap();

        fs::write(folder.path().join("a.csv"), "xy").unwrap();

        assert_ne!(scan(folder.path(), None).unwrap(), before);
    }
}
