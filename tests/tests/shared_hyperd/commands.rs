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
fn the_doctor_names_a_folder_that_cannot_be_made() {
    Household::run_alone_or_skip(|household| {
        // Not even root can write there.
        let disk = household.state_folder().with_file_name("read-only");
        fs::create_dir(&disk).expect("a new folder");
        let at = disk.to_str().expect("UTF-8");
        if !skipped_tests::has("mount", &["-t", "tmpfs", "-o", "ro", "tmpfs", at]) {
            return;
        }
        for state_folder in [Some(disk.join("state")), None] {
            let mut command = household.hyperwire(&["doctor", "--json"]);
            match state_folder {
                Some(folder) => command.env("HYPERDB_STATE_DIR", folder),
                None => command.env_remove("HYPERDB_STATE_DIR").env("HOME", &disk),
            };
            let output = command.output().expect("the binary was built");
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");

            let folder = finding(&report, "state folder");

            assert_eq!(
                (output.status.code(), &folder["health"]),
                (Some(3), &Value::from("wrong")),
                "{report}"
            );
            assert!(folder["found"].as_str().is_some_and(|found| found.contains("read-only")), "{report}");
            let next = folder["next"].as_str().expect("it says what to do");
            assert!(next.contains("HYPERDB_STATE_DIR"), "{report}");
        }
        let _ = std::process::Command::new("umount").arg("-l").arg(&disk).status();
    });
}

#[test]
fn a_port_that_keeps_silent_is_a_problem_that_the_doctor_names() {
    Household::run_alone_or_skip(|household| {
        let silent = std::net::TcpListener::bind(("127.0.0.1", 7487)).expect("nobody else is here");
        let start = std::time::Instant::now();

        let report = doctor(household, 3);

        let port = finding(&report, "port");
        assert_eq!(port["health"], "wrong", "{report}");
        assert!(port["found"].as_str().is_some_and(|found| found.contains("7487")), "{report}");
        assert!(port["next"].as_str().is_some_and(|next| next.contains("end it")), "{report}");
        assert!(start.elapsed() < std::time::Duration::from_secs(10));
        drop(silent);
        doctor(household, 0);
    });
}

#[test]
fn a_variable_that_is_no_number_is_named_by_every_command() {
    Household::run_alone_or_skip(|household| {
        for (name, value) in [
            ("HYPERDB_DAEMON_PORT", "74 85"),
            ("HYPERDB_DAEMON_PORT", "70000"),
            ("HYPERDB_DAEMON_IDLE_TIMEOUT", "never"),
        ] {
            for arguments in
                [&["sql", "SELECT 1"][..], &["daemon", "status"], &["daemon", "start"], &["doctor"]]
            {
                let mut command = household.hyperwire(arguments);
                let output = command.env(name, value).output().expect("the binary was built");

                let said = [output.stdout, output.stderr].concat();
                let said = String::from_utf8_lossy(&said);
                assert_eq!(output.status.code(), Some(3), "{arguments:?}: {said}");
                assert!(said.contains(name) && said.contains(value), "{arguments:?}: {said}");
            }
        }
        assert!(household.processes().is_empty());
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
