//! # hyperwire-carrier
//!
//! What every runtime of hyperwire does but wait: for those who write one.
//!
//! A [`Client`] is a connection on which requests are made one at a time. Its `poll_` methods go as far as that takes no
//! waiting. When they are [`Pending`](std::task::Poll::Pending), a runtime delivers a cancel if one is due
//! ([`Client::take_cancel`]; [`Delivery`] does all of it but connect and wait), waits for the [`Cancels`] of others if it
//! has to ([`Client::awaited_cancels`]), waits for [`Client::wants`], tells [`Client::carry`] what came of it, and polls again.
//! Nothing is lost if it does not: everything that is under way is kept here, not in whoever polls.
//!
//! A runtime that hands out events instead of answers takes the half below, a [`Connection`]: session, buffers, transport,
//! TLS, and what the end of either means.
//!
//! ```no_run
//! # use std::task::{Poll, ready};
//! # use hyperwire_carrier::{Client, Error, Ready, Transport};
//! fn until<T: Transport, R>(
//!     client: &mut Client<T>,
//!     mut step: impl FnMut(&mut Client<T>) -> Poll<Result<R, Error>>,
//! ) -> Result<R, Error> {
//!     loop {
//!         if let Poll::Ready(outcome) = step(client) {
//!             return outcome;
//!         }
//!         client.carry(Ready { readable: true, writable: true })?; // A runtime would wait before.
//!     }
//! }
//! # fn ready<T: Transport>(client: &mut Client<T>) -> Result<(), Error> {
//! until(client, Client::poll_ready)
//! # }
//! ```
#![deny(unsafe_code)]

mod bound;
mod bytes;
mod cancels;
mod client;
mod clock;
mod closing;
mod config;
mod connection;
mod delivery;
mod error;
mod link;
mod notices;
mod request;
mod response;
pub mod socket;
mod statement;
#[cfg(feature = "tls")]
pub mod tls;
mod transaction;
mod transport;
mod url;

pub use bound::{FOR_EVER, deadline};
pub use bytes::Wants;
pub use cancels::Cancels;
pub use client::Client;
pub use clock::Clock;
pub use closing::{Closing, is_detached_already};
pub use config::Config;
pub use connection::Connection;
pub use delivery::{CancelOutcome, CancelTarget, Delivery};
pub use error::{Error, with_causes};
pub use hyperwire_core;
pub use response::{Response, affected};
pub use statement::Statement;
pub use transport::{Ready, Transport};
pub use url::{UrlError, UrlPart};
