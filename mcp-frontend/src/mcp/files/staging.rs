//! Tables that stand in for another one until they are complete.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::relation::texts;
use crate::mcp::disk::blocking;
use crate::mcp::engine::databases::LOCAL;
use crate::mcp::engine::scratch::{is_abandoned, is_scratch_name};
use crate::mcp::engine::{Lease, literal, quoted};
use crate::mcp::failure::Failure;
use crate::mcp::state::State;
use crate::mcp::tables::{Found, Table};

/// Between a table's name and who made its stand-in.
const LOADING: &str = "~loading ";
const BEFORE: &str = "~before ";
/// How long a stand-in may take to go away. What is left is swept up by the next load.
const CLEAN: Duration = Duration::from_secs(10);
/// How often another load may get ahead of a swap.
const TRIES: usize = 8;

/// Locked while a table gets its name: of two that are renamed to one name at once, hyperd may let both, and one is gone.
static RENAMING: Mutex<()> = Mutex::const_new(());

/// A table that is being made in another's stead. Dropped before it has taken its place, it is removed.
pub(crate) struct Staging {
    state: Arc<State>,
    lease: Option<Lease>,
    target: Found,
    /// The stand-in's own name, while it is there.
    name: Option<String>,
}

impl Staging {
    pub(crate) fn new(state: &Arc<State>, lease: Lease, target: &Found) -> Self {
        let name = mark(state, &target.table.name, LOADING);
        Self { state: state.clone(), lease: Some(lease), target: target.clone(), name: Some(name) }
    }

