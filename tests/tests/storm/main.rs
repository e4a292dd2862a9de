//! The storm: real processes of the real binary, started at the same moment, with faults, and observed from outside.
//!
//! A round starts 32 clients behind a barrier and plays a plan of faults that follows from a seed: daemon, engine and
//! clients are killed or stand still for a while, the daemon is told to stop, its disk is full, its folder is deleted,
//! its record is overwritten. Nothing inside the programs is trusted: what counts is what the system shows, what the
//! (fake) engine wrote into its journal, and what each client told its user. See [`violation`] for what must never be.
//!
//! * `STORM_SEED`, `STORM_ROUNDS` and `STORM_CLIENTS` choose other plans; a failure prints its seed.
//! * `cargo test -p hyperwire-tests --test storm -- --ignored soak` plays 500 rounds, or as many as `STORM_ROUNDS`.
#![cfg(target_os = "linux")]

mod checker;
#[cfg(test)]
mod checker_tests;
mod clients;
mod ground;
mod leftovers;
mod place;
mod plan;
mod processes;
mod random;
mod real;
mod round;
mod violation;
mod watcher;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use hyperwire_tests::hyperwire_binary::hyperwire_binary;

use ground::{Ground, on_ground_of_its_own};
use plan::Plan;
use random::Random;

/// As many as the largest comparable test.
const CLIENTS: u64 = 32;
/// Chosen by nothing; every number must do.
const SEED: u64 = 20_261_124;

fn number(variable: &str, otherwise: u64) -> u64 {
    let parse =
        |text: String| text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, not a number"));
    env::var(variable).map_or(otherwise, parse)
}

#[test]
fn a_storm_leaves_one_daemon_loses_no_statement_and_nothing_is_left_of_it() {
    storm(number("STORM_ROUNDS", 20), true);
}

#[test]
#[ignore = "takes half an hour; for the night"]
fn soak() {
    storm(number("STORM_ROUNDS", 500), false);
}

/// Plays so many rounds; all of them, so that a failure shows how often.
fn storm(rounds: u64, every_kind: bool) {
    let seed = number("STORM_SEED", SEED);
    // Before the first barrier, since it may take minutes.
    let _built = hyperwire_binary();
    let clients = usize::try_from(number("STORM_CLIENTS", CLIENTS)).expect("no more than memory");
    let (failures, mut census) = on_ground_of_its_own(move |ground| play(seed, rounds, clients, ground));
    assert!(
        failures.is_empty(),
        "{} of {rounds} rounds of {clients} clients went wrong; STORM_SEED={seed} plays them again\n\n{}",
        failures.len(),
        failures.join("\n")
    );
    // A fault that never meets anybody tests nothing. One that came too late for whom it was meant gets another chance.
    if every_kind && census.values().any(|struck| *struck == 0) {
        let again = seed + rounds;
        let (failures, more) = on_ground_of_its_own(move |ground| play(again, rounds, clients, ground));
        assert!(failures.is_empty(), "STORM_SEED={again}\n\n{}", failures.join("\n"));
        for (fault, struck) in more {
            *census.entry(fault).or_default() += struck;
        }
    }
    let unmet: Vec<_> = census.iter().filter(|(_, struck)| **struck == 0).map(|(fault, _)| fault).collect();
    assert!(
        !every_kind || unmet.is_empty(),
        "planned, but never happened to anybody: {unmet:?} (STORM_SEED={seed})"
    );
}

/// The transcripts of rounds that went wrong, and how often each planned fault happened.
fn play(seed: u64, rounds: u64, clients: usize, ground: Ground) -> (Vec<String>, BTreeMap<String, usize>) {
    let engine = Path::new(env!("CARGO_BIN_EXE_fake_hyperd"));
    let (mut failures, mut census) = (Vec::new(), BTreeMap::<String, usize>::new());
    let (mut slowest, mut endings) = ((Duration::ZERO, 0), BTreeMap::<String, usize>::new());
    for round in 0..rounds {
        let plan = Plan::new(seed, round, clients, ground.can_mount);
        let outcome = round::play(plan, ground, Random::new(seed ^ 0x5701_2e11, round), engine);
        let name =
            |fault: &plan::Fault| format!("{fault:?}").split('(').next().unwrap_or_default().to_owned();
        for (_, fault) in &outcome.plan.faults {
            census.entry(name(fault)).or_default();
        }
        for fault in &outcome.struck {
            *census.entry(name(fault)).or_default() += 1;
        }
        for report in &outcome.reports {
            *endings.entry(format!("{:?}", report.ending)).or_default() += 1;
        }
        slowest = slowest.max((outcome.took, round));
        if !outcome.violations.is_empty() {
            failures.push(outcome.transcript());
        }
    }
    let mut summary = format!(
        "{rounds} rounds of {clients} clients, the slowest (number {}) {:.1?}; clients:",
        slowest.1, slowest.0
    );
    endings.iter().for_each(|(ending, count)| _ = write!(summary, " {count} {ending}"));
    summary.push_str("; faults:");
    census.iter().for_each(|(fault, count)| _ = write!(summary, " {count} {fault}"));
    let _ = writeln!(io::stderr(), "{summary}");
    (failures, census)
}
