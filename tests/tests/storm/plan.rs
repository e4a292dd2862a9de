//! What a round does to its daemon, decided by the seed alone.

use std::time::Duration;

use crate::random::Random;

/// One round.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) round: u64,
    /// How long the statement of each client takes.
    pub(crate) holds: Vec<Duration>,
    /// What happens, and how long after the start of the clients; in this order.
    pub(crate) faults: Vec<(Duration, Fault)>,
    pub(crate) engine: Engine,
}

/// What happens to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    KillDaemon,
    KillEngine,
    KillClient,
    /// SIGSTOP, and SIGCONT after this time.
    PauseDaemon(Duration),
    PauseEngine(Duration),
    PauseClient(Duration),
    /// `daemon stop`
    Stop,
    /// `daemon stop --now`
    StopNow,
    /// The file system of the state folder is full from here on, until the clients have ended.
    FillDisk,
    DeleteFolder,
    /// `daemon.json` is overwritten with nonsense.
    GarbageRecord,
}

/// How the engine is in this round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Engine {
    pub(crate) start_delay: Duration,
    pub(crate) query_delay: Duration,
    pub(crate) failing_starts: u32,
}

/// What a round is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Calm,
    SlowEngine,
    FailingStarts,
    KillDaemon,
    KillEngine,
    KillClient,
    PauseDaemon,
    PauseEngine,
    PauseClient,
    Stop,
    StopNow,
    FillDisk,
    DeleteFolder,
    GarbageRecord,
}

impl Kind {
    pub(crate) const ALL: [Self; 14] = [
        Self::Calm,
        Self::SlowEngine,
        Self::FailingStarts,
        Self::KillDaemon,
        Self::KillEngine,
        Self::KillClient,
        Self::PauseDaemon,
        Self::PauseEngine,
        Self::PauseClient,
        Self::Stop,
        Self::StopNow,
        Self::FillDisk,
        Self::DeleteFolder,
        Self::GarbageRecord,
    ];
}

/// What may come of a round without being a defect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// A client may be told that there is no hyperd (exit code 3).
    pub(crate) no_daemon: bool,
    /// A client may be told that its connection was lost (exit code 4).
    pub(crate) lost: bool,
    /// Engines that may be started in all.
    pub(crate) engines: usize,
    /// An engine from before the folder was deleted may live beside one from after it.
    pub(crate) beside_a_deleted_folder: bool,
    /// A record may be left that no daemon wrote or could remove.
    pub(crate) record_left: bool,
}

impl Plan {
    /// The plan of this round. Every kind has a round of its own, in an order that the seed gives; then two or three
    /// kinds come together. Without `can_fill_disk` no disk is filled.
    pub(crate) fn new(seed: u64, round: u64, clients: usize, can_fill_disk: bool) -> Self {
        let kinds = kinds(seed, round);
        let mut random = Random::new(seed, round + 1);
        let hold = |random: &mut Random| match random.within(0, 4) {
            0 => Duration::from_millis(random.within(200, 800)),
            _ => Duration::ZERO,
        };
        let holds = (0..clients).map(|_| hold(&mut random)).collect();
        let mut engine = Engine::default();
        let mut faults = Vec::new();
        for kind in kinds.into_iter().filter(|kind| can_fill_disk || *kind != Kind::FillDisk) {
            match kind {
                Kind::SlowEngine => {
                    engine.start_delay = Duration::from_millis(random.within(300, 1500));
                    engine.query_delay = Duration::from_millis(random.within(20, 300));
                }
                Kind::FailingStarts => engine.failing_starts = 1 + u32::from(random.within(0, 2) == 1),
                kind => faults.extend(fault(kind, &mut random)),
            }
        }
        faults.sort_by_key(|(at, _)| *at);
        Self { round, holds, faults, engine }
    }

    pub(crate) fn has(&self, wanted: Fault) -> bool {
        self.faults.iter().any(|(_, fault)| *fault == wanted)
    }

    /// What of this plan excuses what.
    pub(crate) fn allowance(&self) -> Allowance {
        let clients = self.holds.len();
        let mut allowance = Allowance { engines: 1, ..Allowance::default() };
        if self.engine.failing_starts > 0 {
            allowance.no_daemon = true;
            allowance.engines += self.engine.failing_starts as usize;
        }
        for (_, fault) in &self.faults {
            match fault {
                Fault::PauseDaemon(_) | Fault::PauseEngine(_) | Fault::PauseClient(_) => {}
                Fault::KillClient | Fault::Stop => allowance.engines += 1,
                Fault::KillEngine => {
                    allowance.lost = true;
                    // Killed before it was ready, it did not start, and that is what clients are told.
                    allowance.no_daemon = true;
                    allowance.engines += 1;
                }
                Fault::KillDaemon | Fault::StopNow => {
                    allowance.lost = true;
                    allowance.engines += 1;
                }
                Fault::FillDisk => {
                    allowance.no_daemon = true;
                    allowance.record_left = true;
                    // Each client may try, and try again.
                    allowance.engines += 3 * clients;
                }
                Fault::DeleteFolder => {
                    allowance.no_daemon = true;
                    allowance.lost = true;
                    allowance.beside_a_deleted_folder = true;
                    // The deletion takes a moment, in which a new folder can be made and deleted too.
                    allowance.engines += 2;
                }
                Fault::GarbageRecord => allowance.record_left = true,
            }
        }
        allowance
    }
}

