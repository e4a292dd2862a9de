//! Connections of a world: in memory, in pieces, with delay.

use std::cell::Cell;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64;

use super::now;
use super::pipe::{Pipe, PipePlan};
use super::world::{State, World, here};

/// Bytes of each direction that may travel in small pieces and be held up; the rest goes in large ones, so that even
/// much of it takes few turns.
const SMALL: u64 = 1 << 10;
/// The longest of the large pieces.
const LARGE: usize = 64 << 10;

/// The least time between two small pieces, and between two of the others. Without it a server that never pauses would
/// talk for ever in no time.
const PACES: [Duration; 2] = [Duration::from_micros(100), Duration::from_micros(250)];

/// What is done with the server's end of a connection that was just made.
pub(super) type Accept = dyn Fn(End) + Send + Sync;

/// One end of a connection. What cannot be done at once is waited for as long as the timeouts say, and without one not at
/// all: then it is [`ErrorKind::WouldBlock`].
pub struct End {
    world: Arc<World>,
    link: Arc<Mutex<Link>>,
    /// 0 of who connected, 1 of who accepted.
    side: usize,
    read_timeout: Cell<Option<Duration>>,
    write_timeout: Cell<Option<Duration>>,
}

struct Link {
    name: usize,
    /// What each side says.
    said: [Pipe; 2],
    /// The longest piece of the first bytes.
    small: usize,
    has_left: [bool; 2],
    was_reset: bool,
}

/// Somebody who accepts connections, until this is dropped.
pub(crate) struct Listener {
    world: Arc<World>,
    path: String,
}

/// Accepts connections in the world of the calling thread.
pub(crate) fn listen(accept: impl Fn(End) + Send + Sync + 'static) -> Listener {
    let world = here().expect("a thread of a world").world;
    let mut state = world.lock();
    state.named += 1;
    let path = format!("/memory/{}", state.named);
    state.listeners.insert(path.clone(), Arc::new(accept));
    drop(state);
    Listener { world, path }
}

/// Connects to who listens there, in the world of the calling thread.
///
/// # Errors
/// [`ErrorKind::ConnectionRefused`]: nobody does.
///
/// # Panics
/// Outside of a world.
pub fn connect(path: &str) -> io::Result<End> {
    let world = here().expect("a thread of a world").world;
    let mut state = world.lock();
    let accept = state.listeners.get(path).cloned().ok_or(ErrorKind::ConnectionRefused)?;
    let link = Arc::new(Mutex::new(Link::plan(&mut state)));
    drop(state);
    let [client, server] = [0, 1].map(|side| End {
        world: Arc::clone(&world),
        link: Arc::clone(&link),
        side,
        read_timeout: Cell::default(),
        write_timeout: Cell::default(),
    });
    accept(server);
    Ok(client)
}

impl Listener {
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.world.lock().listeners.remove(&self.path);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Link {
    fn plan(state: &mut State) -> Self {
        let random = &mut state.random;
        let mut pipe = || {
            Pipe::new(PipePlan {
                capacity: random.pick(&[32 << 10, 256 << 10]),
                piece: LARGE,
                delay: random.pick(&[Duration::ZERO, Duration::from_micros(50), Duration::from_millis(1)]),
                pace: PACES[0],
                stall: (random.pick(&[0, 4, 64]), Duration::from_millis(20)),
                flip: None,
            })
        };
        let said = [pipe(), pipe()];
        let small = random.pick(&[1, 7, 100, LARGE]);
        state.named += 1;
        let name = state.named;
        state.tell(format_args!("link {name} is made"));
        Self { name, said, small, has_left: [false; 2], was_reset: false }
    }
}

impl End {
    /// How long reading waits.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) {
        self.read_timeout.set(timeout);
    }

    /// How long writing waits.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) {
        self.write_timeout.set(timeout);
    }

    /// When the next bytes arrive that are on their way. Others may follow, or the end.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        let at = self.link().said[1 - self.side].next_arrival()?;
        Some(self.world.instant(at))
    }

    /// Says nothing more. The other side learns that behind what was said.
    pub fn half_close(&self) {
        self.link().said[self.side].close();
        self.tell("says no more");
    }

    /// Ends the connection at once: what is on its way is lost.
    pub fn reset(self) {
        let mut link = self.link();
        link.was_reset = true;
        link.said.iter_mut().for_each(Pipe::destroy);
        drop(link);
        self.tell("resets");
    }

    fn try_read(&self, space: &mut [u8]) -> io::Result<usize> {
        let (mut state, mut link) = (self.world.lock(), self.link());
        let (name, now) = (link.name, state.core_now());
        if link.was_reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let pipe = &mut link.said[1 - self.side];
        pipe.arrive(now);
        let there = pipe.readable().min(space.len());
        if there > 0 {
            // Not all that is here has to be taken at once.
            let count = if state.random.one_in(4) { state.random.size(1, there) } else { there };
            let bytes = pipe.read(count);
            space[..count].copy_from_slice(&bytes);
            state.tell(format_args!("link {name}: side {} hears {count}", self.side));
            state.something_happened();
            return Ok(count);
        }
        if pipe.at_end() { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let (mut state, mut link) = (self.world.lock(), self.link());
        if link.was_reset || link.has_left[1 - self.side] {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let (name, small, now) = (link.name, link.small, state.core_now());
        let pipe = &mut link.said[self.side];
        let most = if pipe.taken() < SMALL { bytes.len().min(small) } else { bytes.len() };
        if pipe.taken() >= SMALL {
            pipe.flow_at(PACES[1]);
        }
        if !pipe.has_room_for(most) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = pipe.send(&bytes[..most], now, &mut state.random);
        let digest = xxh3_64(&bytes[..count]);
        state.tell(format_args!("link {name}: side {} says {count}: {digest:016x}", self.side));
        state.something_happened();
        Ok(count)
    }

    fn tell(&self, what: &str) {
        let name = self.link().name;
        let mut state = self.world.lock();
        state.tell(format_args!("link {name}: side {} {what}", self.side));
        state.something_happened();
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for End {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let arrives = || self.next_arrival();
        waiting(self.read_timeout.get(), arrives, || self.try_read(space))
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        waiting(self.write_timeout.get(), || None, || self.try_write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut link = self.link();
        link.has_left[self.side] = true;
        link.said[self.side].close();
        drop(link);
        self.tell("leaves");
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End")
            .field("link", &self.link().name)
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

/// Tries until it works, or so long; `may_change` says when that could be by itself.
fn waiting(
    timeout: Option<Duration>,
    may_change: impl Fn() -> Option<Instant>,
    mut attempt: impl FnMut() -> io::Result<usize>,
) -> io::Result<usize> {
    let party = here().expect("a thread of a world");
    let until = now() + timeout.unwrap_or_default();
    loop {
        party.pause();
        match attempt() {
            Err(error) if error.kind() == ErrorKind::WouldBlock && now() < until => {
                party.wait(Some(may_change().map_or(until, |at| at.min(until))));
            }
            outcome => return outcome,
        }
    }
}
