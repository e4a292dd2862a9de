//! Looks at a place all the time, from outside.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::processes::{self, Process, listening_ports};
use crate::violation::Violation;

/// Between two looks. Short enough to meet every phase of a round, long enough to leave the processors to it.
const PAUSE: Duration = Duration::from_millis(25);

/// A thread that looks for two daemons, two engines, or two ports at once.
///
/// A look is not one moment: a process that ended while it went on can stand beside its successor. So only what is
/// seen in two looks in a row counts; that two live for less than [`PAUSE`] is for the journal to find.
pub(crate) struct Watcher {
    done: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Violation>>,
}

/// What one look saw.
#[derive(Debug, Default)]
struct Look {
    /// That hold a lock.
    daemons: BTreeSet<u32>,
    engines: BTreeSet<u32>,
    ports: BTreeSet<u16>,
    words: String,
}

impl Watcher {
    /// Starts to look, in the network of the calling thread.
    pub(crate) fn start(state: &Path, port: u16) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let (stop, state) = (Arc::clone(&done), state.to_owned());
        Self { done, thread: thread::spawn(move || watch(&state, port, &stop)) }
    }

    /// Ends it, and says what it saw.
    pub(crate) fn finish(self) -> Vec<Violation> {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().expect("looking does not panic")
    }
}

fn watch(state: &PathBuf, port: u16, done: &AtomicBool) -> Vec<Violation> {
    let (mut violations, mut before) = (Vec::new(), Look::default());
    while !done.load(Ordering::Relaxed) {
        let now = look(state, port);
        for violation in in_both(&before, &now) {
            let same = |found: &Violation| matches!((found, &violation), (Violation::TwoAtOnce { what, .. }, Violation::TwoAtOnce { what: new, .. }) if what == new);
            if !violations.iter().any(same) {
                violations.push(violation);
            }
        }
        before = now;
        thread::sleep(PAUSE);
    }
    violations
}

fn look(state: &Path, port: u16) -> Look {
    let processes = processes::of(state);
    let pids = |those: &mut dyn Iterator<Item = &Process>| those.map(|process| process.pid).collect();
    let words: Vec<_> =
        processes.iter().map(|process| format!("{} {}", process.pid, process.words)).collect();
    Look {
        daemons: pids(&mut processes::daemons(&processes).filter(|daemon| daemon.holds_the_lock())),
        engines: pids(&mut processes::engines(&processes)),
        ports: listening_ports(port).into_iter().collect(),
        words: words.join("; "),
    }
}

fn in_both(before: &Look, now: &Look) -> Vec<Violation> {
    let count = |what, two: usize| {
        let processes = format!("{:?} {:?} {:?}: {}", now.daemons, now.engines, now.ports, now.words);
        (two > 1).then_some(Violation::TwoAtOnce { what, processes })
    };
    let daemons = count("daemons that hold a lock", before.daemons.intersection(&now.daemons).count());
    let engines = count("engines", before.engines.intersection(&now.engines).count());
    let ports = count("listening daemons", before.ports.intersection(&now.ports).count());
    daemons.into_iter().chain(engines).chain(ports).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(daemons: &[u32], engines: &[u32], ports: &[u16]) -> Look {
        Look {
            daemons: daemons.iter().copied().collect(),
            engines: engines.iter().copied().collect(),
            ports: ports.iter().copied().collect(),
            words: String::new(),
        }
    }

    #[test]
    fn two_that_are_seen_twice_are_found() {
        let two = || look(&[1, 2], &[3, 4], &[7485, 7486]);

        let found: Vec<_> = in_both(&two(), &two()).into_iter().map(|it| it.to_string()).collect();

        assert!(found[0].starts_with("two daemons that hold a lock"), "{found:?}");
        assert!(found[1].starts_with("two engines"), "{found:?}");
        assert!(found[2].starts_with("two listening daemons"), "{found:?}");
    }

    #[test]
    fn one_after_the_other_is_right_even_if_a_look_meets_both() {
        assert_eq!(in_both(&look(&[1, 2], &[3, 4], &[7485]), &look(&[2, 5], &[4], &[7486])), []);
    }

    #[test]
    fn a_listener_is_seen_on_its_port() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();

        assert!(listening_ports(port).contains(&port));
    }
}
