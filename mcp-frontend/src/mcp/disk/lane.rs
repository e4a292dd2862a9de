//! Threads on which file operations run, how long callers wait for them, and how many may hang.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::fault::Fault;

/// How long one operation of the operating system may take. A disk that has to spin up takes a few seconds.
pub(super) const WITHIN: Duration = Duration::from_secs(10);
/// Operations that may hang at once. Each holds a thread, and nothing but the system can end it.
pub(super) const MOST_HANGING: usize = 32;
/// Operations that run at once; others wait for one to end. Fewer than the threads that tokio starts (512).
const AT_ONCE: usize = 128;
/// How often a long piece of work is checked for an operation that hangs.
const LOOK: Duration = Duration::from_millis(250);

/// Bounds, all of which tests make smaller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) within: Duration,
    pub(super) most_hanging: usize,
    pub(super) at_once: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { within: WITHIN, most_hanging: MOST_HANGING, at_once: AT_ONCE }
    }
}

/// Runs blocking work off the async threads. An operation that hangs keeps its thread and counts until the system lets it
/// return, but nobody waits for it longer than [`Bounds::within`].
#[derive(Debug)]
pub(super) struct Lane {
    bounds: Bounds,
    places: Arc<Semaphore>,
    running: Arc<Mutex<Running>>,
}

#[derive(Debug, Default)]
struct Running {
    last: u64,
    all: BTreeMap<u64, Arc<Work>>,
}

/// A piece of work, and the operation that it is in.
#[derive(Debug, Default)]
struct Work(Mutex<Option<(PathBuf, Instant)>>);

thread_local! {
    /// The work of this thread; none on threads that must not block.
    static CURRENT: RefCell<Option<Arc<Work>>> = const { RefCell::new(None) };
}

/// Marks one operation of the operating system on `path`, which may hang. Refused on threads that serve other calls.
pub(super) fn operation<T>(path: &Path, operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let Some(work) = CURRENT.with_borrow(Clone::clone) else {
        return match tokio::runtime::Handle::try_current() {
            Ok(_) => {
                Err(io::Error::other("it was about to block other calls; this is a defect of hyperwire"))
            }
            // No calls are served here: a test, or a thread of another library.
            Err(_) => operation(),
        };
    };
    // The outermost one counts.
    if !work.begin(path) {
        return operation();
    }
    let outcome = operation();
    work.end();
    outcome
}

/// Whether this thread is one on which operations may hang.
pub(super) fn may_block() -> bool {
    CURRENT.with_borrow(Option::is_some)
}

/// Does work on a thread that was started for it, for which nobody waits.
pub(super) fn permitted(work: impl FnOnce()) {
    let _current = Entered::new(Arc::default());
    work();
}

impl Lane {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, places: Arc::new(Semaphore::new(bounds.at_once)), running: Arc::default() }
    }

    /// Runs one operation on `path`.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let place = path.to_owned();
        match self.long(path, move || operation(&place, work)).await {
            Ok(outcome) => outcome.map_err(|error| Fault::system(path, error)),
            Err(fault) => Err(fault),
        }
    }

    /// Runs work of any length, of which each [`operation`] is bounded. Dropped, the work goes on until it ends by itself.
    pub(super) async fn long<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.expect_room(path)?;
        let acquired = timeout(self.bounds.within, self.places.clone().acquire_owned()).await;
        // Nobody closes it.
        let Ok(Ok(place)) = acquired else { return Err(self.crowded(path)) };
        let (mut thread, current) = self.begin(place, work);
        loop {
            tokio::select! {
                biased;
                done = &mut thread => return done.map_err(|panicked| Fault::Defect {
                    path: path.to_owned(),
                    why: panicked.to_string(),
                }),
                () = tokio::time::sleep(LOOK.min(self.bounds.within / 4)) => {}
            }
            if let Some((path, since)) = current.operation()
                && since.elapsed() >= self.bounds.within
            {
                return Err(Fault::Hangs { path, seconds: since.elapsed().as_secs() });
            }
        }
    }

    /// Has work done some time, by somebody who does not wait for it.
    pub(super) fn later(&self, work: impl FnOnce() + Send + 'static) {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            drop(self.begin(place, work));
        }
    }

    /// What hangs now, and for how long.
    pub(super) fn hanging(&self) -> Vec<(PathBuf, Duration)> {
        let running = lock(&self.running);
        let operations = running.all.values().filter_map(|work| work.operation());
        operations
            .map(|(path, since)| (path, since.elapsed()))
            .filter(|(_, age)| *age >= self.bounds.within)
            .collect()
    }

    fn begin<T: Send + 'static>(
        &self,
        place: OwnedSemaphorePermit,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> (JoinHandle<T>, Arc<Work>) {
        let current = Arc::new(Work::default());
        let number = {
            let mut running = lock(&self.running);
            running.last += 1;
            let number = running.last;
            running.all.insert(number, current.clone());
            number
        };
        let registered = Registered { running: self.running.clone(), number, _place: place };
        let inside = current.clone();
        let thread = spawn_blocking(move || {
            let _registered = registered;
            let _current = Entered::new(inside);
            work()
        });
        (thread, current)
    }

    fn expect_room(&self, path: &Path) -> Result<(), Fault> {
        let hanging = self.hanging();
        if let Some((path, age)) = hanging.iter().find(|(hanging, _)| hanging == path) {
            return Err(Fault::StillHangs { path: path.clone(), seconds: age.as_secs() });
        }
        if hanging.len() >= self.bounds.most_hanging { Err(self.crowded(path)) } else { Ok(()) }
    }

    fn crowded(&self, path: &Path) -> Fault {
        let hanging = self.hanging().into_iter().map(|(path, _)| path).collect();
        Fault::Crowded { path: path.to_owned(), hanging }
    }
}

