//! Numbers arrive as they were, by every road: each double and real in its shortest text that reads back the same.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::server::Server;

/// How many random bit patterns are sent of each type.
const PATTERNS: usize = 1500;
/// Values that shortcuts in reading and writing numbers get wrong, the first of them as it was reported.
const HARD: [f64; 14] = [
    10.820528475417419,
    0.1 + 0.2,
    1e23,
    9007199254740992.0,
    5e-324,
    2.225_073_858_507_201e-308,
    f64::MIN_POSITIVE,
    f64::MAX,
    -f64::MAX,
    1e15,
    1e16,
    123456.789e-20,
    -0.0,
    6.02214076e23,
];

/// Bit patterns of finite doubles, the same in each run (xorshift64).
fn doubles() -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let random = std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(f64::from_bits(state))
    });
    HARD.into_iter().chain(random.filter(|number| number.is_finite()).take(PATTERNS)).collect()
}

fn reals() -> Vec<f32> {
    let narrowed = doubles().into_iter().map(|number| f32::from_bits((number.to_bits() >> 17) as u32));
    narrowed.filter(|number| number.is_finite()).collect()
}

/// How many significant digits a number's text has.
fn digits(text: &str) -> usize {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0').trim_end_matches('0').len()
}

/// What came is what was sent, in no more digits than it takes to say so.
#[track_caller]
fn assert_same(road: &str, sent: &[f64], came: &[String]) {
    assert_eq!(sent.len(), came.len(), "{road}");
    for (sent, came) in sent.iter().zip(came) {
        let read: f64 = came.parse().unwrap_or_else(|_| panic!("{road}: {came:?} is no number"));
        assert!(read == *sent, "{road}: {sent:?} came as {came}");
        assert_eq!(digits(came), digits(&format!("{sent:?}")), "{road}: {sent:?} came as {came}");
    }
}

#[track_caller]
fn assert_same_reals(road: &str, sent: &[f32], came: &[String]) {
    assert_eq!(sent.len(), came.len(), "{road}");
    for (sent, came) in sent.iter().zip(came) {
        let read: f32 = came.parse().unwrap_or_else(|_| panic!("{road}: {came:?} is no number"));
        assert!(read == *sent, "{road}: {sent:?} came as {came}");
        assert_eq!(digits(came), digits(&format!("{sent:?}")), "{road}: {sent:?} came as {came}");
    }
}

/// The numbers at a place of each row, as they are written in JSON.
fn column(rows: &[Value], of: impl Fn(&Value) -> &Value) -> Vec<String> {
    rows.iter().map(|row| of(row).to_string()).collect()
}

/// A server with these numbers in the table `numbers (i, d, r)`.
fn with_numbers(doubles: &[f64], reals: &[f32]) -> Server {
    let server = Server::start(&[]);
    let rows = doubles.iter().zip(reals).enumerate();
    let csv: String = rows.map(|(i, (double, real))| format!("{i},{double:?},{real:?}\n")).collect();
    server
        .call(
            "load",
            json!({"sources": [{
                "table": "numbers", "data": format!("i,d,r\n{csv}"), "format": "csv",
                "schema": {"i": "integer", "d": "double precision", "r": "real"}
            }]}),
        )
        .structured();
    server
}

#[test]
fn doubles_and_reals_come_in_their_shortest_exact_text_by_every_road() {
    let (mut doubles, mut reals) = (doubles(), reals());
    let count = doubles.len().min(reals.len());
    doubles.truncate(count);
    reals.truncate(count);
    let server = with_numbers(&doubles, &reals);
    let folder = tempfile::tempdir().unwrap();
    let sql = "SELECT i, d, r FROM numbers ORDER BY i";

    // Page by page, so that what was parked is looked at, too.
    let mut rows = Vec::new();
    let mut arguments = json!({"sql": sql, "max_rows": 700, "max_bytes": 1_000_000});
    loop {
        let answer = server.call("query", arguments);
        rows.extend(answer.rows().as_array().unwrap().clone());
        match answer.structured().get("cursor") {
            Some(cursor) => arguments = json!({"cursor": cursor, "max_rows": 10_000, "max_bytes": 1_000_000}),
            None => break,
        }
    }
    assert_same("query", &doubles, &column(&rows, |row| &row[1]));
    assert_same_reals("query", &reals, &column(&rows, |row| &row[2]));

    let sample = server.call("inspect", json!({"target": "numbers", "detail": "sample", "limit": 100}));
    let sampled = sample.structured()["tables"][0]["sample"].as_array().unwrap().clone();
    let index = |row: &Value| usize::try_from(row[0].as_u64().unwrap()).unwrap();
    let sent: Vec<_> = sampled.iter().map(|row| doubles[index(row)]).collect();
    assert_same("inspect sample", &sent, &column(&sampled, |row| &row[1]));

    let stats = server.call("inspect", json!({"target": "numbers", "detail": "stats"}));
    let stats = stats.structured()["tables"][0]["columns"][1].clone();
    let least = doubles.iter().copied().fold(f64::INFINITY, f64::min);
    let most = doubles.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    assert_same("inspect stats", &[least, most], &[stats["min"].to_string(), stats["max"].to_string()]);

    for format in ["csv", "json", "jsonl"] {
        let path = folder.path().join(format!("numbers.{format}"));
        server.call("export", json!({"sql": sql, "path": path})).structured();
        let text = fs::read_to_string(&path).unwrap();
        let (of_doubles, of_reals) = written(format, &text);
        assert_same(&format!("export {format}"), &doubles, &of_doubles);
        assert_same_reals(&format!("export {format}"), &reals, &of_reals);
    }
}

