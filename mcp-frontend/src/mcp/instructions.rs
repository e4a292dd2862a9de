//! What a model is told before it calls anything. Claude Code cuts this at 2,048 characters.

use super::engine::databases::PERSISTENT;
use super::state::State;

const READS: &str = "\
SQL on Hyper, a fast analytical database, over files and tables. One step is usually enough: `query` with `inputs` runs \
SQL over a CSV, JSON, Parquet or Arrow file; `chart` draws a result.";

const LOADS: &str = " `load` makes a table of a file.";
const READS_ONLY: &str = " This server only reads.";

const LOCAL_ONLY: &str = "Databases: `local` is scratch and ends with this server.";
const KEEPS: &str = "Databases: `local` is scratch and ends with this server; `persistent` is kept.";

const NAMES: &str = " Tables are alias.public.name; unqualified ones are those of the tool's `database` argument, local if \
    there is none. `inspect` without arguments shows what there is.";
const ATTACHES: &str = " Attach .hyper files with `database`.";

const DIALECT: &str = "\
Hyper's SQL is PostgreSQL's with these differences. One statement a string; no views, indexes, keys, sequences, savepoints, \
ON CONFLICT, QUALIFY or information_schema (use `inspect`); CREATE, DROP and ALTER cannot be rolled back; 7/2 is 3, so \
cast; unquoted names are lower case; texts compare by code point ('B' < 'a'), ILIKE ignores case; to_char takes dates only. \
There are GROUP BY ALL, DISTINCT ON, FILTER, * EXCLUDE (c), LATERAL, UPDATE ... FROM, median, percentile_cont(0.9) WITHIN \
GROUP (ORDER BY x), min_by, approx_count_distinct, try_cast(x AS t), date_trunc, datediff('day', a, b), \
generate_series(a, b, interval '1 month'), json -> and ->>. `inspect` with target hyper://sql says all of it, with examples.";

const ANSWERS: &str = "Answers are cut at 200 rows and 24 KB: aggregate in SQL rather than read rows";
const EXPORTS: &str = ", or `export` the whole result to a file";

/// True of this server, and the same for each of its clients.
pub(crate) fn instructions(state: &State) -> String {
    let options = &state.options;
    let keeps = state.engine.databases.get(PERSISTENT).is_ok();
    let policy = &state.policy;
    format!(
        "{READS}{}\n\n{}{NAMES}{}\n\n{DIALECT}\n\n{ANSWERS}{}. Calls that take longer than {} s go on as a job: see `job`.",
        if policy.has("load") { LOADS } else { READS_ONLY },
        if keeps { KEEPS } else { LOCAL_ONLY },
        if policy.has("database") { ATTACHES } else { "" },
        if policy.has("export") { EXPORTS } else { "" },
        options.soft_deadline.as_secs_f64(),
    )
}
