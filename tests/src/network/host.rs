use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Pid, gettid};

use super::NetworkError;

type Job = Box<dyn FnOnce() + Send>;

/// A thread with a network of its own. The network vanishes with it and whatever still uses it.
#[derive(Debug)]
pub struct Host {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    thread_id: Pid,
}

impl Host {
    pub(super) fn new(name: &str) -> Result<Self, NetworkError> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (ready, readiness) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name(format!("{name} host"))
            .spawn(move || {
                let isolated = unshare(CloneFlags::CLONE_NEWNET).map(|()| gettid());
                let failed = isolated.is_err();
                if ready.send(isolated).is_err() || failed {
                    return;
                }
                inbox.into_iter().for_each(|job| job());
            })
            .map_err(NetworkError::Namespace)?;
        let thread_id = readiness
            .recv()
            .expect("the host thread reports before it does anything else")
            .map_err(|errno| NetworkError::Namespace(io::Error::from(errno)))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), thread_id })
    }

    /// Runs `job` on this host and waits for its result. Sockets that it opens belong to this host and may be used
    /// from any thread.
    ///
    /// # Panics
    ///
    /// When `job` does, with its panic.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, outcome) = mpsc::sync_channel::<Result<T, Box<dyn Any + Send>>>(1);
        let job = move || {
            // The caller is waiting, unless it is being torn down itself.
            let _ = done.send(catch_unwind(AssertUnwindSafe(job)));
        };
        let jobs = self.jobs.as_ref().expect("only `drop` takes it");
        jobs.send(Box::new(job)).expect("the host thread lives as long as `self`");
        match outcome.recv().expect("the host thread answers every job") {
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Starts a thread on this host.
    ///
    /// # Panics
    ///
    /// When the system refuses a thread.
    pub fn spawn<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.run(|| thread::Builder::new().spawn(job)).expect("the system has room for a thread")
    }

    pub(super) fn thread_id(&self) -> Pid {
        self.thread_id
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // Jobs do not unwind into it.
            let _ = thread.join();
        }
    }
}
