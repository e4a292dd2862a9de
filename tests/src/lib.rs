//! # hyperwire-tests
//!
//! What the tests of every runtime share.

pub mod conformance;
pub mod fake_engine;
#[cfg(target_os = "linux")]
pub mod household;
#[cfg(target_os = "linux")]
pub mod hyperdb_mcp;
pub mod hyperwire_binary;
#[cfg(target_os = "linux")]
pub mod network;
#[cfg(target_os = "linux")]
pub mod real_hyperd;
pub mod script;
pub mod simulation;

pub use hyperwire_scripted as scripted;
pub use hyperwire_scripted::virtual_time;

/// README's example is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// So is that of each runtime.
#[cfg(doctest)]
#[doc = include_str!("../../runtime-blocking/README.md")]
#[doc = include_str!("../../runtime-tokio/README.md")]
struct Runtimes;
