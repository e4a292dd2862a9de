//! Would the explorer find the mistakes that it is there for? Each is made on purpose, and sought.

use std::fmt::Write as _;

use super::{Counterexample, Limits, Mutant, Town, explore, plan};

/// A mistake, and whether it can do harm at all.
pub struct Case {
    /// Which.
    pub mutant: Mutant,
    /// The race it brings back, or the part of the design that it takes away.
    pub race: &'static str,
    /// What the machine does then.
    pub deviation: &'static str,
    /// Why it does no harm that the invariants speak of, if it does none.
    pub harmless: Option<&'static str>,
}

const fn case(mutant: Mutant, race: &'static str, deviation: &'static str) -> Case {
    Case { mutant, race, deviation, harmless: None }
}

/// All of them.
pub const CASES: &[Case] = &[
    case(
        Mutant::R1ReadyWhenBound,
        "R1, R2",
        "the daemon says it is ready when its port is bound, and starts hyperd then",
    ),
    case(Mutant::R1LockIgnored, "R1, R8, R34", "the daemon goes on although another holds the lock"),
    case(Mutant::R4StopKills, "R4, R16", "STOP ends hyperd without waiting for the lease holders"),
    case(Mutant::R6RemovesAnyRecord, "R6", "a leaving daemon deletes the record, whoever wrote it"),
    case(Mutant::R11EofIgnored, "R11", "the client goes on waiting for a daemon whose pipe ended"),
    case(
        Mutant::R15LockBeforeEngine,
        "R15",
        "a leaving daemon ends, and its lock with it, before its hyperd has",
    ),
    case(
        Mutant::R16StopForce,
        "R16",
        "a client that found a lower daemon stops the higher one at once, not once it is idle",
    ),
    case(Mutant::R18StopAnyone, "R18, R24", "STOP-IF is obeyed whoever it names"),
    case(Mutant::R20LeaseWhileDraining, "R20", "a leaving daemon grants leases"),
    case(Mutant::R22IdleIgnoresLeases, "R22", "idle retirement looks at the clock and not at the leases"),
    case(
        Mutant::R23RecordTrusted,
        "R17, R23, R28, R29, R30",
        "the client takes whoever listens on the record's port for its daemon, without proof",
    ),
    case(Mutant::R25ReportTrusted, "R25", "a client's report restarts hyperd, unverified"),
    case(Mutant::R26GenerationKept, "R26", "a restarted hyperd keeps its generation"),
    case(
        Mutant::R33OrphanIgnored,
        "R33",
        "the daemon starts a hyperd while that of a dead daemon runs (lock not inherited)",
    ),
    case(Mutant::R37LockLossIgnored, "R37, R38", "the daemon goes on although its lock file was deleted"),
    case(Mutant::R41ListenerLossIgnored, "R41", "the daemon goes on although it can accept nobody"),
    case(Mutant::R42NoSpawnLock, "R42", "clients start daemons without the spawn lock"),
    case(Mutant::NoSelfCheck, "F9 (R3, R7)", "the daemon never checks record, lock and ports"),
    case(Mutant::LegacyNotYieldedTo, "S14 (R3)", "the daemon does not give way to an older one"),
    case(Mutant::IdleHolderStays, "F7 (L3, L6)", "an idle client ignores DRAINING"),
    Case {
        mutant: Mutant::RecordNotRemoved,
        race: "F7",
        deviation: "a leaving daemon leaves its record behind",
        harmless: Some(
            "a record is verified by whoever reads it (F4), so a stale one costs one refused connection",
        ),
    },
];

/// What became of one.
pub struct Verdict {
    /// The world it was found in, and how.
    pub found: Option<(String, Counterexample)>,
    /// States visited in that world, and in those before it.
    pub states: usize,
}

/// Seeks one in the small worlds, one after the other, and then in the one with every kind of client.
pub fn seek(mutant: Mutant) -> Verdict {
    let mut states = 0;
    for (name, mut bounds) in plan::small().into_iter().chain(plan::every_change().pop()) {
        bounds.mutant = Some(mutant);
        let report = explore(&Town { bounds }, Limits { states: 1_000_000, all: false });
        states += report.states;
        if let Some(counterexample) = report.counterexample {
            return Verdict { found: Some((name, counterexample)), states };
        }
        // Breaking a rule of the graph is breaking a rule.
        if report.longest.is_none() {
            let violation = super::Violation { invariant: "L7", what: "a run that never ends".into() };
            let cycle = Counterexample {
                violation,
                decisions: Vec::new(),
                story: Vec::new(),
                after_states: report.states,
            };
            return Verdict { found: Some((name, cycle)), states };
        }
    }
    Verdict { found: None, states }
}

/// The table, as `tests/explorer/mutants.md` has it.
pub fn table() -> String {
    let mut text = String::from(
        "# Mutants of the election\n\n\
         Each mistake is made on purpose (`hyperwire_core::control::Mutant`) and sought by the explorer in the small\n\
         worlds of `plan`, in order. Generated: `HYPERWIRE_BLESS=1 .ci/mutants`, which compares otherwise. *In that world*:\n\
         states visited there until it was found. *In all*: together with the worlds before.\n\n\
         | mutant | race | what it does | breaks | found in the world of | after steps | states in that world | in all |\n\
         |---|---|---|---|---|---:|---:|---:|\n",
    );
    for case in CASES {
        let verdict = seek(case.mutant);
        let _ = match verdict.found {
            Some((world, counterexample)) => writeln!(
                text,
                "| {:?} | {} | {} | {}: {} | {world} | {} | {} | {} |",
                case.mutant,
                case.race,
                case.deviation,
                counterexample.violation.invariant,
                counterexample.violation.what,
                counterexample.decisions.len(),
                counterexample.after_states,
                verdict.states,
            ),
            None => writeln!(
                text,
                "| {:?} | {} | {} | nothing{} | none | - | - | {} |",
                case.mutant,
                case.race,
                case.deviation,
                case.harmless.map_or(String::new(), |why| format!(": {why}")),
                verdict.states,
            ),
        };
    }
    text.push_str(NOT_HERE);
    text
}

/// The races that the machines cannot express.
const NOT_HERE: &str = "
## Races without a mutant

What the machines cannot express needs no mutant here: there is no effect with which to make the mistake, or it is made
outside of them and is the runtime's test to find.

| race | why |
|---|---|
| R3, R5 | clients stop no daemon and compare none; the model of the superseded design shows both (`tests/worlds.rs`) |
| R7 | a client has no effect that writes or deletes a file of a daemon; the same model shows it |
| R9 | a port's answer starts nothing: only the lock does. `Refused`, `Silent` and `Error` are told apart by the runtime |
| R10 | the temporary name carries the incarnation (`control::temporary_record`) |
| R12 | constants: the election's deadline is longer than hyperd's (a test in `election`) |
| R13 | every failure of a start is a `StartReport`; an end without one is the end of the pipe |
| R14 | reaping is the runtime's |
| R19 | versions are not compared anywhere |
| R21 | a leaving daemon does not say PONG (a test in `daemon`) |
| R27 | the lock is one a state folder and does not know ports |
| R31 | record and lock body name the host (tests in `election`) |
| R32 | the record's port is asked before any other |
| R35, R36, R38, R39 | the runtime's: socket options, addresses, lock files that are never deleted |
| R40 | a process is its id and its start time (`control::Process`) |
| R43 | a kernel lock does not expire, and leases know no clock |
";
