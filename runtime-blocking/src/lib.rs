//! # hyperwire-blocking
//!
//! A client of Hyper on std sockets, driven by the state machines of `hyperwire-core`.
#![deny(unsafe_code)]

mod cancel;
mod client;
mod config;
mod connection;
mod error;
pub mod hyperd;
mod rows;
pub mod socket;
mod statement;
mod stream;
#[cfg(feature = "tls")]
pub mod tls;
mod transaction;

pub use cancel::CancelHandle;
pub use client::Client;
pub use config::Config;
pub use error::Error;
pub use hyperwire_core as core;
pub use rows::Rows;
pub use statement::Statement;
pub use transaction::Transaction;
