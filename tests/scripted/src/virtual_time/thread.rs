//! Threads of a world, or of none.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::world::{Party, here, sleep};

/// Runs this on a thread of its own.
pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    match here() {
        None => thread::spawn(body),
        Some(party) => {
            let other = Party::join(&party.world, name);
            thread::spawn(move || other.live(body))
        }
    }
}

/// Runs the first on a thread of its own, and the second at the same time on this one.
///
/// # Panics
/// When one of them does.
pub fn both<A: Send, B>(aside: impl FnOnce() -> A + Send, here_and_now: impl FnOnce() -> B) -> (A, B) {
    let other = here().map(|party| (Party::join(&party.world, "aside"), party));
    let joining = other.as_ref().map(|(other, _)| other.clone());
    thread::scope(|scope| {
        let thread = scope.spawn(move || match joining {
            Some(party) => party.live(aside),
            None => aside(),
        });
        // A thread that is never given a turn again would be waited for without end.
        let _guard = other.as_ref().map(|(_, party)| EndsWithPanic(party.clone()));
        let there = here_and_now();
        if let Some((other, party)) = &other {
            while !other.has_left() {
                party.wait(None);
            }
        }
        (thread.join().expect("no panic"), there)
    })
}

/// Runs this on another thread, and waits for it.
///
/// # Panics
/// When it does.
pub fn elsewhere<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    both(body, || ()).0
}

/// Does nothing for so long, where the calling thread lives.
pub fn nap(duration: Duration) {
    match here() {
        None => thread::sleep(duration),
        Some(_) => sleep(duration),
    }
}

/// Lets other threads run.
pub fn pause() {
    match here() {
        None => thread::yield_now(),
        Some(party) => party.pause(),
    }
}

struct EndsWithPanic(Party);

impl Drop for EndsWithPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end_the_world("a panic");
        }
    }
}