impl Work {
    /// False if an operation has begun already.
    fn begin(&self, path: &Path) -> bool {
        let mut operation = lock(&self.0);
        let begins = operation.is_none();
        if begins {
            *operation = Some((path.to_owned(), Instant::now()));
        }
        begins
    }

    fn end(&self) {
        *lock(&self.0) = None;
    }

    fn operation(&self) -> Option<(PathBuf, Instant)> {
        lock(&self.0).clone()
    }
}

/// Work counts until this is dropped, whoever waits for it.
struct Registered {
    running: Arc<Mutex<Running>>,
    number: u64,
    _place: OwnedSemaphorePermit,
}

impl Drop for Registered {
    fn drop(&mut self) {
        lock(&self.running).all.remove(&self.number);
    }
}

/// This thread may block until this is dropped.
struct Entered;

impl Entered {
    fn new(work: Arc<Work>) -> Self {
        CURRENT.set(Some(work));
        Self
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const WITHIN: Duration = Duration::from_millis(200);
    /// How long what is expected may take to come about on a machine that is busy.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn lane(most_hanging: usize, at_once: usize) -> Lane {
        Lane::new(Bounds { within: WITHIN, most_hanging, at_once })
    }

    /// An operation that hangs until the sender is dropped.
    fn hang() -> (mpsc::Sender<()>, impl FnOnce() -> io::Result<()> + Send + 'static) {
        let (sender, receiver) = mpsc::channel();
        (sender, move || {
            let _ = receiver.recv();
            Ok(())
        })
    }

    #[tokio::test]
    async fn an_operation_that_hangs_is_left_alone_and_its_path_refused_until_it_returns() {
        let lane = lane(4, 8);
        let (release, work) = hang();

        let hung = lane.run(Path::new("/dead/a"), work).await.unwrap_err();
        let again = lane.run(Path::new("/dead/a"), || Ok(())).await.unwrap_err();
        let other = lane.run(Path::new("/alive"), || Ok(7)).await;

        assert!(matches!(hung, Fault::Hangs { path, .. } if path == Path::new("/dead/a")));
        assert!(matches!(again, Fault::StillHangs { .. }));
        assert!(matches!(other, Ok(7)));
        drop(release);
        while !lane.hanging().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(lane.run(Path::new("/dead/a"), || Ok(())).await.is_ok());
    }

    #[tokio::test]
    async fn as_many_as_may_hang_are_too_many_until_one_returns() {
        let lane = lane(2, 8);
        let held: Vec<_> = (0..2).map(|_| hang()).collect();
        let mut releases = Vec::new();
        for (index, (release, work)) in held.into_iter().enumerate() {
            releases.push(release);
            let path = PathBuf::from(format!("/dead/{index}"));
            assert!(matches!(lane.run(&path, work).await, Err(Fault::Hangs { .. })));
        }

        let refused = lane.run(Path::new("/alive"), || Ok(())).await.unwrap_err();

        assert!(matches!(refused, Fault::Crowded { hanging, .. } if hanging.len() == 2));
        releases.pop();
        while lane.hanging().len() > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(lane.run(Path::new("/alive"), || Ok(())).await.is_ok());
    }

    #[tokio::test]
    async fn a_caller_that_is_gone_does_not_hide_what_hangs() {
        let lane = lane(1, 8);
        let (_release, work) = hang();

        let _ = timeout(WITHIN / 10, lane.run(Path::new("/dead"), work)).await;
        let seen = timeout(PATIENCE, async {
            while lane.hanging().len() != 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });

        assert!(seen.await.is_ok(), "what hangs is still known: {:?}", lane.hanging());
        assert!(matches!(lane.run(Path::new("/alive"), || Ok(())).await, Err(Fault::Crowded { .. })));
    }

    #[tokio::test]
    async fn long_work_is_bounded_by_operation_and_not_as_a_whole() {
        let lane = lane(1, 8);
        let (_release, hangs) = hang();

        let worked = lane
            .long(Path::new("/a"), || {
                for _ in 0..8 {
                    operation(Path::new("/a"), || {
                        std::thread::sleep(WITHIN / 4);
                        Ok(())
                    })?;
                }
                Ok::<_, io::Error>(())
            })
            .await;
        let hung = lane.long(Path::new("/a"), move || operation(Path::new("/b"), hangs)).await;

        assert!(matches!(worked, Ok(Ok(()))));
        assert!(matches!(hung, Err(Fault::Hangs { path, .. }) if path == Path::new("/b")));
    }

    #[tokio::test]
    async fn an_operation_on_a_thread_that_serves_calls_is_refused() {
        let refused = operation(Path::new("/a"), || Ok(())).unwrap_err();

        assert!(refused.to_string().contains("defect"), "{refused}");
    }
}
