//! The blocking client of this repository.
//!
//! Not written yet: the client does not exist. Every method fails, so that no figure can come of it.

use anyhow::{Result, bail};

use super::{Client, Target};
use crate::measure::Laps;
use crate::table::Checksum;

pub(super) struct Hyperwire;

impl Client for Hyperwire {
    fn connect(_target: &Target) -> Result<Self> {
        bail!("the hyperwire contender is not written yet: leave the cargo feature `hyperwire` off")
    }

    fn scan_narrow(&mut self, _sql: &str, _sum: &mut Checksum) -> Result<()> {
        bail!("not written yet")
    }

    fn scan_mixed(&mut self, _sql: &str, _sum: &mut Checksum) -> Result<()> {
        bail!("not written yet")
    }

    fn select_one(&mut self, _sql: &str, _laps: &mut Laps, _sum: &mut Checksum) -> Result<()> {
        bail!("not written yet")
    }

    fn point_query(
        &mut self,
        _sql: &str,
        _key: fn(u32) -> i32,
        _laps: &mut Laps,
        _sum: &mut Checksum,
    ) -> Result<()> {
        bail!("not written yet")
    }
}
