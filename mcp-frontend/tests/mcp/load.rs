//! Data into tables: every format, every mode, and what a failure leaves behind.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Int64Array, LargeStringArray, ListArray, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{Answer, GENEROUS, Server};

/// A table's rows in the order of its first column.
#[track_caller]
fn rows(server: &Server, table: &str) -> Value {
    server
        .call("query", json!({"sql": format!("SELECT * FROM {table} ORDER BY 1"), "max_rows": 1000}))
        .rows()
        .clone()
}

#[track_caller]
fn load(server: &Server, table: &str, source: Value) -> Answer {
    load_as(server, table, source, json!({}))
}

#[track_caller]
fn load_as(server: &Server, table: &str, mut source: Value, rest: Value) -> Answer {
    source["table"] = table.into();
    let mut arguments = rest;
    arguments["sources"] = json!([source]);
    server.call("load", arguments)
}

/// `name type` of each column that the answer speaks of.
#[track_caller]
fn columns(answer: &Answer) -> Vec<String> {
    let columns = answer.structured()["tables"][0]["columns"].as_array().unwrap();
    columns
        .iter()
        .map(|column| format!("{} {}", column["name"].as_str().unwrap(), column["type"].as_str().unwrap()))
        .collect()
}

#[track_caller]
fn warnings(answer: &Answer) -> String {
    answer.structured()["tables"][0]["warnings"].to_string()
}

fn file(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Stand-ins of tables that are being loaded.
#[track_caller]
fn left_over(server: &Server) -> Value {
    server
        .call(
            "execute",
            json!({"sql": ["SELECT tablename FROM local.pg_catalog.pg_tables WHERE tablename LIKE '%~%'"]}),
        )
        .structured()["statements"][0]["result"]["rows"]
        .clone()
}

// --- Formats ---------------------------------------------------------------------------------------------------------

#[test]
fn csv_has_the_types_of_its_values() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let path = file(
        &folder,
        "sales.csv",
        "id;zip;amount;day;at;ok;note\n1;00501;12.50;2024-02-29;2024-02-29T10:00:00Z;true;\"a; \"\"b\"\"\nc\"\n2;10001;;;;;\n",
    );

    let answer = load(&server, "sales", json!({"path": path}));

    assert_eq!(
        columns(&answer),
        [
            "id integer",
            "zip text",
            "amount numeric(18,2)",
            "day date",
            "at timestamptz",
            "ok boolean",
            "note text"
        ]
    );
    assert_eq!(
        rows(&server, "sales"),
        json!([
            [1, "00501", 12.50, "2024-02-29", "2024-02-29T10:00:00+00:00", true, "a; \"b\"\nc"],
            [2, "10001", null, null, null, null, null]
        ])
    );
}

#[test]
fn a_contradiction_in_the_last_line_widens_the_column() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let mut csv = "n,m\n".to_owned();
    (0..50_000).for_each(|n| csv.push_str(&format!("{n},{n}\n")));
    csv.push_str("007,1.5\n");
    let path = file(&folder, "n.csv", csv);

    let answer = load(&server, "n", json!({"path": path}));

    assert_eq!(columns(&answer), ["n text", "m numeric(18,1)"]);
    assert!(warnings(&answer).contains("line 50002"), "{}", warnings(&answer));
    assert_eq!(
        server
            .call("query", json!({"sql": "SELECT count(*), max(m) FROM n WHERE n = '007' OR n = '49999'"}))
            .rows(),
        &json!([[2, 49999]])
    );
}

#[test]
fn quotes_in_the_middle_of_a_field_are_what_they_are() {
    let server = Server::start(&[]);

    let answer =
        load(&server, "pipes", json!({"data": "id,name\n1,5\" pipe\n2,a\"b\"c\n\n3,7\"\n", "format": "csv"}));

    assert_eq!(answer.structured()["tables"][0]["rows"], json!(3));
    assert_eq!(rows(&server, "pipes"), json!([[1, "5\" pipe"], [2, "a\"b\"c"], [3, "7\""]]));
}

