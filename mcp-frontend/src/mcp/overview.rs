//! What hyperd said last of itself and of the databases, for those who cannot wait for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use super::call::Call;
use super::engine::Needs;
use super::failure::Failure;
use super::state::State;
use super::tables::{Size, sizes};

/// How long one database may take to say what tables it has, before the others are asked.
const LONGEST: Duration = Duration::from_secs(10);

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
    /// hyperd's version, or why there is none.
    pub(crate) version: Option<Result<String, Failure>>,
    /// The tables of each database by its alias, or why they are not known.
    pub(crate) databases: BTreeMap<String, Result<Vec<Size>, Failure>>,
}

/// What there is now; if hyperd does not say so within that time, what there was.
pub(crate) async fn look(state: &Arc<State>, within: Duration) -> Arc<Seen> {
    let wanted = begin(state);
    let mut seen = state.overview.seen.subscribe();
    let _ = timeout(within, seen.wait_for(|seen| seen.number >= wanted)).await;
    let last = seen.borrow();
    last.clone()
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
    let mut seen = Seen { number, at: Some(Instant::now()), ..Seen::default() };
    let version = version(state, &call).await;
    let is_there = version.is_ok();
    seen.version = Some(version);
    if is_there {
        for database in state.engine.databases.all() {
            let sizes = timeout(LONGEST, sizes(state, &database.alias, &call)).await;
            let sizes =
                sizes.unwrap_or_else(|_| Err(Failure::new("hyperd does not say which tables it has.")));
            seen.databases.insert(database.alias, sizes);
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
