//! What did not fit an answer, kept in a file for a while.
//!
//! Not in hyperd: a result whose rows wait to be fetched holds one of its few workers and blocks every writer of the tables
//! that it reads, for as long as a model thinks.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::page::{Head, Limits, Page};
use crate::mcp::advice::{Advice, Offers};
use crate::mcp::disk::{Charged, Disk, Fault, File, Temporary, TemporaryPath};
use crate::mcp::failure::Failure;
use crate::mcp::owner::Owner;

/// How much of a result is kept.
pub(crate) const MOST_BYTES: u64 = 16 << 20;
/// How long hyperd may take to bring it.
pub(crate) const LONGEST: Duration = Duration::from_secs(5);
/// Bytes that wait to be written at most.
const PENDING: usize = 256 << 10;
/// How many results are kept of one client.
const MOST_RESULTS: usize = 8;
/// How many results are kept of all clients.
const MOST_OF_ALL: usize = 64;
/// How long a result is kept after it was last asked for. The tool's description says so.
const KEPT: Duration = Duration::from_secs(300);

/// All that is kept.
#[derive(Debug, Default)]
pub(crate) struct Parking(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    name: String,
    owner: Owner,
    used: Instant,
    parked: Arc<Parked>,
}

/// One result's rows, a JSON array a line.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) head: Head,
    /// Rows that were answered before those that are kept.
    before: u64,
    disk: Disk,
    file: File,
    /// The file is removed with this.
    _path: TemporaryPath,
    state: watch::Receiver<Filled>,
}

/// How far a file is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    bytes: u64,
    rows: u64,
    end: Option<End>,
}

/// Why no more rows come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// They are all there.
    Complete,
    /// There are more than are kept.
    Cut,
    /// The session was lost while they came.
    Lost,
}

impl End {
    /// What a reader of the last row should know; nothing if it is the last of the result.
    pub(crate) fn warning(self, offers: &Offers) -> Option<String> {
        match self {
            Self::Complete => None,
            Self::Cut => Some(format!(
                "This is the end of what was kept, not of the result: at most 16 MiB are, and what comes within 5 s. {}",
                Advice::LessOrExport.say(offers)
            )),
            Self::Lost => Some(
                "This is the end of what had come when the connection to hyperd was lost, not of the result. Next: run the \
                 query again."
                    .to_owned(),
            ),
        }
    }
}

/// Fills a file. Dropped before its end, the result is cut there.
pub(crate) struct Filling {
    disk: Disk,
    file: Charged,
    /// What is not written yet.
    pending: Vec<u8>,
    bytes: u64,
    rows: u64,
    state: watch::Sender<Filled>,
}

impl Parking {
    /// Keeps a client's result; its oldest gives way.
    pub(crate) fn keep(&self, parked: Arc<Parked>, owner: &Owner) -> String {
        let mut all = self.lock();
        if all.iter().filter(|kept| kept.owner == *owner).count() >= MOST_RESULTS
            && let Some(oldest) = all.iter().position(|kept| kept.owner == *owner)
        {
            all.remove(oldest);
        }
        while all.len() >= MOST_OF_ALL {
            all.pop_front();
        }
        let name = nonce();
        all.push_back(Kept { name: name.clone(), owner: owner.clone(), used: Instant::now(), parked });
        name
    }

    /// Forgets what a client had that is gone.
    pub(crate) fn forget(&self, owner: &Owner) {
        self.lock().retain(|kept| kept.owner != *owner);
    }

    /// Forgets what nobody asked for.
    pub(crate) fn sweep(&self) {
        self.lock().retain(|kept| kept.used.elapsed() < KEPT);
    }

    /// The page that a cursor stands before, and the next cursor.
    pub(crate) async fn page(&self, cursor: &str, limits: Limits, owner: &Owner) -> Result<Paged, Failure> {
        let (name, offset) = cursor
            .split_once('.')
            .and_then(|(name, offset)| Some((name, offset.parse().ok()?)))
            .ok_or_else(|| {
                Failure::new(
                    "This is no cursor. Next: pass the `cursor` of an earlier answer as it was, or `sql`.",
                )
            })?;
        let parked = self.find(name, owner)?;
        parked.page(name, offset, limits).await
    }

    /// What is kept of a client, for those who list it.
    pub(crate) fn names(&self, owner: &Owner) -> Vec<String> {
        self.sweep();
        self.lock().iter().filter(|kept| kept.owner == *owner).map(|kept| kept.name.clone()).collect()
    }

