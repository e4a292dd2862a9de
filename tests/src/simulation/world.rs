//! A client, a network and a server in virtual time.
//!
//! Time stands still while anything can happen, and then jumps to the next moment at which something is due: a piece
//! that arrives, the server's or the program's next step, or exactly the deadline that the session announced.

mod program;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use hyperwire_core::session::{CANCEL_TIMEOUT, CancelDelivery, Event, Fault, LinkLoss, StatementError};
use hyperwire_core::time::Instant;
use hyperwire_core::wire::CancelKey;

use super::broken::Broken;
use super::login;
use super::machine::{Input, Machine, Told};
use super::oracle::Oracle;
use super::plan::{Loss, Plan};
use super::server::Server;
use crate::virtual_time::pipe::Pipe;
use crate::virtual_time::random::Random;
use crate::virtual_time::story::Story;
use program::Program;

/// More steps than any run takes that comes to rest.
const STEPS: u32 = 200_000;
const NONCE: [u8; 18] = [7; 18];
/// How long the network tries before it says that the peer is unreachable.
const UNREACHABLE: Duration = Duration::from_secs(30);

pub(super) struct World {
    now: Instant,
    random: Random,
    plan: Rc<Plan>,
    machine: Machine,
    oracle: Oracle,
    server: Server,
    to_server: Pipe,
    to_client: Pipe,
    /// The loss that is still to happen.
    loss: Option<Loss>,
    /// The loss that happened, and when the client's system knows.
    lost: Option<(Instant, LinkLoss)>,
    /// CancelRequests on their way: when, with what, meant for which request, whether it is the way back.
    cancels: Vec<(Instant, Cancel)>,
    tls_established_at: Option<Instant>,
    program: Program,
    /// Bytes of the output that the oracle has seen.
    seen: usize,
    pub(super) steps: u32,
    pub(super) story: Story,
}

#[derive(Clone, Copy, Debug)]
enum Cancel {
    Arrives(CancelKey, Option<usize>),
    /// One that its driver has given up.
    ArrivesLate(CancelKey, Option<usize>),
    Ends(CancelDelivery),
}

impl World {
    pub(super) fn new(seed: u64, broken: Option<Broken>, told: bool) -> Self {
        let plan = Rc::new(Plan::of(seed));
        let mut story = Story::new(told);
        plan.tell(&mut story);
        Self {
            now: Instant::EPOCH,
            random: Random::new(!seed),
            machine: Machine::start(login::config(&plan), NONCE, broken),
            oracle: Oracle::default(),
            server: Server::new(Rc::clone(&plan)),
            to_server: Pipe::new(plan.to_server.clone()),
            to_client: Pipe::new(plan.to_client.clone()),
            loss: plan.loss,
            lost: None,
            cancels: Vec::new(),
            tls_established_at: None,
            program: Program::new(&plan),
            seen: 0,
            steps: 0,
            story,
            plan,
        }
    }

    /// Runs to the end.
    pub(super) fn run(&mut self) -> Result<(), String> {
        self.show_output()?;
        loop {
            self.settle()?;
            if self.program.is_done() {
                break;
            }
            let due = self.next_due().ok_or("nothing is due, and the program has not ended")?;
            self.now = self.now.max(due);
            self.steps += 1;
            if self.steps > STEPS {
                return Err("it does not come to rest".to_owned());
            }
            self.tick()?;
        }
        self.machine.flaw.take().map_or(Ok(()), Err)?;
        self.oracle.conclude(&self.plan, &self.server)?;
        self.machine.play_again(login::config(&self.plan), NONCE)
    }

    fn next_due(&self) -> Option<Instant> {
        let deadline = self.machine.wants().deadline.map(|(at, _)| at);
        let dues = [
            deadline,
            self.to_server.next_arrival(),
            self.to_client.next_arrival(),
            self.server.wake(),
            self.program.wake(self.now),
            self.cancels.iter().map(|(at, _)| *at).min(),
            self.tls_established_at,
            self.lost.map(|(at, _)| at).filter(|at| *at > self.now),
        ];
        dues.into_iter().flatten().min()
    }

    /// What is due now and does not follow from anything else. What comes first at one moment is left to chance.
    fn tick(&mut self) -> Result<(), String> {
        let timeout_first = self.random.one_in(2);
        if timeout_first {
            self.pass_deadline()?;
        }
        if self.tls_established_at.is_some_and(|at| at <= self.now) {
            self.tls_established_at = None;
            self.apply(Input::TlsEstablished)?;
        }
        while let Some(index) = self.cancels.iter().position(|(at, _)| *at <= self.now) {
            let (_, cancel) = self.cancels.remove(index);
            self.cancel_moves(cancel)?;
        }
        if !timeout_first {
            self.settle()?;
            self.pass_deadline()?;
        }
        Ok(())
    }

    fn pass_deadline(&mut self) -> Result<(), String> {
        match self.machine.wants().deadline {
            Some((at, _)) if at < self.now => Err(format!("the deadline {at:?} lies in the past")),
            Some((at, timer)) if at == self.now => {
                self.story.add(self.now, format_args!("deadline: {timer}"));
                self.apply(Input::Timeout)
            }
            _ => Ok(()),
        }
    }

