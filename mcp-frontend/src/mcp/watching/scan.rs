//! What data files a folder has.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::folder::Version;

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
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        if !is_data(&name) || !ready_suffix.is_none_or(|suffix| folder.join(name.clone() + suffix).exists()) {
            continue;
        }
        // One that goes meanwhile, or is no file, does not count.
        let Ok(version) = version(&entry.path()) else { continue };
        listing.insert(name, version);
        if listing.len() > MOST {
            return Err(io::Error::other(format!("it has more than {MOST} data files")));
        }
    }
    Ok(listing)
}

/// A file's version.
pub(crate) fn version(path: &Path) -> io::Result<Version> {
    let about = fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let modified = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Version(format!("{} bytes of {}.{:09}", about.len(), modified.as_secs(), modified.subsec_nanos())))
}

fn is_data(name: &str) -> bool {
    let lower = name.to_lowercase();
    let plain = lower.strip_suffix(".gz").unwrap_or(&lower);
    let ending = plain.rsplit_once('.').map(|(_, ending)| ending);
    !name.starts_with('.') && ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests {
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
