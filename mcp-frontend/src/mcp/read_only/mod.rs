//! Statements that only read, as hyperd judges them.
//!
//! Hyper has no read-only transactions: `BEGIN READ ONLY` is accepted and means nothing. But hyperd can be asked without
//! running anything, twice. It parses the statement as a subquery, where Hyper's grammar has nothing that writes. And it
//! shows which operators it would run (`EXPLAIN`; its `FORMAT JSON` cannot show much that is ordinary, such as `->>`,
//! `GROUPING` or `COLLATE`), all of which have to be known to only read; this it cannot do for statements with parameters.
//! What is accepted then runs in a transaction that is rolled back.
//!
//! Neither shows which functions are called. The few that do more than read are refused by name: see [`words`].

mod plan;
mod seen;
mod words;

use hyperwire_tokio::hyperwire_core::row::{ToParameter, Type};
use hyperwire_tokio::{Client, Error, Rows};
use tokio::sync::Mutex;

use super::advice::Advice;
use super::engine::{Engine, Lease, Run};
use super::failure::Failure;
use seen::Seen;
pub(crate) use words::may_open_files;

/// What was found out about the hyperd that is asked, and about statements.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// The hyperd that judged as it should.
    proven: Mutex<Option<Run>>,
    /// Statements that were accepted. Whether a text is a query that reads tables does not change: Hyper has no views, no
    /// functions that users write, and no tables but native ones that last longer than a session.
    seen: Seen,
}

/// Refuses a statement that does anything but read tables.
pub(crate) async fn check(lease: &mut Lease, sql: &str) -> Result<(), Failure> {
    judge(lease, sql, 0).await
}

/// Runs a statement that only reads, with its parameters as text, or refuses it.
pub(crate) async fn query<'l>(
    lease: &'l mut Lease,
    sql: &'l str,
    params: &[Option<String>],
) -> Result<Rows<'l>, Failure> {
    judge(lease, sql, params.len()).await?;
    lease.execute("BEGIN").await?;
    let explain = |error| Failure::of_statement(&error, sql);
    if params.is_empty() {
        return lease.query(sql).await.map_err(explain);
    }
    let has_null = params.iter().any(Option::is_none);
    let params: Vec<_> = params.iter().map(|param| param as &(dyn ToParameter + Sync)).collect();
    lease.query_params(sql, &params).await.map_err(explain).map_err(|failure| {
        match (failure.sqlstate.as_deref(), has_null) {
            (Some("23502"), true) => failure.advise(NULLABLE),
            _ => failure,
        }
    })
}

/// What Hyper infers of `i = $1` is that it is no NULL.
const NULLABLE: &str = "Next: say what a parameter is that may be null, as in $1::integer.";

async fn judge(lease: &mut Lease, sql: &str, params: usize) -> Result<(), Failure> {
    let engine = lease.engine().clone();
    let run = lease.run().clone();
    engine.oracle.prove(&engine, Some(&run)).await?;
    if let Some(word) = words::refused(sql) {
        return Err(refused(&format!("{word} does more than read tables, or could")));
    }
    if engine.oracle.seen.has(sql, params) {
        return Ok(());
    }
    ask(lease, sql, params).await?;
    engine.oracle.seen.add(sql, params);
    Ok(())
}

/// What hyperd says of a statement.
#[derive(Debug)]
enum Judgement {
    Reads,
    /// Its grammar, or what it knows of tables and columns, does not take it for one.
    NoQuery(String),
    /// It would run an operator that is not known to only read.
    Does(String),
}

/// Refuses what hyperd does not judge to only read. Nothing is run.
async fn ask(client: &mut Client, sql: &str, params: usize) -> Result<(), Failure> {
    match judgement(client, sql, params).await? {
        Judgement::Reads => Ok(()),
        Judgement::Does(operator) => Err(refused(&format!("hyperd would run the operator '{operator}'"))),
        // A mistake in the statement is told as hyperd tells it without the words that were put around it.
        Judgement::NoQuery(_) => Err(match parse(client, sql, params).await {
            Ok(()) => refused("to hyperd it is no query"),
            Err(error) => Failure::of_statement(&error, sql),
        }),
    }
}

async fn judgement(client: &mut Client, sql: &str, params: usize) -> Result<Judgement, Failure> {
    match parse(client, &subquery(sql), params).await {
        Ok(()) if params == 0 => plan(client, sql).await,
        Ok(()) => Ok(Judgement::Reads),
        Err(error) => match error.code() {
            Some(code) => Ok(Judgement::NoQuery(code.as_str().to_owned())),
            None => Err(Failure::of_statement(&error, sql)),
        },
    }
}

/// What its operators say. The options are written out, so that what the statement begins with cannot pass for some:
/// `(ANALYZE)` would run it.
async fn plan(client: &mut Client, sql: &str) -> Result<Judgement, Failure> {
    let explain = |error| Failure::of_statement(&error, "");
    let mut rows = client.query(&format!("EXPLAIN (COSTS false) {sql}")).await.map_err(explain)?;
    let mut text = String::new();
    while let Some(row) = rows.next().await.map_err(explain)? {
        for value in row.iter() {
            text.push_str(value.bytes().and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default());
        }
    }
    Ok(plan::unknown_operator(&text).map_or(Judgement::Reads, Judgement::Does))
}

/// The statement where Hyper takes nothing but a query. A line comment at its end must not hide the parenthesis.
fn subquery(sql: &str) -> String {
    format!("SELECT * FROM (\n{}\n) AS judged", sql.trim_end_matches(|c: char| c == ';' || c.is_whitespace()))
}

