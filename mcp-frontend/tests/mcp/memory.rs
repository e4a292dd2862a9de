//! What is kept by key, over real databases.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;

use serde_json::{Value, json};

use crate::server::{GENEROUS, Server};

fn scratch() -> Server {
    Server::start(&["--toolsets", "memory"])
}

fn persistent(database: &Path) -> Server {
    let path = database.to_str().expect("UTF-8");
    Server::start(&["--toolsets", "memory", "--persistent-db", path])
}

fn get(server: &Server, store: &str, key: &str) -> Value {
    let answer = server.call("memory", json!({"op": "get", "store": store, "key": key}));
    answer.structured()["value"].clone()
}

#[test]
fn what_was_set_is_there_until_it_is_set_again() {
    let server = scratch();
    let set =
        |value: Value| server.call("memory", json!({"op": "set", "store": "s", "key": "k", "value": value}));

    assert_eq!(
        server.call("memory", json!({"op": "get", "store": "s", "key": "k"})).structured()["found"],
        json!(false)
    );
    for value in ["it's", "\"quoted\"", "two\nlines \\ and ü", ""] {
        assert_eq!(set(json!(value)).structured()["set"], json!(1));
        assert_eq!(get(&server, "s", "k"), json!(value));
    }
    set(json!({"a": [1, 2.5, null]}));

    assert_eq!(get(&server, "s", "k"), json!(r#"{"a":[1,2.5,null]}"#));
    assert_eq!(server.call("memory", json!({"op": "size", "store": "s"})).structured()["size"], json!(1));
}

#[test]
fn names_may_have_any_character() {
    let server = scratch();
    let names = ["o'clock", "a \"b\"", "user:1/ü", "$1", "key; DROP TABLE x"];

    for name in names {
        server.call("memory", json!({"op": "set", "store": name, "key": name, "value": name})).structured();
    }

    for name in names {
        assert_eq!(get(&server, name, name), json!(name));
    }
}

#[test]
fn several_are_set_at_once_and_what_is_there_is_kept_if_asked() {
    let server = scratch();
    let set = |entries: Value, overwrite: bool| {
        let asked = json!({"op": "set", "store": "s", "entries": entries, "overwrite": overwrite});
        server.call("memory", asked).structured().clone()
    };

    assert_eq!(set(json!({"a": "1", "b": "2"}), false)["set"], json!(2));
    let kept = set(json!({"b": "other", "c": "3"}), false);

    assert_eq!((&kept["set"], &kept["kept"]), (&json!(1), &json!(1)));
    assert_eq!(get(&server, "s", "b"), json!("2"));
    set(json!({"b": "other"}), true);
    assert_eq!(get(&server, "s", "b"), json!("other"));
}

#[test]
fn lists_go_on_after_the_last_name() {
    let server = scratch();
    let entries: serde_json::Map<_, _> =
        (0..5).map(|at| (format!("k{at}"), json!(format!("v{at}")))).collect();
    server.call("memory", json!({"op": "set", "store": "s", "entries": entries})).structured();
    let list = |after: &str| {
        server
            .call("memory", json!({"op": "list", "store": "s", "limit": 3, "values": true, "after": after}))
            .structured()
            .clone()
    };

    let first = list("");
    let second = list(first["last"].as_str().expect("there are more"));

    assert_eq!(first["entries"].as_array().map(Vec::len), Some(3));
    assert_eq!(first["truncated"], json!(true));
    assert_eq!(second["entries"], json!([{"key": "k3", "value": "v3"}, {"key": "k4", "value": "v4"}]));
    assert_eq!(second["truncated"], json!(false));
}

#[test]
fn a_list_of_long_values_fits_an_answer() {
    let server = scratch();
    let entries: serde_json::Map<_, _> =
        (0..10).map(|at| (format!("k{at}"), json!("x".repeat(9_000)))).collect();
    server.call("memory", json!({"op": "set", "store": "s", "entries": entries})).structured();

    let answer = server.call("memory", json!({"op": "list", "store": "s", "values": true}));

    assert!(answer.text().len() < 30_000, "{}", answer.text().len());
    assert_eq!(answer.structured()["truncated"], json!(true));
    assert_eq!(answer.structured()["last"], json!("k1"));
}

#[test]
fn stores_do_not_see_each_other_and_are_listed_with_their_sizes() {
    let server = scratch();
    for (store, key) in [("a", "1"), ("a", "2"), ("b", "1")] {
        server.call("memory", json!({"op": "set", "store": store, "key": key, "value": "x"})).structured();
    }

    server.call("memory", json!({"op": "delete", "store": "a", "key": "1"})).structured();

    let stores = server.call("memory", json!({"op": "list_stores"})).structured()["stores"].clone();
    assert_eq!(stores, json!([{"store": "a", "size": 1}, {"store": "b", "size": 1}]));
    assert_eq!(server.call("memory", json!({"op": "clear", "store": "a"})).structured()["deleted"], json!(1));
    assert_eq!(server.call("memory", json!({"op": "size", "store": "a"})).structured()["size"], json!(0));
    assert_eq!(get(&server, "b", "1"), json!("x"));
}

#[test]
fn pop_takes_the_first_key_or_the_one_that_is_named() {
    let server = scratch();
    let entries = json!({"a": "1", "b": "2", "c": "3"});
    server.call("memory", json!({"op": "set", "store": "s", "entries": entries})).structured();
    let pop = |arguments: Value| {
        let popped = server.call("memory", arguments).structured().clone();
        (popped["key"].clone(), popped["value"].clone())
    };

    assert_eq!(pop(json!({"op": "pop", "store": "s"})), (json!("a"), json!("1")));
    assert_eq!(pop(json!({"op": "pop", "store": "s", "key": "c"})), (json!("c"), json!("3")));
    assert_eq!(pop(json!({"op": "pop", "store": "s"})), (json!("b"), json!("2")));
    assert_eq!(server.call("memory", json!({"op": "pop", "store": "s"})).structured()["found"], json!(false));
}

#[test]
fn a_long_value_is_cut_and_says_how_long_it_is() {
    let server = scratch();
    let long = "ü".repeat(20_000);
    server.call("memory", json!({"op": "set", "store": "s", "key": "k", "value": long})).structured();

    let cut = server.call("memory", json!({"op": "get", "store": "s", "key": "k"})).structured().clone();
    let whole = server.call("memory", json!({"op": "get", "store": "s", "key": "k", "max_bytes": 40_000}));

    assert_eq!((&cut["truncated"], &cut["bytes"]), (&json!(true), &json!(40_000)));
    assert_eq!(cut["value"].as_str().map(str::len), Some(24_000));
    assert_eq!(whole.structured()["value"], json!(long));
}

#[test]
fn a_value_is_read_from_a_file_within_the_allowed_folders() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(inside.path().join("note.md"), "# kept").unwrap();
    std::fs::write(outside.path().join("secret"), "no").unwrap();
    let server = Server::start(&["--toolsets", "memory", "--allow-dir", inside.path().to_str().unwrap()]);
    let set = |path: &Path| {
        server.call("memory", json!({"op": "set", "store": "s", "key": "k", "value_path": path}))
    };

    set(&inside.path().join("note.md")).structured();
    let refused = set(&outside.path().join("secret")).error();

    assert!(refused.contains("outside"), "{refused}");
    assert_eq!(get(&server, "s", "k"), json!("# kept"));
    assert!(set(inside.path()).error().contains("no file"));
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let server = scratch();
    let refused = |arguments: Value| server.call("memory", arguments).error();

    assert!(refused(json!({"op": "size", "store": "s", "key": "k"})).contains("`key`"));
    assert!(refused(json!({"op": "forget", "store": "s"})).contains("forget"));
    assert!(refused(json!({"store": "s"})).contains("`op`"));
    assert!(refused(json!({"op": "get", "store": "s"})).contains("`key`"));
    assert!(refused(json!({"op": "get", "store": "", "key": "k"})).contains("name"));
    assert!(refused(json!({"op": "set", "store": "s", "key": "k"})).contains("value_path"));
    assert!(refused(json!({"op": "set", "store": "s", "key": "k", "value": "a\u{0}b"})).contains("NUL"));
    assert!(refused(json!({"op": "get", "store": "s", "key": "k", "database": "none"})).contains("none"));
}

#[test]
fn the_next_server_remembers_what_was_answered_though_everything_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("kept.hyper");
    let path = database.to_str().unwrap();

    for at in 0..5 {
        let server = Server::private(&["--toolsets", "memory", "--persistent-db", path]);
        for before in 0..at {
            assert_eq!(get(&server, "s", &format!("k{before}")), json!(before.to_string()));
        }
        let set = json!({"op": "set", "store": "s", "key": format!("k{at}"), "value": at.to_string()});
        assert_eq!(server.call("memory", set).structured()["set"], json!(1));
        kill_all(server);
    }
}

