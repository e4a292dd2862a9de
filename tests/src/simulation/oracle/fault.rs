//! What a session may die of, and what must be so when all is over.

use std::time::Duration;

use hyperwire_core::session::{Fault, LinkLoss, Timer};
use hyperwire_core::time::Instant;

use super::super::login;
use super::super::machine::Machine;
use super::super::plan::{Kind, Plan};
use super::super::said::What;
use super::super::server::Server;
use super::Oracle;

const STARTUP: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(10);

impl Oracle {
    /// Checks that a fault names something that was done to the session.
    pub(super) fn explain(
        &self,
        fault: &Fault,
        now: Instant,
        server: &Server,
        machine: &Machine,
    ) -> Result<(), String> {
        let next = server.said.get(self.passed);
        let started = self.passed.checked_sub(1).map_or(0, |before| server.said[before].end) < machine.fed();
        let asked = self.current().and_then(|number| self.asked.get(&number));
        let explained = login::explains(server.plan(), fault)
            || match fault {
                Fault::Violation(_) | Fault::Limit(_) => {
                    started && next.is_some_and(|said| matches!(said.what, What::Malformed(_)))
                }
                Fault::Refused(error) => {
                    let reason = (error.code().as_str().to_owned(), error.message().to_owned());
                    let said = next.filter(|said| said.of.is_none() && said.end <= machine.fed());
                    said.is_some_and(|said| {
                        said.what == What::Error { code: reason.0.clone(), message: reason.1.clone() }
                    }) || (matches!(self.lost, Some(LinkLoss::Eof | LinkLoss::Reset))
                        && self.last_error == Some(reason))
                }
                Fault::Deadline(Timer::Startup) => !self.ready && now >= Instant::EPOCH + STARTUP,
                Fault::Deadline(Timer::Sync) => asked.is_some_and(|asked| {
                    asked.kind == Kind::Sync && asked.deadline.is_some_and(|deadline| deadline <= now)
                }),
                Fault::Deadline(Timer::CancelGrace) => {
                    let since = asked.and_then(|asked| {
                        [asked.deadline, asked.abandoned, asked.discards].into_iter().flatten().min()
                    });
                    self.on_wire.is_some() && since.unwrap_or(Instant::EPOCH) + GRACE <= now
                }
                Fault::Link { loss, request_open } => {
                    let open = self.on_wire.is_some() && asked.is_none_or(|asked| asked.kind != Kind::Sync);
                    self.lost == Some(*loss) && *request_open == open
                }
                Fault::CancelUnsettled => self.is_burnt && self.on_wire.is_none(),
                Fault::Closed => self.terminated,
                _ => false,
            };
        if explained {
            Ok(())
        } else {
            Err(format!(
                "died of {fault:?}, which nothing explains; on the wire {:?}, next {next:?}",
                self.on_wire
            ))
        }
    }

    /// Checks the whole, when nothing more can happen.
    pub(in super::super) fn conclude(&self, plan: &Plan, server: &Server) -> Result<(), String> {
        if self.blind {
            return Ok(());
        }
        let numbers: Vec<_> = server.received.iter().filter_map(|received| received.start.number()).collect();
        if !numbers.is_sorted_by(|one, next| one < next) {
            return Err(format!("the server received {numbers:?}, out of order or twice"));
        }
        for received in &server.received {
            let Some(number) = received.start.number() else { continue };
            let Some(asked) = self.asked.get(&number) else {
                return Err(format!("the server received {number}, which was never asked for"));
            };
            if !asked.sent {
                return Err(format!("the server received {number}, which ended before it was sent"));
            }
            if received.data_done && received.data != asked.given {
                return Err(format!("the server received other COPY data for {number}"));
            }
        }
        let lost = self.asked.iter().find(|(_, asked)| !asked.over && !self.dead && !self.terminated);
        match lost {
            Some((number, asked)) => {
                Err(format!("{number} never ended: {asked:?} of {} requests", plan.requests.len()))
            }
            None => Ok(()),
        }
    }
}
