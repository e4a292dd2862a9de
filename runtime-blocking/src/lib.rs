//! # hyperwire-blocking
//!
//! A client of Hyper on std sockets, driven by the state machines of `hyperwire-core`. It waits and carries; what to
//! send, what an answer means, when to give up and whose fault it is are the core's business, whose types this crate
//! hands out (as [`hyperwire_core`]).
//!
//! ```
//! use hyperwire_blocking::hyperd::{Environment, Hyperd, Settings, locate_or_install};
//! use hyperwire_blocking::{Client, Config};
//!
//! // A hyperd of our own: found on this machine, or fetched once, and gone when it is dropped.
//! let found = locate_or_install(&Environment::of_this_process(), &mut |_| std::ops::ControlFlow::Continue(()))?;
//! let hyperd = Hyperd::start(&Settings::new(found.path))?;
//!
//! let mut client = Client::connect(Config::new(hyperd.endpoint().clone(), "tableau_internal_user"))?;
//! client.execute("CREATE TEMP TABLE greetings (id INT NOT NULL, said TEXT)")?;
//! client.execute_params("INSERT INTO greetings VALUES ($1, $2)", &[&1_i32, &"hello"])?;
//! let mut rows = client.query("SELECT id, said FROM greetings")?;
//! while let Some(row) = rows.next()? {
//!     assert_eq!((row.get::<i32>("id")?, row.get::<Option<&str>>("said")?), (1, Some("hello")));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Client`] is one session, used by one thread at a time. [`Client::query`] streams, [`Client::prepare`] saves
//! parsing, [`Client::transaction`] rolls back when dropped, a [`CancelHandle`] ends a statement from another thread.
//! TLS comes with the feature `tls`. Other runtimes share [`carrier`] and [`socket`].
#![deny(unsafe_code)]

mod bound;
mod cancel;
pub mod carrier;
mod client;
mod config;
mod connection;
#[cfg(unix)]
pub mod daemon;
mod error;
pub mod hyperd;
#[cfg(unix)]
mod inherit;
mod rows;
#[cfg(unix)]
pub mod shared;
pub mod socket;
mod statement;
mod stream;
#[cfg(feature = "tls")]
pub mod tls;
mod transaction;
mod wait;

pub use bound::{FOR_EVER, deadline};
pub use cancel::CancelHandle;
pub use client::Client;
pub use config::Config;
pub use error::{Error, with_causes};
pub use hyperwire_core;
pub use rows::Rows;
pub use statement::Statement;
pub use transaction::Transaction;
