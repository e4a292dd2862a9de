//! smol, which those who leave async-std are sent to.

use std::future::Future;
use std::io;
use std::time::Duration;

use smol::{Async, Timer};

use super::{Executor, Later, Stream};

pub(crate) struct Smol;

impl Executor for Smol {
    const NAME: &'static str = "embedded_in_smol";

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        smol::block_on(future)
    }

    fn unblock<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        smol::unblock(job)
    }

    fn sleep(duration: Duration) -> Later<()> {
        Box::pin(async move {
            Timer::after(duration).await;
        })
    }

    fn tcp(socket: std::net::TcpStream) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(Async::new(socket)?))
    }

    fn unix(socket: std::os::unix::net::UnixStream) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(Async::new(socket)?))
    }
}