/// Kills the server and its hyperd in one moment.
fn kill_all(server: Server) {
    use rustix::process::{Pid, Signal, kill_process};
    let pids = [children(server.pid()), vec![server.pid()]].concat();
    for pid in pids {
        let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        kill_process(pid, Signal::KILL).expect("it lives");
    }
    drop(server);
}

/// Children of a process.
fn children(of: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("Linux has it").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    pids.filter(|pid| parent(pid) == Some(of)).collect()
}

#[test]
fn two_servers_on_one_database_set_each_key_once_and_pop_each_once() {
    const KEYS: usize = 12;
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("kept.hyper");
    let servers = [persistent(&database), persistent(&database)];

    // The table is not there yet, and both set the same new keys, several at a time.
    let pending: Vec<_> = (0..KEYS)
        .flat_map(|key| servers.iter().enumerate().map(move |(at, server)| (key, at, server)))
        .map(|(key, at, server)| {
            let set = json!({"op": "set", "store": "s", "key": format!("k{key}"), "value": at.to_string()});
            (server, server.begin("memory", set))
        })
        .collect();
    for (server, pending) in pending {
        assert_eq!(server.wait(pending, GENEROUS).structured()["set"], json!(1));
    }
    let rows = servers[0].call(
        "query",
        json!({"sql": "SELECT count(*), count(DISTINCT key) FROM _hyperdb_kv_store", "database": "persistent"}),
    );
    assert_eq!(rows.rows(), &json!([[KEYS, KEYS]]));

    let popped: Vec<Value> = thread::scope(|scope| {
        let pop_all = |server: &Server| {
            let mut popped = Vec::new();
            loop {
                let answer = server.call("memory", json!({"op": "pop", "store": "s"})).structured().clone();
                if answer["found"] == json!(false) {
                    return popped;
                }
                popped.push(answer["key"].clone());
            }
        };
        let both: Vec<_> = servers.iter().map(|server| scope.spawn(move || pop_all(server))).collect();
        both.into_iter().flat_map(|thread| thread.join().expect("it pops")).collect()
    });
    let once: BTreeSet<_> = popped.iter().map(Value::to_string).collect();
    assert_eq!((popped.len(), once.len()), (KEYS, KEYS), "{popped:?}");
}

