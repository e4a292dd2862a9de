//! How much this server may write into its scratch folder.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::fault::Fault;

/// Bytes, unless the user says otherwise: a large data file, rewritten.
pub(crate) const DEFAULT: u64 = 10 << 30;

static MOST: AtomicU64 = AtomicU64::new(DEFAULT);
static USED: AtomicU64 = AtomicU64::new(0);

/// Sets the limit, for the whole process: it has one scratch folder.
pub(crate) fn set_limit(bytes: u64) {
    MOST.store(bytes, Ordering::Relaxed);
}

/// The limit in bytes, for temporary files together, and for what one compressed file expands to.
pub(crate) fn limit() -> u64 {
    MOST.load(Ordering::Relaxed)
}

/// Bytes of temporary files, given back when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Charge(AtomicU64);

impl Charge {
    /// Counts bytes that are about to be written.
    pub(super) fn add(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let used = USED.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.0.fetch_add(bytes, Ordering::Relaxed);
        if used > limit() {
            return Err(Fault::Quota { path: path.to_owned(), most: limit() }.carried());
        }
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        USED.fetch_sub(self.0.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
