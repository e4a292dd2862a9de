//! The server's side of a conversation, as bytes: what a well-behaved hyperd answers to each kind of request.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use hyperwire_core::buffer::OutBuf;
use hyperwire_core::row::Parameters;
use hyperwire_core::session::{RequestId, RequestOptions, Session};
use hyperwire_core::wire::{
    Authentication, BackendMessage, CancelKey, ColumnDescription, CopyResponse, DataRow, ParameterTypes,
    Report, RowDescription, TransactionStatus,
};
use proptest::prelude::*;

/// What a caller asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Request {
    Query,
    Params,
    Prepare,
    Copy,
    Sync,
}

/// What the server answers with.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    columns: usize,
    rows: usize,
    fails: bool,
    /// Where notices and pulses are strewn in: before every message whose number these divide.
    notice_every: usize,
    pulse_every: usize,
}

impl Answer {
    pub(crate) fn rows(columns: usize, rows: usize) -> Self {
        Self { columns, rows, fails: false, notice_every: 7, pulse_every: 5 }
    }

    /// Without notices and pulses, but for those before the first message.
    #[allow(dead_code, reason = "not every test that shares this file needs it")]
    pub(crate) fn undisturbed(columns: usize, rows: usize) -> Self {
        Self { notice_every: usize::MAX, pulse_every: usize::MAX, ..Self::rows(columns, rows) }
    }

    pub(crate) fn failing_after(columns: usize, rows: usize) -> Self {
        Self { fails: true, ..Self::rows(columns, rows) }
    }

    pub(crate) fn nothing() -> Self {
        Self::rows(0, 0)
    }
}

impl Arbitrary for Request {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;
    fn arbitrary_with((): ()) -> Self::Strategy {
        use Request::{Copy, Params, Prepare, Query, Sync};
        prop::sample::select(vec![Query, Params, Prepare, Copy, Sync]).boxed()
    }
}

impl Arbitrary for Answer {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;
    fn arbitrary_with((): ()) -> Self::Strategy {
        (0..5_usize, 0..20_usize, any::<bool>(), 1..9_usize, 1..9_usize)
            .prop_map(|(columns, rows, fails, notice_every, pulse_every)| Self {
                columns,
                rows,
                fails,
                notice_every,
                pulse_every,
            })
            .boxed()
    }
}

impl Request {
    pub(crate) fn submit(self, session: &mut Session, out: &mut OutBuf) -> RequestId {
        let options = RequestOptions::default();
        let id = match self {
            Self::Query => session.query("SELECT 1", options, out),
            Self::Params => session.query_params("SELECT $1", &Parameters::default(), None, options, out),
            Self::Prepare => session.prepare("SELECT $1", &[23], options, out),
            Self::Copy => session.query("COPY t TO STDOUT", options.copy(), out),
            Self::Sync => session.sync(options, out),
        };
        id.expect("a live session takes it")
    }
}

/// All that the server sends: start-up, and an answer to each request.
pub(crate) fn transcript(conversation: &[(Request, Answer)]) -> Vec<u8> {
    let mut out = Vec::new();
    start_up(&mut out);
    for (request, answer) in conversation {
        answer.write(*request, &mut out);
    }
    out
}

fn start_up(out: &mut Vec<u8>) {
    BackendMessage::Authentication(Authentication::Ok).encode(out);
    for (name, value) in [("server_version", "9.1.0"), ("result_format_code", "HyperBinary")] {
        BackendMessage::ParameterStatus { name, value }.encode(out);
    }
    BackendMessage::BackendKeyData(CancelKey { process_id: 0, secret_key: -5 }).encode(out);
    ready(out);
}

fn ready(out: &mut Vec<u8>) {
    BackendMessage::ReadyForQuery(TransactionStatus::Idle).encode(out);
}

impl Answer {
    fn write(&self, request: Request, out: &mut Vec<u8>) {
        let mut messages: Vec<Vec<u8>> = Vec::new();
        let mut say = |message: BackendMessage<'_>| {
            let mut bytes = Vec::new();
            message.encode(&mut bytes);
            messages.push(bytes);
        };
        let (description, row, report) = (self.description(), self.row(), report());
        let description = RowDescription::from_body(&description).expect("just written");
        match request {
            Request::Query => {
                say(BackendMessage::RowDescription(description));
                (0..self.rows).for_each(|_| say(BackendMessage::DataRow(DataRow::from_body(&row).unwrap())));
                self.end(&mut say, &report);
            }
            Request::Params => {
                say(BackendMessage::ParseComplete);
                say(BackendMessage::BindComplete);
                say(BackendMessage::RowDescription(description));
                (0..self.rows).for_each(|_| say(BackendMessage::DataRow(DataRow::from_body(&row).unwrap())));
                self.end(&mut say, &report);
            }
            Request::Prepare if self.fails => self.end(&mut say, &report),
            Request::Prepare => {
                say(BackendMessage::ParseComplete);
                say(BackendMessage::ParameterDescription(ParameterTypes::from_be_bytes(&[[0, 0, 0, 23]])));
                say(if self.columns == 0 {
                    BackendMessage::NoData
                } else {
                    BackendMessage::RowDescription(description)
                });
            }
            Request::Copy => {
                say(BackendMessage::CopyOutResponse(CopyResponse { format: 0, columns: &[[0, 0]] }));
                (0..self.rows).for_each(|_| say(BackendMessage::CopyData(&row)));
                if !self.fails {
                    say(BackendMessage::CopyDone);
                }
                self.end(&mut say, &report);
            }
            Request::Sync => {}
        }
        for (index, message) in messages.iter().enumerate() {
            if index % self.notice_every == 0 {
                BackendMessage::NoticeResponse(Report::from_body(&report).unwrap()).encode(out);
            }
            if index % self.pulse_every == 0 {
                BackendMessage::ParameterStatus { name: "alive", value: "?" }.encode(out);
            }
            out.extend_from_slice(message);
        }
        ready(out);
    }

    fn end(&self, say: &mut dyn FnMut(BackendMessage<'_>), report: &[u8]) {
        say(if self.fails {
            BackendMessage::ErrorResponse(Report::from_body(report).unwrap())
        } else {
            BackendMessage::CommandComplete("SELECT 3")
        });
    }

    fn description(&self) -> Vec<u8> {
        let column = ColumnDescription {
            name: "a",
            table_oid: 0,
            attribute: 0,
            type_oid: 25,
            type_size: -1,
            type_modifier: -1,
            format: 0,
        };
        let mut body = Vec::new();
        RowDescription::write_columns(&vec![column; self.columns], &mut body);
        body
    }

    fn row(&self) -> Vec<u8> {
        let fields: Vec<Option<&[u8]>> =
            (0..self.columns).map(|i| (i % 3 != 2).then_some(&b"wxyz"[..i])).collect();
        let mut body = Vec::new();
        DataRow::write_fields(&fields, &mut body);
        body
    }
}

fn report() -> Vec<u8> {
    let mut body = Vec::new();
    Report::write_fields([(b'S', "ERROR"), (b'C', "22012"), (b'M', "division by zero")], &mut body);
    body
}
