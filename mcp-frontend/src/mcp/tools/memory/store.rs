//! What is kept, in a table.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{LONGEST_VALUE, Name};
use crate::mcp::advice::Advice;
use crate::mcp::answer::Answer;
use crate::mcp::bookkeeping::{self, MEMORY, Outcome, Row, Statement, Written};
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::state::State;

/// How many entries are set in one call; each takes two of the 65,535 parameters of a statement.
const MOST_ENTRIES: usize = 1000;
/// How many names are listed unless asked otherwise, and at most.
pub(super) const LISTED: (usize, usize) = (200, 10_000);
/// How many bytes of values are answered unless asked otherwise, and at most: see `Limits::DEFAULT`.
pub(super) const ANSWERED: (usize, usize) = (24_000, 1_000_000);

/// The memory that one database holds.
pub(super) struct Memory<'a> {
    state: &'a Arc<State>,
    alias: String,
    table: String,
    call: &'a Call,
}

impl<'a> Memory<'a> {
    pub(super) fn find(
        state: &'a Arc<State>,
        database: Option<String>,
        call: &'a Call,
    ) -> Result<Self, Failure> {
        let alias = bookkeeping::place(state, database.as_deref())?;
        Ok(Self { state, table: MEMORY.of(&alias), alias, call })
    }

    pub(super) async fn set(
        &self,
        store: &Name,
        entries: Vec<(Name, String)>,
        overwrite: bool,
    ) -> Result<Answer, Failure> {
        if entries.is_empty() || entries.len() > MOST_ENTRIES {
            return Err(Failure::new(format!(
                "{} entries: one call sets 1 to {MOST_ENTRIES}. Nothing was set.",
                entries.len()
            )));
        }
        let total: usize = entries.iter().map(|(_, value)| value.len()).sum();
        if total > LONGEST_VALUE {
            return Err(Failure::new(format!(
                "The values have {total} bytes; at most {LONGEST_VALUE} are kept in one call. Nothing was set."
            ))
            .next(Advice::SplitOrLoad));
        }
        let asked = entries.len();
        let (statements, insert) = self.setting(store, entries, overwrite);
        let written = self.write(&statements).await?;
        let set = written.outcomes.get(insert).map_or(0, |outcome| outcome.affected);
        let mut answer = json!({"database": self.alias, "set": set});
        if overwrite {
            answer["replaced"] = json!(affected(&written) - set);
        } else {
            answer["kept"] = json!(asked as u64 - set);
            if set == 0 {
                answer["next"] = json!(
                    "All were there before and are as they were; set with overwrite = true replaces them."
                );
            }
        }
        Ok(written.answer(answer))
    }

    /// The statements that set them, and which of them inserts.
    fn setting(
        &self,
        store: &Name,
        entries: Vec<(Name, String)>,
        overwrite: bool,
    ) -> (Vec<Statement>, usize) {
        let table = &self.table;
        let rows: Vec<_> =
            (0..entries.len()).map(|at| format!("(${}, ${})", 2 * at + 2, 2 * at + 3)).collect();
        let keys: Vec<_> = (0..entries.len()).map(|at| format!("${}", at + 2)).collect();
        let names: Vec<_> = entries.iter().map(|(key, _)| key.0.clone()).collect();
        let parameters =
            [store.0.clone()].into_iter().chain(entries.into_iter().flat_map(|(key, value)| [key.0, value]));
        let fresh = if overwrite {
            String::new()
        } else {
            format!(
                " WHERE NOT EXISTS (SELECT 1 FROM {table} t WHERE t.store_name = $1 AND t.key = given.key)"
            )
        };
        let insert = Statement::new(
            format!(
                "INSERT INTO {table} (store_name, key, value) SELECT $1, given.key, given.value \
                 FROM (VALUES {}) given(key, value){fresh}",
                rows.join(", ")
            ),
            parameters,
        );
        if !overwrite {
            return (vec![insert], 0);
        }
        let delete = Statement::new(
            format!("DELETE FROM {table} WHERE store_name = $1 AND key IN ({})", keys.join(", ")),
            [store.0.clone()].into_iter().chain(names),
        );
        (vec![delete, insert], 1)
    }

