//! How a client waits: one session, one socket, and being woken.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyperwire_carrier::{self as carrier, Config, Error, Ready, Transport as _};
use hyperwire_core::session::CancelDelivery;
use tokio::task::yield_now;
use tokio::time::sleep_until;

use crate::cancel::deliver;
use crate::client::Client;
use crate::connect::connect;
use crate::transport::Transport;

/// A CancelRequest on its way. It is kept here and not in the future that waits for it, which may be dropped.
pub(crate) type Delivery = Pin<Box<dyn Future<Output = CancelDelivery> + Send>>;

/// Tokio's timers reach two years; one that fires early changes nothing.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// How often a client may find its socket ready before other tasks have a turn. Each time brings up to 256 KiB, of which
/// tokio's own budget of 128 would be too much.
const LONGEST_TURN: u32 = 8;

impl Client {
    pub(crate) async fn open(config: Config) -> Result<Self, Error> {
        let epoch = Transport::now();
        let deadline = carrier::Client::<Transport>::connect_deadline(&config, epoch);
        let connected = connect(&config.endpoint, &config.link, deadline).await;
        let (transport, link) = connected.map_err(|error| Error::connect(&config, error))?;
        let inner = carrier::Client::start(config, transport, link, epoch)?;
        let mut client = Self { inner, delivery: Mutex::new(None), timer: None, turn: 0 };
        client.until(carrier::Client::poll_started).await?;
        Ok(client)
    }

    /// Waits until a request can be sent.
    pub(crate) async fn ready(&mut self) -> Result<&mut carrier::Client<Transport>, Error> {
        self.until(carrier::Client::poll_ready).await?;
        Ok(&mut self.inner)
    }

    /// Waits for what `step` polls.
    pub(crate) async fn until<R>(
        &mut self,
        mut step: impl FnMut(&mut carrier::Client<Transport>) -> Poll<Result<R, Error>>,
    ) -> Result<R, Error> {
        poll_fn(|cx| self.poll_until(cx, &mut step)).await
    }

    /// [`Client::until`], for those who poll.
    #[inline]
    pub(crate) fn poll_until<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut step: impl FnMut(&mut carrier::Client<Transport>) -> Poll<Result<R, Error>>,
    ) -> Poll<Result<R, Error>> {
        loop {
            if let Poll::Ready(outcome) = step(&mut self.inner) {
                if outcome.is_err() && self.inner.session().fault().is_some() {
                    // There is nothing left to cancel.
                    *self.delivery() = None;
                }
                return Poll::Ready(outcome);
            }
            if self.turn == LONGEST_TURN {
                self.turn = 0;
                // It wakes this task behind the others, and behind what the system has for them.
                ready!(pin!(yield_now()).poll(cx));
            }
            let waited = self.poll_wait(cx);
            self.turn = if waited.is_ready() { self.turn + 1 } else { 0 };
            ready!(waited)?;
        }
    }

    /// Sends what is to be sent, and is ready when something happened. Reading never waits for writing, nor either for
    /// the delivery of a cancel.
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(target) = self.inner.take_cancel() {
            // The session bounds the wait for its effect, whatever comes of it.
            *self.delivery() =
                Some(Box::pin(async move { deliver(&target, target.deliver()).await.delivery }));
        }
        let delivery = self.delivery().as_mut().map(|delivery| delivery.as_mut().poll(cx));
        if let Some(Poll::Ready(delivery)) = delivery {
            *self.delivery() = None;
            self.inner.cancel_ended(delivery);
            return Poll::Ready(Ok(()));
        }
        if let Some(cancels) = self.inner.awaited_cancels() {
            let settled = cancels.poll_settled(cx).is_ready() || self.is_time(cx, cancels.until());
            return if settled { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        self.inner.try_write()?;
        let wants = self.inner.wants();
        if wants.at_once {
            return Poll::Ready(self.inner.carry(wants.ready));
        }
        let ready = match self.inner.transport().and_then(|socket| socket.poll_ready(cx, wants.ready)) {
            Ok(ready) => ready,
            Err(error) => return Poll::Ready(Err(self.inner.link_lost(error))),
        };
        if ready == Ready::default() && !self.is_time(cx, wants.deadline) {
            return Poll::Pending;
        }
        Poll::Ready(self.inner.carry(ready))
    }

    fn delivery(&mut self) -> &mut Option<Delivery> {
        self.delivery.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the deadline has passed. The clock decides; the timer only wakes.
    fn is_time(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> bool {
        let Some(deadline) = deadline else { return false };
        let now = Transport::now();
        if deadline <= now {
            return true;
        }
        let deadline = deadline.min(now + LONGEST_SLEEP).into();
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx).is_ready()
    }
}
