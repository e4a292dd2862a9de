//! The session under test with its buffers: every input goes through one door, is written down, and what comes of it
//! is taken out completely. What is written down can be played again in other pieces.

use std::collections::BTreeMap;
use std::mem;

use hyperwire_core::buffer::{InBuf, OutBuf};
use hyperwire_core::row::Parameters;
use hyperwire_core::session::{
    CancelDelivery, Config, Event, Fault, LinkLoss, Misuse, Prepared, RequestId, RequestOptions, Session,
    Timer, Wants,
};
use hyperwire_core::time::Instant;

use super::broken::Broken;
use super::heard::text_of;
use super::plan::Kind;

/// One call on the session.
#[derive(Clone, Debug)]
pub(super) enum Input {
    Bytes(Vec<u8>),
    Submit {
        number: usize,
        kind: Kind,
        options: RequestOptions,
    },
    Demand(usize, u64),
    Cancel(usize),
    Abandon(usize),
    CancelEnded(CancelDelivery),
    TlsEstablished,
    Timeout,
    CopyData(Vec<u8>),
    CopyDone,
    CopyFail,
    Terminate,
    Lost(LinkLoss),
    /// The network took so many bytes.
    Took(usize),
}

/// What the session told, with what an event only points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Event(Event),
    Row(RequestId, Vec<Option<Vec<u8>>>),
    Data(RequestId, Vec<u8>),
    Dead(Fault),
}

#[derive(Debug)]
pub(super) struct Machine {
    session: Session,
    input: InBuf,
    out: OutBuf,
    broken: Option<Broken>,
    ids: BTreeMap<usize, RequestId>,
    prepared: BTreeMap<RequestId, Prepared>,
    /// Bytes appended to the output since the beginning.
    queued: usize,
    dead: bool,
    fed: u64,
    last_row: Option<Told>,
    record: Vec<(Instant, Input)>,
    /// A promise of the session's interface that was broken.
    pub(super) flaw: Option<String>,
}

impl Machine {
    pub(super) fn start(config: Config, nonce: [u8; 18], broken: Option<Broken>) -> Self {
        let mut out = OutBuf::new();
        let session = Session::start(config, nonce, Instant::EPOCH, &mut out).expect("a plain configuration");
        Self {
            session,
            input: InBuf::new(),
            queued: out.unsent().len(),
            out,
            broken,
            ids: BTreeMap::new(),
            prepared: BTreeMap::new(),
            dead: false,
            fed: 0,
            last_row: None,
            record: Vec::new(),
            flaw: None,
        }
    }

    /// Makes the call and takes out everything that is told then. A call that makes no sense returns why.
    pub(super) fn apply(&mut self, now: Instant, input: Input) -> (Vec<Told>, Option<Misuse>) {
        self.record.push((now, input.clone()));
        self.carry_out(now, &input)
    }

    fn carry_out(&mut self, now: Instant, input: &Input) -> (Vec<Told>, Option<Misuse>) {
        let unsent = self.out.unsent().len();
        let misuse = self.call(now, input).err();
        // What lies in the input buffer is news only to these.
        let opens = matches!(input, Input::Bytes(_) | Input::Demand(..) | Input::Abandon(_));
        let announced = self.wants().deadline.is_some_and(|(_, timer)| timer == Timer::Queued);
        let told = self.drain(now);
        let event = told.iter().any(|told| matches!(told, Told::Event(_)));
        if !opens && event != announced {
            self.blame(format!("{input:?}: announced {announced}, queued {event}: {told:?}"));
        }
        let taken = if let Input::Took(count) = input { *count } else { 0 };
        self.queued += (self.out.unsent().len() + taken).saturating_sub(unsent);
        self.check_wants(now, input);
        (told, misuse)
    }

