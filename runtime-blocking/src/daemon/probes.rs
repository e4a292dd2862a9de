//! Questions to several ports at once.

use std::iter;
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use hyperwire_core::control::{Command, Probe, Reply, SCAN_WITHIN, Status};
use hyperwire_core::liveness::link::LinkPolicy;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::Socket;

use super::owner;
use super::port::{Link, NoAnswer};
use hyperwire_carrier::socket::{begin_connect, finish_connect};

/// The ports of one look. A machine wants one answer after the other, and a port that keeps silent costs half a second; so
/// all that it may want are asked with the first.
#[derive(Debug, Default)]
pub(crate) struct Probes(Vec<Asked>);

#[derive(Debug)]
struct Asked {
    port: u16,
    deadline: Instant,
    at: At,
}

#[derive(Debug)]
enum At {
    Connecting(Socket),
    Talking(Link),
    Answered(Probe),
}

impl Probes {
    /// Waits for the answer of a port. Those in `ahead` are asked at the same time, unless an earlier call did: then that
    /// one's answer is given, once.
    pub(crate) fn ask(&mut self, port: u16, ahead: impl IntoIterator<Item = u16>) -> Probe {
        if !self.0.iter().any(|asked| asked.port == port) {
            let deadline = Instant::now() + SCAN_WITHIN;
            self.0 = iter::once(port).chain(ahead).map(|port| Asked::begin(port, deadline)).collect();
        }
        loop {
            self.0.iter_mut().for_each(Asked::advance);
            let answered = |asked: &Asked| asked.port == port && matches!(asked.at, At::Answered(_));
            if let Some(index) = self.0.iter().position(answered)
                && let At::Answered(probe) = self.0.swap_remove(index).at
            {
                return probe;
            }
            self.wait();
        }
    }

    /// Waits for all of them.
    pub(crate) fn ask_all(ports: impl IntoIterator<Item = u16>) -> Vec<(u16, Probe)> {
        let ports: Vec<_> = ports.into_iter().collect();
        let mut probes = Self::default();
        ports
            .iter()
            .map(|port| (*port, probes.ask(*port, ports.iter().copied().filter(|other| other != port))))
            .collect()
    }

    /// Until one of them can go on, or is over.
    fn wait(&self) {
        let waiting = self.0.iter().filter_map(|asked| {
            let fd = match &asked.at {
                At::Connecting(socket) => PollFd::new(socket, PollFlags::OUT),
                At::Talking(link) => PollFd::new(link.stream(), PollFlags::IN),
                At::Answered(_) => return None,
            };
            Some((fd, asked.deadline))
        });
        let (mut fds, deadlines): (Vec<_>, Vec<_>) = waiting.unzip();
        let left = deadlines.into_iter().min().map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        // A wait that is broken off is taken up again.
        let _ = poll(&mut fds, timeout.as_ref());
    }
}

impl Asked {
    fn begin(port: u16, deadline: Instant) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into();
        let at = match begin_connect(&address, &LinkPolicy::DEFAULT) {
            Ok(socket) => At::Connecting(socket),
            Err(error) => At::Answered(NoAnswer::from(error).into()),
        };
        Self { port, deadline, at }
    }

    /// Goes on as far as that takes no waiting.
    fn advance(&mut self) {
        let is_late = self.deadline <= Instant::now();
        let silent = At::Answered(Probe::Silent);
        self.at = match mem::replace(&mut self.at, silent) {
            At::Connecting(socket) => match finish_connect(&socket, &LinkPolicy::DEFAULT) {
                Ok(Some(_)) => match greet(socket) {
                    Ok(link) => {
                        self.at = At::Talking(link);
                        return self.advance();
                    }
                    Err(none) => At::Answered(none.into()),
                },
                Ok(None) if is_late => At::Answered(Probe::Silent),
                Ok(None) => At::Connecting(socket),
                Err(error) => At::Answered(NoAnswer::from(error).into()),
            },
            At::Talking(mut link) => match talk(&mut link) {
                Ok(Some(probe)) => At::Answered(probe),
                Ok(None) if is_late => At::Answered(Probe::Silent),
                Ok(None) => At::Talking(link),
                Err(none) => At::Answered(none.into()),
            },
            answered @ At::Answered(_) => answered,
        };
    }
}

fn greet(socket: Socket) -> Result<Link, NoAnswer> {
    let mut link = Link::over(socket.into())?;
    link.say(&Command::Ping)?;
    Ok(link)
}

/// What the port is, once it has said so.
fn talk(link: &mut Link) -> Result<Option<Probe>, NoAnswer> {
    loop {
        match link.next_reply()? {
            Some(Reply::Pong { .. }) => link.say(&Command::Status)?,
            Some(Reply::Status(json)) => {
                let status = Status::parse(json.as_bytes()).map_err(|_| NoAnswer::Foreign)?;
                let owner = owner::of_peer(link.stream());
                return Ok(Some(Probe::Daemon { record: status.record.into(), owner }));
            }
            Some(_) => return Err(NoAnswer::Foreign),
            None => match link.fill() {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(None),
                filled => filled?,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        (listener, port)
    }

    #[test]
    fn sixteen_silent_ports_take_as_long_as_one() {
        let silent: Vec<_> = (0..16).map(|_| listener()).collect();
        let start = Instant::now();

        let answers = Probes::ask_all(silent.iter().map(|(_, port)| *port));

        assert!(answers.iter().all(|(_, probe)| *probe == Probe::Silent), "{answers:?}");
        assert!(start.elapsed() < SCAN_WITHIN * 2, "{:?}", start.elapsed());
    }

    #[test]
    fn a_port_whose_backlog_is_full_is_silent_within_the_same_bound() {
        let (_listener, port) = listener();
        // The system takes one more than it is told, and then says nothing.
        let crowd: Vec<_> = (0..5000)
            .map_while(|_| {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_millis(50)).ok()
            })
            .collect();
        let start = Instant::now();

        let probe = Probes::default().ask(port, []);

        assert_eq!(probe, Probe::Silent, "{} are in front", crowd.len());
        assert!(start.elapsed() < SCAN_WITHIN * 2, "{:?}", start.elapsed());
    }

    #[test]
    fn nobody_waits_for_a_port_that_is_not_wanted_yet() {
        let (_silent, port) = listener();
        let (free, other) = listener();
        drop(free);
        let start = Instant::now();
        let mut probes = Probes::default();

        assert_eq!(probes.ask(other, [port]), Probe::Refused);
        assert!(start.elapsed() < SCAN_WITHIN, "{:?}", start.elapsed());
        assert_eq!(probes.ask(port, []), Probe::Silent);
    }
}
