use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_core::hyperd::{
    CallbackDecoder, CallbackError, CommandLine, Endpoint, Login, open_files, password_input, query_threads,
};

use super::confine::{Own, confined};
use super::log_tail::last_lines_of_newest_log;
use super::private_folder::{PrivateFolder, sweep};
use super::system::{self, CallbackConnection, CallbackListener, Guard};
use super::{Authentication, Listen, Settings, ShutdownError, StartError};

/// The name that run folders begin with.
const RUN_FOLDER: &str = "hyperwire-run";
/// What is in one: the sockets, what hyperd printed, its log and what it spilled.
const IN_A_RUN_FOLDER: [&str; 6] = ["callback", "hyper", "hyper.pid", "output", "log", "temp"];
/// How long hyperd has after SIGTERM, and the system after SIGKILL.
const SIGNAL_GRACE: Duration = Duration::from_secs(5);
/// How long the guard has to remove the folder once hyperd is gone.
const GUARD_GRACE: Duration = Duration::from_secs(5);
/// What a drop permits for an orderly end before the signals.
const DROP_GRACE: Duration = Duration::from_secs(10);
/// A disk with less room than this is full: hyperd's first files are smaller.
const FULL: u64 = 64 * 1024;
/// How late an early end of the child is noticed at most. The callback itself is noticed at once.
const CHILD_LOOK: Duration = Duration::from_millis(10);

/// A running hyperd that belongs to this value: it ends with it, and with this process.
///
/// Dropping it ends it as [`Hyperd::shutdown`] does, with 10 s for the orderly end, but says nothing about it.
#[derive(Debug)]
pub struct Hyperd {
    parts: Parts,
    callback: Option<CallbackConnection>,
    endpoint: Endpoint,
    over: bool,
}

/// How an end came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// hyperd's exit status.
    pub status: ExitStatus,
    /// What it took.
    pub ending: Ending,
}

/// What it took to end a hyperd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// It ended when the callback connection was closed; every database is on disk.
    Orderly,
    /// It took SIGTERM, which is an orderly end as well.
    Terminated,
    /// It did not end as told: it crashed, or had ended already, or somebody else ended it. What was committed since
    /// the databases were last unloaded may be lost.
    Otherwise,
    /// It took SIGKILL. What was committed since the databases were last unloaded is lost.
    Killed,
}

impl Hyperd {
    /// Starts hyperd and returns when it can be connected to.
    ///
    /// Folders that killed programs of this user have left are removed on the way.
    ///
    /// # Errors
    /// See [`StartError`]; nothing of a failed start is left. Takes at most [`Settings::ready_within`] and the few
    /// seconds that ending a hyperd takes that does not want to.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        let deadline = hyperwire_carrier::deadline(settings.ready_within);
        let (folder, listen) = run_folder(settings)?;
        let during = |action| move |source| StartError::Io { action, source };
        let (log_dir, temp_dir) = own_folders(settings, folder.path())?;
        let (listener, callback) =
            CallbackListener::bind(folder.path()).map_err(during("listening for the callback"))?;
        let input = match &settings.authentication {
            Authentication::Trust => None,
            Authentication::Password(password) => Some(password_input(password)?),
        };
        let arguments = CommandLine {
            listen: &listen,
            callback: &callback,
            user: &settings.user,
            login: if input.is_some() { Login::Password } else { Login::Trust },
            log_dir: text_of(&log_dir)?,
            temp_dir: text_of(&temp_dir)?,
            query_threads: query_threads(thread::available_parallelism().map_or(1, usize::from)),
            open_files: open_files(system::hard_limit_of_open_files()),
            extra: &settings.extra,
        }
        .arguments()?;

