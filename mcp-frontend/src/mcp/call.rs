//! One call of a tool: who may stop it, until when it may run, and how far it is.

use std::future::{Future, pending};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::owner::Owner;

/// What a tool is given besides its arguments.
#[derive(Debug)]
pub(crate) struct Call {
    /// Canceled by the client, by the end of input, or by `job`.
    pub(crate) cancel: CancellationToken,
    pub(crate) progress: Progress,
    pub(crate) started: Instant,
    /// Whose it is.
    pub(crate) owner: Owner,
    /// What is known of the call's effect should it end early.
    effect: Mutex<String>,
    /// Whether it has got as far as a session. Until then it only waits, and has no effect.
    has_run: AtomicBool,
}

/// How far a call is. Counters only grow.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    rows: AtomicU64,
    bytes: AtomicU64,
    bytes_total: AtomicU64,
    doing: Mutex<String>,
}

impl Call {
    /// A call that ends with `all` at the latest.
    pub(crate) fn new(all: &CancellationToken) -> Self {
        Self {
            cancel: all.child_token(),
            progress: Progress::default(),
            started: Instant::now(),
            owner: Owner::default(),
            effect: Mutex::default(),
            has_run: AtomicBool::new(false),
        }
    }

    /// The same, of this client.
    #[must_use]
    pub(crate) fn owned_by(mut self, owner: Owner) -> Self {
        self.owner = owner;
        self
    }

    /// It has a session now: from here on it runs.
    pub(crate) fn runs(&self) {
        self.has_run.store(true, Ordering::Relaxed);
    }

    /// Says what has taken effect by now, and what is running. Callers hear it if the call is stopped.
    pub(crate) fn effect(&self, known: impl Into<String>) {
        *self.effect.lock().unwrap_or_else(PoisonError::into_inner) = known.into();
    }

    /// Does the work, unless the call is canceled or `limit` passes first. The work is dropped then, and what it held is
    /// stopped at hyperd too: see [`Lease`](super::engine::Lease).
    pub(crate) async fn bounded<T>(
        &self,
        limit: Option<Duration>,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let late = async {
            match limit {
                Some(limit) => sleep_until((self.started + limit).into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            outcome = work => outcome,
            () = self.cancel.cancelled() => Err(self.stopped("Canceled, at hyperd too.")),
            () = late => Err(self.late(limit.unwrap_or_default())),
        }
    }

    fn late(&self, limit: Duration) -> Failure {
        let seconds = limit.as_secs_f64();
        if self.has_run.load(Ordering::Relaxed) {
            return self
                .stopped(&format!("Stopped after timeout_s = {seconds} s, at hyperd too."))
                .advise("Next: filter or aggregate more, or give a larger timeout_s.");
        }
        Failure::new(format!(
            "Stopped after timeout_s = {seconds} s. It never ran: it waited all the time ({}).\nNext: give a larger timeout_s; \
             `inspect` without arguments shows what runs.",
            self.progress.sentence()
        ))
    }

    fn stopped(&self, what: &str) -> Failure {
        let effect = self.effect.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let failure = Failure::new(what);
        if effect.is_empty() { failure } else { failure.advise(&effect) }
    }
}

impl Progress {
    /// What is being done, in a few words.
    pub(crate) fn doing(&self, what: impl Into<String>) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = what.into();
    }

    /// The same; what was being done comes back.
    pub(crate) fn instead(&self, what: &str) -> String {
        let mut doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut doing, what.to_owned())
    }

    pub(crate) fn add_rows(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    pub(crate) fn set_rows(&self, rows: u64) {
        self.rows.store(rows, Ordering::Relaxed);
    }

    /// How many bytes were read or written, of how many; 0 if that is unknown.
    pub(crate) fn set_bytes(&self, bytes: u64, total: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.bytes_total.store(total, Ordering::Relaxed);
    }

    /// For people: `running, 1200 rows, 3.1 of 10.0 MB`.
    pub(crate) fn sentence(&self) -> String {
        let doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut sentence = if doing.is_empty() { "running".to_owned() } else { doing };
        let [rows, bytes, total] =
            [&self.rows, &self.bytes, &self.bytes_total].map(|counter| counter.load(Ordering::Relaxed));
        if rows > 0 {
            sentence.push_str(&format!(", {rows} rows"));
        }
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        match (bytes, total) {
            (0, _) => {}
            (_, 0) => sentence.push_str(&format!(", {:.1} MB", megabytes(bytes))),
            _ => sentence.push_str(&format!(", {:.1} of {:.1} MB", megabytes(bytes), megabytes(total))),
        }
        sentence
    }
}
