//! The real hyperd, one for each test: it starts in 40 ms, and what one test does to it concerns no other.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use hyperwire_blocking::hyperd::{
    Authentication, Environment, Hyperd, Listen, Settings, StartError, locate_or_install,
};
use hyperwire_blocking::hyperwire_core::row::FromValue;
use hyperwire_blocking::hyperwire_core::session::Password;
use hyperwire_blocking::hyperwire_core::sql::Identifier;
use hyperwire_blocking::hyperwire_core::wire::TransactionStatus;
use hyperwire_blocking::{Client, Config, Error, Rows};
use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Takes hyperd hours, and sends nothing before its end.
pub const CROSS_JOIN: &str = "SELECT count(*) \
    FROM generate_series(1, 4000000) a(x), generate_series(1, 4000000) b(y) WHERE (x * 7 + y * 13) % 1000003 = 5";
/// Some 400 MB: more than all the buffers on its way can hold.
pub const MANY_ROWS: &str = "SELECT i, i * 2, 'some text' AS c FROM generate_series(1, 10000000) s(i)";

/// A hyperd that ends with this value, and a folder for its files that goes too.
#[derive(Debug)]
pub struct RealHyperd {
    hyperd: Hyperd,
    user: String,
    authentication: Authentication,
    folder: TempDir,
}

impl RealHyperd {
    /// Starts one that trusts everybody who reaches its domain socket.
    ///
    /// # Panics
    /// When there is no hyperd on this machine and none can be fetched, or it does not start. Nothing is skipped.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// Starts one that trusts everybody who reaches its TCP port on 127.0.0.1.
    ///
    /// # Panics
    /// As [`RealHyperd::start`].
    #[must_use]
    pub fn start_on_tcp() -> Self {
        Self::start_with(|settings| settings.listen = Listen::Loopback)
    }

    /// Starts one with other settings.
    ///
    /// # Panics
    /// As [`RealHyperd::start`].
    #[must_use]
    pub fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::try_start_with(change).expect("hyperd starts")
    }

    /// Starts one with settings that it may not take.
    ///
    /// # Errors
    /// What hyperd says to the settings.
    ///
    /// # Panics
    /// When there is no hyperd on this machine and none can be fetched.
    pub fn try_start_with(change: impl FnOnce(&mut Settings)) -> Result<Self, StartError> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut settings = Settings::new(hyperd_program());
        change(&mut settings);
        let hyperd = Hyperd::start(&settings)?;
        Ok(Self { hyperd, user: settings.user, authentication: settings.authentication, folder })
    }

    /// What connects to it, without a database.
    #[must_use]
    pub fn config(&self) -> Config {
        let mut config = Config::new(self.hyperd.endpoint().clone(), &self.user);
        if let Authentication::Password(password) = &self.authentication {
            config.session.password = Some(Password::new(password));
        }
        config
    }

    /// A client without a database: it has temporary tables only.
    ///
    /// # Panics
    /// When hyperd does not let it in.
    #[must_use]
    pub fn connect(&self) -> Client {
        Client::connect(self.config()).expect("hyperd lets its own user in")
    }

    /// A client of this database.
    ///
    /// # Panics
    /// When hyperd does not let it in, or there is no such database.
    #[must_use]
    pub fn connect_to(&self, database: &str) -> Client {
        Client::connect(self.config().database(database)).expect("hyperd opens its own database")
    }

    /// Makes an empty database in the folder and returns its path.
    ///
    /// # Panics
    /// When hyperd does not make it.
    #[must_use]
    pub fn create_database(&self, name: &str) -> String {
        let path = self.folder().join(name);
        let path = path.to_str().expect("temporary folders have UTF-8 names").to_owned();
        let mut client = self.connect();
        client.execute(&format!("CREATE DATABASE {}", Identifier(&path))).expect("hyperd makes a database");
        client.close().expect("hyperd lets go of it");
        path
    }

    /// Where files of a test belong; spelled as hyperd knows it, without symbolic links.
    ///
    /// # Panics
    /// When the folder is gone.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("the folder is there")
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.hyperd.pid()
    }

    /// The processor time that it has used, all threads together.
    ///
    /// # Panics
    /// When it is gone.
    #[must_use]
    pub fn processor_time(&self) -> Duration {
        let ticks: u64 = self.stat().split(' ').skip(11).take(2).flat_map(str::parse::<u64>).sum();
        Duration::from_millis(ticks * 1000 / clock_ticks_per_second())
    }

    /// Waits until it has used 200 ms more of processor time: a statement runs.
    ///
    /// # Panics
    /// When it has not after 20 s.
    pub fn wait_until_it_computes(&self) {
        let enough = self.processor_time() + Duration::from_millis(200);
        wait_until("hyperd computes", Duration::from_secs(20), || self.processor_time() >= enough);
    }

    /// Kills it: nothing that is not in a file yet will be.
    ///
    /// # Panics
    /// When the system forbids it, or it is still there after 10 s.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        wait_until("hyperd is gone after SIGKILL", Duration::from_secs(10), || {
            self.hyperd.try_exit_status().expect("the system knows its own children").is_some()
        });
    }

    /// Stops it, as a machine does that is suspended: it keeps its sockets and answers nothing, until the value that
    /// is returned is dropped.
    ///
    /// # Panics
    /// When the system forbids it, or it goes on for another 10 s.
    #[must_use]
    pub fn stop(&self) -> Stopped<'_> {
        self.signal(Signal::STOP);
        let stopped = Stopped(self);
        wait_until("hyperd stands still after SIGSTOP", Duration::from_secs(10), || {
            self.stat().starts_with('T')
        });
        stopped
    }

    /// What the system knows of it, from its state on.
    fn stat(&self) -> String {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("hyperd is there");
        stat.rsplit_once(") ").expect("the name stands in parentheses").1.to_owned()
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a child has a process id");
        kill_process(pid, signal).expect("a child takes signals");
    }
}

