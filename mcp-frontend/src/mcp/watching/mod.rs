//! Folders whose new files are loaded into a table while the server runs.

mod folder;
mod records;
mod scan;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::call::Call;
use super::disk::{Disk, shown};
use super::failure::Failure;
use super::state::State;
use super::tools;
use folder::{Folder, Standing};

/// How often a folder is looked at. System notices of changes would be sooner, but do not come from every file system; and
/// whether a file is whole takes a second look anyway.
const PERIOD: Duration = Duration::from_secs(1);
/// Pauses at least so many times as long as a look took: a slow network folder is not looked at all the time.
const REST: u32 = 10;
/// How long one look may take.
const LOOK: Duration = Duration::from_secs(30);
/// How many folders one server watches.
const MOST: usize = 16;
/// How many files of each standing are named.
const NAMED: usize = 20;

/// All folders that are watched.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    /// One begins after the other.
    beginning: tokio::sync::Mutex<()>,
    all: Mutex<Vec<Arc<Watch>>>,
}

/// A folder that is watched.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) path: PathBuf,
    pub(crate) target: Target,
    /// A file counts once there is another of its name and this ending.
    pub(crate) ready_suffix: Option<String>,
    since: Instant,
    folder: Mutex<Folder>,
    /// What keeps it from going on.
    trouble: Mutex<Option<String>>,
    stopping: CancellationToken,
    running: TaskTracker,
}

/// The table that files are appended to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The alias of its database.
    pub(crate) database: String,
    pub(crate) table: String,
}

impl Watches {
    /// Begins to watch. Files that are there already are loaded if `existing`, or if they came since the folder was last
    /// watched for this table.
    pub(crate) async fn begin(
        &self,
        state: &Arc<State>,
        path: PathBuf,
        target: Target,
        ready_suffix: Option<String>,
        existing: bool,
        call: &Call,
    ) -> Result<Arc<Watch>, Failure> {
        let _one = self.beginning.lock().await;
        self.expect_room(&path, &target)?;
        let there = look(&state.disk, &path, ready_suffix.as_deref()).await?;
        let (mut folder, is_new) = records::recall(state, &path, &target, call).await?;
        if is_new {
            let skipped = if existing { Vec::new() } else { there.iter().collect() };
            records::begin(state, &path, &target, &skipped, call).await?;
            for (name, version) in skipped {
                folder.recall(name.clone(), version.clone(), Standing::Skipped);
            }
        } else if existing {
            folder.reconsider();
        }
        folder.saw(&there, Instant::now());
        let watch = Arc::new(Watch {
            path,
            target,
            ready_suffix,
            since: Instant::now(),
            folder: Mutex::new(folder),
            trouble: Mutex::default(),
            stopping: state.ending.child_token(),
            running: TaskTracker::new(),
        });
        watch.running.spawn(watch.clone().go_on(state.clone()));
        watch.running.close();
        self.lock().push(watch.clone());
        Ok(watch)
    }

    /// Stops watching a folder, for one table or for all, once the files that are being loaded are.
    pub(crate) async fn end(
        &self,
        state: &State,
        path: &str,
        table: Option<&str>,
    ) -> Result<Vec<Arc<Watch>>, Failure> {
        let wanted: Vec<_> = self
            .of(state, path)
            .await
            .into_iter()
            .filter(|watch| table.is_none_or(|table| watch.target.table == table))
            .collect();
        if wanted.is_empty() {
            return Err(Failure::new(format!(
                "{path} is not watched. Next: `watch` with op = list shows what is."
            )));
        }
        for watch in &wanted {
            watch.stopping.cancel();
        }
        for watch in &wanted {
            watch.running.wait().await;
        }
        self.lock().retain(|watch| !wanted.iter().any(|ended| Arc::ptr_eq(ended, watch)));
        Ok(wanted)
    }

    /// All, in the order they began.
    pub(crate) fn all(&self) -> Vec<Arc<Watch>> {
        self.lock().clone()
    }

    async fn of(&self, state: &State, path: &str) -> Vec<Arc<Watch>> {
        // A folder that is gone, or hangs, has no canonical path any more.
        let path = std::path::Path::new(path);
        let path = state.disk.canonical(path).await.unwrap_or_else(|_| path.to_owned());
        self.all().into_iter().filter(|watch| watch.path == path).collect()
    }

