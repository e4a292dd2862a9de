//! What a pool of sessions decides: whether one that lay idle is good, and what becomes of one that is given back.
//!
//! ```
//! use core::time::Duration;
//! use hyperwire_core::pool::{Idle, Reuse, ReusePolicy};
//!
//! let policy = ReusePolicy::DEFAULT;
//! let minute = Duration::from_secs(60);
//! assert_eq!(policy.reuse(Idle { awake: Duration::ZERO, wall: Duration::ZERO }), Reuse::AtOnce);
//! assert_eq!(policy.reuse(Idle { awake: minute, wall: minute }), Reuse::Check { within: policy.answer_within });
//! ```

use crate::session::Session;
use crate::time::Duration;
use crate::wire::TransactionStatus;

/// When a session that lay idle has to show that it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReusePolicy {
    /// Idle up to this long it is taken as it is. Default 30 s.
    pub trusted_for: Duration,
    /// How long it has to answer a Sync after that, which takes a server that is well less than 1 ms. Default 2 s.
    pub answer_within: Duration,
}

/// How long a session lay idle, by two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idle {
    /// By a clock that may stand still while the machine is suspended.
    pub awake: Duration,
    /// By the clock on the wall, which goes on; zero if it was set back.
    pub wall: Duration,
}

/// What to do with an idle session before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Nothing.
    AtOnce,
    /// See that it answers a Sync, and replace it if it does not.
    Check {
        /// In this time.
        within: Duration,
    },
}

/// What to do with a session that is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// It is as good as new.
    Keep,
    /// A transaction is open: roll it back, then it is as good as new.
    RollBack,
    /// End it: it is dead, or a request is open and nobody would be there to have it canceled. The server stops what it
    /// does for a connection that is closed.
    End,
}

impl ReusePolicy {
    /// 30 s, 2 s.
    pub const DEFAULT: Self =
        Self { trusted_for: Duration::from_secs(30), answer_within: Duration::from_secs(2) };

    /// More between the two clocks than reading them one after the other makes: the machine was suspended.
    const SUSPENDED: Duration = Duration::from_secs(1);

    /// What to do with a session that lay idle so long.
    #[must_use]
    pub fn reuse(&self, idle: Idle) -> Reuse {
        let suspended = idle.wall.saturating_sub(idle.awake) > Self::SUSPENDED;
        if idle.awake > self.trusted_for || suspended {
            Reuse::Check { within: self.answer_within }
        } else {
            Reuse::AtOnce
        }
    }
}

impl Default for ReusePolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Return {
    /// What to do with this session.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        if !session.is_idle() {
            Self::End
        } else if session.transaction() == TransactionStatus::Idle {
            Self::Keep
        } else {
            Self::RollBack
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(awake: u64, wall: u64) -> Idle {
        Idle { awake: Duration::from_secs(awake), wall: Duration::from_secs(wall) }
    }

    const CHECK: Reuse = Reuse::Check { within: Duration::from_secs(2) };

    #[test]
    fn a_session_is_trusted_up_to_the_bound_and_checked_beyond() {
        assert_eq!(ReusePolicy::DEFAULT.reuse(seconds(30, 30)), Reuse::AtOnce);
        assert_eq!(ReusePolicy::DEFAULT.reuse(seconds(31, 31)), CHECK);
    }

    #[test]
    fn a_session_is_checked_after_the_machine_slept() {
        assert_eq!(ReusePolicy::DEFAULT.reuse(seconds(1, 1000)), CHECK);
    }

    #[test]
    fn a_wall_clock_that_was_set_back_says_nothing() {
        assert_eq!(ReusePolicy::DEFAULT.reuse(seconds(5, 0)), Reuse::AtOnce);
    }
}
