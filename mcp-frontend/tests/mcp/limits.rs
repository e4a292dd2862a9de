//! What data may take: memory for one value and one row, disk for temporary files.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::process::peak_memory;
use crate::server::Server;

/// What a server may come to by reading one file, whatever is in the file.
const FLAT: u64 = 200 << 20;

fn write(path: &Path, head: &str, megabytes: usize, tail: &str) {
    let mut file = BufWriter::new(File::create(path).expect("room"));
    file.write_all(head.as_bytes()).expect("room");
    let megabyte = vec![b'a'; 1 << 20];
    (0..megabytes).for_each(|_| file.write_all(&megabyte).expect("room"));
    file.write_all(tail.as_bytes()).expect("room");
}

#[test]
fn a_value_or_row_that_is_too_long_is_an_error_of_its_own_and_memory_stays_flat() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::private(&[]);
    server.call("query", json!({"sql": "SELECT 1"})).structured();
    let idle = peak_memory(server.pid());

    for (name, head, megabytes, tail, said) in [
        ("value.csv", "a,b\n1,", 20, "\n", "limit for one value"),
        ("row.csv", "a,b\n1,", 100, "\n", "which is the limit"),
        ("open_quote.csv", "a,b\n1,\"", 60, "\n", "which is the limit"),
        ("value.json", "[{\"a\": \"", 20, "\"}]", "limit for one value"),
        ("row.json", "[{\"a\": \"", 100, "\"}]", "which is the limit"),
    ] {
        let path = folder.path().join(name);
        write(&path, head, megabytes, tail);
        let refused =
            server.call("load", json!({"sources": [{"table": "t", "path": path}], "mode": "create"})).error();
        assert!(refused.contains(said) && refused.contains("MiB"), "{name}: {refused}");
    }
    let peak = peak_memory(server.pid());
    assert!(peak < idle + FLAT, "{} MB", (peak - idle) >> 20);
}

#[test]
fn what_json_path_passes_over_may_be_long() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.json");
    write(&path, "{\"skipped\": \"", 40, "\", \"rows\": [{\"a\": 7}]}");
    let server = Server::private(&[]);

    let input = json!({"t": {"path": path, "json_path": "rows"}});
    let read = server.call("query", json!({"sql": "SELECT a FROM t", "inputs": input}));

    assert_eq!(read.rows(), &json!([[7]]));
}

#[test]
fn a_result_row_that_is_too_long_is_told_as_that() {
    let server = Server::private(&[]);
    server.call("query", json!({"sql": "SELECT 1"})).structured();
    let idle = peak_memory(server.pid());

    let long = ["repeat('x', 15000000)"; 8].join(" || ");
    let made = json!({"sql": [format!("CREATE TABLE t AS SELECT {long} AS a")]});
    server.call("execute", made).structured();

    let refused = server.call("query", json!({"sql": "SELECT a FROM t"})).error();

    assert!(refused.contains("limit for one row") && refused.contains("Next:"), "{refused}");
    assert_eq!(server.call("query", json!({"sql": "SELECT 2"})).rows(), &json!([[2]]));
    let peak = peak_memory(server.pid());
    assert!(peak < idle + FLAT, "{} MB", (peak - idle) >> 20);
}

#[test]
fn temporary_files_and_what_is_compressed_have_a_limit_that_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let bomb = folder.path().join("bomb.csv.gz");
    let mut file = GzEncoder::new(File::create(&bomb).expect("room"), Compression::fast());
    file.write_all(b"a\n").expect("room");
    let rows = b"0\n".repeat(1 << 19);
    (0..8).for_each(|_| file.write_all(&rows).expect("room"));
    file.finish().expect("room");
    // Quotes in the middle of a field are read otherwise by hyperd, so that the file is rewritten.
    let odd = folder.path().join("odd.csv");
    let mut file = BufWriter::new(File::create(&odd).expect("room"));
    file.write_all(b"a,b\n").expect("room");
    (0..300_000).for_each(|_| file.write_all(b"1,x\"yyyyyyyyyy\n").expect("room"));
    file.into_inner().expect("room");
    let server = Server::private(&["--scratch-limit", "2"]);

    for (path, said) in [(&bomb, "decompressed"), (&odd, "temporary files")] {
        let load = json!({"sources": [{"table": "t", "path": path}], "mode": "replace"});
        for _ in 0..2 {
            let refused = server.call("load", load.clone()).error();
            assert!(refused.contains(said) && refused.contains("--scratch-limit"), "{refused}");
        }
    }
    let limits = server.call("inspect", json!({}));
    assert_eq!(limits.structured()["limits"]["scratch_bytes"], json!(2 << 20));
    let small = json!({"sources": [{"table": "t", "data": "a,b\n1,x\"y\n"}], "mode": "replace"});
    server.call("load", small).structured();
}
