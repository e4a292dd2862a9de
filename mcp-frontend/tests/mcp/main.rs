//! `hyperwire mcp` as its clients have it: a process that is spoken to on its standard input and output, on a real hyperd.
#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests lay out files, and say why they are skipped and the figures that they judge"
)]

mod process;
mod server;

mod answers;
mod catalog;
mod chart;
mod config;
mod database;
mod disk;
mod durable;
mod errors;
mod execute;
mod export;
mod folders;
mod functions;
mod generated_escapes;
mod generated_reads;
mod generations;
mod gone;
mod guide;
mod hang;
mod http;
mod inputs;
mod inspect;
mod job;
mod limits;
mod lines;
mod load;
mod memory;
mod merging;
mod modes;
mod names;
mod names_property;
mod network;
mod numbers;
mod overview;
mod paths;
mod policy;
mod prompts;
mod protocol;
mod python_sdk;
mod query;
mod read_only;
mod resources;
mod results;
mod rmcp_client;
mod seeded;
mod serving;
mod tokens;
mod toolsets;
mod watch;
mod wire;
