//! The client's program, line by line, and what must hold at its end: nothing is open any more, and a session that
//! is alive answers one more statement as if nothing had happened.

use std::time::Duration;

use hyperwire_core::session::RequestOptions;
use hyperwire_core::time::Instant;

use super::super::machine::Input;
use super::super::oracle::Asked;
use super::super::plan::{DataEnd, Demand, Kind, Line, Plan, Request};
use super::World;

/// How long a line waits for what may never come.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long requests may go on after the last line, before they are abandoned.
const LEFT_ALONE: Duration = Duration::from_secs(120);
/// Twice the grace of a cancel, for the closing of a statement whose prepare was abandoned, and the delivery of both.
const AFTER_ABANDON: Duration = Duration::from_secs(30);
/// Bytes that wait to be sent beyond which a caller gives no more COPY data.
const BACKLOG: usize = 1000;

#[derive(Debug)]
pub(super) struct Program {
    lines: Vec<Line>,
    at: usize,
    stage: Stage,
    /// When it goes on, if nothing happens before.
    resume: Instant,
    waits: bool,
    demand_at: Option<Instant>,
    feeder: Option<Feeder>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Lines,
    LeftAlone,
    Abandoned,
    Probe,
    Goodbye,
    Done,
}

/// Gives COPY data.
#[derive(Clone, Copy, Debug)]
struct Feeder {
    number: usize,
    next: usize,
    at: Instant,
}

impl Program {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            lines: plan.program.clone(),
            at: 0,
            stage: Stage::Lines,
            resume: Instant::EPOCH,
            waits: false,
            demand_at: None,
            feeder: None,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// When it goes on by itself, after now: what is due already waits for something else.
    pub(super) fn wake(&self, now: Instant) -> Option<Instant> {
        let feed = self.feeder.map(|feeder| feeder.at).filter(|at| *at < Instant::NEVER);
        [Some(self.resume), self.demand_at, feed].into_iter().flatten().filter(|at| *at > now).min()
    }
}

impl World {
    pub(super) fn program_moves(&mut self) -> Result<bool, String> {
        Ok(self.grant()? | self.feed()? | self.go_on()?)
    }

    fn request(&self, number: usize) -> &Request {
        self.plan.requests.get(number).unwrap_or(&self.plan.probe)
    }

    fn probe(&self) -> usize {
        self.plan.requests.len()
    }

    fn grant(&mut self) -> Result<bool, String> {
        if self.oracle.blind && self.machine.wants_demand() {
            let asked: Vec<_> = self.oracle.asked.keys().copied().collect();
            asked.into_iter().try_for_each(|number| self.demand(number, u64::MAX))?;
            return Ok(true);
        }
        let Some(number) = self.oracle.current().filter(|_| self.machine.wants_demand()) else {
            self.program.demand_at = None;
            return Ok(false);
        };
        let rows = match self.request(number).demand {
            _ if self.program.stage != Stage::Lines => u64::MAX,
            Demand::Trickle(rows, pause) => {
                let at = *self.program.demand_at.get_or_insert(self.now + pause);
                if self.now < at {
                    return Ok(false);
                }
                rows
            }
            Demand::Never => return Ok(false),
            Demand::AtOnce => return Err(format!("{number} had demand at once, and is paused")),
        };
        self.program.demand_at = None;
        self.demand(number, rows)?;
        Ok(true)
    }

    fn demand(&mut self, number: usize, rows: u64) -> Result<(), String> {
        if let Some(asked) = self.oracle.asked.get_mut(&number) {
            asked.granted = asked.granted.saturating_add(rows);
        }
        self.apply(Input::Demand(number, rows))
    }

