//! Whose a call is, and so whose its results and its job are.

use std::sync::Arc;

/// A client, as far as it can be told from others.
///
/// Over standard input there is one. Over HTTP, a session of the `initialize` era is one, which its secret id proves.
/// Since 2026-07-28 requests stand alone, and nothing but the name and version that a program gives itself tells two
/// programs of one user apart: they do not see each other's jobs and results, though a program that lies would.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// The client on standard input, or the server itself.
    #[default]
    Only,
    /// A session of HTTP, by its id.
    Session(Arc<str>),
    /// A program that speaks HTTP without sessions, by its name and version.
    Program(Arc<str>),
}
