//! `hyperdb-api`, blocking: rows by chunks, which it documents as the way of maximum performance.

use anyhow::{Context as _, Result};
use hyperdb_api::{Connection, ConnectionBuilder, Row, oids};

use super::{Client, Target, USER};
use crate::measure::Laps;
use crate::table::Checksum;

pub(super) struct HyperdbApi(Connection);

impl Client for HyperdbApi {
    fn connect(target: &Target) -> Result<Self> {
        let builder = ConnectionBuilder::new(&target.endpoint).user(USER).open_database(&target.database);
        Ok(Self(builder.build()?))
    }

    fn scan_narrow(&mut self, sql: &str, sum: &mut Checksum) -> Result<()> {
        self.scan(sql, |row| add_narrow(row, sum))
    }

    fn scan_mixed(&mut self, sql: &str, sum: &mut Checksum) -> Result<()> {
        self.scan(sql, |row| add_mixed(row, sum))
    }

    fn select_one(&mut self, sql: &str, laps: &mut Laps, sum: &mut Checksum) -> Result<()> {
        laps.run(|_| {
            let row = self.0.execute_query(sql)?.first_row()?.context("no row")?;
            sum.add(0, row.get_i32(0));
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
        let statement = self.0.prepare_typed(sql, &[oids::INT])?;
        laps.run(|number| {
            let row = statement.fetch_one(&[&key(number)])?;
            sum.add(0, row.get_f64(0));
            sum.end_row();
            Ok(())
        })
    }
}

impl HyperdbApi {
    fn scan(&self, sql: &str, mut each: impl FnMut(&Row)) -> Result<()> {
        let mut rows = self.0.execute_query(sql)?;
        while let Some(chunk) = rows.next_chunk()? {
            chunk.iter().for_each(&mut each);
        }
        Ok(())
    }
}

/// Reads a row of the narrow table.
#[inline(always)]
pub(super) fn add_narrow(row: &Row, sum: &mut Checksum) {
    sum.add(0, row.get_i32(0));
    sum.add(1, row.get_i32(1));
    sum.add(2, row.get_f64(2));
    sum.add(3, row.get_i64(3));
    sum.end_row();
}

/// Reads a row of the mixed table.
#[inline(always)]
pub(super) fn add_mixed(row: &Row, sum: &mut Checksum) {
    sum.add(0, row.get_i32(0));
    sum.add(1, row.get_i64(1));
    sum.add(2, row.get_f64(2));
    sum.add(3, row.get_numeric(3).map(|numeric| numeric.unscaled_value() as i64));
    sum.add(4, row.get_string(4).as_deref());
    sum.add(5, row.get_date(5).map(|date| date.days()));
    sum.add(6, row.get_timestamp(6).map(|timestamp| timestamp.microseconds()));
    sum.add(7, row.get_bool(7));
    sum.end_row();
}
