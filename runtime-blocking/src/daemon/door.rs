//! Where connections come in: one after the other, however many come and whatever becomes of them.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use hyperwire_core::daemon::MAX_CONNECTIONS;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that a daemon may want besides its connections: its own, those of a look at the ports, of asking who is at the
/// other end, of hyperd's start.
const BESIDES: u64 = 64;
/// What a daemon asks for, where the system permits it.
const ENOUGH: u64 = MAX_CONNECTIONS as u64 + 4 * BESIDES;
/// The fewest connections that are any use.
const FEWEST: usize = 16;
/// For how long nobody is let in when the system is out of files.
const PAUSE: Duration = Duration::from_millis(100);

/// The listener, once there is one.
#[derive(Debug)]
pub(super) struct Door {
    listener: Option<TcpListener>,
    /// Given up for a moment to take in, and close, a connection for which there is no descriptor: it would be announced
    /// again and again otherwise.
    spare: Option<File>,
    closed_until: Option<Instant>,
}

/// Who was at the door.
#[derive(Debug)]
pub(super) enum Came {
    /// Somebody.
    In(TcpStream),
    /// Somebody who had to be sent away, or went: `true` if the system is out of a resource.
    Away(bool),
    /// Nobody else.
    Nobody,
    /// The listener is no more.
    Lost(io::Error),
}

impl Door {
    pub(super) fn new() -> Self {
        Self { listener: None, spare: spare(), closed_until: None }
    }

    pub(super) fn open(&mut self, listener: TcpListener) {
        self.listener = Some(listener);
    }

    pub(super) fn close(&mut self) {
        self.listener = None;
    }

    /// What to wait on, unless it is not the time.
    pub(super) fn listener(&self) -> Option<&TcpListener> {
        self.listener.as_ref().filter(|_| self.closed_for().is_none())
    }

    /// For how long nobody is let in.
    pub(super) fn closed_for(&self) -> Option<Duration> {
        let left = self.closed_until?.saturating_duration_since(Instant::now());
        (self.listener.is_some() && !left.is_zero()).then_some(left)
    }

    /// Takes in whoever is next. Only the end of the listener itself is the end: all other errors are those of one
    /// connection (accept(2) gives what went wrong with it before it was accepted), or pass.
    pub(super) fn next(&mut self) -> Came {
        let Some(listener) = &self.listener else { return Came::Nobody };
        match listener.accept() {
            Ok((stream, _)) => Came::In(stream),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Came::Nobody,
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::BADF | Errno::INVAL | Errno::NOTSOCK) => Came::Lost(error),
                Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    self.spare = None;
                    // Whoever it is reads the end of the connection at once and comes again.
                    drop(listener.accept());
                    self.spare = spare();
                    self.closed_until = Some(Instant::now() + PAUSE);
                    Came::Away(true)
                }
                _ => Came::Away(false),
            },
        }
    }
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

/// Lets this process have as many files open as a daemon may want, as far as the system permits, and says how many
/// connections that is enough for.
pub(super) fn make_room() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(ENOUGH, |most| most.min(ENOUGH));
    if limit.current.is_some_and(|current| current < wanted) {
        // Then there are fewer.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    }
    let open = getrlimit(Resource::Nofile).current.unwrap_or(ENOUGH);
    connections(open)
}

fn connections(open_files: u64) -> usize {
    usize::try_from(open_files.saturating_sub(BESIDES)).unwrap_or(usize::MAX).clamp(FEWEST, MAX_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn connections_leave_room_for_other_files() {
        assert_eq!([0, 64, 128, 256, 1024, u64::MAX].map(connections), [16, 16, 64, 192, 256, 256]);
    }

    #[test]
    fn a_connection_that_was_reset_before_it_came_in_is_not_the_end_of_the_listener() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("bound");
        let mut door = Door::new();
        door.open(listener);
        let reset = socket2::Socket::from(TcpStream::connect(address).expect("it listens"));
        reset.set_linger(Some(Duration::ZERO)).expect("a socket");
        drop(reset);
        let waiting = TcpStream::connect(address).expect("it listens");

        let came: Vec<_> = std::iter::from_fn(|| match door.next() {
            Came::Nobody => None,
            came => Some(came),
        })
        .collect();

        assert!(came.iter().any(|came| matches!(came, Came::In(stream) if stream.peer_addr().ok() == waiting.local_addr().ok())), "{came:?}");
        assert!(!came.iter().any(|came| matches!(came, Came::Lost(_))), "{came:?}");
    }
}
