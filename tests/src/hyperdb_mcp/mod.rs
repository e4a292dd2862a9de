//! The real hyperdb-mcp 0.7.3, whose programs and ours share a daemon, and a household in which both live.
//!
//! It is taken from the folder that the environment variable `HYPERDB_MCP_DIR` names, which holds `hyperdb-mcp` and
//! `hyperd`; without it, npm fetches it into the target folder, once. It needs glibc 2.39: where the system's is
//! older, the next Debian release's is put beside it. Nothing is installed.

mod client;
mod fetch;

use std::env;
use std::path::{Path, PathBuf};

pub use client::McpClient;
pub use fetch::FetchError;

pub use crate::household::{Finished, Household, Process, Program, Role, Unread, Usage};

/// The version that these tests are about.
pub const VERSION: &str = "0.7.3";
/// The folder that holds both programs, instead of fetching them.
const ENV_FOLDER: &str = "HYPERDB_MCP_DIR";

/// Where its programs are.
#[derive(Clone, Debug)]
pub struct HyperdbMcp {
    /// The MCP server, client and daemon in one.
    pub program: PathBuf,
    /// The hyperd that comes with it.
    pub hyperd: PathBuf,
}

impl HyperdbMcp {
    /// Finds it, or fetches it.
    ///
    /// # Errors
    /// Each [`FetchError`] says what failed.
    pub fn locate() -> Result<Self, FetchError> {
        let Some(folder) = env::var_os(ENV_FOLDER) else { return fetch::in_target_folder() };
        let found = Self::in_folder(Path::new(&folder));
        match fetch::runs(&found.program) {
            Ok(()) => Ok(found),
            Err(reason) => Err(FetchError::Named(reason)),
        }
    }

    /// As [`HyperdbMcp::locate`], or `None` after saying why this test is skipped.
    ///
    /// # Panics
    /// When there is none although the environment variable `CI` is set.
    #[must_use]
    pub fn locate_or_skip() -> Option<Self> {
        Self::locate().map_err(skipped_tests::skip).ok()
    }

    fn in_folder(folder: &Path) -> Self {
        Self { program: folder.join("hyperdb-mcp"), hyperd: folder.join("hyperd") }
    }
}
