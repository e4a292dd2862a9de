//! Tables, page by page, with as much of them as was asked for.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::stats::stats;
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::engine::{Lease, Needs, quoted};
use crate::mcp::failure::Failure;
use crate::mcp::result::{Head, Limits, Page};
use crate::mcp::state::State;
use crate::mcp::tables::{Column, Found, Table, columns_on, rows_on};

/// Bytes of an answer's JSON, about 8,000 tokens: clients drop or hide what is much longer.
pub(super) const MOST_BYTES: usize = 24_000;
/// The most rows that a sample has.
pub(super) const SAMPLED: usize = 100;
/// What an answer has besides its tables, at most.
const FRAME: usize = 800;
/// What a value of a sample takes at least.
const A_VALUE: usize = 32;
/// Columns whose statistics are taken in one scan.
pub(super) const COLUMNS_A_SCAN: usize = 40;

/// Characters of a column's comment that are shown.
const LONGEST_COMMENT: usize = 500;

/// How much of a table is shown.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Detail {
    Names,
    Columns,
    Sample,
    Stats,
}

/// Which of the tables, and what of them.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) detail: Detail,
    pub(super) limit: Option<usize>,
    pub(super) cursor: Option<String>,
}

/// Where the next page begins: at a column of a table. It says so itself, and stays good as long as the server lives.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cursor {
    found: Found,
    column: usize,
}

impl Cursor {
    fn write(&self) -> String {
        let Found { alias, table: Table { schema, name } } = &self.found;
        json!([alias, schema, name, self.column]).to_string()
    }

    fn read(text: &str) -> Result<Self, Failure> {
        let (alias, schema, name, column) = serde_json::from_str(text).map_err(|_| {
            Failure::new("This is no cursor. Next: pass the `cursor` of an earlier answer as it was.")
        })?;
        Ok(Self { found: Found { alias, table: Table { schema, name } }, column })
    }
}

pub(super) async fn list(
    state: &Arc<State>,
    mut found: Vec<Found>,
    asked: Asked,
    call: &Call,
) -> Result<Answer, Failure> {
    found.sort();
    let total = found.len();
    let start = asked.cursor.as_deref().map(Cursor::read).transpose()?;
    if let Some(start) = &start {
        found.retain(|found| *found >= start.found);
    }
    let most = match asked.detail {
        Detail::Names => asked.limit.unwrap_or(200),
        Detail::Columns => asked.limit.unwrap_or(20),
        // There, the limit is one of rows.
        Detail::Sample | Detail::Stats => 5,
    }
    .clamp(1, 1000);
    let mut shown: Vec<Value> = Vec::new();
    let mut bytes = 0;
    let mut next = None;
    for found in found {
        // Where the table that was cut goes on; one that is gone since has no rest.
        let column = start.as_ref().filter(|start| start.found == found).map_or(0, |start| start.column);
        if shown.len() == most || bytes >= MOST_BYTES {
            next = Some(Cursor { found, column });
            break;
        }
        call.progress.doing(format!("looking at {}", found.shown()));
        let room = (MOST_BYTES - FRAME).saturating_sub(bytes);
        let (table, rest) = match asked.detail {
            Detail::Names => (json!({"table": found.shown()}), None),
            _ => one(state, &found, &asked, column, room, call).await?,
        };
        let more = table.to_string().len() + 1;
        if !shown.is_empty() && bytes + more > MOST_BYTES - FRAME {
            next = Some(Cursor { found, column });
            break;
        }
        bytes += more;
        shown.push(table);
        if let Some(column) = rest {
            next = Some(Cursor { found, column });
            break;
        }
    }
    let mut answer = json!({"tables": shown, "tables_total": total});
    if let Some(next) = next {
        answer["cursor"] = next.write().into();
    }
    Ok(Answer::json(answer))
}

