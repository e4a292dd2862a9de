//! The listener, its threads, and the account of what went wrong on them.

use std::any::Any;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyperwire_core::wire::CancelKey;
use socket2::{Domain, SockAddr, Socket, Type};
use tempfile::TempDir;

use super::account::Account;
use super::stream::is_reset;
use super::wire::Wire;
use super::{Failure, Failures, Session};
use crate::virtual_time::{self, Listener, listen};

/// How long a script waits for anything, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// What [`Server::finish`] waits beyond the patience of the scripts, so that a script that waits in vain can say so.
const GRACE: Duration = Duration::from_secs(2);

/// Where and how to listen.
#[derive(Debug)]
pub struct Listen {
    on: On,
    patience: Duration,
    raw: bool,
}

#[derive(Clone, Copy, Debug)]
enum On {
    Tcp(Ipv4Addr),
    Unix,
    Memory,
}

impl Listen {
    /// On a free TCP port of 127.0.0.1.
    #[must_use]
    pub fn tcp() -> Self {
        Self::tcp_on(Ipv4Addr::LOCALHOST)
    }

    /// On a free TCP port of this address of the machine, or of the network namespace of the calling thread. The
    /// threads of the server live there too, and [`Server::finish`] has to be called there.
    #[must_use]
    pub fn tcp_on(host: Ipv4Addr) -> Self {
        Self { on: On::Tcp(host), patience: PATIENCE, raw: false }
    }

    /// On a Unix socket in a folder of its own.
    #[must_use]
    pub fn unix() -> Self {
        Self { on: On::Unix, ..Self::tcp() }
    }

    /// In the [world](crate::virtual_time) of the calling thread; [`virtual_time::connect`] reaches it.
    #[must_use]
    pub fn memory() -> Self {
        Self { on: On::Memory, ..Self::tcp() }
    }

    /// How long a script waits for anything; 10 s unless told otherwise.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Gives every connection to the script as it is accepted, before the client said a word, and those that carry a
    /// CancelRequest too: for scripts about what happens then.
    #[must_use]
    pub fn raw(mut self) -> Self {
        self.raw = true;
        self
    }

    /// Starts to listen; every connection runs the script.
    ///
    /// # Panics
    /// When the system gives no socket.
    pub fn serve(
        self,
        script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Server {
        let Self { on, patience, raw } = self;
        let account = Arc::new(Account::default());
        let service = Service { patience, raw, account: Arc::clone(&account), script: Arc::new(script) };
        let (address, acceptor, folder) =
            on.accept_for(service).expect("the system gives a socket to listen on");
        Server { address, patience, account, acceptor: Some(acceptor), _folder: folder }
    }
}

impl On {
    fn accept_for(self, service: Service) -> io::Result<(Address, Acceptor, Option<TempDir>)> {
        let (socket, address, folder) = match self {
            Self::Memory => {
                let listener = listen(move |end| service.begin(Wire::Memory(end)));
                let address = Address::Memory(listener.path().to_owned());
                return Ok((address, Acceptor::Memory(listener), None));
            }
            Self::Unix => {
                let folder = tempfile::tempdir()?;
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                let path = folder.path().join("hyper");
                socket.bind(&SockAddr::unix(&path)?)?;
                (socket, Address::Unix(path), Some(folder))
            }
            Self::Tcp(host) => {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
                socket.bind(&SocketAddr::from((host, 0)).into())?;
                let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
                (socket, Address::Tcp(address), None)
            }
        };
        socket.listen(128)?;
        Ok((address, Acceptor::Thread(thread::spawn(move || accept(&socket, &service))), folder))
    }
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
    /// A name in a [world](crate::virtual_time).
    Memory(String),
}

impl Address {
    /// The descriptor that hyperd would announce for it.
    ///
    /// # Panics
    /// When the path of the Unix socket is not UTF-8.
    #[must_use]
    pub fn descriptor(&self) -> String {
        match self {
            Self::Tcp(address) => format!("tab.tcp://{address}"),
            Self::Unix(path) => domain(path.to_str().expect("the path is UTF-8")),
            Self::Memory(path) => domain(path),
        }
    }

