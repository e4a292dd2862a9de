//! hyperd at hand: found on this machine or fetched, started for this process alone, and ended without a trace.
//!
//! [`locate_or_install`] says where a hyperd is, [`Hyperd::start`] starts it, [`Hyperd::shutdown`] ends it so that
//! every database is on disk. A hyperd never outlives the process that started it, not even one that is killed.

mod confine;
mod environment;
mod error;
mod install;
mod locate;
mod log_tail;
mod private_folder;
mod process;
mod python;
mod settings;
mod unpack;

#[cfg(not(unix))]
#[path = "other.rs"]
mod system;
#[cfg(unix)]
#[path = "unix.rs"]
mod system;

#[cfg(all(unix, feature = "shared"))]
pub(crate) use system::wait_for_exit;

pub use confine::{Confinement, Enforced, Folders};
pub use environment::Environment;
pub use error::{InstallError, LocateError, ShutdownError, StartError};
pub use install::{Progress, Step, install, locate_or_install};
pub use locate::{Located, Source, locate};
pub use process::{Ended, Ending, Hyperd};
pub use settings::{Authentication, Listen, Settings};

pub use hyperwire_core::hyperd::{Endpoint, SettingError, Wheel};
