//! What all calls share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::bookkeeping::Bookkeeping;
use super::calls::Calls;
use super::changes::Changes;
use super::engine::Engine;
use super::jobs::Jobs;
use super::overview::Overview;
use super::paths::Paths;
use super::result::Parking;
use super::watching::Watches;
use crate::args::Toolset;

/// How the server was started.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) read_only: bool,
    /// A call that takes longer becomes a job.
    pub(crate) soft_deadline: Duration,
    /// Tools besides the eight.
    pub(crate) toolsets: Vec<Toolset>,
    /// Where a read-only server may export to.
    pub(crate) export_dir: Option<PathBuf>,
}

/// The server's one state.
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) engine: Arc<Engine>,
    pub(crate) paths: Paths,
    pub(crate) changes: Changes,
    pub(crate) parking: Parking,
    pub(crate) jobs: Jobs,
    pub(crate) bookkeeping: Bookkeeping,
    pub(crate) watches: Watches,
    pub(crate) calls: Calls,
    pub(crate) overview: Overview,
    /// Canceled when the server ends.
    pub(crate) ending: CancellationToken,
}
