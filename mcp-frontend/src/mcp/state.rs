//! What all calls share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::advice::Offers;
use super::bookkeeping::Bookkeeping;
use super::calls::Calls;
use super::changes::Changes;
use super::disk::Disk;
use super::engine::Engine;
use super::jobs::Jobs;
use super::overview::Overview;
use super::owner::Owner;
use super::paths::Paths;
use super::policy::Policy;
use super::protection::Protection;
use super::resources::Exports;
use super::result::Parking;
use super::server::Tasks;
use super::tools::Definition;
use super::watching::Watches;
use crate::args::mcp::ContentKind;

/// How the server was started.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// A call that takes longer becomes a job.
    pub(crate) soft_deadline: Duration,
    /// Where a read-only server may export to; canonical.
    pub(crate) export_dir: Option<PathBuf>,
    /// What answers consist of.
    pub(crate) content: ContentKind,
}

/// The server's one state.
pub(crate) struct State {
    pub(crate) policy: Policy,
    pub(crate) protection: Protection,
    pub(crate) options: Options,
    /// Those that it has, in the order that clients see.
    pub(crate) tools: Vec<Definition>,
    /// What of that, and of its hyperd, advice speaks of.
    pub(crate) offers: Offers,
    pub(crate) engine: Arc<Engine>,
    /// Through which every path goes.
    pub(crate) disk: Disk,
    pub(crate) paths: Paths,
    pub(crate) changes: Changes,
    pub(crate) parking: Parking,
    pub(crate) jobs: Jobs,
    pub(crate) bookkeeping: Bookkeeping,
    pub(crate) watches: Watches,
    pub(crate) calls: Calls,
    /// Jobs that clients know as tasks.
    pub(crate) tasks: Tasks,
    /// Files that were written for the client.
    pub(crate) exports: Exports,
    /// Calls that run, whether or not somebody still waits for them.
    pub(crate) work: TaskTracker,
    pub(crate) overview: Overview,
    /// Canceled when the server ends.
    pub(crate) ending: CancellationToken,
}

impl State {
    /// A client is gone for good: its calls are canceled, and what was kept for it is forgotten.
    pub(crate) fn forget(&self, owner: &Owner) {
        for running in self.calls.all(owner) {
            running.call.cancel.cancel();
        }
        self.jobs.forget(owner);
        self.parking.forget(owner);
        self.exports.forget(owner);
    }
}