fn kinds(seed: u64, round: u64) -> Vec<Kind> {
    let mut order = Kind::ALL;
    Random::new(seed, 0).shuffle(&mut order);
    if let Some(kind) = usize::try_from(round).ok().and_then(|round| order.get(round)) {
        return vec![*kind];
    }
    let mut random = Random::new(!seed, round);
    random.shuffle(&mut order);
    let count = usize::try_from(random.within(2, 4)).expect("two or three");
    let mut kinds = order[..count].to_vec();
    if kinds.contains(&Kind::FillDisk) {
        // A file system of its own cannot be deleted.
        kinds.retain(|kind| *kind != Kind::DeleteFolder);
    }
    kinds
}

/// One or two faults of this kind, from before the first client runs to when most have ended.
fn fault(kind: Kind, random: &mut Random) -> Vec<(Duration, Fault)> {
    let count = match kind {
        Kind::KillDaemon | Kind::KillEngine | Kind::KillClient | Kind::PauseClient => random.within(1, 3),
        Kind::Calm | Kind::SlowEngine | Kind::FailingStarts => 0,
        _ => 1,
    };
    let one = |random: &mut Random| {
        let at = Duration::from_millis(random.within(0, 800));
        let pause = Duration::from_millis(random.within(300, 1500));
        let fault = match kind {
            Kind::KillDaemon => Fault::KillDaemon,
            Kind::KillEngine => Fault::KillEngine,
            Kind::PauseDaemon => Fault::PauseDaemon(pause),
            Kind::PauseEngine => Fault::PauseEngine(pause),
            Kind::PauseClient => Fault::PauseClient(pause),
            Kind::Stop => Fault::Stop,
            Kind::StopNow => Fault::StopNow,
            Kind::FillDisk => Fault::FillDisk,
            Kind::DeleteFolder => Fault::DeleteFolder,
            Kind::GarbageRecord => Fault::GarbageRecord,
            Kind::KillClient | Kind::Calm | Kind::SlowEngine | Kind::FailingStarts => Fault::KillClient,
        };
        (at, fault)
    };
    (0..count).map(|_| one(random)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_everything() {
        let plan = |seed, round| format!("{:?}", Plan::new(seed, round, 32, true));

        for round in 0..40 {
            assert_eq!(plan(7, round), plan(7, round));
        }
        assert!((0..40).any(|round| plan(7, round) != plan(8, round)));
    }

    #[test]
    fn every_kind_has_a_round_of_its_own_and_then_they_are_mixed() {
        for seed in 0..20 {
            let alone: Vec<_> = (0..14).flat_map(|round| kinds(seed, round)).collect();
            assert!(alone.len() == 14 && Kind::ALL.iter().all(|kind| alone.contains(kind)), "{alone:?}");
            let mixed = (14..40).map(|round| kinds(seed, round).len()).max();
            assert!(mixed >= Some(2));
        }
    }

    #[test]
    fn a_calm_round_allows_one_engine_and_nothing_else() {
        let calm = (0..14)
            .map(|round| Plan::new(3, round, 32, true))
            .find(|plan| plan.faults.is_empty() && plan.engine == Engine::default());

        let allowance = calm.expect("one round is calm").allowance();

        assert_eq!(allowance, Allowance { engines: 1, ..Allowance::default() });
    }

    #[test]
    fn what_no_fault_excuses_is_not_allowed() {
        for round in 0..200 {
            let plan = Plan::new(5, round, 32, true);
            let harmless = plan.faults.iter().all(|(_, fault)| {
                matches!(
                    fault,
                    Fault::Stop
                        | Fault::GarbageRecord
                        | Fault::KillClient
                        | Fault::PauseDaemon(_)
                        | Fault::PauseEngine(_)
                        | Fault::PauseClient(_)
                )
            });
            if harmless && plan.engine.failing_starts == 0 {
                let allowance = plan.allowance();
                assert!(!allowance.no_daemon && !allowance.lost, "{plan:?}");
            }
        }
    }
}
