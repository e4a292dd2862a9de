//! Sessions for calls: found or started behind the scenes, leased, and used again.

mod activity;
mod admission;
mod attached;
pub(crate) mod databases;
mod durability;
mod hyperd;
mod lease;
mod local;
mod private;
pub(crate) mod scratch;
mod usage;
mod vigil;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use hyperwire_tokio::Client;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::mcp::call::Call;
use crate::mcp::disk::{Disk, shown};
use crate::mcp::failure::Failure;
use crate::mcp::policy::Policy;
use crate::mcp::read_only::Oracle;
use admission::Admission;
use databases::{Database, Databases, LOCAL, Mode, PERSISTENT};
use hyperd::{Hold, Hyperd};
pub(crate) use hyperd::{Kind, LONGEST_RESULT_ROW, Run, quoted};
pub(crate) use lease::{Finished, Lease, literal};
use local::Local;
use scratch::Scratch;
use usage::Usage;
use vigil::Vigil;

/// How often it is looked whether the daemon of a shared hyperd was told to end.
const TOLD: Duration = Duration::from_millis(500);
/// Idle sessions that are kept.
const KEPT: usize = 4;
/// A session that was used so shortly ago is used again unasked.
const FRESH: Duration = Duration::from_secs(1);
/// How long one that lay idle may take to answer, or is replaced.
const PING: Duration = Duration::from_secs(2);

/// What sessions come from.
pub(crate) struct Engine {
    hyperd: Hyperd,
    pub(crate) databases: Databases,
    pub(crate) scratch: Scratch,
    pub(crate) oracle: Oracle,
    admission: Admission,
    usage: Usage,
    /// The one that was used last is used next.
    idle: Mutex<Vec<Idle>>,
    /// Leases on their way out.
    endings: TaskTracker,
    /// Locked while the first session is made: who calls meanwhile gets that one, sooner than one of its own.
    warming: tokio::sync::Mutex<()>,
    local: Local,
    vigil: Vigil,
    disk: Disk,
}

/// A session that nobody uses. The scratch database is attached to it.
struct Idle {
    client: Client,
    run: Run,
    search_path: String,
    since: Instant,
    /// Another one was lost since.
    is_doubted: bool,
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

/// What is done with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Only statements that [`read_only`](crate::mcp::read_only) has judged.
    Read,
    Anything,
}

impl Engine {
    pub(crate) async fn new(disk: &Disk, kind: &Kind, policy: &Policy) -> Result<Arc<Self>, Failure> {
        let scratch = Scratch::create(disk).await.map_err(|fault| {
            Failure::new(format!("There is no place for scratch files: {}. Set TMPDIR.", fault.why()))
        })?;
        let databases = Databases::default();
        databases.add(Database {
            alias: LOCAL.to_owned(),
            path: scratch.database(),
            mode: Mode::ReadWrite,
        })?;
        Ok(Arc::new(Self {
            hyperd: Hyperd::new(kind, scratch.path().to_owned(), policy)?,
            databases,
            oracle: Oracle::default(),
            admission: Admission::new(),
            usage: Usage::default(),
            idle: Mutex::default(),
            endings: TaskTracker::new(),
            warming: tokio::sync::Mutex::default(),
            local: Local::new(disk.clone(), scratch.database()),
            vigil: Vigil::new(),
            disk: disk.clone(),
            scratch,
        }))
    }

    /// A session for a call.
    pub(crate) async fn lease(self: &Arc<Self>, needs: Needs<'_>, call: &Call) -> Result<Lease, Failure> {
        self.lease_for(Purpose::Anything, needs, call).await
    }

    /// A session for statements that were judged to only read. A database that is attached read-only and that another
    /// program writes is opened for writing, too, since hyperd has it only in one of the two ways.
    pub(crate) async fn lease_to_read(
        self: &Arc<Self>,
        needs: Needs<'_>,
        call: &Call,
    ) -> Result<Lease, Failure> {
        self.lease_for(Purpose::Read, needs, call).await
    }

    async fn lease_for(
        self: &Arc<Self>,
        purpose: Purpose,
        needs: Needs<'_>,
        call: &Call,
    ) -> Result<Lease, Failure> {
        let mut needed = self.databases.mentioned(needs.sql);
        if purpose == Purpose::Read && self.is_unwritten(PERSISTENT).await {
            // SQL that means it is told by hyperd that it is not there.
            needed.retain(|database| database.alias != PERSISTENT);
        }
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
        let watched = self.vigil.begin(self);
        let doing = call.progress.instead("waiting for hyperd");
        let (idle, hold) = self.session().await?;
        call.progress.doing(doing);
        let mut lease = Lease::new(self.clone(), idle, hold, purpose, watched, place);
        lease.prepare(needed, &default).await?;
        call.runs();
        Ok(lease)
    }

