//! Children that hold nothing of the process that starts them.
//!
//! A daemon and its hyperd outlive whoever started them. A descriptor that they inherited keeps a lock held, a pipe open
//! and a job server short of a token until they end: `flock 9`, `make -j2` and `$(...)` then wait for the daemon. The
//! standard library marks what it opens itself; a program's other files, and what that program inherited, are not marked.
#![allow(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, getrlimit};

/// The first descriptor that is not one of the three standard ones.
const FIRST: u32 = 3;
/// Where a system can only be asked descriptor by descriptor, no more are.
const MOST: u64 = 65_536;

/// Lets the child have its standard input, output and error, and no other descriptor of this process.
///
/// They are marked in the child, after it was split off and before its program begins: this process may be somebody else's,
/// which means to hand them to other children.
pub(crate) fn nothing(command: &mut Command) -> &mut Command {
    let end = getrlimit(Resource::Nofile).current.unwrap_or(MOST).min(MOST);
    let mark = move || {
        mark_all(end);
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe functions may be called and no memory allocated; `mark_all` makes
    // system calls and nothing else.
    unsafe { command.pre_exec(mark) }
}

/// Closes every descriptor above standard error that this process inherited.
///
/// # Safety
/// Nothing in this process may own a descriptor above 2 yet: call it first thing in `main`.
///
/// # Errors
/// What the system says.
#[cfg(feature = "shared")]
pub unsafe fn close_inherited() -> std::io::Result<()> {
    let open = || {
        std::fs::read_dir("/dev/fd")
            .map(|found| found.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
    };
    // The list is read to its end before anything is closed: the folder itself has a descriptor, too.
    for descriptor in open()?.filter(|number| *number >= FIRST as i32).collect::<Vec<i32>>() {
        // SAFETY: nobody owns it, as the caller promises. The number that the listing had is closed already.
        unsafe { libc::close(descriptor) };
    }
    Ok(())
}

/// Marks all from [`FIRST`] on as not to be passed to another program.
fn mark_all(end: u64) {
    if mark_range() {
        return;
    }
    for descriptor in FIRST as i32..i32::try_from(end).unwrap_or(i32::MAX) {
        // SAFETY: the call takes two numbers, and a descriptor that is not open is an error that changes nothing.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

/// close_range(2), Linux 5.11. Not by the C library's function, which older ones lack.
#[cfg(target_os = "linux")]
fn mark_range() -> bool {
    // SAFETY: the call takes three numbers.
    let done = unsafe { libc::syscall(libc::SYS_close_range, FIRST, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    done == 0
}

#[cfg(not(target_os = "linux"))]
fn mark_range() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;

    use super::*;

    /// Which descriptors a child has besides the three, and that of its own listing.
    fn held_by(command: &mut Command) -> String {
        let listed = command.args(["-c", "for f in /dev/fd/*; do [ -e $f ] && echo ${f##*/}; done"]).output();
        String::from_utf8(listed.expect("a shell").stdout).expect("numbers")
    }

    #[test]
    fn a_child_has_three_descriptors_however_many_its_parent_passes_on() {
        let file = File::open("/dev/null").expect("it is there");
        let high = rustix::io::fcntl_dupfd_cloexec(&file, 200).expect("there is room");
        rustix::io::fcntl_setfd(&high, rustix::io::FdFlags::empty()).expect("it is open");
        let number = high.as_raw_fd().to_string();
        let inherited = held_by(&mut Command::new("/bin/sh"));
        assert!(inherited.lines().any(|line| line == number), "{inherited}");

        let held = held_by(nothing(&mut Command::new("/bin/sh")));

        assert!(!held.lines().any(|line| line == number), "{held}");
        assert!(["0", "1", "2"].iter().all(|standard| held.lines().any(|line| line == *standard)), "{held}");
    }
}
