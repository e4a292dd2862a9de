//! Every interleaving of the election, within bounds that are cheap enough for every change.
#![allow(clippy::print_stdout, reason = "the numbers of a proof belong next to its verdict")]

use std::collections::BTreeSet;

use hyperwire_explorer::{Bounds, Limits, Model, Other, Report, Town, explore, plan, replay};

const STATES: usize = 30_000_000;

/// Explores a world that must be without fault, and says how large it was.
fn proves(name: &str, town: &Town) -> Report {
    let report = explore(town, Limits { states: STATES, all: false });
    println!(
        "{name}: {} states, {} transitions, {} at rest, longest run {:?}, {:.1} s",
        report.states,
        report.transitions,
        report.rest,
        report.longest,
        report.time.as_secs_f64()
    );
    if let Some(counterexample) = &report.counterexample {
        panic!("{name}: {counterexample}");
    }
    assert!(report.complete, "{name}: more than {STATES} states");
    assert!(report.longest.is_some(), "{name}: some run never ends");
    assert!(report.rest > 0, "{name}: no run ends");
    report
}

fn prove_all(worlds: Vec<plan::Named>) -> (usize, BTreeSet<&'static str>) {
    let (mut states, mut kinds) = (0, BTreeSet::new());
    for (name, bounds) in worlds {
        let report = proves(&name, &Town { bounds });
        states += report.states;
        kinds.extend(report.census.keys());
    }
    (states, kinds)
}

#[test]
fn no_invariant_breaks_in_any_small_world_and_every_kind_of_transition_is_taken() {
    let (_, kinds) = prove_all([plan::small(), plan::two_folders(), plan::takeovers()].concat());

    let known: BTreeSet<_> = plan::KINDS.iter().copied().collect();
    assert_eq!(known.difference(&kinds).collect::<Vec<_>>(), Vec::<&&str>::new(), "never taken");
    assert_eq!(kinds.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new(), "not in the list");
}

#[test]
fn no_invariant_breaks_in_half_a_million_states_and_every_run_ends() {
    let (states, _) = prove_all(plan::every_change());

    assert!(states >= 500_000, "{states} states only");
}

#[test]
#[ignore = "takes minutes and gigabytes; for the night"]
fn no_invariant_breaks_in_the_larger_worlds_and_every_run_ends() {
    let (states, _) = prove_all(plan::nightly());

    assert!(states >= 10_000_000, "{states} states only");
}

#[test]
fn a_cold_start_without_faults_starts_exactly_one_daemon() {
    // The bound of L4 is one daemon, and one more for whatever goes wrong.
    let town = Town { bounds: Bounds::new(3) };

    proves("3 clients", &town);
}

#[test]
fn the_superseded_design_loses_records_daemons_and_queries() {
    let (name, bounds) = plan::superseded(2);

    let report = explore(&Town { bounds }, Limits { states: STATES, all: true });

    println!("{name}: {} states, broken: {:?}", report.states, report.broken);
    for (invariant, meaning) in [
        ("S14", "two live daemons at rest"),
        ("S6", "a query is killed by the de-duplication"),
        ("S4", "a dying daemon deletes its successor's record"),
        ("S10", "a client deletes the record of a live daemon"),
        ("L6", "a client rests on a daemon that is gone"),
    ] {
        assert!(report.broken.contains_key(invariant), "not found: {meaning}");
    }
}

/// The first invariant that a world breaks.
fn first_broken(bounds: Bounds) -> Option<&'static str> {
    let report = explore(&Town { bounds }, Limits { states: STATES, all: false });
    report.counterexample.map(|counterexample| counterexample.violation.invariant)
}

#[test]
fn who_cannot_tell_users_and_folders_apart_adopts_a_daemon_of_another() {
    let older = |bounds: &Bounds| bounds.other.is_some_and(|other| other.clients == 0);
    for (name, bounds) in plan::two_folders().into_iter().filter(|(_, bounds)| older(bounds)) {
        let hidden = bounds.other.map(|other| Other { hidden: true, ..other });

        let broken = first_broken(Bounds { other: hidden, ..bounds });

        assert_eq!(broken, Some("S9"), "{name}");
    }
}

#[test]
fn a_counterexample_replays_to_the_same_violation() {
    let (_, bounds) = plan::superseded(2);
    let town = Town { bounds };
    let found = explore(&town, Limits { states: STATES, all: false }).counterexample.expect("it has one");

    let (story, broken) = replay(&town, &found.decisions);

    assert_eq!(story, found.story);
    assert!(broken.contains(&found.violation), "{broken:?}");
}

#[test]
fn the_same_world_is_explored_the_same_way_twice() {
    let (_, bounds) = plan::small().swap_remove(2);
    let town = Town { bounds };
    let limits = Limits { states: STATES, all: false };

    let (one, two) = (explore(&town, limits), explore(&town, limits));

    assert_eq!((one.states, one.transitions, one.longest), (two.states, two.transitions, two.longest));
    assert_eq!(one.census, two.census);
    assert!(town.actions(&town.initial()).normal > 0);
}
