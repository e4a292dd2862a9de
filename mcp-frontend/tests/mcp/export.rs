//! `export`: files that hold what was selected, or are not there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{hyperd_of, kill};
use crate::server::{Answer, GENEROUS, Server};

/// A row of every type that most formats have, and one of NULLs.
const KINDS: &str = "SELECT * FROM (VALUES \
    (1, 9007199254740993::bigint, 12.30::numeric(10,2), 0.1::double precision, 'a,\"b\nc', true, date '2024-02-29', \
     timestamp '2024-02-29 12:34:56.789'), \
    (2, NULL, NULL, 'NaN'::double precision, '', NULL, NULL, NULL)) v(i, b, n, f, t, o, d, ts) ORDER BY i";

/// Runs until it is canceled, and writes all the time.
const ENDLESS: &str = "SELECT a, b FROM generate_series(1, 2000000) x(a), generate_series(1, 2000000) y(b)";

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    /// Hidden files too.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn export(server: &Server, path: &Path, more: Value) -> Answer {
    let mut arguments = more;
    arguments["path"] = json!(path);
    server.call("export", arguments)
}

/// Waits for it: what is dropped or killed tidies up soon, not at once.
#[track_caller]
fn becomes_empty(folder: &Folder) {
    let since = Instant::now();
    while !folder.names().is_empty() {
        assert!(since.elapsed() < Duration::from_secs(30), "left: {:?}", folder.names());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until hyperd writes something.
#[track_caller]
fn begins(folder: &Folder) {
    let since = Instant::now();
    let size = || -> u64 {
        let entries = fs::read_dir(folder.0.path()).unwrap();
        entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|about| about.len()).sum()
    };
    while size() < 100_000 {
        assert!(since.elapsed() < Duration::from_secs(60), "nothing is written");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn hyperd_reads_back_what_it_wrote_in_every_format() {
    let (server, folder) = (Server::start(&[]), Folder::new());
    let expected = server.call("query", json!({"sql": KINDS})).rows().clone();
    let columns =
        "i int, b bigint, n numeric(10,2), f double precision, t text, o boolean, d date, ts timestamp";
    for (name, format, read) in [
        ("a.csv", None, format!("format => 'csv', header => true, columns => DESCRIPTOR({columns})")),
        ("a.parquet", None, "format => 'parquet'".to_owned()),
        ("a.arrow", None, format!("format => 'arrowfile', columns => DESCRIPTOR({columns})")),
        ("a.arrows", None, format!("format => 'arrowstream', columns => DESCRIPTOR({columns})")),
        ("ice", Some("iceberg"), "format => 'iceberg'".to_owned()),
    ] {
        let path = folder.file(name);
        let mut arguments = json!({"sql": KINDS});
        if let Some(format) = format {
            arguments["format"] = json!(format);
        }

        let exported = export(&server, &path, arguments);
        let sql =
            format!("SELECT i, b, n, f, t, o, d, ts FROM external('{}', {read}) ORDER BY i", path.display());
        let table = format!("CREATE TEMP TABLE back AS ({sql})");
        let back = server.call("execute", json!({"sql": [table, "SELECT * FROM back ORDER BY i"]}));

        let answer = exported.structured();
        assert_eq!((&answer["rows"], &answer["path"]), (&json!(2), &json!(path)), "{name}");
        assert!(answer["bytes"].as_u64() > Some(0), "{answer}");
        let back = &back.structured()["statements"][1]["result"]["rows"];
        assert_eq!(*back, expected, "{name}");
    }
    assert_eq!(folder.names(), ["a.arrow", "a.arrows", "a.csv", "a.parquet", "ice"]);
}

#[test]
fn json_has_every_digit_and_memory_does_not_grow_with_the_rows() {
    let (server, folder) = (Server::start(&[]), Folder::new());

    export(&server, &folder.file("a.jsonl"), json!({"sql": KINDS})).structured();
    export(&server, &folder.file("a.json"), json!({"sql": KINDS})).structured();
    export(
        &server,
        &folder.file("none.json"),
        json!({"sql": format!("SELECT * FROM ({KINDS}) q WHERE i > 2")}),
    )
    .structured();

    let lines = fs::read_to_string(folder.file("a.jsonl")).unwrap();
    let expected = [
        r#"{"i":1,"b":9007199254740993,"n":12.30,"f":0.1,"t":"a,\"b\nc","o":true,"d":"2024-02-29","ts":"2024-02-29 12:34:56.789"}"#,
        r#"{"i":2,"b":null,"n":null,"f":"NaN","t":"","o":null,"d":null,"ts":null}"#,
    ];
    assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
    let whole = fs::read_to_string(folder.file("a.json")).unwrap();
    assert_eq!(whole, format!("[\n{}\n]\n", expected.join(",\n")));
    assert_eq!(fs::read_to_string(folder.file("none.json")).unwrap(), "[]\n");

    let before = resident(server.pid());
    let rows = "SELECT i, 'some text ' || i AS t FROM generate_series(1, 1000000) s(i)";
    let big = export(&server, &folder.file("big.jsonl"), json!({"sql": rows}));
    assert_eq!(big.structured()["rows"], 1_000_000);
    assert!(big.structured()["bytes"].as_u64() > Some(30_000_000), "{}", big.0);
    let grown = resident(server.pid()).saturating_sub(before);
    assert!(grown < 30 << 20, "{grown} bytes more than before");
}

/// The most memory that a process ever had.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) << 10
}

#[test]
fn a_database_file_has_the_tables_with_their_types_and_constraints() {
    let (server, folder) = (Server::start(&[]), Folder::new());
    let sql = [
        "CREATE TABLE \"My Table\" (a int NOT NULL, n numeric(10,2), g geography, t varchar(5))",
        "INSERT INTO \"My Table\" VALUES (1, 1.50, geography 'point(1 2)', 'x')",
        "CREATE TABLE other (x int)",
    ];
    server.call("execute", json!({"sql": sql})).structured();

    let all = export(&server, &folder.file("all.hyper"), json!({"table": "local.*"}));
    let query = json!({"sql": "SELECT 7 AS seven", "options": {"table": "Extract"}});
    let one = export(&server, &folder.file("one.hyper"), query);

    assert_eq!(all.structured()["rows"], 1);
    assert_eq!(one.structured()["rows"], 1);
    for (name, alias) in [("all.hyper", "everything"), ("one.hyper", "one")] {
        let attach = json!({"action": "attach", "path": folder.file(name), "alias": alias});
        server.call("database", attach).structured();
    }
    let seven = server.call("query", json!({"sql": "SELECT * FROM one.public.\"Extract\""}));
    assert_eq!(*seven.rows(), json!([[7]]));
    let original = server.call("inspect", json!({"target": "local.public.\"My Table\""}));
    let copy = server.call("inspect", json!({"target": "everything.public.\"My Table\""}));
    assert_eq!(copy.structured()["tables"][0]["columns"], original.structured()["tables"][0]["columns"]);
    assert_eq!(copy.structured()["tables"][0]["rows"], 1);
    assert!(server.call("inspect", json!({"target": "everything.other"})).structured()["tables"].is_array());
}

#[test]
fn nothing_is_overwritten_unasked_and_what_is_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let (server, folder) = (Server::start(&[]), Folder::new());
    let path = folder.file("a.csv");
    fs::write(&path, "mine").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();

    let refused = export(&server, &path, json!({"sql": "SELECT 1 AS a"})).error();
    assert!(refused.contains("exists") && refused.contains("overwrite"), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");

    export(&server, &path, json!({"sql": "SELECT 1 AS a", "overwrite": true})).structured();
    export(&server, &folder.file("new.csv"), json!({"sql": "SELECT 1 AS a"})).structured();

    assert_eq!(fs::read_to_string(&path).unwrap(), "a\n1\n");
    let mode = |name: &str| folder.file(name).metadata().unwrap().permissions().mode() & 0o777;
    fs::write(folder.file("usual"), "").unwrap();
    assert_eq!(mode("a.csv"), 0o600);
    assert_eq!(mode("new.csv"), mode("usual"));
}

#[test]
fn options_are_heeded_or_refused() {
    let (server, folder) = (Server::start(&[]), Folder::new());
    let sql = "SELECT 1 AS a, NULL AS b, 'x;y' AS c";

    let options = json!({"delimiter": ";", "header": false, "null": "NULL"});
    export(&server, &folder.file("a.csv"), json!({"sql": sql, "options": options})).structured();
    export(&server, &folder.file("a.tsv"), json!({"sql": sql})).structured();
    export(&server, &folder.file("a.parquet"), json!({"sql": sql, "options": {"codec": "zstd"}}))
        .structured();

    assert_eq!(fs::read_to_string(folder.file("a.csv")).unwrap(), "1;NULL;\"x;y\"\n");
    assert_eq!(fs::read_to_string(folder.file("a.tsv")).unwrap(), "a\tb\tc\n1\t\tx;y\n");
    for (name, options, expected) in [
        ("b.csv", json!({"codec": "zstd"}), "not one of this format"),
        ("b.json", json!({"header": false}), "not one of this format"),
        ("b.csv", json!({"delimiter": "ab"}), "one ASCII character"),
        ("b.csv", json!({"compression": "gzip"}), "compression"),
        ("b.parquet", json!({"codec": "gzip"}), "gzip"),
    ] {
        let text = export(&server, &folder.file(name), json!({"sql": sql, "options": options})).error();
        assert!(text.contains(expected), "{name}: {text}");
        assert!(!folder.file(name).exists());
    }
}

#[test]
fn only_reads_are_exported() {
    let (server, folder) = (Server::start(&[]), Folder::new());
    server.call("execute", json!({"sql": ["CREATE TABLE t (a int)"]})).structured();

    for sql in [
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
        "INSERT INTO t VALUES (1) RETURNING a",
        "SELECT 1) TO '/tmp/elsewhere' WITH (format => 'csv') --",
        "CREATE TABLE u (a int)",
        "SELECT 1; SELECT 2",
        "SELECT 1 /*",
    ] {
        for name in ["a.csv", "a.jsonl", "a.hyper"] {
            let text = export(&server, &folder.file(name), json!({"sql": sql})).error();
            assert!(!text.is_empty() && folder.names().is_empty(), "{sql}: {text}");
        }
    }
    assert_eq!(*server.call("query", json!({"sql": "SELECT count(*) FROM t"})).rows(), json!([[0]]));
}

#[test]
fn a_failed_export_leaves_nothing_and_what_was_there_whole() {
    let (server, folder) = (Server::start(&[]), Folder::new());
    // hyperd has written much when it comes to the last row.
    let failing = "SELECT i, 1 / (2000000 - i) AS q FROM generate_series(1, 2000000) s(i)";

    for (name, format) in [
        ("a.csv", "csv"),
        ("a.parquet", "parquet"),
        ("a.jsonl", "jsonl"),
        ("a.hyper", "hyper"),
        ("ice", "iceberg"),
    ] {
        let text = export(&server, &folder.file(name), json!({"sql": failing, "format": format})).error();
        assert!(text.contains("SQLSTATE 22012") && text.contains("Nothing was written"), "{text}");
        assert_eq!(folder.names(), [""; 0], "{name}");
    }

    export(&server, &folder.file("ice"), json!({"sql": "SELECT 1 AS a", "format": "iceberg"})).structured();
    fs::write(folder.file("a.csv"), "old").unwrap();
    for (name, format) in [("a.csv", "csv"), ("ice", "iceberg")] {
        let again = json!({"sql": failing, "format": format, "overwrite": true});
        export(&server, &folder.file(name), again).error();
    }
    assert_eq!(fs::read_to_string(folder.file("a.csv")).unwrap(), "old");
    assert!(folder.file("ice").join("metadata").is_dir());
    assert_eq!(folder.names(), ["a.csv", "ice"]);
}

#[test]
fn a_canceled_export_and_one_whose_time_is_up_leave_nothing() {
    let (server, folder) = (Server::start(&[]), Folder::new());

    for format in ["csv", "jsonl", "iceberg", "hyper"] {
        let path = folder.file("endless");
        let arguments = json!({"sql": ENDLESS, "path": path, "format": format});
        let canceled = server.begin("export", arguments.clone());
        if format == "hyper" {
            // hyperd keeps that in its memory: there is nothing to see.
            let since = Instant::now();
            while folder.names().is_empty() {
                assert!(since.elapsed() < Duration::from_secs(60), "nothing is begun");
            }
        } else if format == "iceberg" {
            let since = Instant::now();
            while !path.join("data").exists() {
                assert!(since.elapsed() < Duration::from_secs(60), "nothing is begun");
            }
        } else {
            begins(&folder);
        }
        server.cancel(canceled);
        becomes_empty(&folder);

        let mut late = arguments;
        late["timeout_s"] = json!(0.2);
        let text = server.call("export", late).error();
        assert!(text.contains("timeout_s"), "{text}");
        becomes_empty(&folder);
    }
}

#[test]
fn a_server_that_ends_in_the_middle_leaves_nothing() {
    let (server, folder) = (Server::start(&[]), Folder::new());
    server.begin("export", json!({"sql": ENDLESS, "path": folder.file("a.csv")}));
    begins(&folder);

    let (_, took) = server.end();

    assert!(took < Duration::from_secs(1), "{took:?}");
    becomes_empty(&folder);
}

#[test]
fn what_a_killed_server_left_is_removed_by_the_next_export() {
    let (server, folder) = (Server::start(&[]), Folder::new());
    server.begin("export", json!({"sql": ENDLESS, "path": folder.file("a.csv")}));
    begins(&folder);
    let pid = rustix::process::Pid::from_raw(server.pid().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    drop(server);
    assert!(!folder.file("a.csv").exists());

    let next = Server::start(&[]);
    export(&next, &folder.file("b.csv"), json!({"sql": "SELECT 1 AS a"})).structured();

    // hyperd may notice later than we that nobody listens any more; it writes into a file without a name then.
    assert_eq!(folder.names(), ["b.csv"]);
}

#[cfg(target_os = "linux")]
#[test]
fn when_hyperd_is_killed_in_the_middle_nothing_is_left_and_the_next_export_works() {
    let (server, folder) = (Server::private(&[]), Folder::new());
    let broken = server.begin("export", json!({"sql": ENDLESS, "path": folder.file("a.csv")}));
    begins(&folder);

    kill(hyperd_of(server.pid()));
    let text = server.wait(broken, Duration::from_secs(60)).error();

    assert!(text.contains("Nothing was written"), "{text}");
    becomes_empty(&folder);
    export(&server, &folder.file("b.csv"), json!({"sql": "SELECT 1 AS a"})).structured();
}

#[test]
fn databases_in_use_and_folders_with_something_else_are_not_replaced() {
    let (server, folder) = (Server::start(&[]), Folder::new());
    let database = folder.file("db.hyper");
    server.call("database", json!({"action": "create", "path": database, "alias": "db"})).structured();
    fs::create_dir(folder.file("photos")).unwrap();
    fs::write(folder.file("photos").join("cat.png"), "cat").unwrap();

    let of_ours = export(&server, &database, json!({"sql": "SELECT 1 AS a", "overwrite": true})).error();
    let folder_arguments = json!({"sql": "SELECT 1 AS a", "overwrite": true, "format": "iceberg"});
    let of_folder = export(&server, &folder.file("photos"), folder_arguments).error();
    server.call("database", json!({"action": "detach", "alias": "db"})).structured();
    // As another hyperd locks it.
    let lock = fs::File::open(&database).unwrap();
    lock.lock().unwrap();
    let of_others = export(&server, &database, json!({"sql": "SELECT 1 AS a", "overwrite": true})).error();
    lock.unlock().unwrap();

    assert!(of_ours.contains("is the file of the database db"), "{of_ours}");
    assert!(of_folder.contains("something else in it"), "{of_folder}");
    assert!(of_others.contains("some process has open"), "{of_others}");
    assert!(folder.file("photos").join("cat.png").exists());
    export(&server, &database, json!({"sql": "SELECT 1 AS a", "overwrite": true})).structured();
}

#[test]
fn a_link_names_the_file() {
    let (server, folder) = (Server::start(&[]), Folder::new());

    let answer = export(&server, &folder.file("a b.csv"), json!({"sql": "SELECT 1 AS a"}));

    let content = answer.0["content"].as_array().unwrap();
    let link = content.iter().find(|block| block["type"] == "resource_link").expect("a link");
    assert!(link["uri"].as_str().unwrap().ends_with("/a%20b.csv"), "{link}");
    assert_eq!((&link["name"], &link["mimeType"]), (&json!("a b.csv"), &json!("text/csv")));
}

#[test]
fn what_a_format_lacks_is_refused_with_what_to_do() {
    let (server, folder) = (Server::start(&[]), Folder::new());
    let sql = "SELECT '550e8400-e29b-41d4-a716-446655440000'::uuid AS u";

    for name in ["a.parquet", "a.arrow"] {
        let text = export(&server, &folder.file(name), json!({"sql": sql})).error();
        assert!(text.contains("uuid") && text.contains("to text"), "{text}");
    }
    assert!(export(&server, &folder.file("a.xlsx"), json!({"sql": sql})).error().contains("pass format"));
    assert!(folder.names().is_empty());
}

#[test]
fn a_read_only_server_exports_into_one_folder() {
    let (allowed, other) = (Folder::new(), Folder::new());
    let folder = allowed.file(".");
    let server = Server::start(&["--read-only", "--export-dir", folder.to_str().unwrap()]);

    for name in ["a.csv", "a.jsonl"] {
        export(&server, &allowed.file(name), json!({"sql": "SELECT 1 AS a"})).structured();
    }
    let text = export(&server, &other.file("a.csv"), json!({"sql": "SELECT 1 AS a"})).error();

    assert!(text.contains("exports only into"), "{text}");
    assert!(other.names().is_empty());
}

#[test]
fn of_two_exports_to_one_new_path_exactly_one_succeeds() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::private(&[]);
    server.call("query", json!({"sql": "SELECT 1"})).structured();
    for (format, ending) in
        [("csv", "csv"), ("json", "json"), ("parquet", "parquet"), ("hyper", "hyper"), ("iceberg", "ice")]
    {
        let path = folder.path().join(format!("new.{ending}"));
        let export = |rows: u32| json!({"sql": format!("SELECT i FROM generate_series(1, {rows}) AS g(i)"), "path": path, "format": format});

        let both = [server.begin("export", export(1000)), server.begin("export", export(2000))];
        let answers = both.map(|pending| server.wait(pending, GENEROUS));

        let won: Vec<_> = answers.iter().filter(|answer| !answer.is_error()).collect();
        assert_eq!(won.len(), 1, "{format}: {answers:?}");
        let lost = answers.iter().find(|answer| answer.is_error()).expect("the other").error();
        assert!(lost.contains("exists") || lost.contains("Another call"), "{format}: {lost}");
    }
    let left = fs::read_dir(folder.path()).expect("it is there").count();
    assert_eq!(left, 5, "nothing unfinished is left");
}

#[test]
fn a_link_that_is_exported_over_stays_a_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let [target, link] = ["target.csv", "link.csv"].map(|name| folder.path().join(name));
    fs::write(&target, "old").expect("room");
    std::os::unix::fs::symlink(&target, &link).expect("room");
    let picture = folder.path().join("link.png");
    std::os::unix::fs::symlink(folder.path().join("target.png"), &picture).expect("room");
    fs::write(folder.path().join("target.png"), "old").expect("room");
    let server = Server::private(&[]);

    server.call("export", json!({"sql": "SELECT 1 AS a", "path": link, "overwrite": true})).structured();
    let chart = json!({"sql": "SELECT 'a' AS x, 1 AS y", "kind": "bar", "path": picture, "overwrite": true});
    assert!(!server.call("chart", chart).is_error());

    for link in [&link, &picture] {
        assert!(fs::symlink_metadata(link).expect("it is there").is_symlink());
    }
    assert_eq!(fs::read_to_string(&target).expect("it is there"), "a\n1\n");
    assert_ne!(fs::read(folder.path().join("target.png")).expect("it is there"), b"old");
}
