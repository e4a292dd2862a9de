//! # hyperwire-scripted
//!
//! A server that does what a script tells it, so that a test can put a client of Hyper (`hyperd`) in any situation that
//! hyperd, the network, or somebody hostile could put it in: for the tests of programs that talk to Hyper, in any
//! runtime. It needs no hyperd and no network.
//!
//! | module | what it is |
//! |---|---|
//! | this one | [`Server`] and [`Listen`]: sockets that run a script; [`Session`]: what a script says and expects |
//! | [`hostile`] | what a broken or hostile server may send, as data |
//! | [`virtual_time`] | a world in which threads take turns and time passes only when all of them wait |
//!
//! | feature | what it adds |
//! |---|---|
//! | `tls` | `TlsIdentity`, a fresh certificate, and scripts that speak TLS |
//!
//! # A program and its test
//!
//! ```
//! use hyperwire_blocking::{Client, Config, Error};
//! use hyperwire_core::wire::{FrontendMessage, TransactionStatus};
//! use hyperwire_scripted::{Auth, Rows, Server, oid};
//!
//! /// The program under test: how many orders there are, 0 if there is no such table yet.
//! fn orders(config: Config) -> Result<i64, Error> {
//!     let mut client = Client::connect(config)?;
//!     let mut rows = match client.query("SELECT count(*) FROM orders") {
//!         Err(error) if error.server().is_some_and(|server| server.code().as_str() == "42P01") => return Ok(0),
//!         rows => rows?,
//!     };
//!     Ok(rows.next()?.expect("count(*) gives a row").get(0)?)
//! }
//!
//! let server = Server::tcp(|session| {
//!     session.accept_startup(Auth::Trust)?;
//!     session.expect_query("SELECT count(*) FROM orders")?;
//!     session.send_error("42P01", "table \"orders\" does not exist")?;
//!     session.ready(TransactionStatus::Idle)?;
//!     session.expect(&FrontendMessage::Terminate)
//! });
//! let endpoint = server.address().descriptor().parse()?;
//!
//! assert_eq!(orders(Config::new(endpoint, "me"))?, 0);
//! server.finish()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Threads and bounds
//!
//! The server lives on threads of its own and uses std sockets only, so it serves a client of any runtime. Every
//! connection runs the script once; [`Session::number`] tells them apart. Connections that only carry a CancelRequest
//! run no script: [`Session::expect_cancel`] and [`Server::next_cancel`] give their keys.
//!
//! Every wait has a bound, the *patience* (10 s unless [`Listen::patience`] or
//! [`Session::set_patience`] says otherwise), and a wait that ends there
//! says what it waited for. What goes wrong in a script, a panic included, comes out of [`Server::finish`].
#![forbid(unsafe_code)]

mod account;
mod authentication;
mod failure;
pub mod hostile;
mod latch;
mod received;
mod rows;
mod scram;
mod sending;
mod server;
mod session;
mod startup;
mod stream;
#[cfg(feature = "tls")]
mod tls;
pub mod virtual_time;
mod wire;

pub use authentication::Auth;
pub use failure::{Failure, Failures};
pub use latch::Latch;
pub use received::Received;
pub use rows::{Rows, oid};
pub use scram::{Scram, ScramAbuse};
pub use server::{Address, Listen, Server};
pub use session::Session;
pub use startup::{Initial, SETTINGS, Startup};
#[cfg(feature = "tls")]
pub use tls::TlsIdentity;
