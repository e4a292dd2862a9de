//! Opening and setting up sockets: what [`hyperwire_carrier::socket`] does without waiting, and [`connect`], which waits.

mod connect;
mod resolve;

pub use connect::connect;
pub use hyperwire_carrier::socket::*;
