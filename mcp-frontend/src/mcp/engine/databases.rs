//! Which databases there are: a scratch one, one that persists, and those that were attached.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use hyperwire_tokio::hyperwire_core::sql::{Kind, tokens};

use crate::mcp::advice::Advice;
use crate::mcp::failure::{Failure, nearest};

/// The alias of the scratch database, which lives as long as the server.
pub(crate) const LOCAL: &str = "local";
/// The alias of the database that outlives the server.
pub(crate) const PERSISTENT: &str = "persistent";

/// How a database is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    ReadOnly,
    ReadWrite,
}

/// A database that SQL can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Database {
    pub(crate) alias: String,
    /// Canonical and absolute: hyperd takes another spelling for another database.
    pub(crate) path: PathBuf,
    pub(crate) mode: Mode,
}

/// All of them, by alias in lower case.
#[derive(Debug, Default)]
pub(crate) struct Databases(Mutex<BTreeMap<String, Database>>);

impl Databases {
    /// Adds one.
    pub(crate) fn add(&self, database: Database) -> Result<(), Failure> {
        let mut all = self.lock();
        let key = database.alias.to_lowercase();
        if let Some(there) = all.get(&key) {
            return Err(Failure::new(format!(
                "The alias {} is taken by {}. Next: choose another, or detach it first.",
                there.alias,
                there.path.display()
            )));
        }
        if let Some(same) = all.values().find(|other| other.path == database.path) {
            return Err(Failure::new(format!(
                "{} is attached already, as {}. Next: use that alias.",
                database.path.display(),
                same.alias
            )));
        }
        all.insert(key, database);
        Ok(())
    }

    /// Forgets one that was attached.
    pub(crate) fn remove(&self, alias: &str) -> Result<Database, Failure> {
        if matches!(alias.to_lowercase().as_str(), LOCAL | PERSISTENT) {
            return Err(Failure::new(format!("{alias} belongs to this server and stays attached.")));
        }
        let removed = self.lock().remove(&alias.to_lowercase());
        removed.ok_or_else(|| self.unknown(alias))
    }

    /// The one of this alias.
    pub(crate) fn get(&self, alias: &str) -> Result<Database, Failure> {
        let found = self.lock().get(&alias.to_lowercase()).cloned();
        found.ok_or_else(|| self.unknown(alias))
    }

    /// All, by alias.
    pub(crate) fn all(&self) -> Vec<Database> {
        self.lock().values().cloned().collect()
    }

    /// Those that SQL names: by an identifier that a dot follows, or that follows the word DATABASE. A superset, since that
    /// may be a schema's or a table's name as well.
    pub(crate) fn mentioned(&self, sql: &str) -> Vec<Database> {
        let named: BTreeSet<String> = database_names(sql).collect();
        self.lock()
            .iter()
            .filter(|(alias, _)| named.contains(alias.as_str()))
            .map(|(_, database)| database.clone())
            .collect()
    }

    fn unknown(&self, alias: &str) -> Failure {
        let all = self.all();
        let names: Vec<_> = all.iter().map(|database| database.alias.as_str()).collect();
        let near = nearest(alias, names.iter().copied());
        let meant = near.first().map_or(String::new(), |near| format!(" Did you mean {near}?"));
        Failure::new(format!(
            "There is no database with the alias {alias}.{meant} There are: {}.",
            names.join(", ")
        ))
        .next(Advice::Attach)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Database>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The identifiers, in lower case, that may be a database's alias where they stand.
fn database_names(sql: &str) -> impl Iterator<Item = String> {
    let tokens: Vec<_> =
        tokens(sql).filter(|token| !matches!(token.kind, Kind::Blank | Kind::Comment)).collect();
    let sets_path = tokens.iter().any(|token| token.identifier().as_deref() == Some("schema_search_path"));
    let names = tokens.iter().enumerate().filter_map(|(index, token)| {
        let follows_database = index
            .checked_sub(1)
            .is_some_and(|before| tokens[before].identifier().as_deref() == Some("database"));
        let before_dot = tokens.get(index + 1).is_some_and(|next| next.text == ".");
        let name = match token.identifier() {
            Some(name) if before_dot || follows_database || sets_path => name,
            // SET schema_search_path = 'alias'
            None if sets_path => token.string()?,
            _ => return None,
        };
        Some(name.to_lowercase())
    });
    names.collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(alias: &str, path: &str) -> Database {
        Database { alias: alias.to_owned(), path: path.into(), mode: Mode::ReadWrite }
    }

    #[test]
    fn sql_mentions_the_databases_that_its_identifiers_name_in_any_case() {
        let databases = Databases::default();
        databases.add(database("Sales", "/s")).unwrap();
        databases.add(database("people", "/p")).unwrap();

        for sql in [
            "SELECT * FROM \"SALES\".public.t",
            "SELECT * FROM sales . public.t, 'people.x'",
            "SELECT * FROM U&\"s\\0061les\"/**/.public.t -- people.x",
            "DETACH DATABASE sales",
            "SET schema_search_path = 'sales'",
            "SELECT 1 AS people, peoples.x, \"people.x\", sales.x",
        ] {
            assert_eq!(databases.mentioned(sql), [database("Sales", "/s")], "{sql}");
        }
    }

    #[test]
    fn an_alias_and_a_file_are_there_once() {
        let databases = Databases::default();
        databases.add(database("a", "/a")).unwrap();

        assert!(databases.add(database("A", "/b")).unwrap_err().text().contains("taken"));
        assert!(databases.add(database("b", "/a")).unwrap_err().text().contains("as a"));
    }

    #[test]
    fn an_unknown_alias_is_answered_with_the_nearest() {
        let databases = Databases::default();
        databases.add(database("sales", "/s")).unwrap();

        let error = databases.get("slaes").unwrap_err();

        assert!(error.text().contains("Did you mean sales?"), "{}", error.text());
    }

    #[test]
    fn what_belongs_to_the_server_is_not_detached() {
        let databases = Databases::default();
        databases.add(database(LOCAL, "/l")).unwrap();

        assert!(databases.remove("LOCAL").unwrap_err().text().contains("stays"));
    }
}
