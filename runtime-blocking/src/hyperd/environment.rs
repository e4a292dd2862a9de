use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use etcetera::BaseStrategy;
use hyperwire_core::hyperd::Wheel;

/// What finding and fetching hyperd depend on besides the file system. Nothing else of the process is looked at.
///
/// The default is an empty environment, in which nothing is found and nothing can be fetched.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Environment {
    /// `HYPERD_PATH`: a hyperd, or the folder that it is in. An empty variable counts as none.
    pub hyperd_path: Option<PathBuf>,
    /// The folder for caches: `HYPERWIRE_CACHE_DIR`, or else the platform's (`XDG_CACHE_HOME`, `~/.cache`,
    /// `~/Library/Caches`, `%LOCALAPPDATA%`). Ours is the folder `hyperwire` in it.
    pub cache_dir: Option<PathBuf>,
    /// `PATH`: where `hyperd` and `python3` are looked for, and what the latter is started with.
    pub path: Option<OsString>,
    /// What to fetch; `None` where Hyper was never published.
    pub wheel: Option<Wheel>,
    /// How long Python may take to say where a package is. 10 s.
    pub python_answers_within: Duration,
    /// How long a download may go on without a further byte. 2 min.
    pub download_stalls_after: Duration,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            hyperd_path: None,
            cache_dir: None,
            path: None,
            wheel: None,
            python_answers_within: Duration::from_secs(10),
            download_stalls_after: Duration::from_secs(120),
        }
    }
}

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let platform_cache =
            || etcetera::base_strategy::choose_native_strategy().ok().map(|folders| folders.cache_dir());
        Self {
            hyperd_path: set("HYPERD_PATH").map(PathBuf::from),
            cache_dir: set("HYPERWIRE_CACHE_DIR").map(PathBuf::from).or_else(platform_cache),
            path: set("PATH"),
            wheel: Wheel::for_platform(env::consts::OS, env::consts::ARCH),
            ..Self::default()
        }
    }

    /// The folder in which each version of hyperd has one of its own.
    pub(super) fn hyperd_cache(&self) -> Option<PathBuf> {
        let base = std::path::absolute(self.cache_dir.as_ref()?).ok()?;
        Some(base.join("hyperwire").join("hyperd"))
    }

    /// Where the cache keeps the hyperd of the pinned wheel, whether it is there or not.
    pub(super) fn cached_hyperd(&self) -> Option<PathBuf> {
        Some(self.hyperd_cache()?.join(self.wheel?.cache_name()).join(PROGRAM))
    }

    /// The first program of this name on `PATH`. Relative entries are left out: what they mean depends on where one
    /// happens to stand.
    pub(super) fn on_path(&self, name: &str) -> Option<PathBuf> {
        let name = format!("{name}{}", env::consts::EXE_SUFFIX);
        let folders = env::split_paths(self.path.as_ref()?).filter(|folder| folder.is_absolute());
        folders.map(|folder| folder.join(&name)).find(|file| super::system::is_executable(file))
    }
}

/// The name of the program on this platform.
pub(super) const PROGRAM: &str = if cfg!(windows) { "hyperd.exe" } else { "hyperd" };
