//! A database that a session has opened for a call.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyperwire_tokio::hyperwire_core::session::SqlState;
use hyperwire_tokio::{Client, Error};
use tokio::time::{Instant, sleep, timeout};

use super::databases::{Database, Mode, PERSISTENT};
use super::hyperd::{Hold, quoted};
use super::usage::Using;
use crate::mcp::advice::Advice;
use crate::mcp::disk::{About, Disk, Fault, Kind, shown};
use crate::mcp::failure::Failure;

/// How long one that is in the way may be waited for: calls of other servers hold a database only while they use it.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long hyperd may take to open one. It takes milliseconds, or hangs.
const OPENED_WITHIN: Duration = Duration::from_secs(30);
/// The pause between two tries.
const AGAIN: Duration = Duration::from_millis(20);

/// An open database. It has to be detached; if it is dropped instead, so must the session be.
pub(super) struct Attached {
    alias: String,
    pub(super) path: PathBuf,
    pub(super) mode: Mode,
    using: Using,
}

impl Attached {
    /// Opens it. If it is open for writing already and `may_write` is set, it is opened for writing too. Its file has to be
    /// there; only a call that may write makes the file of the persistent database. hyperd would make any.
    pub(super) async fn attach(
        client: &mut Client,
        disk: &Disk,
        hold: &Hold,
        database: Database,
        using: Using,
        may_write: bool,
        creates: bool,
    ) -> Result<Self, Failure> {
        let Database { alias, path, mut mode } = database;
        let text = path.to_str().ok_or_else(|| {
            Failure::new(format!("The path {} is not UTF-8, which Hyper needs. Rename it.", path.display()))
        })?;
        if creates {
            hold.create_database(disk, text).await?;
        } else {
            expect_there(disk, &alias, &path).await?;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let sql = statement(text, &alias, mode);
            let Ok(answer) = timeout(OPENED_WITHIN, client.execute(&sql)).await else {
                return Err(Failure::new(format!(
                    "hyperd has not opened {text} within {} s; nothing was run. Either the disk is very slow, or hyperd \
                     hangs on this file, which happens when a program attaches a database while another creates it.",
                    OPENED_WITHIN.as_secs()
                ))
                .next(Advice::HangsOnFile));
            };
            let Err(error) = answer else {
                return Ok(Self { alias, path, mode, using });
            };
            match obstacle(&error) {
                Some(Obstacle::Mode) if may_write && mode == Mode::ReadOnly => mode = Mode::ReadWrite,
                Some(_) if Instant::now() < deadline => sleep(AGAIN).await,
                obstacle => {
                    let failure = Failure::of_statement(&error, &sql);
                    return Err(match obstacle {
                        Some(obstacle) => obstacle.explain(failure, mode),
                        None => failure,
                    });
                }
            }
        }
    }

    /// Closes it for this session. If no other session has it, it is on disk then.
    pub(super) async fn detach(self, client: &mut Client) -> Result<Using, Failure> {
        let sql = format!("DETACH DATABASE {}", quoted(&self.alias));
        match client.execute(&sql).await {
            Ok(_) => {}
            // The caller's own SQL did it.
            Err(error) if error.code().is_some_and(|code| code.as_str() == "3D000") => {}
            Err(error) => return Err(Failure::of_statement(&error, &sql)),
        }
        Ok(self.using)
    }
}

/// Whether the file is there still.
async fn expect_there(disk: &Disk, alias: &str, path: &Path) -> Result<(), Failure> {
    match disk.about(path).await {
        Ok(About { kind: Kind::Special(what), .. }) => {
            Err(Fault::Special { path: path.to_owned(), what }.failure("opened").advise("Nothing was run."))
        }
        Ok(_) => Ok(()),
        Err(fault) if fault.is_missing() && alias == PERSISTENT => Err(Failure::new(format!(
            "The persistent database has no file: {} is not there yet, or not any more. Nothing was run, and reading makes \
             none.",
            shown(path)
        ))
        .next(Advice::WriteFirst)),
        Err(fault) if fault.is_missing() => Err(Failure::new(format!(
            "The file of the database {alias} is gone: {} was deleted or moved since it was attached. Nothing was run, and \
             no new file was made. Next: have the file put back, or detach {alias}.",
            shown(path)
        ))),
        Err(fault) => Err(fault.failure("opened").advise("Nothing was run.")),
    }
}

fn statement(path: &str, alias: &str, mode: Mode) -> String {
    let mode = match mode {
        Mode::ReadOnly => " WITH (access_mode = 'readonly')",
        Mode::ReadWrite => "",
    };
    format!("ATTACH DATABASE {} AS {}{mode}", quoted(path), quoted(alias))
}

/// Who has the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    /// Another session of this hyperd, in the other mode.
    Mode,
    /// Another hyperd.
    Lock,
}

fn obstacle(error: &Error) -> Option<Obstacle> {
    match error.code().as_ref().map(SqlState::as_str) {
        Some("55000") => Some(Obstacle::Mode),
        Some("55006") => Some(Obstacle::Lock),
        _ => None,
    }
}

impl Obstacle {
    fn explain(self, failure: Failure, wanted: Mode) -> Failure {
        match (self, wanted) {
            (Self::Mode, Mode::ReadOnly) => failure
                .advise("Another call or program has this database open for writing.")
                .next(Advice::WaitOrAttachForWriting),
            (Self::Mode, Mode::ReadWrite) => failure
                .advise("Another call or program has this database open read-only, which keeps out writers.")
                .next(Advice::WaitOrAttachForReading),
            (Self::Lock, _) => failure.advise(
                "The file is open in a program with a hyperd of its own, such as Tableau or a server started with \
                 --private or --allow-dir.",
            ),
        }
    }
}
