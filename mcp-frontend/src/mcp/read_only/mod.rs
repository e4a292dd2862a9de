//! Statements that only read, as hyperd judges them.
//!
//! Hyper has no read-only transactions: `BEGIN READ ONLY` is accepted and means nothing. So a statement is judged before it
//! runs, in three steps, each of which refuses what it does not know:
//!
//! 1. its tokens: the functions that it calls are on a list ([`functions`]), since some act while hyperd plans;
//! 2. hyperd's grammar: it parses as a subquery, where nothing writes;
//! 3. hyperd's plan, parameters included: all operators only read ([`plan`]).
//!
//! What is accepted then runs in a transaction that is rolled back. `EXPLAIN` and `SHOW` read as well ([`form`]).

mod form;
mod functions;
mod plan;
mod prove;
mod seen;

use std::collections::HashSet;
use std::sync::PoisonError;

use hyperwire_tokio::hyperwire_core::row::{ToParameter, Type};
use hyperwire_tokio::{Client, Error, Rows};
use tokio::sync::Mutex;

use super::advice::Advice;
use super::engine::{Engine, Lease, Run};
use super::failure::Failure;
use form::Form;
use functions::Verdict;
pub(crate) use functions::may_open_files;
use seen::Seen;

/// How many names that are no functions are remembered.
const MOST_ABSENT: usize = 1_000;

/// What was found out about the hyperd that is asked, and about statements.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// The hyperd that judged as it should.
    proven: Mutex<Option<Proven>>,
    /// Statements that were accepted. Whether a text is a query that reads tables does not change: Hyper has no views, no
    /// functions that users write, and no tables but native ones that last longer than a session.
    seen: Seen,
    /// Names that hyperd has no function of, so that they are aliases or types.
    absent: std::sync::Mutex<HashSet<String>>,
}

/// A hyperd that judges as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Proven {
    run: Run,
    /// What makes it show a plan. The options are written out, so that what the statement begins with cannot pass for
    /// some: `(ANALYZE)` would run it.
    explain: &'static str,
}

/// Where the statement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It is run as it is.
    Alone,
    /// Into another statement, which takes only queries.
    Within,
}

/// Refuses a query that does anything but read tables.
pub(crate) async fn check(lease: &mut Lease, sql: &str) -> Result<(), Failure> {
    judge(lease, sql, 0, Place::Within).await
}

/// Runs a statement that only reads, with its parameters as text, or refuses it.
pub(crate) async fn query<'l>(
    lease: &'l mut Lease,
    sql: &'l str,
    params: &[Option<String>],
) -> Result<Rows<'l>, Failure> {
    judge(lease, sql, params.len(), Place::Alone).await?;
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

async fn judge(lease: &mut Lease, sql: &str, params: usize, place: Place) -> Result<(), Failure> {
    let engine = lease.engine().clone();
    let run = lease.run().clone();
    let explain = engine.oracle.prove(&engine, Some(&run)).await?;
    let oracle = &engine.oracle;
    if oracle.seen.has(sql, params) {
        return Ok(());
    }
    match (form::of(sql), place) {
        (Form::Show, Place::Alone) => Ok(()),
        (Form::Explain { inner: Some(inner) }, Place::Alone) => {
            oracle.check_functions(lease, sql).await?;
            oracle.ask(lease, explain, inner, params).await
        }
        (Form::Explain { inner: None }, Place::Alone) => oracle.check_functions(lease, sql).await,
        _ => {
            oracle.check_functions(lease, sql).await?;
            oracle.ask(lease, explain, sql, params).await?;
            oracle.seen.add(sql, params);
            Ok(())
        }
    }
}

/// What hyperd says of a statement.
#[derive(Debug)]
enum Judgement {
    Reads,
    /// Its grammar, or what it knows of tables and columns, does not take it for one.
    NoQuery(String),
    /// It would run something that is not known to only read.
    Does(String),
}

