//! Content read on a thread of its own, which the call can see and stop.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::mcp::call::Call;
use crate::mcp::disk::{Disk, File, quota, shown};
use crate::mcp::failure::Failure;

const BUFFER: usize = 1 << 17;
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// How often a call hears how far its files are.
const LOOK: Duration = Duration::from_millis(100);

/// How far files are read, and whether to go on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    sums: Arc<Sums>,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Sums {
    read: AtomicU64,
    total: AtomicU64,
}

/// Where bytes come from.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    File(PathBuf),
    Inline(Arc<str>),
}

impl Meter {
    /// One that counts into the same sums and is stopped by itself.
    pub(crate) fn branch(&self) -> Self {
        Self { sums: self.sums.clone(), stop: CancellationToken::new() }
    }

    /// Does what blocks on a thread of its own, mostly to `path`. Dropped, it stops at the next read.
    pub(crate) async fn watch<T: Send + 'static>(
        &self,
        disk: &Disk,
        path: &Path,
        call: &Call,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let _stop = self.stop.clone().drop_guard();
        let mut working = std::pin::pin!(disk.long(path, work));
        let mut looks = interval(LOOK);
        loop {
            tokio::select! {
                done = &mut working => {
                    self.tell(call);
                    return done.map_err(|fault| fault.failure("read"))?;
                }
                _ = looks.tick() => self.tell(call),
            }
        }
    }

    /// Fails once nobody wants the work any more.
    pub(crate) fn go_on(&self) -> Result<(), Failure> {
        if self.stop.is_cancelled() { Err(Failure::new("Canceled.")) } else { Ok(()) }
    }

    fn tell(&self, call: &Call) {
        let [read, total] = [&self.sums.read, &self.sums.total].map(|sum| sum.load(Ordering::Relaxed));
        call.progress.set_bytes(read, total);
    }
}

impl Content {
    /// Opens it from its beginning, and decompresses what is compressed with gzip.
    pub(crate) fn open(&self, meter: &Meter) -> io::Result<Box<dyn BufRead + Send>> {
        let raw: Box<dyn Read + Send> = match self {
            Self::File(path) => {
                let file = File::open(path)?;
                meter.sums.total.fetch_add(file.size()?, Ordering::Relaxed);
                Box::new(Metered { inner: file, meter: meter.clone() })
            }
            Self::Inline(text) => Box::new(Cursor::new(text.as_bytes().to_vec())),
        };
        let mut raw = BufReader::with_capacity(BUFFER, raw);
        if raw.fill_buf()?.starts_with(&GZIP) {
            let expanded = Expanded { inner: MultiGzDecoder::new(raw), bytes: 0, most: quota::limit() };
            return Ok(Box::new(BufReader::with_capacity(BUFFER, expanded)));
        }
        Ok(Box::new(raw))
    }

    /// Whether gzip compressed it.
    pub(crate) fn is_compressed(&self) -> io::Result<bool> {
        let mut magic = [0; GZIP.len()];
        match self {
            Self::File(path) => Ok(File::open(path)?.take(2).read(&mut magic)? == 2 && magic == GZIP),
            Self::Inline(_) => Ok(false),
        }
    }

    /// Its first bytes, decompressed.
    pub(crate) fn head(&self, bytes: u64) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.open(&Meter::default())?.take(bytes).read_to_end(&mut head)?;
        Ok(head)
    }

    /// Where it is, for those who have to name a path.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Inline(_) => Path::new("data"),
        }
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => shown(path),
            Self::Inline(_) => "data".to_owned(),
        }
    }

    /// Says that it cannot be read.
    pub(crate) fn unreadable(&self, error: &io::Error) -> Failure {
        Failure::new(format!("{} cannot be read: {error}. Next: check the file.", self.name()))
    }
}

/// What a compressed file expands to, which may be a thousand times its size.
struct Expanded<R> {
    inner: R,
    bytes: u64,
    most: u64,
}

impl<R: Read> Read for Expanded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        if self.bytes > self.most {
            return Err(io::Error::other(format!(
                "decompressed, it has more than {} bytes, which is the limit (--scratch-limit)",
                self.most
            )));
        }
        Ok(read)
    }
}

/// A file whose reading is counted, and ends when nobody wants it any more.
struct Metered {
    inner: File,
    meter: Meter,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.meter.stop.is_cancelled() {
            return Err(io::Error::other("nobody wants it any more"));
        }
        let read = self.inner.read(buffer)?;
        self.meter.sums.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
