//! What the server makes of each message of its client.

use hyperwire_core::wire::{BackendMessage, FrontendMessage, Target};

use super::super::heard::{Heard, Start};
use super::super::login::{Attempt, password};
use super::super::plan::{Answer, Kind, ResultSet, Tls, Trouble};
use super::super::said::{Act, What};
use super::{KEY, Received, Server};

impl Server {
    pub(super) fn answer(&mut self, heard: Heard) -> Result<(), String> {
        let acts = match heard {
            Heard::SslRequest => {
                let given = self.plan.tls == Tls::Given;
                let (what, byte) = if given { (What::TlsAccepted, b'S') } else { (What::Silent, b'N') };
                // Not a message, and nothing may come before or behind it.
                self.put(Act::Say(what, vec![byte]));
                return Ok(());
            }
            Heard::Startup => match self.login.as_ref().and_then(Attempt::begin) {
                Some(acts) => self.logged_in(acts),
                None => {
                    self.mute = true;
                    return Ok(());
                }
            },
            Heard::Message(heard) => {
                let message = heard.message();
                if message == FrontendMessage::Terminate {
                    self.terminated = true;
                    return Ok(());
                }
                match self.login.as_mut().map(|login| (login, password(&message))) {
                    Some((login, Some(body))) => {
                        let acts = login.answer(body)?;
                        self.logged_in(acts)
                    }
                    Some((_, None)) => return Err(format!("{message:?} before the login is over")),
                    None => self.respond(&message)?,
                }
            }
        };
        self.acts.extend(acts);
        Ok(())
    }

    /// Adds what follows AuthenticationOk; an error ends the connection.
    fn logged_in(&self, mut acts: Vec<Act>) -> Vec<Act> {
        let ok = [b'R', 0, 0, 0, 8, 0, 0, 0, 0];
        match acts.last() {
            Some(Act::Say(What::Error { .. }, _)) => acts.push(Act::Close),
            Some(Act::Say(_, bytes)) if *bytes == ok => {
                let setting = BackendMessage::ParameterStatus { name: "hyper_version", value: "0.0.1" };
                acts.push(Act::silent(&setting));
                if self.plan.keyed {
                    acts.push(Act::silent(&BackendMessage::BackendKeyData(KEY)));
                }
                acts.push(Act::ready(b'I'));
            }
            _ => {}
        }
        acts
    }

    fn respond(&mut self, message: &FrontendMessage<'_>) -> Result<Vec<Act>, String> {
        if self.collecting {
            return self.collect(message);
        }
        if self.skips {
            let over = *message == FrontendMessage::Sync;
            self.skips = !over;
            return Ok(if over { vec![self.ready()] } else { Vec::new() });
        }
        if matches!(
            message,
            FrontendMessage::CopyData(_) | FrontendMessage::CopyDone | FrontendMessage::CopyFail(_)
        ) {
            // They were under way when the COPY failed.
            return Ok(Vec::new());
        }
        if self.open.is_none() {
            self.begin(message)?;
        }
        self.respond_open(message)
    }

    fn begin(&mut self, message: &FrontendMessage<'_>) -> Result<(), String> {
        let start = Start::of(message).ok_or_else(|| format!("{message:?} begins no request"))?;
        self.trouble = match start {
            Start::Sync => self.trouble_of_next_sync(),
            _ => start.number().map_or(Vec::new(), |number| self.request(number).answer.trouble.clone()),
        };
        (self.said_to_open, self.failed) = (0, false);
        self.open = Some(self.received.len());
        self.received.push(Received { start, data: Vec::new(), data_done: false });
        Ok(())
    }

    /// A Sync has no number: the nth that comes meets the trouble of the nth that is planned.
    fn trouble_of_next_sync(&self) -> Vec<Trouble> {
        let before = self.received.iter().filter(|received| received.start == Start::Sync).count();
        let mut planned = self.plan.requests.iter().filter(|request| request.kind == Kind::Sync);
        planned.nth(before).map_or(Vec::new(), |request| request.answer.trouble.clone())
    }

