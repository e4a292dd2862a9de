//! What a storm stands on: ports and file systems that nobody else uses, where the system gives them.

use std::io::Write;
use std::net::TcpListener;

use hyperwire_blocking::hyperwire_core::control::BASE_PORT;
use hyperwire_tests::network::Network;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use skipped_tests::skip;
use std::path::Path;

/// What there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ground {
    /// Sixteen ports from here on are free.
    pub(crate) port: u16,
    /// File systems can be mounted, which nobody else sees.
    pub(crate) can_mount: bool,
}

/// Runs something on a thread with a network and mounts of its own; without them, if the system gives none, after
/// saying so.
///
/// # Panics
/// When the system gives none although the environment variable `CI` is set; and as `job` does.
pub(crate) fn on_ground_of_its_own<T: Send + 'static>(job: impl FnOnce(Ground) -> T + Send + 'static) -> T {
    match Network::new() {
        Ok(network) => network.client.run(move || {
            let mounts = mounts_of_its_own();
            if let Err(error) = &mounts {
                explain(&format!("no mount namespace: {error}; no disk is filled"));
            }
            job(Ground { port: BASE_PORT, can_mount: mounts.is_ok() })
        }),
        Err(error) => {
            explain(&format!("{error}; the storm uses this machine's ports, and no disk is filled"));
            job(Ground { port: free_ports(), can_mount: false })
        }
    }
}

fn explain(why: &str) {
    skip(format_args!("in part: {why}"));
}

fn mounts_of_its_own() -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    // Else what is mounted here would appear everywhere.
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_PRIVATE | MsFlags::MS_REC, None::<&str>)
}

/// A base of sixteen ports that are free now. Somebody may take one before a daemon does, which then takes another.
fn free_ports() -> u16 {
    let are_free = |base: &u16| (*base..base + 16).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    (20_000..60_000).step_by(16).find(are_free).expect("sixteen free ports in a row")
}

/// A file system of this size at a folder, until it is dropped.
pub(crate) struct TinyDisk<'p>(&'p Path);

impl<'p> TinyDisk<'p> {
    /// 1 MiB; needs [`Ground::can_mount`].
    pub(crate) fn mount(folder: &'p Path) -> Self {
        mount(Some("storm"), folder, Some("tmpfs"), MsFlags::empty(), Some("size=1m,mode=700"))
            .expect("what may unshare mounts may mount");
        Self(folder)
    }

    /// Leaves no room at all.
    pub(crate) fn fill(folder: &Path) {
        let Ok(mut file) = std::fs::File::create(folder.join(FILLER)) else { return };
        // Smaller and smaller pieces; the last of one byte.
        let mut piece = vec![0; 1 << 16];
        while !piece.is_empty() {
            if file.write_all(&piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
    }

    /// Gives the room back.
    pub(crate) fn free(folder: &Path) {
        // It was not filled, or no file could be made any more.
        let _ = std::fs::remove_file(folder.join(FILLER));
    }
}

const FILLER: &str = "filler";

impl Drop for TinyDisk<'_> {
    fn drop(&mut self) {
        // It goes with the thread in any case.
        let _ = umount2(self.0, MntFlags::MNT_DETACH);
    }
}
