//! What a socket's options promise about the moment at which a loss is reported.

use std::fmt;
use std::time::Duration;

use hyperwire_blocking::socket::LinkReport;
use hyperwire_core::liveness::link::{DetectionBound, LinkOption};

/// When a loss is reported.
pub(crate) struct Foretold {
    nominal: Duration,
    pub(crate) latest: Duration,
}

impl Foretold {
    pub(crate) fn by(report: &LinkReport, which: fn(&DetectionBound) -> Option<Duration>) -> Self {
        let times = which(&report.bound).zip(which(&report.bound.with_allowance()));
        let (nominal, latest) = times.expect("Linux tells everything that a bound needs");
        Self { nominal, latest }
    }

    /// Expects a loss between 80 % of the nominal bound and the latest moment allowed.
    pub(crate) fn check(&self, elapsed: Duration) -> String {
        let earliest = self.nominal * 4 / 5;
        assert!(elapsed >= earliest, "lost after {elapsed:.2?}, {earliest:.2?} is the earliest; {self}");
        assert!(elapsed <= self.latest, "lost after {elapsed:.2?}; {self}");
        format!("lost after {elapsed:.2?}; {self}")
    }
}

impl fmt::Display for Foretold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nominal {:.2?}, latest {:.2?}", self.nominal, self.latest)
    }
}

/// What was asked for is what the socket has; only an older kernel is excused.
pub(crate) fn assert_policy_is_met(report: &LinkReport) {
    let without_cap = report.options.retransmit_cap.is_none();
    let excused = if without_cap { &[LinkOption::RetransmissionBound][..] } else { &[] };
    assert_eq!(report.unmet, excused);
}

/// Why the bound with bytes in flight is out of a test's reach, if it is.
pub(crate) fn why_not_wait_in_flight(report: &LinkReport) -> Option<String> {
    let bound = report.bound.in_flight;
    let why =
        || format!("not waited for: this kernel has no TCP_RTO_MAX_MS (Linux 6.15), its bound is {bound:?}");
    report.options.retransmit_cap.is_none().then(why)
}

/// Past the latest moment at which any loss would be reported; without a cap the bound in flight is out of reach.
pub(crate) fn longer_than_every_bound(report: &LinkReport) -> Duration {
    let latest = report.bound.with_allowance();
    let in_flight = report.options.retransmit_cap.and(latest.in_flight);
    latest.idle.max(in_flight).expect("keepalive is on") + Duration::from_secs(1)
}
