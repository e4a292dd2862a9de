//! Which of this server's calls use which database, so that a writer knows when its write is on disk: hyperd writes a
//! database when the last session lets go of it, and not before.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How long a writer waits for the server's other calls to let go, and how long new ones are kept from the database for
/// its sake.
const PATIENCE: Duration = Duration::from_secs(2);

/// All databases that are used, by path.
#[derive(Debug, Default)]
pub(super) struct Usage(Mutex<HashMap<PathBuf, Arc<watch::Sender<File>>>>);

/// One database.
#[derive(Clone, Copy, Debug, Default)]
struct File {
    users: usize,
    /// Writers that wait for the last user to go.
    writers: usize,
    /// How often the last user went.
    drained: u64,
}

/// A call uses a database, until this is dropped: then hyperd has let go of it.
#[derive(Debug)]
pub(super) struct Using(Arc<watch::Sender<File>>);

impl Usage {
    /// Begins to use a database, unless a writer waits for its users to go; then a little later.
    pub(super) async fn enter(&self, path: &Path) -> Using {
        let file = self.lock().entry(path.to_owned()).or_default().clone();
        let mut changes = file.subscribe();
        // A writer that waited in vain has told its caller so.
        let _ = timeout_at(Instant::now() + PATIENCE, changes.wait_for(|file| file.writers == 0)).await;
        file.send_modify(|file| file.users += 1);
        Using(file)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Arc<watch::Sender<File>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Using {
    /// Ends it; whether all other calls of the server have ended theirs, too, at one moment from now on. They get a little
    /// time for it.
    pub(super) async fn end_as_writer(self) -> bool {
        let file = self.0.clone();
        let mut changes = file.subscribe();
        let before = file.borrow().drained;
        drop(self);
        if file.borrow().drained > before {
            return true;
        }
        let _waiting = Writer::begin(&file);
        let gone =
            timeout_at(Instant::now() + PATIENCE, changes.wait_for(|file| file.drained > before)).await;
        matches!(gone, Ok(Ok(_)))
    }
}

impl Drop for Using {
    fn drop(&mut self) {
        self.0.send_modify(|file| {
            file.users -= 1;
            if file.users == 0 {
                file.drained += 1;
            }
        });
    }
}

struct Writer<'a>(&'a watch::Sender<File>);

impl<'a> Writer<'a> {
    fn begin(file: &'a watch::Sender<File>) -> Self {
        file.send_modify(|file| file.writers += 1);
        Self(file)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|file| file.writers -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_writer_who_is_the_last_does_not_wait() {
        let usage = Usage::default();
        let writer = usage.enter(Path::new("/a")).await;
        let start = Instant::now();

        assert!(writer.end_as_writer().await);

        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_waits_for_readers_and_new_ones_wait_for_the_writer() {
        let usage = Arc::new(Usage::default());
        let (writer, reader) = (usage.enter(Path::new("/a")).await, usage.enter(Path::new("/a")).await);
        let start = Instant::now();
        let ending = tokio::spawn(writer.end_as_writer());
        tokio::task::yield_now().await;
        let late = tokio::spawn({
            let usage = usage.clone();
            async move { (usage.enter(Path::new("/a")).await, Instant::now()) }
        });
        tokio::time::sleep(Duration::from_millis(500)).await;

        drop(reader);

        assert!(ending.await.unwrap(), "the reader went in time");
        let (_late, entered) = late.await.unwrap();
        assert_eq!(entered - start, Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_does_not_wait_for_ever_nor_does_who_waits_for_it() {
        let usage = Arc::new(Usage::default());
        let (writer, _reader) = (usage.enter(Path::new("/a")).await, usage.enter(Path::new("/a")).await);
        let start = Instant::now();
        let ending = tokio::spawn(writer.end_as_writer());
        tokio::task::yield_now().await;

        let _late = usage.enter(Path::new("/a")).await;

        assert!(!ending.await.unwrap(), "the reader is still there");
        assert!(start.elapsed() <= PATIENCE + PATIENCE);
    }
}
