//! What the owner of a share and its task have in common.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyperwire_blocking::daemon::ground::StateFolder;
use hyperwire_blocking::shared::ground::Share;
use hyperwire_blocking::shared::{JoinError, Settings};
use hyperwire_carrier::{Clock, Transport as _};
use hyperwire_core::control::Record;
use hyperwire_core::election::Phase;
use hyperwire_core::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::task::Task;
use crate::transport::Transport;

/// The handle to the task.
#[derive(Debug)]
pub(super) struct Driver {
    common: Arc<Common>,
    folder: StateFolder,
}

#[derive(Debug)]
pub(super) struct Common {
    state: Mutex<State>,
    /// There was an event, or the task has ended.
    pub(super) changed: Notify,
    /// There may be something to do for the task.
    pub(super) wake: Notify,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) share: Share,
    pub(super) clock: Clock,
    /// Nobody wants the share any more.
    pub(super) over: bool,
    /// The task has ended.
    pub(super) ended: bool,
}

impl Driver {
    pub(super) fn start(settings: Settings) -> Result<Self, JoinError> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let clock = Clock::starting(Transport::now());
        let share = Share::begin(&settings, clock.at(Transport::now()))?;
        let state = State { share, clock, over: false, ended: false };
        let common =
            Arc::new(Common { state: Mutex::new(state), changed: Notify::new(), wake: Notify::new() });
        let folder = StateFolder::new(&settings.place.state_folder);
        runtime.spawn(Task::new(common.clone(), folder.clone(), settings).run());
        Ok(Self { common, folder })
    }

    pub(super) fn folder(&self) -> &StateFolder {
        &self.folder
    }

    pub(super) fn phase(&self) -> Phase {
        self.common.lock().share.election.phase()
    }

    pub(super) async fn enter(&self, within: Duration) -> Result<Arc<Record>, JoinError> {
        let entered = timeout(within, async {
            let mut has_waited = false;
            loop {
                // It is woken by what happens from here on, also before it is polled.
                let changed = self.common.changed.notified();
                if let Some(record) = self.try_enter(has_waited)? {
                    return Ok(record);
                }
                has_waited = true;
                changed.await;
            }
        });
        entered.await.unwrap_or_else(|_| Err(JoinError::Late { phase: self.phase() }))
    }

    fn try_enter(&self, has_waited: bool) -> Result<Option<Arc<Record>>, JoinError> {
        let mut state = self.common.lock();
        if state.ended {
            return Err(io::Error::other("the task that looks for it has ended, as its runtime did").into());
        }
        let now = state.now();
        let entered = state.share.enter(has_waited, now)?;
        if entered.is_none() {
            self.common.wake.notify_one();
        }
        Ok(entered)
    }

    /// What is entered already is entered once more.
    pub(super) fn enter_again(&self) {
        self.common.lock().share.enter_again();
    }

    pub(super) fn leave(&self) {
        let mut state = self.common.lock();
        let now = state.now();
        if state.share.leave(now) {
            self.common.wake.notify_one();
        }
    }

    pub(super) fn report(&self, reason: &str) {
        let mut state = self.common.lock();
        let now = state.now();
        state.share.election.report(reason, now);
        self.common.wake.notify_one();
    }
}

/// The task does what is left to do, and ends.
impl Drop for Driver {
    fn drop(&mut self) {
        let mut state = self.common.lock();
        state.over = true;
        state.share.election.release();
        self.common.wake.notify_one();
    }
}

impl Common {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The machine's time, by the clock of tokio's timers.
    pub(super) fn now(&self) -> Instant {
        self.clock.at(Transport::now())
    }
}
