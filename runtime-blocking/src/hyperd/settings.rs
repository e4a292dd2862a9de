use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyperwire_core::hyperd::DEFAULT_USER;

use super::Confinement;

/// How hyperd is to be started.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The program, for example [`super::Located::path`].
    pub program: PathBuf,
    /// Where it listens.
    pub listen: Listen,
    /// The one role that can connect: `tableau_internal_user` unless set otherwise.
    pub user: String,
    /// How that role proves itself.
    pub authentication: Authentication,
    /// The folder that relative paths in SQL start from; `None` is that of this process.
    pub working_dir: Option<PathBuf>,
    /// An existing folder for the log; `None` is one that goes when hyperd ends. At the levels we set the log stays
    /// within a few MiB.
    pub log_dir: Option<PathBuf>,
    /// An existing folder for what does not fit in memory; `None` is one in the run folder.
    pub temp_dir: Option<PathBuf>,
    /// An existing folder to make the run folder in; `None` is the system's folder for temporary files, or another
    /// where that has too long a path for a socket.
    pub run_dir: Option<PathBuf>,
    /// How long it may take until it is ready. 60 s; 30 to 50 ms are usual once the program is in the page cache.
    pub ready_within: Duration,
    /// A file that hyperd keeps open as long as it lives: who locks it before the start knows afterwards, even when
    /// the starter has crashed, whether hyperd is still there. Unix only, and not together with a password.
    pub hold_open: Option<Arc<File>>,
    /// What it may reach, as far as the kernel can enforce that: see [`Enforced`](super::Enforced). `None` is
    /// everything.
    pub confinement: Option<Confinement>,
    /// Further settings of hyperd, name and value, such as `("ssl-certificate", "...")`. One that hyperwire sets too
    /// replaces its value.
    pub extra: Vec<(String, String)>,
}

/// Where hyperd listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listen {
    /// Where only this user can connect: a socket in the run folder. On systems without such sockets as
    /// [`Listen::Loopback`].
    #[default]
    Private,
    /// A Unix domain socket at this absolute path.
    Domain(PathBuf),
    /// A free TCP port on 127.0.0.1. Every user of this machine can connect: think of a password.
    Loopback,
    /// This TCP address; port 0 is any free one.
    Tcp {
        /// The host name or address.
        host: String,
        /// The port.
        port: u16,
    },
}

/// How a client of the new hyperd proves who it is.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authentication {
    /// Not at all; right for [`Listen::Private`], where the file system decides who can connect.
    #[default]
    Trust,
    /// With this password, by SCRAM-SHA-256.
    Password(String),
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trust => "Trust",
            Self::Password(_) => "Password(..)",
        })
    }
}

impl Settings {
    /// The settings for one private hyperd of this process.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            listen: Listen::Private,
            user: DEFAULT_USER.to_owned(),
            authentication: Authentication::Trust,
            working_dir: None,
            log_dir: None,
            temp_dir: None,
            run_dir: None,
            ready_within: Duration::from_secs(60),
            hold_open: None,
            confinement: None,
            extra: Vec::new(),
        }
    }
}
