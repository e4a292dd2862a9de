//! Where rows go: the table that a name means, whether it is there yet or not.

use std::sync::Arc;

use hyperwire_tokio::hyperwire_core::sql::{NameError, QualifiedName};

use super::call::Call;
use super::engine::databases::LOCAL;
use super::engine::quoted;
use super::failure::{Failure, nearest};
use super::files::is_stand_in;
use super::names::shown;
use super::state::State;
use super::tables::{Found, Table, schemas};

/// The table that `name` means: in `database`, or the scratch database if there is none, unless it begins with the alias of
/// a database itself. Its schema is there; the table need not be.
///
/// A name that contradicts `database`, or that could mean two tables, is refused.
pub(crate) async fn target(
    state: &Arc<State>,
    name: &str,
    database: Option<&str>,
    call: &Call,
) -> Result<Found, Failure> {
    let asked = database.map(|alias| state.engine.databases.get(alias)).transpose()?;
    let home = asked.as_ref().map_or(LOCAL, |database| database.alias.as_str());
    let parsed: QualifiedName = name.parse().map_err(|error| no_name(name, error))?;
    if is_stand_in(parsed.table()) {
        return Err(Failure::new(format!(
            "{name} is named like a stand-in of a table that is being filled, which the next load removes. Nothing \
             was loaded. Next: choose another name."
        )));
    }
    let of = |alias: &str, schema: &str| Found {
        alias: alias.to_owned(),
        table: Table { schema: schema.to_owned(), name: parsed.table().to_owned() },
    };
    let Some(schema) = parsed.schema() else { return Ok(of(home, "public")) };
    let (alias, schema) = match parsed.database() {
        Some(alias) => {
            let named =
                state.engine.databases.get(alias).map_err(|failure| failure.advise("Nothing was loaded."))?;
            if asked.as_ref().is_some_and(|asked| asked.alias != named.alias) {
                return Err(contradiction(name, &named.alias, home));
            }
            (named.alias, schema)
        }
        None => match state.engine.databases.get(schema) {
            Ok(named) => {
                let is_schema = schemas(state, home, call).await?.iter().any(|there| there == schema);
                match (is_schema, asked.as_ref().is_some_and(|asked| asked.alias != named.alias)) {
                    (true, true) => (home.to_owned(), schema),
                    (false, true) => return Err(contradiction(name, &named.alias, home)),
                    (false, false) => return Ok(of(&named.alias, "public")),
                    (true, false) => {
                        return Err(Failure::new(format!(
                            "{name} could be {} or {}: {schema} is a schema and a database. Nothing was loaded. Next: give \
                             the whole name.",
                            of(home, schema).shown(),
                            of(&named.alias, "public").shown()
                        )));
                    }
                }
            }
            Err(_) => (home.to_owned(), schema),
        },
    };
    if schema == "public" {
        // Also where there is no file yet that could be asked.
        return Ok(of(&alias, schema));
    }
    let there = schemas(state, &alias, call).await?;
    if there.iter().any(|there| there == schema) {
        return Ok(of(&alias, schema));
    }
    Err(no_schema(state, name, &parsed, &alias, &there))
}

fn contradiction(name: &str, named: &str, asked: &str) -> Failure {
    Failure::new(format!(
        "{name} is a table of the database {named}, but `database` is {asked}. Nothing was loaded. Next: leave out one of \
         the two."
    ))
}

fn no_name(name: &str, error: NameError) -> Failure {
    Failure::new(format!(
        "{name} is no name of a table: {error}. Nothing was loaded. Next: write table, schema.table or \
         alias.schema.table, with double quotes around parts that have dots or quotes: {}.",
        quoted(name)
    ))
}

fn no_schema(state: &State, name: &str, parsed: &QualifiedName, alias: &str, there: &[String]) -> Failure {
    let schema = parsed.schema().unwrap_or_default();
    let databases = state.engine.databases.all();
    let aliases = databases.iter().map(|database| database.alias.as_str());
    let known: Vec<_> = there.iter().map(String::as_str).collect();
    let near = nearest(schema, known.iter().copied().chain(aliases));
    let meant = near.first().map_or(String::new(), |near| format!(" Did you mean {}?", shown(near)));
    let shown_schemas: Vec<_> = known.iter().map(|schema| shown(schema)).collect();
    let is_dotted = match parsed.database() {
        None => {
            format!(" If the dot belongs to the table's name, write it in double quotes: {}.", quoted(name))
        }
        Some(_) => String::new(),
    };
    Failure::new(format!(
        "There is no schema {} in {alias}, which has {}.{meant} Nothing was loaded. Next: CREATE SCHEMA {}.{} \
         first, or use another.{is_dotted}",
        shown(schema),
        shown_schemas.join(", "),
        shown(alias),
        shown(schema),
    ))
}
