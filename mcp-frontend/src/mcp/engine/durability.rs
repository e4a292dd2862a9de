//! Whether what was written is on disk. hyperd writes a database when the last session lets go of it; if it is killed
//! before, what was committed since is lost.

use std::path::Path;
use std::time::Duration;

use hyperwire_tokio::Client;
use tokio::time::{Instant, sleep};

use super::databases::LOCAL;
use super::hyperd::quoted;
use super::lease::literal;
use super::usage::Using;
use crate::mcp::failure::Failure;

/// How long other programs that have the database open are waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// The pause between two looks.
const AGAIN: Duration = Duration::from_millis(20);

/// What is known of the databases that a call had open.
#[derive(Debug, Default)]
pub(super) struct Durability {
    asked: bool,
    held: Vec<Held>,
}

/// Who still has a database open, so that it is not on disk.
#[derive(Debug)]
pub(super) struct Held {
    path: String,
    by_own_calls: bool,
}

impl Durability {
    pub(super) fn add(&mut self, held: Option<Held>) {
        self.asked = true;
        self.held.extend(held);
    }

    /// Whether there was something to be written, and it is.
    pub(super) fn is_on_disk(&self) -> bool {
        self.asked && self.held.is_empty()
    }

    pub(super) fn warning(&self) -> Option<String> {
        let sentences: Vec<_> = self.held.iter().map(Held::sentence).collect();
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }
}

impl Held {
    fn sentence(&self) -> String {
        let who = if self.by_own_calls { "Other calls of this server have" } else { "Another program has" };
        format!(
            "{who} {} open. What was written is committed and visible to all, and will be on disk when they let go of it; \
             until then it is lost if hyperd is killed.",
            self.path
        )
    }
}

/// A write that is committed, to a database that is still open.
pub(super) struct Write {
    path: String,
    /// When hyperd last wrote the file; this commit is younger.
    written: Option<String>,
}

impl Write {
    pub(super) async fn before_detaching(client: &mut Client, path: &Path) -> Result<Self, Failure> {
        let path = path.to_str().unwrap_or_default().to_owned();
        let written = written_at(client, &path).await?;
        Ok(Self { path, written })
    }

    /// Once this session has detached the database: who keeps it from being written; `None` if it is.
    pub(super) async fn fate(self, client: &mut Client, using: Using) -> Result<Option<Held>, Failure> {
        let own_calls_ended = using.end_as_writer().await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let written = written_at(client, &self.path).await?;
            // hyperd writes an open database only when it closes it.
            if written.is_none() || written != self.written {
                return Ok(None);
            }
            if !own_calls_ended || Instant::now() >= deadline {
                return Ok(Some(Held { path: self.path, by_own_calls: !own_calls_ended }));
            }
            sleep(AGAIN).await;
        }
    }
}

/// When hyperd last wrote the file of a database that some session has open; `None` if none has.
async fn written_at(client: &mut Client, path: &str) -> Result<Option<String>, Failure> {
    let sql = format!(
        "SELECT last_file_write_timestamp FROM pg_catalog.hyper_database WHERE datname = {}",
        literal(path)
    );
    let mut rows = client.query(&sql).await.map_err(|error| Failure::of_statement(&error, &sql))?;
    let written = rows.next().await?.map(|row| text(row.iter().next().and_then(|value| value.bytes())));
    rows.finish().await?;
    Ok(written)
}

/// Closes what the caller's own SQL has opened, so that it is on disk, before the session is.
pub(super) async fn let_go(client: &mut Client) -> Result<(), Failure> {
    let mut rows = client.query("SELECT database_alias FROM pg_catalog.hyper_attached_database").await?;
    let mut aliases = Vec::new();
    while let Some(row) = rows.next().await? {
        aliases.push(text(row.iter().next().and_then(|value| value.bytes())));
    }
    rows.finish().await?;
    for alias in aliases.into_iter().filter(|alias| alias != LOCAL) {
        client.execute(&format!("DETACH DATABASE {}", quoted(&alias))).await?;
    }
    Ok(())
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}
