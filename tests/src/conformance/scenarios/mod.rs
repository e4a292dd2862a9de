//! The scenarios, by what they are about.

mod authentication;
mod bounds;
mod cancel;
mod deadline;
mod encryption;
mod ending;
mod errors;
mod flow;
mod late_cancel;
mod prepared;
mod results;
mod transactions;

use super::Scenario;

/// A function as a scenario of its name.
macro_rules! scenario {
    ($function:ident) => {
        $crate::conformance::Scenario::new(stringify!($function), $function)
    };
    ($function:ident, $case:ident, $($argument:expr),+) => {
        $crate::conformance::Scenario::new(
            concat!(stringify!($function), "::", stringify!($case)),
            move |stage| $function(stage, $($argument),+),
        )
    };
}
use scenario;

/// All of them, in the order of a session's life.
pub(super) fn all() -> Vec<Scenario> {
    let parts = [
        ("authentication", authentication::all()),
        ("encryption", encryption::all()),
        ("results", results::all()),
        ("prepared", prepared::all()),
        ("errors", errors::all()),
        ("transactions", transactions::all()),
        ("cancel", cancel::all()),
        ("late_cancel", late_cancel::all()),
        ("deadline", deadline::all()),
        ("bounds", bounds::all()),
        ("flow", flow::all()),
        ("ending", ending::all()),
    ];
    parts.into_iter().flat_map(|(part, all)| all.into_iter().map(move |one| one.within(part))).collect()
}