#[test]
fn encodings_and_gzip_are_seen_through() {
    use std::io::Write;
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain("name,n\r\nhéé,1\r\n".encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all("name,n\nhéé,1\n".as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let files = [
        file(&folder, "latin.csv", b"name,n\nh\xe9\xe9,1\n"),
        file(&folder, "utf16.csv", utf16),
        file(&folder, "bom.csv", "\u{feff}\"name\",n\nhéé,1\n"),
        file(&folder, "zipped.csv.gz", &gzip),
        file(&folder, "zipped", &gzip),
    ];

    for (index, path) in files.iter().enumerate() {
        let table = format!("t{index}");
        load(&server, &table, json!({"path": path, "format": "csv"})).structured();
        assert_eq!(rows(&server, &table), json!([["héé", 1]]), "{path}");
    }
}

#[test]
fn what_the_caller_says_of_csv_holds() {
    let server = Server::start(&[]);
    let source = json!({
        "data": "1|'x|y'|NA\n2|z|3\n", "delimiter": "|", "quote": "'", "header": false, "null": "NA",
        "schema": {"column1": "text", "column3": "numeric(10,1)"}
    });

    let answer = load(&server, "t", source);

    assert_eq!(columns(&answer), ["column1 text", "column2 text", "column3 numeric(10,1)"]);
    assert_eq!(rows(&server, "t"), json!([["1", "x|y", null], ["2", "z", 3]]));
}

#[test]
fn several_files_are_one_table() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    file(&folder, "a1.csv", "a,b\n1,x\n");
    file(&folder, "a2.csv", "a,b\n2,1.5\n");
    file(&folder, "other.csv", "c\n1\n");

    load(&server, "t", json!({"path": folder.path().join("a*.csv")})).structured();
    let error = load(&server, "u", json!({"path": folder.path().join("*.csv")})).error();

    assert_eq!(rows(&server, "t"), json!([[1, "x"], [2, "1.5"]]));
    assert!(error.contains("other.csv"), "{error}");
}

#[test]
fn json_keeps_numbers_nested_values_and_late_members() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let array = r#"{"next": null, "data": {"items": [
        {"id": 1, "price": 12345678901234567.25, "tags": ["a", "b"], "at": "2024-01-02T03:04:05"},
        {"id": 9007199254740993, "zip": "007", "tags": {"k": 1}, "at": ""}
    ]}}"#;
    let lines = "{\"a\":1,\"b\":\"x\\ny\"}\n{\"a\":2}\n";
    let array = file(&folder, "array.json", array);
    let lines = file(&folder, "lines.jsonl", lines);

    let nested = load(&server, "nested", json!({"path": array, "json_path": "data.items"}));
    load(&server, "lines", json!({"path": lines})).structured();
    load(&server, "given", json!({"data": [{"a": 1, "b": true}, {"a": 2.5, "b": null}]})).structured();

    assert_eq!(
        columns(&nested),
        ["id bigint", "price numeric(38,2)", "tags json", "at timestamp", "zip text"]
    );
    assert_eq!(
        rows(&server, "nested"),
        json!([
            [1, "12345678901234567.25", ["a", "b"], "2024-01-02T03:04:05", null],
            ["9007199254740993", null, {"k": 1}, null, "007"]
        ])
    );
    assert_eq!(rows(&server, "lines"), json!([[1, "x\ny"], [2, null]]));
    assert_eq!(rows(&server, "given"), json!([[1, true], [2.5, null]]));
}

#[test]
fn parquet_and_iceberg_are_what_hyperd_wrote() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let (parquet, iceberg) = (folder.path().join("t.parquet"), folder.path().join("ice"));
    let select = "SELECT 1 AS a, 'x' AS b, 2.50::numeric(18,2) AS c, date '2024-01-02' AS d";
    server
        .call(
            "execute",
            json!({"sql": [
                format!("COPY ({select}) TO '{}' WITH (format => 'parquet')", parquet.display()),
                format!("COPY ({select}) TO '{}' WITH (format => 'iceberg')", iceberg.display())
            ]}),
        )
        .structured();

    let from_parquet = load(&server, "p", json!({"path": parquet}));
    let from_iceberg = load(&server, "i", json!({"path": iceberg}));

    let expected = ["a integer", "b text", "c numeric(18,2)", "d date"];
    assert_eq!(
        (columns(&from_parquet), columns(&from_iceberg)),
        (expected.map(str::to_owned).to_vec(), expected.map(str::to_owned).to_vec())
    );
    assert_eq!(rows(&server, "p"), json!([[1, "x", 2.50, "2024-01-02"]]));
    assert_eq!(rows(&server, "i"), rows(&server, "p"));
}

