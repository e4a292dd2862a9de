//! Names that are not there: which ones are like them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::timeout;

use super::advice::{Advice, function};
use super::call::Call;
use super::engine::Needs;
use super::engine::databases::LOCAL;
use super::failure::{Failure, nearest};
use super::names::{parts, shown};
use super::state::State;
use super::tables::{Found, all, columns, near_tables};

/// How much later an error comes for what is added to it, at most.
const LATER: Duration = Duration::from_millis(300);
/// Tables whose columns are looked at.
const TABLES: usize = 8;
/// Names that are listed where none is like the one that is missing.
const LISTED: usize = 30;

/// What a call was given that names in an error may be of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    sql: String,
    database: Option<String>,
}

impl Said {
    pub(crate) fn of(arguments: &Map<String, Value>) -> Self {
        let mut said = Self::default();
        for (key, value) in arguments {
            match (key.as_str(), value) {
                ("database", Value::String(alias)) => said.database = Some(alias.clone()),
                ("sql" | "sources", value) => gather(value, &mut said.sql),
                _ => {}
            }
        }
        said
    }
}

/// All SQL in an argument: a text, several, or objects that have some.
fn gather(value: &Value, sql: &mut String) {
    match value {
        Value::String(text) => {
            sql.push_str(text);
            sql.push('\n');
        }
        Value::Array(all) => all.iter().for_each(|one| match one {
            Value::Object(object) => object.get("sql").into_iter().for_each(|one| gather(one, sql)),
            one => gather(one, sql),
        }),
        _ => {}
    }
}

/// Adds to a failure which names there are, if that can be found out soon.
pub(crate) async fn explain(state: &Arc<State>, failure: Failure, said: &Said, call: &Call) -> Failure {
    let (Some(sqlstate), Some((message, position))) = (failure.sqlstate.as_deref(), failure.said.clone())
    else {
        return failure;
    };
    let named = message.split_once(['"', '\'']).map(|_| named(&message)).unwrap_or_default();
    let advice = async {
        match (sqlstate, named.as_slice()) {
            ("42P01", _) if message.starts_with("unknown table") => Some(IN_FROM.to_owned()),
            ("42P01", name) => table(state, name, said, call).await,
            ("3F000" | "3D000", name) => schema(state, name, said, position, call).await,
            ("42703", name) => column(state, name.last()?, said, call).await,
            ("42883", name) => function_like(state, name.last()?, call).await,
            _ => None,
        }
    };
    match timeout(LATER, advice).await {
        Ok(Some(advice)) => failure.advise(&advice),
        _ => failure,
    }
}

const IN_FROM: &str = "Next: it is none of the tables and aliases in FROM; where FROM gives an alias, only that is the table's name.";

/// The name that a message is about, in its parts: `table "a"."b" does not exist`, `unknown column 'x'`.
fn named(message: &str) -> Vec<String> {
    let Some(start) = message.find(['"', '\'']) else { return Vec::new() };
    let text = &message[start..];
    if let Some(text) = text.strip_prefix('\'') {
        return text.rfind('\'').map(|end| vec![text[..end].to_owned()]).unwrap_or_default();
    }
    let Some(end) = text.rfind('"') else { return Vec::new() };
    parts(&text[..=end]).unwrap_or_default()
}

async fn table(state: &Arc<State>, name: &[String], said: &Said, call: &Call) -> Option<String> {
    let (last, qualified) = name.split_last()?;
    if qualified.last().is_some_and(|schema| schema == "information_schema") {
        return Some(
            "Next: there is no information_schema; `inspect` shows tables and columns, pg_catalog.pg_tables too."
                .to_owned(),
        );
    }
    let all = all(state, call).await;
    let same: Vec<_> = all
        .iter()
        .filter(|found| found.table.name.eq_ignore_ascii_case(last))
        .map(Found::shown)
        .take(5)
        .collect();
    if !same.is_empty() {
        return Some(format!("Next: the table is {}; write the whole name.", same.join(" or ")));
    }
    let near = near_tables(last, &all);
    if !near.is_empty() {
        return Some(format!("Nearest: {}.", near.join(", ")));
    }
    let home = said.database.as_deref().unwrap_or(LOCAL);
    let there: Vec<_> = all
        .iter()
        .filter(|found| found.alias.eq_ignore_ascii_case(home))
        .map(|found| shown(&found.table.name))
        .collect();
    Some(match there.as_slice() {
        [] if all.is_empty() => {
            format!("No database has any table. {}", Advice::MakeTables.say(&state.offers))
        }
        [] => format!("{home} has no tables. Next: `inspect` shows those of the other databases."),
        there => format!("Tables of {home}: {}. Next: `inspect` shows all.", listed(there)),
    })
}

/// A schema is often meant to be a database.
async fn schema(
    state: &Arc<State>,
    name: &[String],
    said: &Said,
    position: Option<usize>,
    call: &Call,
) -> Option<String> {
    let first = name.first()?;
    let databases = state.engine.databases.all();
    let database = databases.iter().find(|database| database.alias.eq_ignore_ascii_case(first));
    let all = all(state, call).await;
    if let Some(database) = database {
        let of_it: Vec<_> = all.iter().filter(|found| found.alias == database.alias).cloned().collect();
        // Of `alias.table`, Hyper names only the alias; the statement has the rest.
        let meant =
            position.and_then(|position| name_at(&said.sql, position)).and_then(|mut name| name.pop());
        let meant = meant.filter(|meant| !meant.eq_ignore_ascii_case(first)).unwrap_or_default();
        let same = of_it.iter().find(|found| found.table.name.eq_ignore_ascii_case(&meant));
        let there = match same {
            Some(same) => same.shown(),
            None => match near_tables(&meant, &of_it).as_slice() {
                [] => listed(&of_it.iter().map(Found::shown).collect::<Vec<_>>()),
                near => near.join(", "),
            },
        };
        return Some(format!(
            "Next: {first} is a database, so its tables are named alias.schema.table: {there}."
        ));
    }
    let mut names: Vec<_> = databases.iter().map(|database| database.alias.as_str()).collect();
    let schemas: Vec<_> = all.iter().map(|found| found.table.schema.as_str()).collect();
    let mut near = nearest(first, names.iter().copied().chain(schemas));
    near.dedup();
    let meant = if near.is_empty() { String::new() } else { format!("Nearest: {}. ", near.join(", ")) };
    names.sort_unstable();
    Some(format!(
        "{meant}Databases: {}. Tables are named alias.schema.table. {}",
        names.join(", "),
        Advice::Attach.say(&state.offers)
    ))
}

