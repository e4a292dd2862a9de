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
//! What other runtimes share with this one is in [`hyperwire_carrier`].
//!
//! | feature | what it adds |
//! |---|---|
//! | `hyperd` (on by default) | `hyperd`: finding, fetching and starting hyperd |
//! | `shared` (on by default; Unix) | `shared`: one hyperd for all programs of a user; `daemon`: the process that owns it |
//! | `tls` | `tls`: TLS by rustls |
//!
//! A client of a server somewhere else needs neither of the first two, and builds 36 crates instead of 64 without them.
#![deny(unsafe_code)]

mod cancel;
mod client;
#[cfg(all(unix, feature = "shared"))]
pub mod daemon;
#[cfg(feature = "hyperd")]
pub mod hyperd;
#[cfg(all(unix, feature = "hyperd"))]
mod inherit;
mod rows;
#[cfg(all(unix, feature = "shared"))]
pub mod shared;
pub mod socket;

mod transaction;
mod transport;
mod wait;
mod waiting;

pub use cancel::CancelHandle;
pub use client::Client;
pub use hyperwire_carrier as carrier;
#[cfg(feature = "tls")]
pub use hyperwire_carrier::tls;
pub use hyperwire_carrier::{Config, Error, FOR_EVER, Statement, UrlError, deadline, with_causes};
pub use hyperwire_core;
pub use rows::Rows;
pub use transaction::Transaction;
