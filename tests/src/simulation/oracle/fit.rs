//! Whether what was told is what a message of the server means.

use hyperwire_core::row::Columns;
use hyperwire_core::session::{Event, RequestId, StatementError};
use hyperwire_core::time::Instant;

use super::super::machine::Told;
use super::super::plan::Kind;
use super::super::said::{Said, What, column_name};
use super::{Asked, Oracle};

impl Oracle {
    pub(super) fn fits(&self, told: &Told, said: &Said, owner: Option<usize>, now: Instant) -> bool {
        let mine = |id: &RequestId| owner.is_some() && self.numbers.get(id).copied() == owner;
        let asked = owner.and_then(|number| self.asked.get(&number));
        match (&said.what, told) {
            (What::Row(fields), Told::Row(id, given)) => mine(id) && fields == given,
            (What::CopyData(data), Told::Data(id, given)) => mine(id) && data == given,
            (what, Told::Event(event)) => match (what, event) {
                (What::TlsAccepted, Event::StartTls) | (What::Pulse, Event::Pulse) => true,
                (What::Ready(_), Event::Ready) => said.of.is_none(),
                (What::Ready(status), Event::Finished { id, transaction }) => {
                    mine(id) && status == transaction
                }
                (What::Columns(oids), Event::Columns { id, columns }) => mine(id) && same(oids, columns),
                (What::CopyIn, Event::CopyIn(id))
                | (What::CopyOut, Event::CopyOut(id))
                | (What::Empty, Event::Empty(id)) => {
                    mine(id) && (*what == What::Empty || asked.is_some_and(|asked| asked.copy))
                }
                (What::Complete(tag), Event::Complete { id, tag: told }) => mine(id) && tag == told.as_str(),
                (What::Prepared(oids), Event::Prepared { id, statement }) => {
                    let columns = match (oids, statement.columns()) {
                        (Some(oids), Some(columns)) => same(oids, columns),
                        (oids, columns) => oids.is_none() && columns.is_none(),
                    };
                    mine(id) && columns && statement.parameters() == [25]
                }
                (What::Notice(text), Event::Notice(notice)) => text == notice.message(),
                (what, Event::Failed { id, error }) => {
                    mine(id) && asked.is_some_and(|asked| failure_fits(what, error, asked, now))
                }
                _ => false,
            },
            _ => false,
        }
    }
}

/// Whether a failure is what must be told of a message.
fn failure_fits(what: &What, error: &StatementError, asked: &Asked, now: Instant) -> bool {
    let overdue = asked.deadline.is_some_and(|deadline| deadline <= now);
    match (what, error) {
        (What::Error { code, message }, StatementError::Server(error)) => {
            code == error.code().as_str() && message == error.message()
        }
        (What::Error { code, .. }, StatementError::DeadlineExceeded) => code == "57014" && overdue,
        (What::Row(fields), StatementError::Stale { described, found }) => {
            matches!(asked.kind, Kind::Execute(_))
                && (*described, *found) == (asked.width, fields.len())
                && described != found
        }
        (What::CopyOut, StatementError::CopiesOut) => !asked.copy,
        (What::Columns(_) | What::CopyOut, StatementError::DeadlineExceeded) => overdue,
        _ => false,
    }
}

fn same(oids: &[u32], columns: &Columns) -> bool {
    oids.len() == columns.len()
        && (0..)
            .zip(oids)
            .zip(columns.iter())
            .all(|((index, oid), column)| column.type_oid() == *oid && column.name() == column_name(index))
}
