//! What a table's columns hold, in one scan.

use serde_json::{Map, Value, json};

use crate::mcp::engine::{Lease, quoted};
use crate::mcp::failure::Failure;
use crate::mcp::result::Head;
use crate::mcp::tables::Column;

/// Characters of the least and greatest text that are shown.
const SHOWN: usize = 60;
/// Distinct values are counted in a table of so many rows at most, and estimated in a larger one.
const COUNTED: u64 = 100_000;
/// The key of an estimate, and of a count.
const ABOUT: &str = "distinct_about";
const EXACT: &str = "distinct";

/// What can be said of a column of some type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    /// It has a least and a greatest value.
    Ordered,
    /// hyperd does not compare its values.
    Opaque,
}

impl Kind {
    /// Of a type in Hyper's words.
    fn of(ty: &str) -> Self {
        let is = |names: &[&str]| names.iter().any(|name| ty.starts_with(name));
        if ty.ends_with(']') {
            Self::Opaque
        } else if is(&["smallint", "integer", "bigint", "numeric", "real", "double"]) {
            Self::Number
        } else if is(&["text", "character", "varchar", "char"]) {
            Self::Text
        } else if is(&["date", "time", "boolean", "uuid", "oid", "interval"]) {
            Self::Ordered
        } else {
            Self::Opaque
        }
    }

    /// What is asked of a column, as (key of the answer, expression).
    fn asked(self, column: &str) -> Vec<(&'static str, String)> {
        let mut asked = vec![("nulls", format!("count(*) - count({column})"))];
        if self != Self::Opaque {
            asked.push((ABOUT, format!("approx_count_distinct({column})")));
        }
        for least in ["min", "max"] {
            match self {
                Self::Number | Self::Ordered => asked.push((least, format!("{least}({column})"))),
                Self::Text => asked.push((least, format!("left({least}({column}), {SHOWN})"))),
                Self::Opaque => {}
            }
        }
        if self == Self::Number {
            asked.push(("mean", format!("avg(CAST({column} AS double precision))")));
        }
        asked
    }
}

/// How many rows there are in what follows FROM, and of each column its nulls, how many distinct values, least, greatest and
/// mean.
pub(super) async fn stats(
    lease: &mut Lease,
    from: &str,
    columns: &[Column],
) -> Result<(Value, Vec<Value>), Failure> {
    let asked: Vec<_> =
        columns.iter().map(|column| Kind::of(&column.ty).asked(&quoted(&column.name))).collect();
    let expressions: Vec<_> = asked.iter().flatten().map(|(_, expression)| expression.as_str()).collect();
    let sql = format!("SELECT {} FROM {from}", [&["count(*)"], expressions.as_slice()].concat().join(", "));
    let mut values = row(lease, &sql).await?.into_iter();
    let rows = values.next().unwrap_or_default();
    let counts = match rows.as_u64() {
        Some(rows) if rows <= COUNTED => Some(distinct(lease, from, columns).await?),
        _ => None,
    };
    let mut counts = counts.map(Vec::into_iter);
    let mut shown = Vec::new();
    for (column, asked) in columns.iter().zip(asked) {
        let mut about = Map::new();
        about.insert("name".to_owned(), json!(column.name));
        about.insert("type".to_owned(), json!(column.ty));
        for ((key, _), value) in asked.into_iter().zip(values.by_ref()) {
            let (key, value) = match (key, &mut counts) {
                (ABOUT, Some(counts)) => (EXACT, counts.next().unwrap_or_default()),
                (ABOUT, None) => (ABOUT, at_most(&value, &rows, about.get("nulls"))),
                _ => (key, value),
            };
            about.insert(key.to_owned(), value);
        }
        shown.push(about.into());
    }
    Ok((rows, shown))
}

/// How many distinct values each column has of which that can be said.
async fn distinct(lease: &mut Lease, from: &str, columns: &[Column]) -> Result<Vec<Value>, Failure> {
    let counts: Vec<_> = columns
        .iter()
        .filter(|column| Kind::of(&column.ty) != Kind::Opaque)
        .map(|column| format!("count(DISTINCT {})", quoted(&column.name)))
        .collect();
    if counts.is_empty() {
        return Ok(counts.into_iter().map(Value::from).collect());
    }
    row(lease, &format!("SELECT {} FROM {from}", counts.join(", "))).await
}

/// An estimate, which may say more than there can be.
fn at_most(estimate: &Value, rows: &Value, nulls: Option<&Value>) -> Value {
    let values = rows.as_u64().map(|rows| rows.saturating_sub(nulls.and_then(Value::as_u64).unwrap_or(0)));
    match (estimate.as_u64(), values) {
        (Some(estimate), Some(values)) => estimate.min(values).into(),
        _ => estimate.clone(),
    }
}

/// The one row of a result.
async fn row(lease: &mut Lease, sql: &str) -> Result<Vec<Value>, Failure> {
    let explain = |error| Failure::of_statement(&error, sql);
    let mut rows = lease.query(sql).await.map_err(explain)?;
    let head = Head::of(rows.columns().ok_or_else(|| Failure::new("The statistics have no columns."))?);
    let mut line = Vec::new();
    match rows.next().await.map_err(explain)? {
        Some(row) => head.put_row(&row, None, &mut line)?,
        None => line.extend_from_slice(b"[]"),
    }
    rows.finish().await.map_err(explain)?;
    serde_json::from_slice(&line).map_err(|error| {
        Failure::new(format!("The statistics are no JSON: {error}. This is a defect of hyperwire."))
    })
}
