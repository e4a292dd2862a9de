//! # hyperwire-tests
//!
//! What the tests of every runtime share.

pub mod conformance;
pub mod explorer;
#[cfg(target_os = "linux")]
pub mod network;
#[cfg(target_os = "linux")]
pub mod real_hyperd;
pub mod scripted;

/// README's example is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