    fn feed(&mut self) -> Result<bool, String> {
        let taker = self.oracle.current().filter(|number| self.oracle.asked[number].takes_data);
        let Some(number) = taker.filter(|_| !self.oracle.dead && !self.oracle.terminated) else {
            self.program.feeder = None;
            return Ok(false);
        };
        let request = self.request(number).clone();
        let first = request.data.first().map_or(Duration::ZERO, |(pause, _)| *pause);
        let now = self.now;
        let feeder = *self.program.feeder.get_or_insert(Feeder { number, next: 0, at: now + first });
        if feeder.number != number || self.now < feeder.at || self.machine.unsent().len() > BACKLOG {
            return Ok(false);
        }
        let nonsense = if let Some((_, data)) = request.data.get(feeder.next) {
            if let Some(asked) = self.oracle.asked.get_mut(&number) {
                asked.given.extend_from_slice(data);
            }
            let pause = request.data.get(feeder.next + 1).map_or(Duration::ZERO, |(pause, _)| *pause);
            self.program.feeder = Some(Feeder { number, next: feeder.next + 1, at: self.now + pause });
            self.call(Input::CopyData(data.clone()))?
        } else {
            let end = match request.data_end {
                DataEnd::Done => Input::CopyDone,
                DataEnd::Fail => Input::CopyFail,
                DataEnd::Never => {
                    self.program.feeder = Some(Feeder { at: Instant::NEVER, ..feeder });
                    return Ok(false);
                }
            };
            if let Some(asked) = self.oracle.asked.get_mut(&number) {
                asked.takes_data = false;
            }
            self.call(end)?
        };
        if nonsense && !self.oracle.blind {
            return Err(format!("{number} waits for COPY data, and does not take it"));
        }
        Ok(true)
    }

