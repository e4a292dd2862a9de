//! The `hyperwire` binary of this workspace.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use super::fetch;

/// The binary, built if need be with the profile of the tests. The environment variable `HYPERWIRE` names another.
///
/// # Panics
/// When it cannot be built.
pub(super) fn hyperwire() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| env::var_os("HYPERWIRE").map_or_else(build, PathBuf::from)).clone()
}

fn build() -> PathBuf {
    let profile = fetch::profile_folder();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "hyperwire-mcp", "--manifest-path"]);
    cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
    cargo.args(["--target-dir".as_ref(), profile.parent().expect("cargo nests them").as_os_str()]);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    fetch::succeed(cargo, Duration::from_secs(1200))
        .unwrap_or_else(|reason| panic!("no hyperwire: {reason}"));
    profile.join("hyperwire")
}
