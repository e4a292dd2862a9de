//! Ctrl-C: the first cancels the statement at the server, a second soon after it ends the command.

use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::exit::Exit;

/// A second Ctrl-C within this time means that the user will not wait for the server.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the user wants to stop, and how the server is told.
#[derive(Default)]
pub(crate) struct Interrupt {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Option<Instant>,
    cancel: Option<Cancel>,
}

type Cancel = Arc<dyn Fn() + Send + Sync>;

/// What a Ctrl-C leads to.
pub(super) enum Reaction {
    Cancel(Cancel),
    Exit,
}

impl Interrupt {
    /// Takes over Ctrl-C for the process.
    pub(crate) fn install() -> Result<Arc<Self>, ctrlc::Error> {
        let interrupt = Arc::new(Self::default());
        let handler = interrupt.clone();
        ctrlc::set_handler(move || match handler.pressed(Instant::now()) {
            // On a thread of its own: reaching a hung server may take long, and the next Ctrl-C must be heard.
            Reaction::Cancel(cancel) => drop(thread::spawn(move || cancel())),
            Reaction::Exit => process::exit(Exit::Interrupted as i32),
        })?;
        Ok(interrupt)
    }

    /// Says how to cancel what runs on the connection (CancelRequest, whether or not a statement is open). Until this
    /// is called, Ctrl-C ends the command at once.
    pub(crate) fn on_cancel(&self, cancel: impl Fn() + Send + Sync + 'static) {
        self.state().cancel = Some(Arc::new(cancel));
    }

    /// Whether Ctrl-C was pressed: nothing new is to be started.
    pub(crate) fn requested(&self) -> bool {
        self.state().last.is_some()
    }

    /// What to do about a Ctrl-C.
    pub(super) fn pressed(&self, now: Instant) -> Reaction {
        let mut state = self.state();
        let impatient = state.last.is_some_and(|last| now.saturating_duration_since(last) < PATIENCE);
        state.last = Some(now);
        match &state.cancel {
            Some(cancel) if !impatient => Reaction::Cancel(cancel.clone()),
            _ => Reaction::Exit,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Presses Ctrl-C and carries out the cancel; says whether the command would end.
    fn press(interrupt: &Interrupt, now: Instant) -> bool {
        match interrupt.pressed(now) {
            Reaction::Cancel(cancel) => {
                cancel();
                false
            }
            Reaction::Exit => true,
        }
    }

    fn counting() -> (Interrupt, Arc<AtomicUsize>) {
        let (interrupt, canceled) = (Interrupt::default(), Arc::new(AtomicUsize::new(0)));
        let count = canceled.clone();
        interrupt.on_cancel(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        (interrupt, canceled)
    }

    #[test]
    fn the_first_cancels_and_a_second_soon_after_ends_the_command() {
        let (interrupt, canceled) = counting();
        let start = Instant::now();

        let ended = [press(&interrupt, start), press(&interrupt, start + PATIENCE - Duration::from_nanos(1))];

        assert_eq!(ended, [false, true]);
        assert_eq!(canceled.load(Ordering::Relaxed), 1);
        assert!(interrupt.requested());
    }

    #[test]
    fn a_late_second_cancels_again() {
        let (interrupt, canceled) = counting();
        let start = Instant::now();

        let ended = [press(&interrupt, start), press(&interrupt, start + PATIENCE)];

        assert_eq!(ended, [false, false]);
        assert_eq!(canceled.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn before_there_is_anything_to_cancel_the_command_ends() {
        let interrupt = Interrupt::default();

        assert!(press(&interrupt, Instant::now()));
    }
}
