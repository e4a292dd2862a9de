//! A hyperd that answers as the plan says, in virtual time.

mod respond;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use hyperwire_core::time::Instant;
use hyperwire_core::wire::CancelKey;

use super::heard::{Listener, Start};
use super::login::Attempt;
use super::plan::{Disturbance, Plan, Request, Trouble};
use super::said::{Act, Said, What};

/// What hyperd's sign of life says of a running statement.
const PULSE_EVERY: Duration = Duration::from_secs(5);
/// Bytes beyond which a writer waits for its peer to take some.
const BACKLOG: usize = 2000;

pub(super) const KEY: CancelKey = CancelKey { process_id: 4, secret_key: -77 };

#[derive(Debug)]
pub(super) struct Server {
    plan: Rc<Plan>,
    listener: Listener,
    login: Option<Attempt>,
    /// What is to be done before anything else is read.
    acts: VecDeque<Act>,
    /// Not handed to the network yet.
    pub(super) outgoing: VecDeque<u8>,
    pub(super) said: Vec<Said>,
    pub(super) bytes_said: u64,
    /// Every request that came.
    pub(super) received: Vec<Received>,
    /// The one that is being answered.
    open: Option<usize>,
    trouble: Vec<Trouble>,
    said_to_open: usize,
    asleep_until: Option<Instant>,
    hangs: bool,
    pulse_at: Option<Instant>,
    /// CopyInResponse is out, and then: data is read.
    copying: bool,
    collecting: bool,
    /// The open request has had its error.
    failed: bool,
    /// Messages are ignored up to the next Sync, after an error in an extended request.
    skips: bool,
    /// COPY FROM STDIN swallowed the Sync of its extended request.
    sync_swallowed: bool,
    cancel_at: Option<Instant>,
    prepared: BTreeMap<String, usize>,
    /// It says and reads nothing any more.
    mute: bool,
    /// It closed the connection.
    pub(super) closed: bool,
    pub(super) terminated: bool,
}

/// A request as it arrived.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) start: Start,
    /// COPY data that was given with it, and whether its end was.
    pub(super) data: Vec<u8>,
    pub(super) data_done: bool,
}

impl Server {
    pub(super) fn new(plan: Rc<Plan>) -> Self {
        Self {
            login: Some(Attempt::new(plan.login)),
            trouble: plan.login_trouble.clone(),
            plan,
            listener: Listener::default(),
            acts: VecDeque::new(),
            outgoing: VecDeque::new(),
            said: Vec::new(),
            bytes_said: 0,
            received: Vec::new(),
            open: None,
            said_to_open: 0,
            asleep_until: None,
            hangs: false,
            pulse_at: None,
            copying: false,
            collecting: false,
            failed: false,
            skips: false,
            sync_swallowed: false,
            cancel_at: None,
            prepared: BTreeMap::new(),
            mute: false,
            closed: false,
            terminated: false,
        }
    }

    /// Whether it would read now.
    pub(super) fn reads(&self) -> bool {
        let listens = self.acts.is_empty() || self.collecting;
        !self.is_over() && listens && !self.is_busy() && self.outgoing.len() < BACKLOG
    }

    pub(super) fn is_over(&self) -> bool {
        self.mute || self.closed || self.terminated
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.listener.hear(bytes);
    }