    /// The same inputs, but every byte by itself and every call behind early timeouts, must tell the same story and
    /// say the same bytes.
    pub(super) fn play_again(&self, config: Config, nonce: [u8; 18]) -> Result<(), String> {
        let mut whole = Self::start(config.clone(), nonce, self.broken);
        let mut pieces = Self::start(config, nonce, self.broken);
        for (now, input) in &self.record {
            let (told, misuse) = whole.carry_out(*now, input);
            let early = pieces.wants().deadline.is_none_or(|(at, _)| at > *now);
            if early && !matches!(input, Input::Timeout) {
                for _ in 0..2 {
                    let (told, _) = pieces.carry_out(*now, &Input::Timeout);
                    if !told.is_empty() {
                        return Err(format!("an early timeout at {now:?} told {told:?}"));
                    }
                }
            }
            let mut again = (Vec::new(), None);
            if let Input::Bytes(bytes) = input {
                for byte in bytes {
                    again.0.extend(pieces.carry_out(*now, &Input::Bytes(vec![*byte])).0);
                }
            } else {
                again = pieces.carry_out(*now, input);
            }
            if (&told, &misuse) != (&again.0, &again.1) {
                return Err(format!("in pieces, {input:?} at {now:?}\ntells {again:?}\nnot   {told:?}"));
            }
            if whole.out != pieces.out || whole.wants() != pieces.wants() {
                return Err(format!("in pieces, {input:?} at {now:?} leaves other output or wishes"));
            }
        }
        pieces.flaw.map_or(Ok(()), Err)
    }

    pub(super) fn wants(&self) -> Wants {
        let mut wants = self.session.wants(&self.out);
        if let Some(broken) = self.broken {
            broken.distort_wants(&mut wants);
        }
        wants
    }

    pub(super) fn unsent(&self) -> &[u8] {
        self.out.unsent()
    }

    /// Bytes appended to the output since the beginning.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Bytes handed in since the beginning.
    pub(super) fn fed(&self) -> u64 {
        self.fed
    }

    pub(super) fn fault(&self) -> Option<&Fault> {
        self.session.fault()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.session.is_idle()
    }

    pub(super) fn wants_demand(&self) -> bool {
        self.session.wants_demand()
    }

    pub(super) fn id(&self, number: usize) -> Option<RequestId> {
        self.ids.get(&number).copied()
    }

    pub(super) fn prepared(&self, number: usize) -> Option<&Prepared> {
        self.prepared.get(&self.id(number)?)
    }

    fn call(&mut self, now: Instant, input: &Input) -> Result<(), Misuse> {
        let id_of = |number: &usize| self.ids.get(number).copied();
        match input {
            Input::Bytes(bytes) => {
                self.fed += bytes.len() as u64;
                match self.broken {
                    Some(broken) => self.input.extend(&broken.distort_bytes(bytes, self.fed)),
                    None => self.input.extend(bytes),
                }
            }
            Input::Submit { number, kind, options } => {
                let options = self.broken.map_or(*options, |broken| broken.distort_options(*options));
                let id = self.submit(*number, *kind, options)?;
                self.ids.insert(*number, id);
            }
            Input::Demand(number, rows) => {
                let rows = self.broken.map_or(*rows, |broken| broken.distort_demand(*rows));
                let id = id_of(number);
                id.iter().for_each(|id| self.session.demand(*id, rows));
            }
            Input::Cancel(number) => id_of(number).iter().for_each(|id| self.session.cancel(*id, now)),
            Input::Abandon(number) => {
                id_of(number).iter().for_each(|id| self.session.abandon(*id, now, &mut self.out));
            }
            Input::CancelEnded(delivery) => {
                let delivery = self.broken.map_or(*delivery, |broken| broken.distort_delivery(*delivery));
                self.session.cancel_ended(delivery, &mut self.out);
            }
            Input::TlsEstablished => self.session.tls_established(&mut self.out),
            Input::Timeout => {
                let now = self.broken.map_or(now, |broken| broken.distort_time(now));
                self.session.handle_timeout(now);
            }
            Input::CopyData(data) => self.session.copy_in(data, &mut self.out)?,
            Input::CopyDone => self.session.copy_done(&mut self.out)?,
            Input::CopyFail => self.session.copy_fail("no more of it", &mut self.out)?,
            Input::Terminate => self.session.terminate(&mut self.out),
            Input::Lost(loss) => {
                self.session.handle_link_loss(*loss);
            }
            Input::Took(count) => self.out.sent(*count),
        }
        Ok(())
    }