/// What pandas and others write, and hyperd does not read.
fn wide_batch() -> RecordBatch {
    let dictionary: DictionaryArray<Int32Type> = vec![Some("red"), None, Some("red")].into_iter().collect();
    let list =
        ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
    let columns: [(&str, ArrayRef); 5] = [
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("large", Arc::new(LargeStringArray::from(vec![Some("é"), None, Some("")]))),
        ("colour", Arc::new(dictionary)),
        ("big", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(0)]))),
        ("list", Arc::new(list)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

fn wide_rows() -> Value {
    json!([
        [1, "é", "red", "18446744073709551615", [1, null]],
        [2, null, null, null, null],
        [3, "", "red", 0, []]
    ])
}

#[test]
fn compressed_arrow_with_dictionaries_and_lists_is_read() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let batch = wide_batch();

    for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        let path = folder.path().join("wide.feather");
        let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
        let file = fs::File::create(&path).unwrap();
        let mut writer = FileWriter::try_new_with_options(file, &batch.schema(), options).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();

        let answer = load_as(&server, "wide", json!({"path": path}), json!({"mode": "replace"}));

        assert_eq!(
            columns(&answer),
            ["id bigint", "large text", "colour text", "big numeric(20,0)", "list json"]
        );
        assert_eq!(rows(&server, "wide"), wide_rows(), "{compression:?}");
    }
}

