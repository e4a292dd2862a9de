//! # hyperwire-tests
//!
//! What the tests of every runtime share.

#[cfg(target_os = "linux")]
pub mod network;
pub mod scripted;
