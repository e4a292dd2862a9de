//! As much of a result as fits, and the rest of it.

use serde_json::{Value, json};

use crate::process::peak_memory;
use crate::server::{Answer, Server};

fn series(count: u64) -> String {
    format!("SELECT i, 'text ' || i AS s FROM generate_series(1, {count}) AS g(i) ORDER BY i")
}

fn page(server: &Server, cursor: &Value) -> Answer {
    server.call("query", json!({"cursor": cursor}))
}

#[test]
fn an_answer_has_200_rows_unless_asked_otherwise() {
    let server = Server::start(&[]);

    let usual = server.call("query", json!({"sql": series(1000)}));
    let more = server.call("query", json!({"sql": series(1000), "max_rows": 300}));
    let none = server.call("query", json!({"sql": series(1000), "max_rows": 0}));

    let rows = [&usual, &more, &none].map(|answer| answer.structured()["row_count"].clone());
    assert_eq!(rows, [json!(200), json!(300), json!(0)]);
    assert!([&usual, &more, &none].iter().all(|answer| answer.structured()["truncated"] == json!(true)));
}

#[test]
fn an_answer_has_24_kilobytes_unless_asked_otherwise() {
    let server = Server::start(&[]);
    let sql = "SELECT repeat('x', 1000) FROM generate_series(1, 100) AS g(i)";

    let usual = server.call("query", json!({"sql": sql}));
    let less = server.call("query", json!({"sql": sql, "max_bytes": 3000}));

    assert!(usual.rows().to_string().len() <= 24_002, "{}", usual.rows().to_string().len());
    assert_eq!([&usual, &less].map(|answer| answer.structured()["row_count"].clone()), [json!(23), json!(2)]);
}

#[test]
fn cursors_lead_to_every_row_once() {
    let server = Server::start(&[]);

    let mut answer = server.call("query", json!({"sql": series(1001)}));
    let mut all = answer.rows().as_array().expect("rows").clone();
    while answer.structured()["truncated"] == json!(true) {
        answer = page(&server, &answer.structured()["cursor"].clone());
        assert_eq!(answer.structured()["columns"][1]["name"], json!("s"));
        all.extend(answer.rows().as_array().expect("rows").iter().cloned());
    }

    let wanted: Vec<_> = (1..=1001).map(|i| json!([i, format!("text {i}")])).collect();
    assert_eq!(all, wanted);
    assert_eq!(answer.structured().get("cursor"), None);
}

#[test]
fn a_cursor_can_be_used_again_and_one_that_is_none_is_refused() {
    let server = Server::start(&[]);
    let cursor = server.call("query", json!({"sql": series(1000)})).structured()["cursor"].clone();

    assert_eq!(page(&server, &cursor).rows(), page(&server, &cursor).rows());
    for wrong in ["", "0", "0123456789abcdef.0", "x.y", "../../etc/passwd.0"] {
        let error = page(&server, &json!(wrong)).error();
        assert!(error.contains("cursor"), "{wrong}: {error}");
    }
    let both = server.call("query", json!({"cursor": cursor, "sql": "SELECT 1"})).error();
    assert!(both.contains("either"), "{both}");
}

#[test]
fn a_value_that_alone_fills_an_answer_is_cut_and_said_to_be() {
    let server = Server::start(&[]);

    let answer = server.call("query", json!({"sql": "SELECT repeat('é', 100000) AS v, 1 AS i"}));

    let value = answer.rows()[0][0].as_str().expect("text");
    assert!(value.len() < 24_000 && value.ends_with("more bytes]"), "{}", &value[value.len() - 40..]);
    assert_eq!(answer.rows()[0][1], json!(1));
    assert!(answer.structured()["warnings"][0].as_str().expect("a warning").contains("cut"), "{answer:?}");
}

#[test]
fn ten_million_rows_take_less_than_100_megabytes_and_their_end_is_said_to_be_missing() {
    let server = Server::private(&[]);

    let mut answer =
        server.call("query", json!({"sql": series(10_000_000), "max_rows": 10_000, "max_bytes": 1_000_000}));

    let mut rows = answer.structured()["row_count"].as_u64().expect("a number");
    while let Some(cursor) = answer.structured().get("cursor").cloned() {
        answer = server.call("query", json!({"cursor": cursor, "max_rows": 10_000, "max_bytes": 1_000_000}));
        rows += answer.structured()["row_count"].as_u64().expect("a number");
    }
    assert!(rows < 10_000_000 && answer.structured()["truncated"] == json!(true), "{rows} rows");
    assert!(answer.text().contains("`export`"), "the last page says where the rest is");
    let peak = peak_memory(server.pid());
    assert!(peak < 100_000_000, "{peak} bytes");
}