/// A hyperd that was stopped. It goes on when this is dropped.
#[derive(Debug)]
pub struct Stopped<'h>(&'h RealHyperd);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.signal(Signal::CONT);
    }
}

/// The one value of a statement that returns one row of one column.
///
/// # Panics
/// When it fails, returns anything else, or the value is of another type.
pub fn value<T: for<'a> FromValue<'a>>(client: &mut Client, sql: &str) -> T {
    let mut rows = values(client, sql);
    assert_eq!(rows.len(), 1, "{} returns one row", excerpt(sql));
    rows.remove(0)
}

/// The values of a statement that returns one column.
///
/// # Panics
/// When it fails, returns more columns, or a value is of another type.
pub fn values<T: for<'a> FromValue<'a>>(client: &mut Client, sql: &str) -> Vec<T> {
    let read = |rows: Rows<'_>| {
        rows.map(|row| {
            assert_eq!(row.len(), 1, "{} returns one column", excerpt(sql));
            Ok::<_, Error>(row.get(0)?)
        })
    };
    client.query(sql).and_then(read).unwrap_or_else(|error| panic!("{}: {error}", excerpt(sql)))
}

/// As much of a statement as one wants to read.
fn excerpt(sql: &str) -> String {
    sql.chars().take(200).collect()
}

/// Asserts that the client's session is as good as new.
///
/// # Panics
/// When it is not.
pub fn assert_usable(client: &mut Client) {
    assert!(!client.is_closed());
    assert_eq!(client.transaction_status(), TransactionStatus::Idle);
    assert_eq!(value::<i32>(client, "SELECT 42"), 42);
}

/// The SQLSTATE of an error that must come from the server.
///
/// # Panics
/// When it comes from elsewhere.
#[must_use]
pub fn sqlstate(error: &Error) -> String {
    error.code().unwrap_or_else(|| panic!("expected that the server says no, found: {error}")).to_string()
}

/// Waits until a condition holds.
///
/// # Panics
/// When it does not within that time; says what was expected.
pub fn wait_until(expected: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {within:?}: {expected}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The hyperd of this machine, fetched into the user's cache if there is none.
///
/// # Panics
/// When there is none and none can be fetched.
#[must_use]
pub fn hyperd_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        locate_or_install(&Environment::of_this_process(), &mut |_| ControlFlow::Continue(()))
            .unwrap_or_else(|error| panic!("these tests need the real hyperd: {error}"))
            .path
    })
}
