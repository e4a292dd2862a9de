//! # hyperwire-tests
//!
//! What the tests of every runtime share.

pub mod explorer;
