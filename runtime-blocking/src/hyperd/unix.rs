//! What Unix has for it: domain sockets, process groups, and a pipe that ends with the last process that holds it.

use std::ffi::OsString;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_core::hyperd::{Endpoint, EndpointError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Access, access, statvfs};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Signal, geteuid, getrlimit, kill_process_group};

use super::log_tail::last_lines_of;
use super::private_folder::PrivateFolder;
use crate::inherit;

/// The shortest of the limits on a socket's path, that of macOS and the BSDs: 104 bytes with a zero at the end.
const MAX_SOCKET_PATH: usize = 103;

/// Where hyperd listens when nobody else is to connect.
pub(super) fn private_endpoint(folder: &Path) -> Result<Endpoint, EndpointError> {
    socket_endpoint(&folder.join("hyper"))
}

/// A domain socket that hyperd can be told of, and whose path fits into a socket's address.
pub(super) fn socket_endpoint(path: &Path) -> Result<Endpoint, EndpointError> {
    let impossible = || EndpointError::Path { path: path.to_string_lossy().into_owned() };
    let text = path.to_str().filter(|text| text.len() <= MAX_SOCKET_PATH).ok_or_else(impossible)?;
    Endpoint::domain(text)
}

/// Where a run folder can be made, best first. Spilled data goes there too, so a disk comes before memory.
pub(super) fn run_folder_bases() -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let mut bases = vec![std::env::temp_dir()];
    bases.extend(runtime);
    bases.push(PathBuf::from("/tmp"));
    bases.retain(|base| base.is_absolute());
    bases.dedup();
    bases
}

pub(super) fn only_for_this_user(builder: &mut tempfile::Builder<'_, '_>) {
    builder.permissions(Permissions::from_mode(0o700));
}

pub(super) fn is_ours(metadata: &Metadata) -> bool {
    metadata.uid() == geteuid().as_raw()
}

pub(super) fn is_executable(file: &Path) -> bool {
    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}

pub(super) fn make_executable(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o755))
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    let system = statvfs(folder).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

pub(super) fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}

/// The most files that a process may have open here; `None` is no limit.
pub(super) fn hard_limit_of_open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// So that Ctrl-C in the terminal ends the program and not its child, which the program then ends in order; and so that the
/// child holds none of the program's files.
pub(super) fn on_its_own(command: &mut Command) {
    inherit::nothing(command).process_group(0);
}

/// Asks a process to end.
pub(super) fn terminate(child: &mut Child) {
    signal_group(child, Signal::TERM);
}

/// Ends a process and those that it started. Only for one that was started in a group of its own.
pub(super) fn kill_group(child: &mut Child) {
    signal_group(child, Signal::KILL);
}

fn signal_group(child: &mut Child, signal: Signal) {
    // Its id is its own until its end has been waited for, and a group needs a leader only to be made.
    let unwaited = matches!(child.try_wait(), Ok(None));
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw).filter(|_| unwaited) {
        let _ = kill_process_group(group, signal);
    }
}