/// Has hyperd parse a statement with this many parameters, whose types it infers.
async fn parse(client: &mut Client, sql: &str, params: usize) -> Result<(), Error> {
    client.prepare(sql, &vec![Type::Other(0); params]).await.map(drop)
}

fn refused(why: &str) -> Failure {
    Failure::new(format!(
        "Refused, since only statements that read tables are run here: {why}. Nothing was run."
    ))
    .next(Advice::ReadOrChange)
}

impl Oracle {
    /// Has a hyperd judge some statements whose judgement is known, unless it is this run, which was asked before.
    /// Whoever comes meanwhile waits for the same.
    pub(crate) async fn prove(&self, engine: &Engine, known: Option<&Run>) -> Result<(), Failure> {
        let mut proven = self.proven.lock().await;
        if known.is_some() && proven.as_ref() == known {
            return Ok(());
        }
        // Two, since the first call waits for this.
        let ((mut one, run), (mut other, same)) = tokio::try_join!(engine.throwaway(), engine.throwaway())?;
        if run != same {
            return Err(Failure::new(
                "hyperd was replaced while it was asked what only reads. Next: call again.",
            ));
        }
        if proven.as_ref() != Some(&run) {
            *proven = None;
            tokio::try_join!(test_reads(&mut one), test_others(&mut other))?;
            *proven = Some(run);
        }
        Ok(())
    }
}

const READS: [(&str, usize); 4] = [
    ("SELECT count(*) FROM generate_series(1, 2) AS a(i) JOIN generate_series(2, 3) AS b(i) ON a.i = b.i", 0),
    ("WITH a AS (SELECT 1 AS i) SELECT * FROM a UNION ALL VALUES (2)", 0),
    ("SELECT i FROM generate_series(1, 2) AS a(i) WHERE i > $1", 1),
    ("SELECT 1 -- $1", 0),
];
/// No query to Hyper's grammar, whether or not their tables are there.
const NO_QUERIES: [(&str, usize); 16] = [
    ("(ANALYZE) INSERT INTO judged VALUES (1)", 0),
    ("ANALYZE INSERT INTO judged VALUES (1)", 0),
    ("INSERT INTO judged VALUES (1)", 0),
    ("INSERT INTO judged VALUES (1) RETURNING i", 0),
    ("INSERT INTO judged VALUES ($1) RETURNING i", 1),
    ("WITH a AS (SELECT 1 AS i) INSERT INTO judged SELECT i FROM a", 0),
    ("WITH a AS (SELECT $1::int AS i) INSERT INTO judged SELECT i FROM a", 1),
    ("UPDATE judged SET i = 1", 0),
    ("DELETE FROM judged WHERE i = $1", 1),
    ("TRUNCATE judged", 0),
    ("DROP TABLE judged", 0),
    ("CREATE TEMP TABLE judged AS SELECT 1 AS i", 0),
    ("EXPLAIN (ANALYZE) INSERT INTO judged VALUES (1)", 0),
    ("COPY (SELECT 1) TO '/dev/null' WITH (FORMAT csv)", 0),
    ("SELECT 1; CREATE TEMP TABLE judged (i INT)", 0),
    ("SET TimeZone = 'UTC'", 0),
];
const OPENS_A_FILE: &str =
    "SELECT * FROM external('/dev/null', COLUMNS => DESCRIPTOR(a TEXT), FORMAT => 'csv')";

/// Fails closed: a hyperd that judges otherwise than known ones is not trusted with any statement.
async fn test_reads(client: &mut Client) -> Result<(), Failure> {
    for (sql, params) in READS {
        match judgement(client, sql, params).await? {
            Judgement::Reads => {}
            other => return Err(strange(sql, &format!("{other:?}"))),
        }
    }
    Ok(())
}

/// The same, of what does more. No table is made for it: that would take longer than all of this.
async fn test_others(client: &mut Client) -> Result<(), Failure> {
    for (sql, params) in NO_QUERIES {
        match judgement(client, sql, params).await? {
            Judgement::NoQuery(code) if code == "42601" => {}
            other => return Err(strange(sql, &format!("{other:?}"))),
        }
    }
    match judgement(client, OPENS_A_FILE, 0).await? {
        Judgement::Does(operator) if operator.contains("csv") => {}
        // One that is bounded to some folders says so before it plans.
        Judgement::NoQuery(code) if code == "42501" => {}
        other => return Err(strange(OPENS_A_FILE, &format!("{other:?}"))),
    }
    match client.execute("SELECT * FROM judged").await {
        Err(error) if error.code().is_some_and(|code| code.as_str() == "42P01") => Ok(()),
        _ => Err(strange("CREATE TEMP TABLE", "it was run by being judged")),
    }
}

fn strange(sql: &str, why: &str) -> Failure {
    Failure::new(format!(
        "This hyperd does not judge statements as expected, so it cannot be said what only reads: {sql}: {why}. Nothing was \
         run. Next: the user should run `hyperwire hyperd install` and let HYPERD_PATH name that hyperd."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_comment_nor_a_semicolon_at_the_end_breaks_the_subquery() {
        assert_eq!(subquery("SELECT 1 ; \n;"), "SELECT * FROM (\nSELECT 1\n) AS judged");
        assert_eq!(subquery("SELECT 1 -- one"), "SELECT * FROM (\nSELECT 1 -- one\n) AS judged");
    }
}
