//! Rows into a table that may have some of them already.
//!
//! The source becomes a temporary table; then, in one transaction, all rows of the target whose key it has are updated, and
//! the rows whose key the target does not have are inserted. A NULL is no key: rows of the target that have one stay as they
//! are, and a source that has one is refused.

use tokio::time::sleep;

use super::load::{Effect, Order, TRIES, run};
use super::relation::{Relation, texts};
use super::staging::is_conflict;
use super::text_table::free_name;
use crate::mcp::bookkeeping::pause;
use crate::mcp::engine::{Lease, quoted};
use crate::mcp::failure::{Failure, nearest};
use crate::mcp::tables::Column;

/// A merge, with the names that its statements use. All columns are named with the alias of their table, and the aliases are
/// names that no column has, so that no name of a user can be taken for one of these.
struct Merge<'a> {
    order: &'a Order,
    relation: &'a Relation,
    into: &'a [Column],
    target: String,
    /// The temporary table, in full.
    source: String,
    /// The aliases of the two.
    old: String,
    new: String,
}

/// Merges a relation into a table that is there.
pub(super) async fn merge(
    mut lease: Lease,
    order: &Order,
    relation: &Relation,
    into: &[Column],
) -> Result<(Effect, Lease), Failure> {
    check_key(order, relation)?;
    let merge = Merge::new(order, relation, into);
    lease.soil();
    merge.stage(&mut lease).await?;
    merge.check_keys(&mut lease).await?;
    for attempt in 1.. {
        match merge.exchange(&mut lease).await {
            Ok(effect) => return Ok((effect, lease)),
            Err(failure) => {
                lease.execute("ROLLBACK").await?;
                // Somebody else changed the table at the same moment.
                if !is_conflict(&failure) || attempt == TRIES {
                    return Err(failure);
                }
                sleep(pause(attempt)).await;
            }
        }
    }
    unreachable!("the last attempt returns")
}

impl<'a> Merge<'a> {
    fn new(order: &'a Order, relation: &'a Relation, into: &'a [Column]) -> Self {
        let mut taken: Vec<&str> = into.iter().map(|column| column.name.as_str()).collect();
        taken.extend(relation.columns.iter().map(|column| column.name.as_str()));
        taken.extend(relation.presence.as_deref());
        Self {
            order,
            relation,
            into,
            target: order.target.quoted(),
            source: format!("pg_temp.{}", quoted(&free_name("source", &taken))),
            old: quoted(&free_name("old", &taken)),
            new: quoted(&free_name("new", &taken)),
        }
    }

    /// Makes the temporary table. Keys have the types that they have in the target, so that they are the same there if they
    /// are the same here.
    async fn stage(&self, lease: &mut Lease) -> Result<(), Failure> {
        let mut columns: Vec<_> = self
            .relation
            .columns
            .iter()
            .map(|column| {
                let name = quoted(&column.name);
                let ty = self.into.iter().find(|into| into.name == column.name).map(|into| into.ty.as_str());
                match ty.filter(|ty| self.is_key(&column.name) && *ty != column.ty) {
                    Some(ty) => format!("CAST({new}.{name} AS {ty}) AS {name}", new = self.new),
                    None => format!("{}.{name}", self.new),
                }
            })
            .collect();
        columns.extend(self.relation.presence.iter().map(|name| format!("{}.{}", self.new, quoted(name))));
        let name = self.source.trim_start_matches("pg_temp.");
        let sql = format!(
            "CREATE TEMPORARY TABLE {name} AS SELECT {} FROM ({}) AS {}",
            columns.join(", "),
            self.relation.select_with_presence(),
            self.new
        );
        let staged = lease.execute(&sql).await.map_err(|error| Failure::of_statement(&error, &sql));
        staged.map(drop).map_err(|failure| self.relation.explain(failure))
    }

