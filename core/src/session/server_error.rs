//! What the server says went wrong, with every field it sent.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::wire::Report;

/// An ErrorResponse or NoticeResponse, owned. One longer than [`Limits::control_length`](crate::wire::Limits) ends with
/// "..." there: Hyper quotes values, however long they are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerError {
    code: SqlState,
    fields: Box<[(u8, Box<str>)]>,
}

/// Five characters that name a condition; see PostgreSQL's appendix "Error Codes".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SqlState([u8; 5]);

/// Whom Hyper blames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerBlame {
    /// The statement or its data.
    User,
    /// The server or the machine it runs on.
    System,
}

impl ServerError {
    /// Of several fields with one code the first counts, so that there are no more fields than codes.
    pub(crate) fn new(report: Report<'_>) -> Self {
        let mut seen = [false; 256];
        let mut fields: Vec<_> = report
            .fields()
            .filter(|(code, _)| !core::mem::replace(&mut seen[usize::from(*code)], true))
            .map(|(code, text)| (code, String::from_utf8_lossy(text).into_owned().into_boxed_str()))
            .collect();
        if let (true, Some((_, text))) = (report.is_cut(), fields.last_mut()) {
            *text = alloc::format!("{}...", text.trim_end_matches(char::REPLACEMENT_CHARACTER)).into();
        }
        let code =
            report.field(b'C').and_then(|text| text.try_into().ok()).map_or(SqlState::UNKNOWN, SqlState);
        Self { code, fields: fields.into() }
    }

    /// The SQLSTATE; `XX000` if the server sent none.
    #[must_use]
    pub fn code(&self) -> SqlState {
        self.code
    }

    /// What happened, in a line.
    #[must_use]
    pub fn message(&self) -> &str {
        self.field(b'M').unwrap_or("the server gave no message")
    }

    /// `ERROR` or `WARNING`; Hyper knows no other.
    #[must_use]
    pub fn severity(&self) -> &str {
        self.field(b'S').unwrap_or("ERROR")
    }

    /// More about it. For mistakes in a statement: the line, an excerpt and a caret.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.field(b'D').map(str::trim)
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.field(b'H')
    }

    /// Where in the statement, counted in characters from 1. Absent when the statement ended too early.
    #[must_use]
    pub fn position(&self) -> Option<usize> {
        self.field(b'P')?.parse().ok().filter(|position| *position > 0)
    }

    /// Where it happened inside the server; Hyper was never seen to send it.
    #[must_use]
    pub fn context(&self) -> Option<&str> {
        self.field(b'W')
    }

    /// Whom Hyper blames; absent in notices.
    #[must_use]
    pub fn blame(&self) -> Option<ServerBlame> {
        match self.field(b'B')? {
            "User" => Some(ServerBlame::User),
            "System" => Some(ServerBlame::System),
            _ => None,
        }
    }

    /// Any field by its code byte.
    #[must_use]
    pub fn field(&self, code: u8) -> Option<&str> {
        self.fields.iter().find(|(found, _)| *found == code).map(|(_, text)| &**text)
    }

    /// Every field in the order it came.
    pub fn fields(&self) -> impl Iterator<Item = (u8, &str)> {
        self.fields.iter().map(|(code, text)| (*code, &**text))
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message(), self.code)?;
        if let Some(detail) = self.detail() {
            write!(f, "\n{detail}")?;
        }
        if let Some(hint) = self.hint() {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (code, text) in &self.fields {
            map.entry(&char::from(*code), text);
        }
        map.finish()
    }
}

impl core::error::Error for ServerError {}

impl SqlState {
    /// `57014`: a statement was canceled.
    pub const QUERY_CANCELED: Self = Self(*b"57014");
    /// `42501`: the login was refused (wrong user or password), or a file may not be touched.
    pub const INSUFFICIENT_PRIVILEGE: Self = Self(*b"42501");
    /// `3D000`: no database of that name is attached to the session.
    pub const INVALID_CATALOG_NAME: Self = Self(*b"3D000");
    /// `40001`: another transaction changed the same rows; try again.
    pub const SERIALIZATION_FAILURE: Self = Self(*b"40001");
    /// `55006`: the database file is in use, often by another hyperd.
    pub const OBJECT_IN_USE: Self = Self(*b"55006");
    /// `25P02`: the transaction failed before; only ROLLBACK helps.
    pub const IN_FAILED_TRANSACTION: Self = Self(*b"25P02");
    /// `58S01`: the database file or its folder is missing.
    pub const UNDEFINED_DATABASE_FILE: Self = Self(*b"58S01");
    /// `XX000`: stands where the server sent none.
    pub const UNKNOWN: Self = Self(*b"XX000");

    /// Takes five characters.
    #[must_use]
    pub const fn new(code: [u8; 5]) -> Self {
        Self(code)
    }

    /// The five characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or("?????")
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
