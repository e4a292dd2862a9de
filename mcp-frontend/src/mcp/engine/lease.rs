//! A session for one call, with the databases that the call needs.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyperwire_tokio::Client;
use hyperwire_tokio::core::wire::TransactionStatus;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::databases::{Database, LOCAL, Mode};
use super::hyperd::{Hold, quoted};
use super::{Engine, Idle};
use crate::mcp::failure::Failure;

/// How long an abandoned statement may take to end at hyperd before its connection is closed instead, which ends it too.
const SETTLE: Duration = Duration::from_secs(10);

/// A session, leased. Dropped, whatever runs on it is canceled at hyperd, what is attached is let go, and the session is
/// used again if it is as it was.
pub(crate) struct Lease {
    /// Taken when it ends.
    session: Option<Session>,
    engine: Arc<Engine>,
}

/// How a lease ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finished {
    /// What the caller should know of what it wrote, such as when it will be on disk.
    pub(crate) warning: Option<String>,
}

/// What a lease has.
struct Session {
    client: Client,
    hold: Hold,
    /// Attached for this call, besides the scratch database.
    attached: Vec<Database>,
    search_path: String,
    /// Whether it is left as it was found: no temporary tables, no settings.
    clean: bool,
    _place: Option<OwnedSemaphorePermit>,
}

impl Lease {
    pub(super) fn new(
        engine: Arc<Engine>,
        idle: Idle,
        hold: Hold,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let session = Session {
            client: idle.client,
            hold,
            attached: Vec::new(),
            search_path: idle.search_path,
            clean: true,
            _place: place,
        };
        Self { session: Some(session), engine }
    }

    /// Attaches what is not attached yet, and makes unqualified names mean `default`.
    pub(super) async fn prepare(&mut self, needed: Vec<Database>, default: &str) -> Result<(), Failure> {
        for database in needed {
            if !database.alias.eq_ignore_ascii_case(LOCAL) {
                self.attach(database).await?;
            }
        }
        let session = self.session_mut();
        if session.search_path != default {
            // Unknown until the statement has ended.
            session.search_path.clear();
            session.client.execute(&format!("SET schema_search_path = {}", literal(default))).await?;
            self.session_mut().search_path = default.to_owned();
        }
        Ok(())
    }

    async fn attach(&mut self, database: Database) -> Result<(), Failure> {
        let path = database.path.to_str().ok_or_else(|| {
            Failure::new(format!(
                "The path {} is not UTF-8, which Hyper needs. Rename it.",
                database.path.display()
            ))
        })?;
        if database.mode == Mode::ReadWrite && !database.path.exists() {
            self.session().hold.create_database(path).await?;
        }
        let mode = match database.mode {
            Mode::ReadOnly => " WITH (access_mode = 'readonly')",
            Mode::ReadWrite => "",
        };
        let sql = format!("ATTACH DATABASE {} AS {}{mode}", quoted(path), quoted(&database.alias));
        // Should this be dropped in between, the session must not be used again.
        let session = self.session_mut();
        session.clean = false;
        session.client.execute(&sql).await.map_err(|error| Failure::of_statement(&error, &sql))?;
        session.attached.push(database);
        session.clean = true;
        Ok(())
    }

    /// The session will not be given to another call: it has temporary tables, or settings of its own.
    pub(crate) fn soil(&mut self) {
        self.session_mut().clean = false;
    }

    /// The session was lost: says so to whoever minds hyperd.
    pub(crate) fn report_lost(&self) {
        self.session().hold.report_lost();
    }

    /// Ends the lease and waits until hyperd has let go of the databases: what was written to those that nobody else uses
    /// is on disk then.
    pub(crate) async fn finish(mut self) -> Result<Finished, Failure> {
        match self.session.take() {
            Some(session) => end(session, &self.engine).await,
            None => Ok(Finished::default()),
        }
    }

    fn session(&self) -> &Session {
        self.session.as_ref().expect("a lease has a session until it ends")
    }

    fn session_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect("a lease has a session until it ends")
    }
}

impl Deref for Lease {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.session().client
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.session_mut().client
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        let engine = self.engine.clone();
        self.engine.endings.spawn(async move {
            // If that fails the client is dropped, which closes its connection.
            let _ = timeout(SETTLE, end(session, &engine)).await;
        });
    }
}

/// Brings the session back to how it was, and parks it.
async fn end(mut session: Session, engine: &Arc<Engine>) -> Result<Finished, Failure> {
    if session.client.is_closed() {
        session.hold.report_lost();
        return Ok(Finished::default());
    }
    session.client.settle().await?;
    if session.client.transaction_status() != TransactionStatus::Idle {
        session.client.execute("ROLLBACK").await?;
    }
    for database in std::mem::take(&mut session.attached) {
        let sql = format!("DETACH DATABASE {}", quoted(&database.alias));
        session.client.execute(&sql).await.map_err(|error| Failure::of_statement(&error, &sql))?;
    }
    let endpoint = session.hold.endpoint();
    if session.clean
        && let Some(endpoint) = endpoint
    {
        session.client.notices();
        engine.park(Idle {
            client: session.client,
            endpoint,
            search_path: session.search_path,
            since: Instant::now(),
        });
    } else {
        session.client.close().await?;
    }
    Ok(Finished::default())
}

/// An SQL string.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