/// A table from a column on, and the column that did not fit any more.
async fn one(
    state: &Arc<State>,
    found: &Found,
    asked: &Asked,
    first: usize,
    room: usize,
    call: &Call,
) -> Result<(Value, Option<usize>), Failure> {
    // A scan waits for its turn as queries do; the catalog is read at once.
    let light = asked.detail == Detail::Columns;
    let mut lease =
        state.engine.lease_to_read(Needs { database: Some(&found.alias), sql: "", light }, call).await?;
    let columns = columns_on(&mut lease, &found.alias, &found.table).await?;
    let all = columns.len();
    let (columns, end) = fitting(&columns[first.min(all)..], asked.detail, room);
    let mut table = match asked.detail {
        Detail::Sample => {
            let (columns, rows) = sample(&mut lease, &found.quoted(), columns, asked.limit, room).await?;
            json!({"table": found.shown(), "columns": columns, "sample": rows})
        }
        Detail::Stats => {
            let (rows, columns) = stats(&mut lease, &found.quoted(), columns).await?;
            json!({"table": found.shown(), "rows": rows, "columns": columns})
        }
        Detail::Names | Detail::Columns => {
            let columns: Vec<_> = columns.iter().map(column).collect();
            let mut table = json!({"table": found.shown(), "columns": columns});
            match rows_on(&mut lease, found).await {
                Some(rows) => table["rows"] = rows.into(),
                None => table["rows"] = Value::Null,
            }
            table
        }
    };
    lease.finish().await?;
    let rest = (first + end < all).then_some(first + end);
    if first > 0 || rest.is_some() {
        table["columns_total"] = all.into();
        table["first_column"] = (first + 1).into();
    }
    Ok((table, rest))
}

/// As many columns as there is room for, at least one, and how many these are.
fn fitting(columns: &[Column], detail: Detail, room: usize) -> (&[Column], usize) {
    let most = match detail {
        Detail::Stats => COLUMNS_A_SCAN,
        _ => usize::MAX,
    };
    let mut left = room;
    let mut end = 0;
    for column in columns.iter().take(most) {
        let value = if detail == Detail::Sample { A_VALUE } else { 0 };
        let bytes = self::column(column).to_string().len() + 1 + value;
        if end > 0 && bytes > left {
            break;
        }
        left = left.saturating_sub(bytes);
        end += 1;
    }
    (&columns[..end], end)
}

pub(super) fn column(column: &Column) -> Value {
    let mut about = json!({"name": column.name, "type": column.ty});
    if let Some(comment) = &column.comment {
        about["comment"] = match comment.char_indices().nth(LONGEST_COMMENT) {
            Some((end, _)) => format!("{}…", &comment[..end]).into(),
            None => comment.as_str().into(),
        };
    }
    if !column.nullable {
        about["not_null"] = true.into();
    }
    about
}

/// The columns and the first rows of what follows FROM.
pub(super) async fn sample(
    lease: &mut Lease,
    from: &str,
    columns: &[Column],
    limit: Option<usize>,
    room: usize,
) -> Result<(Value, Value), Failure> {
    let limits = Limits::asked(Some(limit.unwrap_or(5).min(SAMPLED)), Some(room.max(2_000)));
    let names: Vec<_> = columns.iter().map(|column| quoted(&column.name)).collect();
    let sql = format!("SELECT {} FROM {from} LIMIT {}", names.join(", "), limits.rows);
    let explain = |error| Failure::of_statement(&error, &sql);
    let mut rows = lease.query(&sql).await.map_err(explain)?;
    let head = rows
        .columns()
        .map(|columns| Head::of(columns).within(limits))
        .ok_or_else(|| Failure::new("The sample has no columns."))?;
    let mut page = Page::of(&head, limits);
    let mut line = Vec::new();
    while let Some(row) = rows.next().await.map_err(explain)? {
        line.clear();
        head.put_row(&row, Some(page.longest().min(1_000)), &mut line)?;
        if !page.push(&line, &head)? {
            break;
        }
    }
    Ok((head.json(), page.json()?))
}
