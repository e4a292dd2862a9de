//! A new database file.

use crate::mcp::call::Call;
use crate::mcp::engine::{Lease, quoted};
use crate::mcp::failure::Failure;
use crate::mcp::tables::{Found, Table, columns_on};

/// What the new database is called while it is filled. The aliases of users have no blanks.
const ALIAS: &str = "hyperwire export";

/// What becomes a table.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A query's result, under a name.
    Query {
        sql: String,
        name: String,
    },
    Table(Found),
}

impl Source {
    /// The query for its rows.
    pub(super) fn sql(&self) -> String {
        match self {
            Self::Query { sql, .. } => sql.clone(),
            Self::Table(found) => format!("SELECT * FROM {}", found.quoted()),
        }
    }
}

/// Fills a database with tables; how many rows they have together.
pub(super) async fn write(
    lease: &mut Lease,
    sources: &[Source],
    path: &str,
    call: &Call,
) -> Result<u64, Failure> {
    // A session that has it attached must not be used again, whatever happens.
    lease.soil();
    for sql in [
        format!("CREATE DATABASE {}", quoted(path)),
        format!("ATTACH DATABASE {} AS {}", quoted(path), quoted(ALIAS)),
    ] {
        lease.execute(&sql).await.map_err(|error| Failure::of_statement(&error, ""))?;
    }
    let mut rows = 0;
    for (index, source) in sources.iter().enumerate() {
        call.progress.doing(format!("table {} of {}", index + 1, sources.len()));
        rows += fill(lease, source).await?;
        call.progress.set_rows(rows);
    }
    // hyperd writes the file now, nobody else having it open.
    lease.execute(&format!("DETACH DATABASE {}", quoted(ALIAS))).await?;
    Ok(rows)
}

async fn fill(lease: &mut Lease, source: &Source) -> Result<u64, Failure> {
    match source {
        Source::Query { sql, name } => {
            let table = Found {
                alias: ALIAS.to_owned(),
                table: Table { schema: "public".to_owned(), name: name.clone() },
            };
            let create = format!("CREATE TABLE {} AS (", table.quoted());
            let whole = format!("{create}{sql}\n)");
            lease.execute(&whole).await.map_err(|error| Failure::of_statement(&error, &whole))?;
            // CREATE TABLE AS does not say how many there are.
            count(lease, &table).await
        }
        Source::Table(from) => {
            let columns = columns_on(lease, &from.alias, &from.table).await?;
            let to = Found { alias: ALIAS.to_owned(), table: from.table.clone() };
            let columns: Vec<_> = columns
                .iter()
                .map(|column| {
                    let not_null = if column.nullable { "" } else { " NOT NULL" };
                    format!("{} {}{not_null}", quoted(&column.name), column.ty)
                })
                .collect();
            let schema = quoted(&from.table.schema);
            for sql in [
                format!("CREATE SCHEMA IF NOT EXISTS {}.{schema}", quoted(ALIAS)),
                format!("CREATE TABLE {} ({})", to.quoted(), columns.join(", ")),
            ] {
                lease.execute(&sql).await.map_err(|error| Failure::of_statement(&error, &sql))?;
            }
            let sql = format!("INSERT INTO {} SELECT * FROM {}", to.quoted(), from.quoted());
            lease.execute(&sql).await.map_err(|error| Failure::of_statement(&error, &sql))
        }
    }
}

async fn count(lease: &mut Lease, table: &Found) -> Result<u64, Failure> {
    let sql = format!("SELECT count(*) FROM {}", table.quoted());
    let counts = lease.query(&sql).await?.map(|row| Ok::<_, hyperwire_tokio::Error>(row.get::<i64>(0)?));
    Ok(counts.await?.first().map_or(0, |count| count.unsigned_abs()))
}
