//! Keeping a hyperd to some folders and away from the network, by the kernel.

use std::io;
use std::path::PathBuf;

/// What a hyperd may reach besides what it cannot do without: its program, the system's libraries, and its own folders.
///
/// Landlock (Linux 5.13 and later) enforces it, so that neither SQL nor a link nor a race on a link gets around it: the
/// kernel judges the file that is opened, not the name that it was opened by. A hard link is the file itself, in every
/// folder that has it. hyperd cannot undo it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confinement {
    /// The folders; `None` is everywhere.
    pub folders: Option<Folders>,
    /// Whether it may connect to other machines, and listen for them. Sockets in the file system are not meant.
    pub network: bool,
}

/// Folders that a hyperd is kept to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Folders {
    /// Files in these may be read.
    pub read: Vec<PathBuf>,
    /// Files in these may be read, written, made and removed.
    pub write: Vec<PathBuf>,
}

/// What the kernel of this machine can enforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enforced {
    /// [`Confinement::folders`].
    pub folders: bool,
    /// [`Confinement::network`], for TCP. A kernel that can do this leaves UDP open before ABI 10 of Landlock.
    pub network: bool,
}

impl Confinement {
    /// One without network, in these folders or everywhere.
    #[must_use]
    pub fn without_network(folders: Option<Folders>) -> Self {
        Self { folders, network: false }
    }

    /// One in these folders.
    #[must_use]
    pub fn in_folders(folders: Folders, network: bool) -> Self {
        Self { folders: Some(folders), network }
    }
}

impl Folders {
    /// Folders to read in, and folders to write in.
    #[must_use]
    pub fn new(read: Vec<PathBuf>, write: Vec<PathBuf>) -> Self {
        Self { read, write }
    }
}

impl Enforced {
    /// Asks the kernel; nothing is restricted.
    #[must_use]
    pub fn here() -> Self {
        system::offered()
    }
}

/// Does the work on a thread that is confined, and so confines each process that is started there. What the kernel cannot
/// enforce is left out.
pub(super) fn confined<T: Send>(
    confinement: &Confinement,
    own: &Own<'_>,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            system::restrict(confinement, own)?;
            work()
        });
        worker.join().unwrap_or_else(|_| Err(io::Error::other("the thread that starts hyperd panicked")))
    })
}

