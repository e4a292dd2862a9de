//! One session of the real core against a server, a network and a caller that a seed made up, in virtual time.
//!
//! A seed decides everything before the first byte: how the login goes, what the server answers to each request and
//! what keeps it from doing so, what the caller does and when, how the network delays, splits, stalls, damages and
//! ends the stream. Then the world runs until nothing is open any more. After each step an oracle, which knows what
//! the server said and what the caller asked, checks that everything that arrived was told and nothing else. A run
//! ends with a statement that must be answered as if nothing had happened, unless the session died of a fault that it
//! names and that was done to it. At last all of its inputs are played again byte by byte, with early timeouts strewn
//! in, and must give the same story.
//!
//! ```
//! use hyperwire_tests::simulation::simulate;
//!
//! let run = simulate(7, None)?;
//! assert_eq!(run.digest, simulate(7, None)?.digest, "the same seed, the same story");
//! # Ok::<(), hyperwire_tests::simulation::Finding>(())
//! ```
//!
//! What it leaves out: bytes behind the server's answer to SSLRequest, for which a split matters; hyperd's memory and disk. What a kernel does is for tests with real sockets.

mod broken;
mod heard;
mod login;
mod machine;
mod oracle;
mod plan;
mod said;
mod server;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use broken::Broken;
use world::{World, add_census};

/// A run that ended well.
#[derive(Clone, Debug)]
pub struct Run {
    /// Of every line of its story.
    pub digest: u64,
    /// Moments of virtual time at which something happened.
    pub steps: u32,
    /// How often things of each kind were told.
    pub census: BTreeMap<&'static str, u64>,
}

/// A run that did not.
#[derive(Clone)]
pub struct Finding {
    /// The seed.
    pub seed: u64,
    /// What was wrong.
    pub what: String,
    /// What happened up to there.
    pub story: String,
}

/// Many runs that ended well.
#[derive(Clone, Debug, Default)]
pub struct Campaign {
    /// How many.
    pub runs: u64,
    /// Their steps together.
    pub steps: u64,
    /// How often things of each kind were told.
    pub census: BTreeMap<&'static str, u64>,
}

/// Runs one seed, with the session as it is or broken on purpose.
///
/// # Errors
/// What was wrong, with the story.
pub fn simulate(seed: u64, broken: Option<Broken>) -> Result<Run, Finding> {
    let (outcome, world) = run(seed, broken, false);
    match outcome {
        Ok(()) => Ok(Run { digest: world.story.digest(), steps: world.steps, census: world.story.census }),
        Err(_) => {
            let (outcome, world) = run(seed, broken, true);
            let what = outcome.err().unwrap_or_else(|| "it went well when it was run again".to_owned());
            Err(Finding { seed, what, story: world.story.text() })
        }
    }
}

/// Runs many seeds on so many threads.
///
/// # Errors
/// The first finding of a thread.
pub fn simulate_all(seeds: Range<u64>, threads: u64) -> Result<Campaign, Finding> {
    let every = |first: u64| {
        let mut campaign = Campaign::default();
        for seed in seeds.clone().skip(first as usize).step_by(threads as usize) {
            let run = simulate(seed, None)?;
            campaign.runs += 1;
            campaign.steps += u64::from(run.steps);
            add_census(&mut campaign.census, &run.census);
        }
        Ok(campaign)
    };
    let mut whole = Campaign::default();
    let parts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|first| scope.spawn(move || every(first))).collect();
        threads.into_iter().map(|thread| thread.join().expect("panics are caught within")).collect()
    });
    for part in parts {
        let part: Campaign = part?;
        whole.runs += part.runs;
        whole.steps += part.steps;
        add_census(&mut whole.census, &part.census);
    }
    Ok(whole)
}

/// A number that whoever runs tests may give, such as `SIMULATION_SEED`.
///
/// # Panics
/// When it is no number.
#[must_use]
pub fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is no number: {value}")))
}

fn run(seed: u64, broken: Option<Broken>, told: bool) -> (Result<(), String>, World) {
    let mut world = World::new(seed, broken, told);
    let outcome = catch_unwind(AssertUnwindSafe(|| world.run()));
    let outcome = outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("a panic: {}", text.unwrap_or("of another kind")))
    });
    (outcome, world)
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\nseed {}: {}\nrun it alone with SIMULATION_SEED={}",
            self.story, self.seed, self.what, self.seed
        )
    }
}

impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Finding {}