impl Oracle {
    /// Refuses calls of functions that are not on the list. A name that hyperd has no function of is an alias.
    async fn check_functions(&self, client: &mut Client, sql: &str) -> Result<(), Failure> {
        for call in functions::calls(sql) {
            match functions::verdict(&call.name) {
                Some(Verdict::Reads) => {}
                Some(Verdict::Refused) => {
                    return Err(refused(&format!("the function {} does more than read tables", call.name)));
                }
                None if self.is_absent(client, &call).await? => {}
                None => {
                    return Err(refused(&format!(
                        "hyperd has {}, which this hyperwire does not know to only read tables",
                        call.name
                    )));
                }
            }
        }
        Ok(())
    }

    /// Whether hyperd has no function of this name. Without arguments nothing is called by asking.
    async fn is_absent(&self, client: &mut Client, call: &functions::Call) -> Result<bool, Failure> {
        if self.absent().contains(&call.text) {
            return Ok(true);
        }
        let absent = match parse(client, &format!("SELECT {}()", call.text), 0).await {
            Ok(()) => false,
            Err(error) if error.is_session_lost() => return Err(error.into()),
            Err(error) => {
                let says = |words: &str| error.server().is_some_and(|error| error.message().contains(words));
                error.code().is_some_and(|code| code.as_str() == "42883") && says("does not exist")
            }
        };
        if absent {
            let mut all = self.absent();
            if all.len() >= MOST_ABSENT {
                all.clear();
            }
            all.insert(call.text.clone());
        }
        Ok(absent)
    }

    fn absent(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.absent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses what hyperd does not judge to only read. Nothing is run.
    async fn ask(&self, client: &mut Client, explain: &str, sql: &str, params: usize) -> Result<(), Failure> {
        match judgement(client, explain, sql, params).await? {
            Judgement::Reads => Ok(()),
            Judgement::Does(what) => Err(refused(&format!("hyperd would run {what}"))),
            // A mistake in the statement is told as hyperd tells it without the words that were put around it.
            Judgement::NoQuery(_) => Err(match parse(client, sql, params).await {
                Ok(()) => refused("to hyperd it is no query"),
                Err(error) => Failure::of_statement(&error, sql),
            }),
        }
    }
}

fn refused(why: &str) -> Failure {
    Failure::new(format!(
        "Rejected: this tool only runs statements that read tables, and {why}. Nothing was run."
    ))
    .next(Advice::ReadOrChange)
}

async fn judgement(
    client: &mut Client,
    explain: &str,
    sql: &str,
    params: usize,
) -> Result<Judgement, Failure> {
    match parse(client, &subquery(sql), params).await {
        Ok(()) => planned(client, explain, sql).await,
        Err(error) => match error.code() {
            Some(code) => Ok(Judgement::NoQuery(code.as_str().to_owned())),
            None => Err(Failure::of_statement(&error, sql)),
        },
    }
}

/// What its plan says. Parameters stay parameters in it, so that no value makes hyperd leave a part out.
async fn planned(client: &mut Client, explain: &str, sql: &str) -> Result<Judgement, Failure> {
    let failed = |error| Failure::of_statement(&error, "");
    let mut rows = client.query(&format!("{explain} {sql}")).await.map_err(failed)?;
    let mut text = String::new();
    while let Some(row) = rows.next().await.map_err(failed)? {
        for value in row.iter() {
            text.push_str(value.bytes().and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default());
        }
    }
    Ok(plan::objection(&text).map_or(Judgement::Reads, Judgement::Does))
}

/// The statement where Hyper takes nothing but a query. A line comment at its end must not hide the parenthesis.
fn subquery(sql: &str) -> String {
    format!("SELECT * FROM (\n{}\n) AS judged", sql.trim_end_matches(|c: char| c == ';' || c.is_whitespace()))
}

/// Has hyperd parse a statement with this many parameters, whose types it infers.
async fn parse(client: &mut Client, sql: &str, params: usize) -> Result<(), Error> {
    client.prepare(sql, &vec![Type::Other(0); params]).await.map(drop)
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