#[test]
fn plain_arrow_files_and_streams_are_read_by_hyperd_itself() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let columns: [(&str, ArrayRef); 2] = [
        ("name", Arc::new(StringArray::from(vec![Some("a"), None]))),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![Some(1_700_000_000_123_456), None]))),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
    let (stream, file) = (folder.path().join("s.arrows"), folder.path().join("f.arrow"));
    let mut writer = StreamWriter::try_new(fs::File::create(&stream).unwrap(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let mut writer = FileWriter::try_new(fs::File::create(&file).unwrap(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();

    load(&server, "s", json!({"path": stream})).structured();
    load(&server, "f", json!({"path": file})).structured();

    let expected = json!([["a", "2023-11-14T22:13:20.123456"], [null, null]]);
    assert_eq!((rows(&server, "s"), rows(&server, "f")), (expected.clone(), expected));
}

#[test]
fn parquet_that_hyperd_does_not_read_is_read_all_the_same() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.parquet");
    let batch = wide_batch();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();

    load(&server, "wide", json!({"path": path})).structured();

    assert_eq!(rows(&server, "wide"), wide_rows());
}

#[test]
fn a_table_of_a_hyper_file_is_copied() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.hyper");
    let quoted = format!("\"{}\"", path.display());
    server
        .call(
            "execute",
            json!({"sql": [
                format!("CREATE DATABASE {quoted}"),
                format!("ATTACH DATABASE {quoted} AS other"),
                "CREATE TABLE other.public.\"Two words\" AS SELECT 1 AS a, 'x' AS b",
                "CREATE TABLE other.public.second AS SELECT 2 AS a",
                "DETACH DATABASE other"
            ]}),
        )
        .structured();

    let unclear = load(&server, "copy", json!({"path": path})).error();
    load(&server, "copy", json!({"path": path, "from_table": "Two words"})).structured();

    assert!(unclear.contains("Two words") && unclear.contains("from_table"), "{unclear}");
    assert_eq!(rows(&server, "copy"), json!([[1, "x"]]));
}

#[test]
fn a_select_becomes_a_table_and_nothing_else_does() {
    let server = Server::start(&[]);
    load(&server, "t", json!({"data": "a\n1\n2\n"})).structured();

    load(&server, "u", json!({"sql": "SELECT a * 2 AS b FROM t -- twice;"})).structured();
    let error = load(&server, "v", json!({"sql": "SELECT 1) AS x; DROP TABLE t; --"})).error();

    assert_eq!(rows(&server, "u"), json!([[2], [4]]));
    assert_eq!(rows(&server, "t"), json!([[1], [2]]), "{error}");
}

#[test]
fn names_are_kept_whatever_they_are() {
    let server = Server::start(&[]);
    let source = json!({"data": "[{\"Größe \\\"cm\\\"\": 1, \"select\": \"x\", \"a'b\": 2, \" lead\": 3, \"UPPER\": null}]"});

    let answer = load(&server, "Odd \"Näme\" it's", source);

    assert_eq!(
        columns(&answer),
        ["Größe \"cm\" integer", "select text", "a'b integer", " lead integer", "UPPER text"]
    );
    assert_eq!(rows(&server, "\"Odd \"\"Näme\"\" it's\""), json!([[1, "x", 2, 3, null]]));
}

// --- Modes -----------------------------------------------------------------------------------------------------------

#[test]
fn create_does_not_touch_what_is_there() {
    let server = Server::start(&[]);
    load(&server, "t", json!({"data": "a\n1\n"})).structured();

    let error = load(&server, "t", json!({"data": "a\n2\n"})).error();

    assert!(error.contains("exists") && error.contains("append"), "{error}");
    assert_eq!(rows(&server, "t"), json!([[1]]));
}

#[test]
fn replace_puts_another_table_in_its_place() {
    let server = Server::start(&[]);
    load(&server, "t", json!({"data": "a\n1\n"})).structured();

    load_as(&server, "t", json!({"data": "b,c\nx,y\n"}), json!({"mode": "replace"})).structured();
    load_as(&server, "new", json!({"data": "a\n1\n"}), json!({"mode": "replace"})).structured();

    assert_eq!((rows(&server, "t"), rows(&server, "new")), (json!([["x", "y"]]), json!([[1]])));
    assert_eq!(left_over(&server), json!([]));
}

#[test]
fn append_goes_by_name_and_by_the_types_of_the_table() {
    let server = Server::start(&[]);
    load(&server, "t", json!({"data": "id,code,amount\n1,A7,1.25\n"})).structured();

    load_as(&server, "t", json!({"data": "code,id\n0012,2\n"}), json!({"mode": "append"})).structured();
    let surplus = load_as(&server, "t", json!({"data": "id,cod\n3,x\n"}), json!({"mode": "append"})).error();
    let rounded =
        load_as(&server, "t", json!({"data": "id,amount\n4,1.255\n"}), json!({"mode": "append"})).error();

    assert!(surplus.contains("Did you mean \"code\"?"), "{surplus}");
    assert!(rounded.contains("line 2") && rounded.contains("1.255"), "{rounded}");
    assert_eq!(rows(&server, "t"), json!([[1, "A7", 1.25], [2, "0012", null]]));
}

#[test]
fn append_to_no_table_makes_one_and_says_so() {
    let server = Server::start(&[]);

    let answer = load_as(&server, "t", json!({"data": "a\n1\n"}), json!({"mode": "append"}));

    assert!(warnings(&answer).contains("created"), "{}", warnings(&answer));
    assert_eq!(rows(&server, "t"), json!([[1]]));
}

#[test]
fn merge_updates_what_has_the_key_and_inserts_the_rest() {
    let server = Server::start(&[]);
    load(&server, "t", json!({"data": "id,day,name,n\n1,2024-01-01,a,10\n2,2024-01-01,b,20\n"})).structured();
    let how = json!({"mode": "merge", "key": ["id", "day"]});

    let answer =
        load_as(&server, "t", json!({"data": "day,id,n\n2024-01-01,2,21\n2024-01-02,2,30\n"}), how.clone());
    let twice =
        load_as(&server, "t", json!({"data": "id,day\n5,2024-01-01\n5,2024-01-01\n"}), how.clone()).error();
    let without = load_as(&server, "t", json!({"data": "id,day\n,2024-01-01\n"}), how.clone()).error();
    let unknown = load_as(&server, "t", json!({"data": "id,dya\n1,2024-01-01\n"}), how).error();

    let done = &answer.structured()["tables"][0];
    assert_eq!((&done["rows"], &done["updated"], &done["inserted"]), (&json!(2), &json!(1), &json!(1)));
    assert!(twice.contains("not unique") && twice.contains("5, 2024-01-01"), "{twice}");
    assert!(without.contains("no key"), "{without}");
    assert!(unknown.contains("day"), "{unknown}");
    let sorted = server.call("query", json!({"sql": "SELECT * FROM t ORDER BY id, day"}));
    assert_eq!(
        sorted.rows(),
        &json!([[1, "2024-01-01", "a", 10], [2, "2024-01-01", "b", 21], [2, "2024-01-02", null, 30]])
    );
}

// --- Failures --------------------------------------------------------------------------------------------------------

#[test]
fn a_failed_load_leaves_the_table_as_it_was_in_every_mode() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    load(&server, "t", json!({"data": "a,b\n1,x\n"})).structured();
    let path = file(&folder, "bad.csv", "a,b\n2,y\n3,z\nfour,w\n");

    for (table, mode) in [
        ("t", json!({"mode": "replace"})),
        ("t", json!({"mode": "append"})),
        ("t", json!({"mode": "merge", "key": ["a"]})),
        ("new", json!({})),
    ] {
        let error =
            load_as(&server, table, json!({"path": path, "schema": {"a": "integer"}}), mode.clone()).error();

        assert!(
            error.contains("bad.csv") && error.contains("line:4") && error.contains("{\"a\": \"text\"}"),
            "{error}"
        );
        assert_eq!(rows(&server, "t"), json!([[1, "x"]]), "{mode}");
    }
    assert!(server.call("query", json!({"sql": "SELECT * FROM new"})).is_error());
    assert_eq!(left_over(&server), json!([]));
}

