//! The session in a made-up world, seed by seed.
//!
//! `SIMULATION_SEED` runs one seed and tells its story if it fails; `SIMULATION_COUNT` says how many from there. The
//! soak runs a million, or `SIMULATION_COUNT`, beginning behind those that every change runs:
//!
//! ```text
//! SIMULATION_SEED=91 cargo test -p hyperwire-tests --test simulation every_seed
//! cargo test -p hyperwire-tests --test simulation soak -- --ignored --nocapture
//! ```

use hyperwire_tests::simulation::{Broken, Campaign, from_environment, simulate, simulate_all};
use rstest::rstest;

/// What every change is tried on.
const SEEDS: u64 = 10_000;
/// What has to come up in so many seeds; otherwise the simulation has stopped testing it.
const AT_LEAST: u64 = 20;
const KINDS: &[&str] = &[
    "COPY data",
    "COPY in",
    "COPY out",
    "TLS started",
    "answered the probe",
    "cancel sent",
    "closed",
    "columns",
    "complete",
    "died for want of TLS",
    "died of a Sync's deadline",
    "died of a cancel that may come late",
    "died of a limit",
    "died of a refusal",
    "died of a violation",
    "died of the authentication",
    "died of the cancel's grace",
    "died of the link",
    "died of the link, a request open",
    "died of the start-up's deadline",
    "empty",
    "failed as it copies out",
    "failed as stale",
    "failed at the server",
    "failed before it was sent",
    "failed by its deadline",
    "finished",
    "notice",
    "prepared",
    "pulse",
    "ready",
    "row",
];

fn campaign(first: u64, count: u64) -> Campaign {
    simulate_all(first..first + count, 2).unwrap_or_else(|finding| panic!("{finding}"))
}

#[test]
fn every_seed_ends_as_the_oracle_says() {
    let first = from_environment("SIMULATION_SEED");
    let count = from_environment("SIMULATION_COUNT").unwrap_or(if first.is_some() { 1 } else { SEEDS });

    let campaign = campaign(first.unwrap_or(0), count);

    assert_eq!(campaign.runs, count);
    for kind in KINDS.iter().filter(|_| count >= SEEDS) {
        let found = campaign.census.get(kind).copied().unwrap_or_default();
        assert!(found >= AT_LEAST, "{kind} came up {found} times in {count} seeds: {:#?}", campaign.census);
    }
}

#[test]
#[ignore = "takes minutes; run it by hand or at night"]
#[expect(clippy::print_stdout, reason = "figures for whoever runs it")]
fn soak() {
    let first = from_environment("SIMULATION_SEED").unwrap_or(SEEDS);
    let count = from_environment("SIMULATION_COUNT").unwrap_or(1_000_000);

    let campaign = campaign(first, count);

    assert_eq!(campaign.runs, count);
    println!("{campaign:#?}");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let mut digests: Vec<_> = (0..300)
        .map(|seed| {
            let digest = simulate(seed, None).unwrap_or_else(|finding| panic!("{finding}")).digest;
            assert_eq!(simulate(seed, None).map(|run| run.digest).ok(), Some(digest), "seed {seed}");
            digest
        })
        .collect();

    digests.sort_unstable();
    digests.dedup();

    assert_eq!(digests.len(), 300, "different seeds, different stories");
}

/// A session that is broken on purpose is found within so many seeds.
#[rstest]
#[case::drops_a_byte(Broken::DropsAByte, 100)]
#[case::ignores_deadlines(Broken::IgnoresDeadlines, 100)]
#[case::swallows_the_end(Broken::SwallowsTheEnd, 100)]
#[case::swallows_failures(Broken::SwallowsFailures, 100)]
#[case::mixes_rows(Broken::MixesRows, 100)]
#[case::repeats_a_row(Broken::RepeatsARow, 100)]
#[case::forgets_demand(Broken::ForgetsDemand, 100)]
#[case::hurries_on(Broken::HurriesOn, 1000)]
#[case::hides_events(Broken::HidesEvents, 100)]
#[case::runs_ahead(Broken::RunsAhead, 100)]
#[case::misses_lonely_pulses(Broken::MissesLonelyPulses, 100)]
#[case::reads_on(Broken::ReadsOn, 1000)]
#[case::trusts_a_burnt_key(Broken::TrustsABurntKey, 1000)]
#[case::overlooks_the_deadline(Broken::OverlooksTheDeadline, 100)]
fn a_broken_session_is_found(#[case] broken: Broken, #[case] within: u64) {
    let found = (0..within).find_map(|seed| simulate(seed, Some(broken)).err());

    let finding = found.unwrap_or_else(|| panic!("{broken:?} was not found in {within} seeds"));
    assert!(finding.to_string().ends_with(&format!("SIMULATION_SEED={}", finding.seed)), "{finding}");
}
