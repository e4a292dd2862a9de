//! `hyperwire mcp` as its clients have it: a process that is spoken to on its standard input and output, on a real hyperd.
#![cfg(unix)]

mod process;
mod server;

mod durable;
mod execute;
mod hang;
mod paths;
mod query;
mod read_only;
mod results;
mod serving;
