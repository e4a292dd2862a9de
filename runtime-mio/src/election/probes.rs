//! Questions to several ports at once.

use std::time::Instant;

use hyperwire_blocking::daemon::ground::NoAnswer;
use hyperwire_core::control::{Command, Probe, Reply, Status};
use mio::{Registry, Token};

use super::question::Question;

/// A question under way, or its answer.
#[derive(Debug)]
enum Asked {
    UnderWay(Box<Question>),
    Answered(Probe),
}

/// What is asked for one look at the ports. The machine wants one answer after the other; a port that nobody answers on in
/// time costs half a second, so all that it will want are asked with the first.
#[derive(Debug, Default)]
pub(super) struct Probes {
    asked: Vec<(u16, Asked)>,
    /// The port whose answer the machine waits for.
    wanted: Option<u16>,
}

impl Probes {
    /// Asks a port, and with it those that will be asked next, unless it was asked with another before.
    pub(super) fn ask(
        &mut self,
        port: u16,
        following: impl Iterator<Item = u16>,
        registry: &Registry,
        token: Token,
    ) {
        if !self.asked.iter().any(|(of, _)| *of == port) {
            let ask = |port| {
                let question = Question::probe(port, &Command::Ping, registry, token);
                (port, Asked::UnderWay(Box::new(question)))
            };
            self.asked = std::iter::once(port).chain(following).map(ask).collect();
        }
        self.wanted = Some(port);
    }

    /// Goes on with all of them; the answer that is waited for, once.
    pub(super) fn answer(&mut self) -> Option<Probe> {
        let wanted = self.wanted?;
        for (_, asked) in &mut self.asked {
            if let Asked::UnderWay(question) = asked
                && let Some(answer) = advance(question)
            {
                *asked = Asked::Answered(answer);
            }
        }
        let is_it = |(of, asked): &(u16, Asked)| *of == wanted && matches!(asked, Asked::Answered(_));
        let index = self.asked.iter().position(is_it)?;
        match self.asked.swap_remove(index) {
            (_, Asked::Answered(answer)) => {
                self.wanted = None;
                Some(answer)
            }
            _ => None,
        }
    }

    /// When the next of them is over, while one is waited for.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.wanted?;
        let under_way = self.asked.iter().filter_map(|(_, asked)| match asked {
            Asked::UnderWay(question) => Some(question.deadline()),
            Asked::Answered(_) => None,
        });
        under_way.min()
    }

    /// Nobody wants to know any more.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }
}

/// What a port is that answered PING, and STATUS if it said PONG.
fn advance(question: &mut Question) -> Option<Probe> {
    loop {
        return Some(match question.advance()? {
            Ok(Reply::Pong { .. }) => {
                question.ask(&Command::Status);
                continue;
            }
            Ok(Reply::Status(json)) => match Status::parse(json.as_bytes()) {
                Ok(status) => Probe::Daemon { record: status.record.into(), owner: question.owner() },
                Err(_) => Probe::Foreign,
            },
            Ok(_) => Probe::Foreign,
            Err(none) => NoAnswer::into(none),
        });
    }
}
