//! The list: every scenario, for every runtime, over every kind of socket, against every server that it is for.

use std::panic::resume_unwind;

use super::{Offer, Runtime, SocketKind, Stage, scenarios};
use crate::simulation::from_environment;
use crate::virtual_time::{Played, play};

/// How many worlds a case is played in.
const SEEDS: u64 = 4;

/// One thing that can happen, and what must come of it.
pub struct Scenario {
    name: String,
    run: Box<dyn Fn(&Stage<'_>) + Send + Sync>,
    needs: Vec<Offer>,
    only_on: Option<SocketKind>,
    not_on: Option<SocketKind>,
    also_real: bool,
    has_chance: bool,
}

impl Scenario {
    /// Against a scripted server.
    #[must_use]
    pub fn new(name: impl Into<String>, run: impl Fn(&Stage<'_>) + Send + Sync + 'static) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
            needs: Vec::new(),
            only_on: None,
            not_on: None,
            also_real: false,
            has_chance: false,
        }
    }

    /// Also against the real hyperd, which does what the script says.
    #[must_use]
    pub fn and_hyperd(mut self) -> Self {
        self.also_real = true;
        self
    }

    /// Only for runtimes that offer this.
    #[must_use]
    pub fn needs(mut self, offer: Offer) -> Self {
        self.needs.push(offer);
        self
    }

    /// Only over this kind of socket: the others do not know what it is about.
    #[must_use]
    pub fn only_on(mut self, socket: SocketKind) -> Self {
        self.only_on = Some(socket);
        self
    }

    /// Not over this kind of socket, which does not know what it is about.
    #[must_use]
    pub fn not_on(mut self, socket: SocketKind) -> Self {
        self.not_on = Some(socket);
        self
    }

    /// Its bytes follow from more than a seed.
    #[must_use]
    pub fn with_chance(mut self) -> Self {
        self.has_chance = true;
        self
    }

    /// With this in front of its name.
    pub(super) fn within(mut self, part: &str) -> Self {
        self.name = format!("{part}::{}", self.name);
        self
    }

    fn suits(&self, runtime: &dyn Runtime, socket: SocketKind, real: bool) -> bool {
        self.needs.iter().all(|offer| runtime.offers(*offer))
            && self.only_on.is_none_or(|only| only == socket)
            && self.not_on != Some(socket)
            && (!real || (self.also_real && socket != SocketKind::Memory && cfg!(target_os = "linux")))
    }
}

/// A scenario on its stage.
pub struct Case<'r> {
    scenario: std::sync::Arc<Scenario>,
    stage: Stage<'r>,
}

impl Case<'_> {
    /// Such as `tokio_multi_thread::unix::scripted::bounds::a_server_that_ignores_a_cancel_is_given_up`.
    #[must_use]
    pub fn name(&self) -> String {
        let socket = match self.stage.socket {
            SocketKind::Tcp => "tcp",
            SocketKind::Unix => "unix",
            SocketKind::Memory => "memory",
        };
        let peer = if self.stage.real { "hyperd" } else { "scripted" };
        format!("{}::{socket}::{peer}::{}", self.stage.runtime.name(), self.scenario.name)
    }

    /// Plays it.
    ///
    /// # Panics
    /// When something else comes of it than must.
    pub fn run(&self) {
        if self.stage.socket != SocketKind::Memory {
            return (self.scenario.run)(&self.stage);
        }
        let first = from_environment("SIMULATION_SEED");
        let count = from_environment("SIMULATION_COUNT").unwrap_or(if first.is_some() { 1 } else { SEEDS });
        let first = first.unwrap_or(0);
        for seed in first..first + count {
            let played = self.play(seed);
            if seed == first && !self.scenario.has_chance {
                let again = self.play(seed);
                if let Some((one, other)) = first_difference(&played.story, &again.story) {
                    panic!("the same seed, another story: first {one:?}, then {other:?}");
                }
                assert_eq!(played.digest, again.digest, "the same seed, another story");
            }
        }
    }

    #[expect(clippy::print_stderr, reason = "for whoever looks why it failed")]
    fn play(&self, seed: u64) -> Played {
        let (outcome, played) = play(seed, || (self.scenario.run)(&self.stage));
        if let Err(panic) = outcome {
            let name = self.name();
            eprintln!(
                "{}\nseed {seed}: run it alone with SIMULATION_SEED={seed} and `-- {name}`",
                played.story
            );
            resume_unwind(panic);
        }
        played
    }
}

fn first_difference<'s>(one: &'s str, other: &'s str) -> Option<(&'s str, &'s str)> {
    one.lines().zip(other.lines()).find(|(one, other)| one != other)
}

/// Every case of these runtimes.
#[must_use]
pub fn cases<'r>(runtimes: &[&'r dyn Runtime]) -> Vec<Case<'r>> {
    let scenarios: Vec<_> = scenarios::all().into_iter().map(std::sync::Arc::new).collect();
    let mut cases = Vec::new();
    for &runtime in runtimes {
        for &socket in runtime.sockets() {
            for real in [false, true] {
                let stage = Stage { runtime, socket, real };
                let suitable = scenarios.iter().filter(|scenario| scenario.suits(runtime, socket, real));
                cases.extend(suitable.map(|scenario| Case { scenario: scenario.clone(), stage }));
            }
        }
    }
    cases
}
