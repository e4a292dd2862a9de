//! A hyperd of this server's own: started when it is first needed, started again when it died, and ended when it hangs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyperwire_tokio::Client;
use hyperwire_tokio::hyperd::{Confinement, Environment, Hyperd as Process, Settings, locate_or_install};
use hyperwire_tokio::hyperwire_core::hyperd::Endpoint;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::activity::{Activity, is_stopped};
use super::hyperd::{CONNECT, Hold, Run, answers, config, is_late, unavailable};
use crate::connection::with_causes;
use crate::mcp::failure::Failure;
use crate::progress::Shown;

/// So many logins in a row without an answer, and hardly any processor time used: it hangs ...
const SILENT: u32 = 3;
/// ... or so many, whatever it does: 24 s at least. The calls of this server leave half of its threads to logins.
const SILENT_BUT_BUSY: u32 = 12;

/// How long a killed process may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// The process, and how to start it.
pub(crate) struct Private {
    /// `--name=value` for hyperd.
    settings: Vec<(String, String)>,
    /// What the kernel keeps it to.
    confinement: Option<Confinement>,
    slot: Arc<Mutex<Slot>>,
}

#[derive(Default)]
struct Slot {
    process: Option<Process>,
    /// How often it was started.
    started: u64,
    suspicion: Option<Suspicion>,
}

/// It does not answer.
#[derive(Clone, Copy)]
struct Suspicion {
    silent: u32,
    since: Instant,
    /// What it had done by then.
    activity: Option<Activity>,
}

/// The settings of a hyperd that opens no file outside of these folders.
pub(super) fn bounds(folders: &[PathBuf]) -> Result<Vec<(String, String)>, Failure> {
    let names: Result<Vec<_>, _> = folders
        .iter()
        .map(|folder| match folder.to_str() {
            Some(name) if !name.contains(';') => Ok(name.to_owned()),
            _ => Err(Failure::new(format!(
                "{} cannot be an allowed folder: hyperd wants UTF-8 without semicolons. Rename it.",
                folder.display()
            ))),
        })
        .collect();
    let list = names?.join(";");
    Ok(["external-file-whitelist", "database-dir-whitelist"]
        .map(|setting| (setting.to_owned(), list.clone()))
        .into())
}

impl Private {
    pub(super) fn new(settings: Vec<(String, String)>, confinement: Option<Confinement>) -> Self {
        Self { settings, confinement, slot: Arc::default() }
    }

    pub(super) async fn connect(&self) -> Result<(Hold, Client), Failure> {
        let deadline = Instant::now() + CONNECT;
        loop {
            let (endpoint, run) = self.running().await?;
            let error = match Client::connect(config(endpoint.clone())).await {
                Ok(client) => return Ok((Hold::Private(endpoint, run), client)),
                Err(error) => error,
            };
            if error.server().is_some() || Instant::now() >= deadline {
                return Err(unavailable(&with_causes(&error)));
            }
            if is_late(&error) {
                self.suspect().await;
            }
            // It may be about to end.
            sleep(Duration::from_millis(50)).await;
        }
    }

    pub(super) async fn hold(&self) -> Result<Hold, Failure> {
        let (endpoint, run) = self.running().await?;
        Ok(Hold::Private(endpoint, run))
    }

    /// See [`Hyperd::is_answering`](super::hyperd::Hyperd::is_answering).
    pub(super) async fn is_answering(&self, limit: Duration) -> bool {
        let endpoint = match self.slot.try_lock() {
            Ok(slot) => slot.process.as_ref().map(|process| process.endpoint().clone()),
            // It is being started or ended.
            Err(_) => None,
        };
        let Some(endpoint) = endpoint else { return true };
        if answers(endpoint, limit).await {
            self.slot.lock().await.suspicion = None;
            return true;
        }
        self.suspect().await;
        false
    }

    /// Ends it, and waits at most `limit`. What it has to write to a large database it writes afterwards.
    pub(super) async fn end(&self, limit: Duration) {
        let _ = timeout(limit, async {
            let mut slot = self.slot.clone().lock_owned().await;
            let Some(process) = slot.process.take() else { return };
            if is_stopped(process.pid()) || slot.suspicion.is_some() {
                kill(&process);
            }
            let _ = spawn_blocking(move || process.shutdown(limit)).await;
        })
        .await;
    }