    fn cancel_moves(&mut self, cancel: Cancel) -> Result<(), String> {
        match cancel {
            Cancel::Arrives(key, meant) | Cancel::ArrivesLate(key, meant) => {
                let hit = self.server.cancel(key, self.now);
                self.story.add(self.now, format_args!("CancelRequest for {meant:?} hits {hit:?}"));
                if hit.is_some() && hit != meant && !self.oracle.blind {
                    return Err(format!("a CancelRequest meant for {meant:?} hit {hit:?}"));
                }
                if let Cancel::Arrives(..) = cancel {
                    let ends = Cancel::Ends(CancelDelivery::Delivered);
                    self.cancels.push((self.now + self.plan.cancel_delay, ends));
                }
                Ok(())
            }
            Cancel::Ends(delivery) => {
                self.oracle.cancel_ended(delivery);
                self.apply(Input::CancelEnded(delivery))
            }
        }
    }

    /// Lets everything happen that takes no time.
    fn settle(&mut self) -> Result<(), String> {
        for _ in 0..STEPS {
            let moved =
                self.server_moves()? | self.client_reads()? | self.client_writes()? | self.program_moves()?;
            if !moved {
                return Ok(());
            }
        }
        Err("it never waits".to_owned())
    }

    fn server_moves(&mut self) -> Result<bool, String> {
        let said = self.server.said.len();
        self.to_server.arrive(self.now);
        let mut moved = false;
        if self.server.reads() && self.to_server.readable() > 0 {
            let bytes = self.to_server.read(self.random.size(1, self.to_server.readable()));
            self.server.receive(&bytes);
            moved = true;
        }
        if let Err(nonsense) = self.server.run(self.now) {
            if !self.oracle.blind {
                return Err(format!("the server cannot make sense of it: {nonsense}"));
            }
            self.server.fall_silent();
        }
        for said in &self.server.said[said..] {
            self.story.add(self.now, format_args!("server: {:?} to {:?}", said.what, said.of));
        }
        while !self.server.outgoing.is_empty() && self.lost.is_none() {
            let (outgoing, _) = self.server.outgoing.as_slices();
            let most = self.until_loss(true, outgoing.len());
            let count = self.to_client.send(&outgoing[..most], self.now, &mut self.random);
            self.server.outgoing.drain(..count);
            self.lose_if_due();
            moved |= count > 0;
            if count == 0 {
                break;
            }
        }
        if (self.server.closed || self.server.terminated) && self.server.outgoing.is_empty() {
            self.to_client.close();
        }
        let listens = self.server.reads() && self.to_server.readable() > 0;
        Ok(moved | listens | (self.server.said.len() > said))
    }

    fn client_reads(&mut self) -> Result<bool, String> {
        let leaving = self.oracle.terminated && !self.oracle.dead;
        let (reads, arrived) = (self.machine.wants().readable || leaving, self.to_client.arrive(self.now));
        if !reads || self.oracle.dead {
            return Ok(arrived);
        }
        if self.to_client.readable() > 0 {
            let bytes = self.to_client.read(self.random.size(1, self.to_client.readable()));
            let flipped = self.plan.to_client.flip;
            self.oracle.blind |= flipped.is_some_and(|(at, _)| at < self.machine.fed() + bytes.len() as u64);
            self.apply(Input::Bytes(bytes))?;
            return Ok(true);
        }
        let known = self.lost.filter(|(at, _)| *at <= self.now).map(|(_, how)| how);
        let ended = self.to_client.at_end().then_some(LinkLoss::Eof).filter(|_| self.lost.is_none());
        if let Some(how) = known.or(ended) {
            self.story.add(self.now, format_args!("the connection is lost: {how}"));
            self.oracle.lost = Some(how);
            self.apply(Input::Lost(how))?;
            return Ok(true);
        }
        Ok(arrived)
    }

    fn client_writes(&mut self) -> Result<bool, String> {
        if self.lost.is_some() {
            return Ok(false);
        }
        let most = self.until_loss(false, self.machine.unsent().len());
        let count = self.to_server.send(&self.machine.unsent()[..most], self.now, &mut self.random);
        if count > 0 {
            self.apply(Input::Took(count))?;
            self.lose_if_due();
        }
        Ok(count > 0)
    }

    /// How many of so many bytes can go before the connection is lost.
    fn until_loss(&self, toward_client: bool, bytes: usize) -> usize {
        let taken = if toward_client { self.to_client.taken() } else { self.to_server.taken() };
        let left = self.loss.filter(|loss| loss.toward_client == toward_client).map(|loss| loss.at - taken);
        left.map_or(bytes, |left| bytes.min(left as usize))
    }

