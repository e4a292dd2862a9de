//! Fetches the package with npm, once for all tests that share a target folder.

use std::env;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha512};

use super::{HyperdbMcp, VERSION};
use crate::household::{Finished, Program};

/// The npm package with both programs for Linux on x86-64.
const PACKAGE: &str = "hyperdb-mcp-linux-x64-gnu";
/// The SHA-512 of its 0.7.3, as npm writes it down.
const INTEGRITY: &str =
    "sha512-y1xVyzq+fBJRyqdVsdC0UxxUvLicgBUEOzVR+rY8v8rU6p3eE8E7OvnQ/RynGN+EZobb7kzGeC54PMr3VpP7TA==";
/// 87 MB over a slow line.
const FETCHED_WITHIN: Duration = Duration::from_secs(300);
/// Another process may be fetching both the package and the C library.
const FREE_WITHIN: Duration = Duration::from_secs(900);
/// Names that folder has with the C library that the system lacks.
const LIBC: &str = "libc";

/// Why there is no hyperdb-mcp.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no package for this machine.
    #[error("hyperdb-mcp {VERSION} is fetched for Linux on x86-64 only; name its folder in HYPERDB_MCP_DIR")]
    Platform,
    /// What the user names is not it.
    #[error("the folder in HYPERDB_MCP_DIR does not hold hyperdb-mcp {VERSION}: {0}")]
    Named(String),
    /// A program that does the work is missing or failed.
    #[error("hyperdb-mcp cannot be fetched: {0}")]
    Program(String),
    /// The package is not the one that is expected.
    #[error("npm delivered another {PACKAGE} than {VERSION}: expected {INTEGRITY}, found {0}")]
    Integrity(String),
    /// It is there and does not run.
    #[error("hyperdb-mcp {VERSION} does not run: {reason}; delete {} to have it fetched again", folder.display())]
    DoesNotRun {
        /// Where it is.
        folder: PathBuf,
        /// What the system or the program said.
        reason: String,
    },
    /// The target folder cannot be worked in.
    #[error("in {}: {reason}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
}

/// The package in the target folder, fetched unless it is there.
pub(super) fn in_target_folder() -> Result<HyperdbMcp, FetchError> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(FetchError::Platform);
    }
    let target = target_folder();
    let place = target.join(format!("hyperdb-mcp-{VERSION}"));
    let in_target = |reason| FetchError::Folder { folder: target.clone(), reason };

    let lock = File::create(target.join(format!("hyperdb-mcp-{VERSION}.lock"))).map_err(in_target)?;
    wait_for(&lock).map_err(in_target)?;
    if !place.is_dir() {
        let working =
            tempfile::Builder::new().prefix("hyperdb-mcp-").tempdir_in(&target).map_err(in_target)?;
        let package = fetch(working.path())?;
        fs::rename(package, &place).map_err(in_target)?;
    }
    let found = HyperdbMcp::in_folder(&place);
    if runs(&found.program).is_err_and(|reason| reason.contains("GLIBC_")) {
        bind_to_newer_libc(&place, &found.program)?;
    }
    runs(&found.program).map_err(|reason| FetchError::DoesNotRun { folder: place.clone(), reason })?;
    Ok(found)
}

/// Whether it says that it is the version that the tests are about.
pub(super) fn runs(program: &Path) -> Result<(), String> {
    let mut command = Command::new(program);
    command.arg("--version");
    let said = succeed(command, Duration::from_secs(30))?.stdout;
    if said.contains(VERSION) { Ok(()) } else { Err(format!("it says that it is {}", said.trim())) }
}

/// The package's files, in a folder below `working`.
fn fetch(working: &Path) -> Result<PathBuf, FetchError> {
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", &format!("{PACKAGE}@{VERSION}"), "--pack-destination"]).arg(working);
    succeed(npm, FETCHED_WITHIN).map_err(FetchError::Program)?;

    let archive = working.join(format!("{PACKAGE}-{VERSION}.tgz"));
    let bytes =
        fs::read(&archive).map_err(|reason| FetchError::Folder { folder: working.to_owned(), reason })?;
    let found = format!("sha512-{}", STANDARD.encode(Sha512::digest(bytes)));
    if found != INTEGRITY {
        return Err(FetchError::Integrity(found));
    }

    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(&archive).arg("-C").arg(working);
    succeed(tar, FETCHED_WITHIN).map_err(FetchError::Program)?;
    Ok(working.join("package"))
}

/// Works on a copy, so that the program is the old one or the new one, whatever happens.
fn bind_to_newer_libc(place: &Path, program: &Path) -> Result<(), FetchError> {
    let in_place = |reason| FetchError::Folder { folder: place.to_owned(), reason };
    let libc = place.join(LIBC);
    if libc.exists() {
        fs::remove_dir_all(&libc).map_err(in_place)?;
    }
    let copy = place.join("hyperdb-mcp.bound");
    fs::copy(program, &copy).map_err(in_place)?;
    let mut script = Command::new("sh");
    script.args(["-c", include_str!("newer_libc.sh"), "newer_libc.sh"]).arg(libc).arg(&copy);
    succeed(script, FETCHED_WITHIN).map_err(FetchError::Program)?;
    fs::rename(copy, program).map_err(in_place)
}

/// Runs it, and takes any exit code but 0 for a failure.
fn succeed(command: Command, within: Duration) -> Result<Finished, String> {
    let finished = Program::start(command).and_then(|program| program.finish(within))?;
    if finished.code == Some(0) { Ok(finished) } else { Err(finished.to_string()) }
}

/// The folder into which cargo built this test, above that of its profile, `debug` for instance.
fn target_folder() -> PathBuf {
    let test = env::current_exe().expect("a test knows its own path");
    let profile = test.parent().filter(|folder| folder.ends_with("deps")).and_then(Path::parent);
    profile.and_then(Path::parent).expect("cargo puts tests into target/<profile>/deps").to_owned()
}

fn wait_for(lock: &File) -> io::Result<()> {
    let deadline = Instant::now() + FREE_WITHIN;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(error.into()),
        }
    }
}