/// Waits for the end of a process, at most so long.
pub(crate) fn wait_for_exit(child: &mut Child, at_most: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = hyperwire_carrier::deadline(at_most);
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Where hyperd calls back once it is ready.
pub(super) struct CallbackListener {
    listener: UnixListener,
    path: PathBuf,
}

impl CallbackListener {
    pub(super) fn bind(folder: &Path) -> io::Result<(Self, Endpoint)> {
        let path = folder.join("callback");
        let endpoint = socket_endpoint(&path).map_err(io::Error::other)?;
        let listener = UnixListener::bind(&path)?;
        listener.set_nonblocking(true)?;
        Ok((Self { listener, path }, endpoint))
    }

    /// The connection, if one comes within this time.
    pub(super) fn accept(&self, within: Duration) -> io::Result<Option<CallbackConnection>> {
        if !is_readable(&self.listener, within)? {
            return Ok(None);
        }
        match self.listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                Ok(Some(CallbackConnection { stream }))
            }
            Err(error) if is_momentary(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for CallbackListener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The connection whose closing ends hyperd.
#[derive(Debug)]
pub(super) struct CallbackConnection {
    stream: UnixStream,
}

impl CallbackConnection {
    /// A second descriptor, to wait on for the end of hyperd. It does not keep the connection open.
    #[cfg(feature = "shared")]
    pub(super) fn watch(&self) -> io::Result<UnixStream> {
        self.stream.try_clone()
    }

    /// What has come, if something comes within this time; nothing is the end.
    pub(super) fn read(&mut self, into: &mut [u8], within: Duration) -> io::Result<Option<usize>> {
        if !is_readable(&self.stream, within)? {
            return Ok(None);
        }
        match self.stream.read(into) {
            Ok(count) => Ok(Some(count)),
            Err(error) if is_momentary(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for CallbackConnection {
    fn drop(&mut self) {
        // Closing would not do as long as somebody watches.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

fn is_momentary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
    )
}

fn is_readable(of: &impl AsFd, within: Duration) -> io::Result<bool> {
    let mut waiting = [PollFd::new(of, PollFlags::IN)];
    let timeout = Timespec::try_from(within).ok();
    match poll(&mut waiting, timeout.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Keeps the first 64 KiB that it reads, throws away the rest, and removes the folder at the end of the input. dd
/// takes single bytes because only so does it write each at once and stop at exactly that many.
const GUARD: &str = r#"dd bs=1 count=65536 2>/dev/null; cat >/dev/null 2>&1; rm -rf -- "$1" 2>/dev/null"#;

/// The process that removes the run folder when this process and hyperd are both gone, however they went.
///
/// Its input is a pipe that nobody but these two can write to: hyperd as its standard output and error, this process
/// for nothing but being alive. hyperd's words must be read by somebody anyway: it blocks when nobody does.
#[derive(Debug)]
pub(super) struct Guard {
    shell: Child,
    writer: Option<PipeWriter>,
    /// Never read. Without any reader hyperd would die of SIGPIPE, and in an orderly end it prints before it writes
    /// the databases: somebody killing the guard must not cost data.
    _reader: PipeReader,
    output: File,
}

impl Guard {
    pub(super) fn start(folder: &PrivateFolder) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let path = folder.path().join("output");
        let written = File::options().append(true).create_new(true).open(&path)?;
        let output = File::open(&path)?;
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(GUARD).arg("hyperwire-guard").arg(folder.path());
        // The guard holds the folder's lock too: nobody sweeps what it has yet to remove.
        command.stdin(reader.try_clone()?).stdout(written).stderr(folder.lock().try_clone()?);
        command.current_dir("/").process_group(0);
        let shell = inherit::nothing(&mut command).spawn()?;
        Ok(Self { shell, writer: Some(writer), _reader: reader, output })
    }

    /// Makes the pipe the command's standard output and error.
    pub(super) fn listen_to(&self, command: &mut Command) -> io::Result<()> {
        let writer = self.writer.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        command.stdout(writer.try_clone()?).stderr(writer.try_clone()?);
        Ok(())
    }

    /// Lets the guard finish, after hyperd has ended, and gives the last lines that hyperd printed.
    pub(super) fn finish(&mut self, within: Duration) -> String {
        drop(self.writer.take());
        if !matches!(wait_for_exit(&mut self.shell, within), Ok(Some(_))) {
            kill_group(&mut self.shell);
            let _ = self.shell.wait();
        }
        last_lines_of(&mut self.output)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Nothing happens here after finish; without it, hyperd was never started.
        self.finish(Duration::from_secs(5));
    }
}

/// The standard input of a hyperd that reads none: a lock that lasts as long as it does.
pub(super) fn input_that_holds(lock: &File) -> io::Result<Stdio> {
    Ok(Stdio::from(lock.try_clone()?))
}
