//! Bring your own runtime: the core over executors that hyperwire knows nothing of. [`driver`] is all that it takes,
//! and the same for each of them; an executor gives it five functions.

mod adapter;
mod async_std;
mod driver;
mod smol;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use futures_lite::{AsyncRead, AsyncWrite};
use hyperwire_core::session::{Fault, LinkLoss, Misuse, StatementError};

pub(crate) use adapter::Embedded;
pub(crate) use async_std::AsyncStd;
pub(crate) use smol::Smol;

/// Why a driver does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    #[error(transparent)]
    Session(#[from] Fault),
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error(transparent)]
    Misuse(#[from] Misuse),
}

/// A connection of an executor.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A future that is kept for later.
pub(crate) type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What the driver needs of an executor.
pub(crate) trait Executor: Send + Sync + 'static {
    const NAME: &'static str;

    /// Runs a future on this thread until it is done.
    fn block_on<T>(future: impl Future<Output = T>) -> T;

    /// Runs what blocks elsewhere.
    fn unblock<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static)
    -> impl Future<Output = T> + Send;

    fn sleep(duration: Duration) -> Later<()>;

    /// Takes over a socket that is connected and does not block.
    fn tcp(socket: std::net::TcpStream) -> io::Result<Box<dyn Stream>>;

    fn unix(socket: std::os::unix::net::UnixStream) -> io::Result<Box<dyn Stream>>;
}

/// Fresh random bytes. The core has none.
fn random() -> io::Result<[u8; 18]> {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// What the system's error says of the connection.
fn loss(error: &io::Error) -> LinkLoss {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => LinkLoss::Reset,
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable => LinkLoss::TimedOut,
        _ => LinkLoss::Other,
    }
}
