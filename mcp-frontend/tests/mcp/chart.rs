//! Pictures of real results. What is on them is looked at in the unit tests; here it counts that they come, and what is
//! said with them.

use std::collections::HashSet;
use std::fs;
use std::io::Cursor;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::server::{Answer, Server};

/// Six months of three regions.
const SALES: &str = "SELECT d, region, revenue FROM (VALUES \
    (DATE '2024-01-01', 'North', 1200.50), (DATE '2024-02-01', 'North', 1350.25), (DATE '2024-03-01', 'North', NULL), \
    (DATE '2024-04-01', 'North', 900.00), (DATE '2024-01-01', 'Süd', -150.75), (DATE '2024-02-01', 'Süd', 220.00), \
    (DATE '2024-03-01', 'Süd', 480.10), (DATE '2024-04-01', 'Süd', 610.00)) AS t(d, region, revenue)";

/// The one picture of an answer, and its media type.
#[track_caller]
fn picture(answer: &Answer) -> (String, Vec<u8>) {
    assert!(!answer.is_error(), "{}", answer.text());
    assert!(answer.0.get("structuredContent").is_none(), "clients would show that instead of the picture");
    let blocks = answer.0["content"].as_array().expect("content");
    let images: Vec<&Value> = blocks.iter().filter(|block| block["type"] == json!("image")).collect();
    assert_eq!(images.len(), 1, "{}", answer.text());
    let data = BASE64_STANDARD.decode(images[0]["data"].as_str().expect("data")).expect("Base64");
    (images[0]["mimeType"].as_str().expect("a media type").to_owned(), data)
}

/// The size of a PNG, after a look whether anything is on it.
#[track_caller]
fn png_size(file: &[u8]) -> (u32, u32) {
    let mut decoder = png::Decoder::new(Cursor::new(file));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("not too large")];
    reader.next_frame(&mut pixels).expect("a whole PNG");
    let colors: HashSet<&[u8]> = pixels.chunks(3).collect();
    let drawn = pixels.chunks(3).filter(|pixel| **pixel != [255, 255, 255]).count();
    assert!(colors.len() > 10 && drawn > 1000, "{} colors, {drawn} pixels", colors.len());
    (reader.info().width, reader.info().height)
}

#[test]
fn every_kind_is_drawn_as_png_and_as_svg() {
    let server = Server::start(&[]);

    for (kind, labels) in [
        ("bar", ["North", "Süd", "Sales", "2024"]),
        ("line", ["North", "Süd", "Sales", "2024"]),
        ("scatter", ["North", "Süd", "Sales", "2024"]),
        ("histogram", ["count", "revenue", "Sales", "0"]),
    ] {
        let draw = |format: &str| {
            let options = json!({"title": "Sales", "format": format, "width": 800, "height": 500});
            let mut arguments = json!({"sql": SALES, "kind": kind, "options": options});
            if kind == "scatter" {
                arguments["x"] = json!("d");
            }
            server.call("chart", arguments)
        };

        let (png_type, png) = picture(&draw("png"));
        let (svg_type, svg) = picture(&draw("svg"));

        assert_eq!((png_type.as_str(), png_size(&png)), ("image/png", (800, 500)), "{kind}");
        assert_eq!(svg_type, "image/svg+xml", "{kind}");
        let svg = String::from_utf8(svg).expect("UTF-8");
        assert!(svg.starts_with("<svg width=\"800\" height=\"500\""), "{kind}");
        for label in labels {
            assert!(
                svg.contains(&format!(">\n{label}\n</text>")),
                "{kind}: {label} is no text of the picture"
            );
        }
    }
}

#[test]
fn the_default_picture_is_small_and_says_what_it_shows() {
    let server = Server::start(&[]);

    let answer = server.call(
        "chart",
        json!({"sql": "SELECT 'name ' || i::text AS name, i * i AS square FROM generate_series(1, 10) AS s(i)", "kind": "bar"}),
    );

    let (_, png) = picture(&answer);
    assert_eq!(png_size(&png), (960, 600));
    assert!(png.len() < 30_000, "{} bytes", png.len());
    assert_eq!(answer.text(), "10 bars: x = name, y = square; values from 1 to 100.");
}

