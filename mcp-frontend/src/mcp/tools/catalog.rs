//! `catalog`: queries worth keeping, and where tables come from.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Definition, operations};
use crate::mcp::answer::Answer;
use crate::mcp::bookkeeping::{self, NOTES, QUERIES, Row, Statement, Written};
use crate::mcp::call::Call;
use crate::mcp::engine::literal;
use crate::mcp::failure::Failure;
use crate::mcp::result::keep_fitting;
use crate::mcp::state::State;
use crate::mcp::tables::{self, Found};

/// The longest name of a query, in bytes.
const LONGEST_NAME: usize = 512;
/// The longest text that is kept, in bytes.
const LONGEST_TEXT: usize = 1 << 20;
/// How many queries and how many notes are listed.
const LISTED: usize = 200;
/// How many bytes of JSON.
const LISTED_BYTES: usize = 23_000;
/// How many characters of each text are listed.
const LISTED_TEXT: usize = 300;
/// What a note says, by its columns.
const FIELDS: [&str; 6] = ["source_url", "source_description", "purpose", "license", "notes", "data_url"];
/// Columns that only whoever loaded the table fills.
const LOADED: [&str; 5] = ["load_tool", "load_params", "row_count", "loaded_at", "last_refreshed_at"];
/// Hyper's own clock, without its zone.
const NOW: &str = "(now() AT TIME ZONE 'UTC')";

/// What it does.
pub(super) const OPS: &[&str] =
    &["save_query", "get_query", "delete_query", "set_metadata", "get_metadata", "delete_metadata", "list"];
/// What a read-only server has of it.
pub(super) const READ_OPS: &[&str] = &["list", "get_query", "get_metadata"];

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Arguments {
    SaveQuery {
        name: String,
        sql: String,
        description: Option<String>,
        #[serde(default)]
        overwrite: bool,
        database: Option<String>,
    },
    DeleteQuery {
        name: String,
        database: Option<String>,
    },
    GetQuery {
        name: String,
        database: Option<String>,
    },
    SetMetadata {
        table: String,
        source_url: Option<String>,
        source_description: Option<String>,
        purpose: Option<String>,
        license: Option<String>,
        notes: Option<String>,
        data_url: Option<String>,
        database: Option<String>,
    },
    DeleteMetadata {
        table: String,
        database: Option<String>,
    },
    GetMetadata {
        table: String,
        database: Option<String>,
    },
    List {
        database: Option<String>,
    },
}

pub(super) fn definition(read_only: bool) -> Definition {
    let (description, ops): (_, &[&str]) = if read_only {
        (
            "Read saved queries and notes on tables: list (both, texts cut), get_query(name), get_metadata(table). To \
             run a saved query, pass its sql to `query`. They are in `database` (default: persistent).",
            READ_OPS,
        )
    } else {
        (
            "Keep queries and notes on tables. save_query(name, sql, description; an existing one only with overwrite), \
             get_query, delete_query (by name); to run one, pass its sql to `query`. set_metadata (where `table` comes \
             from; changes the given fields, \"\" empties one), get_metadata, delete_metadata (by table). list: both, \
             texts cut. Queries are kept in `database` (default: persistent, or local without it), notes beside their \
             table.",
            OPS,
        )
    };
    let texts: &[&str] =
        if read_only { &["name", "table", "database"] } else { &["name", "sql", "description", "table"] };
    let mut properties = Map::new();
    for name in texts {
        properties.insert((*name).to_owned(), json!({"type": "string"}));
    }
    if !read_only {
        properties.insert("overwrite".to_owned(), json!({"type": "boolean"}));
        for name in FIELDS {
            properties.insert(name.to_owned(), json!({"type": "string"}));
        }
        properties.insert("database".to_owned(), json!({"type": "string"}));
    }
    Definition {
        name: "catalog",
        title: "Catalog",
        description,
        input: operations(ops, properties.into()),
        output: None,
    }
}

pub(super) async fn run(
    state: &Arc<State>,
    arguments: Arguments,
    call: &Arc<Call>,
) -> Result<Answer, Failure> {
    let find = |database: Option<String>| Catalog::find(state, database, call);
    match arguments {
        Arguments::SaveQuery { name, sql, description, overwrite, database } => {
            find(database)?.save_query(name, sql, description, overwrite).await
        }
        Arguments::DeleteQuery { name, database } => find(database)?.delete_query(&name).await,
        Arguments::GetQuery { name, database } => find(database)?.get_query(&name).await,
        Arguments::SetMetadata {
            table,
            source_url,
            source_description,
            purpose,
            license,
            notes,
            data_url,
            database,
        } => {
            let fields = [source_url, source_description, purpose, license, notes, data_url];
            find(database)?.set_metadata(&table, fields).await
        }
        Arguments::DeleteMetadata { table, database } => find(database)?.delete_metadata(&table).await,
        Arguments::GetMetadata { table, database } => find(database)?.get_metadata(&table).await,
        Arguments::List { database } => find(database)?.list().await,
    }
}

