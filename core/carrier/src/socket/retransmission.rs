//! The limit to retransmission: a cap of its pauses on Linux, a limit in time on macOS and Windows.

use std::time::Duration;

use hyperwire_core::liveness::link::LinkPolicy;
use socket2::SockRef;

pub(super) use system::{apply, cap, limit};

/// How often Linux retransmits until it gives up: `net.ipv4.tcp_retries2` of this thread's network namespace.
pub(super) fn attempts() -> Option<u32> {
    if !cfg!(any(target_os = "android", target_os = "linux")) {
        return None;
    }
    std::fs::read_to_string("/proc/sys/net/ipv4/tcp_retries2").ok()?.trim().parse().ok()
}

#[cfg(any(target_os = "android", target_os = "linux"))]
mod system {
    use super::super::option;
    use super::{Duration, LinkPolicy, SockRef};

    /// Longest pause between retransmissions in milliseconds: include/uapi/linux/tcp.h since Linux 6.15.
    const TCP_RTO_MAX_MS: i32 = 44;

    pub(in super::super) fn apply(socket: &SockRef<'_>, policy: &LinkPolicy) {
        let milliseconds = u32::try_from(policy.retransmit_cap.as_millis()).unwrap_or(u32::MAX);
        let _ = option::set(socket, TCP_RTO_MAX_MS, milliseconds);
    }

    pub(in super::super) fn cap(socket: &SockRef<'_>) -> Option<Duration> {
        option::get(socket, TCP_RTO_MAX_MS).ok().map(|ms| Duration::from_millis(ms.into()))
    }

    pub(in super::super) fn limit(_: &SockRef<'_>) -> Option<Duration> {
        None
    }
}

#[cfg(any(target_os = "ios", target_os = "macos", windows))]
mod system {
    use super::super::option;
    use super::{Duration, LinkPolicy, SockRef};

    /// Seconds without an acknowledgement until retransmission ends: `TCP_RXT_CONNDROPTIME`, bsd/netinet/tcp.h of xnu.
    #[cfg(not(windows))]
    const LIMIT: i32 = 0x80;
    /// Seconds without an acknowledgement until retransmission ends: `TCP_MAXRT`.
    #[cfg(windows)]
    const LIMIT: i32 = windows_sys::Win32::Networking::WinSock::TCP_MAXRT;

    pub(in super::super) fn apply(socket: &SockRef<'_>, policy: &LinkPolicy) {
        let _ = option::set(socket, LIMIT, option::whole_seconds(policy.retransmit_limit));
    }

    pub(in super::super) fn cap(_: &SockRef<'_>) -> Option<Duration> {
        None
    }

    pub(in super::super) fn limit(socket: &SockRef<'_>) -> Option<Duration> {
        option::get(socket, LIMIT).ok().map(|s| Duration::from_secs(s.into()))
    }
}

#[cfg(not(any(
    target_os = "android",
    target_os = "ios",
    target_os = "linux",
    target_os = "macos",
    windows
)))]
mod system {
    use super::{Duration, LinkPolicy, SockRef};

    pub(in super::super) fn apply(_: &SockRef<'_>, _: &LinkPolicy) {}

    pub(in super::super) fn cap(_: &SockRef<'_>) -> Option<Duration> {
        None
    }

    pub(in super::super) fn limit(_: &SockRef<'_>) -> Option<Duration> {
        None
    }
}
