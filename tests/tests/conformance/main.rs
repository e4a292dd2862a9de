//! The conformance suite, over every runtime, both kinds of socket, the scripted server and the real hyperd.
//!
//! `cargo test -p hyperwire-tests --test conformance` runs it; names are runtime, socket, server, scenario, so that
//! `-- tokio`, `-- ::unix::hyperd::` or `-- reading_never_waits` runs a part.

mod driven;
#[cfg(unix)]
mod embedded;
mod mio;
mod simulated;
mod tokio;

#[cfg(unix)]
use crate::embedded::{AsyncStd, Embedded, Smol};
use crate::mio::Mio;
use crate::simulated::Simulated;
use crate::tokio::Tokio;
use hyperwire_tests::conformance::{Blocking, Runtime, cases};
use libtest_mimic::{Arguments, Trial};

/// Whoever writes a runtime adds it here.
const RUNTIMES: &[&dyn Runtime] = &[
    &Blocking,
    &Tokio::CurrentThread,
    &Tokio::MultiThread,
    &Mio,
    #[cfg(unix)]
    &Embedded::<AsyncStd>::NEW,
    #[cfg(unix)]
    &Embedded::<Smol>::NEW,
    &Simulated,
];

fn main() {
    let trials = cases(RUNTIMES).into_iter().map(|case| {
        Trial::test(case.name(), move || {
            case.run();
            Ok(())
        })
    });
    let mut arguments = Arguments::from_args();
    // Most of them wait, for a bound to pass or for a hyperd to start.
    arguments.test_threads.get_or_insert(8);
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