/// The queries and notes that databases hold.
struct Catalog<'a> {
    state: &'a Arc<State>,
    /// The database that is asked for.
    asked: Option<String>,
    /// The database that queries are in.
    alias: String,
    call: &'a Call,
}

/// A table that a note is on.
struct Noted {
    alias: String,
    /// As `_table_catalog` has it.
    name: String,
}

impl<'a> Catalog<'a> {
    fn find(state: &'a Arc<State>, database: Option<String>, call: &'a Call) -> Result<Self, Failure> {
        let alias = bookkeeping::place(state, database.as_deref())?;
        Ok(Self { state, asked: database, alias, call })
    }

    async fn save_query(
        &self,
        name: String,
        sql: String,
        description: Option<String>,
        overwrite: bool,
    ) -> Result<Answer, Failure> {
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Err(Failure::new(format!(
                "The name of a query has 1 to {LONGEST_NAME} bytes. Nothing was saved."
            )));
        }
        for text in [&name, &sql].into_iter().chain(&description) {
            storable(text)?;
        }
        if sql.trim().is_empty() {
            return Err(Failure::new("`sql` is empty. Nothing was saved."));
        }
        let table = QUERIES.of(&self.alias);
        let delete = Statement::new(format!("DELETE FROM {table} WHERE name = $1"), [&name]);
        let insert = Statement::nullable(
            format!(
                "INSERT INTO {table} (name, sql, description, created_at) SELECT $1, $2, $3, {NOW} \
                 WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE name = $1)"
            ),
            vec![Some(name.clone()), Some(sql), description],
        );
        let statements = if overwrite { vec![delete, insert] } else { vec![insert] };
        let written = bookkeeping::write(self.state, &self.alias, &QUERIES, &statements, self.call).await?;
        if written.outcomes.last().is_none_or(|inserted| inserted.affected == 0) {
            return Err(Failure::new(format!(
                "There is a query {name} already. Nothing was saved. Next: choose another name, or pass overwrite = true."
            )));
        }
        let replaced = overwrite && written.outcomes.first().is_some_and(|deleted| deleted.affected > 0);
        Ok(written.answer(json!({"database": self.alias, "saved": name, "replaced": replaced})))
    }

    async fn get_query(&self, name: &str) -> Result<Answer, Failure> {
        let sql = format!(
            "SELECT name, description, sql, created_at FROM {} WHERE name = $1",
            QUERIES.of(&self.alias)
        );
        let rows = self.read(&Statement::new(sql, [name])).await?;
        match rows.first() {
            Some(row) => Ok(Answer::json(json!({
                "database": self.alias,
                "query": object(&["name", "description", "sql", "created_at"], row)
            }))),
            None => Err(missing("saved query", name, &self.alias)),
        }
    }

    async fn set_metadata(
        &self,
        table: &str,
        fields: [Option<String>; FIELDS.len()],
    ) -> Result<Answer, Failure> {
        let given: Vec<_> =
            FIELDS.into_iter().zip(fields).filter_map(|(name, text)| Some((name, text?))).collect();
        if given.is_empty() {
            return Err(Failure::new(format!(
                "There is nothing to note: pass at least one of {}.",
                FIELDS.join(", ")
            )));
        }
        for (_, text) in &given {
            storable(text)?;
        }
        let Noted { alias, name } = self.find_table(table).await?;
        let notes = NOTES.of(&alias);
        let insert = Statement::new(
            format!(
                "INSERT INTO {notes} (table_name, loaded_at, last_refreshed_at, created_by) \
                 SELECT $1, {NOW}, {NOW}, 'hyperwire' WHERE NOT EXISTS (SELECT 1 FROM {notes} WHERE table_name = $1)"
            ),
            [&name],
        );
        let changes: String =
            given.iter().enumerate().map(|(at, (name, _))| format!("{name} = ${}, ", at + 2)).collect();
        let texts = given.into_iter().map(|(_, text)| Some(text).filter(|text| !text.is_empty()));
        let update = Statement::nullable(
            format!("UPDATE {notes} SET {changes}last_modified_by = 'hyperwire' WHERE table_name = $1"),
            [Some(name.clone())].into_iter().chain(texts).collect(),
        );
        let written = bookkeeping::write(self.state, &alias, &NOTES, &[insert, update], self.call).await?;
        Ok(written.answer(json!({"database": alias, "noted": name})))
    }

    async fn get_metadata(&self, table: &str) -> Result<Answer, Failure> {
        let Noted { alias, name } = self.presumed_table(table).await;
        let columns = [&["table_name"][..], &FIELDS, &LOADED].concat();
        let sql = format!("SELECT {} FROM {} WHERE table_name = $1", columns.join(", "), NOTES.of(&alias));
        let rows = bookkeeping::read(self.state, &alias, &Statement::new(sql, [name]), self.call).await?;
        match rows.first() {
            Some(row) => Ok(Answer::json(json!({"database": alias, "metadata": object(&columns, row)}))),
            None => Err(missing("note on a table", table, &alias)),
        }
    }

    async fn delete_query(&self, name: &str) -> Result<Answer, Failure> {
        let delete =
            Statement::new(format!("DELETE FROM {} WHERE name = $1", QUERIES.of(&self.alias)), [name]);
        deleted(
            &self.alias,
            bookkeeping::write(self.state, &self.alias, &QUERIES, &[delete], self.call).await?,
        )
    }

    async fn delete_metadata(&self, table: &str) -> Result<Answer, Failure> {
        let Noted { alias, name } = self.presumed_table(table).await;
        let delete =
            Statement::new(format!("DELETE FROM {} WHERE table_name = $1", NOTES.of(&alias)), [name]);
        deleted(&alias, bookkeeping::write(self.state, &alias, &NOTES, &[delete], self.call).await?)
    }

    async fn list(&self) -> Result<Answer, Failure> {
        let mut queries = Vec::new();
        let mut notes = Vec::new();
        for database in self.state.engine.databases.all() {
            if self.asked.as_ref().is_none_or(|asked| asked.eq_ignore_ascii_case(&database.alias)) {
                queries
                    .extend(self.listed(&database.alias, &QUERIES, &["name", "description", "sql"]).await?);
                let columns = [&["table_name"][..], &FIELDS].concat();
                notes.extend(self.listed(&database.alias, &NOTES, &columns).await?);
            }
        }
        let all = queries.len() + notes.len();
        queries.truncate(LISTED);
        notes.truncate(LISTED);
        let used = keep_fitting(&mut queries, LISTED_BYTES / 2);
        keep_fitting(&mut notes, LISTED_BYTES - used);
        let more = queries.len() + notes.len() < all;
        let (queries_listed, notes_listed) = (queries.len(), notes.len());
        let mut answer = json!({"queries": queries, "metadata": notes});
        if more {
            answer["next"] = json!(format!(
                "Only the first {} queries and {} notes are listed. For others `query` _hyperdb_saved_queries and _table_catalog of \
                 a database.",
                queries_listed, notes_listed
            ));
        }
        Ok(Answer::json(answer))
    }

    /// The first rows of a table by its first column, and one more than are shown.
    async fn listed(
        &self,
        alias: &str,
        table: &bookkeeping::Table,
        columns: &[&str],
    ) -> Result<Vec<Value>, Failure> {
        let cut: Vec<_> = columns.iter().map(|name| format!("left({name}, {LISTED_TEXT})")).collect();
        let sql = format!(
            "SELECT {}, {} FROM {} ORDER BY {} LIMIT {}",
            literal(alias),
            cut.join(", "),
            table.of(alias),
            columns[0],
            LISTED + 1
        );
        let rows = bookkeeping::read(self.state, alias, &Statement::new(sql, [""; 0]), self.call).await?;
        let columns = [&["database"], columns].concat();
        Ok(rows.iter().map(|row| object(&columns, row)).collect())
    }

    /// The table of this name, and the database that it is in: its note is beside it.
    async fn find_table(&self, table: &str) -> Result<Noted, Failure> {
        let Found { alias, table } =
            tables::find(self.state, table, self.asked.as_deref(), self.call).await?;
        // A name that could be taken for another's, with its schema, has quotes.
        let is_plain = table.schema == "public" && !table.name.contains(['.', '"']);
        let name = if is_plain { table.name } else { table.in_database() };
        Ok(Noted { alias, name })
    }

    /// The same; for a table that is gone, where its note would be.
    async fn presumed_table(&self, table: &str) -> Noted {
        match self.find_table(table).await {
            Ok(noted) => noted,
            Err(_) => Noted { alias: self.alias.clone(), name: table.to_owned() },
        }
    }

    async fn read(&self, statement: &Statement) -> Result<Vec<Row>, Failure> {
        bookkeeping::read(self.state, &self.alias, statement, self.call).await
    }
}

fn missing(what: &str, name: &str, alias: &str) -> Failure {
    Failure::new(format!(
        "There is no {what} {name} in database {alias}. Next: `catalog` with op = list shows what there is."
    ))
}

fn deleted(alias: &str, written: Written) -> Result<Answer, Failure> {
    let deleted = written.outcomes.iter().any(|outcome| outcome.affected > 0);
    Ok(written.answer(json!({"database": alias, "deleted": deleted})))
}

fn storable(text: &str) -> Result<(), Failure> {
    if text.len() > LONGEST_TEXT {
        return Err(Failure::new(format!(
            "A text has {} bytes; at most {LONGEST_TEXT} are kept. Nothing was changed.",
            text.len()
        )));
    }
    if text.contains('\0') {
        return Err(Failure::new(
            "A text holds a NUL character, which Hyper's text cannot. Nothing was changed.",
        ));
    }
    Ok(())
}

/// What is not NULL, by name.
fn object(names: &[&str], row: &Row) -> Value {
    let known =
        names.iter().zip(row).filter_map(|(name, value)| Some(((*name).to_owned(), json!(value.as_ref()?))));
    Value::Object(known.collect())
}
