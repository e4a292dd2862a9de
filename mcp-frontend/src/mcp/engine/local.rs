//! The scratch database, which hyperd opens for every session.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use hyperwire_tokio::Client;

use super::databases::LOCAL;
use super::hyperd::{Run, quoted};
use crate::mcp::failure::Failure;

/// Its file, and the hyperd that has it.
pub(super) struct Local {
    path: PathBuf,
    /// The hyperd that it was last opened by. Locked while it is created: hyperd can hang for good when several sessions
    /// create and open the same new file at once.
    opened_by: tokio::sync::Mutex<Option<Run>>,
    notice: Mutex<Option<String>>,
}

impl Local {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, opened_by: tokio::sync::Mutex::default(), notice: Mutex::default() }
    }

    /// Attaches it to a session of this hyperd.
    pub(super) async fn attach(&self, client: &mut Client, run: &Run) -> Result<(), Failure> {
        let path = self
            .path
            .to_str()
            .ok_or_else(|| Failure::new("The folder for scratch files is not UTF-8. Set TMPDIR."))?;
        let attach = format!("ATTACH DATABASE {} AS {LOCAL}", quoted(path));
        let create = format!("CREATE DATABASE IF NOT EXISTS {}", quoted(path));
        let mut opened_by = self.opened_by.lock().await;
        if opened_by.as_ref() == Some(run) {
            // Several may open it at the same time.
            drop(opened_by);
            return client
                .execute(&attach)
                .await
                .map(drop)
                .map_err(|error| Failure::of_statement(&error, &attach));
        }
        client.execute(&create).await?;
        let attached = client.execute(&attach).await;
        let kept = match (&attached, opened_by.is_some()) {
            (Ok(_), false) => None,
            // What the one before had not written is not there.
            (Ok(_), true) => Some(tables(client).await?),
            (Err(error), _) if error.is_session_lost() => return Err(attached.map(drop).unwrap_err().into()),
            (Err(_), _) => {
                // The old hyperd still has it, or it is broken.
                fs::remove_file(&self.path)
                    .map_err(|error| Failure::new(format!("A new scratch database cannot be: {error}.")))?;
                client.execute(&create).await?;
                client.execute(&attach).await?;
                Some(0)
            }
        };
        *opened_by = Some(run.clone());
        if let Some(kept) = kept {
            *self.notice() = Some(format!(
                "hyperd had ended and was started again. The scratch database `local` is as hyperd had last written it, \
                 with {kept} tables: what was done there since is lost, and has to be done again."
            ));
        }
        Ok(())
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
