use crate::time::Duration;

/// When TCP keepalive asks an idle peer for a sign of life, and when it gives up.
///
/// RFC 1122 section 4.2.3.6 and RFC 9293 section 3.8.4 leave all three to the application and demand that it is off
/// by default, with an idle time of two hours or more: far too long for somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Keepalive {
    /// Silence before the first probe. Whole seconds count; the kernel takes no fraction.
    pub idle: Duration,
    /// Pause between two unanswered probes. Whole seconds count.
    pub interval: Duration,
    /// Unanswered probes after which the connection is lost.
    pub probes: u32,
}

impl Keepalive {
    /// 60 s of silence, then a probe every 10 s, lost after 3 of them: about 90 s in all.
    ///
    /// One answered probe starts the count anew. At 5 % loss each way, three probes in a row fail about once in
    /// 18 hours of silence; `Keepalive { interval: 5 s, probes: 6, .. }` has the same bound and fails far less often.
    pub const DEFAULT: Self =
        Self { idle: Duration::from_secs(60), interval: Duration::from_secs(10), probes: 3 };

    /// How long an unbroken silence lasts until the kernel reports the connection lost: `idle + probes * interval`.
    #[must_use]
    pub const fn bound(&self) -> Duration {
        self.idle.saturating_add(self.interval.saturating_mul(self.probes))
    }
}

impl Default for Keepalive {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What is asked of the kernel for every connection, as far as the system has the option.
///
/// `TCP_NODELAY` is always asked for: a request is one write, and waiting for more of it would only delay it.
///
/// There is deliberately no `TCP_USER_TIMEOUT` here; it is set to 0. It would also end a connection whose peer is
/// alive and acknowledges but has closed its receive window (a server busy with a bulk load: ended after 5.3 s with
/// a timeout of 5 s, measured on Linux 6.18), and it silently replaces the probe count of keepalive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkPolicy {
    /// Finds a peer that vanished while nothing was in flight.
    ///
    /// Linux does not send keepalive probes while data is unacknowledged, so this alone leaves a request that is
    /// sent into a dead path waiting for 939.6 s (measured on Linux 6.18 with default settings).
    pub keepalive: Keepalive,
    /// Linux 6.15 and later: longest pause between two retransmissions or two window probes (`TCP_RTO_MAX_MS`,
    /// milliseconds count, the kernel takes 1 s to 120 s).
    ///
    /// It shortens the *time* in which the kernel spends its `tcp_retries2` attempts, not their number, and every
    /// acknowledgement starts the count anew: a live peer with a closed window is never given up.
    pub retransmit_cap: Duration,
    /// macOS (`TCP_RXT_CONNDROPTIME`) and Windows (`TCP_MAXRT`), which have no such cap: how long retransmission
    /// goes on without any acknowledgement. Whole seconds count.
    pub retransmit_limit: Duration,
    /// Size of the send buffer in bytes; `None` leaves it to the kernel, which grows it as the path needs.
    pub send_buffer: Option<usize>,
    /// Size of the receive buffer in bytes; `None` leaves it to the kernel, which grows it as the path needs.
    pub receive_buffer: Option<usize>,
}

impl LinkPolicy {
    /// A vanished peer is found in about 90 s, idle or not: [`Keepalive::DEFAULT`], a retransmission cap of 7.5 s
    /// (87.6 s with the kernel's 15 attempts) and a retransmission limit of 90 s.
    pub const DEFAULT: Self = Self {
        keepalive: Keepalive::DEFAULT,
        retransmit_cap: Duration::from_millis(7_500),
        retransmit_limit: Duration::from_secs(90),
        send_buffer: None,
        receive_buffer: None,
    };
}

impl Default for LinkPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}
