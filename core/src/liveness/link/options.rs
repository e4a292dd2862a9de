use alloc::vec::Vec;
use core::fmt;

use super::{DetectionBound, LinkPolicy};
use crate::time::Duration;

/// What a socket answered when it was asked for each option after they had been set.
///
/// `None` means that the option cannot be set or read here: the system does not have it, a sandbox refuses it, or
/// the socket is a Unix domain socket. Asking back is the only proof; options have been "set" for years in well-known
/// clients without ever being applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LinkOptions {
    /// `SO_KEEPALIVE`.
    pub keepalive: Option<bool>,
    /// `TCP_KEEPIDLE` (`TCP_KEEPALIVE` on macOS).
    pub keepalive_idle: Option<Duration>,
    /// `TCP_KEEPINTVL`.
    pub keepalive_interval: Option<Duration>,
    /// `TCP_KEEPCNT`.
    pub keepalive_probes: Option<u32>,
    /// `TCP_NODELAY`.
    pub no_delay: Option<bool>,
    /// `TCP_RTO_MAX_MS`, Linux 6.15 and later.
    pub retransmit_cap: Option<Duration>,
    /// `TCP_RXT_CONNDROPTIME` on macOS, `TCP_MAXRT` on Windows.
    pub retransmit_limit: Option<Duration>,
    /// Linux: the sysctl `net.ipv4.tcp_retries2` of the network namespace, which holds for IPv6 as well.
    pub retransmit_attempts: Option<u32>,
    /// `TCP_USER_TIMEOUT`; zero is "off".
    pub user_timeout: Option<Duration>,
    /// `SO_SNDBUF` in bytes as the kernel counts them; Linux doubles what was asked for.
    pub send_buffer: Option<usize>,
    /// `SO_RCVBUF` in bytes as the kernel counts them; Linux doubles what was asked for.
    pub receive_buffer: Option<usize>,
}

impl LinkOptions {
    /// How soon a peer that vanished is found with these options.
    #[must_use]
    pub fn detection_bound(&self) -> DetectionBound {
        DetectionBound::of(self)
    }

    /// What `policy` asks for and this TCP socket does not have, for diagnostics.
    ///
    /// Of the two limits to retransmission a system has at most one, so either of them will do.
    #[must_use]
    pub fn unmet(&self, policy: &LinkPolicy) -> Vec<LinkOption> {
        let asked = &policy.keepalive;
        let bounded = self.retransmit_cap == Some(policy.retransmit_cap)
            || self.retransmit_limit == Some(policy.retransmit_limit);
        let met = [
            (LinkOption::Keepalive, self.keepalive == Some(true)),
            (LinkOption::KeepaliveIdle, self.keepalive_idle == Some(asked.idle)),
            (LinkOption::KeepaliveInterval, self.keepalive_interval == Some(asked.interval)),
            (LinkOption::KeepaliveProbes, self.keepalive_probes == Some(asked.probes)),
            (LinkOption::NoDelay, self.no_delay == Some(true)),
            (LinkOption::RetransmissionBound, bounded),
            (LinkOption::SendBuffer, at_least(self.send_buffer, policy.send_buffer)),
            (LinkOption::ReceiveBuffer, at_least(self.receive_buffer, policy.receive_buffer)),
        ];
        met.into_iter().filter(|(_, met)| !met).map(|(option, _)| option).collect()
    }
}

/// Something a [`LinkPolicy`] asks for. Displayed as the name its manual page knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LinkOption {
    /// Probes at all.
    Keepalive,
    /// Silence before the first probe.
    KeepaliveIdle,
    /// Pause between probes.
    KeepaliveInterval,
    /// Number of probes.
    KeepaliveProbes,
    /// Small writes leave at once.
    NoDelay,
    /// A limit to retransmission, by cap or by time.
    RetransmissionBound,
    /// Size of the send buffer.
    SendBuffer,
    /// Size of the receive buffer.
    ReceiveBuffer,
}

impl fmt::Display for LinkOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keepalive => "SO_KEEPALIVE",
            Self::KeepaliveIdle => "TCP_KEEPIDLE",
            Self::KeepaliveInterval => "TCP_KEEPINTVL",
            Self::KeepaliveProbes => "TCP_KEEPCNT",
            Self::NoDelay => "TCP_NODELAY",
            Self::RetransmissionBound => "TCP_RTO_MAX_MS, TCP_RXT_CONNDROPTIME or TCP_MAXRT",
            Self::SendBuffer => "SO_SNDBUF",
            Self::ReceiveBuffer => "SO_RCVBUF",
        })
    }
}

fn at_least(got: Option<usize>, asked: Option<usize>) -> bool {
    asked.is_none_or(|asked| got.is_some_and(|got| got >= asked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec;

    fn granted() -> LinkOptions {
        let LinkPolicy { keepalive, retransmit_cap, .. } = LinkPolicy::DEFAULT;
        LinkOptions {
            keepalive: Some(true),
            keepalive_idle: Some(keepalive.idle),
            keepalive_interval: Some(keepalive.interval),
            keepalive_probes: Some(keepalive.probes),
            no_delay: Some(true),
            retransmit_cap: Some(retransmit_cap),
            ..LinkOptions::default()
        }
    }

    #[test]
    fn a_socket_that_grants_everything_leaves_nothing_unmet() {
        assert_eq!(granted().unmet(&LinkPolicy::DEFAULT), vec![]);
    }

    #[test]
    fn the_time_limit_of_macos_and_windows_stands_in_for_the_cap_of_linux() {
        let options = LinkOptions {
            retransmit_cap: None,
            retransmit_limit: Some(LinkPolicy::DEFAULT.retransmit_limit),
            ..granted()
        };

        assert_eq!(options.unmet(&LinkPolicy::DEFAULT), vec![]);
    }

    #[test]
    fn an_option_that_was_set_to_another_value_is_named() {
        let options = LinkOptions { keepalive_probes: Some(9), retransmit_cap: None, ..granted() };

        let unmet = options.unmet(&LinkPolicy::DEFAULT);

        assert_eq!(unmet, vec![LinkOption::KeepaliveProbes, LinkOption::RetransmissionBound]);
        assert_eq!(unmet[0].to_string(), "TCP_KEEPCNT");
    }

    #[test]
    fn a_buffer_smaller_than_asked_for_is_named_and_a_larger_one_is_not() {
        let policy =
            LinkPolicy { send_buffer: Some(1000), receive_buffer: Some(1000), ..LinkPolicy::DEFAULT };
        let options = LinkOptions { send_buffer: Some(999), receive_buffer: Some(2000), ..granted() };

        assert_eq!(options.unmet(&policy), vec![LinkOption::SendBuffer]);
    }
}