    fn lose_if_due(&mut self) {
        let Some(Loss { toward_client, at, how }) = self.loss else { return };
        let taken = if toward_client { self.to_client.taken() } else { self.to_server.taken() };
        if taken < at {
            return;
        }
        self.loss = None;
        self.story.add(self.now, format_args!("cut behind byte {at}, {toward_client}: {how}"));
        self.server.fall_silent();
        self.server.outgoing.clear();
        self.to_server.destroy();
        match how {
            // What was sent still arrives, and the end behind it.
            LinkLoss::Eof => self.to_client.close(),
            LinkLoss::Reset => {
                self.to_client.destroy();
                self.lost = Some((self.now, how));
            }
            _ => {
                self.to_client.destroy();
                self.lost = Some((self.now + UNREACHABLE, how));
            }
        }
    }

    /// Makes one call on the session and deals with everything that comes of it.
    fn apply(&mut self, input: Input) -> Result<(), String> {
        self.call(input).map(|_| ())
    }

    /// As [`World::apply`]; whether the session took the call for nonsense.
    fn call(&mut self, input: Input) -> Result<bool, String> {
        self.story.add(self.now, format_args!("call {input:?}"));
        let submits = if let Input::Submit { number, .. } = &input { Some(*number) } else { None };
        let (told, misuse) = self.machine.apply(self.now, input);
        if let (Some(number), None) = (submits, &misuse) {
            self.note_submission(number);
        }
        let mut meant = self.oracle.current();
        for told in &told {
            self.story.add(self.now, format_args!("told {told:?}"));
            self.story.count(kind_of(told));
        }
        self.oracle.hear(&told, self.now, &self.server, &self.machine)?;
        self.show_output()?;
        for told in &told {
            match told {
                Told::Event(Event::SendCancel(key)) => self.send_cancel(*key, meant.take()),
                Told::Event(Event::StartTls) => {
                    self.tls_established_at = Some(self.now + Duration::from_millis(3));
                }
                _ => {}
            }
        }
        if let Some(flaw) = self.machine.flaw.take() {
            return Err(flaw);
        }
        Ok(misuse.is_some())
    }

    /// Shows the oracle what was appended to the output.
    fn show_output(&mut self) -> Result<(), String> {
        let unsent = self.machine.unsent();
        let fresh = (self.machine.queued() - self.seen).min(unsent.len());
        self.seen = self.machine.queued();
        let fresh = unsent[unsent.len() - fresh..].to_vec();
        self.oracle.sees_output(&fresh, self.now)
    }

    fn send_cancel(&mut self, key: CancelKey, meant: Option<usize>) {
        let soon = self.now + self.plan.cancel_delay;
        if self.plan.cancel_late > 0 && self.random.one_in(self.plan.cancel_late) {
            let given_up = self.now + CANCEL_TIMEOUT;
            self.cancels.push((given_up, Cancel::Ends(CancelDelivery::Unknown)));
            let late = given_up + self.random.duration(20);
            self.cancels.push((late, Cancel::ArrivesLate(key, meant)));
        } else if self.plan.cancel_loss > 0 && self.random.one_in(self.plan.cancel_loss) {
            self.cancels.push((soon, Cancel::Ends(CancelDelivery::NotSent)));
        } else {
            self.cancels.push((soon, Cancel::Arrives(key, meant)));
        }
    }
}

/// What kind of thing was told, for the census.
fn kind_of(told: &Told) -> &'static str {
    match told {
        Told::Row(..) => "row",
        Told::Data(..) => "COPY data",
        Told::Dead(fault) => match fault {
            Fault::Violation(_) => "died of a violation",
            Fault::Limit(_) => "died of a limit",
            Fault::Refused(_) => "died of a refusal",
            Fault::Authentication(_) => "died of the authentication",
            Fault::NoTls => "died for want of TLS",
            Fault::Deadline(hyperwire_core::session::Timer::Startup) => "died of the start-up's deadline",
            Fault::Deadline(hyperwire_core::session::Timer::Sync) => "died of a Sync's deadline",
            Fault::Deadline(_) => "died of the cancel's grace",
            Fault::Link { request_open: true, .. } => "died of the link, a request open",
            Fault::Link { .. } => "died of the link",
            Fault::CancelUnsettled => "died of a cancel that may come late",
            _ => "closed",
        },
        Told::Event(event) => match event {
            Event::StartTls => "TLS started",
            Event::SendCancel(_) => "cancel sent",
            Event::Ready => "ready",
            Event::Columns { .. } => "columns",
            Event::CopyIn(_) => "COPY in",
            Event::CopyOut(_) => "COPY out",
            Event::Complete { .. } => "complete",
            Event::Empty(_) => "empty",
            Event::Prepared { .. } => "prepared",
            Event::Failed { error, .. } => match error {
                StatementError::Server(_) => "failed at the server",
                StatementError::DeadlineExceeded => "failed by its deadline",
                StatementError::NeverSent => "failed before it was sent",
                StatementError::Stale { .. } => "failed as stale",
                StatementError::CopiesOut => "failed as it copies out",
                _ => "failed otherwise",
            },
            Event::Finished { .. } => "finished",
            Event::Notice(_) => "notice",
            Event::Pulse => "pulse",
            _ => "something else",
        },
    }
}

/// What was counted, over many runs.
pub(super) fn add_census(total: &mut BTreeMap<&'static str, u64>, one: &BTreeMap<&'static str, u64>) {
    for (kind, count) in one {
        *total.entry(kind).or_default() += count;
    }
}
