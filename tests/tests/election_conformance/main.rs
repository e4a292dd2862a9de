//! What comes of an election, written once, for every runtime that holds one: the real binary and the real hyperd, in a
//! network and a state folder of their own. How the daemon itself behaves is for `shared_hyperd`, every interleaving for
//! `explorer`.
//!
//! `cargo test -p hyperwire-tests --test election_conformance` runs it; names are runtime, scenario.

#[cfg(target_os = "linux")]
mod runtimes;
#[cfg(target_os = "linux")]
mod scenarios;
#[cfg(target_os = "linux")]
mod share;

#[cfg(target_os = "linux")]
fn trials() -> Vec<libtest_mimic::Trial> {
    use hyperwire_tests::household::Household;
    use runtimes::{Blocking, Mio, Tokio};
    use share::Runtime;

    /// Whoever writes a runtime that elects adds it here.
    const RUNTIMES: &[&dyn Runtime] = &[&Blocking, &Tokio::CurrentThread, &Tokio::MultiThread, &Mio];

    let mut trials = Vec::new();
    for &runtime in RUNTIMES {
        for &(name, scenario) in scenarios::ALL {
            trials.push(libtest_mimic::Trial::test(format!("{}::{name}", runtime.name()), move || {
                Household::run_alone_or_skip(move |household| scenario(runtime, household));
                Ok(())
            }));
        }
    }
    trials
}

#[cfg(not(target_os = "linux"))]
fn trials() -> Vec<libtest_mimic::Trial> {
    Vec::new()
}

fn main() {
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), trials()).exit();
}
