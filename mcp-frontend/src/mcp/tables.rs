//! What tables there are, and what columns they have.
//!
//! Read from the catalog, which no writer holds: hyperd answers even while a table is being loaded.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::bookkeeping::is_own;
use super::call::Call;
use super::engine::databases::LOCAL;
use super::engine::{Lease, Needs, literal, quoted};
use super::failure::{Failure, nearest};
use super::names::{parts, pattern_parts, shown};
use super::state::State;
use super::wildcard::Wildcard;

/// A table of a database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Table {
    pub(crate) schema: String,
    pub(crate) name: String,
}

impl Table {
    /// Its name where its database is known, for readers: the schema is left out if it is public.
    pub(crate) fn in_database(&self) -> String {
        match self.schema.as_str() {
            "public" => shown(&self.name),
            schema => format!("{}.{}", shown(schema), shown(&self.name)),
        }
    }
}

/// A column of a table, in the table's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// In Hyper's words, such as `numeric(18,2)`.
    pub(crate) ty: String,
    pub(crate) nullable: bool,
    /// What `COMMENT ON COLUMN` says.
    pub(crate) comment: Option<String>,
}

/// What the catalog says of a table at no cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) table: Table,
    pub(crate) columns: i16,
    /// Rows that were deleted and not yet cleaned up included, those of transactions that run not.
    pub(crate) rows_about: u64,
}

/// A table, and the database that it is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) alias: String,
    pub(crate) table: Table,
}

impl Found {
    /// For SQL.
    pub(crate) fn quoted(&self) -> String {
        format!("{}.{}.{}", quoted(&self.alias), quoted(&self.table.schema), quoted(&self.table.name))
    }

    /// For readers, who may also copy it into SQL.
    pub(crate) fn shown(&self) -> String {
        format!("{}.{}.{}", shown(&self.alias), shown(&self.table.schema), shown(&self.table.name))
    }
}

/// A pattern of tables: of their names, or of as many of alias.schema.name, from the end, as it has dots outside of quotes.
#[derive(Debug)]
pub(crate) struct TablePattern(Vec<Part>);

/// What a name is held against.
#[derive(Debug)]
enum Part {
    /// It stood in double quotes.
    Exactly(String),
    Like(Wildcard),
}

impl Part {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exactly(text) => text == name,
            Self::Like(wildcard) => wildcard.matches(name),
        }
    }
}

