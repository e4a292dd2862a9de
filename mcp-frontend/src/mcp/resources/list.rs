//! Which resources there are.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::uri::{DATABASE_TEMPLATE, RESULT_TEMPLATE, TABLE_TEMPLATE, Uri};
use crate::mcp::call::Call;
use crate::mcp::engine::Needs;
use crate::mcp::engine::databases::Database;
use crate::mcp::state::State;
use crate::mcp::tables::{Table, tables};

/// How long hyperd may take to be there. Clients list resources when they start, which is when hyperd does too.
const THERE_WITHIN: Duration = Duration::from_secs(5);
/// How long all databases together may then take to say what tables they have: to open one with 230 tables takes hyperd
/// four seconds on a slow disk.
const LISTED_WITHIN: Duration = Duration::from_secs(30);

pub(crate) const JSON: &str = "application/json";
pub(crate) const MARKDOWN: &str = "text/markdown";

/// What clients are told of a resource.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) uri: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) media_type: &'static str,
}

/// What clients are told of many resources of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Template {
    pub(crate) uri: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
}

/// All of them, in the order of databases, schemas and names. Tables that cannot be listed are missing; their database says
/// why.
pub(crate) async fn list(state: &Arc<State>, call: &Call) -> Vec<Item> {
    let mut all = vec![
        Item {
            uri: Uri::Sql.to_string(),
            name: "sql".to_owned(),
            description: "Hyper's SQL: what it has, what it lacks, how to do what is done differently"
                .to_owned(),
            media_type: MARKDOWN,
        },
        Item {
            uri: Uri::Databases.to_string(),
            name: "databases".to_owned(),
            description: "The databases that SQL can name".to_owned(),
            media_type: JSON,
        },
    ];
    let is_there = is_there(state, call).await;
    let deadline = Instant::now() + if is_there { LISTED_WITHIN } else { Duration::ZERO };
    for database in state.engine.databases.all() {
        list_database(state, &database, deadline, call, &mut all).await;
    }
    for result in state.parking.names(&call.owner) {
        all.push(Item {
            uri: Uri::Result(result.clone()).to_string(),
            name: result,
            description: "The rows of a query whose answer was cut".to_owned(),
            media_type: JSON,
        });
    }
    for export in state.exports.all(&call.owner) {
        all.push(Item {
            description: format!("Exported to {}", export.path.display()),
            uri: export.uri,
            name: export.name,
            media_type: export.media_type,
        });
    }
    all
}

/// What can be filled in.
pub(crate) fn templates() -> [Template; 3] {
    [
        Template { uri: DATABASE_TEMPLATE, name: "database", description: "The tables of a database" },
        Template {
            uri: TABLE_TEMPLATE,
            name: "table",
            description: "Columns, number of rows and first rows of a table",
        },
        Template {
            uri: RESULT_TEMPLATE,
            name: "result",
            description: "The rows of a query whose answer was cut",
        },
    ]
}

/// Whether hyperd lets somebody in; one that cannot be had is, too: its databases say why.
async fn is_there(state: &Arc<State>, call: &Call) -> bool {
    let needs = Needs { light: true, ..Needs::default() };
    timeout(THERE_WITHIN, state.engine.lease_to_read(needs, call)).await.is_ok()
}

async fn list_database(
    state: &Arc<State>,
    database: &Database,
    deadline: Instant,
    call: &Call,
    all: &mut Vec<Item>,
) {
    let (tables, description) = match timeout_at(deadline, tables(state, &database.alias, call)).await {
        Ok(Ok(tables)) => {
            let count = tables.len();
            (tables, format!("Database with {count} {}", if count == 1 { "table" } else { "tables" }))
        }
        Ok(Err(failure)) => {
            (Vec::new(), format!("Database; its tables are unknown: {}", failure.say(&state.offers)))
        }
        Err(_) => (Vec::new(), "Database; its tables are unknown: hyperd has not answered yet".to_owned()),
    };
    all.push(Item {
        uri: Uri::Database(database.alias.clone()).to_string(),
        name: database.alias.clone(),
        description,
        media_type: JSON,
    });
    for table in tables {
        all.push(Item {
            uri: uri_of(database, &table).to_string(),
            name: table.name.clone(),
            description: format!("Table {}.{}.{}", database.alias, table.schema, table.name),
            media_type: JSON,
        });
    }
}

pub(super) fn uri_of(database: &Database, table: &Table) -> Uri {
    Uri::Table { database: database.alias.clone(), schema: table.schema.clone(), table: table.name.clone() }
}
