//! `hyperwire mcp` as its clients have it: a process that is spoken to on its standard input and output, on a real hyperd.
#![cfg(unix)]

mod server;
mod wire;

mod catalog;
mod config;
mod database;
mod errors;
mod export;
mod guide;
mod http;
mod inspect;
mod job;
mod memory;
mod prompts;
mod protocol;
mod python_sdk;
mod resources;
mod rmcp_client;
mod serving;
mod tokens;
mod watch;
