//! Results, cut to what a model can take in, and the rest of them.

mod page;
mod parked;
mod value;

pub(crate) use page::{Head, Limits, Page, keep_fitting};
pub(crate) use parked::{End, Filling, LONGEST, Parked, Parking};