#[test]
fn a_canceled_load_leaves_the_table_as_it_was_in_every_mode() {
    let server = Server::start(&[]);
    load(&server, "t", json!({"data": "a\n1\n"})).structured();
    let numbers: Vec<_> = (0..2000).map(|n| json!({"x": n})).collect();
    load(&server, "n", json!({"data": numbers})).structured();
    // It takes minutes, unless it is canceled.
    let sql = "SELECT (a.x + b.x + c.x) % 7 AS a FROM n AS a, n AS b, n AS c";

    for (table, rest) in [
        ("t", json!({"mode": "replace"})),
        ("t", json!({"mode": "append"})),
        ("t", json!({"mode": "merge", "key": ["a"]})),
        ("new", json!({})),
    ] {
        let mut arguments = rest.clone();
        arguments["sources"] = json!([{"table": table, "sql": sql}]);
        let pending = server.send(
            "tools/call",
            json!({"name": "load", "arguments": arguments, "_meta": {"progressToken": "t"}}),
        );
        let begun = server.notification(GENEROUS, |told| {
            told["params"]["message"].as_str().is_some_and(|message| message.starts_with("loading"))
        });
        assert!(begun.is_some(), "the load does not begin");
        server.cancel(pending);

        let deadline = Instant::now() + Duration::from_secs(30);
        while left_over(&server) != json!([]) {
            assert!(Instant::now() < deadline, "a stand-in is left after {rest}");
        }
        assert_eq!(rows(&server, "t"), json!([[1]]), "{rest}");
        // What the canceled call still says is not of the next.
        while server.notification(Duration::from_millis(1), |_| true).is_some() {}
    }
    assert!(server.call("query", json!({"sql": "SELECT * FROM new"})).is_error());
    assert!(no_scratch_files(&server), "a scratch file is left");
}

/// Whether the server's scratch folder has nothing but its database and its lock.
fn no_scratch_files(server: &Server) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let files = scratch_files(server);
        if files.iter().all(|name| name.starts_with("local.hyper") || name == "in-use") {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
    }
}

/// The names in the folder of the file that the server holds a lock on.
fn scratch_files(server: &Server) -> Vec<String> {
    let open = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    let lock = open
        .filter_map(|fd| fs::read_link(fd.ok()?.path()).ok())
        .find(|path| path.file_name().is_some_and(|name| name == "in-use"))
        .expect("the server has its scratch folder");
    let folder = lock.parent().map(Path::to_path_buf).unwrap();
    fs::read_dir(folder).unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

#[test]
fn scratch_files_are_gone_when_a_load_is_done_or_has_failed() {
    let server = Server::start(&[]);

    load(&server, "t", json!({"data": [{"a": 1}]})).structured();
    load(&server, "u", json!({"data": [{"a": "x"}], "schema": {"a": "integer"}})).error();

    assert!(no_scratch_files(&server), "{:?}", scratch_files(&server));
}

#[test]
fn a_line_with_too_many_fields_is_named() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "ragged.csv", "a,b\n1,2\n\"x\ny\",2\n3,4,5\n");

    let error = load(&server, "t", json!({"path": path})).error();

    assert!(error.contains("ragged.csv, line 5") && error.contains("3 fields"), "{error}");
}

