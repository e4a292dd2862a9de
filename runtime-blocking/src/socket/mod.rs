//! The one place where a socket is opened and set up, for every runtime.
//!
//! [`connect`] opens a connection within a deadline and gives back a non-blocking socket that a runtime may wrap as
//! it likes. [`begin_connect`] does that for runtimes that must not wait. [`configure`] sets up a socket that somebody else opened or accepted. Both apply a [`LinkPolicy`] as far
//! as the system goes and report in a [`LinkReport`] what the socket then really has.
//!
//! [`LinkPolicy`]: hyperwire_core::liveness::link::LinkPolicy

mod begin;
mod configure;
mod connect;
mod error;
mod keepalive;
mod loss;
mod option;
mod resolve;
mod retransmission;
mod send;

pub use begin::{addresses, begin_connect, finish_connect};
pub use configure::{LinkReport, configure};
pub use connect::connect;
pub use error::{ConnectError, ConnectStep};
pub use loss::{is_not_now, loss};
pub use send::send;