    /// Whether this is the persistent database, which nobody has written to yet: it has no file and no tables.
    pub(crate) async fn is_unwritten(&self, alias: &str) -> bool {
        match self.databases.get(alias) {
            Ok(Database { alias, path, mode: Mode::ReadWrite }) if alias == PERSISTENT => {
                self.disk.about(&path).await.is_err_and(|fault| fault.is_missing())
            }
            _ => false,
        }
    }

    /// Makes a new database file.
    pub(crate) async fn create_database(&self, path: &Path) -> Result<(), Failure> {
        let text = path.to_str().ok_or_else(|| {
            Failure::new(format!("The path {} is not UTF-8, which Hyper needs.", shown(path)))
        })?;
        self.hyperd.hold().await?.create_database(&self.disk, text).await
    }

    /// Has a session ready, so that the first call is as fast as the others.
    pub(crate) async fn warm_up(self: &Arc<Self>) -> Result<(), Failure> {
        tokio::spawn(leave_when_told(Arc::downgrade(self)));
        let session = async {
            let _warming = self.warming.lock().await;
            self.connect().await.map(|(idle, _hold)| self.park(idle))
        };
        let (session, proven) = tokio::join!(session, self.oracle.prove(self, None));
        session.and(proven.map(drop))
    }

    /// What callers should know of what happened to hyperd since this was last asked.
    pub(crate) fn notice(&self) -> Option<String> {
        self.local.take_notice()
    }

    /// Ends everything, within `limit`: leases that were dropped, sessions, a hyperd of this server's own, scratch files.
    pub(crate) async fn end(&self, limit: Duration) {
        let since = Instant::now();
        self.endings.close();
        let _ = timeout(limit / 2, self.endings.wait()).await;
        let _ = timeout(limit / 4, self.let_go()).await;
        self.hyperd.end(limit.saturating_sub(since.elapsed())).await;
        let _ = timeout(limit / 4, self.scratch.remove()).await;
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

    /// A session without any database, which is never parked, and the hyperd that it is on.
    pub(crate) async fn throwaway(&self) -> Result<(Client, Run), Failure> {
        self.hyperd.connect().await.map(|(hold, client)| (client, hold.run()))
    }

    /// One that was parked, or a new one.
    async fn session(self: &Arc<Self>) -> Result<(Idle, Hold), Failure> {
        if self.lock().is_empty() {
            drop(self.warming.lock().await);
        }
        if self.lock().is_empty() {
            return self.connect().await;
        }
        let hold = self.hyperd.hold().await?;
        let run = hold.run();
        while let Some(mut idle) = self.take() {
            if idle.run == run && is_alive(&mut idle).await {
                return Ok((idle, hold));
            }
        }
        drop(hold);
        self.connect().await
    }

    /// On a task of its own, which is not dropped half-way and which the end of the server waits for: hyperd hangs on a
    /// file that is opened while it is being created, and aborts if the file's folder is removed then.
    async fn connect(self: &Arc<Self>) -> Result<(Idle, Hold), Failure> {
        let engine = self.clone();
        match self.endings.spawn(async move { engine.open().await }).await {
            Ok(opened) => opened,
            Err(stopped) => {
                Err(Failure::new(format!("No session: {stopped}. This is a defect of hyperwire.")))
            }
        }
    }

    async fn open(&self) -> Result<(Idle, Hold), Failure> {
        let (hold, mut client) = self.hyperd.connect().await?;
        let run = hold.run();
        let another = async || self.throwaway().await.map(|(client, _run)| client);
        self.local.attach(&mut client, &run, another).await?;
        client.execute(&format!("SET schema_search_path = {}", literal(LOCAL))).await?;
        Ok((
            Idle { client, run, search_path: LOCAL.to_owned(), since: Instant::now(), is_doubted: false },
            hold,
        ))
    }

    /// Closes the sessions that nobody uses.
    async fn let_go(&self) {
        drop(std::mem::take(&mut *self.lock()));
        self.local.close().await;
    }

    /// Parked sessions are asked before they are used: the system closes those of a hyperd that ended one by one.
    pub(crate) fn doubt_parked(&self) {
        self.lock().iter_mut().for_each(|idle| idle.is_doubted = true);
    }

    fn take(&self) -> Option<Idle> {
        self.lock().pop()
    }

    fn park(&self, idle: Idle) {
        let mut all = self.lock();
        if all.len() < KEPT && !self.endings.is_closed() {
            all.push(idle);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets go of a hyperd that is to end: its daemon waits for its sessions, of which some are kept here while nothing runs.
async fn leave_when_told(engine: Weak<Engine>) {
    loop {
        sleep(TOLD).await;
        let Some(engine) = engine.upgrade() else { return };
        if engine.hyperd.is_left() {
            engine.let_go().await;
        }
    }
}

/// Whether a parked session can be used: it was just used, or answers. That its hyperd is gone is seen without asking.
async fn is_alive(idle: &mut Idle) -> bool {
    let alive = match idle.since.elapsed() < FRESH && !idle.is_doubted {
        true => idle.client.settle().await,
        false => idle.client.ping(PING).await,
    };
    alive.is_ok() && !idle.client.is_closed()
}