#[test]
fn wrong_arguments_are_answered_with_what_would_be_right() {
    let server = Server::start(&[]);
    for (arguments, expected) in [
        (json!({"sources": [{"table": "t", "data": "a\n1\n", "delimeter": ";"}]}), "delimeter"),
        (json!({"sources": [{"data": "a\n1\n"}]}), "table"),
        (json!({"sources": []}), "empty"),
        (json!({"sources": [{"table": "t"}]}), "path"),
        (json!({"sources": [{"table": "t", "data": "a\n1\n", "schema": {"b": "text"}}]}), "There are: a"),
        (json!({"sources": [{"table": "t", "data": "a\n1\n", "schema": {"a": "strng"}}]}), "strng"),
        (json!({"sources": [{"table": "t", "data": "a\n1\n"}], "mode": "merge"}), "key"),
        (json!({"sources": [{"table": "t", "data": "a\n1\n"}], "database": "nope"}), "nope"),
        (json!({"sources": [{"table": "t", "path": "/no/such/file.csv"}]}), "/no/such/file.csv"),
        (json!({"sources": [{"table": "t", "data": "{\"a\": [{\"b\": 1}]}", "json_path": "x"}]}), "a"),
    ] {
        let error = server.call("load", arguments.clone()).error();
        assert!(error.contains(expected), "{arguments}: {error}");
    }
}

#[cfg(unix)]
#[test]
fn files_outside_the_allowed_folders_are_refused() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(&["--allow-dir", inside.path().to_str().unwrap()]);
    let secret = file(&outside, "secret.csv", "a\n1\n");
    std::os::unix::fs::symlink(&secret, inside.path().join("link.csv")).unwrap();
    let climbing = format!(
        "{}/../{}/secret.csv",
        inside.path().display(),
        outside.path().file_name().unwrap().to_str().unwrap()
    );

    for path in [
        secret,
        climbing,
        inside.path().join("link.csv").display().to_string(),
        inside.path().join("*.csv").display().to_string(),
    ] {
        let error = load(&server, "t", json!({"path": path})).error();
        assert!(error.contains("outside"), "{path}: {error}");
    }
    load(&server, "t", json!({"path": file(&inside, "mine.csv", "a\n1\n")})).structured();
}

// --- Many at once, and much -------------------------------------------------------------------------------------------

#[test]
fn of_many_that_create_a_table_one_does_and_all_appends_arrive() {
    let server = Server::start(&[]);
    let at_once = |mode: &str| {
        let calls: Vec<_> = (0..8)
            .map(|n| {
                server.begin("load", json!({"sources": [{"table": "t", "data": [{"n": n}]}], "mode": mode}))
            })
            .collect();
        calls.into_iter().filter(|call| !server.wait(*call, GENEROUS).is_error()).count()
    };

    let created = at_once("create");
    let replaced = at_once("replace");
    let appended = at_once("append");

    assert_eq!((created, replaced, appended), (1, 8, 8));
    assert_eq!(rows(&server, "t").as_array().unwrap().len(), 9);
    assert_eq!(left_over(&server), json!([]));
}

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat_however_large_the_file() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let (mut csv, mut json) = ("id,name,amount\n".to_owned(), "[".to_owned());
    for n in 0..700_000 {
        csv.push_str(&format!("{n},the name of number {n},{n}.25\n"));
    }
    for n in 0..250_000 {
        let comma = if n == 0 { "" } else { "," };
        json.push_str(&format!("{comma}\n{{\"id\": {n}, \"name\": \"the name of number {n}\"}}"));
    }
    json.push(']');
    assert!(csv.len() > 25_000_000 && json.len() > 10_000_000);
    let (csv, json) = (file(&folder, "big.csv", csv), file(&folder, "big.json", json));

    let from_csv = load(&server, "csv", json!({"path": csv}));
    let from_json = load(&server, "json", json!({"path": json}));

    assert_eq!(from_csv.structured()["tables"][0]["rows"], json!(700_000));
    assert_eq!(from_json.structured()["tables"][0]["rows"], json!(250_000));
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 100_000, "{peak} kB");
}
