//! # hyperwire-blocking
//!
//! A client of Hyper on std sockets, driven by the state machines of `hyperwire-core`.
#![deny(unsafe_code)]

pub mod socket;
