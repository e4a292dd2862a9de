//! Whether a hyperd judges as known ones do. Fails closed: one that judges otherwise is not trusted with any statement.

use std::collections::HashSet;

use hyperwire_tokio::Client;

use super::functions::{Verdict, verdict};
use super::{Engine, Failure, Judgement, Oracle, Proven, Run, judgement};

/// What shows a plan with its parameters: to hyperd 0.0.26963, and to 0.0.26359, which keeps them unasked.
const EXPLAINS: [&str; 2] = ["EXPLAIN (FORMAT INTERNAL, PARAMETERS KEEP)", "EXPLAIN (FORMAT INTERNAL)"];
/// Functions that every catalogue has that says what there is.
const LISTED: [&str; 5] = ["external", "generate_series", "s3_location", "set_config", "upper"];

const READS: [(&str, usize); 5] = [
    ("SELECT count(*) FROM generate_series(1, 2) AS a(i) JOIN generate_series(2, 3) AS b(i) ON a.i = b.i", 0),
    ("WITH a AS (SELECT 1 AS i) SELECT * FROM a UNION ALL VALUES (2)", 0),
    ("SELECT i FROM generate_series(1, 2) AS a(i) WHERE i > $1", 1),
    ("SELECT (SELECT count(*) FROM pg_catalog.pg_tables WHERE tablename = $1), $2::json->>'a'", 2),
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
/// Opens files. The second is planned with its parameter, which no value may make hyperd leave out.
const OPEN_FILES: [(&str, usize); 2] = [
    ("SELECT * FROM external('/dev/null', COLUMNS => DESCRIPTOR(a TEXT), FORMAT => 'csv')", 0),
    ("SELECT * FROM external('/dev/null', COLUMNS => DESCRIPTOR(a TEXT), FORMAT => 'csv') WHERE a = $1", 1),
];
/// Its plan names the function.
const CALLS: &str = "SELECT set_config('TimeZone', $1::text, false)";

impl Oracle {
    /// Has a hyperd judge some statements whose judgement is known, unless it is this run, which was asked before.
    /// Whoever comes meanwhile waits for the same. What makes it show a plan.
    pub(crate) async fn prove(&self, engine: &Engine, known: Option<&Run>) -> Result<&'static str, Failure> {
        let mut proven = self.proven.lock().await;
        if let (Some(proven), Some(known)) = (&*proven, known)
            && proven.run == *known
        {
            return Ok(proven.explain);
        }
        // Two, since the first call waits for this.
        let ((mut one, run), (mut other, same)) = tokio::try_join!(engine.throwaway(), engine.throwaway())?;
        if run != same {
            return Err(Failure::new(
                "hyperd was replaced while it was asked what only reads. Next: call again.",
            ));
        }
        match &*proven {
            Some(proven) if proven.run == run => Ok(proven.explain),
            _ => {
                *proven = None;
                // What one hyperd has no function of, another may have.
                self.absent().clear();
                let explain = explain(&mut one).await?;
                tokio::try_join!(test_reads(&mut one, explain), test_others(&mut other, explain))?;
                *proven = Some(Proven { run, explain });
                Ok(explain)
            }
        }
    }
}

/// What it takes to see a plan.
async fn explain(client: &mut Client) -> Result<&'static str, Failure> {
    for explain in EXPLAINS {
        match client.execute(&format!("{explain} SELECT 1")).await {
            Ok(_) => return Ok(explain),
            Err(error) if error.is_session_lost() => return Err(error.into()),
            Err(_) => {}
        }
    }
    Err(strange(EXPLAINS[1], "it shows no plan"))
}

async fn test_reads(client: &mut Client, explain: &str) -> Result<(), Failure> {
    for (sql, params) in READS {
        match judgement(client, explain, sql, params).await? {
            Judgement::Reads => {}
            other => return Err(strange(sql, &format!("{other:?}"))),
        }
    }
    test_catalogue(client).await
}

/// That the list of functions is about what this hyperd has. What it has beyond the list is refused when it is called.
async fn test_catalogue(client: &mut Client) -> Result<(), Failure> {
    const NAMES: &str = "SELECT proname FROM pg_catalog.pg_proc";
    let mut rows = client.query(NAMES).await.map_err(|error| Failure::of_statement(&error, NAMES))?;
    let mut names = HashSet::new();
    while let Some(row) = rows.next().await? {
        if let Some(name) = row.iter().next().and_then(|value| value.bytes()) {
            names.insert(String::from_utf8_lossy(name).into_owned());
        }
    }
    let missing = LISTED.iter().find(|name| !names.contains(**name));
    let known = names.iter().filter(|name| verdict(name) == Some(Verdict::Reads)).count();
    match missing {
        Some(missing) => Err(strange(NAMES, &format!("{missing} is missing"))),
        None if known * 2 < names.len() => Err(strange(NAMES, "most of its functions are unknown")),
        None => Ok(()),
    }
}

/// The same, of what does more. No table is made for it: that would take longer than all of this.
async fn test_others(client: &mut Client, explain: &str) -> Result<(), Failure> {
    for (sql, params) in NO_QUERIES {
        match judgement(client, explain, sql, params).await? {
            Judgement::NoQuery(code) if code == "42601" => {}
            other => return Err(strange(sql, &format!("{other:?}"))),
        }
    }
    for (sql, params) in OPEN_FILES {
        match judgement(client, explain, sql, params).await? {
            Judgement::Does(what) if what.contains("csv") => {}
            // One that is bounded to some folders says so before it plans.
            Judgement::NoQuery(code) if ["42501", "58P01"].contains(&code.as_str()) => {}
            other => return Err(strange(sql, &format!("{other:?}"))),
        }
    }
    match judgement(client, explain, CALLS, 1).await? {
        Judgement::Does(what) if what.contains("set_config") => {}
        other => return Err(strange(CALLS, &format!("{other:?}"))),
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