#[test]
fn a_cut_answer_says_of_how_many_rows_and_a_limit_that_is_too_high_is_told() {
    let server = Server::start(&[]);

    let cut = server.call("query", json!({"sql": "SELECT i FROM generate_series(1, 3376) s(i)"}));
    let next = server.call("query", json!({"cursor": cut.structured()["cursor"]}));
    let whole = server.call("query", json!({"sql": "SELECT 1"}));
    let most = server.call("query", json!({"sql": "SELECT 1", "max_rows": 60_000}));

    for answer in [&cut, &next] {
        let answer = answer.structured();
        assert_eq!((&answer["row_count"], &answer["total_rows"]), (&json!(200), &json!(3376)));
    }
    assert_eq!(whole.structured().get("total_rows"), None);
    let told = most.structured()["warnings"][0].as_str().unwrap_or_default().to_owned();
    assert!(told.contains("60000") && told.contains("10000"), "{told}");
}

/// The longest form that an answer has: clients show the text or the structure.
fn longest_form(answer: &Answer) -> usize {
    answer.text().len().max(answer.structured().to_string().len())
}

#[test]
fn the_whole_answer_keeps_its_limit_however_many_and_long_the_columns() {
    let server = Server::start(&[]);
    let columns = |count: usize, name: &str, value: &str| {
        let all: Vec<_> = (0..count).map(|number| format!("{value} AS \"{name} {number}\"")).collect();
        format!("SELECT {} FROM generate_series(1, 300) AS g(i)", all.join(", "))
    };
    let statements = [
        columns(1_000, "a name of some length", "i"),
        columns(1_000, "c", "NULL::text"),
        columns(300, "text", "repeat('é\u{1}', 500)"),
        columns(40, &"long ".repeat(20), "i"),
        columns(2, "t", "repeat('x', 100000)"),
        columns(3, "json", "json '[[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]]'"),
        format!("{} WHERE false", columns(1_000, "none", "i")),
        "SELECT CASE WHEN i > 3 THEN repeat('x', 100000) END AS later FROM generate_series(1, 9) AS g(i)"
            .to_owned(),
    ];

    for sql in statements {
        for most in [1_000, 3_000, 24_000, 100_000] {
            let mut answer = server.call("query", json!({"sql": sql, "max_bytes": most}));
            // The next pages with another limit.
            for next in [most, 2_000, 30_000] {
                let shown = answer.structured();
                let columns = shown["columns"].as_array().expect("columns").len();
                let rows = shown["rows"].as_array().expect("rows");
                assert!(rows.iter().all(|row| row.as_array().map(Vec::len) == Some(columns)), "{sql:.80}");
                let Some(cursor) = shown.get("cursor").cloned() else { break };
                answer = server.call("query", json!({"cursor": cursor, "max_bytes": next}));
                assert!(longest_form(&answer) <= next, "{} of {next}: {sql:.80}", longest_form(&answer));
            }
            let answer = server.call("query", json!({"sql": sql, "max_bytes": most}));
            assert!(longest_form(&answer) <= most, "{} of {most}: {sql:.80}", longest_form(&answer));
        }
    }
    let cut = server.call("query", json!({"sql": columns(1_000, "a name of some length", "i")}));
    let warning = cut.structured()["warnings"][0].as_str().expect("a warning").to_owned();
    assert!(warning.contains("of 1000 columns") && warning.contains("max_bytes"), "{warning}");
}

#[test]
fn whatever_a_tool_answers_with_rows_has_24_kilobytes_at_most() {
    let server = Server::start(&[]);
    let names: Vec<_> = (0..400).map(|number| format!("\"{} {number}\" text", "wide ".repeat(8))).collect();
    let mut statements: Vec<_> =
        (0..4).map(|number| format!("CREATE TABLE wide_{number} ({})", names.join(", "))).collect();
    let values = vec!["repeat('x', 200)"; 400].join(", ");
    statements.push(format!("INSERT INTO wide_0 SELECT {values} FROM generate_series(1, 20)"));
    server.call("execute", json!({"sql": statements})).structured();

    for (tool, arguments) in [
        ("inspect", json!({"target": "wide_0"})),
        ("inspect", json!({"target": "wide_0", "detail": "sample", "limit": 20})),
        ("inspect", json!({"target": "wide_0", "detail": "stats"})),
        ("inspect", json!({"target": "wide_*", "detail": "columns"})),
        ("inspect", json!({"target": "wide_*", "detail": "sample"})),
        ("execute", json!({"sql": vec!["INSERT INTO wide_1 SELECT * FROM wide_0 RETURNING *"; 12]})),
        ("execute", json!({"sql": vec!["SHOW time zone"; 400]})),
    ] {
        let answer = server.call(tool, arguments.clone());
        assert!(longest_form(&answer) <= 24_000, "{} bytes: {tool} {arguments:.120}", longest_form(&answer));
    }
}