#[test]
fn values_of_every_type_find_their_place() {
    let server = Server::start(&[]);
    let one = |sql: &str, kind: &str| {
        let answer = server.call("chart", json!({"sql": sql, "kind": kind}));
        png_size(&picture(&answer).1);
        answer.text()
    };

    let numbers = one("SELECT 1.5::numeric(10,2) AS x, 2::bigint AS y UNION ALL SELECT 2.25, -9", "scatter");
    let moments = one(
        "SELECT TIMESTAMP '2024-02-29 10:00:00' + i * INTERVAL '1 hour' AS t, i::real AS y FROM generate_series(1, 9) AS s(i)",
        "line",
    );
    let instants = one(
        "SELECT TIMESTAMPTZ '2024-02-29 10:00:00+02' AS t, 1 AS y UNION ALL SELECT TIMESTAMPTZ '2024-03-29 10:00:00+02', 2",
        "line",
    );
    let times = one("SELECT TIME '10:30:00' AS t UNION ALL SELECT TIME '11:30:00'", "histogram");
    let booleans = one("SELECT true AS b, 1 AS n UNION ALL SELECT false, 2", "bar");
    let holes = one(
        "SELECT * FROM (VALUES (1, 1.0::double precision), (2, NULL), (3, 'NaN'::double precision), (4, 'Infinity'::double precision), (5, 7.0)) AS t(x, y)",
        "line",
    );

    assert!(numbers.contains("x = x, y = y; values from -9 to 2."), "{numbers}");
    assert!(moments.contains("x = t, y = y; values from 1 to 9."), "{moments}");
    assert!(instants.contains("Line chart of 2 points"), "{instants}");
    assert!(times.contains("values from 10:30:00 to 11:30:00"), "{times}");
    assert!(booleans.contains("2 bars: x = b, y = n"), "{booleans}");
    assert!(holes.contains("Left out: 1 value of y, NULL; 2 values of y, NaN or infinite."), "{holes}");
}

#[test]
fn more_rows_than_can_be_drawn_are_sampled_or_refused() {
    let server = Server::start(&[]);
    let sql = "SELECT i AS x, i % 1000 AS y FROM generate_series(1, 250000) AS s(i)";

    let line = server.call("chart", json!({"sql": sql, "kind": "line"}));
    let bars = server.call("chart", json!({"sql": sql, "kind": "bar"})).error();
    let histogram = server.call("chart", json!({"sql": sql, "kind": "histogram", "x": "y"}));
    let next = server.call("query", json!({"sql": "SELECT 1"}));

    picture(&line);
    assert!(line.text().contains("Sampled: every 4th of 250000 rows"), "{}", line.text());
    assert!(bars.contains("more than 10000 rows") && bars.contains("GROUP BY"), "{bars}");
    assert!(histogram.text().contains("Histogram of 250000 values"), "{}", histogram.text());
    assert_eq!(next.rows(), &json!([[1]]), "what was refused holds nothing up");
}

#[test]
fn errors_say_what_to_do() {
    let server = Server::start(&[]);
    let error = |arguments: Value| server.call("chart", arguments).error();

    let missing = error(json!({"sql": SALES, "kind": "line", "y": "revenu"}));
    let text = error(json!({"sql": SALES, "kind": "line", "y": "region"}));
    let option = error(json!({"sql": SALES, "kind": "line", "options": {"colour": "red"}}));
    let misplaced = error(json!({"sql": SALES, "kind": "line", "options": {"bins": 10}}));
    let empty = error(json!({"sql": format!("{SALES} WHERE region = 'East'"), "kind": "line"}));
    let repeated = error(json!({"sql": SALES, "kind": "bar", "x": "region", "y": "revenue"}));
    let sql = error(json!({"sql": "SELECT nothing FROM nowhere", "kind": "bar"}));
    let kind = error(json!({"sql": SALES, "kind": "pie"}));
    let ending = error(json!({"sql": SALES, "kind": "line", "path": "/tmp/data.hyper", "overwrite": true}));

    assert!(missing.contains("Did you mean revenue?"), "{missing}");
    assert!(text.contains("y has to be a number"), "{text}");
    assert!(option.contains("no argument `options.colour`. Did you mean `colors`?"), "{option}");
    assert!(misplaced.contains("`bins` is for kind histogram"), "{misplaced}");
    assert!(empty.contains("no rows"), "{empty}");
    assert!(
        repeated.contains("region = North has several rows") && repeated.contains("sum(revenue)"),
        "{repeated}"
    );
    assert!(sql.contains("nowhere"), "{sql}");
    assert!(ending.contains("does not end with .png or .svg"), "{ending}");
    assert!(kind.contains("bar") && kind.contains("histogram"), "{kind}");
}