/// What a file or output says of the columns `d` and `r`, as it stands there.
fn written(format: &str, text: &str) -> (Vec<String>, Vec<String>) {
    let fields = |line: &str| -> Option<(String, String)> {
        let fields: Vec<_> = match format {
            "table" => line.split('|').map(str::trim).collect(),
            "csv" => line.split(',').collect(),
            _ => line.trim_end_matches(',').trim_matches(['{', '}']).split(',').collect(),
        };
        let value = |field: &str| field.rsplit(':').next().unwrap_or_default().to_owned();
        match fields[..] {
            [index, double, real] if value(index).parse::<usize>().is_ok() => {
                Some((value(double), value(real)))
            }
            _ => None,
        }
    };
    text.lines().filter_map(fields).unzip()
}

/// The tests' own dependencies turn this feature on, so that a binary that is built for them is exact either way, and the one
/// that people have was not.
#[test]
fn the_binary_reads_numbers_exactly_without_the_dependencies_of_its_tests() {
    let manifest = include_str!("../../Cargo.toml");
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").unwrap();
    let (dependencies, _) = dependencies.split_once("\n[").unwrap();

    let serde_json = dependencies.lines().find(|line| line.starts_with("serde_json ")).unwrap();

    assert!(serde_json.contains("\"float_roundtrip\""), "{serde_json}");
}

#[test]
fn the_command_line_shows_doubles_and_reals_in_their_shortest_exact_text() {
    let (mut doubles, mut reals) = (doubles(), reals());
    doubles.truncate(300);
    reals.truncate(300);
    let values: Vec<_> = doubles
        .iter()
        .zip(&reals)
        .enumerate()
        .map(|(i, (double, real))| format!("({i}, '{double:?}'::double precision, '{real:?}'::real)"))
        .collect();
    let sql = format!("SELECT * FROM (VALUES {}) AS n(i, d, r) ORDER BY i", values.join(", "));

    for format in ["csv", "json", "jsonl", "table"] {
        let ran = Command::new(env!("CARGO_BIN_EXE_hyperwire"))
            .args(["sql", "--private", "--format", format, &sql])
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let text = String::from_utf8(ran.stdout).unwrap();
        let (of_doubles, of_reals) = written(format, &text);
        assert_same(&format!("sql --format {format}"), &doubles, &of_doubles);
        assert_same_reals(&format!("sql --format {format}"), &reals, &of_reals);
    }
}

#[test]
fn numbers_that_callers_give_arrive_with_every_digit() {
    let server = Server::start(&[]);
    let mut doubles = doubles();
    doubles.truncate(200);
    let rows: Vec<_> = doubles.iter().enumerate().map(|(i, d)| json!({"i": i, "d": d})).collect();

    let by_params = server.call(
        "query",
        json!({"sql": "SELECT CAST($1 AS double precision), CAST($2 AS double precision)", "params": [doubles[0], doubles[1]]}),
    );
    let by_inputs = server.call(
        "query",
        json!({
            "sql": "SELECT d FROM t ORDER BY i", "max_bytes": 1_000_000,
            "inputs": {"t": {"data": rows, "schema": {"d": "double precision"}}}
        }),
    );

    assert_same(
        "params",
        &doubles[..2],
        &[by_params.rows()[0][0].to_string(), by_params.rows()[0][1].to_string()],
    );
    let came = column(by_inputs.rows().as_array().unwrap(), |row| &row[0]);
    assert_same("inputs", &doubles, &came);
}

#[test]
fn numerics_are_numbers_without_idle_zeros_where_a_double_holds_them_and_strings_elsewhere() {
    let server = Server::start(&[]);

    for (expression, wanted) in [
        ("round(avg(x), 3) FROM (VALUES (9.5), (9.546)) AS t(x)", "9.523"),
        ("1.50::numeric(5,2)", "1.5"),
        ("100::numeric(5,2)", "100"),
        ("0.00::numeric(5,2)", "0"),
        ("-0.10::numeric(5,2)", "-0.1"),
        ("10.820528475417419::numeric(20,15)", "10.820528475417419"),
        ("'9007199254740992'::numeric(20,0)", "9007199254740992"),
        ("'9007199254740993'::numeric(20,0)", "\"9007199254740993\""),
        ("'12345678901234567890.10'::numeric(38,2)", "\"12345678901234567890.1\""),
        ("'0.12345678901234567890'::numeric(38,20)", "\"0.1234567890123456789\""),
        ("'100000000000000000000'::numeric(38,0)", "\"100000000000000000000\""),
    ] {
        let answer = server.call("query", json!({"sql": format!("SELECT {expression}")}));
        assert_eq!(answer.rows()[0][0].to_string(), wanted, "{expression}");
    }
    let arrays = server.call("query", json!({"sql": "SELECT array[1.10::numeric(5,2), 2.00::numeric(5,2)]"}));
    assert_eq!(arrays.rows().to_string(), "[[[1.1,2]]]");
}
