//! The blocking client of this repository, and what its three clients have in common.

use anyhow::{Context as _, Result};
use hyperwire_blocking::hyperwire_core::hyperd::Endpoint;
use hyperwire_blocking::hyperwire_core::row::{Date, DecodeError, Numeric, Row, Timestamp, Type};
use hyperwire_blocking::{Client as Blocking, Config, Error};

use super::{Client, Target, USER};
use crate::measure::Laps;
use crate::table::Checksum;

pub(super) struct Hyperwire(Blocking);

impl Client for Hyperwire {
    fn connect(target: &Target) -> Result<Self> {
        Ok(Self(Blocking::connect(config(target)?)?))
    }

    fn scan_narrow(&mut self, sql: &str, sum: &mut Checksum) -> Result<()> {
        Ok(self.0.query(sql)?.for_each(|row| Ok::<_, Error>(add_narrow(&row, sum)?))?)
    }

    fn scan_mixed(&mut self, sql: &str, sum: &mut Checksum) -> Result<()> {
        Ok(self.0.query(sql)?.for_each(|row| Ok::<_, Error>(add_mixed(&row, sum)?))?)
    }

    fn select_one(&mut self, sql: &str, laps: &mut Laps, sum: &mut Checksum) -> Result<()> {
        laps.run(|_| {
            let mut rows = self.0.query(sql)?;
            let row = rows.next()?.context("no row")?;
            sum.add(0, Some(row.get::<i32>(0)?));
            sum.end_row();
            rows.finish()?;
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
        let statement = self.0.prepare(sql, &[Type::Integer])?;
        laps.run(|number| {
            let mut rows = self.0.query_prepared(&statement, &[&key(number)])?;
            let row = rows.next()?.context("no row")?;
            sum.add(0, Some(row.get::<f64>(0)?));
            sum.end_row();
            rows.finish()?;
            Ok(())
        })
    }
}

/// How the clients of this repository connect.
pub(super) fn config(target: &Target) -> Result<Config> {
    let endpoint = match target.endpoint.rsplit_once(':') {
        Some((host, port)) => Endpoint::Tcp { host: host.into(), port: port.parse()? },
        None => Endpoint::Domain { path: target.endpoint.clone() },
    };
    let database = target.database.to_str().context("a database path that is not UTF-8")?;
    Ok(Config::new(endpoint, USER).database(database))
}

/// Reads a row of the narrow table.
#[inline(always)]
pub(super) fn add_narrow(row: &Row<'_>, sum: &mut Checksum) -> Result<(), DecodeError> {
    sum.add(0, Some(row.get::<i32>(0)?));
    sum.add(1, Some(row.get::<i32>(1)?));
    sum.add(2, Some(row.get::<f64>(2)?));
    sum.add(3, Some(row.get::<i64>(3)?));
    sum.end_row();
    Ok(())
}

/// Reads a row of the mixed table.
#[inline(always)]
pub(super) fn add_mixed(row: &Row<'_>, sum: &mut Checksum) -> Result<(), DecodeError> {
    sum.add(0, row.get::<Option<i32>>(0)?);
    sum.add(1, row.get::<Option<i64>>(1)?);
    sum.add(2, row.get::<Option<f64>>(2)?);
    sum.add(3, row.get::<Option<Numeric>>(3)?.map(|numeric| numeric.unscaled() as i64));
    sum.add(4, row.get::<Option<&str>>(4)?);
    sum.add(5, row.get::<Option<Date>>(5)?.map(|date| date.julian_day() as i32 - EPOCH_DAYS));
    sum.add(6, row.get::<Option<Timestamp>>(6)?.map(|at| at.julian_micros() as i64 - EPOCH_MICROSECONDS));
    sum.add(7, row.get::<Option<bool>>(7)?);
    sum.end_row();
    Ok(())
}

/// The checksum counts days and microseconds from 2000-01-01, Hyper from Julian day 0.
const EPOCH_DAYS: i32 = 2_451_545;
const EPOCH_MICROSECONDS: i64 = 211_813_488_000_000_000;
