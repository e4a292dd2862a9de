//! The two commands that set a network up, run on the network of the calling thread.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use super::NetworkError;

/// Runs `ip` with `arguments`.
pub(super) fn ip(arguments: &[&str]) -> Result<(), NetworkError> {
    run("ip", "iproute2", arguments, "")
}

/// Has `nft` carry out `script`, all of it or nothing.
pub(super) fn nft(script: &str) -> Result<(), NetworkError> {
    run("nft", "nftables", &["-f", "-"], script)
}

fn run(
    command: &'static str,
    package: &'static str,
    arguments: &[&str],
    input: &str,
) -> Result<(), NetworkError> {
    let described = || format!("{command} {} {input}", arguments.join(" ")).trim_end().to_owned();
    let failed = |reason: String| NetworkError::Command { command: described(), reason };
    let started = Command::new(command)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(NetworkError::MissingCommand { command, package });
        }
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut stdin = child.stdin.take().expect("piped above");
    let written = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(format!("{}, {}", output.status, String::from_utf8_lossy(&output.stderr).trim())));
    }
    written.map_err(|error| failed(error.to_string()))
}
