//! The link under a session: what is asked of the kernel for every connection, what the kernel granted, and how
//! soon, as a consequence, a peer that vanished is found.
//!
//! A runtime applies a [`LinkPolicy`] to each socket it opens, reads every option back into [`LinkOptions`] and shows
//! the [`DetectionBound`] that follows from them. An option that a system does not have is recorded, never an error.
//!
//! # What this layer sees, and what it does not
//!
//! It finds a *path or host* that is gone: with nothing in flight by keepalive, with bytes in flight by the end of
//! retransmission. A statement that runs for days on a peer whose kernel still acknowledges is never ended by it.
//! A process that hangs while its kernel goes on acknowledging is not seen here at all.
//!
//! # Unix domain sockets
//!
//! Both ends of a Unix domain socket live in one kernel: there is no path to lose, no packet and no acknowledgement.
//! The death of the peer process closes the socket and is reported at once. `SO_KEEPALIVE` is accepted on such a
//! socket and has no effect, and the TCP options do not exist. So none of them is set, [`LinkOptions`] holds only the
//! buffer sizes and neither bound of [`DetectionBound`] applies (`None`).

mod bound;
mod options;
mod policy;

pub use bound::DetectionBound;
pub use options::{LinkOption, LinkOptions};
pub use policy::{Keepalive, LinkPolicy};
