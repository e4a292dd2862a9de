//! The daemon's hyperd: started with the lock, asked, counted, ended.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyperwire_core::control::{Incarnation, Process, is_socket_folder, socket_folder};
use hyperwire_core::daemon::{ENGINE_ANSWERS_WITHIN, EngineProbe};
use hyperwire_core::hyperd::{DEFAULT_USER, Endpoint};

use super::host;
use super::state_folder::StateFolder;
use crate::hyperd::{Hyperd, Listen, Settings};
use crate::{Client, Config, with_causes};

/// A program's own folder means nothing to the others, so a relative path in SQL has to fail, and not to read or write
/// somewhere else: nobody can make files here.
const NOWHERE: &str = if cfg!(target_os = "linux") { "/proc" } else { "/" };
/// The socket's name in the folder of its incarnation.
const SOCKET: &str = "hyper";
/// The file that hyperd puts beside it.
const SOCKET_PID: &str = "hyper.pid";
/// The longest socket path on every Unix, see `hyperd::unix`.
const MAX_SOCKET_PATH: usize = 103;
/// How long hyperd may take to start: with `hyperdb-mcp`, 60 s for the callback and 10 s more.
const READY_WITHIN: Duration = Duration::from_secs(70);
/// How long it has for an orderly end before the signals.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// hyperd and what it is started with.
#[derive(Debug)]
pub(super) struct Engine {
    program: PathBuf,
    folder: StateFolder,
    socket: Option<PathBuf>,
    socket_folder: PathBuf,
    running: Option<Hyperd>,
}

impl Engine {
    pub(super) fn new(program: PathBuf, folder: StateFolder, incarnation: Incarnation) -> Self {
        let socket_folder = folder.path_of(&socket_folder(incarnation));
        let socket = socket_folder.join(SOCKET);
        let fits = socket.to_str().is_some_and(|text| text.len() <= MAX_SOCKET_PATH);
        Self { program, folder, socket: fits.then_some(socket), socket_folder, running: None }
    }

    /// Starts it, with the daemon's lock as a file that it keeps open.
    pub(super) fn start(
        &mut self,
        lock: Option<Arc<File>>,
    ) -> Result<(Endpoint, Process, UnixStream), String> {
        let settings = self.settings(lock).map_err(|error| format!("its folders cannot be made: {error}"))?;
        let hyperd = Hyperd::start(&settings).map_err(|error| with_causes(&error))?;
        let watch = hyperd.watch().map_err(|error| error.to_string())?;
        let process = host::process(hyperd.pid());
        let endpoint = hyperd.endpoint().clone();
        self.running = Some(hyperd);
        Ok((endpoint, process, watch))
    }

    fn settings(&self, lock: Option<Arc<File>>) -> io::Result<Settings> {
        let mut settings = Settings::new(&self.program);
        settings.hold_open = lock;
        settings.ready_within = READY_WITHIN;
        self.folder.create_inner("logs")?;
        // Of its own: what it said last is looked for in the newest file there.
        settings.log_dir = Some(self.folder.create_inner("logs/hyperd")?);
        settings.working_dir = Some(PathBuf::from(NOWHERE));
        if let Some(socket) = &self.socket {
            self.folder.create_inner("sockets")?;
            remove_abandoned(&self.folder.path_of("sockets"));
            fs::create_dir_all(&self.socket_folder)?;
            settings.listen = Listen::Domain(socket.clone());
        }
        Ok(settings)
    }

    /// Whether it is there and lets somebody in.
    pub(super) fn probe(&mut self) -> EngineProbe {
        let Some(hyperd) = &mut self.running else { return EngineProbe::Exited };
        if !matches!(hyperd.try_exit_status(), Ok(None)) {
            return EngineProbe::Exited;
        }
        let mut config = Config::new(hyperd.endpoint().clone(), DEFAULT_USER);
        config.connect_timeout = ENGINE_ANSWERS_WITHIN;
        // A login it refuses is an answer too.
        let answers = match Client::connect(config) {
            Ok(_) => true,
            Err(error) => error.server().is_some(),
        };
        if answers { EngineProbe::Alive } else { EngineProbe::Silent }
    }

    /// How many sessions are open; `None` where the system does not tell.
    pub(super) fn sessions(&self) -> Option<u32> {
        sessions_at(self.socket.as_deref()?)
    }

