//! What a runtime implements.

use std::sync::Arc;
use std::time::Duration;

use hyperwire_blocking::shared::{JoinError, Settings};
use hyperwire_core::control::Record;
use hyperwire_core::election::Phase;

/// A way to hold elections.
pub(crate) trait Runtime: Sync {
    /// What it is called in the names of cases, in snake case.
    fn name(&self) -> &'static str;

    /// Begins to look for a daemon.
    fn join(&self, settings: Settings) -> Result<Box<dyn Share>, JoinError>;
}

/// A share in the one hyperd, whose calls wait for their outcome.
pub(crate) trait Share {
    /// One more use of a daemon, waited for: where it is. It stays until there are as many [`Share::leave`].
    fn enter(&mut self, within: Duration) -> Result<Arc<Record>, JoinError>;

    /// One use less.
    fn leave(&mut self);

    /// Says that hyperd looks dead from here, while something is entered.
    fn report(&mut self, reason: &str);

    /// Where the search is.
    fn phase(&self) -> Phase;
}
