//! The three numbers of TCP keepalive. Each is set by a call of its own, so that a refusal of one leaves the others.

use std::time::Duration;

use hyperwire_core::liveness::link::Keepalive;
use socket2::SockRef;

pub(super) use system::{apply, idle, interval, probes};

#[cfg(any(
    target_os = "android",
    target_os = "freebsd",
    target_os = "ios",
    target_os = "linux",
    target_os = "macos",
    target_os = "netbsd"
))]
mod system {
    use super::{Duration, Keepalive, SockRef};
    use socket2::TcpKeepalive;

    pub(in super::super) fn apply(socket: &SockRef<'_>, keepalive: &Keepalive) {
        let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(keepalive.idle));
        let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_interval(keepalive.interval));
        let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_retries(keepalive.probes));
    }

    pub(in super::super) fn idle(socket: &SockRef<'_>) -> Option<Duration> {
        socket.tcp_keepalive_time().ok()
    }

    pub(in super::super) fn interval(socket: &SockRef<'_>) -> Option<Duration> {
        socket.tcp_keepalive_interval().ok()
    }

    pub(in super::super) fn probes(socket: &SockRef<'_>) -> Option<u32> {
        socket.tcp_keepalive_retries().ok()
    }
}

/// `SIO_KEEPALIVE_VALS` works on every Windows but cannot be read back; the three options can, `TCP_KEEPCNT` since
/// Windows 10 1703, the other two since 1709. So both ways are taken.
#[cfg(windows)]
mod system {
    use super::super::option;
    use super::{Duration, Keepalive, SockRef};
    use socket2::TcpKeepalive;
    use windows_sys::Win32::Networking::WinSock::{TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL};

    pub(in super::super) fn apply(socket: &SockRef<'_>, keepalive: &Keepalive) {
        let times = TcpKeepalive::new().with_time(keepalive.idle).with_interval(keepalive.interval);
        let _ = socket.set_tcp_keepalive(&times);
        let _ = option::set(socket, TCP_KEEPIDLE, option::whole_seconds(keepalive.idle));
        let _ = option::set(socket, TCP_KEEPINTVL, option::whole_seconds(keepalive.interval));
        let _ = option::set(socket, TCP_KEEPCNT, keepalive.probes);
    }

    pub(in super::super) fn idle(socket: &SockRef<'_>) -> Option<Duration> {
        option::get(socket, TCP_KEEPIDLE).ok().map(|s| Duration::from_secs(s.into()))
    }

    pub(in super::super) fn interval(socket: &SockRef<'_>) -> Option<Duration> {
        option::get(socket, TCP_KEEPINTVL).ok().map(|s| Duration::from_secs(s.into()))
    }

    pub(in super::super) fn probes(socket: &SockRef<'_>) -> Option<u32> {
        option::get(socket, TCP_KEEPCNT).ok()
    }
}

/// Anywhere else the idle time is asked for and nothing is known to be granted.
#[cfg(not(any(
    target_os = "android",
    target_os = "freebsd",
    target_os = "ios",
    target_os = "linux",
    target_os = "macos",
    target_os = "netbsd",
    windows
)))]
mod system {
    use super::{Duration, Keepalive, SockRef};
    use socket2::TcpKeepalive;

    pub(in super::super) fn apply(socket: &SockRef<'_>, keepalive: &Keepalive) {
        let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(keepalive.idle));
    }

    pub(in super::super) fn idle(_: &SockRef<'_>) -> Option<Duration> {
        None
    }

    pub(in super::super) fn interval(_: &SockRef<'_>) -> Option<Duration> {
        None
    }

    pub(in super::super) fn probes(_: &SockRef<'_>) -> Option<u32> {
        None
    }
}
