use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// More than this is not worth carrying in an error.
const MAX_BYTES: u64 = 8 * 1024;
const MAX_LINES: usize = 20;

/// The end of a text file, at most 20 lines; empty when it cannot be read.
pub(super) fn last_lines(file: &Path) -> String {
    File::open(file).map(|mut file| last_lines_of(&mut file)).unwrap_or_default()
}

/// The end of an open file, wherever it stands.
pub(super) fn last_lines_of(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let read = file.metadata().and_then(|metadata| {
        file.seek(SeekFrom::Start(metadata.len().saturating_sub(MAX_BYTES)))?;
        file.take(MAX_BYTES).read_to_end(&mut bytes)
    });
    if read.is_err() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(MAX_LINES)..].join("\n")
}

/// The end of the newest log file in a folder.
pub(super) fn last_lines_of_newest_log(folder: &Path) -> String {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let logs = entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "log"));
    let newest = logs.max_by_key(|entry| entry.metadata().and_then(|metadata| metadata.modified()).ok());
    newest.map(|entry| last_lines(&entry.path())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_of_a_long_file_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hyperd.log");
        let lines: Vec<_> = (0..10_000).map(|number| format!("line {number}")).collect();
        fs::write(&file, lines.join("\n")).unwrap();

        assert_eq!(last_lines(&file), lines[9_980..].join("\n"));
        assert_eq!(last_lines_of_newest_log(folder.path()), lines[9_980..].join("\n"));
    }

    #[test]
    fn what_cannot_be_read_is_empty_and_what_is_not_utf_8_is_readable() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(last_lines(&folder.path().join("none")), "");
        fs::write(folder.path().join("x.log"), b"a\xffb\n\n").unwrap();
        assert_eq!(last_lines_of_newest_log(folder.path()), "a\u{fffd}b");
    }
}
