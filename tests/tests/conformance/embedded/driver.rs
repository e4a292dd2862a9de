//! A runtime of one's own: the core, driven over any executor. `hyperwire_core::guide` walks through it.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant as Clock};

use futures_lite::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, future};
use hyperwire_blocking::socket::loss;
use hyperwire_core::buffer::{InBuf, OutBuf};
use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::row::Row;
use hyperwire_core::session::{
    CANCEL_TIMEOUT, CancelDelivery, Config, Event, Fault, Misuse, RequestId, RequestOptions, ServerError,
    Session,
};
use hyperwire_core::time::Instant;
use hyperwire_core::wire::{CancelKey, InitialMessage};

/// Why a driver does not do what it is asked: an error of connecting, or the session's.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// A future that is kept for later.
pub(crate) type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A connection of an executor.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What the driver needs of an executor.
pub(crate) trait Executor: Send + Sync + 'static {
    /// Connects, as the shared socket setup does it, until the deadline.
    fn connect(to: Endpoint, deadline: Clock) -> Later<Result<Box<dyn Stream>, Error>>;

    fn sleep(duration: Duration) -> Later<()>;
}

/// Short enough for every clock; what has waited so long waits again.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A session, its buffers, its connection, and a CancelRequest on its way.
pub(crate) struct Driver<X> {
    pub(crate) session: Session,
    pub(crate) notices: Vec<ServerError>,
    input: InBuf,
    out: OutBuf,
    /// `None` once the session is dead, so that the server learns it.
    stream: Option<Box<dyn Stream>>,
    endpoint: Endpoint,
    epoch: Clock,
    /// The last request, unless it is over.
    open: Option<RequestId>,
    delivery: Option<Later<(CancelDelivery, Result<(), Error>)>>,
    executor: PhantomData<X>,
}

impl<X: Executor> Driver<X> {
    pub(crate) async fn connect(endpoint: Endpoint, mut config: Config) -> Result<Self, Error> {
        let (epoch, bound) = (Clock::now(), config.startup_timeout.min(LONGEST_WAIT));
        let stream = Some(X::connect(endpoint.clone(), epoch + bound).await?);
        config.startup_timeout = bound.saturating_sub(epoch.elapsed());
        let (mut nonce, mut out, input, notices) = ([0; 18], OutBuf::new(), InBuf::new(), Vec::new());
        getrandom::fill(&mut nonce).map_err(|error| error.to_string())?;
        let session = Session::start(config, nonce, Instant::EPOCH + epoch.elapsed(), &mut out)?;
        let (open, delivery, executor) = (None, None, PhantomData);
        let mut driver =
            Self { session, notices, input, out, stream, endpoint, epoch, open, delivery, executor };
        loop {
            match driver.next().await? {
                Event::Ready => return Ok(driver),
                Event::StartTls => return Err("this driver has no TLS".into()),
                _ => {}
            }
        }
    }

