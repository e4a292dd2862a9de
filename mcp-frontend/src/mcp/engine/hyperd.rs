//! The hyperd that sessions are opened on: shared with the user's other programs, or this server's own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyperwire_tokio::hyperd::{Confinement, Folders};
#[cfg(unix)]
use hyperwire_tokio::hyperwire_core::election::Phase;
use hyperwire_tokio::hyperwire_core::hyperd::{DEFAULT_USER, Endpoint};
use hyperwire_tokio::hyperwire_core::session::Fault;
use hyperwire_tokio::hyperwire_core::sql::Identifier;
use hyperwire_tokio::hyperwire_core::wire::Format;
#[cfg(unix)]
use hyperwire_tokio::shared::{ConnectError, InUse, SharedHyperd};
use hyperwire_tokio::{Client, Config, Error};
use tokio::sync::Mutex;

use super::private::Private;
use crate::connection::with_causes;
use crate::mcp::advice::Offers;
use crate::mcp::disk::Disk;
use crate::mcp::failure::Failure;
use crate::mcp::policy::Policy;

/// How long a call waits for a hyperd, the replacement of one that hangs included: see
/// [`ENGINE_HUNG_WITHIN`](hyperwire_tokio::hyperwire_core::daemon::ENGINE_HUNG_WITHIN), and 15 s for ending it. Fetching one may
/// take longer; then the next call waits again.
pub(super) const CONNECT: Duration = Duration::from_secs(60);
/// How long one login may take. They take less than 1 ms, and 50 ms with 24 statements on two cores.
const LOGIN: Duration = Duration::from_secs(5);

/// Bytes of one row of a result, which is in memory twice when it is written into an answer.
pub(crate) const LONGEST_RESULT_ROW: u32 = 64 << 20;

/// Locked while a database is created on a hyperd of this server's own.
static CREATING: Mutex<()> = Mutex::const_new(());

/// Where sessions come from.
pub(crate) enum Hyperd {
    #[cfg(unix)]
    Shared(SharedHyperd),
    /// None can be shared, for this reason: there is no folder for what programs share it by. Whoever calls is told.
    #[cfg(unix)]
    Nowhere(Failure),
    Private(Private),
}

/// What keeps a hyperd there while a session is used.
pub(crate) enum Hold {
    #[cfg(unix)]
    Shared(InUse),
    Private(Endpoint, Run),
}

/// One run of one hyperd: what it had not written when it ended is not in the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run(pub(super) String);

/// Why none is shared, with the folder by which programs would.
#[cfg(unix)]
fn unshared(error: &dyn std::error::Error) -> Failure {
    let folder = crate::connection::shared::place().map(|place| place.state_folder.display().to_string());
    unavailable(&format!("{} (the state folder is {})", with_causes(error), folder.unwrap_or_default()))
}

/// Which hyperd is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The one of all programs of the user.
    #[cfg_attr(not(unix), expect(dead_code, reason = "nothing is shared there"))]
    Shared,
    /// One of this server's own.
    Private,
    /// One of this server's own that opens no file outside of these folders, whatever SQL says. Only the kernel can
    /// promise that, and hyperd itself as far as no links are concerned: nobody else knows what a statement opens.
    Bounded(Folders),
}

impl Hyperd {
    /// `scratch` is a folder for this server's files, which a bounded one may open too.
    pub(super) fn new(kind: &Kind, scratch: PathBuf, policy: &Policy) -> Result<Self, Failure> {
        let confined = |folders: Option<Folders>| match policy.network() {
            true => folders.map(|folders| Confinement::in_folders(folders, true)),
            false => Some(Confinement::without_network(folders)),
        };
        match kind {
            #[cfg(unix)]
            Kind::Shared => {
                Ok(shared().unwrap_or_else(|why| Self::Nowhere(unavailable(&why.say(&Offers::everything())))))
            }
            #[cfg(not(unix))]
            Kind::Shared => Ok(Self::Private(Private::new(Vec::new(), confined(None)))),
            Kind::Private => Ok(Self::Private(Private::new(Vec::new(), confined(None)))),
            Kind::Bounded(folders) => {
                let mut folders = folders.clone();
                folders.write.push(scratch);
                let settings = super::private::bounds(&[folders.read.as_slice(), &folders.write].concat())?;
                Ok(Self::Private(Private::new(settings, confined(Some(folders)))))
            }
        }
    }

    /// A new session.
    pub(crate) async fn connect(&self) -> Result<(Hold, Client), Failure> {
        match self {
            #[cfg(unix)]
            Self::Shared(shared) => match shared.connect(CONNECT, config).await {
                Ok((in_use, client)) => Ok((Hold::Shared(in_use), client)),
                Err(ConnectError::Client(error)) => Err(unavailable(&with_causes(&error))),
                Err(error) => Err(unshared(&error)),
            },
            #[cfg(unix)]
            Self::Nowhere(why) => Err(why.clone()),
            Self::Private(private) => private.connect().await,
        }
    }

    /// Makes the hyperd stay, for a session that is there already.
    pub(crate) async fn hold(&self) -> Result<Hold, Failure> {
        match self {
            #[cfg(unix)]
            Self::Shared(shared) => match shared.enter(CONNECT).await {
                Ok(in_use) => Ok(Hold::Shared(in_use)),
                Err(error) => Err(unshared(&error)),
            },
            #[cfg(unix)]
            Self::Nowhere(why) => Err(why.clone()),
            Self::Private(private) => private.hold().await,
        }
    }

