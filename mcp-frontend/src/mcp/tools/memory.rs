//! `memory`: keys and values that outlive the conversation.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Definition, Hints};
use crate::mcp::answer::Answer;
use crate::mcp::bookkeeping::{self, MEMORY, Outcome, Row, Statement, Written};
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::state::State;

/// The longest name of a store or key, in bytes; hyperdb-mcp has the same bound.
const LONGEST_NAME: usize = 512;
/// The longest value that is taken, in bytes.
const LONGEST_VALUE: usize = 8 << 20;
/// How many entries are set in one call; each takes two of the 65,535 parameters of a statement.
const MOST_ENTRIES: usize = 1000;
/// How many names are listed unless asked otherwise, and at most.
const LISTED: (usize, usize) = (200, 10_000);
/// How many bytes of values are answered unless asked otherwise, and at most: see `Limits::DEFAULT`.
const ANSWERED: (usize, usize) = (24_000, 1_000_000);

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Arguments {
    Set {
        store: Name,
        key: Option<Name>,
        value: Option<Value>,
        value_path: Option<String>,
        entries: Option<BTreeMap<Name, Value>>,
        overwrite: Option<bool>,
        database: Option<String>,
    },
    Get {
        store: Name,
        key: Name,
        max_bytes: Option<usize>,
        database: Option<String>,
    },
    List {
        store: Name,
        #[serde(default)]
        values: bool,
        after: Option<String>,
        limit: Option<usize>,
        database: Option<String>,
    },
    ListStores {
        after: Option<String>,
        limit: Option<usize>,
        database: Option<String>,
    },
    Delete {
        store: Name,
        key: Name,
        database: Option<String>,
    },
    Pop {
        store: Name,
        key: Option<Name>,
        database: Option<String>,
    },
    Clear {
        store: Name,
        database: Option<String>,
    },
    Size {
        store: Name,
        database: Option<String>,
    },
}

/// The name of a store or key.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String")]
pub(crate) struct Name(String);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.len() {
            0 => Err("a store and a key have a name".to_owned()),
            1..=LONGEST_NAME if !name.contains('\0') => Ok(Self(name)),
            length => Err(format!(
                "names of stores and keys have at most {LONGEST_NAME} bytes and no NUL, and this one has {length}"
            )),
        }
    }
}

pub(super) fn definition(read_only: bool) -> Definition {
    let (description, ops, hints) = if read_only {
        (
            "Read what was kept by key in stores: get, list (keys; with values if `values`), list_stores, size. It is in \
             `database` (default: persistent), table _hyperdb_kv_store(store_name, key, value).",
            json!(["get", "list", "list_stores", "size"]),
            Hints::Reads,
        )
    } else {
        (
            "Keep text or JSON by key in stores, across sessions. set: `key` with `value` or `value_path` (a file), or \
             all of `entries` {key: value} at once; replaces unless overwrite = false. get, delete, size, clear (a whole \
             store), list (keys; with values if `values`), list_stores; for more, pass `after`. pop: take `key`, or the \
             first one; nobody else gets it. Kept in `database` (default: persistent, or local without it), table \
             _hyperdb_kv_store(store_name, key, value).",
            json!(["set", "get", "list", "list_stores", "delete", "pop", "clear", "size"]),
            Hints::Changes,
        )
    };
    let mut properties = json!({
        "op": {"type": "string", "enum": ops},
        "store": {"type": "string"},
        "key": {"type": "string"},
        "values": {"type": "boolean"},
        "after": {"type": "string"},
        "limit": {"type": "integer", "default": LISTED.0},
        "max_bytes": {"type": "integer", "default": ANSWERED.0},
        "database": {"type": "string"}
    });
    if !read_only {
        for (name, schema) in [
            ("value", json!({})),
            ("value_path", json!({"type": "string"})),
            ("entries", json!({"type": "object"})),
            ("overwrite", json!({"type": "boolean"})),
        ] {
            properties[name] = schema;
        }
    }
    Definition {
        name: "memory",
        title: "Memory",
        description,
        hints,
        input: json!({
            "type": "object",
            "properties": properties,
            "required": ["op"],
            "additionalProperties": false
        }),
        output: None,
    }
}

pub(super) async fn run(
    state: &Arc<State>,
    arguments: Arguments,
    call: &Arc<Call>,
) -> Result<Answer, Failure> {
    if state.options.read_only && arguments.writes() {
        return Err(Failure::new(
            "This server is read-only: nothing was changed. `memory` has get, list, list_stores and size here.",
        ));
    }
    match arguments {
        Arguments::Set { store, key, value, value_path, entries, overwrite, database } => {
            let entries = match (key, value, value_path, entries) {
                (Some(key), Some(value), None, None) => vec![(key, text(value)?)],
                (Some(key), None, Some(path), None) => vec![(key, content(state, &path).await?)],
                (None, None, None, Some(entries)) => entries
                    .into_iter()
                    .map(|(key, value)| Ok::<_, Failure>((key, text(value)?)))
                    .collect::<Result<_, _>>()?,
                _ => {
                    return Err(Failure::new(
                        "Pass `key` with either `value` or `value_path`, or else `entries` alone. Nothing was set.",
                    ));
                }
            };
            let memory = Memory::find(state, database, call)?;
            memory.set(&store, entries, overwrite.unwrap_or(true)).await
        }
        Arguments::Get { store, key, max_bytes, database } => {
            Memory::find(state, database, call)?.get(&store, &key, max_bytes).await
        }
        Arguments::List { store, values, after, limit, database } => {
            Memory::find(state, database, call)?.list(&store, values, after, limit).await
        }
        Arguments::ListStores { after, limit, database } => {
            Memory::find(state, database, call)?.list_stores(after, limit).await
        }
        Arguments::Delete { store, key, database } => {
            Memory::find(state, database, call)?.delete(&store, &key).await
        }
        Arguments::Pop { store, key, database } => {
            Memory::find(state, database, call)?.pop(&store, key.as_ref()).await
        }
        Arguments::Clear { store, database } => Memory::find(state, database, call)?.clear(&store).await,
        Arguments::Size { store, database } => Memory::find(state, database, call)?.size(&store).await,
    }
}

