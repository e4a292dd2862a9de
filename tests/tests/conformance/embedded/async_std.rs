//! async-std, which is no longer maintained and still in use.

use std::future::Future;
use std::io;
use std::time::Duration;

use async_std::net::TcpStream;
use async_std::os::unix::net::UnixStream;
use async_std::task;

use super::{Executor, Later, Stream};

pub(crate) struct AsyncStd;

impl Executor for AsyncStd {
    const NAME: &'static str = "embedded_in_async_std";

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        task::block_on(future)
    }

    fn unblock<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        task::spawn_blocking(job)
    }

    fn sleep(duration: Duration) -> Later<()> {
        Box::pin(task::sleep(duration))
    }

    fn tcp(socket: std::net::TcpStream) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(TcpStream::from(socket)))
    }

    fn unix(socket: std::os::unix::net::UnixStream) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(UnixStream::from(socket)))
    }
}
