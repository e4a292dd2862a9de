use super::{Keepalive, LinkOptions};
use crate::time::Duration;

/// Shortest retransmission timeout of Linux (`TCP_RTO_MIN`), the base of its give-up time.
const RTO_MIN: Duration = Duration::from_millis(200);
/// Longest retransmission timeout of Linux unless capped (`TCP_RTO_MAX`); RFC 9293 section 3.8.1 asks for 60 s or
/// more.
const RTO_MAX: Duration = Duration::from_secs(120);

/// How soon a peer that vanished is found, from its last sign of life or from the first unanswered byte.
///
/// These are the kernel's nominal times. What a clock shows is a little more: see
/// [`with_allowance`](Self::with_allowance).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DetectionBound {
    /// Nothing in flight: keepalive. `None` when no keepalive is known to be at work.
    pub idle: Option<Duration>,
    /// Bytes in flight: the end of retransmission. `None` when the system tells neither its attempts nor its limit.
    ///
    /// Behind a window that the peer had closed before it vanished, the kernel starts from longer pauses and needs
    /// up to half as much again (126.6 s against 95.3 s, measured with a cap of 8 s).
    pub in_flight: Option<Duration>,
    /// The longest single pause of retransmission, after which the kernel looks whether `in_flight` has passed.
    last_pause: Duration,
}

impl DetectionBound {
    /// The bound that follows from what a socket answered.
    pub(super) fn of(options: &LinkOptions) -> Self {
        Self {
            idle: idle(options),
            in_flight: in_flight(options),
            last_pause: options.retransmit_attempts.map_or(Duration::ZERO, |_| rto_max(options)),
        }
    }

    /// The latest moment at which a clock shows what this bound foretells; no test and no person should wait longer.
    ///
    /// Adds 15 % for the kernel's timers, which are coarser the longer they run (at 250 ticks a second a timer above
    /// 16 s may be 2 s late, one above 131 s 16 s late). Linux checks its give-up time only when a retransmission is
    /// due, so where the longest pause is more than those 15 % (few attempts, no cap), that pause is added instead.
    #[must_use]
    pub fn with_allowance(&self) -> Self {
        let slack = |nominal: Duration| nominal.saturating_mul(15) / 100;
        let late = |nominal: Duration| nominal.saturating_add(slack(nominal));
        let pause = |nominal: Duration| self.last_pause.min(nominal);
        Self {
            idle: self.idle.map(late),
            in_flight: self.in_flight.map(|t| t.saturating_add(slack(t).max(pause(t)))),
            last_pause: Duration::ZERO,
        }
    }
}

/// Keepalive gives up after `idle + probes * interval`; a user timeout replaces the number of probes (one must be
/// out).
fn idle(options: &LinkOptions) -> Option<Duration> {
    options.keepalive.filter(|&on| on)?;
    let interval = options.keepalive_interval?;
    let keepalive = Keepalive { idle: options.keepalive_idle?, interval, probes: options.keepalive_probes? };
    Some(match user_timeout(options) {
        Some(limit) => limit.max(keepalive.idle.saturating_add(interval)),
        None => keepalive.bound(),
    })
}

fn in_flight(options: &LinkOptions) -> Option<Duration> {
    user_timeout(options)
        .or(options.retransmit_limit.filter(|limit| !limit.is_zero()))
        .or_else(|| options.retransmit_attempts.map(|attempts| linux_give_up(attempts, rto_max(options))))
}

fn user_timeout(options: &LinkOptions) -> Option<Duration> {
    options.user_timeout.filter(|limit| !limit.is_zero())
}

fn rto_max(options: &LinkOptions) -> Duration {
    options.retransmit_cap.unwrap_or(RTO_MAX)
}