#[test]
fn of_two_servers_that_set_a_key_unless_it_is_there_one_does() {
    const KEYS: usize = 10;
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("kept.hyper");
    let servers = [persistent(&database), persistent(&database)];

    for key in 0..KEYS {
        let set =
            json!({"op": "set", "store": "s", "key": format!("k{key}"), "value": "x", "overwrite": false});
        let pending = servers.each_ref().map(|server| server.begin("memory", set.clone()));
        let set: Vec<_> = servers
            .iter()
            .zip(pending)
            .map(|(server, pending)| server.wait(pending, GENEROUS).structured()["set"].as_u64())
            .collect();
        assert_eq!(set.iter().flatten().sum::<u64>(), 1, "{set:?}");
    }
}

#[test]
fn a_read_only_server_reads_what_another_kept_and_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("kept.hyper");
    let writer = persistent(&database);
    writer.call("memory", json!({"op": "set", "store": "s", "key": "k", "value": "v"})).structured();
    let path = database.to_str().unwrap();
    let reader = Server::start(&["--read-only", "--toolsets", "memory", "--persistent-db", path]);

    assert_eq!(get(&reader, "s", "k"), json!("v"));
    for op in [
        json!({"op": "set", "store": "s", "key": "k", "value": "w"}),
        json!({"op": "delete", "store": "s", "key": "k"}),
        json!({"op": "pop", "store": "s"}),
        json!({"op": "clear", "store": "s"}),
    ] {
        assert!(reader.call("memory", op).error().contains("read-only"));
    }
    assert_eq!(get(&writer, "s", "k"), json!("v"));
    let tools = reader.request("tools/list", json!({})).unwrap();
    let memory = tools["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == "memory").unwrap();
    assert_eq!(memory["annotations"]["readOnlyHint"], json!(true));
    assert!(!memory.to_string().contains("\"set\""), "{memory}");
}

#[test]
fn memory_is_no_tool_unless_asked_for() {
    let server = Server::start(&[]);

    assert!(
        server.request("tools/call", json!({"name": "memory", "arguments": {"op": "list_stores"}})).is_err()
    );
}