    /// The one that runs, or a new one.
    async fn running(&self) -> Result<(Endpoint, Run), Failure> {
        let (settings, confinement) = (self.settings.clone(), self.confinement.clone());
        let slot = self.slot.clone();
        let run = async {
            let mut slot = slot.lock_owned().await;
            if let Some(running) = slot.running() {
                return Ok(running);
            }
            spawn_blocking(move || start(slot, settings, confinement))
                .await
                .unwrap_or_else(|stopped| Err(stopped.to_string()))
        };
        match timeout(CONNECT, run).await {
            Ok(Ok(running)) => Ok(running),
            Ok(Err(why)) => Err(unavailable(&why)),
            Err(_) => Err(unavailable("it is still being fetched or started")),
        }
    }

    /// It did not answer; if that is enough, it is ended.
    async fn suspect(&self) {
        let mut slot = self.slot.clone().lock_owned().await;
        let Some(pid) = slot.process.as_ref().map(Process::pid) else { return };
        let (activity, now) = (Activity::of(pid), Instant::now());
        let first = slot.suspicion.unwrap_or(Suspicion { silent: 0, since: now, activity });
        let suspicion = Suspicion { silent: first.silent + 1, ..first };
        let idle = match (suspicion.activity, activity) {
            (Some(before), Some(after)) => after.is_idle_since(before, now - suspicion.since),
            _ => false,
        };
        let hangs = suspicion.silent >= SILENT && (idle || is_stopped(pid));
        slot.suspicion = Some(suspicion);
        if hangs || suspicion.silent >= SILENT_BUT_BUSY {
            slot.suspicion = None;
            let Some(process) = slot.process.take() else { return };
            kill(&process);
            // Its sessions end with it. Until they have, nobody must take one of them for alive, so the slot stays locked.
            let _ = spawn_blocking(move || process.shutdown(GONE_WITHIN).map(|_| drop(slot))).await;
        }
    }
}

impl Slot {
    fn running(&mut self) -> Option<(Endpoint, Run)> {
        let process = self.process.as_mut()?;
        matches!(process.try_exit_status(), Ok(None))
            .then(|| (process.endpoint().clone(), Run(self.started.to_string())))
    }
}

fn start(
    mut slot: OwnedMutexGuard<Slot>,
    extra: Vec<(String, String)>,
    confinement: Option<Confinement>,
) -> Result<(Endpoint, Run), String> {
    // What is left of one that ended.
    drop(slot.process.take());
    let mut progress = Shown::new();
    let found = locate_or_install(&Environment::of_this_process(), &mut |now| progress.show(now))
        .map_err(|error| with_causes(&error))?;
    let mut settings = Settings::new(found.path);
    settings.extra.extend(extra);
    settings.confinement = confinement;
    let process = Process::start(&settings).map_err(|error| with_causes(&error))?;
    slot.started += 1;
    slot.suspicion = None;
    slot.process = Some(process);
    slot.running().ok_or_else(|| "it ended at once".to_owned())
}

#[cfg(unix)]
fn kill(process: &Process) {
    use rustix::process::{Pid, Signal, kill_process};

    // Its id is its own: nobody has waited for its end yet, which `process` does.
    if let Some(pid) = i32::try_from(process.pid()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Ending it takes what [`Process::shutdown`] has for those who do not want to.
#[cfg(not(unix))]
fn kill(_: &Process) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyperd_is_told_of_every_folder_for_files_and_for_databases() {
        let settings = bounds(&["/a".into(), "/b c".into()]).unwrap();

        let wanted = ["external-file-whitelist", "database-dir-whitelist"];
        assert_eq!(settings, wanted.map(|name| (name.to_owned(), "/a;/b c".to_owned())));
    }

    #[test]
    fn a_folder_that_hyperd_would_take_for_two_is_refused() {
        assert!(bounds(&["/a;/".into()]).unwrap_err().text().contains("semicolon"));
    }
}
