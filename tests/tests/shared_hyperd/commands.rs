//! What a person sees who looks.

use std::fs;

use hyperwire_tests::household::Household;
use serde_json::Value;

use crate::{complaint, sql, stop};

fn doctor(household: &Household, code: i32) -> Value {
    let said = household.run_hyperwire(&["doctor", "--json"]).expect_code(code);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("not JSON: {error}: {said}"))
}

fn finding<'f>(report: &'f Value, what: &str) -> &'f Value {
    let findings = report["findings"].as_array().expect("a list");
    findings.iter().find(|finding| finding["what"] == what).unwrap_or_else(|| panic!("no {what}: {report}"))
}

#[test]
fn looking_when_there_is_nothing_changes_nothing() {
    Household::run_alone_or_skip(|household| {
        let status = household.run_hyperwire(&["daemon", "status"]);
        assert!(complaint(&status, 3).contains("is running"), "{status}");
        let stopped = household.run_hyperwire(&["daemon", "stop"]).expect_code(0);
        assert_eq!(stopped, "no daemon is running\n");
        let logs = household.run_hyperwire(&["daemon", "logs"]);
        assert!(complaint(&logs, 3).contains("there is no log"), "{logs}");
        let report = doctor(household, 0);
        assert_eq!(finding(&report, "hyperd")["health"], "ok", "{report}");

        assert!(!household.state_folder().exists());
    });
}

#[test]
fn status_shows_the_daemon_its_hyperd_and_who_uses_it() {
    Household::run_alone_or_skip(|household| {
        let running = household.start_unread();

        let status = household.status().expect("it runs");

        assert_eq!((&status["phase"], &status["generation"]), (&Value::from("ready"), &Value::from(1)));
        assert_eq!(status["restarts"], 0);
        let lease = &status["leases"][0];
        assert!(lease["client"].as_str().is_some_and(|name| name.starts_with("hyperwire-sql/")), "{status}");
        for field in ["pid", "engine_pid", "health_port"] {
            assert!(status[field].as_u64().is_some_and(|number| number > 0), "{field}: {status}");
        }
        assert!(
            status["endpoint"].as_str().is_some_and(|endpoint| endpoint.contains("/sockets/")),
            "{status}"
        );
        assert_eq!(status["detection"]["idle_tcp_peer_vanished_s"], 90, "{status}");
        let text = household.run_hyperwire(&["daemon", "status"]).expect_code(0);
        assert!(text.contains("in use  by 1") && text.contains("hyperwire-sql/"), "{text}");
        assert!(!text.contains("auth") && status.get("auth").is_none(), "the secret stays one: {status}");
        drop(running);
        stop(household);
    });
}

#[test]
fn the_record_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    Household::run_alone_or_skip(|household| {
        sql(household, "SELECT 1");

        let mode = |name: &str| {
            let metadata = fs::metadata(household.state_folder().join(name)).expect("it is there");
            metadata.permissions().mode() & 0o777
        };

        assert_eq!((mode(""), mode("daemon.json"), mode("daemon.lock")), (0o700, 0o600, 0o600));
        stop(household);
    });
}

#[test]
fn the_doctor_says_what_is_wrong_and_what_to_do() {
    Household::run_alone_or_skip(|household| {
        fs::write(household.state_folder(), "not a folder").expect("a new file");
        let report = doctor(household, 3);
        let folder = finding(&report, "state folder");
        assert_eq!(folder["health"], "wrong", "{report}");
        assert!(folder["next"].as_str().is_some_and(|next| next.contains("HYPERDB_STATE_DIR")), "{report}");
        fs::remove_file(household.state_folder()).expect("it is a file");

        let mut command = household.hyperwire(&["doctor"]);
        command.env("HYPERD_PATH", "/nowhere");
        let output = command.output().expect("the binary was built");
        assert_eq!(output.status.code(), Some(3));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("wrong  hyperd") && text.contains("-> "), "{text}");
    });
}

#[test]
fn the_doctor_sees_a_daemon_and_a_damaged_record() {
    Household::run_alone_or_skip(|household| {
        sql(household, "SELECT 1");
        let report = doctor(household, 0);
        assert_eq!(finding(&report, "daemon")["health"], "ok", "{report}");
        assert_eq!(report["daemon"]["running"], true, "{report}");
        stop(household);

        fs::write(household.state_folder().join("daemon.json"), "garbage").expect("this user may write here");
        let report = doctor(household, 0);

        assert_eq!(finding(&report, "record")["health"], "note", "{report}");
        fs::remove_file(household.state_folder().join("daemon.json")).expect("it is still there");
    });
}
