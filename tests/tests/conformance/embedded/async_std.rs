//! async-std, which is no longer maintained and still in use.

use std::time::{Duration, Instant};

use async_std::net::TcpStream;
use async_std::os::unix::net::UnixStream;
use async_std::task::{sleep, spawn_blocking};
use hyperwire_blocking::socket;
use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::liveness::link::LinkPolicy;

use super::driver::{Error, Executor, Later, Stream};

pub(crate) struct AsyncStd;

impl Executor for AsyncStd {
    fn connect(to: Endpoint, deadline: Instant) -> Later<Result<Box<dyn Stream>, Error>> {
        Box::pin(async move {
            let is_tcp = matches!(to, Endpoint::Tcp { .. });
            let connect = move || socket::connect(&to, &LinkPolicy::DEFAULT, deadline);
            let (socket, _) = spawn_blocking(connect).await?;
            let stream: Box<dyn Stream> = match is_tcp {
                true => Box::new(TcpStream::from(std::net::TcpStream::from(socket))),
                false => Box::new(UnixStream::from(std::os::unix::net::UnixStream::from(socket))),
            };
            Ok(stream)
        })
    }

    fn sleep(duration: Duration) -> Later<()> {
        Box::pin(sleep(duration))
    }
}
