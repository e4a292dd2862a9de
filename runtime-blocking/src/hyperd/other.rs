//! Where there is no Unix: the callback comes over TCP loopback, and what a killed program leaves is swept by the next.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_core::hyperd::{Endpoint, EndpointError};

use super::log_tail::last_lines_of;
use super::private_folder::PrivateFolder;

/// Without sockets in folders, a free port on loopback.
pub(super) fn private_endpoint(_folder: &Path) -> Result<Endpoint, EndpointError> {
    Ok(Endpoint::Tcp { host: Ipv4Addr::LOCALHOST.to_string(), port: 0 })
}

pub(super) fn socket_endpoint(path: &Path) -> Result<Endpoint, EndpointError> {
    Err(EndpointError::Path { path: path.to_string_lossy().into_owned() })
}

pub(super) fn run_folder_bases() -> Vec<PathBuf> {
    vec![std::env::temp_dir()]
}

/// The user's folder for temporary files is the user's alone.
pub(super) fn only_for_this_user(_builder: &mut tempfile::Builder<'_, '_>) {}

pub(super) fn is_ours(_metadata: &Metadata) -> bool {
    true
}

pub(super) fn is_executable(file: &Path) -> bool {
    file.is_file()
}

pub(super) fn make_executable(_file: &File) -> io::Result<()> {
    Ok(())
}

pub(super) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

pub(super) fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn hard_limit_of_open_files() -> Option<u64> {
    None
}

#[cfg(windows)]
pub(super) fn on_its_own(command: &mut Command) {
    use std::os::windows::process::CommandExt;
    /// From the documentation of CreateProcess.
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
    command.creation_flags(CREATE_NEW_PROCESS_GROUP);
}

#[cfg(not(windows))]
pub(super) fn on_its_own(_command: &mut Command) {}

/// There is no polite way but closing the callback connection.
pub(super) fn terminate(_child: &mut Child) {}

pub(super) fn kill_group(child: &mut Child) {
    let _ = child.kill();
}

pub(super) fn wait_for_exit(child: &mut Child, at_most: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = hyperwire_carrier::deadline(at_most);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        thread::sleep(left.min(Duration::from_millis(5)));
    }
}

/// Where hyperd calls back once it is ready.
pub(super) struct CallbackListener {
    listener: TcpListener,
}

impl CallbackListener {
    pub(super) fn bind(_folder: &Path) -> io::Result<(Self, Endpoint)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        Ok((Self { listener }, Endpoint::Tcp { host: Ipv4Addr::LOCALHOST.to_string(), port }))
    }

    pub(super) fn accept(&self, within: Duration) -> io::Result<Option<CallbackConnection>> {
        let accepted = momentarily(within, || self.listener.accept())?;
        let Some((stream, _)) = accepted else { return Ok(None) };
        stream.set_nonblocking(true)?;
        Ok(Some(CallbackConnection { stream }))
    }
}

/// The connection whose closing ends hyperd.
#[derive(Debug)]
pub(super) struct CallbackConnection {
    stream: TcpStream,
}

impl CallbackConnection {
    pub(super) fn read(&mut self, into: &mut [u8], within: Duration) -> io::Result<Option<usize>> {
        momentarily(within, || self.stream.read(into))
    }
}

/// Tries until it does not have to wait, at most so long.
fn momentarily<T>(within: Duration, mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<Option<T>> {
    let deadline = hyperwire_carrier::deadline(within);
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result.map(Some),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        thread::sleep(left.min(Duration::from_millis(2)));
    }
}

/// Takes hyperd's words into a file of the run folder. The folder of a killed program is removed by the next sweep.
#[derive(Debug)]
pub(super) struct Guard {
    written: File,
    output: File,
}

impl Guard {
    pub(super) fn start(folder: &PrivateFolder) -> io::Result<Self> {
        let path = folder.path().join("output");
        let written = File::options().append(true).create_new(true).open(&path)?;
        Ok(Self { written, output: File::open(&path)? })
    }

    pub(super) fn listen_to(&self, command: &mut Command) -> io::Result<()> {
        command.stdout(self.written.try_clone()?).stderr(self.written.try_clone()?);
        Ok(())
    }

    pub(super) fn finish(&mut self, _within: Duration) -> String {
        last_lines_of(&mut self.output)
    }
}

pub(super) fn input_that_holds(_lock: &File) -> io::Result<Stdio> {
    Ok(Stdio::null())
}
