//! The machines, with a mistake if one is asked for. Only a build with `--cfg hyperwire_mutants` knows any.

use hyperwire_core::control::{Incarnation, Secret};
use hyperwire_core::daemon::{self, Daemon};
use hyperwire_core::election::{self, Election};
use hyperwire_core::time::Instant;

#[cfg(hyperwire_mutants)]
pub use hyperwire_core::control::Mutant;

/// There is none in this build.
#[cfg(not(hyperwire_mutants))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {}

#[cfg(hyperwire_mutants)]
pub(crate) fn election(config: election::Config, mutant: Option<Mutant>) -> Election {
    Election::with_mutant(config, mutant)
}

#[cfg(not(hyperwire_mutants))]
pub(crate) fn election(config: election::Config, _: Option<Mutant>) -> Election {
    Election::new(config)
}

#[cfg(hyperwire_mutants)]
pub(crate) fn daemon(
    config: daemon::Config,
    incarnation: Incarnation,
    secret: Secret,
    now: Instant,
    mutant: Option<Mutant>,
) -> Daemon {
    Daemon::with_mutant(config, incarnation, secret, now, mutant)
}

#[cfg(not(hyperwire_mutants))]
pub(crate) fn daemon(
    config: daemon::Config,
    incarnation: Incarnation,
    secret: Secret,
    now: Instant,
    _: Option<Mutant>,
) -> Daemon {
    Daemon::new(config, incarnation, secret, now)
}
