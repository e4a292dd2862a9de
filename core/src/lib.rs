//! # hyperwire-core
//!
//! Every decision that a client of Hyper (`hyperd`) makes, as state machines without input or output: no socket, no
//! clock, no thread, no randomness. A runtime hands in bytes and the time, takes out bytes and events, and waits for
//! what the machine says it wants.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod buffer;
pub mod control;
pub mod daemon;
pub mod election;
pub mod hyperd;
pub mod liveness;
pub mod row;
pub mod session;
pub mod statement;
pub mod time;
pub mod wire;
