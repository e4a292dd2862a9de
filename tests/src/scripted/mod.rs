//! A server that says what a script tells it to say, so that a test can put a client in any situation that hyperd,
//! the network, or somebody hostile could put it in.
//!
//! ```
//! use std::io::Read;
//! use std::net::TcpStream;
//! use hyperwire_tests::scripted::{Auth, Rows, Server, oid};
//! use hyperwire_core::wire::{FrontendMessage, InitialMessage, StartupParameters, TransactionStatus};
//!
//! let server = Server::tcp(|session| {
//!     session.accept_startup(Auth::Trust)?;
//!     session.expect_query("select 1")?;
//!     session.send_rows(&Rows::of([("1", oid::INTEGER)]).row([Some("1")]))?;
//!     session.ready(TransactionStatus::Idle)?;
//!     session.expect(&FrontendMessage::Terminate)
//! });
//!
//! # let mut client = server.connect();
//! # let (mut body, mut bytes) = (Vec::new(), Vec::new());
//! # StartupParameters::write([("user", "u")], &mut body);
//! # InitialMessage::Startup(StartupParameters::from_body(&body)?).encode(&mut bytes);
//! # FrontendMessage::Query("select 1").encode(&mut bytes);
//! # FrontendMessage::Terminate.encode(&mut bytes);
//! # std::io::Write::write_all(&mut client, &bytes)?;
//! # client.read_to_end(&mut Vec::new())?;
//! // ... a client talks to `server.address()` ...
//! server.finish()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The server lives on threads of its own and uses std sockets only, so it serves a client of any runtime. Every
//! connection runs the script once; [`Session::number`] tells them apart. Connections that only carry a CancelRequest
//! run no script: [`Session::expect_cancel`] and [`Server::next_cancel`] give their keys.
//!
//! Every wait has a bound, the *patience* (10 s unless [`Listen::patience`] or
//! [`Session::set_patience`] says otherwise), and a wait that ends there
//! says what it waited for. What goes wrong in a script, a panic included, comes out of [`Server::finish`].

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
mod tls;
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
pub use tls::TlsIdentity;
