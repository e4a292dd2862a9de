//! What resources show.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::exports::Export;
use super::guide::{guide, skill};
use super::list::{JSON, MARKDOWN, uri_of};
use super::uri::Uri;
use crate::mcp::call::Call;
use crate::mcp::disk::{Fault, shown as shown_path};
use crate::mcp::engine::Needs;
use crate::mcp::engine::databases::{Database, Mode};
use crate::mcp::failure::{Failure, nearest};
use crate::mcp::result::{Head, Limits, Page};
use crate::mcp::state::State;
use crate::mcp::tables::{Found, Table, columns, tables};

/// How long hyperd may take. Who wants more than a look asks with `query`.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// How many rows of a table are shown.
const SAMPLE: Limits = Limits { rows: 10, bytes: 8_000 };
/// How much of a file is shown, in bytes: more is no answer, and the client has the file.
const LARGEST_FILE: u64 = 1 << 20;

/// What a resource shows.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    pub(crate) media_type: &'static str,
    pub(crate) body: Body,
    /// It will never show anything else.
    pub(crate) is_fixed: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Text(String),
    Bytes(Vec<u8>),
}

/// Why there is nothing to show.
#[derive(Clone, Debug)]
pub(crate) enum Unread {
    /// There is no such resource.
    Unknown(String),
    /// There may be one, and it could not be read.
    Failed(Failure),
}

