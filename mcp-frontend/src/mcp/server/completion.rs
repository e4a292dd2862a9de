//! Completion of the arguments of prompts and resource templates.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rmcp::ErrorData;
use rmcp::model::{CompleteRequestParams, CompleteResult, CompletionInfo, Reference};
use tokio::time::timeout;

use crate::mcp::call::Call;
use crate::mcp::engine::databases::Database;
use crate::mcp::owner::Owner;
use crate::mcp::prompts::PROMPTS;
use crate::mcp::resources::{DATABASE_TEMPLATE, RESULT_TEMPLATE, TABLE_TEMPLATE};
use crate::mcp::state::State;
use crate::mcp::tables::{Table, columns, tables};

/// Who types waits no longer.
const WITHIN: Duration = Duration::from_secs(2);

/// What the argument's beginning may become. Nothing, if hyperd does not say in time.
pub(super) async fn complete(
    state: Arc<State>,
    request: CompleteRequestParams,
    owner: Owner,
) -> Result<CompleteResult, ErrorData> {
    let argument = request.argument.name.as_str();
    if !exists(&request.r#ref, argument) {
        return Err(ErrorData::invalid_params(format!("There is no argument {argument} to complete."), None));
    }
    let given = request.context.and_then(|context| context.arguments).unwrap_or_default();
    let call = Call::new(&state.ending).owned_by(owner);
    let all = timeout(WITHIN, values(&state, argument, &given, &call)).await.unwrap_or_default();
    let begun = request.argument.value.to_lowercase();
    let fitting: Vec<_> = all.into_iter().filter(|value| value.to_lowercase().starts_with(&begun)).collect();
    let total = u32::try_from(fitting.len()).ok();
    let has_more = fitting.len() > CompletionInfo::MAX_VALUES;
    let first = fitting.into_iter().take(CompletionInfo::MAX_VALUES).collect();
    CompletionInfo::with_pagination(first, total, has_more)
        .map(CompleteResult::new)
        .map_err(|error| ErrorData::internal_error(error, None))
}

/// Whether the prompt or template has this argument.
fn exists(reference: &Reference, argument: &str) -> bool {
    match reference {
        Reference::Prompt(named) => PROMPTS
            .iter()
            .find(|prompt| prompt.name == named.name)
            .is_some_and(|prompt| prompt.arguments.iter().any(|there| there.name == argument)),
        Reference::Resource(template) => {
            [DATABASE_TEMPLATE, TABLE_TEMPLATE, RESULT_TEMPLATE].contains(&template.uri.as_str())
                && template.uri.contains(&format!("{{{argument}}}"))
        }
        _ => false,
    }
}

/// All values that an argument may have, in order, each once.
async fn values(
    state: &Arc<State>,
    argument: &str,
    given: &HashMap<String, String>,
    call: &Call,
) -> BTreeSet<String> {
    let databases: Vec<Database> = match given.get("database").map(|alias| state.engine.databases.get(alias))
    {
        Some(Ok(database)) => vec![database],
        _ => state.engine.databases.all(),
    };
    match argument {
        "database" => state.engine.databases.all().into_iter().map(|database| database.alias).collect(),
        "result" => state.parking.names(&call.owner).into_iter().collect(),
        "schema" => {
            all_tables(state, &databases, call).await.into_iter().map(|(_, table)| table.schema).collect()
        }
        "table" | "left" | "right" => {
            let schema = given.get("schema");
            let tables = all_tables(state, &databases, call).await;
            tables
                .into_iter()
                .filter(|(_, table)| schema.is_none_or(|schema| *schema == table.schema))
                .map(|(_, table)| table.name)
                .collect()
        }
        "key" => {
            let wanted = given.get("left").or_else(|| given.get("table"));
            let tables = all_tables(state, &databases, call).await;
            let Some((alias, table)) = tables.into_iter().find(|(_, table)| Some(&table.name) == wanted)
            else {
                return BTreeSet::new();
            };
            let columns = columns(state, &alias, &table, call).await.unwrap_or_default();
            columns.into_iter().map(|column| column.name).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// The tables of all these, with their database's alias. One that cannot be listed has none.
async fn all_tables(state: &Arc<State>, databases: &[Database], call: &Call) -> Vec<(String, Table)> {
    let mut all = Vec::new();
    for database in databases {
        let tables = tables(state, &database.alias, call).await.unwrap_or_default();
        all.extend(tables.into_iter().map(|table| (database.alias.clone(), table)));
    }
    all
}
