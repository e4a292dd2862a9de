//! The one place where a socket is opened and set up, for every runtime.
//!
//! [`begin_connect`] opens a connection without waiting for it; [`finish_connect`] says when it is there. [`configure`]
//! sets up a socket that somebody else opened or accepted. Both apply a [`LinkPolicy`] as far as the system goes and report
//! in a [`LinkReport`] what the socket then really has.
//!
//! [`LinkPolicy`]: hyperwire_core::liveness::link::LinkPolicy

mod attempts;
mod begin;
mod configure;
mod error;
mod keepalive;
mod loss;
mod option;
mod retransmission;
mod send;

pub use attempts::{Attempts, FullBacklog};
pub use begin::{addresses, begin_connect, finish_connect};
pub use configure::{LinkReport, configure};
pub use error::{ConnectError, ConnectStep};
pub use loss::{is_not_now, loss};
pub use send::send;
