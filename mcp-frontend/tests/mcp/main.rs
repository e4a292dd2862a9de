//! `hyperwire mcp` as its clients have it: a process that is spoken to on its standard input and output, on a real hyperd.
#![cfg(unix)]

mod server;

mod catalog;
mod database;
mod errors;
mod export;
mod inspect;
mod job;
mod memory;
mod serving;
mod watch;