    /// Whether it lets somebody in, asked once, within `limit`. One that does not is reported to the daemon, or ended
    /// here once it is certain that it hangs.
    pub(super) async fn is_answering(&self, limit: Duration) -> bool {
        match self {
            #[cfg(unix)]
            Self::Shared(shared) => {
                // While there is none, nothing runs on it.
                let Ok(in_use) = shared.enter(limit).await else { return true };
                let Ok(endpoint) = in_use.endpoint() else { return true };
                let answering = answers(endpoint, limit).await;
                if !answering {
                    in_use.report("it lets nobody in while statements run");
                }
                answering
            }
            #[cfg(unix)]
            Self::Nowhere(_) => true,
            Self::Private(private) => private.is_answering(limit).await,
        }
    }

    /// Whether its daemon has told this server to leave, or there is none: it waits for sessions that nobody uses, too.
    pub(super) fn is_left(&self) -> bool {
        match self {
            #[cfg(unix)]
            Self::Shared(shared) => shared.phase() != Phase::Adopted,
            #[cfg(unix)]
            Self::Nowhere(_) => false,
            Self::Private(_) => false,
        }
    }

    /// Whether it belongs to this server alone.
    pub(crate) fn is_private(&self) -> bool {
        matches!(self, Self::Private(_))
    }

    /// Ends one of this server's own, within `limit` if it can; otherwise it ends by itself when it has written its
    /// databases.
    pub(super) async fn end(&self, limit: Duration) {
        if let Self::Private(private) = self {
            private.end(limit).await;
        }
    }
}

#[cfg(unix)]
fn shared() -> Result<Hyperd, Failure> {
    use crate::connection::shared::{daemon_command, place};
    use hyperwire_tokio::shared::Settings;

    let place = place().map_err(Failure::new)?;
    let mut settings = Settings::new(place, format!("hyperwire-mcp/{}", std::process::id()), [""; 0]);
    settings.command = Box::new(daemon_command);
    SharedHyperd::join(settings).map(Hyperd::Shared).map_err(|error| Failure::new(with_causes(&error)))
}

impl Hold {
    /// Which hyperd it is.
    pub(crate) fn run(&self) -> Run {
        match self {
            #[cfg(unix)]
            Self::Shared(in_use) => {
                let record = in_use.record();
                let ours = record.advertised.as_ref().map(|ours| (ours.incarnation, ours.generation));
                Run(format!("{} {} {} {ours:?}", record.pid, record.started_at, record.hyperd_endpoint))
            }
            Self::Private(_, run) => run.clone(),
        }
    }

    /// A session on it was lost; whoever minds it may look whether it is alive.
    pub(crate) fn report_lost(&self) {
        #[cfg(unix)]
        if let Self::Shared(in_use) = self {
            in_use.report("session lost");
        }
    }

    /// Creates a database file that others may want at the same moment, unless it is there. When this returns it can be
    /// attached: hyperd hangs for good if that is done while it creates the file.
    pub(crate) async fn create_database(&self, disk: &Disk, path: &str) -> Result<(), Failure> {
        let is_there = async || disk.exists(Path::new(path)).await.map_err(|fault| fault.failure("opened"));
        match self {
            // It has its name only when it is ready.
            #[cfg(unix)]
            Self::Shared(_) if is_there().await? => Ok(()),
            #[cfg(unix)]
            Self::Shared(in_use) => in_use
                .create_database(path, Duration::from_secs(30))
                .await
                .map_err(|error| Failure::new(with_causes(&error))),
            Self::Private(endpoint, _) => {
                // Nobody but this server uses that hyperd.
                let _alone = CREATING.lock().await;
                if is_there().await? {
                    return Ok(());
                }
                let mut client = Client::connect(config(endpoint.clone())).await?;
                client.execute(&format!("CREATE DATABASE IF NOT EXISTS {}", quoted(path))).await?;
                client.close().await?;
                Ok(())
            }
        }
    }
}

/// Whether a login is answered in time; a refusal is an answer, and so is the end of the process, which ends its
/// sessions too.
pub(super) async fn answers(endpoint: Endpoint, limit: Duration) -> bool {
    let mut config = config(endpoint);
    config.connect_timeout = limit;
    match Client::connect(config).await {
        Ok(_) => true,
        Err(error) => !is_late(&error),
    }
}

/// Whether hyperd did not say anything in time.
pub(super) fn is_late(error: &Error) -> bool {
    match error {
        Error::Connect { source, .. } => source.kind() == std::io::ErrorKind::TimedOut,
        Error::Session { fault: Fault::Deadline(_), .. } => true,
        _ => false,
    }
}

/// An SQL identifier.
pub(crate) fn quoted(name: &str) -> String {
    Identifier(name).to_string()
}

pub(super) fn config(endpoint: Endpoint) -> Config {
    let mut config = Config::new(endpoint, DEFAULT_USER);
    config.connect_timeout = LOGIN;
    // Hyper's own text is exact, once floats have all their digits.
    config.session.result_format = Format::Text;
    config.session.limits.message_length = LONGEST_RESULT_ROW;
    config.session.options.push(("extra_float_digits".to_owned(), "3".to_owned()));
    config
}

pub(super) fn unavailable(why: &str) -> Failure {
    Failure::new(format!(
        "hyperd, the database server, is not available: {why}\nNothing was run. Next: call again in a moment; if it stays \
         so, the user should run `hyperwire doctor`."
    ))
}
