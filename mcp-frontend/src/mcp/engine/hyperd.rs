//! The hyperd that sessions are opened on: shared with the user's other programs, or this server's own.

use std::sync::Arc;
use std::time::Duration;

use hyperwire_tokio::core::hyperd::{DEFAULT_USER, Endpoint};
use hyperwire_tokio::core::wire::Format;
use hyperwire_tokio::hyperd::{Environment, Hyperd as Process, Settings, locate_or_install};
#[cfg(unix)]
use hyperwire_tokio::shared::{ConnectError, InUse, SharedHyperd};
use hyperwire_tokio::{Client, Config};
use tokio::sync::Mutex;

use crate::connection::with_causes;
use crate::mcp::failure::Failure;
use crate::progress::Shown;

/// How long a call waits for a hyperd. Fetching one may take longer; then the next call waits again.
const CONNECT: Duration = Duration::from_secs(40);

/// Where sessions come from.
pub(crate) enum Hyperd {
    #[cfg(unix)]
    Shared(SharedHyperd),
    Private(Private),
}

/// What keeps a hyperd there while a session is used.
pub(crate) enum Hold {
    #[cfg(unix)]
    Shared(InUse),
    Private(Endpoint),
}

/// A hyperd of this server's own, started when it is first needed and again when it died.
pub(crate) struct Private {
    /// `--name=value` for hyperd.
    settings: Vec<(String, String)>,
    process: Arc<Mutex<Option<Process>>>,
}

impl Hyperd {
    #[cfg(unix)]
    pub(crate) fn shared() -> Result<Self, Failure> {
        use crate::connection::shared::{daemon_command, place};
        use hyperwire_tokio::shared::Settings;

        let place = place().map_err(Failure::new)?;
        let mut settings = Settings::new(place, format!("hyperwire-mcp/{}", std::process::id()), [""; 0]);
        settings.command = Box::new(daemon_command);
        SharedHyperd::join(settings).map(Self::Shared).map_err(|error| Failure::new(with_causes(&error)))
    }

    pub(crate) fn private(settings: Vec<(String, String)>) -> Self {
        Self::Private(Private { settings, process: Arc::default() })
    }

    /// A new session.
    pub(crate) async fn connect(&self) -> Result<(Hold, Client), Failure> {
        match self {
            #[cfg(unix)]
            Self::Shared(shared) => match shared.connect(CONNECT, config).await {
                Ok((in_use, client)) => Ok((Hold::Shared(in_use), client)),
                Err(ConnectError::Client(error)) => Err(unavailable(&with_causes(&error))),
                Err(error) => Err(unavailable(&with_causes(&error))),
            },
            Self::Private(private) => {
                let endpoint = private.endpoint().await?;
                let client = Client::connect(config(endpoint.clone()))
                    .await
                    .map_err(|error| unavailable(&with_causes(&error)))?;
                Ok((Hold::Private(endpoint), client))
            }
        }
    }

    /// Makes the hyperd stay, for a session that is there already.
    pub(crate) async fn hold(&self) -> Result<Hold, Failure> {
        match self {
            #[cfg(unix)]
            Self::Shared(shared) => match shared.enter(CONNECT).await {
                Ok(in_use) => Ok(Hold::Shared(in_use)),
                Err(error) => Err(unavailable(&with_causes(&error))),
            },
            Self::Private(private) => private.endpoint().await.map(Hold::Private),
        }
    }

    /// Whether it belongs to this server alone.
    pub(crate) fn is_private(&self) -> bool {
        matches!(self, Self::Private(_))
    }
}

impl Hold {
    /// Where it listens.
    pub(crate) fn endpoint(&self) -> Option<Endpoint> {
        match self {
            #[cfg(unix)]
            Self::Shared(in_use) => in_use.endpoint().ok(),
            Self::Private(endpoint) => Some(endpoint.clone()),
        }
    }

    /// A session on it was lost; whoever minds it may look whether it is alive.
    pub(crate) fn report_lost(&self) {
        #[cfg(unix)]
        if let Self::Shared(in_use) = self {
            in_use.report("session lost");
        }
    }

    /// Creates a database file that others may want at the same moment, unless it is there.
    pub(crate) async fn create_database(&self, path: &str) -> Result<(), Failure> {
        match self {
            #[cfg(unix)]
            Self::Shared(in_use) => in_use
                .create_database(path, Duration::from_secs(30))
                .await
                .map_err(|error| Failure::new(with_causes(&error))),
            Self::Private(endpoint) => {
                let mut client = Client::connect(config(endpoint.clone())).await?;
                client.execute(&format!("CREATE DATABASE IF NOT EXISTS {}", quoted(path))).await?;
                client.close().await?;
                Ok(())
            }
        }
    }
}

impl Private {
    async fn endpoint(&self) -> Result<Endpoint, Failure> {
        let mut process = self.process.clone().lock_owned().await;
        if let Some(running) = process.as_mut()
            && matches!(running.try_exit_status(), Ok(None))
        {
            return Ok(running.endpoint().clone());
        }
        let extra = self.settings.clone();
        let start = move || {
            let mut progress = Shown::new();
            let found = locate_or_install(&Environment::of_this_process(), &mut |now| progress.show(now))
                .map_err(|error| with_causes(&error))?;
            let mut settings = Settings::new(found.path);
            settings.extra.extend(extra);
            let started = Process::start(&settings).map_err(|error| with_causes(&error))?;
            let endpoint = started.endpoint().clone();
            *process = Some(started);
            Ok::<_, String>(endpoint)
        };
        match tokio::time::timeout(CONNECT, tokio::task::spawn_blocking(start)).await {
            Ok(Ok(Ok(endpoint))) => Ok(endpoint),
            Ok(Ok(Err(why))) => Err(unavailable(&why)),
            Ok(Err(stopped)) => Err(unavailable(&stopped.to_string())),
            Err(_) => Err(unavailable("it is still being fetched or started; try again in a minute")),
        }
    }
}

/// An SQL identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn config(endpoint: Endpoint) -> Config {
    let mut config = Config::new(endpoint, DEFAULT_USER);
    // Hyper's own text is exact, once floats have all their digits.
    config.session.result_format = Format::Text;
    config.session.options.push(("extra_float_digits".to_owned(), "3".to_owned()));
    config
}

fn unavailable(why: &str) -> Failure {
    Failure::new(format!(
        "hyperd, the database server, is not available: {why}\nNothing was run. Next: call again in a moment; if it stays \
         so, the user should run `hyperwire doctor`."
    ))
}
