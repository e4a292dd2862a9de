//! The client of this repository for tokio, on a current-thread runtime.

use anyhow::{Context as _, Result};
use hyperwire_tokio::hyperwire_core::row::Type;
use hyperwire_tokio::{Client as Async, Error};
use tokio::runtime::{Builder, Runtime};

use super::hyperwire::{add_mixed, add_narrow, config};
use super::{Client, Target};
use crate::measure::{Laps, resident_kib};
use crate::table::Checksum;

pub(super) struct HyperwireTokio {
    runtime: Runtime,
    client: Async,
}

impl Client for HyperwireTokio {
    fn connect(target: &Target) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(Async::connect(config(target)?))?;
        Ok(Self { runtime, client })
    }

    fn scan_narrow(&mut self, sql: &str, sum: &mut Checksum) -> Result<()> {
        let scanned = async {
            let rows = self.client.query(sql).await?;
            rows.for_each::<Error>(|row| Ok(add_narrow(&row, sum)?)).await
        };
        Ok(self.runtime.block_on(scanned).map(drop)?)
    }

    fn scan_mixed(&mut self, sql: &str, sum: &mut Checksum) -> Result<()> {
        let scanned = async {
            let rows = self.client.query(sql).await?;
            rows.for_each::<Error>(|row| Ok(add_mixed(&row, sum)?)).await
        };
        Ok(self.runtime.block_on(scanned).map(drop)?)
    }

    fn select_one(&mut self, sql: &str, laps: &mut Laps, sum: &mut Checksum) -> Result<()> {
        laps.run(|_| {
            self.runtime.block_on(async {
                let mut rows = self.client.query(sql).await?;
                let row = rows.next().await?.context("no row")?;
                sum.add(0, Some(row.get::<i32>(0)?));
                sum.end_row();
                rows.finish().await?;
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
        let statement = self.runtime.block_on(self.client.prepare(sql, &[Type::Integer]))?;
        laps.run(|number| {
            self.runtime.block_on(async {
                let mut rows = self.client.query_prepared(&statement, &[&key(number)]).await?;
                let row = rows.next().await?.context("no row")?;
                sum.add(0, Some(row.get::<f64>(0)?));
                sum.end_row();
                rows.finish().await?;
                Ok(())
            })
        })
    }
}

/// Opens so many sessions on one runtime; the memory of the process before and with them.
pub(crate) fn hold(target: &Target, sessions: u32) -> Result<(u64, u64)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut clients = Vec::with_capacity(sessions as usize);
        let before = resident_kib()?;
        for _ in 0..sessions {
            let mut client = Async::connect(config(target)?).await?;
            client.execute("SELECT 1").await?;
            clients.push(client);
        }
        let after = resident_kib()?;
        drop(clients);
        Ok((before, after))
    })
}
