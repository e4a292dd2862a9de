//! A session for one call, with the databases that the call needs.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyperwire_tokio::Client;
use hyperwire_tokio::hyperwire_core::sql::Literal;
use hyperwire_tokio::hyperwire_core::wire::TransactionStatus;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::attached::Attached;
use super::databases::{Database, LOCAL, Mode, PERSISTENT};
use super::durability::{Durability, Write, let_go};
use super::hyperd::{Hold, Run};
use super::vigil::Watched;
use super::{Engine, Idle, Purpose};
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
    /// Whether what it wrote to databases that last is on disk.
    pub(crate) on_disk: bool,
}

/// What a lease has.
struct Session {
    client: Client,
    hold: Hold,
    run: Run,
    purpose: Purpose,
    /// Attached for this call, besides the scratch database.
    attached: Vec<Attached>,
    search_path: String,
    /// Whether it is left as it was found: no temporary tables, no settings.
    clean: bool,
    _watched: Watched,
    _place: Option<OwnedSemaphorePermit>,
}

impl Lease {
    pub(super) fn new(
        engine: Arc<Engine>,
        idle: Idle,
        hold: Hold,
        purpose: Purpose,
        watched: Watched,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let session = Session {
            client: idle.client,
            hold,
            run: idle.run,
            purpose,
            attached: Vec::new(),
            search_path: idle.search_path,
            clean: true,
            _watched: watched,
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
        let using = self.engine.usage.enter(&database.path).await;
        let session = self.session.as_mut().expect("a lease has a session until it ends");
        let may_write = session.purpose == Purpose::Read;
        let creates = !may_write && database.mode == Mode::ReadWrite && database.alias == PERSISTENT;
        // Should this be dropped in between, the session must not be used again.
        let clean = std::mem::replace(&mut session.clean, false);
        let (client, disk, hold) = (&mut session.client, &self.engine.disk, &session.hold);
        let attached = Attached::attach(client, disk, hold, database, using, may_write, creates).await;
        // One that was refused has left no trace.
        let attached = match attached {
            Ok(attached) => attached,
            Err(failure) => {
                session.clean = clean && !failure.session_lost;
                return Err(failure);
            }
        };
        session.attached.push(attached);
        session.clean = clean;
        Ok(())
    }

    /// The session will not be given to another call: it has temporary tables, or settings of its own.
    pub(crate) fn soil(&mut self) {
        self.session_mut().clean = false;
    }

    /// The session was lost: says so to whoever minds hyperd. What was used just now may have been lost with it.
    pub(crate) fn report_lost(&self) {
        self.engine.doubt_parked();
        self.session().hold.report_lost();
    }

    /// Which hyperd it is on.
    pub(crate) fn run(&self) -> &Run {
        &self.session().run
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Ends the lease and waits until hyperd has let go of the databases: what was written to those that nobody else uses
    /// is on disk then. If others use one, they get a few seconds to end; then the answer says so.
    pub(crate) async fn finish(mut self) -> Result<Finished, Failure> {
        match self.session.take() {
            Some(session) => end(session, &self.engine, true).await,
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
            let _ = timeout(SETTLE, end(session, &engine, false)).await;
        });
    }
}

/// Brings the session back to how it was, and parks it. Who is told what became of its writes waits for that.
async fn end(mut session: Session, engine: &Arc<Engine>, is_told: bool) -> Result<Finished, Failure> {
    if session.client.is_closed() {
        session.hold.report_lost();
        engine.doubt_parked();
        return Ok(Finished::default());
    }
    session.client.settle().await?;
    if session.client.transaction_status() != TransactionStatus::Idle {
        session.client.execute("ROLLBACK").await?;
    }
    let is_told = is_told && session.purpose == Purpose::Anything;
    let mut durability = Durability::default();
    for attached in std::mem::take(&mut session.attached) {
        let is_write = is_told && attached.mode == Mode::ReadWrite;
        let write = match is_write {
            true => Some(Write::before_detaching(&mut session.client, &attached.path).await?),
            false => None,
        };
        let using = attached.detach(&mut session.client).await?;
        if let Some(write) = write {
            durability.add(write.fate(&mut session.client, using).await?);
        }
    }
    if session.clean {
        session.client.notices();
        engine.park(Idle {
            client: session.client,
            run: session.run,
            search_path: session.search_path,
            since: Instant::now(),
            is_doubted: false,
        });
    } else {
        let_go(&mut session.client).await?;
        session.client.close().await?;
    }
    Ok(Finished { on_disk: durability.is_on_disk(), warning: durability.warning() })
}

/// An SQL string.
pub(crate) fn literal(text: &str) -> String {
    Literal(text).to_string()
}
