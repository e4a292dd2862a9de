//! The hyperd that the user's programs share.

use std::env;
use std::ffi::OsString;
use std::time::Duration;

use hyperwire_blocking::daemon::Place;
use hyperwire_blocking::hyperd::{Environment, locate_or_install};
use hyperwire_blocking::hyperwire_core::election::ElectionError;
use hyperwire_blocking::hyperwire_core::hyperd::Endpoint;
use hyperwire_blocking::shared::{ConnectError, CreateError, InUse, JoinError, Settings, SharedHyperd};
use hyperwire_blocking::{Client as Session, Config};

use super::{OpenError, refused_or_lost, with_causes};
use crate::progress::Shown;

/// Longer than the election's own deadline, whose message says more.
const ENTER: Duration = Duration::from_secs(24 * 3600);
/// How long hyperd may take to be there again when it ends just now.
const CONNECT: Duration = Duration::from_secs(90);
/// How long creating a database may take, waiting for other programs that do included.
const CREATE: Duration = Duration::from_secs(60);

/// A share that is in use.
pub(crate) struct Shared {
    hyperd: SharedHyperd,
    in_use: InUse,
}

impl Shared {
    /// Finds the daemon or starts it. An error is a sentence for the user.
    pub(crate) fn join() -> Result<Self, String> {
        let place = place()?;
        let client = format!("hyperwire-sql/{}", std::process::id());
        let mut settings = Settings::new(place, client, [""; 0]);
        settings.command = Box::new(daemon_command);
        let hyperd = SharedHyperd::join(settings).map_err(|error| with_causes(&error))?;
        let in_use = hyperd.enter(ENTER).map_err(|error| no_daemon(&error))?;
        Ok(Self { hyperd, in_use })
    }

    pub(super) fn connect(self, config: impl Fn(Endpoint) -> Config) -> Result<(Self, Session), OpenError> {
        let Self { hyperd, in_use } = self;
        // Held on to, it would keep the share from moving on to the next daemon.
        drop(in_use);
        match hyperd.connect(CONNECT, config) {
            Ok((in_use, session)) => Ok((Self { hyperd, in_use }, session)),
            Err(ConnectError::Client(error)) => Err(refused_or_lost(error)),
            Err(ConnectError::Join(error)) => Err(OpenError::NoHyperd(no_daemon(&error))),
            Err(error) => Err(OpenError::NoHyperd(with_causes(&error))),
        }
    }

    pub(super) fn create_database(&self, path: &str) -> Result<(), OpenError> {
        self.in_use.create_database(path, CREATE).map_err(|error| match error {
            CreateError::Client(error) => refused_or_lost(error),
            error => OpenError::NoHyperd(with_causes(&error)),
        })
    }

    pub(super) fn report_lost(&self) {
        self.in_use.report("session lost");
    }
}

/// Why there is no daemon, and whether the command could do without one.
fn no_daemon(error: &JoinError) -> String {
    let why = with_causes(error);
    if is_of_daemon(error) { format!("{why}; --private does without the daemon") } else { why }
}

/// Whether a hyperd of the command's own would start all the same: not if no hyperd was found, or a daemon was started and
/// ended, which a hyperd that does not start makes it do.
fn is_of_daemon(error: &JoinError) -> bool {
    !matches!(
        error,
        JoinError::Command(_) | JoinError::Election(ElectionError::Start(_) | ElectionError::Spawns { .. })
    )
}

/// Where this user's programs meet.
pub(crate) fn place() -> Result<Place, String> {
    Place::of_this_process().map_err(|error| error.to_string())
}

/// This program as a daemon, with the hyperd that is found here, or fetched.
pub(crate) fn daemon_command() -> Result<Vec<OsString>, String> {
    let mut progress = Shown::new();
    let located = locate_or_install(&Environment::of_this_process(), &mut |now| progress.show(now))
        .map_err(|error| with_causes(&error))?;
    let program = env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
    let words = ["daemon", "run", "--detached", "--hyperd"].map(OsString::from);
    Ok([program.into_os_string()].into_iter().chain(words).chain([located.path.into_os_string()]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doing_without_the_daemon_is_advised_only_where_it_helps() {
        let no_hyperd = JoinError::Command("hyperd was not found".to_owned());
        let dead = JoinError::Election(ElectionError::Spawns { count: 3, words: "not found".into() });
        let no_folder = JoinError::StateFolder { path: "relative".into() };

        assert!(!no_daemon(&no_hyperd).contains("--private"));
        assert!(!no_daemon(&dead).contains("--private"));
        assert!(no_daemon(&no_folder).ends_with("; --private does without the daemon"));
    }
}