        let guard = Guard::start(&folder).map_err(during("starting the process that cleans up"))?;
        let own = Own {
            program: &settings.program,
            folders: &own_places(&listen, &[folder.path(), &log_dir, &temp_dir]),
            listens_on_tcp: matches!(listen, Endpoint::Tcp { .. }),
        };
        let written = own.folders.iter().map(|folder| folder.to_path_buf()).collect();
        let child = spawn(settings, &arguments, input.as_deref(), &guard, &folder, &own)?;
        let mut parts = Parts { child, guard, folder, log_dir, written };
        match await_callback(&mut parts.child, &listener, deadline) {
            Ok((callback, endpoint)) => Ok(Self { parts, callback: Some(callback), endpoint, over: false }),
            Err(failure) => Err(parts.give_up(failure, settings.ready_within)),
        }
    }

    /// Where it can be connected to.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.parts.child.id()
    }

    /// The folder of its log, which goes with hyperd unless [`Settings::log_dir`] named it.
    #[must_use]
    pub fn log_dir(&self) -> &Path {
        &self.parts.log_dir
    }

    /// How it ended, if it has; does not wait.
    ///
    /// # Errors
    /// When the system will not say.
    pub fn try_exit_status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.parts.child.try_wait()
    }

    /// Something to wait on that becomes readable when hyperd ends or is being ended.
    #[cfg(all(unix, feature = "shared"))]
    pub(crate) fn watch(&self) -> io::Result<std::os::unix::net::UnixStream> {
        self.callback.as_ref().ok_or(io::ErrorKind::NotConnected)?.watch()
    }

    /// Ends it in order, which writes every database to disk, and removes its folder. Connections get the end of
    /// their stream; a running statement is broken off.
    ///
    /// It has `within` for an orderly end; then come SIGTERM and SIGKILL, 5 s each. 50 ms are usual.
    ///
    /// # Errors
    /// When it is still there after that, or its folder could not be removed.
    pub fn shutdown(mut self, within: Duration) -> Result<Ended, ShutdownError> {
        self.end(within)
    }

    fn end(&mut self, within: Duration) -> Result<Ended, ShutdownError> {
        self.over = true;
        let pid = self.pid();
        let ended = self.end_process(within).map_err(|source| ShutdownError::Wait { pid, source })?;
        let Some(ended) = ended else { return Err(ShutdownError::StillThere { pid }) };
        if matches!(ended.ending, Ending::Otherwise | Ending::Killed) {
            self.remove_socket();
        }
        self.parts.guard.finish(GUARD_GRACE);
        self.parts.folder.remove().map_err(|source| ShutdownError::Leftover {
            path: self.parts.folder.path().to_path_buf(),
            source,
        })?;
        Ok(ended)
    }

    fn end_process(&mut self, within: Duration) -> io::Result<Option<Ended>> {
        let child = &mut self.parts.child;
        // An orderly end has exit code 0; after anything else nothing can be promised.
        let ended = |status: ExitStatus, asked: Ending| {
            Some(Ended { status, ending: if status.success() { asked } else { Ending::Otherwise } })
        };
        if let Some(status) = child.try_wait()? {
            return Ok(ended(status, Ending::Otherwise));
        }
        drop(self.callback.take());
        if let Some(status) = system::wait_for_exit(child, within)? {
            return Ok(ended(status, Ending::Orderly));
        }
        system::terminate(child);
        if let Some(status) = system::wait_for_exit(child, SIGNAL_GRACE)? {
            return Ok(ended(status, Ending::Terminated));
        }
        system::kill_group(child);
        let status = system::wait_for_exit(child, SIGNAL_GRACE)?;
        Ok(status.map(|status| Ended { status, ending: Ending::Killed }))
    }

    /// hyperd removes its socket and the file beside it, but not when it is killed.
    fn remove_socket(&self) {
        if let Endpoint::Domain { path } = &self.endpoint {
            let _ = fs::remove_file(path);
            let _ = fs::remove_file(format!("{path}.pid"));
        }
    }
}

impl Drop for Hyperd {
    fn drop(&mut self) {
        if !self.over {
            // Nobody is left to hear of it; what stays behind is swept by the next start.
            let _ = self.end(DROP_GRACE);
        }
    }
}

/// The process and what was made for it.
#[derive(Debug)]
struct Parts {
    child: Child,
    guard: Guard,
    folder: PrivateFolder,
    log_dir: PathBuf,
    /// Where it writes before it is ready.
    written: Vec<PathBuf>,
}

impl Parts {
    /// Ends a hyperd that is of no use, and gives the error with its last words.
    fn give_up(mut self, failure: Failure, waited: Duration) -> StartError {
        system::kill_group(&mut self.child);
        let _ = system::wait_for_exit(&mut self.child, SIGNAL_GRACE);
        let full = self
            .written
            .iter()
            .find(|folder| system::free_bytes(folder).is_some_and(|free| free < FULL))
            .cloned();
        let log = last_lines_of_newest_log(&self.log_dir);
        let printed = self.guard.finish(GUARD_GRACE);
        let words = match (printed.is_empty(), log.is_empty()) {
            (true, true) => "(nothing)".to_owned(),
            (_, true) => printed,
            (true, _) => log,
            (false, false) => format!("{printed}\n{log}"),
        };
        match failure {
            Failure::Exited(status) => match full {
                Some(folder) => StartError::DiskFull { folder, words },
                None => StartError::Exited { status, words },
            },
            Failure::Late => StartError::NotReady { waited, words },
            Failure::Callback(source) => StartError::Callback { source, words },
            Failure::Io(source) => StartError::Io { action: "waiting for the callback", source },
        }
    }
}

enum Failure {
    Exited(ExitStatus),
    Late,
    Callback(CallbackError),
    Io(io::Error),
}

/// Waits for the announcement and, at the same time, for what would make it wait in vain.
fn await_callback(
    child: &mut Child,
    listener: &CallbackListener,
    deadline: Instant,
) -> Result<(CallbackConnection, Endpoint), Failure> {
    let mut connection = loop {
        let wait = time_to_look_again(child, deadline)?;
        if let Some(connection) = listener.accept(wait).map_err(Failure::Io)? {
            break connection;
        }
    };
    let mut decoder = CallbackDecoder::default();
    let mut bytes = [0; 256];
    loop {
        let wait = time_to_look_again(child, deadline)?;
        let Some(count) = connection.read(&mut bytes, wait).map_err(Failure::Io)? else { continue };
        if count == 0 {
            // One that ends closes this a moment before its status is there, and the status says more.
            let status = system::wait_for_exit(child, Duration::from_secs(1)).map_err(Failure::Io)?;
            return Err(status.map_or_else(|| Failure::Callback(decoder.ended()), Failure::Exited));
        }
        if let Some(endpoint) = decoder.push(&bytes[..count]).map_err(Failure::Callback)? {
            return Ok((connection, endpoint));
        }
    }
}