#[test]
fn a_picture_is_written_once_and_linked() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a chart.svg");
    let arguments =
        |overwrite: bool| json!({"sql": SALES, "kind": "line", "path": path, "overwrite": overwrite});

    let written = server.call("chart", arguments(false));
    let first = fs::read_to_string(&path).expect("the file is there");
    let refused = server.call("chart", arguments(false)).error();
    fs::write(&path, "mine").expect("the folder can be written to");
    let still_refused = server.call("chart", arguments(false)).error();
    let kept = fs::read_to_string(&path).expect("the file is there");
    server.call("chart", arguments(true));

    let blocks = written.0["content"].as_array().expect("content");
    let link = blocks.iter().find(|block| block["type"] == json!("resource_link")).expect("a link");
    assert!(link["uri"].as_str().is_some_and(|uri| uri.ends_with("/a%20chart.svg")), "{link}");
    assert_eq!(link["mimeType"], json!("image/svg+xml"));
    assert_eq!(picture(&written).0, "image/png", "what most clients can show");
    assert!(first.contains(">\nNorth\n</text>"));
    assert!(refused.contains("exists") && refused.contains("overwrite"), "{refused}");
    assert!(still_refused.contains("Nothing was written"), "{still_refused}");
    assert_eq!(kept, "mine");
    assert_eq!(
        fs::read_to_string(&path).expect("the file is there"),
        first,
        "the same result is the same file"
    );
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing else is left there");
}

#[test]
fn files_are_written_where_the_user_allows_it() {
    let (inside, outside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let allowed = inside.path().to_str().expect("UTF-8");
    let bounded = Server::start(&["--allow-dir", allowed]);
    let read_only = Server::start(&["--read-only"]);
    let exporting = Server::start(&["--read-only", "--export-dir", allowed]);
    let draw = |server: &Server, folder: &tempfile::TempDir, name: &str| {
        server.call("chart", json!({"sql": SALES, "kind": "line", "path": folder.path().join(name)}))
    };

    assert!(draw(&bounded, &outside, "a.png").error().contains("outside"));
    assert!(draw(&read_only, &outside, "a.png").error().contains("read-only"));
    assert!(draw(&exporting, &outside, "a.png").error().contains("read-only"));
    picture(&draw(&bounded, &inside, "a.png"));
    picture(&draw(&exporting, &inside, "b.png"));
    picture(&read_only.call("chart", json!({"sql": SALES, "kind": "line"})));

    assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 0);
    assert_eq!(png_size(&fs::read(inside.path().join("b.png")).expect("the file is there")), (960, 600));
}

#[test]
fn a_picture_too_large_for_an_answer_is_a_file_or_an_error() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let sql = "SELECT i::bigint * 7919 % 30011 AS x, i::bigint * 104729 % 30013 AS y FROM generate_series(1, 30000) AS s(i)";

    let refused =
        server.call("chart", json!({"sql": sql, "kind": "scatter", "options": {"format": "svg"}})).error();
    let written =
        server.call("chart", json!({"sql": sql, "kind": "scatter", "path": folder.path().join("a.svg")}));

    assert!(refused.contains("pass `path`"), "{refused}");
    picture(&written);
    assert!(fs::metadata(folder.path().join("a.svg")).expect("the file is there").len() > 1 << 20);
}

#[test]
fn a_csv_file_is_drawn_in_one_step() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cities.csv");
    fs::write(&file, "city,people\nRome,2.8\nParis,2.1\nVienna,2.0\n").expect("the folder can be written to");

    let answer = server.call(
        "chart",
        json!({"sql": "SELECT city, people FROM cities ORDER BY people", "kind": "bar", "inputs": {"cities": {"path": file}},
               "options": {"format": "svg"}}),
    );

    let svg = String::from_utf8(picture(&answer).1).expect("UTF-8");
    assert_eq!(answer.text(), "3 bars: x = city, y = people; values from 2 to 2.8.");
    assert!(["Rome", "Paris", "Vienna"].iter().all(|city| svg.contains(&format!(">\n{city}\n</text>"))));
}
