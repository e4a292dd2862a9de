//! A transaction that ends one way or the other.

use std::ops::{Deref, DerefMut};

use crate::client::Client;
use crate::error::Error;

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
    /// The transaction failed before ([`Error::Statement`] with SQLSTATE 25P02: it was rolled back), or the connection
    /// is lost: then it is unknown whether the commit happened.
    pub fn commit(mut self) -> Result<(), Error> {
        self.open = false;
        self.client.commit()
    }

    /// Undoes the changes.
    ///
    /// # Errors
    /// The connection is lost; the server rolls back by itself then.
    pub fn rollback(mut self) -> Result<(), Error> {
        self.open = false;
        self.client.execute("ROLLBACK").map(drop)
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
            self.client.roll_back_orphan();
        }
    }
}
