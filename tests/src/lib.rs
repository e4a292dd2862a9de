//! # hyperwire-tests
//!
//! What the tests of every runtime share.

#[cfg(target_os = "linux")]
pub mod network;
#[cfg(target_os = "linux")]
pub mod real_hyperd;
pub mod scripted;
