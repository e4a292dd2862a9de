//! TCP options that no safe interface offers, by number. The only unsafe code of this crate.
#![allow(unsafe_code)]
#![cfg_attr(
    not(any(target_os = "android", target_os = "ios", target_os = "linux", target_os = "macos", windows)),
    allow(dead_code)
)]

use std::io;

use socket2::SockRef;

/// `setsockopt` of a 32-bit option at level `IPPROTO_TCP`.
pub(super) fn set(socket: &SockRef<'_>, name: i32, value: u32) -> io::Result<()> {
    let value = i32::try_from(value).map_err(|_| io::ErrorKind::InvalidInput)?;
    system::set(socket, name, value)
}

/// `getsockopt` of a 32-bit option at level `IPPROTO_TCP`; a negative answer is an error, no number of ours is one.
pub(super) fn get(socket: &SockRef<'_>, name: i32) -> io::Result<u32> {
    let value = system::get(socket, name)?;
    u32::try_from(value).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Whole seconds, for the options that count them.
#[cfg(any(target_os = "ios", target_os = "macos", windows))]
pub(super) fn whole_seconds(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(unix)]
mod system {
    use super::{SockRef, io};
    use std::os::fd::AsRawFd;

    pub(super) fn set(socket: &SockRef<'_>, name: i32, value: i32) -> io::Result<()> {
        let length = size_of::<i32>() as libc::socklen_t;
        // SAFETY: the descriptor is open because `socket` borrows it; the pointer and the length describe `value`,
        // which outlives the call, and the kernel only reads it.
        let done = unsafe {
            let value: *const i32 = &raw const value;
            libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, name, value.cast(), length)
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    pub(super) fn get(socket: &SockRef<'_>, name: i32) -> io::Result<i32> {
        let mut value = 0_i32;
        let mut length = size_of::<i32>() as libc::socklen_t;
        // SAFETY: the descriptor is open because `socket` borrows it; `length` tells the kernel the size of `value`,
        // both outlive the call, and every bit pattern is a valid i32.
        let done = unsafe {
            let value: *mut i32 = &raw mut value;
            libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, name, value.cast(), &raw mut length)
        };
        if done == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
    }
}

#[cfg(windows)]
mod system {
    use super::{SockRef, io};
    use std::os::windows::io::AsRawSocket;
    use windows_sys::Win32::Networking::WinSock::{self, IPPROTO_TCP, WSAGetLastError};

    pub(super) fn set(socket: &SockRef<'_>, name: i32, value: i32) -> io::Result<()> {
        let handle = socket.as_raw_socket() as WinSock::SOCKET;
        // SAFETY: the handle is open because `socket` borrows it; the pointer and the length describe `value`, which
        // outlives the call and is only read.
        let done = unsafe {
            let value: *const i32 = &raw const value;
            WinSock::setsockopt(handle, IPPROTO_TCP, name, value.cast(), size_of::<i32>() as i32)
        };
        if done == 0 { Ok(()) } else { Err(last_error()) }
    }

    pub(super) fn get(socket: &SockRef<'_>, name: i32) -> io::Result<i32> {
        let handle = socket.as_raw_socket() as WinSock::SOCKET;
        let mut value = 0_i32;
        let mut length = size_of::<i32>() as i32;
        // SAFETY: the handle is open because `socket` borrows it; `length` tells the size of `value`, both outlive
        // the call, and every bit pattern is a valid i32.
        let done = unsafe {
            let value: *mut i32 = &raw mut value;
            WinSock::getsockopt(handle, IPPROTO_TCP, name, value.cast(), &raw mut length)
        };
        if done == 0 { Ok(value) } else { Err(last_error()) }
    }

    fn last_error() -> io::Error {
        // SAFETY: reads a number of this thread; no arguments.
        io::Error::from_raw_os_error(unsafe { WSAGetLastError() })
    }
}
