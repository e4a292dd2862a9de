use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use hyperwire_core::hyperd::Wheel;

use super::environment::PROGRAM;
use super::locate::is_the_pinned_one;
use super::log_tail::last_lines;
use super::private_folder::{PrivateFolder, sweep};
use super::unpack::{unpack, verify};
use super::{Environment, InstallError, LocateError, Located, Source, locate, python, system};

/// How far fetching hyperd has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// Bytes of this step that are done.
    pub done: u64,
    /// Bytes of this step in all.
    pub total: u64,
}

/// The parts of fetching hyperd, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Step {
    /// pip fetches the wheel.
    Download,
    /// The wheel is checked against the pinned hash.
    Verify,
    /// hyperd is taken out of it.
    Unpack,
}

/// Told how far it has come, some ten times a second; a break cancels.
pub(super) type OnProgress<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// Finds a hyperd, and fetches one when there is none.
///
/// # Errors
/// As [`locate`] and [`install`].
pub fn locate_or_install(
    environment: &Environment,
    on_progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Located, InstallError> {
    match locate(environment) {
        Ok(located) => Ok(located),
        Err(LocateError::NotFound { .. }) => install(environment, on_progress),
        Err(error) => Err(error.into()),
    }
}

/// Fetches the pinned hyperd into the cache, with the user's own pip and so with the user's index, proxy and
/// certificates. About 90 MB come over the network; at the peak 450 MB of disk are used, in the end 260 MB.
///
/// Any number of processes may do this at once: each works in a folder of its own, and the first to finish wins.
/// `on_progress` is told how far it is, some ten times a second, and cancels by a break.
///
/// # Errors
/// Each [`InstallError`] says what to do. In every case the cache is as it was.
pub fn install(
    environment: &Environment,
    on_progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Located, InstallError> {
    let wheel = environment.wheel.ok_or(InstallError::UnsupportedPlatform {
        os: std::env::consts::OS,
        arch: std::env::consts::ARCH,
    })?;
    let cache = environment.hyperd_cache().ok_or(InstallError::NoCacheFolder)?;
    let place = environment.cached_hyperd().ok_or(InstallError::NoCacheFolder)?;
    let interpreter = python::interpreter(environment).ok_or(InstallError::NoPython)?;

    let folder = working_folder(&cache)?;
    require_space(&cache, &wheel)?;
    let download = Download { environment, interpreter: &interpreter, wheel: &wheel, folder: folder.path() };
    let file = download.run(on_progress).map_err(|error| or_no_space(error, &cache, &wheel))?;
    verify(&file, &wheel, on_progress)?;
    let unpacked = folder.path().join(PROGRAM);
    unpack(&file, &wheel, &unpacked, on_progress).map_err(|error| or_no_space(error, &cache, &wheel))?;
    if !system::is_executable(&unpacked) {
        return Err(InstallError::NotExecutable { path: cache });
    }
    publish(environment, &unpacked, &place)?;
    Ok(Located { path: place, source: Source::Cache })
}

const WORKING_FOLDER: &str = "partial";

fn working_folder(cache: &Path) -> Result<PrivateFolder, InstallError> {
    let not_writable = |source| InstallError::CacheNotWritable { path: cache.to_path_buf(), source };
    fs::create_dir_all(cache).map_err(not_writable)?;
    // Nobody else has folders in there.
    sweep(cache, WORKING_FOLDER, None);
    PrivateFolder::create(cache, WORKING_FOLDER).map_err(not_writable)
}

/// pip has the wheel twice for a moment; afterwards there are the wheel and hyperd.
fn space_needed(wheel: &Wheel) -> u64 {
    wheel.size + wheel.size.max(wheel.member_size)
}

fn require_space(cache: &Path, wheel: &Wheel) -> Result<(), InstallError> {
    let needed = space_needed(wheel);
    match system::free_bytes(cache) {
        Some(free) if free < needed => Err(InstallError::NoSpace { path: cache.to_path_buf(), needed }),
        _ => Ok(()),
    }
}

/// What failed because somebody else filled the disk in the meantime is named as that.
fn or_no_space(error: InstallError, cache: &Path, wheel: &Wheel) -> InstallError {
    let full = match &error {
        InstallError::Io { source, .. } => source.kind() == io::ErrorKind::StorageFull,
        InstallError::PipFailed { last_lines, .. } => last_lines.contains("No space left on device"),
        _ => false,
    };
    if !full {
        return error;
    }
    InstallError::NoSpace { path: cache.to_path_buf(), needed: space_needed(wheel) }
}

/// Gives hyperd its final name in one step. Whoever is second keeps what the first one put there: it may be running.
fn publish(environment: &Environment, unpacked: &Path, place: &Path) -> Result<(), InstallError> {
    let failed =
        |source| InstallError::Io { action: "putting hyperd in place at", path: place.into(), source };
    let folder = place.parent().unwrap_or(place);
    fs::create_dir_all(folder).map_err(failed)?;
    if is_the_pinned_one(environment, place) {
        return Ok(());
    }
    match fs::rename(unpacked, place) {
        Err(_) if is_the_pinned_one(environment, place) => return Ok(()),
        renamed => renamed.map_err(failed)?,
    }
    system::sync_folder(folder).map_err(failed)
}

struct Download<'a> {
    environment: &'a Environment,
    interpreter: &'a Path,
    wheel: &'a Wheel,
    folder: &'a Path,
}

impl Download<'_> {
    /// Often enough for a smooth bar, rarely enough to cost nothing.
    const LOOK_EVERY: Duration = Duration::from_millis(100);

    /// Runs pip, watching what it writes, and gives the wheel's path.
    fn run(&self, on_progress: OnProgress<'_>) -> Result<PathBuf, InstallError> {
        let (into, scratch) = (self.folder.join("wheel"), self.folder.join("scratch"));
        let printed = self.folder.join("pip.log");
        let io = |action, path: &Path, source| InstallError::Io { action, path: path.into(), source };
        for folder in [&into, &scratch] {
            fs::create_dir(folder).map_err(|source| io("making the folder", folder, source))?;
        }
        let output = File::create(&printed).map_err(|source| io("making the file", &printed, source))?;
        let errors = output.try_clone().map_err(|source| io("opening", &printed, source))?;

        let mut command =
            python::pip_download(self.environment, self.interpreter, self.wheel, &into, &scratch);
        command.stdout(Stdio::from(output)).stderr(Stdio::from(errors));
        let mut child = command.spawn().map_err(|source| InstallError::PythonNotStarted {
            python: self.interpreter.to_path_buf(),
            source,
        })?;
        let watched = self.watch(&mut child, &[&into, &scratch], on_progress);
        if watched.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let last_lines = last_lines(&printed);
        let status = watched.map_err(|stopped| stopped.into_error(self, last_lines.clone()))?;

        let file = into.join(self.wheel.file);
        if status.success() && file.is_file() {
            return Ok(file);
        }
        if last_lines.contains("No module named pip") {
            return Err(InstallError::NoPip { python: self.interpreter.to_path_buf() });
        }
        Err(InstallError::PipFailed { requirement: self.wheel.requirement(), status, last_lines })
    }

    fn watch(
        &self,
        child: &mut std::process::Child,
        folders: &[&Path],
        on_progress: OnProgress<'_>,
    ) -> Result<std::process::ExitStatus, Stopped> {
        let mut received = 0;
        let mut grown_at = Instant::now();
        loop {
            if let Some(status) = system::wait_for_exit(child, Self::LOOK_EVERY).map_err(Stopped::Wait)? {
                return Ok(status);
            }
            // pip writes under names of its own and moves the file in the end: the largest one is the wheel.
            let largest = folders.iter().map(|folder| largest_file(folder)).max().unwrap_or(0);
            if largest > received {
                received = largest;
                grown_at = Instant::now();
            } else if grown_at.elapsed() > self.environment.download_stalls_after {
                return Err(Stopped::Stalled { received, waited: grown_at.elapsed() });
            }
            let total = self.wheel.size;
            let progress = Progress { step: Step::Download, done: received.min(total), total };
            if on_progress(progress).is_break() {
                return Err(Stopped::Cancelled);
            }
        }
    }
}

/// Why a download was not waited for to its end.
enum Stopped {
    Cancelled,
    Stalled { received: u64, waited: Duration },
    Wait(io::Error),
}

impl Stopped {
    fn into_error(self, download: &Download<'_>, last_lines: String) -> InstallError {
        match self {
            Self::Cancelled => InstallError::Cancelled,
            Self::Stalled { received, waited } => InstallError::Stalled { received, waited, last_lines },
            Self::Wait(source) => {
                InstallError::Io { action: "waiting for", path: download.interpreter.to_path_buf(), source }
            }
        }
    }
}

/// The size of the largest file in a folder and its sub-folders, not following links.
fn largest_file(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| {
        let metadata = entry.metadata().ok()?;
        Some(if metadata.is_dir() { largest_file(&entry.path()) } else { metadata.len() })
    });
    sizes.max().unwrap_or(0)
}
