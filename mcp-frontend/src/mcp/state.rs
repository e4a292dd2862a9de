//! What all calls share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::jobs::Jobs;
use super::result::Parking;

/// How the server was started.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) read_only: bool,
    /// Folders that files are read from and written to; none is all that the user may reach.
    pub(crate) allow_dirs: Vec<PathBuf>,
    /// A call that takes longer becomes a job.
    pub(crate) soft_deadline: Duration,
}

/// The server's one state.
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) engine: Arc<Engine>,
    pub(crate) parking: Parking,
    pub(crate) jobs: Jobs,
    /// Canceled when the server ends.
    pub(crate) ending: CancellationToken,
}
