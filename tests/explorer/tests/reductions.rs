//! What the explorer leaves out of the graph changes no verdict.
#![allow(clippy::print_stdout, reason = "the numbers of a proof belong next to its verdict")]

use hyperwire_explorer::{Bounds, Limits, Mutant, Town, explore, plan};

const STATES: usize = 30_000_000;

/// Which invariants break, and whether every run ends.
fn verdict(town: &Town) -> (Vec<&'static str>, bool, usize) {
    let report = explore(town, Limits { states: STATES, all: true });
    (report.broken.into_keys().collect(), report.longest.is_some(), report.states)
}

/// Whether every mutant of these breaks the same in these worlds, with and without reductions.
fn agree(mutants: &[Option<Mutant>], worlds: Vec<plan::Named>) {
    for (name, bounds) in worlds {
        for mutant in mutants {
            let mut bounds = Bounds { mutant: *mutant, ..bounds.clone() };
            let reduced = verdict(&Town { bounds: bounds.clone() });
            (bounds.fine, bounds.distinct) = (true, true);

            let full = verdict(&Town { bounds });

            println!("{name}, {mutant:?}: {} states reduced, {} in full: {:?}", reduced.2, full.2, full.0);
            assert_eq!((reduced.0, reduced.1), (full.0, full.1), "{name}, {mutant:?}");
            assert!(reduced.2 < full.2, "{name}: nothing was left out");
        }
    }
}

#[test]
fn what_is_left_out_changes_no_verdict() {
    agree(&[None], plan::both_ways());
}

#[cfg(hyperwire_mutants)]
#[test]
fn what_is_left_out_changes_no_verdict_on_some_mutants() {
    let some = [Mutant::R4StopKills, Mutant::R15LockBeforeEngine, Mutant::IdleHolderStays];
    agree(&some.map(Some), plan::both_ways().drain(..1).collect());
}

#[cfg(hyperwire_mutants)]
#[test]
#[ignore = "takes minutes; for the night"]
fn what_is_left_out_changes_no_verdict_on_any_mutant() {
    let all: Vec<_> = hyperwire_explorer::mutants::CASES.iter().map(|case| Some(case.mutant)).collect();

    agree(&all, plan::both_ways());
}
