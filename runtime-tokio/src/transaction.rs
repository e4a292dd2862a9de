//! A transaction that nobody can forget to end.

use std::ops::{Deref, DerefMut};

use hyperwire_carrier::{Committing, Error};

use crate::client::Client;

/// A transaction block. Dropped without [`Transaction::commit`] it is rolled back: ROLLBACK is sent at once, unless a
/// statement is still open or the socket is full, and then before the client's next statement; its answer is looked at
/// there. If the rollback fails, the client is closed.
///
/// What a transaction covers is Hyper's affair; see the blocking runtime's `Transaction`.
#[derive(Debug)]
pub struct Transaction<'c> {
    client: &'c mut Client,
    open: bool,
}

impl<'c> Transaction<'c> {
    pub(crate) async fn begin(client: &'c mut Client) -> Result<Self, Error> {
        let mut response = client.ready().await?.begin()?;
        // From here on it is rolled back if this future is dropped.
        let transaction = Self { client, open: true };
        transaction.client.until(|inner| response.poll_begun(inner)).await?;
        Ok(transaction)
    }

    /// Shows the changes to others. If this future is dropped, it is unknown whether that happened.
    ///
    /// # Errors
    /// [`Error::RolledBack`] if a statement of it had failed; [`Error::Statement`] if the server refuses the commit. Nothing
    /// of it was kept then, and no transaction is open any more. If the connection is lost, it is unknown whether the
    /// commit happened, and the error says so.
    pub async fn commit(mut self) -> Result<(), Error> {
        let mut committing = Committing::default();
        let outcome = self.client.until(|inner| inner.poll_committed(&mut committing)).await;
        // Until then a dropped future leaves it to be rolled back, unless it is committed.
        self.open = false;
        committing.ended(outcome)
    }

    /// Takes the changes back, and waits for it.
    ///
    /// # Errors
    /// The connection is lost, or the server refuses, which ends the session; it takes them back by itself then.
    pub async fn rollback(mut self) -> Result<(), Error> {
        self.open = false;
        self.client.inner.orphan_transaction();
        self.client.settle().await
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
            self.client.inner.orphan_transaction();
        }
    }
}
