//! `memory`: keys and values that outlive the conversation.

mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Definition, operations};
use crate::mcp::advice::Advice;
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::state::State;
use store::{ANSWERED, LISTED, Memory};

/// The longest name of a store or key, in bytes; hyperdb-mcp has the same bound.
const LONGEST_NAME: usize = 512;
/// The longest value that is taken, in bytes.
const LONGEST_VALUE: usize = 8 << 20;
/// What it does.
pub(super) const OPS: &[&str] = &["set", "get", "list", "list_stores", "delete", "pop", "clear", "size"];
/// What a read-only server has of it.
pub(super) const READ_OPS: &[&str] = &["get", "list", "list_stores", "size"];

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
            0 => {
                Err("`store`, `key` and the keys of `entries` are names, which must not be empty".to_owned())
            }
            1..=LONGEST_NAME if !name.contains('\0') => Ok(Self(name)),
            length => Err(format!(
                "`store`, `key` and the keys of `entries` have at most {LONGEST_NAME} bytes and no NUL; this one has {length} bytes"
            )),
        }
    }
}

pub(super) fn definition(read_only: bool) -> Definition {
    let (description, ops): (_, &[&str]) = if read_only {
        (
            "Read what was kept by key in stores: get, list (keys; with values if `values`), list_stores, size. It is in \
             `database` (default: persistent), table _hyperdb_kv_store(store_name, key, value).",
            READ_OPS,
        )
    } else {
        (
            "Keep text or JSON by key in stores, across sessions. set: `key` with `value` or `value_path` (a file), or \
             all of `entries` {key: value} at once; replaces unless overwrite = false. get, delete, size, clear (a whole \
             store), list (keys; with values if `values`), list_stores; for more, pass `after`. pop: take `key`, or the \
             first one; nobody else gets it. Kept in `database` (default: persistent, or local without it), table \
             _hyperdb_kv_store(store_name, key, value).",
            OPS,
        )
    };
    let mut properties = json!({
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
        input: operations(ops, properties),
        output: None,
    }
}

pub(super) async fn run(
    state: &Arc<State>,
    arguments: Arguments,
    call: &Arc<Call>,
) -> Result<Answer, Failure> {
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
    let file = state.paths.to_read(path).await.map_err(|failure| failure.advise("Nothing was set."))?;
    let bytes = state.disk.read(&file, LONGEST_VALUE as u64).await;
    let bytes =
        bytes.map_err(|fault| fault.failure("kept").advise("Nothing was set.").next(Advice::LoadData))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::new(format!("{path} is not UTF-8 text. Nothing was set.")).next(Advice::LoadData)
    })?;
    without_nul(text, path)
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

#[cfg(test)]
mod tests {
    use super::*;

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
