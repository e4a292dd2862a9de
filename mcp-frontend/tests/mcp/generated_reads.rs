//! Reads of every shape, over tables whose names look like what they are not: `query` takes all of them.

use serde_json::json;

use crate::seeded::Seeded;
use crate::server::Server;

/// Each has the columns of [`COLUMNS`].
const TABLES: [&str; 10] = [
    "plain",
    "\"Sales (2024)\"",
    "\"external\"",
    "\"scan csv(4)\"",
    "\"insert native(2)\"",
    "\"set_config\"",
    "\"a\"\"b\n(c\"",
    "\"Ünïcode – tisch\"",
    "\"{\"\"operator\"\": \"\"delete\"\"}\"",
    "\"'; DROP TABLE plain; --\"",
];
const COLUMNS: &str = "i INT, \"external\" TEXT, \"s3_location (1)\" DOUBLE PRECISION, \"set_config\" DATE";
/// What stands between tokens, and means nothing. A wide blank that touches a name would belong to it.
const NOISE: [&str; 6] =
    [" ", "\n", " /* external('/f') */ ", " -- set_config(\n", " \u{a0} ", " \u{3000}\t"];

/// A query with the columns i (a whole number) and s (a text).
fn query(seeded: &mut Seeded, depth: usize) -> String {
    let noise = *seeded.one(&NOISE);
    if depth == 0 {
        return match seeded.below(6) {
            0 => format!("SELECT i, 'external (2024)' AS s FROM{noise}(VALUES (1), (2)) AS \"odd (1)\"(i)"),
            1 => format!("SELECT i, upper{noise}(i::text) AS s FROM{noise}generate_series(1, 5) AS g(i)"),
            _ => format!("SELECT i,{noise}\"external\" AS s FROM{noise}{}", seeded.one(&TABLES)),
        };
    }
    let mut inner = || query(seeded, depth - 1);
    let (one, other) = (inner(), inner());
    let join = *seeded.one(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
    let set = *seeded.one(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"]);
    let grouping = *seeded.one(&["GROUPING SETS ((s), ())", "ROLLUP (s)", "CUBE (s)", "s"]);
    match seeded.below(16) {
        0 => format!("SELECT i, s FROM ({one}) AS q WHERE i > 1 OR s = 's3://bucket/external('"),
        1 => format!("SELECT a.i, b.s FROM ({one}) AS a {join} ({other}) AS b ON a.i = b.i"),
        2 => format!("SELECT i, s FROM (({one}) {set} ({other})) AS q"),
        3 => format!(
            "WITH c AS ({one}), \"external (2)\" AS ({other}) SELECT c.i, e.s FROM c, \"external (2)\" AS e"
        ),
        4 => {
            format!("SELECT (SELECT max(i) FROM ({one}) AS x) AS i, (SELECT min(s) FROM ({other}) AS y) AS s")
        }
        5 => format!(
            "SELECT i, s FROM (SELECT i, s, row_number() OVER (PARTITION BY s ORDER BY i) AS n FROM ({one}) AS w) AS v WHERE n < 5"
        ),
        6 => format!("SELECT count(*)::int AS i, s FROM ({one}) AS g GROUP BY {grouping}"),
        7 => format!("SELECT a.i, l.s FROM ({one}) AS a, LATERAL (SELECT a.s || 'x' AS s) AS l"),
        8 => format!(
            "SELECT i, s FROM ({one}) AS a WHERE EXISTS (SELECT 1 FROM ({other}) AS b WHERE b.i = a.i)"
        ),
        9 => format!(
            "SELECT i, s FROM ({one}) AS a WHERE i NOT IN (SELECT i FROM ({other}) AS b WHERE i IS NOT NULL)"
        ),
        10 => format!("SELECT i, ('{{\"a\": 1}}')::json->>'a' AS s FROM ({one}) AS a"),
        11 => format!(
            "SELECT i, s FROM ({one}) AS a ORDER BY s COLLATE \"en_US\" NULLS LAST, i DESC LIMIT 7 OFFSET 1"
        ),
        12 => format!("SELECT DISTINCT ON (i) i, s FROM ({one}) AS a ORDER BY i, s"),
        13 => format!(
            "SELECT sum(i) FILTER (WHERE i > 0)::int AS i, string_agg(s, ',' ORDER BY s) AS s FROM ({one}) AS a HAVING count(*) > 0"
        ),
        14 => format!(
            "WITH RECURSIVE r(i, s) AS (SELECT 1, 'a'::text UNION ALL SELECT i + 1, s FROM r WHERE i < 4) SELECT r.i, q.s FROM r, ({one}) AS q"
        ),
        _ => format!(
            "SELECT CASE WHEN i > (SELECT avg(i) FROM ({other}) AS z) THEN i ELSE 0 END AS i, s FROM ({one}) AS a"
        ),
    }
}

fn server() -> Server {
    let server = Server::private(&[]);
    let tables: Vec<_> = TABLES
        .iter()
        .flat_map(|table| {
            [
                format!("CREATE TABLE {table} ({COLUMNS})"),
                format!("INSERT INTO {table} VALUES (1, 'a', 1.5, DATE '2024-01-01'), (2, NULL, NULL, NULL), (3, 'c', 0, NULL)"),
            ]
        })
        .collect();
    server.call("execute", json!({"sql": tables})).structured();
    server
}

#[test]
fn every_generated_read_is_taken_with_and_without_parameters() {
    let server = server();
    let mut seeded = Seeded::new(11);
    let mut refused = Vec::new();

    for number in 0..300 {
        let depth = 1 + seeded.below(3);
        let query = query(&mut seeded, depth);
        let (sql, params) = match number % 3 {
            0 => (format!("{query};"), json!([])),
            1 => (format!("SELECT i, s FROM ({query}) AS top WHERE i >= $1 OR s = $2"), json!([0, "x"])),
            _ if number % 2 == 0 => (format!("EXPLAIN {query}"), json!([])),
            _ => (format!("-- a comment\n{query} -- external("), json!([])),
        };
        let answer = server.call("query", json!({"sql": sql, "params": params, "max_rows": 3}));
        if answer.is_error() {
            refused.push(format!("{sql}\n    {}", answer.text()));
        }
    }

    assert!(refused.is_empty(), "{} refused, such as {}", refused.len(), refused[0]);
}

#[test]
fn two_scalar_subqueries_side_by_side_are_taken() {
    let server = server();

    let sql = "SELECT (SELECT count(*) FROM plain), (SELECT count(*) FROM \"insert native(2)\")";

    assert_eq!(server.call("query", json!({"sql": sql})).rows(), &json!([[3, 3]]));
}

#[test]
fn a_plan_and_a_setting_are_shown() {
    let server = server();
    let query = |sql: &str| server.call("query", json!({"sql": sql}));

    assert!(query("EXPLAIN SELECT * FROM plain").rows().to_string().contains("plain"));
    assert!(query("EXPLAIN (FORMAT JSON) SELECT * FROM plain").rows().to_string().contains("operator"));
    // Planned, and not run.
    assert!(!query("EXPLAIN DELETE FROM plain").is_error());
    assert_eq!(query("SHOW timezone").structured()["row_count"], json!(1));
    assert_eq!(query("SELECT count(*) FROM plain").rows(), &json!([[3]]));
    for sql in [
        "EXPLAIN (ANALYZE) DELETE FROM plain",
        "EXPLAIN ANALYZE INSERT INTO plain (i) VALUES (9)",
        "EXPLAIN SELECT * FROM external('/etc/passwd', COLUMNS => DESCRIPTOR(a TEXT), FORMAT => 'csv')",
        "EXPLAIN COPY plain TO '/dev/null' WITH (FORMAT csv)",
        "SHOW timezone; DROP TABLE plain",
    ] {
        assert!(query(sql).is_error(), "{sql}");
    }
    assert_eq!(query("SELECT count(*) FROM plain").rows(), &json!([[3]]));
}

#[test]
fn names_that_are_those_of_functions_are_no_calls() {
    let server = server();

    for sql in [
        "SELECT 'external (2024)', \"external\", \"set_config\" FROM plain",
        "SELECT * FROM \"external\" WHERE \"external\" IN ('a') -- external('/f')",
        "SELECT \"set_config\" FROM \"set_config\" AS external WHERE i IN (1)",
        "WITH q(a, b) AS (SELECT 1, 2) SELECT * FROM q AS foo(x, y)",
    ] {
        let answer = server.call("query", json!({"sql": sql}));
        assert!(!answer.is_error(), "{sql}: {}", answer.text());
    }
}
