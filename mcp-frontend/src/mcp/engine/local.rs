//! The scratch database, which hyperd opens for every session.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use hyperwire_tokio::Client;

use super::databases::LOCAL;
use super::hyperd::{Run, quoted};
use crate::mcp::disk::Disk;
use crate::mcp::failure::Failure;

/// Its file, and the hyperd that has it.
pub(super) struct Local {
    disk: Disk,
    path: PathBuf,
    /// Locked while it is created: hyperd can hang for good when several sessions create and open the same new file at
    /// once.
    opened: tokio::sync::Mutex<Option<Opened>>,
    notice: Mutex<Option<String>>,
}

/// That it is open.
struct Opened {
    by: Run,
    /// Has it open all the time. hyperd closes a database when its last session leaves, and to open one again takes it
    /// up to 20 ms a table. It also tells one hyperd from the next: a daemon that has replaced a killed one at the same
    /// endpoint may not have said so yet, but this session ended with the killed one. None once it was closed in good
    /// order, with which nothing was lost.
    anchor: Option<Client>,
}

impl Opened {
    /// Whether the hyperd that has opened it is this run, and still the same process.
    async fn is_of(&mut self, run: &Run) -> bool {
        self.by == *run
            && match &mut self.anchor {
                Some(anchor) => anchor.settle().await.is_ok() && !anchor.is_closed(),
                None => true,
            }
    }
}

impl Local {
    pub(super) fn new(disk: Disk, path: PathBuf) -> Self {
        Self { disk, path, opened: tokio::sync::Mutex::default(), notice: Mutex::default() }
    }

    /// Attaches it to a session of this hyperd, on which it is kept open by another session if this is the first.
    pub(super) async fn attach(
        &self,
        client: &mut Client,
        run: &Run,
        another: impl AsyncFnOnce() -> Result<Client, Failure>,
    ) -> Result<(), Failure> {
        let path = self
            .path
            .to_str()
            .ok_or_else(|| Failure::new("The folder for scratch files is not UTF-8. Set TMPDIR."))?;
        let attach = format!("ATTACH DATABASE {} AS {LOCAL}", quoted(path));
        let create = format!("CREATE DATABASE IF NOT EXISTS {}", quoted(path));
        let mut opened = self.opened.lock().await;
        let is_open = match opened.as_mut() {
            Some(opened) => opened.is_of(run).await,
            None => false,
        };
        if !is_open {
            let mut anchor = another().await?;
            let kept = self.open(&mut anchor, &create, &attach, opened.is_some()).await?;
            *opened = Some(Opened { by: run.clone(), anchor: Some(anchor) });
            if let Some(kept) = kept {
                *self.notice() = Some(format!(
                    "hyperd had ended and was started again. The scratch database `local` is as hyperd had last written \
                     it, with {kept} tables: what was done there since is lost, and has to be done again. Other databases \
                     are as they last were `on_disk`; rows behind a cursor are still kept."
                ));
            }
        }
        // Several may open it at the same time.
        drop(opened);
        client.execute(&attach).await.map(drop).map_err(|error| Failure::of_statement(&error, &attach))
    }

    /// Opens it where it is not open; how many tables are left of it, if it was `there_before`.
    async fn open(
        &self,
        client: &mut Client,
        create: &str,
        attach: &str,
        there_before: bool,
    ) -> Result<Option<u64>, Failure> {
        client.execute(create).await?;
        let attached = client.execute(attach).await;
        match (&attached, there_before) {
            (Ok(_), false) => Ok(None),
            // What the one before had not written is not there.
            (Ok(_), true) => tables(client).await.map(Some),
            (Err(error), _) if error.is_session_lost() => Err(attached.map(drop).unwrap_err().into()),
            (Err(_), _) => {
                // The old hyperd still has it, or it is broken.
                self.disk.remove(&self.path).await.map_err(|fault| {
                    Failure::new(format!("A new scratch database cannot be made: {}.", fault.why()))
                })?;
                client.execute(create).await?;
                client.execute(attach).await?;
                Ok(Some(0))
            }
        }
    }

    /// Lets go of it.
    pub(super) async fn close(&self) {
        if let Some(opened) = self.opened.lock().await.as_mut() {
            opened.anchor = None;
        }
    }

    /// What is to be told once.
    pub(super) fn take_notice(&self) -> Option<String> {
        self.notice().take()
    }

    fn notice(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.notice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tables(client: &mut Client) -> Result<u64, Failure> {
    let sql = format!(
        "SELECT tablename FROM {LOCAL}.pg_catalog.pg_tables WHERE schemaname NOT IN ('pg_catalog', 'pg_temp')"
    );
    client.execute(&sql).await.map_err(|error| Failure::of_statement(&error, &sql))
}