/// What a hyperd cannot do without.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is enforced there"))]
pub(super) struct Own<'a> {
    /// Its program.
    pub(super) program: &'a std::path::Path,
    /// Its folders, for reading and writing.
    pub(super) folders: &'a [&'a std::path::Path],
    /// Whether it listens on TCP.
    pub(super) listens_on_tcp: bool,
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Confinement, Enforced, Own, io};

    pub(super) fn offered() -> Enforced {
        Enforced { folders: false, network: false }
    }

    #[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(super) fn restrict(_: &Confinement, _: &Own<'_>) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr,
        RulesetCreatedAttr, RulesetError, path_beneath_rules,
    };

    use super::{Confinement, Enforced, Own, io};

    /// Knows all rights in files that matter here: with fewer, a file outside could be cut to nothing.
    const FILES: ABI = ABI::V3;
    /// The newest, so that what a newer kernel can deny is denied.
    const NEWEST: ABI = ABI::V10;

    /// Where the libraries, the locales and the time zones of the system are, and what says how many processors and how
    /// much memory there are. Found by tracing hyperd 0.0.26963. Not `/etc/resolv.conf`: without it no name is resolved.
    const READ: [&str; 18] = [
        "/lib",
        "/lib32",
        "/lib64",
        "/usr/lib",
        "/usr/lib32",
        "/usr/lib64",
        "/usr/share/locale",
        "/usr/share/zoneinfo",
        "/usr/share/icu",
        "/nix/store",
        "/etc/ld.so.cache",
        "/etc/ld.so.conf",
        "/etc/localtime",
        "/etc/timezone",
        "/sys/devices/system",
        "/sys/fs/cgroup",
        "/dev/urandom",
        "/dev/random",
    ];
    const WRITE: [&str; 2] = ["/dev/null", "/dev/zero"];

    pub(super) fn offered() -> Enforced {
        let strict = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let is_offered = |ruleset: Result<Ruleset, RulesetError>| ruleset.and_then(Ruleset::create).is_ok();
        Enforced {
            folders: is_offered(strict().handle_access(AccessFs::from_all(FILES))),
            network: is_offered(strict().handle_access(tcp())),
        }
    }

    fn tcp() -> BitFlags<AccessNet> {
        AccessNet::BindTcp | AccessNet::ConnectTcp
    }

    pub(super) fn restrict(confinement: &Confinement, own: &Own<'_>) -> io::Result<()> {
        let offered = offered();
        let folders = confinement.folders.as_ref().filter(|_| offered.folders);
        let denies_network = !confinement.network && offered.network;
        if folders.is_none() && !denies_network {
            return Ok(());
        }
        let restricted = || {
            let mut ruleset = Ruleset::default();
            if folders.is_some() {
                ruleset = ruleset.handle_access(AccessFs::from_all(NEWEST))?;
            }
            if denies_network {
                ruleset = ruleset.handle_access(AccessNet::ConnectTcp)?.handle_access(udp())?;
                if !own.listens_on_tcp {
                    ruleset = ruleset.handle_access(AccessNet::BindTcp)?;
                }
            }
            let mut created = ruleset.create()?;
            if let Some(folders) = folders {
                let read = AccessFs::from_read(NEWEST);
                // Opened as they are, links and all: what a link leads to is a file of its own.
                let library = READ.iter().filter_map(|path| fs::canonicalize(path).ok());
                let program = fs::canonicalize(own.program).ok();
                created = created
                    .add_rules(path_beneath_rules(library.chain(program), read))?
                    .add_rules(path_beneath_rules(&folders.read, read))?
                    .add_rules(path_beneath_rules(WRITE, AccessFs::from_all(NEWEST)))?
                    .add_rules(path_beneath_rules(&folders.write, AccessFs::from_all(NEWEST)))?
                    .add_rules(path_beneath_rules(own.folders, AccessFs::from_all(NEWEST)))?;
            }
            created.restrict_self().map(drop)
        };
        restricted().map_err(|error: RulesetError| io::Error::other(error))
    }

    /// What a kernel of ABI 10 denies besides; others leave it out.
    fn udp() -> BitFlags<AccessNet> {
        AccessNet::from_all(NEWEST) & !tcp()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    fn own() -> Own<'static> {
        Own { program: Path::new("/bin/true"), folders: &[], listens_on_tcp: false }
    }

    #[test]
    fn a_confined_thread_reaches_what_it_may_and_nothing_else() {
        if !Enforced::here().folders {
            return;
        }
        let all = tempfile::tempdir().unwrap();
        let [read, write, outside] = ["read", "write", "outside"].map(|name| all.path().join(name));
        for folder in [&read, &write, &outside] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("file"), "text").unwrap();
        }
        symlink(outside.join("file"), write.join("link")).unwrap();
        let folders = Folders::new(vec![read.clone()], vec![write.clone()]);

        let outcome = confined(&Confinement::without_network(Some(folders)), &own(), || {
            let denied = |result: io::Result<()>| {
                result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
            };
            let text = |path: &Path| fs::read(path).map(drop);
            Ok([
                text(&read.join("file")).is_ok(),
                text(&write.join("file")).is_ok(),
                fs::write(write.join("new"), "").is_ok(),
                denied(fs::write(read.join("new"), "")),
                denied(text(&outside.join("file"))),
                denied(text(&write.join("link"))),
                denied(text(Path::new("/etc/passwd"))),
                denied(text(&read.join("../outside/file"))),
            ])
        });

        assert_eq!(outcome.unwrap(), [true; 8]);
        assert!(fs::read(outside.join("file")).is_ok(), "only that thread is confined");
    }

    #[test]
    fn a_confined_thread_connects_to_nobody() {
        if !Enforced::here().network {
            return;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();

        let outcome = confined(&Confinement::without_network(None), &own(), || {
            Ok((TcpStream::connect(address).map(drop), TcpListener::bind("127.0.0.1:0").map(drop)))
        });

        let (connected, bound) = outcome.unwrap();
        for result in [connected, bound] {
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        }
    }
}