impl TablePattern {
    pub(crate) fn new(pattern: &str) -> Result<Self, Failure> {
        let part = |(text, is_quoted): (String, bool)| match is_quoted {
            true => Ok(Part::Exactly(text)),
            false => Wildcard::of_names(&text).map(Part::Like),
        };
        pattern_parts(pattern).into_iter().map(part).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a table is meant.
    pub(crate) fn matches(&self, found: &Found) -> bool {
        let Found { alias, table: Table { schema, name } } = found;
        match self.0.as_slice() {
            [of_name] => of_name.matches(name),
            [first, of_name] => of_name.matches(name) && (first.matches(schema) || first.matches(alias)),
            [of_alias, of_schema, of_name] => {
                of_alias.matches(alias) && of_schema.matches(schema) && of_name.matches(name)
            }
            _ => false,
        }
    }
}

/// The tables of the database with this alias, by schema and name.
pub(crate) async fn tables(state: &Arc<State>, alias: &str, call: &Call) -> Result<Vec<Table>, Failure> {
    Ok(sizes(state, alias, call).await?.into_iter().map(|size| size.table).collect())
}

/// The columns of a table; none if there is no such table.
pub(crate) async fn columns(
    state: &Arc<State>,
    alias: &str,
    table: &Table,
    call: &Call,
) -> Result<Vec<Column>, Failure> {
    let mut lease = open(state, alias, call).await?;
    let columns = columns_on(&mut lease, alias, table).await?;
    lease.finish().await?;
    Ok(columns)
}

/// What the catalog says of the tables of the database with this alias, by schema and name.
pub(crate) async fn sizes(state: &Arc<State>, alias: &str, call: &Call) -> Result<Vec<Size>, Failure> {
    // To look is no reason to make its file.
    if state.engine.is_unwritten(alias).await {
        return Ok(Vec::new());
    }
    let mut lease = open(state, alias, call).await?;
    let sizes = sizes_on(&mut lease, alias).await?;
    lease.finish().await?;
    Ok(sizes)
}

/// The tables of all databases. One that cannot be opened is passed over.
pub(crate) async fn all(state: &Arc<State>, call: &Call) -> Vec<Found> {
    let mut all = Vec::new();
    for database in state.engine.databases.all() {
        if let Ok(tables) = tables(state, &database.alias, call).await {
            let alias = database.alias;
            all.extend(tables.into_iter().map(|table| Found { alias: alias.clone(), table }));
        }
    }
    all
}

/// The table that `name` is of: `table`, `schema.table`, `alias.table` or `alias.schema.table`, quoted or not. If no
/// `database` is given, one that the scratch database does not have may be any other's.
pub(crate) async fn find(
    state: &Arc<State>,
    name: &str,
    database: Option<&str>,
    call: &Call,
) -> Result<Found, Failure> {
    let home = match database {
        Some(alias) => Some(state.engine.databases.get(alias)?.alias),
        None => None,
    };
    let all = all(state, call).await;
    let within: Vec<_> = match &home {
        Some(alias) => all.iter().filter(|found| found.alias == *alias).cloned().collect(),
        None => all.clone(),
    };
    // A table's name may have dots and spaces, and who asks may not have quoted it.
    let parts = parts(name).unwrap_or_default();
    let at_home = home.as_deref().unwrap_or(LOCAL);
    let candidates = |of: &[Found]| -> Vec<Found> {
        let found = matching(of, &parts, at_home);
        let found = if found.is_empty() { matching(of, &[name.to_owned()], at_home) } else { found };
        found.into_iter().cloned().collect()
    };
    let found = candidates(&within);
    if found.is_empty()
        && let Some(home) = &home
        && let Some(elsewhere) = candidates(&all).first()
    {
        return Err(Failure::new(format!(
            "There is no table {name} in {home}, but there is {}. Next: pass database = {}, or none.",
            elsewhere.shown(),
            elsewhere.alias
        )));
    }
    match (!found.is_empty()).then_some(found.as_slice()) {
        Some([one]) => Ok((*one).clone()),
        Some(several) => {
            let names: Vec<_> = several.iter().take(10).map(|found| found.shown()).collect();
            Err(Failure::new(format!(
                "{name} could be any of {} tables: {}. Next: give its whole name.",
                several.len(),
                names.join(", ")
            )))
        }
        None => {
            // One that cannot be opened was passed over: why, is what the caller has to know if it was meant.
            let first = parts.first().map(String::as_str).filter(|_| parts.len() > 1);
            let meant = database.or(first).and_then(|alias| state.engine.databases.get(alias).ok());
            if let Some(meant) = meant {
                tables(state, &meant.alias, call).await?;
            }
            Err(no_such_table(name, &all))
        }
    }
}

/// Best matches only: exact before another case, at home before elsewhere, schema public before others.
fn matching<'t>(all: &'t [Found], parts: &[String], at_home: &str) -> Vec<&'t Found> {
    let matches = |found: &Found, equal: fn(&str, &str) -> bool| {
        let Found { alias, table: Table { schema, name } } = found;
        // Aliases are in lower case.
        match parts {
            [n] => equal(name, n),
            [first, n] => equal(name, n) && (alias.eq_ignore_ascii_case(first) || equal(schema, first)),
            [a, s, n] => alias.eq_ignore_ascii_case(a) && equal(schema, s) && equal(name, n),
            _ => false,
        }
    };
    for equal in [|a: &str, b: &str| a == b, |a: &str, b: &str| a.to_lowercase() == b.to_lowercase()] {
        let found: Vec<_> = all.iter().filter(|found| matches(found, equal)).collect();
        for preferred in [
            |found: &Found, home: &str| found.alias == home && found.table.schema == "public",
            |found: &Found, home: &str| found.alias == home,
            |_: &Found, _: &str| true,
        ] {
            let best: Vec<_> = found.iter().copied().filter(|found| preferred(found, at_home)).collect();
            if !best.is_empty() {
                return best;
            }
        }
    }
    Vec::new()
}

/// There is none of this name; those that are most like it.
fn no_such_table(name: &str, all: &[Found]) -> Failure {
    let near = near_tables(name, all);
    let meant = if near.is_empty() { String::new() } else { format!(" Nearest: {}.", near.join(", ")) };
    Failure::new(format!(
        "There is no table {name}.{meant} Next: `inspect` without arguments shows the databases and tables, with a pattern \
         such as %{name}% those that are like it. A file is given by its path."
    ))
}