fn time_to_look_again(child: &mut Child, deadline: Instant) -> Result<Duration, Failure> {
    if let Some(status) = child.try_wait().map_err(Failure::Io)? {
        return Err(Failure::Exited(status));
    }
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Failure::Late) } else { Ok(left.min(CHILD_LOOK)) }
}

/// Makes the run folder where a socket in it has an address, and says where hyperd is to listen.
fn run_folder(settings: &Settings) -> Result<(PrivateFolder, Endpoint), StartError> {
    let bases = settings.run_dir.clone().map_or_else(system::run_folder_bases, |base| vec![base]);
    let mut tried = Vec::new();
    for base in bases {
        sweep(&base, RUN_FOLDER, Some(&IN_A_RUN_FOLDER));
        let made = std::path::absolute(&base).and_then(|base| PrivateFolder::create(&base, RUN_FOLDER));
        match made.map(|folder| (system::private_endpoint(folder.path()), folder)) {
            Ok((Ok(private), folder)) => return Ok((folder, listen_endpoint(&settings.listen, private)?)),
            Ok((Err(error), _)) => tried.push(format!("{error}, or its path is too long for a socket")),
            Err(error) => tried.push(format!("{}: {error}", base.display())),
        }
    }
    Err(StartError::RunFolder { tried })
}

fn listen_endpoint(listen: &Listen, private: Endpoint) -> Result<Endpoint, StartError> {
    Ok(match listen {
        Listen::Private => private,
        Listen::Loopback => Endpoint::Tcp { host: "127.0.0.1".to_owned(), port: 0 },
        Listen::Tcp { host, port } => Endpoint::Tcp { host: host.clone(), port: *port },
        Listen::Domain(path) => system::socket_endpoint(path)
            .map_err(|error| StartError::Path { path: path.clone(), reason: error.to_string() })?,
    })
}

/// The folders for the log and for spilled data: those of the settings, or two in the run folder.
fn own_folders(settings: &Settings, run: &Path) -> Result<(PathBuf, PathBuf), StartError> {
    let own = |given: &Option<PathBuf>, name: &str| {
        let path = given.clone().unwrap_or_else(|| run.join(name));
        let usable = std::path::absolute(&path).and_then(|path| {
            if given.is_none() {
                fs::create_dir(&path)?;
            } else if !path.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            Ok(path)
        });
        usable.map_err(|error| StartError::Path { path, reason: error.to_string() })
    };
    Ok((own(&settings.log_dir, "log")?, own(&settings.temp_dir, "temp")?))
}

fn text_of(path: &Path) -> Result<&str, StartError> {
    let reason = "it is not UTF-8";
    path.to_str().ok_or_else(|| StartError::Path { path: path.to_path_buf(), reason: reason.to_owned() })
}

fn spawn(
    settings: &Settings,
    arguments: &[String],
    input: Option<&[u8]>,
    guard: &Guard,
    folder: &PrivateFolder,
    own: &Own<'_>,
) -> Result<Child, StartError> {
    let failed = |source| StartError::Io { action: "preparing the process", source };
    let mut command = Command::new(&settings.program);
    command.args(arguments);
    command.stdin(match input {
        Some(input) => holding(input).map_err(failed)?,
        None => system::input_that_holds(settings.hold_open.as_deref().unwrap_or(folder.lock()))
            .map_err(failed)?,
    });
    if let Some(working_dir) = &settings.working_dir {
        command.current_dir(working_dir);
    }
    guard.listen_to(&mut command).map_err(failed)?;
    system::on_its_own(&mut command);
    let spawned = match &settings.confinement {
        None => spawn_unless_written(&mut command),
        Some(confinement) => confined(confinement, own, || spawn_unless_written(&mut command)),
    };
    spawned.map_err(|source| StartError::Spawn { program: settings.program.clone(), source })
}

/// A pipe with this in it, which fits. It is written while its other end is here: a process that ends without reading it
/// would otherwise make SIGPIPE of it.
fn holding(input: &[u8]) -> io::Result<Stdio> {
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(input)?;
    Ok(reader.into())
}

/// The folders that hyperd itself writes to: those given, and that of its socket.
fn own_places<'a>(listen: &'a Endpoint, folders: &[&'a Path]) -> Vec<&'a Path> {
    let socket = match listen {
        Endpoint::Domain { path } => Path::new(path).parent(),
        _ => None,
    };
    folders.iter().copied().chain(socket).collect()
}

/// A program that was unpacked a moment ago can be open for writing in a child that another thread is just starting;
/// that is over as soon as that child runs its own program.
fn spawn_unless_written(command: &mut Command) -> io::Result<Child> {
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(5));
            }
            spawned => return spawned,
        }
    }
}