/// When Linux ends retransmission: the time that `attempts` timeouts would take which start at 0.2 s and double until
/// they reach the cap (`tcp_model_timeout` in net/ipv4/tcp_timer.c; ip-sysctl on `tcp_retries2` calls the default
/// "a hypothetical timeout of 924.6 seconds").
///
/// With k = floor(log2(cap / 0.2 s)) and n attempts: 0.2 (2^(k+1) - 1) + (n - k) cap.
fn linux_give_up(attempts: u32, cap: Duration) -> Duration {
    let ratio = cap.as_millis() / RTO_MIN.as_millis();
    let doublings = ratio.checked_ilog2().unwrap_or(0).min(attempts);
    let doubling = 1u32.checked_shl(doublings + 1).map_or(u32::MAX, |powers| powers - 1);
    let capped = cap.saturating_mul(attempts - doublings);
    RTO_MIN.saturating_mul(doubling).saturating_add(capped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn options(idle: u64, interval: u64, probes: u32) -> LinkOptions {
        LinkOptions {
            keepalive: Some(true),
            keepalive_idle: Some(secs(idle)),
            keepalive_interval: Some(secs(interval)),
            keepalive_probes: Some(probes),
            retransmit_attempts: Some(15),
            user_timeout: Some(Duration::ZERO),
            ..LinkOptions::default()
        }
    }

    // Measured on Linux 6.18 from the last sign of life.
    #[rstest]
    #[case::default(60, 10, 3, 90.0, 91.0)]
    #[case::more_probes_same_bound(60, 5, 6, 90.0, 91.0)]
    #[case::scaled(2, 1, 3, 5.0, 4.8)]
    fn an_idle_link_is_lost_after_idle_plus_every_probe(
        #[case] idle: u64,
        #[case] interval: u64,
        #[case] probes: u32,
        #[case] predicted: f64,
        #[case] measured: f64,
    ) {
        let bound = options(idle, interval, probes).detection_bound();

        assert_eq!(bound.idle, Some(Duration::from_secs_f64(predicted)));
        assert!(bound.with_allowance().idle >= Some(Duration::from_secs_f64(measured)));
    }

    // Measured on Linux 6.18 with tcp_retries2 = 15; `None` where nobody has measured.
    #[rstest]
    #[case::cap_of_1_s(Some(1_000), 15, 14_400, Some(15_000))]
    #[case::cap_of_7_5_s(Some(7_500), 15, 87_600, None)]
    #[case::cap_of_8_s(Some(8_000), 15, 92_600, Some(95_300))]
    #[case::cap_of_10_s(Some(10_000), 15, 112_600, Some(115_800))]
    #[case::cap_of_120_s(Some(120_000), 15, 924_600, Some(939_600))]
    #[case::kernel_without_a_cap(None, 15, 924_600, Some(939_600))]
    #[case::fewer_attempts_than_doublings(None, 8, 102_200, None)]
    #[case::no_attempts(Some(8_000), 0, 200, None)]
    fn bytes_in_flight_are_given_up_after_the_models_time(
        #[case] cap_ms: Option<u64>,
        #[case] attempts: u32,
        #[case] predicted_ms: u64,
        #[case] measured_ms: Option<u64>,
    ) {
        let options = LinkOptions {
            retransmit_cap: cap_ms.map(Duration::from_millis),
            retransmit_attempts: Some(attempts),
            ..options(60, 10, 3)
        };

        let bound = options.detection_bound();

        assert_eq!(bound.in_flight, Some(Duration::from_millis(predicted_ms)));
        if let Some(measured) = measured_ms {
            assert!(bound.with_allowance().in_flight >= Some(Duration::from_millis(measured)));
        }
    }

    #[test]
    fn the_allowance_is_15_percent_while_the_cap_is_small() {
        let options = LinkOptions { retransmit_cap: Some(secs(8)), ..options(60, 10, 3) };

        let latest = options.detection_bound().with_allowance();

        assert_eq!(latest.idle, Some(Duration::from_millis(103_500)));
        assert_eq!(latest.in_flight, Some(Duration::from_millis(106_490)));
    }

    #[test]
    fn the_allowance_is_a_whole_pause_when_attempts_are_few_and_nothing_caps_them() {
        let options = LinkOptions { retransmit_attempts: Some(8), ..options(60, 10, 3) };

        let latest = options.detection_bound().with_allowance();

        assert_eq!(latest.in_flight, Some(Duration::from_millis(2 * 102_200)));
    }

    // Measured on Linux 6.18: 2/1/3 with 10 s ends after 9.9 s, 2/1/30 with 4 s after 3.7 s.
    #[rstest]
    #[case(3, 10, 10)]
    #[case(30, 4, 4)]
    #[case::never_before_a_probe_is_out(3, 1, 3)]
    fn a_user_timeout_replaces_the_probe_count_and_the_attempts(
        #[case] probes: u32,
        #[case] timeout: u64,
        #[case] idle: u64,
    ) {
        let options = LinkOptions { user_timeout: Some(secs(timeout)), ..options(2, 1, probes) };

        let bound = options.detection_bound();

        assert_eq!(bound.idle, Some(secs(idle)));
        assert_eq!(bound.in_flight, Some(secs(timeout)));
    }

    #[test]
    fn macos_and_windows_tell_their_limit_directly() {
        let options = LinkOptions {
            retransmit_limit: Some(secs(90)),
            retransmit_attempts: None,
            user_timeout: None,
            ..options(60, 10, 3)
        };

        let bound = options.detection_bound();

        assert_eq!(bound.in_flight, Some(secs(90)));
        assert_eq!(bound.with_allowance().in_flight, Some(Duration::from_millis(103_500)));
    }

    #[test]
    fn keepalive_that_is_off_bounds_nothing() {
        let options = LinkOptions { keepalive: Some(false), ..options(60, 10, 3) };

        assert_eq!(options.detection_bound().idle, None);
    }

    #[test]
    fn a_unix_domain_socket_has_no_bound() {
        let options = LinkOptions { send_buffer: Some(212_992), ..LinkOptions::default() };

        assert_eq!(options.detection_bound(), DetectionBound::default());
    }

    #[test]
    fn absurd_values_saturate() {
        let options = LinkOptions {
            keepalive_idle: Some(Duration::MAX),
            retransmit_cap: Some(Duration::MAX),
            retransmit_attempts: Some(u32::MAX),
            ..options(60, 10, 3)
        };

        let latest = options.detection_bound().with_allowance();

        assert_eq!(latest.idle, Some(Duration::MAX));
        assert_eq!(latest.in_flight, Some(Duration::MAX));
    }
}
