//! Values as answers show them: exact, whatever their type.

use serde_json::{Value, json};

use crate::server::Server;

#[track_caller]
fn assert_shown(server: &Server, expression: &str, ty: &str, wanted: &Value) {
    let answer = server.call("query", json!({"sql": format!("SELECT {expression} AS v")}));
    let result = answer.structured();
    assert_eq!(result["columns"], json!([{"name": "v", "type": ty}]), "{expression}");
    assert_eq!(result["rows"], json!([[wanted]]), "{expression}");
}

#[test]
fn every_type_keeps_its_value() {
    let server = Server::start(&[]);

    for (expression, ty, wanted) in [
        ("true", "boolean", json!(true)),
        ("(-258)::smallint", "smallint", json!(-258)),
        ("16909060", "integer", json!(16_909_060)),
        ("9007199254740992::bigint", "bigint", json!(9_007_199_254_740_992_i64)),
        ("9007199254740993::bigint", "bigint", json!("9007199254740993")),
        ("1.5::real", "real", json!(1.5)),
        ("0.1::double precision", "double precision", json!(0.1)),
        ("1e300::double precision", "double precision", json!(1e300)),
        ("'NaN'::double precision", "double precision", json!("NaN")),
        ("'Infinity'::double precision", "double precision", json!("Infinity")),
        ("'-Infinity'::real", "real", json!("-Infinity")),
        ("1.50::numeric(5,2)", "numeric(5, 2)", json!(1.50)),
        ("'12345678901234567890.12'::numeric(38,2)", "numeric(38, 2)", json!("12345678901234567890.12")),
        ("'héllo \"x\" \\ '", "text", json!("héllo \"x\" \\ ")),
        ("''", "text", json!("")),
        ("'abc'::varchar(5)", "varchar(5)", json!("abc")),
        ("'abc'::char(5)", "char(5)", json!("abc  ")),
        ("'é'::char(1)", "char(1)", json!("é")),
        ("'\\x00ff61'::bytea", "bytea", json!("AP9h")),
        ("json '{\"b\": [1, null], \"a\": \"x\"}'", "json", json!({"b": [1, null], "a": "x"})),
        ("json '[12345678901234567890123]'", "json", json!("[12345678901234567890123]")),
        ("date '2024-02-29'", "date", json!("2024-02-29")),
        ("time '12:34:56.789012'", "time", json!("12:34:56.789012")),
        ("timestamp '2024-02-29 12:34:56.789012'", "timestamp", json!("2024-02-29T12:34:56.789012")),
        ("timestamptz '2024-02-29 12:34:56+02'", "timestamptz", json!("2024-02-29T10:34:56+00:00")),
        ("interval '1 year 2 months 3 days 04:05:06.789'", "interval", json!("P1Y2M3DT4H5M6.789000S")),
        ("interval '-1 day'", "interval", json!("P-1D")),
        ("123::oid", "oid", json!(123)),
        (
            "'550e8400-e29b-41d4-a716-446655440000'::uuid",
            "uuid",
            json!("550e8400-e29b-41d4-a716-446655440000"),
        ),
        ("'POINT(1.5 2.5)'::geography", "geography", json!("POINT(1.5000000 2.5000000)")),
        ("NULL::int", "integer", json!(null)),
    ] {
        assert_shown(&server, expression, ty, &wanted);
    }
}

#[test]
fn arrays_keep_the_values_of_their_elements() {
    let server = Server::start(&[]);

    for (expression, wanted) in [
        ("array[1, NULL, 3]", json!([1, null, 3])),
        ("array[9007199254740993::bigint]", json!(["9007199254740993"])),
        ("array['a', 'b\"c,', NULL, 'NULL', '']", json!(["a", "b\"c,", null, "NULL", ""])),
        ("array[true, false]", json!([true, false])),
        ("array[1.5::double precision, 'NaN'::double precision]", json!([1.5, "NaN"])),
        ("array[1.10::numeric(5,2)]", json!([1.10])),
        ("array[date '2024-01-01']", json!(["2024-01-01"])),
        ("array[timestamp '2024-01-01 00:00:00']", json!(["2024-01-01T00:00:00"])),
        ("array[time '01:02:03']", json!(["01:02:03"])),
        ("array[interval '1 day']", json!(["P1D"])),
        ("array['\\x00ff61'::bytea]", json!(["AP9h"])),
        ("array['POINT(1 2)'::geography]", json!(["POINT(1.0000000 2.0000000)"])),
        ("array[]::int[]", json!([])),
    ] {
        let answer = server.call("query", json!({"sql": format!("SELECT {expression}")}));
        assert_eq!(answer.rows(), &json!([[wanted]]), "{expression}");
    }
}

#[test]
fn columns_of_the_same_name_and_without_rows_are_kept() {
    let server = Server::start(&[]);

    let answer = server.call("query", json!({"sql": "SELECT 1 AS a, 'x' AS a, 2 AS \"A b\" WHERE false"}));

    let result = answer.structured();
    let columns = json!([
        {"name": "a", "type": "integer"}, {"name": "a", "type": "text"}, {"name": "A b", "type": "integer"}
    ]);
    assert_eq!(result["columns"], columns);
    assert_eq!(
        [&result["rows"], &result["row_count"], &result["truncated"]],
        [&json!([]), &json!(0), &json!(false)]
    );
}

#[test]
fn the_text_of_an_answer_is_the_same_as_its_structure() {
    let server = Server::start(&[]);

    let answer = server.call("query", json!({"sql": "SELECT 1 AS a"}));

    assert_eq!(&serde_json::from_str::<Value>(&answer.text()).expect("JSON"), answer.structured());
}
