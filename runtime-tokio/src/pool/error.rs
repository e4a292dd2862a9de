//! Why a pool gave no client.

use std::time::Duration;

use hyperwire_carrier::Error;

/// Why [`Pool::get`](super::Pool::get) gave no client. What a statement fails with is [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// All were in use all the time: the wait was for other users of the pool, not for the server.
    #[error(
        "all {size} connections of the pool were in use for {waited:.1?}: their statements are slow, or the pool is \
         too small"
    )]
    AllInUse {
        /// How many there may be.
        size: usize,
        /// How long this waited.
        waited: Duration,
    },
    /// There was a place, and no connection could be made for it in the time that was left.
    #[error("there was a place in the pool, but no connection could be made for it")]
    Connect(#[source] Error),
    /// [`Pool::close`](super::Pool::close) was called.
    #[error("the pool is closed")]
    Closed,
}
