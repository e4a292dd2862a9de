//! A private hyperd with the bench's tables.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::contender::lean::Lean;
use crate::contender::{Target, USER};
use crate::table::Table;

/// hyperd calls back within 50 ms; a busy machine may take longer.
const START: Duration = Duration::from_secs(30);
/// An orderly end, with the tables written to the file.
const END: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// A running hyperd; dropping it ends it and deletes its files.
pub(crate) struct Server {
    tcp: String,
    socket: PathBuf,
    database: PathBuf,
    /// While it is open, the database stays loaded.
    keeper: Lean,
    hyperd: Hyperd,
    _folder: TempDir,
}

impl Server {
    /// Starts hyperd and creates the tables, each with its number of rows.
    pub(crate) fn start(tables: &[(Table, u64)]) -> Result<Self> {
        let folder = TempDir::with_prefix("peers-")?;
        let socket = folder.path().join(".s.PGSQL.1");
        let database = folder.path().join("peers.hyper");
        let (hyperd, tcp) = Hyperd::start(folder.path())?;

        let path = database.to_str().context("a temporary folder that is not UTF-8")?;
        Lean::open(&tcp, None)?.execute(&format!("CREATE DATABASE \"{path}\""))?;
        let mut keeper = Lean::open(&tcp, Some(path))?;
        for (table, rows) in tables {
            table.create(*rows).iter().try_for_each(|sql| keeper.execute(sql))?;
        }
        Ok(Self { tcp, socket, database, keeper, hyperd, _folder: folder })
    }

    /// Where contenders connect by TCP on loopback.
    pub(crate) fn by_tcp(&self) -> Target {
        Target { endpoint: self.tcp.clone(), database: self.database.clone() }
    }

    /// Where contenders connect by domain socket.
    pub(crate) fn by_socket(&self) -> Target {
        Target { endpoint: self.socket.display().to_string(), database: self.database.clone() }
    }

    /// The build hyperd reports.
    pub(crate) fn version(&self) -> &str {
        self.keeper.hyper_version()
    }

    /// hyperd's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.hyperd.child.id()
    }
}

/// The process and the connection that it called back on: hyperd ends when that closes, so it does not
/// outlive the bench.
struct Hyperd {
    child: Child,
    callback: Option<TcpStream>,
}

impl Hyperd {
    /// Starts hyperd with all its files in `folder`; also returns its TCP address.
    fn start(folder: &Path) -> Result<(Self, String)> {
        let program = std::env::var_os("HYPERD_PATH").context("HYPERD_PATH must name the hyperd to run")?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let output = folder.join("output");
        let folder = folder.to_str().context("a temporary folder that is not UTF-8")?;
        let child = Command::new(&program)
            .arg("run")
            .arg(format!("--callback-connection=tab.tcp://{}", listener.local_addr()?))
            .arg(format!("--listen-connection=tab.tcp://127.0.0.1:0,tab.domain://{folder}/domain/.s.PGSQL.1"))
            .arg(format!("--init-user={USER}"))
            .args(["--no-password", "--skip-license", "--default-database-version=4"])
            .arg("--hard-concurrent-query-thread-limit=32")
            // Logging costs about 20 % of a short call.
            .arg("--log-config=")
            .arg(format!("--log-dir={folder}"))
            .arg(format!("--hyper-temp-directory-override={folder}"))
            .stdin(std::process::Stdio::null())
            .stdout(File::create(&output)?)
            .stderr(File::options().append(true).open(&output)?)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;

        let mut hyperd = Self { child, callback: None };
        let mut callback = hyperd.accept(&listener).with_context(|| {
            format!("hyperd did not start; it said: {}", std::fs::read_to_string(&output).unwrap_or_default())
        })?;
        let descriptor = read_descriptor(&mut callback)?;
        hyperd.callback = Some(callback);
        let tcp = descriptor
            .strip_prefix("tab.tcp://")
            .with_context(|| format!("expected the address of a TCP listener, not {descriptor}"))?;
        Ok((hyperd, tcp.to_owned()))
    }

    fn accept(&mut self, listener: &TcpListener) -> Result<TcpStream> {
        let deadline = Instant::now() + START;
        loop {
            match listener.accept() {
                Ok((callback, _)) => return Ok(callback),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}");
            }
            if Instant::now() > deadline {
                bail!("it did not call back within {START:?}");
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Hyperd {
    fn drop(&mut self) {
        if let Some(callback) = self.callback.take() {
            // On an error it is closed already, which says the same.
            let _ = callback.shutdown(Shutdown::Both);
            let deadline = Instant::now() + END;
            while Instant::now() < deadline {
                match self.child.try_wait() {
                    Ok(None) => thread::sleep(POLL),
                    Ok(Some(_)) => return,
                    Err(_) => break,
                }
            }
        }
        // Only its own child, by its handle; an error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One byte of length, then the descriptor with a NUL at its end.
fn read_descriptor(callback: &mut TcpStream) -> Result<String> {
    callback.set_nonblocking(false)?;
    callback.set_read_timeout(Some(START))?;
    let mut length = [0];
    callback.read_exact(&mut length)?;
    let mut descriptor = vec![0; length[0].into()];
    callback.read_exact(&mut descriptor)?;
    Ok(String::from_utf8(descriptor)?.trim_end_matches('\0').to_owned())
}