impl From<Failure> for Unread {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What this URI shows.
pub(crate) async fn read(state: &Arc<State>, uri: &str, call: &Call) -> Result<Contents, Unread> {
    let Some(named) = Uri::parse(uri) else {
        return Err(Unread::Unknown(format!(
            "{uri} is no resource of this server. There are hyper://sql, hyper://databases, hyper://databases/DATABASE, \
             hyper://tables/DATABASE/SCHEMA/TABLE, hyper://results/RESULT and exported files."
        )));
    };
    let reading = async {
        match named {
            Uri::Sql => Ok(fixed(guide(&state.offers))),
            Uri::Skill => Ok(fixed(skill(&state.offers))),
            Uri::Databases => Ok(shown(&databases(state))),
            Uri::Database(alias) => database(state, &alias, call).await.map(|value| shown(&value)),
            Uri::Table { database, schema, table } => {
                self::table(state, &database, &Table { schema, name: table }, call)
                    .await
                    .map(|value| shown(&value))
            }
            Uri::Result(name) => result(state, &name, call).await.map(|value| shown(&value)),
            Uri::File(uri) => file(state, &uri, call).await,
        }
    };
    timeout(READ_WITHIN, reading).await.unwrap_or_else(|_| {
        Err(Unread::Failed(Failure::new(format!(
            "hyperd did not answer within {} s. Next: read again, or use the tool `query`.",
            READ_WITHIN.as_secs()
        ))))
    })
}

fn databases(state: &State) -> Value {
    let all: Vec<_> = state.engine.databases.all().iter().map(described).collect();
    json!({"databases": all})
}

fn described(database: &Database) -> Value {
    json!({
        "database": database.alias,
        "path": database.path.display().to_string(),
        "mode": match database.mode { Mode::ReadOnly => "readonly", Mode::ReadWrite => "readwrite" },
        "uri": Uri::Database(database.alias.clone()).to_string(),
    })
}

async fn database(state: &Arc<State>, alias: &str, call: &Call) -> Result<Value, Unread> {
    let database = known(state, alias)?;
    let tables: Vec<_> = tables(state, &database.alias, call)
        .await?
        .iter()
        .map(|table| json!({"schema": table.schema, "table": table.name, "uri": uri_of(&database, table).to_string()}))
        .collect();
    let mut shown = described(&database);
    shown["tables"] = tables.into();
    Ok(shown)
}

async fn table(state: &Arc<State>, alias: &str, table: &Table, call: &Call) -> Result<Value, Unread> {
    let database = known(state, alias)?;
    let all = tables(state, &database.alias, call).await?;
    if !all.contains(table) {
        let near = nearest(&table.name, all.iter().map(|table| table.name.as_str()));
        let meant = near.first().map_or(String::new(), |near| format!(" Did you mean {near}?"));
        return Err(Unread::Unknown(format!(
            "There is no table {}.{} in the database {}.{meant}",
            table.schema, table.name, database.alias
        )));
    }
    let columns = columns(state, &database.alias, table, call).await?;
    let columns: Vec<_> = columns
        .iter()
        .map(|column| json!({"name": column.name, "type": column.ty, "nullable": column.nullable}))
        .collect();
    let name = Found { alias: database.alias.clone(), table: table.clone() }.quoted();
    let mut lease = state
        .engine
        .lease_to_read(Needs { database: Some(&database.alias), sql: "", light: false }, call)
        .await?;
    let (_, counted) = rows(&mut lease, &format!("SELECT count(*) FROM {name}")).await?;
    let (head, sample) = rows(&mut lease, &format!("SELECT * FROM {name} LIMIT {}", SAMPLE.rows)).await?;
    lease.finish().await?;
    Ok(json!({
        "database": database.alias,
        "schema": table.schema,
        "table": table.name,
        "columns": columns,
        "row_count": counted.json()?[0][0],
        "sample": {"columns": head.json(), "rows": sample.json()?},
    }))
}

async fn rows(client: &mut hyperwire_tokio::Client, sql: &str) -> Result<(Head, Page), Failure> {
    let explain = |error| Failure::of_statement(&error, sql);
    let mut rows = client.query(sql).await.map_err(explain)?;
    let head = rows
        .columns()
        .map(|columns| Head::of(columns).within(SAMPLE))
        .ok_or_else(|| Failure::new("hyperd described no columns."))?;
    let mut page = Page::of(&head, SAMPLE);
    let mut line = Vec::new();
    while let Some(row) = rows.next().await.map_err(explain)? {
        line.clear();
        head.put_row(&row, Some(1_000), &mut line)?;
        page.push(&line, &head)?;
    }
    Ok((head, page))
}

async fn result(state: &State, name: &str, call: &Call) -> Result<Value, Unread> {
    if !state.parking.names(&call.owner).iter().any(|there| there == name) {
        return Err(Unread::Unknown(format!(
            "There is no result {name}: they are kept for 5 minutes, the last 8 of them. Next: run the query again."
        )));
    }
    let paged = state.parking.page(&format!("{name}.0"), Limits::DEFAULT, &call.owner).await?;
    let mut shown = json!({
        "columns": paged.head.json(),
        "rows": paged.page.json()?,
        "row_count": paged.page.rows,
        "truncated": paged.next.is_some() || paged.cut.is_some(),
    });
    if let Some(next) = paged.next {
        shown["cursor"] = next.into();
    }
    Ok(shown)
}

/// Only what was exported: this is no way to read other files.
async fn file(state: &State, uri: &str, call: &Call) -> Result<Contents, Unread> {
    let Some(export) = state.exports.get(uri, &call.owner) else {
        return Err(Unread::Unknown(format!("{uri} is no file that this server exported.")));
    };
    let bytes = bytes_of(state, &export).await?;
    let body = match String::from_utf8(bytes) {
        Ok(text) => Body::Text(text),
        Err(binary) => Body::Bytes(binary.into_bytes()),
    };
    Ok(Contents { media_type: export.media_type, body, is_fixed: false })
}

async fn bytes_of(state: &State, export: &Export) -> Result<Vec<u8>, Unread> {
    match state.disk.read(&export.path, LARGEST_FILE).await {
        Ok(bytes) => Ok(bytes),
        Err(Fault::TooLarge { path, .. }) => Err(Unread::Failed(Failure::new(format!(
            "{} is larger than 1 MiB. Next: open the file itself, or `query` it.",
            shown_path(&path)
        )))),
        Err(fault) if fault.is_answer() => Err(Unread::Unknown(format!(
            "{} cannot be read any more: {}.",
            shown_path(&export.path),
            fault.why()
        ))),
        Err(fault) => Err(Unread::Failed(fault.failure("read"))),
    }
}

fn known(state: &State, alias: &str) -> Result<Database, Unread> {
    state.engine.databases.get(alias).map_err(|failure| Unread::Unknown(failure.say(&state.offers)))
}

fn fixed(text: String) -> Contents {
    Contents { media_type: MARKDOWN, body: Body::Text(text), is_fixed: true }
}

fn shown(value: &Value) -> Contents {
    Contents { media_type: JSON, body: Body::Text(value.to_string()), is_fixed: false }
}
