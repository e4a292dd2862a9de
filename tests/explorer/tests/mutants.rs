//! Known mistakes are found, each by the invariant that forbids it. `.ci/mutants` runs this.
#![cfg(hyperwire_mutants)]

use hyperwire_explorer::mutants::{CASES, table};
use hyperwire_explorer::{Bounds, Limits, Mutant, Town, Whose, explore, plan};

const COMMITTED: &str = include_str!("../mutants.md");
const STATES: usize = 30_000_000;

/// The first invariant that a world breaks.
fn first_broken(bounds: Bounds) -> Option<&'static str> {
    let report = explore(&Town { bounds }, Limits { states: STATES, all: false });
    report.counterexample.map(|counterexample| counterexample.violation.invariant)
}

#[test]
fn every_mutant_that_does_harm_is_found_as_the_table_says() {
    let now = table();

    if std::env::var_os("HYPERWIRE_BLESS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/mutants.md"), &now)
            .expect("the table can be written");
        return;
    }
    for case in CASES {
        let line = now.lines().find(|line| line.starts_with(&format!("| {:?} |", case.mutant)));
        let line = line.expect("every mutant has a line");
        assert_eq!(line.contains("| none |"), case.harmless.is_some(), "{line}");
    }
    assert_eq!(now, COMMITTED, "the table is not what it was; look why, then bless it");
}

#[test]
fn who_trusts_a_record_talks_to_a_daemon_of_another_folder() {
    let ours = |bounds: &Bounds| {
        bounds.other.is_some_and(|other| other.clients > 0 && other.whose == Whose::SameUser)
    };
    let (_, bounds) = plan::two_folders().into_iter().find(|(_, bounds)| ours(bounds)).expect("there is one");

    let broken = first_broken(Bounds { mutant: Some(Mutant::R23RecordTrusted), ..bounds });

    assert_eq!(broken, Some("S9"));
}

#[test]
fn a_daemon_that_a_newer_client_stops_would_end_a_query_if_it_did_not_drain() {
    for mutant in [None, Some(Mutant::R4StopKills)] {
        let (name, bounds) = plan::takeovers().swap_remove(0);

        let broken = first_broken(Bounds { mutant, ..bounds });

        assert_eq!(broken, mutant.map(|_| "S6"), "{name}");
    }
}