    /// Every row of the source has a key of its own.
    async fn check_keys(&self, lease: &mut Lease) -> Result<(), Failure> {
        let key = &self.order.key;
        let keys: Vec<_> = key.iter().map(|key| format!("{}.{}", self.new, quoted(key))).collect();
        let null: Vec<_> = keys.iter().map(|key| format!("{key} IS NULL")).collect();
        let from = format!("{} AS {}", self.source, self.new);
        let without = format!("SELECT count(*) FROM {from} WHERE {}", null.join(" OR "));
        if let [row] = texts(lease, &without).await?.as_slice()
            && let [count] = row.as_slice()
            && count != "0"
        {
            return Err(Failure::new(format!(
                "{count} row(s) of the data have no key ({}). Nothing was changed. Next: leave them out, or use another \
                 key.",
                key.join(", ")
            )));
        }
        let keys = keys.join(", ");
        let twice = format!(
            "SELECT {keys}, count(*) FROM {from} GROUP BY {keys} HAVING count(*) > 1 ORDER BY {keys} LIMIT 1"
        );
        if let Some(row) = texts(lease, &twice).await?.first() {
            return Err(Failure::new(format!(
                "The key ({}) is not unique in the data: {}, {} rows. Nothing was changed. Next: use more key columns, \
                 or leave out the surplus rows.",
                key.join(", "),
                row[..key.len()].join(", "),
                row[key.len()]
            )));
        }
        Ok(())
    }

    /// In a transaction that is left open if this fails.
    async fn exchange(&self, lease: &mut Lease) -> Result<Effect, Failure> {
        let Self { target, source, old, new, .. } = self;
        let same: Vec<_> =
            self.order.key.iter().map(|key| format!("{old}.{0} = {new}.{0}", quoted(key))).collect();
        let same = same.join(" AND ");
        run(lease, "BEGIN").await?;
        let (columns, values) = self.assignments();
        let mut updated = 0;
        if !values.is_empty() {
            let sql = format!(
                "UPDATE {target} AS {old} SET {} FROM {source} AS {new} WHERE {same}",
                values.join(", ")
            );
            updated = run(lease, &sql).await.map_err(|failure| self.relation.explain(failure))?;
        }
        let names: Vec<_> = self.relation.columns.iter().map(|column| quoted(&column.name)).collect();
        let news: Vec<_> = names.iter().map(|name| format!("{new}.{name}")).collect();
        let sql = format!(
            "INSERT INTO {target} ({}) SELECT {} FROM {source} AS {new} WHERE NOT EXISTS (SELECT 1 FROM {target} AS {old} \
             WHERE {same})",
            names.join(", "),
            news.join(", ")
        );
        let inserted = run(lease, &sql).await.map_err(|failure| self.relation.explain(failure))?;
        let rows = texts(lease, &format!("SELECT count(*) FROM {source}")).await?;
        run(lease, "COMMIT").await?;
        let rows = rows.first().and_then(|row| row.first()).and_then(|count| count.parse().ok()).unwrap_or(0);
        Ok(Effect { rows, merged: Some(super::load::Merged { updated, inserted, columns }) })
    }

    /// The columns that are updated, and what they are set to. What a row of the source does not have stays as it is.
    fn assignments(&self) -> (Vec<String>, Vec<String>) {
        let Self { old, new, .. } = self;
        let mut columns = Vec::new();
        let mut values = Vec::new();
        for (index, column) in self.relation.columns.iter().enumerate() {
            if self.is_key(&column.name) {
                continue;
            }
            let name = quoted(&column.name);
            values.push(match &self.relation.presence {
                Some(presence) => format!(
                    "{name} = CASE WHEN substr({new}.{}, {}, 1) = '1' THEN {new}.{name} ELSE {old}.{name} END",
                    quoted(presence),
                    index + 1
                ),
                None => format!("{name} = {new}.{name}"),
            });
            columns.push(column.name.clone());
        }
        (columns, values)
    }

    fn is_key(&self, name: &str) -> bool {
        self.order.key.iter().any(|key| key == name)
    }
}

/// The source has the columns of the key.
fn check_key(order: &Order, relation: &Relation) -> Result<(), Failure> {
    let names: Vec<_> = relation.columns.iter().map(|column| column.name.as_str()).collect();
    match order.key.iter().find(|key| !names.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let near = nearest(key, names.iter().copied());
            let meant = near.first().map_or(String::new(), |near| format!(" Did you mean \"{near}\"?"));
            Err(Failure::new(format!(
                "The data has no key column \"{key}\".{meant} It has: {}. Nothing was loaded.",
                names.join(", ")
            )))
        }
    }
}