    fn find(&self, name: &str, owner: &Owner) -> Result<Arc<Parked>, Failure> {
        self.sweep();
        let mut all = self.lock();
        let kept =
            all.iter_mut().find(|kept| kept.name == name && kept.owner == *owner).ok_or_else(|| {
                Failure::new("This cursor has expired: results are kept for 5 minutes, the last 8 of them.")
                    .next(Advice::AgainOrExport)
            })?;
        kept.used = Instant::now();
        Ok(kept.parked.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some rows out of a file.
pub(crate) struct Paged {
    pub(crate) head: Head,
    pub(crate) page: Page,
    /// Where the next rows are.
    pub(crate) next: Option<String>,
    /// Why the result has more rows than were kept, if this is the end of these.
    pub(crate) cut: Option<End>,
    /// Of the whole result, if that is known.
    pub(crate) total: Option<u64>,
}

impl Parked {
    /// A file in `folder`, and what fills it with the rows after the first `before`.
    pub(crate) async fn begin(
        head: Head,
        before: u64,
        disk: &Disk,
        folder: &Path,
    ) -> Result<(Arc<Self>, Filling), Fault> {
        let (file, path) = disk.run(folder, Temporary::new_in).await?.into_parts();
        let (sender, state) = watch::channel(Filled { bytes: 0, rows: 0, end: None });
        let parked = Self { head, before, disk: disk.clone(), file: file.file().clone(), _path: path, state };
        let filling =
            Filling { disk: disk.clone(), file, pending: Vec::new(), bytes: 0, rows: 0, state: sender };
        Ok((Arc::new(parked), filling))
    }

    /// How many rows the whole result has, if that is known.
    pub(crate) fn total(&self) -> Option<u64> {
        let filled = *self.state.borrow();
        (filled.end == Some(End::Complete)).then_some(self.before + filled.rows)
    }

    async fn page(&self, name: &str, offset: u64, limits: Limits) -> Result<Paged, Failure> {
        let mut state = self.state.clone();
        // Enough for a page, or all there is.
        let enough = offset + limits.bytes as u64;
        let filled = state.wait_for(|filled| filled.end.is_some() || filled.bytes >= enough).await;
        let (filled, is_filled) = match filled.map(|filled| *filled) {
            Ok(filled) => (filled, filled.end.is_some()),
            // Whoever filled it was stopped.
            Err(_) => (*self.state.borrow(), true),
        };
        let head = self.head.clone().within(limits);
        let (page, next) = self.read(offset, filled.bytes, limits, &head).await?;
        let more = next < filled.bytes || !is_filled;
        Ok(Paged {
            head,
            page,
            next: more.then(|| format!("{name}.{next}")),
            cut: (!more).then(|| filled.end.unwrap_or(End::Cut)).filter(|end| *end != End::Complete),
            total: self.total(),
        })
    }

    async fn read(&self, offset: u64, end: u64, limits: Limits, head: &Head) -> Result<(Page, u64), Failure> {
        let (file, head) = (self.file.clone(), head.clone());
        let reading = self.disk.run(self.file.path(), move |_| Ok(read(file, offset, end, limits, &head)));
        let broken = |why: String| {
            Failure::new(format!("The kept result cannot be read: {why}. Next: run the query again."))
        };
        match reading.await.map_err(|fault| broken(fault.why()))? {
            Ok(paged) => Ok(paged),
            Err(Unreadable::System(error)) => Err(broken(error.to_string())),
            Err(Unreadable::Page(failure)) => Err(failure),
        }
    }
}

/// Why there is no page.
enum Unreadable {
    System(io::Error),
    Page(Failure),
}

fn read(
    mut file: File,
    offset: u64,
    end: u64,
    limits: Limits,
    head: &Head,
) -> Result<(Page, u64), Unreadable> {
    let mut page = Page::of(head, limits);
    let mut at = offset;
    file.seek(SeekFrom::Start(offset)).map_err(Unreadable::System)?;
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    while at < end {
        line.clear();
        let count = lines.read_until(b'\n', &mut line).map_err(Unreadable::System)?;
        let Some(row) = line.strip_suffix(b"\n") else { break };
        if !page.push(row, head).map_err(Unreadable::Page)? {
            break;
        }
        at += count as u64;
    }
    Ok((page, at))
}

impl Filling {
    /// Adds a row; false when there is no room for it.
    pub(crate) fn push(&mut self, row: &[u8]) -> bool {
        if self.bytes + row.len() as u64 >= MOST_BYTES {
            return false;
        }
        self.pending.extend_from_slice(row);
        self.pending.push(b'\n');
        self.bytes += row.len() as u64 + 1;
        self.rows += 1;
        true
    }

    /// Whether so much is pending that it should be published.
    pub(crate) fn is_full(&self) -> bool {
        self.pending.len() >= PENDING
    }

    /// Writes what is pending, and tells readers how much is there.
    pub(crate) async fn publish(&mut self) -> bool {
        let bytes = std::mem::take(&mut self.pending);
        let (mut file, at) = (self.file.clone(), self.bytes - bytes.len() as u64);
        let written = self.disk.run(self.file.file().path(), move |_| {
            file.seek(SeekFrom::Start(at))?;
            file.write_all(&bytes)
        });
        let is_written = written.await.is_ok();
        if is_written {
            self.state.send_modify(|filled| (filled.bytes, filled.rows) = (self.bytes, self.rows));
        }
        is_written
    }

    pub(crate) async fn end(mut self, end: End) {
        let end = if self.publish().await { end } else { return };
        self.state.send_modify(|filled| filled.end = Some(end));
    }
}

fn nonce() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn parked() -> (Parking, String, Filling) {
        let folder = tempfile::tempdir().unwrap();
        let (parked, filling) =
            Parked::begin(Head::default(), 3, &Disk::default(), folder.path()).await.unwrap();
        let parking = Parking::default();
        let name = parking.keep(parked, &Owner::Only);
        (parking, name, filling)
    }

    #[tokio::test]
    async fn a_filling_that_is_dropped_ends_the_result_there() {
        let (parking, name, mut filling) = parked().await;
        assert!(filling.push(b"[1]") && filling.publish().await);
        assert!(filling.push(b"[2]"), "this one is not published");
        drop(filling);

        let page = parking.page(&format!("{name}.0"), Limits::DEFAULT, &Owner::Only).await.unwrap();

        assert_eq!((page.page.rows, page.next, page.cut, page.total), (1, None, Some(End::Cut), None));
    }

    #[tokio::test]
    async fn a_result_that_is_complete_ends_without_a_cursor() {
        let (parking, name, mut filling) = parked().await;
        assert!(filling.push(b"[1]"));
        filling.end(End::Complete).await;

        let page = parking.page(&format!("{name}.0"), Limits::DEFAULT, &Owner::Only).await.unwrap();

        assert_eq!((page.page.rows, page.next, page.cut, page.total), (1, None, None, Some(4)));
    }
}
