//! The `hyperwire` binary, for tests of this package, which Cargo does not build it for.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Names a binary to test instead of the one of this source tree, such as one that was installed.
pub const HYPERWIRE_BINARY: &str = "HYPERWIRE_BINARY";

/// The path of a `hyperwire` that belongs to this source tree, or of the one that [`HYPERWIRE_BINARY`] names.
///
/// Cargo builds it at the first call, with the profile, the target and into the folder of the calling test; that
/// takes a moment when nothing has changed. Cargo's own lock on that folder orders any number of callers.
///
/// # Panics
/// When it does not build, with what Cargo said.
#[must_use]
pub fn hyperwire_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match env::var_os(HYPERWIRE_BINARY) {
        Some(path) => {
            let path = PathBuf::from(path);
            assert!(path.is_file(), "{HYPERWIRE_BINARY} is {}, and there is no such file", path.display());
            path
        }
        None => build(&Build::of(&env::current_exe().expect("the system knows this program"))),
    })
}

/// Where and how a program was built.
#[derive(Debug, PartialEq, Eq)]
struct Build {
    folder: PathBuf,
    profile: OsString,
    target: Option<OsString>,
}

impl Build {
    /// Of a program at `<folder>/[<target>/]<profile>/[deps/]<program>`.
    fn of(program: &Path) -> Self {
        let parent = program.parent().expect("a program is in a folder");
        let of_profile = if parent.ends_with("deps") { parent.parent().unwrap_or(parent) } else { parent };
        let named = |path: &Path| path.file_name().unwrap_or_default().to_owned();
        let profile = match named(of_profile) {
            name if name == "debug" => "dev".into(),
            name => name,
        };
        let above = of_profile.parent().expect("Cargo's folder is not the root");
        // Cargo puts this file into the folder of a build, and a triple's folder is in there.
        let is_root = |folder: &Path| folder.join("CACHEDIR.TAG").exists();
        match above.parent().filter(|further| !is_root(above) && is_root(further)) {
            Some(folder) => Self { folder: folder.to_owned(), profile, target: Some(named(above)) },
            None => Self { folder: above.to_owned(), profile, target: None },
        }
    }
}

fn build(build: &Build) -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args([
        "build",
        "--package=hyperwire-mcp",
        "--bin=hyperwire",
    ]);
    command.args(["--locked", "--message-format=json-render-diagnostics", "--profile"]).arg(&build.profile);
    command.arg("--target-dir").arg(&build.folder);
    if let Some(target) = &build.target {
        command.arg("--target").arg(target);
    }
    // What Cargo tells the tests of this package about it would be taken for a change by build scripts of others.
    let told = |name: &str| {
        name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_MANIFEST_")
            || name.starts_with("CARGO_BIN_EXE_")
    };
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(told) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = command.output().expect("the Cargo that built this test is still there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "hyperwire does not build:\n{said}");
    let messages = String::from_utf8_lossy(&output.stdout);
    messages.lines().rev().find_map(executable).unwrap_or_else(|| panic!("Cargo built no hyperwire:\n{said}"))
}

/// The path of hyperwire, if this message of Cargo's is about it.
fn executable(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let hyperwire = message["target"]["name"] == "hyperwire";
    message["executable"].as_str().filter(|_| hyperwire).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_test_lies_tells_how_it_was_built() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("built");
        std::fs::create_dir(&root).expect("a new folder");
        std::fs::write(root.join("CACHEDIR.TAG"), "").expect("a new file");
        let expected = |profile: &str, target: Option<&str>| Build {
            folder: root.clone(),
            profile: profile.into(),
            target: target.map(OsString::from),
        };

        assert_eq!(Build::of(&root.join("debug/deps/a_test")), expected("dev", None));
        assert_eq!(Build::of(&root.join("release/a_program")), expected("release", None));
        let triple = "x86_64-unknown-linux-musl";
        assert_eq!(Build::of(&root.join(triple).join("small/deps/a_test")), expected("small", Some(triple)));
    }

    #[test]
    fn only_the_message_about_hyperwire_has_its_path() {
        let of = |name: &str| format!(r#"{{"target":{{"name":"{name}"}},"executable":"/built/{name}"}}"#);

        assert_eq!(executable(&of("hyperwire")), Some("/built/hyperwire".into()));
        assert_eq!(executable(&of("other")), None);
        assert_eq!(executable("   Compiling hyperwire"), None);
    }
}