/// The tables whose names are most like the last part of `name`, as they are written in SQL.
pub(crate) fn near_tables(name: &str, all: &[Found]) -> Vec<String> {
    let last = parts(name).and_then(|mut parts| parts.pop()).unwrap_or_else(|| name.to_owned());
    let mut names: Vec<_> = all.iter().map(|found| found.table.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let near = nearest(&last, names);
    let of_name =
        |near: &&str| all.iter().filter(|found| found.table.name == **near).map(Found::shown).collect();
    near.iter().flat_map(|near| -> Vec<String> { of_name(near) }).take(3).collect()
}

/// The schemas of the database with this alias, but those of the catalog.
pub(crate) async fn schemas(state: &Arc<State>, alias: &str, call: &Call) -> Result<Vec<String>, Failure> {
    let mut lease = open(state, alias, call).await?;
    let sql = format!(
        "SELECT n.nspname FROM {}.pg_catalog.pg_namespace n WHERE n.nspname NOT IN ('pg_catalog', 'pg_temp', \
         'information_schema', 'tableau') ORDER BY 1",
        quoted(alias)
    );
    let rows = lease.query(&sql).await?;
    let schemas = rows.map(|row| Ok::<_, hyperwire_tokio::Error>(row.get(0)?)).await?;
    lease.finish().await?;
    Ok(schemas)
}

/// [`sizes`] on a session that has the database attached.
pub(crate) async fn sizes_on(lease: &mut Lease, alias: &str) -> Result<Vec<Size>, Failure> {
    let catalog = format!("{}.pg_catalog", quoted(alias));
    // Temporary tables are those of whoever had this session before.
    let sql = format!(
        "SELECT n.nspname, c.relname, c.relnatts, CAST(c.reltuples AS bigint) \
         FROM {catalog}.pg_class c JOIN {catalog}.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'pg_temp', 'information_schema') ORDER BY 1, 2"
    );
    let rows = lease.query(&sql).await?;
    let sizes = rows
        .map(|row| {
            let table = Table { schema: row.get(0)?, name: row.get(1)? };
            let rows_about = row.get::<i64>(3)?.unsigned_abs();
            Ok::<_, hyperwire_tokio::Error>(Size { table, columns: row.get(2)?, rows_about })
        })
        .await?;
    Ok(sizes.into_iter().filter(|size: &Size| !is_own(&size.table.name)).collect())
}

/// [`columns`] on a session that has the database attached.
pub(crate) async fn columns_on(
    lease: &mut Lease,
    alias: &str,
    table: &Table,
) -> Result<Vec<Column>, Failure> {
    let catalog = format!("{}.pg_catalog", quoted(alias));
    let sql = format!(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, d.description \
         FROM {catalog}.pg_attribute a JOIN {catalog}.pg_class c ON c.oid = a.attrelid \
         JOIN {catalog}.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN {catalog}.pg_description d ON d.objoid = c.oid AND d.objsubid = a.attnum \
         WHERE n.nspname = {} AND c.relname = {} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        literal(&table.schema),
        literal(&table.name)
    );
    let rows = lease.query(&sql).await?;
    let columns = rows
        .map(|row| {
            Ok::<_, hyperwire_tokio::Error>(Column {
                name: row.get(0)?,
                ty: match row.get::<&str>(1)? {
                    // The catalog's own word, which SQL does not know.
                    "tabgeography" => "geography".to_owned(),
                    ty => ty.to_owned(),
                },
                nullable: !row.get::<bool>(2)?,
                comment: row.get(3)?,
            })
        })
        .await?;
    Ok(columns)
}

/// How long rows are counted. hyperd counts millions in that time, but waits for who writes to the table.
const COUNTED_WITHIN: Duration = Duration::from_millis(300);

/// How many rows a table has; `None` if that is not known soon.
pub(crate) async fn rows_on(lease: &mut Lease, table: &Found) -> Option<i64> {
    let sql = format!("SELECT count(*) FROM {}", table.quoted());
    let counted = async {
        let counted = lease.query(&sql).await.ok()?.map(|row| Ok::<_, hyperwire_tokio::Error>(row.get(0)?));
        counted.await.ok()?.into_iter().next()
    };
    timeout(COUNTED_WITHIN, counted).await.ok().flatten()
}

async fn open(state: &Arc<State>, alias: &str, call: &Call) -> Result<Lease, Failure> {
    state.engine.lease_to_read(Needs { database: Some(alias), sql: "", light: true }, call).await
}
