//! Known mistakes, one by one, so that the tests can show that they would find each. Only a build with
//! `--cfg hyperwire_mutants` can make one. See `tests/explorer/mutants.md`.

/// One deviation of a machine. The names start with the race that they bring back.
#[cfg_attr(not(hyperwire_mutants), allow(unreachable_pub, reason = "the tests have a build of their own"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is described in the table of the tests")]
pub enum Mutant {
    R1ReadyWhenBound,
    R1LockIgnored,
    R4StopKills,
    R6RemovesAnyRecord,
    R11EofIgnored,
    R15LockBeforeEngine,
    R16StopForce,
    R18StopAnyone,
    R20LeaseWhileDraining,
    R22IdleIgnoresLeases,
    R23RecordTrusted,
    R25ReportTrusted,
    R26GenerationKept,
    R33OrphanIgnored,
    R37LockLossIgnored,
    R41ListenerLossIgnored,
    R42NoSpawnLock,
    NoSelfCheck,
    IdleHolderStays,
    RecordNotRemoved,
    LegacyNotYieldedTo,
}

/// The deviation that a machine was built with: none, outside of those tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Mutation {
    #[cfg(hyperwire_mutants)]
    mutant: Option<Mutant>,
}

impl Mutation {
    #[cfg(hyperwire_mutants)]
    pub(crate) const fn new(mutant: Option<Mutant>) -> Self {
        Self { mutant }
    }

    #[cfg(hyperwire_mutants)]
    #[inline]
    pub(crate) fn is(self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    #[cfg(not(hyperwire_mutants))]
    #[inline]
    #[allow(clippy::unused_self, reason = "it has none")]
    pub(crate) const fn is(self, _: Mutant) -> bool {
        false
    }
}
