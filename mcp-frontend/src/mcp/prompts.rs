//! Prompts: what a user can ask for from a menu.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::call::Call;
use super::failure::Failure;
use super::names::shown;
use super::state::State;
use super::tables::{columns, find};

/// How long hyperd may take to say what a table looks like. Without it the model looks for itself.
const DESCRIBED_WITHIN: Duration = Duration::from_secs(5);

/// What clients are told of a prompt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prompt {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) arguments: &'static [Argument],
}

/// One of its arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Argument {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) required: bool,
}

const TABLE: Argument = Argument {
    name: "table",
    description: "A table: its name, schema.name or alias.schema.name",
    required: true,
};
const DATABASE: Argument = Argument {
    name: "database",
    description: "The alias of the table's database; all are searched without",
    required: false,
};

/// All of them.
pub(crate) const PROMPTS: &[Prompt] = &[
    Prompt {
        name: "analyze-table",
        title: "Analyze a table",
        description: "What is in a table: distributions, trends, what stands out, with charts",
        arguments: &[
            TABLE,
            DATABASE,
            Argument { name: "question", description: "What you want to know", required: false },
        ],
    },
    Prompt {
        name: "compare-tables",
        title: "Compare two tables",
        description: "What differs between two tables: columns, keys, rows, sums",
        arguments: &[
            Argument {
                name: "left",
                description: "A table: its name, schema.name or alias.schema.name",
                required: true,
            },
            Argument { name: "right", description: "The other table", required: true },
            Argument {
                name: "key",
                description: "Columns that identify a row, separated by commas",
                required: false,
            },
        ],
    },
    Prompt {
        name: "data-quality",
        title: "Check data quality",
        description: "Missing values, duplicates, outliers, impossible values of a table, each with the query that shows it",
        arguments: &[TABLE, DATABASE],
    },
    Prompt {
        name: "chart-file",
        title: "Chart a file",
        description: "A picture of what a CSV, JSON, Parquet or Arrow file says",
        arguments: &[
            Argument { name: "path", description: "The file's absolute path", required: true },
            Argument { name: "question", description: "What the picture should show", required: false },
        ],
    },
];

/// What the model is to do, with these arguments filled in.
pub(crate) async fn text(
    state: &Arc<State>,
    name: &str,
    given: &BTreeMap<String, String>,
    call: &Call,
) -> Result<String, Failure> {
    let prompt = PROMPTS.iter().find(|prompt| prompt.name == name).ok_or_else(|| {
        let names: Vec<_> = PROMPTS.iter().map(|prompt| prompt.name).collect();
        Failure::new(format!("There is no prompt {name}. There are: {}.", names.join(", ")))
    })?;
    check(prompt, given)?;
    let argument = |name: &str| given.get(name).map(String::as_str).filter(|value| !value.trim().is_empty());
    let required = |name: &str| argument(name).unwrap_or_default();
    Ok(match name {
        "analyze-table" => {
            let table = described(state, required("table"), argument("database"), call).await?;
            let question =
                argument("question").map_or(String::new(), |question| format!("\n\nAbove all: {question}"));
            format!(
                "Analyze this table of a Hyper database.\n\n{table}{question}\n\nWork with the tools of the server `hyperwire`. \
                 Let SQL do the counting: `query` with aggregates, never page through rows. First the size, the range of each \
                 column and its missing values, in one query; then what the columns suggest (a trend over the dates, the largest \
                 groups, how measures depend on dimensions). Draw what is easier seen than read with `chart`, three pictures at \
                 most. End with the three to five findings that matter, each with its number, and say what the data cannot tell."
            )
        }
        "compare-tables" => {
            let left = described(state, required("left"), None, call).await?;
            let right = described(state, required("right"), None, call).await?;
            let key = argument("key").map_or_else(
                || "Find the key first: the columns of both whose values identify a row (compare count(*) with count(DISTINCT ...)).".to_owned(),
                |key| format!("A row is identified by: {key}."),
            );
            format!(
                "Compare these two tables.\n\nLeft: {left}\n\nRight: {right}\n\n{key}\n\nWork with the tools of the server \
                 `hyperwire`, in SQL: columns and types that only one has; numbers of rows; keys that only one has (FULL JOIN, \
                 count the NULLs of either side, show five of each); for rows with the same key, how many differ in which column \
                 (IS DISTINCT FROM, one query with count(*) FILTER per column), with three examples; sums of the numeric columns \
                 side by side. Read counts and examples only. End with a verdict of two sentences and a table of the differences."
            )
        }
        "data-quality" => {
            let table = described(state, required("table"), argument("database"), call).await?;
            format!(
                "Check the quality of the data in this table.\n\n{table}\n\nWork with the tools of the server `hyperwire`, in \
                 aggregating SQL: missing and empty values of each column in one query; duplicates of whole rows and of likely \
                 keys; texts with blanks around them or that differ in case only; dates out of range or in the future; numbers \
                 that are negative or zero where that makes no sense, and those beyond three standard deviations; columns with \
                 one value only. Change nothing. Report what you found by how much harm it does, each with its count, its share \
                 and the query that shows it, and propose the statement that would repair it without running it."
            )
        }
        _ => {
            let path = required("path");
            let question = argument("question").map_or_else(
                || {
                    "Choose what the file is about: its measure over time, or by its most telling dimension."
                        .to_owned()
                },
                |question| format!("It should show: {question}"),
            );
            format!(
                "Draw a chart of the file {path}.\n\n{question}\n\nWork with the tools of the server `hyperwire`: `inspect` with the \
                 path shows its columns and first rows; `chart` takes SQL over the file by its `inputs` argument, so nothing has to \
                 be loaded. Aggregate in that SQL, so that the chart has at most some 50 bars or some 1,000 points, order it, and \
                 give axes and title in the user's language. Look at the picture; if labels overlap or one value dwarfs the rest, \
                 draw it again. Say in two sentences what it shows."
            )
        }
    })
}

/// The columns of a table, as the model needs them to write SQL.
async fn described(
    state: &Arc<State>,
    name: &str,
    database: Option<&str>,
    call: &Call,
) -> Result<String, Failure> {
    let describing = async {
        let found = find(state, name, database, call).await?;
        let columns = columns(state, &found.alias, &found.table, call).await?;
        let columns: Vec<_> =
            columns.iter().map(|column| format!("{} {}", shown(&column.name), column.ty)).collect();
        Ok::<_, Failure>(format!("{} ({})", found.shown(), columns.join(", ")))
    };
    match timeout(DESCRIBED_WITHIN, describing).await {
        Ok(Ok(described)) => Ok(described),
        Ok(Err(failure)) if failure.sqlstate.is_none() && !failure.session_lost => Err(failure),
        // Without hyperd there still is a prompt.
        Ok(Err(_)) | Err(_) => Ok(format!("{name} (look at its columns with `inspect` first)")),
    }
}

fn check(prompt: &Prompt, given: &BTreeMap<String, String>) -> Result<(), Failure> {
    for argument in prompt.arguments.iter().filter(|argument| argument.required) {
        if given.get(argument.name).is_none_or(|value| value.trim().is_empty()) {
            return Err(Failure::new(format!(
                "The prompt {} needs {}: {}.",
                prompt.name, argument.name, argument.description
            )));
        }
    }
    match given.keys().find(|name| !prompt.arguments.iter().any(|argument| argument.name == name.as_str())) {
        Some(unknown) => Err(Failure::new(format!("The prompt {} has no argument {unknown}.", prompt.name))),
        None => Ok(()),
    }
}
