//! What a model is told before it calls anything. Claude Code cuts this at 2,048 characters.

pub(crate) const INSTRUCTIONS: &str = "\
SQL on Hyper, a fast analytical database, over files and tables. One step is usually enough: `query` with `inputs` runs \
SQL over a CSV, JSON, Parquet or Arrow file; `load` makes a table of it; `chart` draws a result.

Databases: `local` is scratch and ends with this server; `persistent` is kept. Tables are alias.public.name; unqualified \
ones are those of the tool's `database` argument, local if there is none. Attach .hyper files with `database`. `inspect` \
without arguments shows what there is.

Hyper's SQL is PostgreSQL's with these differences: one statement a string; no views, indexes, sequences, savepoints, \
UPDATE ... FROM or ON CONFLICT; CREATE, DROP and ALTER cannot be rolled back; no information_schema (use `inspect`); \
1/2 is 0, so cast; GROUP BY takes expressions and positions; identifiers are case-sensitive when quoted and lower case \
otherwise; strings are compared exactly; no ILIKE on numbers without a cast; dates: date_trunc, extract, interval '1 day', \
to_char is missing for numbers; percentile_cont(0.5) WITHIN GROUP (ORDER BY x) and approx_count_distinct exist; files in \
SQL: external('/abs/path.parquet') for those who may write.

Answers are cut at 200 rows and 24 KB: aggregate in SQL rather than read rows, or `export` the whole result to a file. \
Calls that take longer than 45 s go on as a job: see `job`.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claude_code_shows_all_of_it() {
        assert!(INSTRUCTIONS.chars().count() < 2_048, "{}", INSTRUCTIONS.chars().count());
    }
}
