//! How much of a file may be one value or one row: what has to be in memory as a whole.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use crate::mcp::failure::Failure;

/// Bytes of one value. The longest documents that were seen in data files have some megabytes.
pub(crate) const LONGEST_VALUE: usize = 16 << 20;
/// Bytes of one row: a line of CSV, an object of JSON.
pub(crate) const LONGEST_ROW: u64 = 32 << 20;

/// Bytes that were read since the last row ended. Clones share the count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget(Rc<Cell<Used>>);

#[derive(Clone, Copy, Debug, Default)]
struct Used {
    bytes: u64,
    /// What is read now is not kept.
    skipping: bool,
}

impl Budget {
    /// A row ended; another begins.
    pub(crate) fn renew(&self) {
        self.0.set(Used { bytes: 0, ..self.0.get() });
    }

    /// Whether what is read is passed over, which takes no memory.
    pub(crate) fn skip(&self, skipping: bool) {
        self.0.set(Used { bytes: 0, skipping });
    }

    fn spend(&self, bytes: u64) -> io::Result<()> {
        let used = self.0.get();
        if used.skipping {
            return Ok(());
        }
        let bytes = used.bytes + bytes;
        self.0.set(Used { bytes, ..used });
        if bytes > LONGEST_ROW {
            return Err(io::Error::other(format!(
                "one row has more than {} MiB, which is the limit. If rows are shorter, the delimiter, quote or format is not \
                 what the file has",
                LONGEST_ROW >> 20
            )));
        }
        Ok(())
    }
}

/// Input that ends with an error where a row is too long.
pub(crate) struct Budgeted<R> {
    input: R,
    budget: Budget,
}

impl<R> Budgeted<R> {
    pub(crate) fn new(input: R, budget: Budget) -> Self {
        Self { input, budget }
    }
}

impl<R: Read> Read for Budgeted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.budget.spend(read as u64)?;
        Ok(read)
    }
}

/// Refuses a value that is too long, which stands at this place.
pub(crate) fn expect_short(value: &str, column: &str, place: impl FnOnce() -> String) -> Result<(), Failure> {
    if value.len() <= LONGEST_VALUE {
        return Ok(());
    }
    Err(Failure::new(format!(
        "Column \"{column}\": the value at {} has {} bytes, and {} MiB are the limit for one value. Nothing was loaded. Next: \
         shorten it or leave the column out of the file.",
        place(),
        value.len(),
        LONGEST_VALUE >> 20
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_bounded_and_files_are_not() {
        let budget = Budget::default();
        let mut endless = Budgeted::new(io::repeat(b'a'), budget.clone());
        let mut buffer = vec![0; 1 << 20];

        for _ in 0..3 {
            for _ in 0..(LONGEST_ROW >> 20) {
                endless.read_exact(&mut buffer).unwrap();
            }
            budget.renew();
        }
        budget.skip(true);
        for _ in 0..(2 * (LONGEST_ROW >> 20)) {
            endless.read_exact(&mut buffer).unwrap();
        }
        budget.skip(false);
        let refused = (0..=(LONGEST_ROW >> 20)).find_map(|_| endless.read_exact(&mut buffer).err()).unwrap();

        assert!(refused.to_string().contains("32 MiB"), "{refused}");
    }
}