    /// Ends it, or sees to what is left of one that ended.
    pub(super) fn stop(&mut self) -> Result<(), String> {
        let ended = self.running.take().map(|hyperd| hyperd.shutdown(ENDS_WITHIN));
        if self.socket.is_some() {
            // What is still in it is not ours to remove.
            let _ = fs::remove_dir(&self.socket_folder);
        }
        match ended {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(with_causes(&error)),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Only after a failure of the daemon itself is anything left to end here, and nobody left to tell.
        let _ = self.stop();
    }
}

/// The socket folders of daemons that were killed. There is one daemon, and it has not made its own yet.
///
/// Folders that are named and filled as such are removed, with hyperd's socket and the file beside it, and nothing else:
/// whatever has another name, or holds another file, is somebody's.
fn remove_abandoned(sockets: &Path) {
    for entry in fs::read_dir(sockets).into_iter().flatten().flatten() {
        let folder = entry.path();
        let is_folder = fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir());
        let is_named = entry.file_name().to_str().is_some_and(is_socket_folder);
        if is_folder && is_named && holds_a_socket_at_most(&folder) {
            for name in [SOCKET, SOCKET_PID] {
                let _ = fs::remove_file(folder.join(name));
            }
            let _ = fs::remove_dir(folder);
        }
    }
}

fn holds_a_socket_at_most(folder: &Path) -> bool {
    let is_of_hyperd = |entry: io::Result<fs::DirEntry>| {
        let Ok(entry) = entry else { return false };
        let Ok(kind) = entry.file_type() else { return false };
        let name = entry.file_name();
        (name == SOCKET && kind.is_socket()) || (name == SOCKET_PID && kind.is_file())
    };
    fs::read_dir(folder).is_ok_and(|mut entries| entries.all(is_of_hyperd))
}

/// unix(7): the kernel lists each end of a connection that a server accepted under the server's path, as connected (03).
#[cfg(target_os = "linux")]
fn sessions_at(socket: &Path) -> Option<u32> {
    let table = fs::read_to_string("/proc/thread-self/net/unix").ok()?;
    let socket = socket.to_str()?;
    let connected = table.lines().filter(|line| {
        let mut fields = line.split_ascii_whitespace();
        fields.nth(5) == Some("03") && fields.nth(1) == Some(socket)
    });
    u32::try_from(connected.count()).ok()
}

#[cfg(not(target_os = "linux"))]
fn sessions_at(_: &Path) -> Option<u32> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn what_killed_daemons_left_goes_and_everything_else_stays() {
        let state = tempfile::tempdir().unwrap();
        let sockets = state.path().join("sockets");
        let elsewhere = state.path().join("elsewhere");
        let file = |path: PathBuf| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "years of work").unwrap();
            path
        };
        // Named like ours and filled otherwise, named otherwise, a file, a link.
        let kept = [
            file(sockets.join("notes/thesis.txt")),
            file(sockets.join("0a1b2c3d/thesis.txt")),
            file(sockets.join("0a1b2c3e/hyper")),
            file(sockets.join("0a1b2c3f/hyper.pid/thesis.txt")),
            file(sockets.join("0a1b2c3g/hyper.pid")),
            file(sockets.join("0A1B2C3D/hyper.pid")),
            file(sockets.join("0a1b2c40")),
            file(elsewhere.join("hyper.pid")),
        ];
        std::os::unix::fs::symlink(&elsewhere, sockets.join("0a1b2c41")).unwrap();
        let left = [sockets.join("fffffff0"), sockets.join("fffffff1"), sockets.join("fffffff2")];
        for folder in &left {
            fs::create_dir(folder).unwrap();
        }
        drop(UnixListener::bind(left[0].join("hyper")).unwrap());
        file(left[0].join("hyper.pid"));
        file(left[1].join("hyper.pid"));

        remove_abandoned(&sockets);

        assert!(kept.iter().all(|path| path.is_file()), "{kept:?}");
        assert!(sockets.join("0a1b2c41").is_symlink());
        assert!(left.iter().all(|folder| !folder.exists()), "{left:?}");
    }

    #[test]
    fn sessions_are_counted_and_those_of_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("hyper"), folder.path().join("other"));
        let (listener, elsewhere) = (UnixListener::bind(&path).unwrap(), UnixListener::bind(&other).unwrap());
        assert_eq!(sessions_at(&path), Some(0));

        let clients = [&path, &path, &other].map(|path| UnixStream::connect(path).unwrap());
        let accepted = [&listener, &listener, &elsewhere].map(|listener| listener.accept().unwrap());

        assert_eq!(sessions_at(&path), Some(2));
        drop((clients, accepted));
        assert_eq!(sessions_at(&path), Some(0));
    }
}
