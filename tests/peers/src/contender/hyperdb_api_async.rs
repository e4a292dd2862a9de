//! `hyperdb-api`, asynchronous: rows by chunks, on a current-thread runtime.

use anyhow::{Context as _, Result};
use hyperdb_api::{AsyncConnection, AsyncConnectionBuilder, Row, oids};
use tokio::runtime::{Builder, Runtime};

use super::hyperdb_api::{add_mixed, add_narrow};
use super::{Client, Target, USER};
use crate::measure::{Laps, resident_kib};
use crate::table::Checksum;

pub(super) struct HyperdbApiAsync {
    runtime: Runtime,
    connection: AsyncConnection,
}

impl Client for HyperdbApiAsync {
    fn connect(target: &Target) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let connection = runtime.block_on(builder(target).build())?;
        Ok(Self { runtime, connection })
    }

    fn scan_narrow(&mut self, sql: &str, sum: &mut Checksum) -> Result<()> {
        self.scan(sql, |row| add_narrow(row, sum))
    }

    fn scan_mixed(&mut self, sql: &str, sum: &mut Checksum) -> Result<()> {
        self.scan(sql, |row| add_mixed(row, sum))
    }

    fn select_one(&mut self, sql: &str, laps: &mut Laps, sum: &mut Checksum) -> Result<()> {
        laps.run(|_| {
            self.runtime.block_on(async {
                let row = self.connection.execute_query(sql).await?.first_row().await?.context("no row")?;
                sum.add(0, row.get_i32(0));
                sum.end_row();
                Ok(())
            })
        })
    }

    fn point_query(
        &mut self,
        sql: &str,
        key: fn(u32) -> i32,
        laps: &mut Laps,
        sum: &mut Checksum,
    ) -> Result<()> {
        let statement = self.runtime.block_on(self.connection.prepare_typed(sql, &[oids::INT]))?;
        laps.run(|number| {
            let row = self.runtime.block_on(statement.fetch_one(&[&key(number)]))?;
            sum.add(0, row.get_f64(0));
            sum.end_row();
            Ok(())
        })
    }
}

impl HyperdbApiAsync {
    fn scan(&self, sql: &str, mut each: impl FnMut(&Row)) -> Result<()> {
        self.runtime.block_on(async {
            let mut rows = self.connection.execute_query(sql).await?;
            while let Some(chunk) = rows.next_chunk().await? {
                chunk.iter().for_each(&mut each);
            }
            Ok(())
        })
    }
}

fn builder(target: &Target) -> AsyncConnectionBuilder {
    AsyncConnectionBuilder::new(&target.endpoint).user(USER).open_database(&target.database)
}

/// Opens so many sessions on one runtime; the memory of the process before and with them.
pub(crate) fn hold(target: &Target, sessions: u32) -> Result<(u64, u64)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut clients = Vec::with_capacity(sessions as usize);
        let before = resident_kib()?;
        for _ in 0..sessions {
            let client = builder(target).build().await?;
            client.execute_query("SELECT 1").await?.first_row().await?.context("no row")?;
            clients.push(client);
        }
        let after = resident_kib()?;
        drop(clients);
        Ok((before, after))
    })
}
