//! The clients under test, one module each, behind one trait.

mod hyperdb_api;
pub(crate) mod hyperdb_api_async;
#[cfg(feature = "hyperwire")]
mod hyperwire;
#[cfg(feature = "hyperwire")]
pub(crate) mod hyperwire_mio;
#[cfg(feature = "hyperwire")]
pub(crate) mod hyperwire_tokio;
pub(crate) mod lean;
pub(crate) mod tokio_postgres;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::measure::Laps;
use crate::run::Task;
use crate::table::Checksum;

/// The only role of the bench's hyperd.
pub(crate) const USER: &str = "tableau_internal_user";

/// Where a contender connects.
#[derive(Args, Clone, Debug)]
pub(crate) struct Target {
    /// `host:port`, or the absolute path of a domain socket named `.s.PGSQL.<port>`
    #[arg(long)]
    pub(crate) endpoint: String,
    /// The database file, as hyperd sees it
    #[arg(long)]
    pub(crate) database: PathBuf,
}

/// What every contender can do. A method reads every value into the checksum, as the client's most direct
/// way of the row API allows, and counts every row.
pub(crate) trait Client: Sized {
    /// Connects and logs in; not measured.
    fn connect(target: &Target) -> Result<Self>;

    /// Reads rows of [`Table::Narrow`](crate::table::Table::Narrow).
    fn scan_narrow(&mut self, sql: &str, sum: &mut Checksum) -> Result<()>;

    /// Reads rows of [`Table::Mixed`](crate::table::Table::Mixed).
    fn scan_mixed(&mut self, sql: &str, sum: &mut Checksum) -> Result<()>;

    /// Sends the SQL text, which selects one `i32`, in every call.
    fn select_one(&mut self, sql: &str, laps: &mut Laps, sum: &mut Checksum) -> Result<()>;

    /// Prepares the statement once, which selects one `f64` by an `i32` parameter, and executes it with
    /// `key(number)` in every call.
    fn point_query(
        &mut self,
        sql: &str,
        key: fn(u32) -> i32,
        laps: &mut Laps,
        sum: &mut Checksum,
    ) -> Result<()>;
}

/// A contender's name on the command line and in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contender {
    /// The existing client of Hyper; every ratio is to it
    HyperdbApi,
    /// The same crate's asynchronous connection
    HyperdbApiAsync,
    /// The asynchronous PostgreSQL client
    TokioPostgres,
    /// A bare socket: the bound
    Lean,
    /// The blocking client of this repository
    #[cfg(feature = "hyperwire")]
    Hyperwire,
    /// Its client for tokio
    #[cfg(feature = "hyperwire")]
    HyperwireTokio,
    /// Its client for mio
    #[cfg(feature = "hyperwire")]
    HyperwireMio,
}

impl Contender {
    /// Its name, as on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Carries out a task with this contender.
    pub(crate) fn carry_out(self, task: &Task) -> Result<crate::measure::Report> {
        match self {
            Self::HyperdbApi => task.carry_out::<hyperdb_api::HyperdbApi>(),
            Self::HyperdbApiAsync => task.carry_out::<hyperdb_api_async::HyperdbApiAsync>(),
            Self::TokioPostgres => task.carry_out::<tokio_postgres::TokioPostgres>(),
            Self::Lean => task.carry_out::<lean::Lean>(),
            #[cfg(feature = "hyperwire")]
            Self::Hyperwire => task.carry_out::<hyperwire::Hyperwire>(),
            #[cfg(feature = "hyperwire")]
            Self::HyperwireTokio => task.carry_out::<hyperwire_tokio::HyperwireTokio>(),
            #[cfg(feature = "hyperwire")]
            Self::HyperwireMio => task.carry_out::<hyperwire_mio::HyperwireMio>(),
        }
    }
}
