//! A transaction that ends one way or the other.

use std::ops::{Deref, DerefMut};

use hyperwire_carrier::Error;

use crate::client::Client;

/// A transaction block. It is rolled back when dropped without [`Transaction::commit`].
///
/// Hyper's transactions cover rows, not structure: CREATE, DROP and ALTER take effect at once, are seen by others, and
/// survive a rollback. A commit is not on disk before the database is closed or detached everywhere.
#[derive(Debug)]
pub struct Transaction<'c> {
    client: &'c mut Client,
    open: bool,
}

impl<'c> Transaction<'c> {
    pub(crate) fn begin(client: &'c mut Client) -> Result<Self, Error> {
        client.begin()?;
        Ok(Self { client, open: true })
    }

    /// Makes the changes visible to others.
    ///
    /// # Errors
    /// [`Error::RolledBack`] if a statement of it had failed; [`Error::Statement`] if the server refuses the commit. Nothing
    /// of it was kept then, and no transaction is open any more. If the connection is lost, it is unknown whether the
    /// commit happened, and the error says so.
    pub fn commit(mut self) -> Result<(), Error> {
        self.open = false;
        self.client.commit()
    }

    /// Undoes the changes.
    ///
    /// # Errors
    /// The connection is lost, or the server refuses, which ends the session; it rolls back by itself then.
    pub fn rollback(mut self) -> Result<(), Error> {
        self.open = false;
        self.client.roll_back()
    }
}

impl Deref for Transaction<'_> {
    type Target = Client;
    fn deref(&self) -> &Client {
        self.client
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Client {
        self.client
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.open {
            // If that fails, every later call does.
            let _ = self.client.roll_back();
        }
    }
}
