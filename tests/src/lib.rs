//! # hyperwire-tests
//!
//! What the tests of every runtime share.

pub mod scripted;
#[cfg(target_os = "linux")]
pub mod network;
