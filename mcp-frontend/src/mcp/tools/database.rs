//! `database`: attach, make and detach database files.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::Definition;
use crate::mcp::advice::Advice;
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::changes::Change;
use crate::mcp::engine::databases::{Database, Mode, PERSISTENT};
use crate::mcp::engine::{Lease, Needs, quoted};
use crate::mcp::failure::Failure;
use crate::mcp::state::State;
use crate::mcp::tables::{Found, tables};

/// Tables that the answer names; `inspect` knows the others.
const NAMED: usize = 50;
/// What PostgreSQL allows, and more than anybody should write.
const LONGEST_ALIAS: usize = 63;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    action: Action,
    path: Option<String>,
    alias: Option<String>,
    #[serde(default)]
    mode: AskedMode,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Action {
    Attach,
    Create,
    Detach,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AskedMode {
    #[default]
    Readonly,
    Readwrite,
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "database",
        title: "Database",
        description: "Attach a .hyper file, so that SQL can name its tables alias.schema.table in every tool; create one \
            (empty, readwrite); or detach it (the file stays). Attach again to change the mode, after a detach.",
        input: json!({
            "type": "object",
            "properties": {
                "action": {"type": "string", "enum": ["attach", "create", "detach"]},
                "path": {"type": "string"},
                "alias": {"type": "string", "description": "Default: the file's name"},
                "mode": {"type": "string", "enum": ["readonly", "readwrite"], "default": "readonly"}
            },
            "required": ["action"],
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
    let Arguments { action, path, alias, mode } = arguments;
    match (action, path, alias) {
        (Action::Detach, None, Some(alias)) => detach(state, &alias),
        (Action::Detach, ..) => Err(Failure::new("Pass `alias`, and no path, to detach.")),
        (_, None, _) => Err(Failure::new("Pass the `path` of the file.")),
        (Action::Attach, Some(path), alias) => {
            let path = state.paths.to_read(&path).await?;
            let mode = match mode {
                AskedMode::Readonly => Mode::ReadOnly,
                AskedMode::Readwrite => Mode::ReadWrite,
            };
            attach(state, Database { alias: named(alias, &path)?, path, mode }, false, call).await
        }
        (Action::Create, Some(path), alias) => {
            let path = state.paths.to_write(&path, false).await?;
            attach(state, Database { alias: named(alias, &path)?, path, mode: Mode::ReadWrite }, true, call)
                .await
        }
    }
}

fn detach(state: &State, alias: &str) -> Result<Answer, Failure> {
    let gone = state.engine.databases.remove(alias)?;
    state.changes.tell(Change::Databases);
    Ok(Answer::json(json!({"detached": gone.alias, "path": gone.path})))
}

async fn attach(
    state: &Arc<State>,
    database: Database,
    is_new: bool,
    call: &Call,
) -> Result<Answer, Failure> {
    let Database { alias, path, mode } = database.clone();
    if let Ok(there) = state.engine.databases.get(&alias) {
        return Err(Failure::new(format!(
            "The alias {alias} is taken by {}. Next: pass another `alias`, or detach that one first.",
            there.path.display()
        )));
    }
    try_out(state, &database, is_new, call).await?;
    state.engine.databases.add(database)?;
    let tables = match tables(state, &alias, call).await {
        Ok(tables) => tables,
        Err(failure) => {
            // Somebody else was faster than us to lock it.
            let _ = state.engine.databases.remove(&alias);
            return Err(failure);
        }
    };
    state.changes.tell(Change::Databases);
    let named: Vec<_> = tables
        .iter()
        .take(NAMED)
        .map(|table| Found { alias: alias.clone(), table: table.clone() }.shown())
        .collect();
    let mode = match mode {
        Mode::ReadOnly => "readonly",
        Mode::ReadWrite => "readwrite",
    };
    Ok(Answer::json(
        json!({"attached": alias, "path": path, "mode": mode, "tables": named, "tables_total": tables.len()}),
    ))
}

/// Whether hyperd can open the file under this name. Before anybody else is told of it: calls that name it would fail.
async fn try_out(state: &Arc<State>, database: &Database, is_new: bool, call: &Call) -> Result<(), Failure> {
    let mut lease = state.engine.lease(Needs { light: true, ..Needs::default() }, call).await?;
    check_word(&mut lease, &database.alias).await?;
    if is_new {
        state.engine.create_database(&database.path).await?;
    }
    // It may still be attached when this is dropped.
    lease.soil();
    let mode = match database.mode {
        Mode::ReadOnly => " WITH (access_mode = 'readonly')",
        Mode::ReadWrite => "",
    };
    let path = database.path.to_str().ok_or_else(|| {
        Failure::new(format!("{} is not UTF-8, which Hyper needs. Rename it.", database.path.display()))
    })?;
    let alias = quoted(&database.alias);
    let sql = format!("ATTACH DATABASE {} AS {alias}{mode}", quoted(path));
    lease.execute(&sql).await.map_err(|error| refused(&Failure::of_statement(&error, ""), &database.path))?;
    lease.execute(&format!("DETACH DATABASE {alias}")).await?;
    lease.finish().await?;
    Ok(())
}

/// What hyperd says of files that it does not open, in words that say what to do.
fn refused(failure: &Failure, path: &Path) -> Failure {
    let path = path.display();
    Failure::new(match failure.sqlstate.as_deref() {
        Some("55006") => {
            return Failure::new(format!(
                "{path} is locked: another process has it open (another hyperd, Tableau, or a program that uses its own \
                 hyperd). Nothing was attached."
            ))
            .next(Advice::CloseOrCopy);
        }
        Some("55000") => format!(
            "{path} is open in the same hyperd in the other mode, by another client; hyperd has a file in one mode at a \
             time. Nothing was attached. Next: attach it in the other mode, or wait until that client detaches it."
        ),
        Some("42809") => {
            return Failure::new(format!("{path} is not a Hyper database. Nothing was attached."))
                .next(Advice::FileAsInput);
        }
        _ => return failure.clone(),
    })
}

/// Whether SQL can use the word as it is: a reserved word is a syntax error, which only hyperd's grammar knows.
async fn check_word(lease: &mut Lease, alias: &str) -> Result<(), Failure> {
    let sql = format!("EXPLAIN SELECT 1 FROM {alias}.public.none");
    match lease.execute(&sql).await {
        Err(error) if error.server().is_some_and(|error| error.code().as_str() == "42601") => {
            Err(Failure::new(format!(
                "The alias {alias} is a reserved word of SQL. Nothing was attached. Next: pass another `alias`."
            )))
        }
        Err(error) if error.server().is_none() => Err(error.into()),
        _ => Ok(()),
    }
}

/// The alias that was asked for, or one made of the file's name.
fn named(asked: Option<String>, path: &Path) -> Result<String, Failure> {
    let from_file = || path.file_stem().map(|stem| word(&stem.to_string_lossy())).unwrap_or_default();
    let alias = asked.unwrap_or_else(from_file);
    let is_word = alias.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && alias.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && alias.len() <= LONGEST_ALIAS;
    if !is_word {
        return Err(Failure::new(format!(
            "The alias {alias:?} is no plain name. Nothing was attached. Next: pass an `alias` of letters, digits and _, \
             that begins with a letter and has at most {LONGEST_ALIAS} characters."
        )));
    }
    // As SQL reads names without quotes.
    let alias = alias.to_lowercase();
    if alias.starts_with("pg_") || matches!(alias.as_str(), "public" | "information_schema" | PERSISTENT) {
        return Err(Failure::new(format!(
            "The alias {alias} means something else in SQL. Nothing was attached. Next: pass another `alias`."
        )));
    }
    Ok(alias)
}

/// A plain name that is like a file's.
fn word(name: &str) -> String {
    let word: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .take(LONGEST_ALIAS - 1)
        .collect();
    if word.starts_with(|c: char| c.is_ascii_digit()) { format!("_{word}") } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_a_plain_name_in_lower_case() {
        let of = |asked: &str| named(Some(asked.to_owned()), Path::new("/x.hyper"));

        assert_eq!(of("Sales_2024").unwrap(), "sales_2024");
        for refused in ["", "2024", "a b", "a.b", "a\"b", "pg_catalog", "public", &"x".repeat(64)] {
            assert!(of(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn without_one_it_is_the_files_name() {
        let of = |path: &str| named(None, Path::new(path)).unwrap();

        assert_eq!(of("/data/Sales 2024.hyper"), "sales_2024");
        assert_eq!(of("/data/2024.hyper"), "_2024");
    }
}