impl Arguments {
    fn writes(&self) -> bool {
        matches!(self, Self::Set { .. } | Self::Delete { .. } | Self::Pop { .. } | Self::Clear { .. })
    }
}

/// The memory that one database holds.
struct Memory<'a> {
    state: &'a Arc<State>,
    alias: String,
    table: String,
    call: &'a Call,
}

impl<'a> Memory<'a> {
    fn find(state: &'a Arc<State>, database: Option<String>, call: &'a Call) -> Result<Self, Failure> {
        let alias = bookkeeping::place(state, database.as_deref())?;
        Ok(Self { state, table: MEMORY.of(&alias), alias, call })
    }

    async fn set(
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
                "The values have {total} bytes; at most {LONGEST_VALUE} are kept in one call. Nothing was set. Next: \
                 split them, or `load` large data into a table."
            )));
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
        Ok(warned(answer, written))
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

    async fn get(&self, store: &Name, key: &Name, max_bytes: Option<usize>) -> Result<Answer, Failure> {
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
                answer["next"] =
                    json!(format!("Pass a larger max_bytes (at most {}), or `export` it.", ANSWERED.1));
            }
            value => answer["value"] = json!(value),
        }
        Ok(Answer::json(answer))
    }

    async fn list(
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

    async fn list_stores(&self, after: Option<String>, limit: Option<usize>) -> Result<Answer, Failure> {
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

    async fn delete(&self, store: &Name, key: &Name) -> Result<Answer, Failure> {
        let sql = format!("DELETE FROM {} WHERE store_name = $1 AND key = $2", self.table);
        let written = self.write(&[Statement::new(sql, [&store.0, &key.0])]).await?;
        let deleted = affected(&written) > 0;
        Ok(warned(json!({"database": self.alias, "deleted": deleted}), written))
    }

    async fn pop(&self, store: &Name, key: Option<&Name>) -> Result<Answer, Failure> {
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
        Ok(warned(answer, written))
    }

    async fn clear(&self, store: &Name) -> Result<Answer, Failure> {
        let sql = format!("DELETE FROM {} WHERE store_name = $1", self.table);
        let written = self.write(&[Statement::new(sql, [&store.0])]).await?;
        let deleted = affected(&written);
        Ok(warned(json!({"database": self.alias, "deleted": deleted}), written))
    }

    async fn size(&self, store: &Name) -> Result<Answer, Failure> {
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

/// Text as it is; anything else as its JSON.
fn text(value: Value) -> Result<String, Failure> {
    let text = match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    without_nul(text, "a value")
}

/// A text file's content.
async fn content(state: &State, path: &str) -> Result<String, Failure> {
    let file = state.paths.to_read(path)?;
    let bytes = tokio::task::spawn_blocking(move || read_file(&file))
        .await
        .map_err(|stopped| Failure::new(stopped.to_string()))?
        .map_err(|why| Failure::new(format!("{path} cannot be kept: {why}. Nothing was set.")))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::new(format!("{path} is no UTF-8 text. Nothing was set. Next: `load` data files."))
    })?;
    without_nul(text, path)
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let about = path.metadata().map_err(|error| error.to_string())?;
    if !about.is_file() {
        // A pipe would be waited for.
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(LONGEST_VALUE as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > LONGEST_VALUE {
        return Err(format!("it has more than {LONGEST_VALUE} bytes; `load` large data into a table"));
    }
    Ok(bytes)
}

/// Hyper's texts hold every character but this one.
fn without_nul(text: String, what: &str) -> Result<String, Failure> {
    if text.contains('\0') {
        return Err(Failure::new(format!(
            "{what} holds a NUL character, which Hyper's text cannot. Nothing was set."
        )));
    }
    Ok(text)
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

fn warned(mut answer: Value, written: Written) -> Answer {
    if let Some(warning) = written.warning {
        answer["warnings"] = json!([warning]);
    }
    Answer::json(answer)
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

    #[test]
    fn an_operation_takes_no_argument_of_another() {
        let listing = json!({"op": "list", "store": "s", "key": "k"});

        let error = serde_json::from_value::<Arguments>(listing).unwrap_err();

        assert!(error.to_string().contains("key"), "{error}");
    }

    #[test]
    fn a_name_is_there_and_short() {
        let get =
            |key: &str| serde_json::from_value::<Arguments>(json!({"op": "get", "store": "s", "key": key}));

        assert!(get("").is_err());
        assert!(get(&"k".repeat(LONGEST_NAME + 1)).is_err());
        assert!(get(&"k".repeat(LONGEST_NAME)).is_ok());
    }
}
