//! # hyperwire-carrier
//!
//! What every runtime of hyperwire does but wait: for those who write one.
//!
//! A [`Carrier`] is a session with its buffers and its transport. Its `poll_` methods go as far as that takes no
//! waiting. When they are [`Pending`](Poll::Pending), a runtime delivers a cancel if one is due
//! ([`Carrier::take_cancel`]; [`Delivery`] does all of it but connect and wait), waits for the [`Cancels`] of others if it
//! has to ([`Carrier::awaited_cancels`]), waits for [`Carrier::wants`], tells [`Carrier::carry`] what came of it, and polls again.
//! Nothing is lost if it does not: everything that is under way is kept here, not in whoever polls.
//!
//! A runtime that hands out events instead of answers takes the half below, a [`Conduit`]: session, buffers, transport,
//! TLS, and what the end of either means.
//!
//! ```no_run
//! # use std::task::{Poll, ready};
//! # use hyperwire_carrier::{Carrier, Error, Ready, Transport};
//! fn until<T: Transport, R>(
//!     carrier: &mut Carrier<T>,
//!     mut step: impl FnMut(&mut Carrier<T>) -> Poll<Result<R, Error>>,
//! ) -> Result<R, Error> {
//!     loop {
//!         if let Poll::Ready(outcome) = step(carrier) {
//!             return outcome;
//!         }
//!         carrier.carry(Ready { readable: true, writable: true })?; // A runtime would wait before.
//!     }
//! }
//! # fn ready<T: Transport>(carrier: &mut Carrier<T>) -> Result<(), Error> {
//! until(carrier, Carrier::poll_ready)
//! # }
//! ```
#![deny(unsafe_code)]

mod answer;
mod bound;
mod bytes;
mod cancels;
mod carrier;
mod channel;
mod conduit;
mod config;
mod delivery;
mod error;
mod notices;
mod request;
pub mod socket;
mod statement;
#[cfg(feature = "tls")]
pub mod tls;
mod transaction;

pub use answer::{Answer, affected};
pub use bound::{FOR_EVER, deadline};
pub use bytes::Wants;
pub use cancels::Cancels;
pub use carrier::Carrier;
pub use channel::{Ready, Transport};
pub use conduit::Conduit;
pub use config::Config;
pub use delivery::{CancelOutcome, CancelTarget, Delivery};
pub use error::{Error, with_causes};
pub use hyperwire_core;
pub use statement::Statement;
