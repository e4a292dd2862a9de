//! `tokio-postgres`: PostgreSQL binary results on a current-thread runtime.

use std::error::Error;
use std::path::Path;
use std::pin::pin;

use anyhow::{Context as _, Result};
use futures_util::TryStreamExt as _;
use rust_decimal::Decimal;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::{FromSql, ToSql, Type, accepts};
use tokio_postgres::{Config, NoTls, Row};

use super::{Client, Target, USER};
use crate::measure::{Laps, resident_kib};
use crate::table::Checksum;

pub(super) struct TokioPostgres {
    runtime: Runtime,
    client: tokio_postgres::Client,
}

impl Client for TokioPostgres {
    fn connect(target: &Target) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (client, connection) = runtime.block_on(config(target)?.connect(NoTls))?;
        // Ends with the client; an error of the connection is an error of the call that waits for it.
        runtime.spawn(connection);
        Ok(Self { runtime, client })
    }

    fn scan_narrow(&mut self, sql: &str, sum: &mut Checksum) -> Result<()> {
        self.scan(sql, |row| {
            sum.add(0, row.get::<_, Option<i32>>(0));
            sum.add(1, row.get::<_, Option<i32>>(1));
            sum.add(2, row.get::<_, Option<f64>>(2));
            sum.add(3, row.get::<_, Option<i64>>(3));
            sum.end_row();
        })
    }

    fn scan_mixed(&mut self, sql: &str, sum: &mut Checksum) -> Result<()> {
        self.scan(sql, |row| {
            sum.add(0, row.get::<_, Option<i32>>(0));
            sum.add(1, row.get::<_, Option<i64>>(1));
            sum.add(2, row.get::<_, Option<f64>>(2));
            sum.add(3, row.get::<_, Option<Decimal>>(3).map(hundredths));
            sum.add(4, row.get::<_, Option<&str>>(4));
            sum.add(5, row.get::<_, Option<Days>>(5).map(|days| days.0));
            sum.add(6, row.get::<_, Option<Microseconds>>(6).map(|microseconds| microseconds.0));
            sum.add(7, row.get::<_, Option<bool>>(7));
            sum.end_row();
        })
    }

    fn select_one(&mut self, sql: &str, laps: &mut Laps, sum: &mut Checksum) -> Result<()> {
        laps.run(|_| {
            let row = self.runtime.block_on(self.client.query_typed_one(sql, &[]))?;
            sum.add(0, row.get::<_, Option<i32>>(0));
            sum.end_row();
            Ok(())
        })
    }

    fn point_query(
        &mut self,
        sql: &str,
        key: fn(u32) -> i32,
        laps: &mut Laps,
        sum: &mut Checksum,
    ) -> Result<()> {
        let statement = self.runtime.block_on(self.client.prepare_typed(sql, &[Type::INT4]))?;
        laps.run(|number| {
            let row = self.runtime.block_on(self.client.query_one(&statement, &[&key(number)]))?;
            sum.add(0, row.get::<_, Option<f64>>(0));
            sum.end_row();
            Ok(())
        })
    }
}

impl TokioPostgres {
    fn scan(&self, sql: &str, mut each: impl FnMut(&Row)) -> Result<()> {
        self.runtime.block_on(async {
            let mut rows = pin!(self.client.query_raw(sql, std::iter::empty::<&dyn ToSql>()).await?);
            while let Some(row) = rows.try_next().await? {
                each(&row);
            }
            Ok(())
        })
    }
}

/// The unscaled value of a numeric(18,2).
fn hundredths(mut decimal: Decimal) -> i64 {
    decimal.rescale(2);
    decimal.mantissa() as i64
}

/// A date as the protocol sends it: days since 2000-01-01.
struct Days(i32);

impl FromSql<'_> for Days {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(i32::from_be_bytes(raw.try_into()?)))
    }

    accepts!(DATE);
}

/// A timestamp as the protocol sends it: microseconds since 2000-01-01.
struct Microseconds(i64);

impl FromSql<'_> for Microseconds {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?)))
    }

    accepts!(TIMESTAMP);
}

fn config(target: &Target) -> Result<Config> {
    let mut config = Config::new();
    let (host, port) = match target.endpoint.rsplit_once("/.s.PGSQL.") {
        Some((folder, port)) => (config.host_path(Path::new(folder)), port),
        None => {
            let (host, port) = target.endpoint.rsplit_once(':').context("an endpoint without a port")?;
            (config.host(host), port)
        }
    };
    let database = target.database.to_str().context("a database path that is not UTF-8")?;
    host.port(port.parse()?).user(USER).dbname(database);
    Ok(config)
}

/// Opens so many sessions on one runtime; the memory of the process before and with them.
pub(crate) fn hold(target: &Target, sessions: u32) -> Result<(u64, u64)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut clients = Vec::with_capacity(sessions as usize);
        let before = resident_kib()?;
        for _ in 0..sessions {
            let (client, connection) = config(target)?.connect(NoTls).await?;
            tokio::spawn(connection);
            client.query_typed_one("SELECT 1", &[]).await?;
            clients.push(client);
        }
        let after = resident_kib()?;
        drop(clients);
        Ok((before, after))
    })
}