    /// Runs a request and shows `each` its events, up to the first at which it breaks. May be dropped.
    pub(crate) async fn run(
        &mut self,
        timeout: Option<Duration>,
        start: impl FnOnce(&mut Session, RequestOptions, &mut OutBuf) -> Result<RequestId, Misuse>,
        mut each: impl FnMut(&Event, Option<Row<'_>>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        // Nothing of a request that was dropped may be taken for the answer to this one.
        if let Some(id) = self.open.take() {
            let now = self.now();
            self.session.abandon(id, now, &mut self.out);
        }
        while self.take_event()?.is_some() {}
        while !self.session.is_idle() {
            self.wait().await;
            while self.take_event()?.is_some() {}
        }
        // Nor may a server be sent a statement that has said goodbye: then nobody knew whether it ran.
        poll_fn(|cx| Poll::Ready(self.poll_io(cx).is_ready())).await;
        while self.take_event()?.is_some() {}
        let options = RequestOptions::default().deadline(timeout.map(|timeout| self.now() + timeout));
        let id = start(&mut self.session, options, &mut self.out)?;
        self.open = Some(id);
        // As many rows as there are: no byte is read before all that are here were shown.
        self.session.demand(id, u64::MAX);
        let mut outcome = Ok(());
        loop {
            match self.next().await? {
                event if event.request() != Some(id) => {}
                Event::Failed { error, .. } => outcome = Err(error.into()),
                Event::Finished { .. } => break,
                event if each(&event, self.session.row(&self.input)).is_break() => return Ok(()),
                _ => {}
            }
        }
        self.open = None;
        outcome
    }

    async fn next(&mut self) -> Result<Event, Fault> {
        loop {
            match self.take_event()? {
                Some(event) => return Ok(event),
                None => self.wait().await,
            }
        }
    }

    async fn wait(&mut self) {
        let deadline = self.session.wants(&self.out).deadline.map_or(u64::MAX, |(at, _)| at.as_nanos());
        let left = Duration::from_nanos(deadline.saturating_sub(self.now().as_nanos()));
        future::or(poll_fn(|cx| self.poll_io(cx)), X::sleep(left.min(LONGEST_WAIT))).await;
        // Even when something came: a server that never pauses has to keep to deadlines, too.
        self.session.handle_timeout(self.now());
    }

    fn take_event(&mut self) -> Result<Option<Event>, Fault> {
        loop {
            let now = self.now();
            match self
                .session
                .poll(&mut self.input, &mut self.out, now)
                .inspect_err(|_| self.stream = None)?
            {
                Some(Event::SendCancel(key)) => {
                    self.delivery = Some(Box::pin(deliver::<X>(self.endpoint.clone(), key)));
                }
                Some(Event::Notice(notice)) if self.notices.len() < 256 => self.notices.push(*notice),
                event => return Ok(event),
            }
        }
    }

    /// Ready when something happened. Reading never waits for writing, nor for the delivery of a cancel.
    fn poll_io(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(Poll::Ready((became, _))) = self.delivery.as_mut().map(|one| one.as_mut().poll(cx)) {
            self.delivery = None;
            self.session.cancel_ended(became, &mut self.out);
            return Poll::Ready(());
        }
        let Some(stream) = &mut self.stream else { return Poll::Ready(()) };
        while !self.out.is_empty() {
            match Pin::new(&mut *stream).poll_write(cx, self.out.unsent()) {
                Poll::Ready(Ok(count)) => self.out.sent(count),
                // The server may have said why before it closed: what it said is read first.
                Poll::Ready(Err(_)) => self.out.clear(),
                Poll::Pending => break,
            }
        }
        if !self.session.wants(&self.out).readable {
            return Poll::Pending;
        }
        match ready!(Pin::new(stream).poll_read(cx, self.input.space())) {
            Ok(0) => drop(self.session.handle_eof()),
            Ok(count) => self.input.filled(count),
            Err(error) => drop(self.session.handle_link_loss(loss(&error))),
        }
        Poll::Ready(())
    }

    fn now(&self) -> Instant {
        Instant::EPOCH + self.epoch.elapsed()
    }
}

/// Says goodbye, as far as that takes no waiting.
impl<X> Drop for Driver<X> {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.as_mut().filter(|_| self.session.is_idle()) {
            self.session.terminate(&mut self.out);
            let _ = Pin::new(stream).poll_write(&mut Context::from_waker(Waker::noop()), self.out.unsent());
        }
    }
}

/// Asks the server to cancel what a session runs, and waits, bounded, until it has taken that. Once it was told, only the
/// end of the connection shows that it will not take it later.
pub(crate) async fn deliver<X: Executor>(
    endpoint: Endpoint,
    key: CancelKey,
) -> (CancelDelivery, Result<(), Error>) {
    let mut out = OutBuf::new();
    out.push(&InitialMessage::CancelRequest(key));
    let told = AtomicBool::new(false);
    let work = async {
        let mut stream = X::connect(endpoint, Clock::now() + CANCEL_TIMEOUT).await?;
        told.store(true, Ordering::Relaxed);
        stream.write_all(out.unsent()).await?;
        while stream.read(&mut [0; 16]).await? > 0 {}
        Ok(())
    };
    let late = async {
        X::sleep(CANCEL_TIMEOUT).await;
        Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into())
    };
    match future::or(pin!(late), pin!(work)).await {
        Ok(()) => (CancelDelivery::Delivered, Ok(())),
        Err(error) if told.load(Ordering::Relaxed) => (CancelDelivery::Unknown, Err(error)),
        Err(error) => (CancelDelivery::NotSent, Err(error)),
    }
}