    pub(super) async fn get(
        &self,
        store: &Name,
        key: &Name,
        max_bytes: Option<usize>,
    ) -> Result<Answer, Failure> {
        let most = max_bytes.unwrap_or(ANSWERED.0).clamp(1, ANSWERED.1);
        let sql = format!("SELECT value FROM {} WHERE store_name = $1 AND key = $2 LIMIT 1", self.table);
        let rows = self.read(&Statement::new(sql, [&store.0, &key.0])).await?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(Answer::json(json!({"database": self.alias, "found": false})));
        };
        let mut answer = json!({"database": self.alias, "found": true});
        match row.into_iter().next().flatten() {
            Some(value) if value.len() > most => {
                answer["value"] = json!(beginning(&value, most));
                answer["truncated"] = json!(true);
                answer["bytes"] = json!(value.len());
                answer["next"] = Advice::LargerOrExport.say(&self.state.offers).into();
            }
            value => answer["value"] = json!(value),
        }
        Ok(Answer::json(answer))
    }

    pub(super) async fn list(
        &self,
        store: &Name,
        values: bool,
        after: Option<String>,
        limit: Option<usize>,
    ) -> Result<Answer, Failure> {
        let limit = limit.unwrap_or(LISTED.0).clamp(1, LISTED.1);
        // One value alone may be longer than an answer.
        let value = if values { format!(", left(value, {})", ANSWERED.0) } else { String::new() };
        let sql = format!(
            "SELECT key{value} FROM {} WHERE store_name = $1 AND key > $2 ORDER BY key LIMIT {}",
            self.table,
            limit + 1
        );
        let rows = self.read(&Statement::new(sql, [store.0.clone(), after.unwrap_or_default()])).await?;
        let (shown, last) = page(rows, limit);
        let mut answer = json!({"database": self.alias});
        if values {
            answer["entries"] =
                shown.into_iter().map(|row| json!({"key": row.first(), "value": row.get(1)})).collect();
        } else {
            answer["keys"] = shown.into_iter().map(|row| json!(row.first())).collect();
        }
        Ok(Answer::json(continued(answer, last)))
    }

    pub(super) async fn list_stores(
        &self,
        after: Option<String>,
        limit: Option<usize>,
    ) -> Result<Answer, Failure> {
        let limit = limit.unwrap_or(LISTED.0).clamp(1, LISTED.1);
        let sql = format!(
            "SELECT store_name, count(DISTINCT key) FROM {} WHERE store_name > $1 GROUP BY 1 ORDER BY 1 LIMIT {}",
            self.table,
            limit + 1
        );
        let rows = self.read(&Statement::new(sql, [after.unwrap_or_default()])).await?;
        let (shown, last) = page(rows, limit);
        let stores: Value =
            shown.iter().map(|row| json!({"store": row.first(), "size": number(row.get(1))})).collect();
        Ok(Answer::json(continued(json!({"database": self.alias, "stores": stores}), last)))
    }

    pub(super) async fn delete(&self, store: &Name, key: &Name) -> Result<Answer, Failure> {
        let sql = format!("DELETE FROM {} WHERE store_name = $1 AND key = $2", self.table);
        let written = self.write(&[Statement::new(sql, [&store.0, &key.0])]).await?;
        let deleted = affected(&written) > 0;
        Ok(written.answer(json!({"database": self.alias, "deleted": deleted})))
    }

    pub(super) async fn pop(&self, store: &Name, key: Option<&Name>) -> Result<Answer, Failure> {
        let table = &self.table;
        let (which, params) = match key {
            Some(key) => ("$2".to_owned(), vec![&store.0, &key.0]),
            None => (format!("(SELECT min(key) FROM {table} WHERE store_name = $1)"), vec![&store.0]),
        };
        let matching = format!("FROM {table} WHERE store_name = $1 AND key = {which}");
        let statements = [
            Statement::new(format!("SELECT key, value {matching} LIMIT 1"), params.iter().copied()),
            Statement::new(format!("DELETE {matching}"), params.iter().copied()),
        ];
        let mut written = self.write(&statements).await?;
        let popped = written.outcomes.first_mut().and_then(|outcome| outcome.rows.pop());
        let answer = match popped {
            Some(row) => {
                json!({"database": self.alias, "found": true, "key": row.first(), "value": row.get(1)})
            }
            None => json!({"database": self.alias, "found": false}),
        };
        Ok(written.answer(answer))
    }

    pub(super) async fn clear(&self, store: &Name) -> Result<Answer, Failure> {
        let sql = format!("DELETE FROM {} WHERE store_name = $1", self.table);
        let written = self.write(&[Statement::new(sql, [&store.0])]).await?;
        let deleted = affected(&written);
        Ok(written.answer(json!({"database": self.alias, "deleted": deleted})))
    }

    pub(super) async fn size(&self, store: &Name) -> Result<Answer, Failure> {
        let sql = format!("SELECT count(DISTINCT key) FROM {} WHERE store_name = $1", self.table);
        let rows = self.read(&Statement::new(sql, [&store.0])).await?;
        let size = rows.first().map_or(json!(0), |row| number(row.first()));
        Ok(Answer::json(json!({"database": self.alias, "size": size})))
    }

    async fn read(&self, statement: &Statement) -> Result<Vec<Row>, Failure> {
        bookkeeping::read(self.state, &self.alias, statement, self.call).await
    }

    async fn write(&self, statements: &[Statement]) -> Result<Written, Failure> {
        bookkeeping::write(self.state, &self.alias, &MEMORY, statements, self.call).await
    }
}