    fn submit(&mut self, number: usize, kind: Kind, options: RequestOptions) -> Result<RequestId, Misuse> {
        let (text, out) = (text_of(number), &mut self.out);
        let parameter = number.to_string();
        let parameters = Parameters::new(&[&parameter.as_str()]).expect("one text");
        let prepared = |ids: &BTreeMap<usize, RequestId>, of| {
            let prepared = ids.get(&of).and_then(|id| self.prepared.get(id));
            prepared.cloned().expect("the program looked")
        };
        match kind {
            Kind::Query => self.session.query(&text, options, out),
            Kind::Params => self.session.query_params(&text, &parameters, None, options, out),
            Kind::Prepare => self.session.prepare(&text, &[25], options, out),
            Kind::Execute(of) => self.session.execute(&prepared(&self.ids, of), &parameters, options, out),
            Kind::Close(of) => self.session.close_statement(prepared(&self.ids, of).name(), options, out),
            Kind::Sync => self.session.sync(options, out),
        }
    }

    fn drain(&mut self, now: Instant) -> Vec<Told> {
        let mut told = Vec::new();
        while !self.dead {
            match self.session.poll(&mut self.input, &mut self.out, now) {
                Ok(None) => break,
                Ok(Some(Event::Row(id))) => {
                    let row = self.session.row(&self.input).expect("it was announced");
                    told.push(Told::Row(
                        id,
                        row.iter().map(|value| value.bytes().map(<[u8]>::to_vec)).collect(),
                    ));
                }
                Ok(Some(Event::CopyData(id))) => {
                    told.push(Told::Data(id, self.session.copy_data(&self.input).to_vec()));
                }
                Ok(Some(event)) => {
                    if let Event::Prepared { id, statement } = &event {
                        self.prepared.insert(*id, (**statement).clone());
                    }
                    if matches!(event, Event::SendCancel(_)) && self.broken == Some(Broken::HurriesOn) {
                        self.session.cancel_ended(CancelDelivery::Delivered, &mut self.out);
                    }
                    told.push(Told::Event(event));
                }
                Err(fault) => {
                    self.dead = true;
                    told.push(Told::Dead(fault));
                }
            }
        }
        match self.broken {
            Some(broken) => broken.distort_told(told, &mut self.last_row),
            None => told,
        }
    }

    /// After everything was taken out, what is left must be announced, and time must move on.
    fn check_wants(&mut self, now: Instant, input: &Input) {
        let wants = self.wants();
        if wants.writable == self.out.is_empty() {
            self.blame(format!("{} bytes to send, wants {wants:?}", self.out.unsent().len()));
        }
        if wants.deadline.is_some_and(|(_, timer)| timer == Timer::Queued) {
            self.blame("events are announced after all were taken out".to_owned());
        }
        if matches!(input, Input::Timeout) && wants.deadline.is_some_and(|(at, _)| at <= now) {
            self.blame(format!("after a timeout at {now:?} the deadline is still {:?}", wants.deadline));
        }
        if self.dead {
            let again = self.session.poll(&mut self.input, &mut self.out, now);
            if again.as_ref().err() != self.session.fault() || wants.readable || wants.deadline.is_some() {
                self.blame(format!("dead, but it wants {wants:?} and says {again:?}"));
            }
        }
    }

    fn blame(&mut self, flaw: String) {
        let first = mem::take(&mut self.flaw);
        self.flaw = first.or(Some(flaw));
    }
}
