//! A transaction that nobody can forget to end.

use std::ops::{Deref, DerefMut};

use hyperwire_blocking::Error;
use hyperwire_core::wire::TransactionStatus;

use crate::client::Client;

/// A transaction block. Dropped without [`Transaction::commit`] it is rolled back: ROLLBACK is sent at once, unless a
/// statement is still open or the socket is full, and then before the client's next statement; its answer is looked at
/// there. If the rollback fails, the client is closed.
///
/// What a transaction covers is Hyper's affair; see [`hyperwire_blocking::Transaction`].
#[derive(Debug)]
pub struct Transaction<'c> {
    client: &'c mut Client,
    open: bool,
}

impl<'c> Transaction<'c> {
    pub(crate) async fn begin(client: &'c mut Client) -> Result<Self, Error> {
        let answer = client.connection.ready().await?.begin()?;
        // From here on it is rolled back if this future is dropped.
        let mut transaction = Self { client, open: true };
        let begun = transaction.client.finish(answer).await;
        transaction.open = begun.is_ok();
        begun.map(|_| transaction)
    }

    /// Shows the changes to others. If this future is dropped, it is unknown whether that happened.
    ///
    /// # Errors
    /// [`Error::RolledBack`] if a statement of it had failed; if the connection is lost, it is unknown.
    pub async fn commit(mut self) -> Result<(), Error> {
        let mut answer = self.client.connection.ready().await?.query("COMMIT")?;
        let outcome = self.client.connection.until(|carrier| answer.poll_committed(carrier)).await;
        self.open = self.client.transaction_status() != TransactionStatus::Idle;
        outcome
    }

    /// Takes the changes back, and waits for it.
    ///
    /// # Errors
    /// The connection is lost; then the server takes them back by itself.
    pub async fn rollback(mut self) -> Result<(), Error> {
        self.open = false;
        self.client.connection.carrier.orphan_transaction();
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
            self.client.connection.carrier.orphan_transaction();
        }
    }
}
