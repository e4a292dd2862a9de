//! What every runtime must do: scenarios, written once, that run against any client over any socket.
//!
//! A runtime takes part by an adapter: an implementation of [`Runtime`] and [`Client`], whose methods block, so that
//! one of an async runtime does so on its own executor. A [`Scenario`] says what the server does and what the client
//! must make of it. Most servers are [scripted](crate::scripted); where a script claims to do what hyperd does, the
//! same scenario runs against the real one too, and so the claim is tested as well.
//!
//! A runtime without sockets takes part in [worlds](crate::virtual_time): there each case is played with several seeds,
//! one of them twice, and both must tell the same story to the byte. `SIMULATION_SEED` plays one seed, and
//! `SIMULATION_COUNT` says how many from there.
//!
//! ```no_run
//! use hyperwire_tests::conformance::{self, Blocking};
//!
//! for case in conformance::cases(&[&Blocking]) {
//!     println!("{}", case.name());
//!     case.run();
//! }
//! ```

mod blocking;
mod case;
mod client;
mod peer;
mod scenarios;

pub use blocking::Blocking;
pub use case::{Case, Scenario, cases};
pub use client::{Client, End, Offer, Part, Request, Runtime};
pub use peer::{Peer, SocketKind, Stage};
