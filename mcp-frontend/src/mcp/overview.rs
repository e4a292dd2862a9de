//! What hyperd said last of itself and of the databases, for those who cannot wait for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::call::Call;
use super::engine::Needs;
use super::failure::Failure;
use super::state::State;
use super::tables::{Size, sizes};

/// How long one database may take to say what tables it has.
const LONGEST: Duration = Duration::from_secs(5);
/// How long what there is now is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it is waited for while hyperd is busy. The answer is promised within 50 ms then.
const BRIEFLY: Duration = Duration::from_millis(25);
/// A call that runs for so long keeps hyperd busy; one that has just begun, or is being answered, may not.
const LONG: Duration = Duration::from_millis(100);

/// The last look, and whether another one is on its way.
#[derive(Debug, Default)]
pub(crate) struct Overview {
    plan: Mutex<Plan>,
    seen: watch::Sender<Arc<Seen>>,
}

/// Looks are numbered.
#[derive(Debug, Default)]
struct Plan {
    begun: u64,
    /// Asked for by somebody who came when an earlier one had begun.
    wanted: u64,
    looking: bool,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    number: u64,
    /// When that look began; never, if there was none.
    pub(crate) at: Option<Instant>,
    /// How many changes had been made by this server before it.
    changes: u64,
    /// hyperd's version, or why there is none.
    pub(crate) version: Option<Result<String, Failure>>,
    /// The tables of each database by its alias, or why they are not known.
    pub(crate) databases: BTreeMap<String, Result<Vec<Size>, Failure>>,
}

/// What a look shows.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) seen: Arc<Seen>,
    /// Whether it began after it was asked for.
    pub(crate) is_fresh: bool,
    /// How many calls keep hyperd busy, if it did not answer in time.
    pub(crate) busy: usize,
}

/// What there is now. While hyperd is busy, what there was, unless this server has changed something since; after 2 s in any
/// case.
pub(crate) async fn look(state: &Arc<State>) -> Look {
    let changes = state.changes.count();
    let wanted = begin(state);
    let until = Instant::now() + PATIENCE;
    let mut seen = state.overview.seen.subscribe();
    loop {
        let came = timeout(BRIEFLY, seen.wait_for(|seen| seen.number >= wanted));
        let is_fresh = came.await.is_ok_and(|came| came.is_ok());
        let last = seen.borrow().clone();
        let busy = busy(state);
        let is_enough = busy > 0 && last.changes >= changes;
        if is_fresh || is_enough || Instant::now() >= until {
            return Look { seen: last, is_fresh, busy };
        }
    }
}

/// How many calls run for long enough to keep hyperd busy.
fn busy(state: &State) -> usize {
    let running = state.calls.of_everybody().into_iter().filter(|running| running.tool != "inspect");
    running.filter(|running| running.call.started.elapsed() >= LONG).count()
}

/// Has a look taken that begins after now; its number. One is taken at a time: hyperd may be slow, and its answers are then
/// for all who wait.
fn begin(state: &Arc<State>) -> u64 {
    let mut plan = lock(state);
    plan.wanted = plan.begun + 1;
    if !plan.looking {
        plan.looking = true;
        tokio::spawn(looking(state.clone()));
    }
    plan.wanted
}

async fn looking(state: Arc<State>) {
    loop {
        let number = {
            let mut plan = lock(&state);
            if plan.begun == plan.wanted {
                plan.looking = false;
                return;
            }
            plan.begun += 1;
            plan.begun
        };
        let seen = take(&state, number).await;
        state.overview.seen.send_replace(Arc::new(seen));
    }
}

async fn take(state: &Arc<State>, number: u64) -> Seen {
    let call = Call::new(&state.ending);
    let changes = state.changes.count();
    let mut seen = Seen { number, at: Some(Instant::now()), changes, ..Seen::default() };
    let version = version(state, &call).await;
    let is_there = version.is_ok();
    seen.version = Some(version);
    if is_there {
        // All at once: one that another program has locked takes its time.
        let mut looking = JoinSet::new();
        for database in state.engine.databases.all() {
            let state = state.clone();
            looking.spawn(async move {
                let call = Call::new(&state.ending);
                let sizes = timeout(LONGEST, sizes(&state, &database.alias, &call)).await;
                let late = |_| Err(Failure::new("hyperd does not say which tables it has."));
                (database.alias, sizes.unwrap_or_else(late))
            });
        }
        while let Some(looked) = looking.join_next().await {
            if let Ok((alias, sizes)) = looked {
                seen.databases.insert(alias, sizes);
            }
        }
    }
    seen
}

async fn version(state: &Arc<State>, call: &Call) -> Result<String, Failure> {
    let mut lease = state.engine.lease_to_read(Needs { light: true, ..Needs::default() }, call).await?;
    let version: Vec<String> = lease
        .query("SELECT version()")
        .await?
        .map(|row| Ok::<_, hyperwire_tokio::Error>(row.get(0)?))
        .await?;
    lease.finish().await?;
    // `Hyper 9.1.0 emulation, hyper version main.0.0.26963...`
    let version = version.into_iter().next().unwrap_or_default();
    Ok(version.rsplit(' ').next().unwrap_or_default().to_owned())
}

fn lock(state: &State) -> std::sync::MutexGuard<'_, Plan> {
    state.overview.plan.lock().unwrap_or_else(PoisonError::into_inner)
}