async fn column(state: &Arc<State>, name: &str, said: &Said, call: &Call) -> Option<String> {
    let sql = said.sql.to_lowercase();
    if is_output_alias(&sql, name) {
        return Some(format!(
            "Next: {name} is named in the SELECT list, which WHERE, HAVING and other columns of the list cannot use: repeat \
             the expression, or filter in an outer query."
        ));
    }
    let mut mentioned = all(state, call).await;
    mentioned.retain(|found| mentions(&sql, &found.table.name.to_lowercase()));
    let mut there: Vec<(String, String)> = Vec::new();
    for found in mentioned.iter().take(TABLES) {
        for column in columns(state, &found.alias, &found.table, call).await.unwrap_or_default() {
            there.push((column.name, found.shown()));
        }
    }
    let near = nearest(name, there.iter().map(|(column, _)| column.as_str()));
    if let [_, ..] = near.as_slice() {
        let of = |near: &&str| {
            let table = there.iter().find(|(column, _)| column == *near).map(|(_, table)| table.as_str());
            format!("{} (of {})", shown(near), table.unwrap_or_default())
        };
        return Some(format!("Nearest: {}.", near.iter().map(of).collect::<Vec<_>>().join(", ")));
    }
    let quoted = said.sql.contains(&format!("\"{name}\""));
    let columns: Vec<_> = there.iter().map(|(column, _)| shown(column)).collect();
    match (quoted, columns.as_slice()) {
        (true, _) => Some(format!("Next: double quotes are for names; a text is '{name}'.")),
        (false, []) => None,
        (false, columns) => Some(format!("Columns: {}.", listed(columns))),
    }
}

async fn function_like(state: &Arc<State>, name: &str, call: &Call) -> Option<String> {
    if let Some(known) = function(name) {
        return Some(format!("Next: {known}."));
    }
    let mut lease = state.engine.lease_to_read(Needs { light: true, ..Needs::default() }, call).await.ok()?;
    let sql = "SELECT DISTINCT proname FROM pg_catalog.pg_proc";
    let all = lease.query(sql).await.ok()?.map(|row| Ok::<_, hyperwire_tokio::Error>(row.get::<String>(0)?));
    let all = all.await.ok()?;
    lease.finish().await.ok()?;
    let near = nearest(name, all.iter().map(String::as_str));
    if near.is_empty() { None } else { Some(format!("Nearest: {}.", near.join(", "))) }
}

/// The name that begins at a position of a statement.
fn name_at(sql: &str, position: usize) -> Option<Vec<String>> {
    let rest: String = sql.chars().skip(position.checked_sub(1)?).collect();
    let mut quoted = false;
    let end = rest.find(|c: char| {
        quoted ^= c == '"';
        !quoted && (c.is_whitespace() || matches!(c, ',' | '(' | ')' | ';'))
    });
    parts(&rest[..end.unwrap_or(rest.len())])
}

/// Whether the statement, in lower case, gives something this name.
fn is_output_alias(sql: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    [format!(" as {name}"), format!(" as \"{name}\"")].iter().any(|alias| {
        sql.match_indices(alias.as_str())
            .any(|(at, _)| !sql[at + alias.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

/// Whether a text has a word in it.
fn mentions(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
}

fn listed(names: &[String]) -> String {
    let mut text = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > LISTED {
        text.push_str(&format!(" and {} more", names.len() - LISTED));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_what_it_is_about() {
        assert_eq!(
            named("table \"local\".\"public\".\"my \"\"t\" does not exist"),
            ["local", "public", "my \"t"]
        );
        assert_eq!(named("unknown column 'a b'"), ["a b"]);
        assert_eq!(named("unknown column \"t1\".\"aa\""), ["t1", "aa"]);
        assert_eq!(named("division by zero"), [""; 0]);
    }

    #[test]
    fn a_name_ends_where_sql_goes_on() {
        assert_eq!(name_at("select * from sales.orders, t", 15).unwrap(), ["sales", "orders"]);
        assert_eq!(name_at("select * from \"a b\".\"c,d\")", 15).unwrap(), ["a b", "c,d"]);
    }

    #[test]
    fn a_word_is_not_a_part_of_one() {
        assert!(mentions("select a from orders o", "orders"));
        assert!(!mentions("select a from orders_2024", "orders"));
        assert!(is_output_alias("select count(*) as n from t having n > 1", "n"));
        assert!(!is_output_alias("select count(*) as number from t", "n"));
    }

    #[test]
    fn sql_is_found_wherever_a_call_has_it() {
        let arguments =
            serde_json::json!({"sql": ["a", "b"], "database": "d", "sources": [{"sql": "c"}, {"path": "p"}]});

        let said = Said::of(arguments.as_object().unwrap());

        assert_eq!(said.database.as_deref(), Some("d"));
        let mut sql: Vec<_> = said.sql.lines().collect();
        sql.sort_unstable();
        assert_eq!(sql, ["a", "b", "c"]);
    }
}
