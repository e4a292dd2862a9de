//! Sessions that are broken on purpose, to show that the simulation notices.

use std::time::Duration;

use hyperwire_core::session::{CancelDelivery, Event, RequestOptions, Timer, Wants};
use hyperwire_core::time::Instant;

use super::machine::Told;

/// A mistake that a session could make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// The 300th byte of the server is lost.
    DropsAByte,
    /// Deadlines are not announced.
    IgnoresDeadlines,
    /// A request is over and nobody is told.
    SwallowsTheEnd,
    /// A failure is not told.
    SwallowsFailures,
    /// A row gets the fields of the row before it, of whichever statement.
    MixesRows,
    /// A row is told twice.
    RepeatsARow,
    /// Rows come without demand.
    ForgetsDemand,
    /// The next request is sent while a CancelRequest is on its way.
    HurriesOn,
    /// Queued events are not announced.
    HidesEvents,
    /// An early timeout counts as if its time had come.
    RunsAhead,
    /// A pulse that comes with nothing else is not told.
    MissesLonelyPulses,
    /// It goes on reading while the caller wants no rows.
    ReadsOn,
    /// A CancelRequest that may arrive at any time is taken for one that was delivered.
    TrustsABurntKey,
    /// Rows go on behind their deadline, as long as their reader likes.
    OverlooksTheDeadline,
}

impl Broken {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::DropsAByte,
        Self::IgnoresDeadlines,
        Self::SwallowsTheEnd,
        Self::SwallowsFailures,
        Self::MixesRows,
        Self::RepeatsARow,
        Self::ForgetsDemand,
        Self::HurriesOn,
        Self::HidesEvents,
        Self::RunsAhead,
        Self::MissesLonelyPulses,
        Self::ReadsOn,
        Self::TrustsABurntKey,
        Self::OverlooksTheDeadline,
    ];

    pub(super) fn distort_bytes(self, bytes: &[u8], end: u64) -> Vec<u8> {
        /// Behind most logins, and before the end of most runs.
        const LOST: u64 = 300;

        let mut bytes = bytes.to_vec();
        let start = end - bytes.len() as u64;
        if self == Self::DropsAByte && (start..end).contains(&LOST) {
            bytes.remove((LOST - start) as usize);
        }
        bytes
    }

    pub(super) fn distort_wants(self, wants: &mut Wants) {
        let queued = wants.deadline.is_some_and(|(_, timer)| timer == Timer::Queued);
        match self {
            Self::IgnoresDeadlines if !queued => wants.deadline = None,
            Self::HidesEvents if queued => wants.deadline = None,
            Self::ReadsOn if wants.deadline.is_none() => wants.readable = true,
            _ => {}
        }
    }

    pub(super) fn distort_demand(self, rows: u64) -> u64 {
        if self == Self::ForgetsDemand { u64::MAX } else { rows }
    }

    pub(super) fn distort_delivery(self, delivery: CancelDelivery) -> CancelDelivery {
        if self == Self::TrustsABurntKey { CancelDelivery::Delivered } else { delivery }
    }

    pub(super) fn distort_options(self, options: RequestOptions) -> RequestOptions {
        let deadline = options.deadline.filter(|_| self != Self::OverlooksTheDeadline);
        options.deadline(deadline)
    }

    pub(super) fn distort_time(self, now: Instant) -> Instant {
        if self == Self::RunsAhead { now + Duration::from_secs(1) } else { now }
    }

    /// `last_row` is kept for it between calls.
    pub(super) fn distort_told(self, mut told: Vec<Told>, last_row: &mut Option<Told>) -> Vec<Told> {
        match self {
            Self::SwallowsTheEnd => told.retain(|told| !matches!(told, Told::Event(Event::Finished { .. }))),
            Self::SwallowsFailures => told.retain(|told| !matches!(told, Told::Event(Event::Failed { .. }))),
            Self::MissesLonelyPulses if told.len() == 1 => {
                told.retain(|told| *told != Told::Event(Event::Pulse));
            }
            Self::MixesRows => {
                for told in &mut told {
                    if let Told::Row(id, fields) = told {
                        let row = Told::Row(*id, fields.clone());
                        if let Some(Told::Row(_, before)) = last_row.replace(row) {
                            *fields = before;
                        }
                    }
                }
            }
            Self::RepeatsARow => {
                if let Some(row) = told.iter().position(|told| matches!(told, Told::Row(..))) {
                    let again = told[row].clone();
                    told.insert(row, again);
                }
            }
            _ => {}
        }
        told
    }
}
