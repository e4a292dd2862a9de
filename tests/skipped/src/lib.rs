//! Tests that lack a tool, a package or a right are skipped, and say so at the end, all of them, in one list.
//!
//! Cargo runs one test program after the other and tells none of them which is the last. So each notes what it skips in a
//! file of the target folder, which is named after the process that runs them all, and the test `list` of this package, whose
//! name makes it the last, prints that file. Where the environment variable `CI` is set nothing is skipped: there, nobody
//! would miss a test.

use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};
use std::{env, thread};

/// The folder of the notes in the target folder.
const FOLDER: &str = "skipped-tests";
/// Nobody asks any more for a note that is older: the run broke off before its end.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Says that the current test is skipped, and notes it for the end.
///
/// # Panics
/// When the environment variable `CI` is set.
pub fn skip(why: impl Display) {
    assert!(env::var_os("CI").is_none(), "this test may not be skipped where CI is set: {why}");
    let program = env::current_exe().ok();
    let program =
        program.as_deref().and_then(Path::file_stem).map(|name| name.to_string_lossy().into_owned());
    // Without the hash that cargo appends.
    let program = program.as_deref().map_or("?", |name| name.rsplit_once('-').map_or(name, |(name, _)| name));
    let test = thread::current().name().unwrap_or("?").to_owned();
    let line = format!("{program}: {test}: {}", why.to_string().replace('\n', " "));
    // Past the test harness, which would swallow it.
    let _ = writeln!(io::stderr(), "skipped: {line}");
    if let Err(error) = note_in(&folder(), &this_run(), &line) {
        let _ = writeln!(io::stderr(), "it will be missing in the list of skipped tests: {error}");
    }
}

/// Whether a program can be run with these arguments; if not, the current test is skipped.
///
/// # Panics
/// As [`skip`].
#[must_use]
pub fn has(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let can = output.is_ok_and(|output| output.status.success());
    if !can {
        skip(format_args!("`{program} {}` cannot be run", arguments.join(" ")));
    }
    can
}

/// What this run has skipped, each once, and forgets it.
#[must_use]
pub fn take() -> Vec<String> {
    take_from(&folder(), &this_run())
}

fn note_in(folder: &Path, run: &str, line: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    forget_old(folder);
    let mut note = OpenOptions::new().append(true).create(true).open(folder.join(run))?;
    // One write: other threads and processes append too.
    note.write_all(format!("{line}\n").as_bytes())
}

fn take_from(folder: &Path, run: &str) -> Vec<String> {
    let note = folder.join(run);
    let text = fs::read_to_string(&note).unwrap_or_default();
    let _ = fs::remove_file(note);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines.dedup();
    lines
}

fn forget_old(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let changed = entry.metadata().and_then(|metadata| metadata.modified());
        let age = changed.ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
        if age.is_some_and(|age| age > FORGOTTEN_AFTER) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// In the folder into which cargo built this test, above that of its profile, `debug` for instance.
fn folder() -> PathBuf {
    let test = env::current_exe().unwrap_or_default();
    let profile = test.parent().filter(|folder| folder.ends_with("deps")).and_then(Path::parent);
    profile.and_then(Path::parent).map_or_else(env::temp_dir, Path::to_owned).join(FOLDER)
}

/// Names the process that runs all tests: cargo.
fn this_run() -> String {
    let parent = parent();
    // Its number may be given to another later.
    let stat = fs::read_to_string(format!("/proc/{parent}/stat")).unwrap_or_default();
    let started = stat.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(19)).unwrap_or("0");
    format!("{parent}-{started}")
}

#[cfg(unix)]
fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

#[cfg(not(unix))]
fn parent() -> u32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_programs_skip_is_listed_once_and_then_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        for line in ["b: no nft", "a: no npm", "b: no nft"] {
            note_in(folder.path(), "7-1", line).expect("it can be noted");
        }
        note_in(folder.path(), "8-1", "another run").expect("it can be noted");

        assert_eq!(take_from(folder.path(), "7-1"), ["a: no npm", "b: no nft"]);
        assert!(take_from(folder.path(), "7-1").is_empty());
        assert_eq!(take_from(folder.path(), "8-1"), ["another run"]);
    }

    #[test]
    fn notes_of_a_run_that_broke_off_are_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let old = folder.path().join("7-1");
        fs::write(&old, "a: no npm\n").expect("it can be noted");
        let long_ago = SystemTime::now() - 2 * FORGOTTEN_AFTER;
        OpenOptions::new()
            .append(true)
            .open(&old)
            .and_then(|file| file.set_modified(long_ago))
            .expect("it is ours");

        note_in(folder.path(), "9-1", "b: no nft").expect("it can be noted");

        assert!(!old.exists());
    }
}
