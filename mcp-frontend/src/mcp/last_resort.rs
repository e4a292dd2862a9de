//! The end of the process, whatever is blocked.
//!
//! A server that ends lets calls finish, tells hyperd to stop and removes its scratch files, each within a limit. Should any of
//! that hang all the same, this ends the process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// How long the orderly end may take. Clients wait a second before they kill a server.
const ORDERLY: Duration = Duration::from_millis(800);

static ARMED: AtomicBool = AtomicBool::new(false);

/// Ends the process in a moment, unless it ends in good order until then.
pub(super) fn arm() {
    if ARMED.swap(true, Ordering::Relaxed) {
        return;
    }
    let started = thread::Builder::new().name("last resort".to_owned()).spawn(|| {
        thread::sleep(ORDERLY);
        exit();
    });
    if started.is_err() {
        // There are no threads any more: nothing else will end either.
        exit();
    }
}

#[cfg(unix)]
fn exit() {
    // Without what `exit(3)` does first, which may wait for the very threads that hang.
    signal_hook::low_level::exit(Exit::Success as i32);
}

#[cfg(not(unix))]
fn exit() {
    std::process::exit(Exit::Success as i32);
}

/// Being told to end is as good as the end of input. Signals come to a thread of their own, so that they come through
/// whatever the others do.
#[cfg(unix)]
pub(super) fn end_on_signals(ending: &CancellationToken) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGTERM, SIGHUP, SIGINT]) else { return };
    let ending = ending.clone();
    // Without that thread the signals would be lost; with none to be had the process ends by its first failure anyway.
    let _ = thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for _ in signals.forever() {
            ending.cancel();
            arm();
        }
    });
}

#[cfg(not(unix))]
pub(super) fn end_on_signals(ending: &CancellationToken) {
    let ending = ending.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            ending.cancel();
            arm();
        }
    });
}
