//! One hyperd for all.

use hyperwire_tests::household::{Household, Program, Role};

use crate::{SOON, complaint, sql, stop};

#[test]
fn commands_one_after_the_other_share_one_hyperd() {
    Household::run_alone_or_skip(|household| {
        assert_eq!(sql(household, "SELECT 1 AS n"), "n\n1\n");
        let first = household.status().expect("the command has started a daemon");

        assert_eq!(sql(household, "SELECT 2 AS n"), "n\n2\n");

        let second = household.status().expect("it stays");
        for field in ["pid", "engine_pid", "incarnation"] {
            assert_eq!(first[field], second[field], "{field}");
        }
        assert_eq!(household.processes_as(Role::Engine).len(), 1, "{:?}", household.processes());
        stop(household);
    });
}

#[test]
fn many_at_once_start_one_daemon_and_create_one_database() {
    Household::run_alone_or_skip(|household| {
        let file = household.state_folder().with_file_name("new.hyper");
        let file = file.to_str().expect("UTF-8").to_owned();
        let arguments = ["sql", "--format", "csv", "--database", &file, "--create", "SELECT 42 AS n"];

        let programs: Vec<_> = (0..16).map(|_| Program::start(household.hyperwire(&arguments))).collect();

        for program in programs {
            let finished = program.and_then(|program| program.finish(SOON)).expect("all are served");
            assert_eq!(finished.expect_code(0), "n\n42\n");
        }
        assert_eq!(household.processes_as(Role::Daemon).len(), 1, "{:?}", household.processes());
        assert_eq!(household.processes_as(Role::Engine).len(), 1, "{:?}", household.processes());
        let log = household.run_hyperwire(&["daemon", "logs", "--lines", "1000"]).expect_code(0);
        assert_eq!(log.matches("phase locked").count(), 1, "{log}");
        stop(household);
    });
}

#[test]
fn what_one_command_writes_the_next_one_reads() {
    Household::run_alone_or_skip(|household| {
        let file = household.state_folder().with_file_name("kept.hyper");
        let file = file.to_str().expect("UTF-8").to_owned();
        let on_file = |more: &[&str]| {
            let arguments = [&["sql", "--format", "csv", "--database", &file], more].concat();
            household.run_hyperwire(&arguments).expect_code(0)
        };

        on_file(&["--create", "CREATE TABLE kept AS SELECT 7 AS n"]);
        assert_eq!(on_file(&["SELECT n FROM kept"]), "n\n7\n");
        stop(household);

        assert_eq!(on_file(&["SELECT n FROM kept"]), "n\n7\n", "on the hyperd of the next daemon");
        stop(household);
    });
}

#[test]
fn a_private_hyperd_needs_no_daemon_and_starts_none() {
    Household::run_alone_or_skip(|household| {
        let said = household.run_hyperwire(&["sql", "--private", "--format", "csv", "SELECT 1 AS n"]);

        assert_eq!(said.expect_code(0), "n\n1\n");
        assert_eq!(household.status(), None);
        assert!(!household.state_folder().exists(), "a private one leaves the state folder alone");
    });
}

#[test]
fn a_hyperd_that_does_not_start_is_everybodys_error_and_leaves_nothing() {
    Household::run_alone_or_skip(|household| {
        let mut command = household.hyperwire(&["sql", "SELECT 1"]);
        command.env("HYPERD_PATH", "/bin/false");

        let finished = Program::start(command).and_then(|program| program.finish(SOON)).expect("it ends");

        let said = complaint(&finished, 3);
        assert!(said.contains("hyperd ended before it was ready"), "{said}");
        assert!(!said.contains("--private"), "a hyperd for the command alone would not start either: {said}");
    });
}

#[test]
fn a_relative_path_in_sql_is_refused_with_a_hint_and_writes_nowhere() {
    Household::run_alone_or_skip(|household| {
        let refused = household.run_hyperwire(&["sql", "COPY (SELECT 1) TO 'out.csv' WITH (FORMAT csv)"]);

        let said = complaint(&refused, 1);
        assert!(said.contains("SQLSTATE 58P01"), "{said}");
        assert!(said.contains("absolute path"), "{said}");
        stop(household);
    });
}