/// The rows that fit an answer, and the name to go on after, if there are more.
fn page(mut rows: Vec<Row>, limit: usize) -> (Vec<Row>, Option<String>) {
    let mut bytes = 0;
    let fitting = rows
        .iter()
        .take_while(|row| {
            let before = bytes;
            bytes += row.iter().flatten().map(String::len).sum::<usize>();
            before == 0 || bytes <= ANSWERED.0
        })
        .take(limit)
        .count();
    if fitting == rows.len() {
        return (rows, None);
    }
    rows.truncate(fitting);
    let last = rows.last().and_then(|row| row.first().cloned().flatten());
    (rows, last)
}

fn continued(mut answer: Value, last: Option<String>) -> Value {
    answer["truncated"] = json!(last.is_some());
    if let Some(last) = last {
        answer["next"] = json!("There are more: pass `after` = the last name.");
        answer["last"] = json!(last);
    }
    answer
}

fn affected(written: &Written) -> u64 {
    written.outcomes.iter().map(|Outcome { affected, .. }| affected).sum()
}

fn number(text: Option<&Option<String>>) -> Value {
    let number = text.and_then(Option::as_deref).and_then(|text| text.parse::<u64>().ok());
    json!(number)
}

/// The first characters, at most so many bytes.
fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, value: &str) -> Row {
        vec![Some(key.to_owned()), Some(value.to_owned())]
    }

    #[test]
    fn a_page_ends_before_it_is_too_long_and_says_where_to_go_on() {
        let long = "x".repeat(ANSWERED.0 - 100);

        let (shown, last) = page(vec![row("a", &long), row("b", &long)], 10);

        assert_eq!((shown.len(), last.as_deref()), (1, Some("a")));
    }

    #[test]
    fn a_page_of_all_rows_has_no_next() {
        let (shown, last) = page(vec![row("a", "1"), row("b", "2")], 2);

        assert_eq!((shown.len(), last), (2, None));
    }
}
