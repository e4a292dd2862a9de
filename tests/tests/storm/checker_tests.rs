//! The checker finds what it is there for. Journals are written by hand.

use hyperwire_tests::fake_engine::Entry;

use crate::checker::{check_engines, was_answered};
use crate::clients::{Ending, Report, check_client};
use crate::plan::Allowance;
use crate::violation::Violation;

fn journal(lines: &[&str]) -> Vec<Entry> {
    lines.iter().map(|line| line.parse().unwrap_or_else(|()| panic!("{line}"))).collect()
}

fn allowing(engines: usize) -> Allowance {
    Allowance { engines, ..Allowance::default() }
}

fn check(lines: &[&str]) -> Vec<Violation> {
    check_engines(&journal(lines), &allowing(9), &[], None)
}

/// Engine 20 of daemon 10, from 100 to 200, with one statement.
fn good() -> Vec<&'static str> {
    vec![
        "100 20 start 10",
        "110 20 session-begin 1",
        "120 20 query-begin 1 SELECT 'client 3 hold 5 ms'",
        "130 20 query-end 1 answered",
        "140 20 session-end 1",
        "200 20 exit 0",
    ]
}

#[test]
fn one_engine_after_the_other_is_right() {
    let mut lines = good();
    lines.extend(["201 21 start 11", "300 21 exit 0"]);

    assert_eq!(check(&lines), []);
}

#[test]
fn two_engines_at_once_are_found_whoever_started_them() {
    for second in ["150 21 start 11", "150 21 start 10"] {
        let mut lines = good();
        lines.insert(5, second);
        lines.push("300 21 exit 0");

        let found = check(&lines);

        assert!(matches!(found[..], [Violation::TwoEngines { first: 20, second: 21, .. }]), "{found:?}");
    }
}

#[test]
fn an_engine_that_was_killed_is_over_when_it_was_killed_and_not_before() {
    let before = check(&["100 20 start 10", "140 21 start 10", "150 20 killed", "200 21 exit 0"]);
    let after = check(&["100 20 start 10", "150 20 killed", "160 21 start 10", "200 21 exit 0"]);

    assert!(matches!(before[..], [Violation::TwoEngines { first: 20, second: 21, .. }]), "{before:?}");
    assert_eq!(after, []);
}

#[test]
fn one_that_was_killed_as_it_started_is_over_too() {
    assert_eq!(check(&["99 20 killed", "100 20 start 10", "101 21 start 10", "200 21 exit 0"]), []);
}

#[test]
fn an_engine_that_never_ends_overlaps_with_every_later_one() {
    let found = check(&["100 20 start 10", "999 21 start 11", "1000 21 exit 0"]);

    assert!(found.contains(&Violation::EngineVanished { engine: 20 }), "{found:?}");
    assert!(
        found.iter().any(|it| matches!(it, Violation::TwoEngines { first: 20, second: 21, .. })),
        "{found:?}"
    );
}

#[test]
fn a_deleted_folder_excuses_one_engine_of_either_side_only() {
    let allowance = Allowance { beside_a_deleted_folder: true, ..allowing(9) };
    let both = journal(&["100 20 start 10", "150 21 start 11", "200 20 exit 0", "300 21 exit 0"]);

    let check = |deleted| check_engines(&both, &allowance, &[], Some(deleted));

    assert_eq!(check(120), []);
    assert_eq!(check(90).len(), 1, "both began behind the deletion");
    assert_eq!(check(160).len(), 1, "both began before it");
}

#[test]
fn a_statement_that_was_broken_off_is_lost_unless_a_fault_ended_its_engine_or_daemon() {
    let mut lines = good();
    lines[3] = "130 20 query-end 1 broken-off";
    let lost = Violation::QueryLost { engine: 20, statement: "SELECT 'client 3 hold 5 ms'".to_owned() };

    assert_eq!(check(&lines), [lost.clone()]);
    for excuse in ["125 20 killed", "125 10 killed", "125 10 forced"] {
        let excused = [&lines[..3], &[excuse], &lines[3..]].concat();
        assert_eq!(check(&excused), [], "{excuse}");
    }
    for no_excuse in ["135 10 killed", "125 11 killed", "125 3 killed"] {
        let mut unexcused = [&lines[..3], &[no_excuse], &lines[3..]].concat();
        unexcused.sort_by_key(|line| line[..3].parse::<u64>().expect("a time"));
        assert_eq!(check(&unexcused), [lost.clone()], "{no_excuse}");
    }
}

