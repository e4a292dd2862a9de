//! The official Python SDK as a client, over both transports and in both eras. It is installed once, with pip.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Checked with this; a newer one may speak a newer revision.
const SDK: &str = "mcp==2.3.0";

#[test]
fn the_python_sdk_gets_everything_it_asks_for() {
    let python = match installed() {
        Ok(python) => python,
        Err(why) => return skipped_tests::skip(why),
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/sdk.py");

    let mut talk = Command::new(python);
    talk.arg(script).arg(env!("CARGO_BIN_EXE_hyperwire"));
    for (name, value) in crate::server::command(&[]).get_envs() {
        match value {
            Some(value) => talk.env(name, value),
            None => talk.env_remove(name),
        };
    }
    let talked = talk.output().expect("Python starts");

    let said = String::from_utf8_lossy(&talked.stdout);
    print!("{said}");
    assert!(talked.status.success(), "{said}{}", String::from_utf8_lossy(&talked.stderr));
    for conversation in ["stdio legacy ok", "stdio auto ok", "http legacy ok", "http auto ok"] {
        assert!(said.contains(conversation), "{said}");
    }
}

/// A Python that has the SDK, in the target folder.
fn installed() -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let place = target.join(SDK.replace("==", "-"));
    let python = place.join("bin/python");
    let lock = File::create(target.join("python-sdk.lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let complete = place.join("complete");
    if !complete.exists() {
        let _ = fs::remove_dir_all(&place);
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", SDK]))?;
        File::create(complete).map_err(|error| error.to_string())?;
    }
    Ok(python)
}

fn succeed(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&done.stderr).trim())),
        Err(error) => Err(format!("{command:?} does not start: {error}")),
    }
}