    /// The TCP address, if it is one.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn tcp(&self) -> SocketAddr {
        match self {
            Self::Tcp(address) => *address,
            other => panic!("the server listens on {other:?}, not on TCP"),
        }
    }

    fn to_socket_address(&self) -> io::Result<SockAddr> {
        match self {
            Self::Tcp(address) => Ok((*address).into()),
            Self::Unix(path) => SockAddr::unix(path),
            Self::Memory(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// hyperd's notation for a socket of this path.
fn domain(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').expect("the path is absolute");
    format!("tab.domain://{folder}/domain/{name}")
}

/// A scripted server. End every test with [`Server::finish`].
#[derive(Debug)]
pub struct Server {
    address: Address,
    patience: Duration,
    account: Arc<Account>,
    acceptor: Option<Acceptor>,
    /// Holds the Unix socket, and goes with the server.
    _folder: Option<TempDir>,
}

impl Server {
    /// Serves this script on a free TCP port of 127.0.0.1.
    pub fn tcp(script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static) -> Self {
        Listen::tcp().serve(script)
    }

    /// Serves this script on a Unix socket.
    pub fn unix(script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static) -> Self {
        Listen::unix().serve(script)
    }

    /// Where a client has to connect.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// A socket that is connected to this server, for tests that write bytes themselves. Reads and writes on it time
    /// out after 10 s, whatever the patience of the scripts.
    ///
    /// # Panics
    /// When the connection is refused.
    #[must_use]
    pub fn connect(&self) -> Socket {
        let socket = connect(&self.address).expect("a scripted server accepts connections");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        socket.set_write_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        socket
    }

    /// How many sessions have begun to run the script.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.account.state().sessions
    }

    /// Waits for the next CancelRequest that no script has claimed, at most so long.
    ///
    /// # Errors
    /// [`Failure::Silence`] when none came.
    pub fn next_cancel(&self, patience: Duration) -> Result<CancelKey, Failure> {
        self.account.take_cancel(patience, |_| true)
    }

    /// Stops to listen, waits for the running scripts, and says what went wrong.
    ///
    /// # Errors
    /// Everything that went wrong in a script, and that no client came at all, or that a script does not end.
    pub fn finish(mut self) -> Result<(), Failures> {
        self.conclude(self.patience + GRACE)
    }

    fn conclude(&mut self, bound: Duration) -> Result<(), Failures> {
        let Some(acceptor) = self.acceptor.take() else { return Ok(()) };
        self.account.state().finishing = true;
        match acceptor {
            Acceptor::Memory(listener) => drop(listener),
            Acceptor::Thread(thread) => match self.send_farewell() {
                Ok(_connection) => drop(thread.join()),
                // The acceptor is gone, and has said why, or cannot be reached: then it must not be waited for.
                Err(error) => self.account.fail(None, Failure::Io { doing: "stop listening", error }),
            },
        }
        let mut state = self.account.await_scripts(bound);
        if state.running > 0 {
            let still_running = Failure::StillRunning { sessions: state.running, waited: bound };
            state.failures.push((None, still_running));
        } else {
            for thread in std::mem::take(&mut state.threads) {
                // It has counted itself out, with no lock to take any more.
                thread.join().ok();
            }
        }
        if state.sessions == 0 && state.cancel_connections == 0 && state.failures.is_empty() {
            state.failures.push((None, Failure::NobodyConnected));
        }
        match std::mem::take(&mut state.failures) {
            failures if failures.is_empty() => Ok(()),
            failures => Err(Failures(failures)),
        }
    }

    /// The acceptor blocks in accept. A connection from an address that it knows wakes it, after all connections that
    /// clients made before.
    fn send_farewell(&self) -> io::Result<Socket> {
        let from = match &self.address {
            Address::Tcp(address) => SocketAddr::from((address.ip(), 0)).into(),
            Address::Unix(path) => SockAddr::unix(path.with_file_name("farewell"))?,
            Address::Memory(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        let socket = Socket::new(from.domain(), Type::STREAM, None)?;
        socket.bind(&from)?;
        self.account.state().farewell = Some(socket.local_addr()?);
        socket.connect(&self.address.to_socket_address()?)?;
        Ok(socket)
    }
}

/// A test that forgot [`Server::finish`] must not pass over a failed script; one that fails already learns what the
/// server saw.
impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "a failing test has no better place to say what its server saw")]
    fn drop(&mut self) {
        if thread::panicking() {
            let state = self.account.state();
            if !state.failures.is_empty() {
                eprintln!("while the test failed, session, failure: {:?}", state.failures);
            }
        } else if let Err(failures) = self.conclude(self.patience + GRACE) {
            panic!("{failures}");
        }
    }
}

type Script = dyn Fn(&mut Session) -> Result<(), Failure> + Send + Sync;

fn connect(address: &Address) -> io::Result<Socket> {
    let address = address.to_socket_address()?;
    let socket = Socket::new(address.domain(), Type::STREAM, None)?;
    socket.connect(&address)?;
    Ok(socket)
}

/// Who accepts connections.
#[derive(Debug)]
enum Acceptor {
    Thread(JoinHandle<()>),
    /// Whoever connects does.
    Memory(Listener),
}

/// What is done with every connection.
struct Service {
    patience: Duration,
    raw: bool,
    account: Arc<Account>,
    script: Arc<Script>,
}

impl Service {
    fn begin(&self, wire: Wire) {
        let mut state = self.account.state();
        state.running += 1;
        let (account, script) = (Arc::clone(&self.account), Arc::clone(&self.script));
        let (patience, raw) = (self.patience, self.raw);
        state.threads.push(virtual_time::spawn("a script", move || {
            let _running = Running(Arc::clone(&account));
            serve(Session::new(wire, patience, account), raw, &*script);
        }));
    }
}

fn accept(listener: &Socket, service: &Service) {
    loop {
        let accepted = listener.accept();
        let mut state = service.account.state();
        let socket = match accepted {
            Ok((_, peer)) if state.farewell.as_ref() == Some(&peer) => return,
            Ok((socket, _)) => socket,
            // Some systems report a client here that has gone before it was accepted.
            Err(error) if is_reset(&error) => continue,
            Err(error) => {
                state.failures.push((None, Failure::Io { doing: "accept a connection", error }));
                return;
            }
        };
        drop(state);
        // As hyperd does. It fails on a Unix socket, and when the client has gone already, which the script will notice.
        socket.set_tcp_nodelay(true).ok();
        service.begin(Wire::Socket(socket));
    }
}

/// Counts its thread out, however that ends.
struct Running(Arc<Account>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.count_out();
    }
}

fn serve(mut session: Session, raw: bool, script: &Script) {
    let account = Arc::clone(session.account());
    let first = if raw { Ok(()) } else { session.wait_for_initial() };
    if let Err(Failure::Cancel(key)) = first {
        return account.add_cancel(key);
    }
    let number = account.next_number();
    session.set_number(number);
    if let Err(silence @ Failure::Silence { .. }) = first {
        return account.fail(Some(number), silence);
    }
    // Whatever else is wrong with the first message, the script meets it at once, and can say so.
    match catch_unwind(AssertUnwindSafe(|| script(&mut session))) {
        Ok(Ok(())) => session.end(),
        Ok(Err(Failure::Cancel(key))) => account.add_cancel(key),
        Ok(Err(failure)) => account.fail(Some(number), failure),
        Err(panic) => account.fail(Some(number), Failure::Panicked(panic_message(&*panic))),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}
