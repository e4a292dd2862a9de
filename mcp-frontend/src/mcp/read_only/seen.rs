//! Statements that were judged before.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How many are remembered.
const MOST: usize = 64;
/// A longer text is judged anew.
const LONGEST: usize = 8 << 10;

/// The last ones that were accepted, the latest first.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<VecDeque<(String, usize)>>);

impl Seen {
    /// Whether this very text, with so many parameters, was accepted.
    pub(super) fn has(&self, sql: &str, params: usize) -> bool {
        let mut all = self.lock();
        let Some(at) = all.iter().position(|(text, count)| *count == params && text == sql) else {
            return false;
        };
        if let Some(found) = (at > 0).then(|| all.remove(at)).flatten() {
            all.push_front(found);
        }
        true
    }

    pub(super) fn add(&self, sql: &str, params: usize) {
        if sql.len() > LONGEST {
            return;
        }
        let mut all = self.lock();
        all.truncate(MOST - 1);
        all.push_front((sql.to_owned(), params));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(String, usize)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ones_that_were_used_last_are_remembered() {
        let seen = Seen::default();
        (0..MOST).for_each(|number| seen.add(&number.to_string(), 0));
        assert!(seen.has("0", 0), "it is the oldest and now the latest");

        seen.add("one more", 0);

        assert!(seen.has("0", 0) && seen.has("one more", 0));
        assert!(!seen.has("1", 0), "the oldest gave way");
    }

    #[test]
    fn the_same_text_with_parameters_is_another() {
        let seen = Seen::default();
        seen.add("SELECT $1", 1);

        assert!(seen.has("SELECT $1", 1));
        assert!(!seen.has("SELECT $1", 0));
    }
}