    /// It says and reads nothing any more.
    pub(super) fn fall_silent(&mut self) {
        self.mute = true;
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether it has not said, for whatever reason, what it has to say.
    pub(super) fn owes(&self) -> bool {
        self.is_over() || self.is_busy() || !self.outgoing.is_empty()
    }

    /// When it wants to go on by itself.
    pub(super) fn wake(&self) -> Option<Instant> {
        if self.is_over() {
            return None;
        }
        let pulse = self.pulse_at.filter(|_| self.is_busy());
        let cancel = self.cancel_at.filter(|_| self.is_interruptible());
        [self.asleep_until, pulse, cancel].into_iter().flatten().min()
    }

    /// A CancelRequest arrived. Returns the number of the request that it hit, if it hit one.
    pub(super) fn cancel(&mut self, key: CancelKey, now: Instant) -> Option<usize> {
        let number = self.received[self.open?].start.number()?;
        if key != KEY || self.is_over() {
            return None;
        }
        if let Some(reaction) = self.request(number).answer.heeds_cancel {
            self.cancel_at = self.cancel_at.or(Some(now + reaction));
        }
        Some(number)
    }

    /// Goes on as far as it can at this time.
    pub(super) fn run(&mut self, now: Instant) -> Result<(), String> {
        while !self.is_over() {
            if self.cancel_at.is_some_and(|at| at <= now) && self.is_interruptible() {
                self.interrupt();
            }
            if self.asleep_until.is_some_and(|until| until <= now) {
                self.asleep_until = None;
            }
            if self.is_busy() {
                if self.pulse_at.is_some_and(|at| at <= now) {
                    self.put(Act::pulse());
                    self.pulse_at = Some(now + PULSE_EVERY);
                }
                return Ok(());
            }
            if self.outgoing.len() >= BACKLOG {
                return Ok(());
            }
            if !self.collecting
                && let Some(act) = self.acts.pop_front()
            {
                self.perform(act, now);
                continue;
            }
            match self.listener.next()? {
                Some(heard) => self.answer(heard)?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn is_busy(&self) -> bool {
        self.asleep_until.is_some() || self.hangs
    }

    /// The plan of a request; one behind the last is the probe.
    fn request(&self, number: usize) -> &Request {
        self.plan.requests.get(number).unwrap_or(&self.plan.probe)
    }

    fn opened(&self) -> Option<&Start> {
        self.open.map(|open| &self.received[open].start)
    }

    /// An extended COPY is interrupted only once it has swallowed the Sync behind it: a server reads it in the same
    /// breath as the Execute, and otherwise nobody could tell which Sync is answered.
    fn is_interruptible(&self) -> bool {
        let simple = matches!(self.opened(), Some(Start::Query(_)));
        !self.copying || simple || self.sync_swallowed
    }

    fn perform(&mut self, act: Act, now: Instant) {
        match act {
            Act::Say(..) => {
                let due = |trouble: &Trouble| trouble.before <= self.said_to_open;
                if let Some(index) = self.trouble.iter().position(due) {
                    self.acts.push_front(act);
                    let trouble = self.trouble.remove(index);
                    self.disturb(trouble.what, now);
                } else {
                    self.said_to_open += 1;
                    self.put(act);
                }
            }
            Act::Sleep(length) => self.sleep(length, now),
            Act::Collect => self.collecting = true,
            Act::Close => self.closed = true,
        }
    }

    fn sleep(&mut self, length: Duration, now: Instant) {
        self.asleep_until = Some(now + length);
        self.pulse_at = self.open.map(|_| now + PULSE_EVERY);
    }

    fn disturb(&mut self, what: Disturbance, now: Instant) {
        match what {
            Disturbance::Sleep(length) => self.sleep(length, now),
            Disturbance::Hang => {
                self.hangs = true;
                self.pulse_at = self.open.map(|_| now + PULSE_EVERY);
            }
            Disturbance::Notice => self.put(Act::notice(&format!("notice {}", self.said.len()))),
            Disturbance::Error => self.fail("42601", &format!("error {}", self.said.len())),
            Disturbance::ErrorAndClose => {
                self.put(Act::error("57P01", "the server ends"));
                self.closed = true;
            }
            Disturbance::Close => self.closed = true,
            Disturbance::Malformed(bytes) => {
                self.put(Act::Say(What::Malformed(bytes.first().copied().unwrap_or_default()), bytes));
                self.mute = true;
            }
        }
    }

    fn interrupt(&mut self) {
        self.cancel_at = None;
        if !self.failed {
            self.fail("57014", "canceled by user");
        }
    }

    /// An error takes the place of the rest of the answer.
    fn fail(&mut self, code: &str, message: &str) {
        let synced = matches!(self.acts.back(), Some(Act::Say(What::Ready(_), _)));
        (self.hangs, self.asleep_until, self.failed) = (false, None, true);
        (self.copying, self.collecting) = (false, false);
        self.acts.clear();
        self.trouble.retain(|trouble| !matches!(trouble.what, Disturbance::Error));
        self.put(Act::error(code, message));
        if self.login.is_some() {
            self.closed = true;
        } else if synced {
            let ready = self.ready();
            self.acts.push_back(ready);
        } else {
            self.skips = true;
        }
    }

    fn ready(&self) -> Act {
        let number = self.opened().and_then(Start::number);
        Act::ready(number.map_or(b'I', |number| self.request(number).answer.status))
    }

    fn put(&mut self, act: Act) {
        let Act::Say(what, bytes) = act else { return };
        self.bytes_said += bytes.len() as u64;
        self.outgoing.extend(bytes);
        let over = matches!(what, What::Ready(_));
        self.copying |= what == What::CopyIn;
        self.said.push(Said { end: self.bytes_said, of: self.open, what });
        if over {
            (self.open, self.login, self.cancel_at) = (None, None, None);
            self.trouble.clear();
            self.sync_swallowed = false;
        }
    }
}