    /// Makes it; how many rows it has.
    pub(crate) async fn fill(&mut self, select: &str) -> Result<u64, Failure> {
        let name = self.qualified(self.name.as_deref().unwrap_or_default());
        let sql = format!("CREATE TABLE {name} AS {select}");
        let lease = self.lease();
        lease.execute(&sql).await.map_err(|error| Failure::of_statement(&error, &sql))?;
        let count = texts(lease, &format!("SELECT count(*) FROM {name}")).await?;
        Ok(count.first().and_then(|row| row.first()).and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// Gives it the name that it is for, unless a table has it.
    pub(crate) async fn put(&mut self) -> Result<(), Failure> {
        let _alone = RENAMING.lock().await;
        self.put_alone().await
    }

    async fn put_alone(&mut self) -> Result<(), Failure> {
        let Some(name) = self.name.clone() else { return Ok(()) };
        self.rename(&name, &self.target.table.name.clone()).await?;
        self.name = None;
        Ok(())
    }

    /// Puts it in the place of the table. That goes on even if nobody waits for it: between its steps there is no table.
    pub(crate) async fn replace(mut self) -> Result<Lease, Failure> {
        let swap = async move {
            self.swap().await?;
            self.keep()
        };
        let swapping = spawn(swap).await;
        swapping.map_err(|error| {
            Failure::new(format!("Replacing failed: {error}. This is a defect of hyperwire."))
        })?
    }

    /// The session, once the stand-in is where it belongs.
    pub(crate) fn keep(mut self) -> Result<Lease, Failure> {
        self.lease.take().ok_or_else(|| Failure::new("The session is gone. This is a defect of hyperwire."))
    }

    pub(crate) fn lease(&mut self) -> &mut Lease {
        self.lease.as_mut().expect("it has a session until it ends")
    }

    async fn swap(&mut self) -> Result<(), Failure> {
        let _alone = RENAMING.lock().await;
        let mut aside = Vec::new();
        let mut outcome = Ok(());
        for _ in 0..TRIES {
            let old = mark(&self.state, &self.target.table.name, BEFORE);
            match self.rename(&self.target.table.name.clone(), &old).await {
                Ok(()) => aside.push(old),
                Err(failure) if is_missing(&failure) => {}
                // Another load is at it.
                Err(failure) if is_conflict(&failure) => {
                    outcome = Err(failure);
                    continue;
                }
                Err(failure) => {
                    outcome = Err(failure);
                    break;
                }
            }
            outcome = self.put_alone().await;
            match &outcome {
                // Another load was faster.
                Err(failure) if is_there(failure) || is_conflict(failure) => {}
                _ => break,
            }
        }
        if outcome.is_err()
            && let Some(old) = aside.pop()
        {
            let table = self.target.table.name.clone();
            self.rename(&old, &table).await.map_err(|failure| {
                failure.advise(&format!(
                    "The table \"{table}\" is as it was, but is named \"{old}\" now. Next: rename it back with ALTER TABLE."
                ))
            })?;
        }
        for old in aside {
            let sql = format!("DROP TABLE IF EXISTS {}", self.qualified(&old));
            // The new table is in its place; what is left is swept up later.
            let _ = self.lease().execute(&sql).await;
        }
        outcome
    }

    async fn rename(&mut self, from: &str, to: &str) -> Result<(), Failure> {
        let sql = format!("ALTER TABLE {} RENAME TO {}", self.qualified(from), quoted(to));
        self.lease().execute(&sql).await.map(drop).map_err(|error| Failure::of_statement(&error, &sql))
    }

    fn qualified(&self, table: &str) -> String {
        sibling(&self.target, table).quoted()
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let (Some(mut lease), Some(name)) = (self.lease.take(), self.name.take()) else { return };
        let sql = format!("DROP TABLE IF EXISTS {}", self.qualified(&name));
        // On the same session, so after the statement that was making it, which is canceled.
        drop(self.state.engine.see_to(async move {
            let _ = timeout(CLEAN, lease.execute(&sql)).await;
            let _ = timeout(CLEAN, lease.finish()).await;
        }));
    }
}

/// The table of this name in the same schema.
fn sibling(target: &Found, name: &str) -> Found {
    let table = Table { schema: target.table.schema.clone(), name: name.to_owned() };
    Found { alias: target.alias.clone(), table }
}

/// There is no such table.
pub(crate) fn is_missing(failure: &Failure) -> bool {
    failure.sqlstate.as_deref() == Some("42P01")
}

/// There is a table of this name.
pub(crate) fn is_there(failure: &Failure) -> bool {
    failure.sqlstate.as_deref() == Some("42P07")
}

/// Somebody else changed the same at the same moment.
pub(crate) fn is_conflict(failure: &Failure) -> bool {
    failure.sqlstate.as_deref() == Some("40001")
}

/// Puts right what servers left that were killed while they loaded: tables that were moved aside go back, stand-ins away.
pub(crate) async fn sweep(state: &State, lease: &mut Lease, database: &str) -> Result<(), Failure> {
    if database.eq_ignore_ascii_case(LOCAL) {
        return Ok(());
    }
    let sql = format!(
        "SELECT schemaname, tablename FROM {}.pg_catalog.pg_tables WHERE tablename LIKE {} OR tablename LIKE {} ORDER BY \
         1, 2",
        quoted(database),
        literal(&format!("%{LOADING}%")),
        literal(&format!("%{BEFORE}%"))
    );
    for row in texts(lease, &sql).await? {
        let Ok([schema, name]) = <[String; 2]>::try_from(row) else { continue };
        let Some((table, is_aside)) = left_over(state, &name).await else { continue };
        let from = Found { alias: database.to_owned(), table: Table { schema, name } }.quoted();
        if is_aside
            && lease.execute(&format!("ALTER TABLE {from} RENAME TO {}", quoted(&table))).await.is_ok()
        {
            continue;
        }
        // Another server may be as quick.
        let _ = lease.execute(&format!("DROP TABLE IF EXISTS {from}")).await;
    }
    Ok(())
}

/// The table that a dead server's left-over stood for, and whether it is that table itself.
async fn left_over(state: &State, name: &str) -> Option<(String, bool)> {
    let Mark { table, folder, pid, is_aside } = Mark::of(name)?;
    let folder = state.engine.scratch.path().parent()?.join(folder);
    let is_dead = state.disk.long(&folder.clone(), move || is_dead(&folder, pid)).await;
    // One that cannot be asked about is left alone.
    is_dead.unwrap_or(false).then(|| (table.to_owned(), is_aside))
}

/// Whether a name is that of a stand-in, which the next load may remove: no data belongs into a table of such a name.
pub(crate) fn is_stand_in(name: &str) -> bool {
    Mark::of(name).is_some()
}

/// What a stand-in's name tells.
struct Mark<'n> {
    table: &'n str,
    /// The name of its server's scratch folder.
    folder: &'n str,
    pid: i32,
    /// It is the table itself, moved aside.
    is_aside: bool,
}

impl<'n> Mark<'n> {
    fn of(name: &'n str) -> Option<Self> {
        let (is_aside, (table, mark)) = match (name.rsplit_once(LOADING), name.rsplit_once(BEFORE)) {
            (Some(parts), _) => (false, parts),
            (None, Some(parts)) => (true, parts),
            (None, None) => return None,
        };
        let [folder, pid, number] = <[&str; 3]>::try_from(mark.split(' ').collect::<Vec<_>>()).ok()?;
        // A user's table may have a name that is like these; ours have the name of a scratch folder and two numbers.
        number.parse::<u64>().ok().filter(|_| is_scratch_name(folder))?;
        Some(Self { table, folder, pid: pid.parse().ok()?, is_aside })
    }
}

fn is_dead(folder: &Path, pid: i32) -> bool {
    match blocking::about(folder) {
        Ok(_) => return is_abandoned(folder),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(_) => return false,
    }
    // A server with another folder for its temporary files is known by its process alone.
    #[cfg(unix)]
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        return rustix::process::test_kill_process(pid).is_err();
    }
    let _ = pid;
    true
}

/// A name that tells whose it is: the server's scratch folder, its process, and a number.
fn mark(state: &State, table: &str, kind: &str) -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let folder = state.engine.scratch.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
    format!("{table}{kind}{folder} {} {}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
}

/// A task that is not stopped with its caller.
async fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    tokio::spawn(work).await
}