#[test]
fn a_statement_without_an_end_is_lost_with_an_engine_that_ended() {
    let mut lines = good();
    lines.remove(3);

    let ended = check(&lines);
    let alive = check_engines(&journal(&lines[..4]), &allowing(9), &[20], None);

    assert!(matches!(ended[..], [Violation::QueryLost { engine: 20, .. }]), "{ended:?}");
    assert_eq!(alive, [], "it still runs");
}

#[test]
fn statements_that_the_client_ended_are_not_lost() {
    for outcome in ["130 20 query-end 1 cancelled", "130 20 query-end 1 client-gone"] {
        let mut lines = good();
        lines[3] = outcome;
        assert_eq!(check(&lines), [], "{outcome}");
    }
}

#[test]
fn more_engines_than_the_faults_account_for_are_found() {
    let mut lines = good();
    lines.extend(["201 21 start 11", "300 21 exit 0"]);

    let found = check_engines(&journal(&lines), &allowing(1), &[], None);

    assert_eq!(found, [Violation::TooManyEngines { started: 2, allowed: 1 }]);
}

#[test]
fn only_an_answered_statement_counts_as_answered() {
    let mut lines = good();
    assert!(was_answered(&journal(&lines), "'client 3 "));
    assert!(!was_answered(&journal(&lines), "'client 33 "));

    lines[3] = "130 20 query-end 1 client-gone";
    assert!(!was_answered(&journal(&lines), "'client 3 "));
}

fn report(ending: Ending, words: &str) -> Report {
    let output = if ending == Ending::Code(0) { "{\"served\":1}\n" } else { "" };
    Report { client: 3, ending, killed: false, output: output.to_owned(), words: words.to_owned() }
}

fn check_report(report: &Report, allowance: &Allowance) -> Vec<Violation> {
    check_client(report, &journal(&good()), allowance).into_iter().collect()
}

#[test]
fn a_served_client_is_right_only_if_it_printed_the_row_and_an_engine_answered_it() {
    let served = report(Ending::Code(0), "");
    let without_row = Report { output: String::new(), ..served.clone() };
    let never_asked = Report { client: 4, ..served.clone() };

    assert_eq!(check_report(&served, &allowing(1)), []);
    for lie in [without_row, never_asked] {
        let found = check_report(&lie, &allowing(1));
        assert!(matches!(found[..], [Violation::ClientLies { .. }]), "{found:?}");
    }
}

#[test]
fn a_client_may_fail_only_as_the_faults_allow_and_must_say_why() {
    let lost = Allowance { lost: true, ..allowing(1) };
    let no_daemon = Allowance { no_daemon: true, ..allowing(1) };
    for (code, allowance, other) in [(3, &no_daemon, &lost), (4, &lost, &no_daemon)] {
        let told = report(Ending::Code(code), "why");
        let silent = report(Ending::Code(code), "");

        assert_eq!(check_report(&told, allowance), []);
        assert!(matches!(check_report(&told, other)[..], [Violation::ClientFailed { .. }]));
        assert!(matches!(check_report(&silent, allowance)[..], [Violation::ClientSilent { .. }]));
    }
    let everything = Allowance { lost: true, no_daemon: true, ..allowing(1) };
    for code in [1, 2, 5, 101, 130] {
        let found = check_report(&report(Ending::Code(code), "why"), &everything);
        assert!(matches!(found[..], [Violation::ClientFailed { .. }]), "{code}: {found:?}");
    }
}

#[test]
fn a_client_dies_of_a_signal_only_if_a_fault_killed_it() {
    let died = report(Ending::Signal(9), "");
    let killed = Report { killed: true, ..died.clone() };

    assert!(matches!(check_report(&died, &allowing(1))[..], [Violation::ClientFailed { .. }]));
    assert_eq!(check_report(&killed, &allowing(1)), []);
}

#[test]
fn a_client_that_does_not_end_is_found_even_if_everything_else_is_allowed() {
    let everything = Allowance { lost: true, no_daemon: true, ..allowing(1) };
    let hanging = report(Ending::Hung(std::time::Duration::from_secs(1)), "");

    assert!(matches!(check_report(&hanging, &everything)[..], [Violation::ClientHangs { .. }]));
}
