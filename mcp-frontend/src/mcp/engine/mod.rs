//! Sessions for calls: found or started behind the scenes, leased, and used again.

mod admission;
pub(crate) mod databases;
mod hyperd;
mod lease;
pub(crate) mod scratch;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyperwire_tokio::Client;
use hyperwire_tokio::core::hyperd::Endpoint;
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;

use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use admission::Admission;
use databases::{Database, Databases, LOCAL, Mode};
pub(crate) use hyperd::{Hyperd, quoted};
pub(crate) use lease::{Lease, literal};
use scratch::Scratch;

/// Idle sessions that are kept.
const KEPT: usize = 4;
/// A session that was used so shortly ago is used again unasked.
const FRESH: Duration = Duration::from_millis(200);
/// How long one that lay idle may take to answer, or is replaced.
const PING: Duration = Duration::from_secs(2);

/// What sessions come from.
pub(crate) struct Engine {
    hyperd: Hyperd,
    pub(crate) databases: Databases,
    pub(crate) scratch: Scratch,
    admission: Admission,
    /// The one that was used last is used next.
    idle: Mutex<Vec<Idle>>,
    /// Leases on their way out.
    endings: TaskTracker,
    /// The scratch database has its file.
    created: OnceCell<()>,
}

/// A session that nobody uses. The scratch database is attached to it.
struct Idle {
    client: Client,
    endpoint: Endpoint,
    search_path: String,
    since: Instant,
}

/// What a call wants of its session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs<'a> {
    /// What unqualified names mean, if not the scratch database.
    pub(crate) database: Option<&'a str>,
    /// SQL in which other databases may be named.
    pub(crate) sql: &'a str,
    /// Answered at once, however many statements run: it reads little.
    pub(crate) light: bool,
}

impl Engine {
    pub(crate) fn new(hyperd: Hyperd) -> Result<Arc<Self>, Failure> {
        let scratch = Scratch::create().map_err(|error| {
            Failure::new(format!("There is no place for scratch files: {error}. Set TMPDIR."))
        })?;
        let databases = Databases::default();
        databases.add(Database {
            alias: LOCAL.to_owned(),
            path: scratch.database(),
            mode: Mode::ReadWrite,
        })?;
        Ok(Arc::new(Self {
            hyperd,
            databases,
            scratch,
            admission: Admission::new(),
            idle: Mutex::default(),
            endings: TaskTracker::new(),
            created: OnceCell::new(),
        }))
    }

    /// A session for a call.
    pub(crate) async fn lease(self: &Arc<Self>, needs: Needs<'_>, call: &Call) -> Result<Lease, Failure> {
        let mut needed = self.databases.mentioned(needs.sql);
        let default = match needs.database {
            Some(alias) => {
                let database = self.databases.get(alias)?;
                let alias = database.alias.clone();
                if !needed.contains(&database) {
                    needed.push(database);
                }
                alias
            }
            None => LOCAL.to_owned(),
        };
        let place = if needs.light { None } else { Some(self.admission.enter(&call.progress).await) };
        let (idle, hold) = self.session().await?;
        let mut lease = Lease::new(self.clone(), idle, hold, place);
        lease.prepare(needed, &default).await?;
        Ok(lease)
    }

    /// Has a session ready, so that the first call is as fast as the others.
    pub(crate) async fn warm_up(self: &Arc<Self>) -> Result<(), Failure> {
        let (idle, _hold) = self.session().await?;
        self.park(idle);
        Ok(())
    }

    /// Waits until every lease that was dropped has ended at hyperd.
    pub(crate) async fn settled(&self) {
        self.endings.close();
        self.endings.wait().await;
    }

    /// Runs work that holds a lease and has to tidy up when it is told to stop: the server waits a little for it when it
    /// ends.
    pub(crate) fn see_to<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.endings.spawn(work)
    }

    pub(crate) fn is_private(&self) -> bool {
        self.hyperd.is_private()
    }

    /// How many statements wait for a place.
    pub(crate) fn queued(&self) -> usize {
        self.admission.waiting()
    }

    /// One that was parked, or a new one.
    async fn session(self: &Arc<Self>) -> Result<(Idle, hyperd::Hold), Failure> {
        if self.lock().is_empty() {
            return self.connect().await;
        }
        let hold = self.hyperd.hold().await?;
        while let Some(mut idle) = self.take() {
            let same = hold.endpoint().is_some_and(|endpoint| endpoint == idle.endpoint);
            let fresh = idle.since.elapsed() < FRESH;
            if same && (fresh || idle.client.ping(PING).await.is_ok()) && !idle.client.is_closed() {
                return Ok((idle, hold));
            }
        }
        drop(hold);
        self.connect().await
    }

    async fn connect(&self) -> Result<(Idle, hyperd::Hold), Failure> {
        let (hold, mut client) = self.hyperd.connect().await?;
        let path = self.scratch.database();
        let path = path
            .to_str()
            .ok_or_else(|| Failure::new("The folder for scratch files is not UTF-8. Set TMPDIR."))?;
        // One at a time: hyperd can hang for good when several create and open the same new file at once.
        let create = async || {
            client.execute(&format!("CREATE DATABASE IF NOT EXISTS {}", quoted(path))).await.map(drop)
        };
        self.created.get_or_try_init(create).await?;
        let attach = format!("ATTACH DATABASE {} AS {LOCAL}", quoted(path));
        client.execute(&attach).await.map_err(|error| Failure::of_statement(&error, &attach))?;
        client.execute(&format!("SET schema_search_path = {}", literal(LOCAL))).await?;
        let endpoint =
            hold.endpoint().ok_or_else(|| Failure::new("The daemon's record names no endpoint."))?;
        Ok((Idle { client, endpoint, search_path: LOCAL.to_owned(), since: Instant::now() }, hold))
    }

    fn take(&self) -> Option<Idle> {
        self.lock().pop()
    }

    fn park(&self, idle: Idle) {
        let mut all = self.lock();
        if all.len() < KEPT {
            all.push(idle);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
