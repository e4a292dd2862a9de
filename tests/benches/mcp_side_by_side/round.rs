//! One round of one contender.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_tests::hyperdb_mcp::Household;
use serde_json::{Value, json};

use crate::Options;
use crate::contender::Contender;
use crate::figures::{Figures, quantile};
use crate::server::Server;

/// Some seconds of work for one core, whatever the statement sorts or keeps.
const SLOW: &str = "SELECT count(*) FROM slow a, slow b WHERE (a.id * b.id) % 7 = 3";
/// What both can read in read-only mode, too: tables of the scratch database.
const TABLES: [&str; 2] = [
    "CREATE TABLE slow AS SELECT i AS id FROM generate_series(1, 12000) s(i)",
    "CREATE TABLE sold AS SELECT i AS id, date '2020-01-01' + (i % 1500)::int AS day, \
     'Customer ' || (i % 977)::text AS customer, ((i * 37 % 100000)::numeric(18, 2) / 100)::numeric(18, 2) AS amount, \
     sqrt(i::double precision) AS ratio, i % 3 = 0 AS paid FROM generate_series(1, 1000000) s(i)",
];

/// Takes all figures, up to the first call that is not answered as it should.
pub(crate) fn measure(
    contender: Contender,
    household: &Household,
    options: &Options,
    figures: &mut Figures,
) -> Result<(), String> {
    let start = || Server::start(contender.command(household), Duration::from_secs(options.limit));
    for state in ["cold", "warm"] {
        let (mut server, hello) = start()?;
        figures.add(format!("initialize, {state}, ms"), milliseconds(hello));
        let begun = server.started();
        server.query("SELECT 1 AS n")?;
        figures.add(format!("first query, {state}, ms"), milliseconds(begun.elapsed()));
        if state == "warm" {
            figures.add("RSS, idle, MiB", resident(&server, "VmRSS:")?);
        }
        figures.add("end, ms", milliseconds(server.end()?));
    }
    let (mut server, _) = start()?;
    server.query("SELECT 1 AS n")?;
    for callers in &options.callers {
        let (took, all) = server.flood("SELECT 1 AS n", options.calls, *callers)?;
        let name = format!("SELECT 1 by {callers} {}", if *callers == 1 { "caller" } else { "callers" });
        figures.add(format!("{name}, p50, ms"), quantile(&took, 0.5));
        figures.add(format!("{name}, p99, ms"), quantile(&took, 0.99));
        figures.add(format!("{name}, calls/s"), f64::from(options.calls) / all.as_secs_f64());
    }
    for table in TABLES {
        server.call("execute", &json!({"sql": [table]}))?;
    }
    behind_a_slow_query(&mut server, figures)?;
    tokens(&mut server, figures)?;
    server.end()?;
    while_busy(start()?.0, contender, figures)?;
    for rows in &options.rows {
        large_result(start()?.0, *rows, options, figures)?;
    }
    Ok(())
}

fn behind_a_slow_query(server: &mut Server, figures: &mut Figures) -> Result<(), String> {
    let (slow, slow_sent) = server.send_query(SLOW)?;
    thread::sleep(Duration::from_millis(100));
    let (quick, quick_sent) = server.send_query("SELECT 1 AS n")?;
    for _ in [slow, quick] {
        let (id, answer) = server.next()?;
        if answer.result["isError"] == true {
            return Err(answer.result.to_string());
        }
        let (name, sent) = if id == slow {
            ("a slow query, ms", slow_sent)
        } else {
            ("SELECT 1 behind a slow query, ms", quick_sent)
        };
        figures.add(name, milliseconds(answer.at - sent));
    }
    Ok(())
}

/// What needs no statement, while as many statements run as twice the machine's cores.
fn while_busy(mut server: Server, contender: Contender, figures: &mut Figures) -> Result<(), String> {
    server.call("execute", &json!({"sql": [TABLES[0]]}))?;
    let cores = thread::available_parallelism().map_or(2, std::num::NonZero::get);
    for _ in 0..2 * cores {
        server.send_query(SLOW)?;
    }
    thread::sleep(Duration::from_millis(100));
    let overview = json!({"name": contender.overview(), "arguments": {}});
    let asked = [("ping", json!({})), ("tools/list", json!({})), ("tools/call", overview)];
    for (method, params) in &asked {
        let took: Vec<_> = (0..5)
            .map(|_| {
                let sent = Instant::now();
                server.request(method, params).map(|answer| milliseconds(answer.at - sent))
            })
            .collect::<Result<_, _>>()?;
        let name = if *method == "tools/call" { "overview" } else { method };
        figures.add(format!("{name} while all cores are busy, slowest of 5, ms"), quantile(&took, 1.0));
    }
    figures.add("end while all cores are busy, ms", milliseconds(server.end()?));
    Ok(())
}

fn tokens(server: &mut Server, figures: &mut Figures) -> Result<(), String> {
    let count = |text: &str| tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len() as f64;
    let tools = server.request("tools/list", &json!({}))?.result["tools"].take();
    figures.add("tools", tools.as_array().map_or(0, Vec::len) as f64);
    figures.add("tools/list, tokens", count(&tools.to_string()));
    let (result, _) = server.query("SELECT * FROM sold ORDER BY id LIMIT 100")?;
    figures.add("100 x 6 result, tokens", count(&text(&result)));
    figures.add("100 x 6 result, bytes of its message", result.to_string().len() as f64);
    Ok(())
}

/// On a server of its own, so that its peak is this query's.
fn large_result(
    mut server: Server,
    rows: u32,
    options: &Options,
    figures: &mut Figures,
) -> Result<(), String> {
    server.call("execute", &json!({"sql": [TABLES[1]]}))?;
    let (result, took) = server.query(&format!("SELECT * FROM sold LIMIT {rows}"))?;
    rest(&server, Duration::from_secs(options.limit))?;
    figures.add(format!("{rows} rows, ms"), milliseconds(took));
    figures.add(format!("{rows} rows, bytes of the answer"), result.to_string().len() as f64);
    figures.add(format!("{rows} rows, peak RSS, MiB"), resident(&server, "VmHWM:")?);
    server.end().map(drop)
}

/// Waits until it has nothing to do: it may go on behind an answer.
fn rest(server: &Server, limit: Duration) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    let mut before = processor_ticks(server)?;
    while Instant::now() < deadline {
        thread::sleep(Duration::from_millis(500));
        let now = processor_ticks(server)?;
        if now == before {
            return Ok(());
        }
        before = now;
    }
    Err(format!("it still works {} s after its answer", limit.as_secs()))
}

/// Of all its threads, in the kernel's units.
fn processor_ticks(server: &Server) -> Result<u64, String> {
    let path = format!("/proc/{}/stat", server.pid());
    let stat = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    // The name in parentheses may hold anything; after it, user and system time are the 12th and 13th field.
    let (_, fields) = stat.rsplit_once(") ").ok_or_else(|| format!("{path}: {stat}"))?;
    Ok(fields.split(' ').skip(11).take(2).flat_map(str::parse::<u64>).sum())
}

/// Memory of the process itself, in MiB.
fn resident(server: &Server, field: &str) -> Result<f64, String> {
    let path = format!("/proc/{}/status", server.pid());
    let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<f64>().ok());
    Ok(kib.ok_or_else(|| format!("{path} has no {field}"))? / 1024.0)
}

/// What a model reads of a result.
fn text(result: &Value) -> String {
    let blocks = result["content"].as_array().into_iter().flatten();
    blocks.filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n")
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