    fn go_on(&mut self) -> Result<bool, String> {
        let over = self.oracle.dead || self.oracle.terminated;
        let idle = self.machine.is_idle();
        let passed = self.now >= self.program.resume;
        match self.program.stage {
            Stage::Lines => return self.run_line(),
            Stage::LeftAlone if over => self.enter(Stage::Done, Duration::ZERO),
            Stage::LeftAlone if idle => self.begin_probe()?,
            Stage::LeftAlone if passed => {
                self.see_who_waits()?;
                self.enter(Stage::Abandoned, AFTER_ABANDON);
                for number in 0..self.probe() {
                    self.abandon(number)?;
                }
            }
            Stage::Abandoned if over => self.enter(Stage::Done, Duration::ZERO),
            // What was damaged may be waited for in vain, but not for ever once it is abandoned.
            Stage::Abandoned if idle && self.oracle.blind => self.enter(Stage::Done, Duration::ZERO),
            Stage::Goodbye if self.oracle.blind => self.enter(Stage::Done, Duration::ZERO),
            Stage::Probe if passed && self.oracle.blind => {
                self.enter(Stage::Abandoned, AFTER_ABANDON);
                self.abandon(self.probe())?;
            }
            Stage::Abandoned if idle => self.begin_probe()?,
            Stage::Probe if over => self.enter(Stage::Done, Duration::ZERO),
            Stage::Probe if idle => {
                self.story.count("answered the probe");
                self.enter(Stage::Goodbye, PATIENCE);
                self.oracle.terminated = true;
                self.apply(Input::Terminate)?;
            }
            Stage::Goodbye if self.oracle.dead => self.enter(Stage::Done, Duration::ZERO),
            Stage::Abandoned | Stage::Probe | Stage::Goodbye if passed => {
                return Err(format!("it hangs: {:?} has taken too long", self.program.stage));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Long after the last line something is open yet: the server, the network or the caller must owe something.
    fn see_who_waits(&self) -> Result<(), String> {
        let current = self.oracle.current();
        let caller = current.is_some_and(|number| {
            self.oracle.asked[&number].takes_data && self.request(number).data_end == DataEnd::Never
        });
        if caller || self.oracle.blind || self.lost.is_some() || self.server.owes() {
            return Ok(());
        }
        Err(format!("{current:?} is open, and nobody owes anything"))
    }

    fn enter(&mut self, stage: Stage, patience: Duration) {
        self.to_client.calm_down();
        self.to_server.calm_down();
        (self.program.stage, self.program.resume) = (stage, self.now + patience);
        self.story.add(self.now, format_args!("client: {stage:?}"));
    }

    fn begin_probe(&mut self) -> Result<(), String> {
        let probe = self.probe();
        self.enter(Stage::Probe, PATIENCE);
        self.submit(probe)
    }

    fn run_line(&mut self) -> Result<bool, String> {
        let passed = self.now >= self.program.resume;
        let Some(line) = self.program.lines.get(self.program.at).copied() else {
            if passed {
                self.enter(Stage::LeftAlone, LEFT_ALONE);
            }
            return Ok(passed);
        };
        let arrived = match line {
            Line::AwaitNews(number) => self.has_news(number, |asked| asked.told || asked.over),
            Line::AwaitEnd(number) => self.has_news(number, |asked| asked.over),
            _ => false,
        };
        let waiting = matches!(line, Line::AwaitNews(_) | Line::AwaitEnd(_) | Line::Pause(_));
        if waiting && !arrived {
            if !self.program.waits {
                self.program.waits = true;
                let length = if let Line::Pause(length) = line { length } else { PATIENCE };
                self.program.resume = self.now + length;
                return Ok(true);
            }
            if !passed {
                return Ok(false);
            }
        }
        (self.program.waits, self.program.resume) = (false, self.now);
        self.program.at += 1;
        match line {
            Line::Submit(number) => self.submit(number)?,
            Line::Cancel(number) => self.cancel(number)?,
            Line::Abandon(number) => self.abandon(number)?,
            Line::Terminate => {
                self.oracle.terminated = true;
                self.apply(Input::Terminate)?;
            }
            Line::Pause(_) | Line::AwaitNews(_) | Line::AwaitEnd(_) => {}
        }
        Ok(true)
    }

    fn has_news(&self, number: usize, is_news: impl Fn(&Asked) -> bool) -> bool {
        let over = self.oracle.dead || self.oracle.terminated;
        over || self.oracle.asked.get(&number).is_none_or(is_news)
    }

    fn submit(&mut self, number: usize) -> Result<(), String> {
        let (kind, copy, deadline, demand) = {
            let request = self.request(number);
            (request.kind, request.copy, request.deadline.map(|after| self.now + after), request.demand)
        };
        if let Kind::Execute(of) | Kind::Close(of) = kind
            && self.machine.prepared(of).is_none()
        {
            return Ok(());
        }
        let mut options = RequestOptions::default().deadline(deadline);
        options.copy = copy;
        let nonsense = self.call(Input::Submit { number, kind, options })?;
        if nonsense != self.machine.fault().is_some() {
            return Err(format!(
                "{number} was refused: {nonsense}; the session is {:?}",
                self.machine.fault()
            ));
        }
        match demand {
            Demand::AtOnce if !nonsense => self.demand(number, u64::MAX),
            _ => Ok(()),
        }
    }

    /// Notes a request that the session has taken, before anything that is told of it.
    pub(super) fn note_submission(&mut self, number: usize) {
        let request = self.request(number);
        let deadline = request.deadline.map(|after| self.now + after);
        let mut asked = Asked::new(request.kind, request.copy, deadline);
        if let Kind::Close(of) = request.kind {
            asked.closes = self.machine.prepared(of).map(|prepared| prepared.name().to_owned());
        }
        if let Some(id) = self.machine.id(number) {
            self.oracle.submitted(number, id, asked);
        }
    }

    fn cancel(&mut self, number: usize) -> Result<(), String> {
        if let Some(asked) = self.oracle.asked.get_mut(&number).filter(|asked| !asked.over) {
            asked.canceled = true;
        }
        self.apply(Input::Cancel(number))
    }

    fn abandon(&mut self, number: usize) -> Result<(), String> {
        self.oracle.abandoned(number, self.now);
        self.apply(Input::Abandon(number))
    }
}
