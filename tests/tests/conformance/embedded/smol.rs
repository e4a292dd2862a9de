//! smol, which those who leave async-std are sent to.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use hyperwire_blocking::socket;
use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::liveness::link::LinkPolicy;
use smol::{Async, Timer, unblock};

use super::driver::{Error, Executor, Later, Stream};

pub(crate) struct Smol;

impl Executor for Smol {
    fn connect(to: Endpoint, deadline: Instant) -> Later<Result<Box<dyn Stream>, Error>> {
        Box::pin(async move {
            let is_tcp = matches!(to, Endpoint::Tcp { .. });
            let (socket, _) = unblock(move || socket::connect(&to, &LinkPolicy::DEFAULT, deadline)).await?;
            let stream: Box<dyn Stream> = match is_tcp {
                true => Box::new(Async::<TcpStream>::new(socket.into())?),
                false => Box::new(Async::<UnixStream>::new(socket.into())?),
            };
            Ok(stream)
        })
    }

    fn sleep(duration: Duration) -> Later<()> {
        Box::pin(async move { _ = Timer::after(duration).await })
    }
}
