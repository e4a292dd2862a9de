//! A client that goes back to its pool.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use hyperwire_core::pool::Return;

use super::Shared;
use crate::client::Client;

/// A client of a [`Pool`](super::Pool), to which it goes back when this is dropped.
#[derive(Debug)]
pub struct Pooled {
    /// `None` only while it is dropped or taken.
    client: Option<Client>,
    pool: Arc<Shared>,
}

impl Pooled {
    pub(super) fn new(client: Client, pool: Arc<Shared>) -> Self {
        Self { client: Some(client), pool }
    }

    /// Ends it in good order instead of giving it back; see [`Client::close`]. For what must be in the file.
    ///
    /// # Errors
    /// As for [`Client::close`].
    pub async fn close(mut self) -> Result<(), hyperwire_carrier::Error> {
        match self.client.take() {
            Some(client) => client.close().await,
            None => Ok(()),
        }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let Some(mut client) = self.client.take() {
            let inner = &mut client.inner;
            inner.set_statement_timeout(None);
            match Return::of(inner.session()) {
                // A transaction that was dropped a moment ago sees to that.
                _ if inner.is_rolling_back() => self.pool.put_to_rest(client),
                Return::Keep => self.pool.put_to_rest(client),
                Return::RollBack => {
                    inner.orphan_transaction();
                    self.pool.put_to_rest(client);
                }
                Return::End => {}
            }
        }
        self.pool.places.add_permits(1);
    }
}

impl Deref for Pooled {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client.as_ref().expect("it is there until this is dropped")
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Client {
        self.client.as_mut().expect("it is there until this is dropped")
    }
}
