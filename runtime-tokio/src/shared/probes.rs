//! Probes of several ports at once, whose answers are handed out as they are asked for.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyperwire_core::control::Probe;

use super::port::probe;

/// A probe under way, or its answer.
enum Asked {
    UnderWay(Pin<Box<dyn Future<Output = Probe> + Send>>),
    Answered(Probe),
}

/// The probes of one look at the ports. The election asks for one port after the other; a port that nobody answers on in
/// time costs half a second, so all are asked when it asks for the first, and none waits for another.
#[derive(Default)]
pub(super) struct Probes(Vec<(u16, Asked)>);

impl Probes {
    /// Asks a port, and together with it those that will be asked next. If it was asked together with an earlier one, that
    /// gives the answer.
    pub(super) fn ask(&mut self, port: u16, following: impl Iterator<Item = u16>) {
        if !self.0.iter().any(|(of, _)| *of == port) {
            let ask = |port| (port, Asked::UnderWay(Box::pin(probe(port))));
            self.0 = std::iter::once(port).chain(following).map(ask).collect();
        }
    }

    /// Waits for the answer of a port that was asked; all others go on meanwhile. It is handed out once.
    pub(super) fn poll_answer(&mut self, port: u16, cx: &mut Context<'_>) -> Poll<Probe> {
        for (_, asked) in &mut self.0 {
            if let Asked::UnderWay(probe) = asked
                && let Poll::Ready(answer) = probe.as_mut().poll(cx)
            {
                *asked = Asked::Answered(answer);
            }
        }
        let found = self.0.iter().position(|(of, asked)| *of == port && matches!(asked, Asked::Answered(_)));
        match found.map(|index| self.0.swap_remove(index)) {
            Some((_, Asked::Answered(answer))) => Poll::Ready(answer),
            _ => Poll::Pending,
        }
    }
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(port, _)| port)).finish()
    }
}
