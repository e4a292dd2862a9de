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
