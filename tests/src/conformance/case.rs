//! The list: every scenario, for every runtime, over every kind of socket, against every server that it is for.

use super::{Offer, Runtime, SocketKind, Stage, scenarios};

/// One thing that can happen, and what must come of it.
pub struct Scenario {
    name: String,
    run: Box<dyn Fn(&Stage<'_>) + Send + Sync>,
    needs: Option<Offer>,
    only_on: Option<SocketKind>,
    also_real: bool,
}

impl Scenario {
    /// Against a scripted server.
    #[must_use]
    pub fn new(name: impl Into<String>, run: impl Fn(&Stage<'_>) + Send + Sync + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run), needs: None, only_on: None, also_real: false }
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
        self.needs = Some(offer);
        self
    }

    /// Only over this kind of socket: the other kind does not know what it is about.
    #[must_use]
    pub fn only_on(mut self, socket: SocketKind) -> Self {
        self.only_on = Some(socket);
        self
    }

    /// With this in front of its name.
    pub(super) fn within(mut self, part: &str) -> Self {
        self.name = format!("{part}::{}", self.name);
        self
    }

    fn suits(&self, runtime: &dyn Runtime, socket: SocketKind, real: bool) -> bool {
        self.needs.is_none_or(|offer| runtime.offers(offer))
            && self.only_on.is_none_or(|only| only == socket)
            && (!real || (self.also_real && cfg!(target_os = "linux")))
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
        };
        let peer = if self.stage.real { "hyperd" } else { "scripted" };
        format!("{}::{socket}::{peer}::{}", self.stage.runtime.name(), self.scenario.name)
    }

    /// Plays it.
    ///
    /// # Panics
    /// When something else comes of it than must.
    pub fn run(&self) {
        (self.scenario.run)(&self.stage);
    }
}

/// Every case of these runtimes.
#[must_use]
pub fn cases<'r>(runtimes: &[&'r dyn Runtime]) -> Vec<Case<'r>> {
    let scenarios: Vec<_> = scenarios::all().into_iter().map(std::sync::Arc::new).collect();
    let mut cases = Vec::new();
    for &runtime in runtimes {
        for socket in [SocketKind::Tcp, SocketKind::Unix] {
            for real in [false, true] {
                let stage = Stage { runtime, socket, real };
                let suitable = scenarios.iter().filter(|scenario| scenario.suits(runtime, socket, real));
                cases.extend(suitable.map(|scenario| Case { scenario: scenario.clone(), stage }));
            }
        }
    }
    cases
}
