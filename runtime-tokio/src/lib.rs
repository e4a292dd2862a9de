//! # hyperwire-tokio
//!
//! An async client of Hyper on tokio, driven by the state machines of `hyperwire-core`, which decide everything. The
//! names are those of `hyperwire-blocking`, with which it shares what does not wait: [`hyperwire_carrier`].
//!
//! ```
//! use hyperwire_tokio::hyperd::{Environment, Hyperd, Settings, locate_or_install};
//! use hyperwire_tokio::{Client, Config, Pool, PoolConfig};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // A hyperd of our own; a service would start it before its runtime, since this waits for it.
//!     let found = locate_or_install(&Environment::of_this_process(), &mut |_| std::ops::ControlFlow::Continue(()))?;
//!     let hyperd = Hyperd::start(&Settings::new(found.path))?;
//!     let config = Config::new(hyperd.endpoint().clone(), "tableau_internal_user");
//!
//!     let mut client = Client::connect(config.clone()).await?;
//!     client.execute("CREATE TEMP TABLE greetings (id INT NOT NULL, said TEXT)").await?;
//!     client.execute_params("INSERT INTO greetings VALUES ($1, $2)", &[&1_i32, &"hello"]).await?;
//!     let mut rows = client.query("SELECT id, said FROM greetings").await?;
//!     while let Some(row) = rows.next().await? {
//!         assert_eq!((row.get::<i32>("id")?, row.get::<Option<&str>>("said")?), (1, Some("hello")));
//!     }
//!     drop(rows);
//!
//!     // Tasks take turns with two connections.
//!     let pool = Pool::new(config, PoolConfig::new(2));
//!     let tasks: Vec<_> = (0..10)
//!         .map(|task| {
//!             let pool = pool.clone();
//!             tokio::spawn(async move { pool.get().await.unwrap().execute(&format!("SELECT {task}")).await })
//!         })
//!         .collect();
//!     for task in tasks {
//!         assert_eq!(task.await??, 1);
//!     }
//!     pool.close().await;
//!     client.close().await?;
//!     Ok(())
//! }
//! ```
//!
//! - **Dropping a future is safe at any point**, see [`Client`]. Timeouts from outside are therefore fine, but those of
//!   [`Client::set_statement_timeout`] also end the statement at the server.
//! - **No task is spawned**, but one for each share in a shared hyperd (`shared`). A client does something only while one
//!   of its futures is polled.
//! - **Any runtime of tokio with I/O and time enabled**, on one thread or several. Futures are `Send` if what the caller
//!   puts into them is; nothing else has to be.
//! - **Reading never waits for writing**, so that a server with much to say and a client with much to send do not wait
//!   for each other.
//!
//! | feature | what it adds |
//! |---|---|
//! | `hyperd` (on by default) | `hyperd`: finding, fetching and starting hyperd |
//! | `shared` (on by default; Unix) | `shared`: one hyperd for all programs of a user; `daemon`: where it lives |
//! | `tls` | `tls`: TLS by rustls |
//!
//! A client of a server somewhere else needs neither of the first two, and builds 37 crates instead of 69 without them.
#![forbid(unsafe_code)]

mod cancel;
mod client;
mod connect;
pub mod pool;
mod rows;
#[cfg(all(unix, feature = "shared"))]
pub mod shared;
mod stream;
mod transaction;
mod transport;
mod waiting;

pub use cancel::CancelHandle;
pub use client::Client;
#[cfg(all(unix, feature = "shared"))]
pub use hyperwire_blocking::daemon;
#[cfg(feature = "hyperd")]
pub use hyperwire_blocking::hyperd;
#[cfg(feature = "tls")]
pub use hyperwire_carrier::tls;
pub use hyperwire_carrier::{Config, Error, Statement, UrlError, socket};
pub use hyperwire_core;
pub use pool::{Pool, PoolConfig, PoolError};
pub use rows::Rows;
pub use stream::RowStream;
pub use transaction::Transaction;