    /// COPY FROM STDIN takes data and nothing else; a Sync or Flush is swallowed.
    fn collect(&mut self, message: &FrontendMessage<'_>) -> Result<Vec<Act>, String> {
        let received = self.open.map(|open| &mut self.received[open]).ok_or("COPY of no request")?;
        match message {
            FrontendMessage::CopyData(data) => received.data.extend_from_slice(data),
            FrontendMessage::CopyDone => {
                received.data_done = true;
                (self.copying, self.collecting) = (false, false);
                self.acts.push_front(Act::complete("COPY 1"));
            }
            FrontendMessage::CopyFail(reason) => self.fail("57014", reason),
            FrontendMessage::Sync | FrontendMessage::Flush => self.sync_swallowed = true,
            other => return Err(format!("{other:?} while COPY data is awaited")),
        }
        Ok(Vec::new())
    }

    fn respond_open(&mut self, message: &FrontendMessage<'_>) -> Result<Vec<Act>, String> {
        let number = self.opened().and_then(Start::number);
        let answer = number.map(|number| self.request(number).answer.clone());
        let answer = || answer.clone().ok_or_else(|| format!("{message:?} has no number"));
        Ok(match message {
            FrontendMessage::Query(_) => self.whole_answer(&answer()?),
            FrontendMessage::Parse { statement, .. } => {
                if let (false, Some(number)) = (statement.is_empty(), number) {
                    self.prepared.insert((*statement).to_owned(), number);
                }
                vec![Act::silent(&BackendMessage::ParseComplete)]
            }
            FrontendMessage::Describe(Target::Statement(_)) => {
                let types: &[[u8; 4]] = &[25_u32.to_be_bytes()];
                vec![Act::parameters(types), Act::description(&answer()?.results[0], What::Prepared)]
            }
            FrontendMessage::Describe(Target::Portal(_)) => {
                vec![Act::description(&answer()?.results[0], |columns| {
                    columns.map_or(What::Silent, What::Columns)
                })]
            }
            FrontendMessage::Bind(bind) => self.bind(bind.statement, number)?,
            FrontendMessage::Execute { .. } => Act::result(&answer()?.results[0]),
            FrontendMessage::Close(Target::Statement(name)) => {
                self.prepared.remove(*name);
                vec![Act::silent(&BackendMessage::CloseComplete)]
            }
            FrontendMessage::Sync => vec![self.ready()],
            other => return Err(format!("{other:?} while {:?} is open", self.opened())),
        })
    }

    /// BindComplete. To whoever executes a prepared statement it means that the columns are those of its description.
    fn bind(&mut self, statement: &str, number: Option<usize>) -> Result<Vec<Act>, String> {
        let what = match number.map(|number| self.request(number).kind) {
            Some(Kind::Execute(of)) => {
                if self.prepared.get(statement) != Some(&of) {
                    self.fail("26000", "no such statement");
                    return Ok(Vec::new());
                }
                match &self.request(of).answer.results[0] {
                    ResultSet::Rows { columns, .. } => What::Columns(columns.clone()),
                    _ => What::Silent,
                }
            }
            Some(_) if statement.is_empty() => What::Silent,
            kind => return Err(format!("Bind of {statement:?} for {kind:?}")),
        };
        Ok(vec![Act::say(what, &BackendMessage::BindComplete)])
    }

    fn whole_answer(&self, answer: &Answer) -> Vec<Act> {
        let mut acts = Vec::new();
        for result in &answer.results {
            if let ResultSet::Rows { .. } = result {
                acts.push(Act::description(result, |columns| What::Columns(columns.unwrap_or_default())));
            }
            acts.extend(Act::result(result));
        }
        acts.push(self.ready());
        acts
    }
}