    fn expect_room(&self, path: &std::path::Path, target: &Target) -> Result<(), Failure> {
        let all = self.lock();
        if all.iter().any(|watch| watch.path == path && watch.target == *target) {
            return Err(Failure::new(format!(
                "{} is watched for this table already. Next: `watch` with op = list shows how it goes; stop it first to \
                 begin anew.",
                path.display()
            )));
        }
        if all.len() >= MOST {
            return Err(Failure::new(format!(
                "{MOST} folders are watched already. Nothing was begun. Next: stop one."
            )));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Watch>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// What became of its files so far.
    pub(crate) fn summary(&self) -> Value {
        let folder = self.folder();
        let mut rows = 0;
        let mut loaded = 0;
        let mut skipped = 0;
        let mut elsewhere = 0;
        let mut others = Others::default();
        for (name, file) in folder.files() {
            match &file.standing {
                Standing::Settling(_) => others.add("waiting", json!(name)),
                Standing::Loading => others.add("loading", json!(name)),
                Standing::Skipped => skipped += 1,
                Standing::Elsewhere => elsewhere += 1,
                Standing::Loaded(count) => {
                    loaded += 1;
                    rows += count.unwrap_or(0);
                }
                Standing::Failed(why) => others.add("failed", json!({"file": name, "error": why})),
                Standing::Unknown(why) => others.add("unknown", json!({"file": name, "error": why})),
            }
            if file.changed {
                others.add("changed_since_loaded", json!(name));
            }
        }
        drop(folder);
        let mut summary = json!({
            "path": self.path.display().to_string(),
            "database": self.target.database,
            "table": self.target.table,
            "watching": !self.stopping.is_cancelled(),
            "seconds": self.since.elapsed().as_secs(),
            "loaded": loaded,
            "rows": rows,
            "skipped": skipped,
            "loaded_elsewhere": elsewhere,
        });
        if let Some(trouble) = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            summary["trouble"] = json!(trouble);
        }
        others.put_into(&mut summary);
        summary
    }

    async fn go_on(self: Arc<Self>, state: Arc<State>) {
        let mut pause = PERIOD;
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = sleep(pause) => {}
            }
            let begun = Instant::now();
            let there = look(&state.disk, &self.path, self.ready_suffix.as_deref()).await;
            pause = PERIOD.max(begun.elapsed() * REST);
            let whole = match there {
                Ok(there) => self.folder().saw(&there, Instant::now()),
                Err(failure) => {
                    self.say_trouble(Some(&failure.say(&state.offers)));
                    continue;
                }
            };
            self.say_trouble(None);
            for name in whole {
                if self.stopping.is_cancelled() {
                    return;
                }
                if let Err(failure) = self.load(&state, &name).await {
                    // It is whole still, and tried again.
                    self.say_trouble(Some(&failure.say(&state.offers)));
                    pause = pause.max(5 * PERIOD);
                    break;
                }
            }
        }
    }

    /// Loads a file, and keeps a record of it. Fails if nothing was done about it.
    async fn load(&self, state: &Arc<State>, name: &str) -> Result<(), Failure> {
        let call = Arc::new(Call::new(&state.ending));
        let path = self.path.join(name);
        let Some(version) = self.folder().get(name).map(|file| file.version.clone()) else { return Ok(()) };
        if state.disk.run(&path, scan::version).await.ok().as_ref() != Some(&version) {
            // It waited for others, and was written to or removed meanwhile: the next look sees it.
            return Ok(());
        }
        // Should the server be killed, the next one sees that it was at it.
        if !records::claim(state, &self.path, &self.target, name, &version, &call).await? {
            self.folder().settle(name, Standing::Elsewhere);
            return Ok(());
        }
        self.folder().settle(name, Standing::Loading);
        let work = tools::watch::load(state, &self.target, &path, &call);
        let standing = match call.bounded(None, work).await {
            Ok(rows) => Standing::Loaded(rows),
            Err(failure) if failure.session_lost || state.ending.is_cancelled() => {
                Standing::Unknown(failure.say(&state.offers))
            }
            Err(failure) => Standing::Failed(failure.say(&state.offers)),
        };
        while let Err(failure) = records::put(state, &self.path, &self.target, name, &standing, &call).await {
            self.say_trouble(Some(&failure.say(&state.offers)));
            tokio::select! {
                () = state.ending.cancelled() => break,
                () = sleep(PERIOD) => {}
            }
        }
        // Told only now: what is told as loaded is known to the next server, too.
        self.folder().settle(name, standing);
        Ok(())
    }

    fn folder(&self) -> MutexGuard<'_, Folder> {
        self.folder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say_trouble(&self, trouble: Option<&str>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble.map(str::to_owned);
    }
}

/// Files that a summary names, by what became of them.
#[derive(Debug, Default)]
struct Others(std::collections::BTreeMap<&'static str, Vec<Value>>);

impl Others {
    fn add(&mut self, kind: &'static str, what: Value) {
        self.0.entry(kind).or_default().push(what);
    }

    fn put_into(self, summary: &mut Value) {
        let mut more = Map::new();
        for (kind, mut files) in self.0 {
            if files.len() > NAMED {
                more.insert(kind.to_owned(), json!(files.len()));
                files.truncate(NAMED);
            }
            summary[kind] = json!(files);
        }
        if !more.is_empty() {
            summary["counts"] = Value::Object(more);
        }
    }
}

/// The files that are there, without waiting for a folder that does not answer.
async fn look(
    disk: &Disk,
    path: &std::path::Path,
    ready_suffix: Option<&str>,
) -> Result<scan::Listing, Failure> {
    let (folder, suffix) = (path.to_owned(), ready_suffix.map(str::to_owned));
    let shown = shown(path);
    let failure = |why: &str| {
        Failure::new(format!("The folder {shown} cannot be read: {why}. It is looked at again and again."))
    };
    let looking = disk.long(path, move || scan::scan(&folder, suffix.as_deref()));
    match timeout(LOOK, looking).await {
        Ok(Ok(listing)) => listing.map_err(|error| failure(&error.to_string())),
        Ok(Err(fault)) => Err(failure(&fault.why())),
        Err(_) => Err(failure(&format!("it was not read within {} s", LOOK.as_secs()))),
    }
}
