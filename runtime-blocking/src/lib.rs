//! # hyperwire-blocking
//!
//! A client of Hyper on std sockets, driven by the state machines of `hyperwire-core`.

pub mod hyperd;
