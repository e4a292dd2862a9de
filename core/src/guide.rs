//! Writing a runtime: what it takes to drive a [`Session`] over sockets, timers and an executor of one's own.
//!
//! A runtime carries bytes, reads a clock and waits. It decides nothing: what to send, what an answer means, when to
//! give up and whose fault it is come out of the session. That makes it short: the project's tests drive it over
//! async-std and over smol with the same driver. It is less than 200 lines of code, with its traits and the two functions
//! that it needs of an executor, and passes the same conformance suite as the project's clients.
//!
//! # What it holds
//!
//! A session, an [`InBuf`], an [`OutBuf`], the connection, the moment that it calls [`Instant::EPOCH`], and the
//! [`RequestId`] of a request that is not over. All that is under way belongs there and not into a future or a stack
//! frame, so that whoever waits may stop waiting at any time.
//!
//! # What it does
//!
//! 1. **Connect**, within a bound, and start the session with 18 fresh random bytes. What connecting took is taken off
//!    [`Config::startup_timeout`]. Set up the socket so that it notices a vanished peer; see [`liveness`](crate::liveness).
//! 2. **Take events** until there are none. Two are for the runtime itself: [`Event::SendCancel`] (see 5) and
//!    [`Event::StartTls`]. After a [`Fault`], close the connection: the server is to learn at once that nobody listens.
//! 3. **Write, then read.** Write what is unsent as far as the socket takes it, and never wait for that alone: a server
//!    may not listen before it was heard. Read only while [`Wants::readable`], so that rows nobody asked for stay in
//!    the server. A failed write ends nothing: the server may have said why it closed, and that is still to be read.
//! 4. **Wait** for the socket and the deadline, whichever is first, and call [`Session::handle_timeout`] *also when
//!    something came*: a server that never pauses has to keep to deadlines too. Calling it early changes nothing.
//! 5. **Deliver cancels** over a second connection: send [`InitialMessage::CancelRequest`], read to the end of the file,
//!    at most [`CANCEL_TIMEOUT`] for all of it; then say by [`Session::cancel_ended`] what came of it. What matters is
//!    whether it may still arrive: [`CancelDelivery::Unknown`] ends the session behind the open request. The session
//!    bounds the wait for its effect.
//! 6. **Before a request**, [`Session::abandon`] the one that somebody dropped, go on until the session is idle (it
//!    becomes so without an event), and read once without waiting: what the server said since, such as goodbye, is
//!    known before the statement is sent, and then it is certain that it never ran. Take the events that are here
//!    already before that: what was read is told before the end of the file.
//! 7. **Rows** come while there is demand ([`Session::demand`]), and borrow the input buffer until the next event. A
//!    driver that does not read its clock for every row does so when [`Session::wants_time`]: rows end at the deadline.
//! 8. **At the end**, [`Session::terminate`] if it is idle, and write as much as that takes no waiting.
//!
//! # All of it
//!
//! The numbers are those above. Two functions are not shown: `deliver` is step 5, and `wait_for` is the executor's:
//! poll(2), a reactor, or a select over a socket and a timer. This driver closes its connection by being dropped.
//!
//! ```
//! use std::io::{self, ErrorKind, Read, Write};
//! use std::time::{Duration, Instant as Clock};
//!
//! use hyperwire_core::buffer::{InBuf, OutBuf};
//! use hyperwire_core::row::Row;
//! use hyperwire_core::session::{
//!     CancelDelivery, Config, Event, Fault, LinkLoss, RequestId, RequestOptions, Session, StatementError,
//! };
//! use hyperwire_core::time::Instant;
//! use hyperwire_core::wire::CancelKey;
//!
//! struct Driver<T: Read + Write> {
//!     session: Session,
//!     input: InBuf,
//!     out: OutBuf,
//!     /// Does not block: what is not possible now is `WouldBlock`.
//!     connection: T,
//!     epoch: Clock,
//!     open: Option<RequestId>,
//! }
//!
//! impl<T: Read + Write> Driver<T> {
//!     // 1
//!     fn start(connection: T, config: Config, nonce: [u8; 18]) -> Result<Self, Box<dyn std::error::Error>> {
//!         let (input, mut out) = (InBuf::new(), OutBuf::new());
//!         let session = Session::start(config, nonce, Instant::EPOCH, &mut out)?;
//!         let mut driver = Self { session, input, out, connection, epoch: Clock::now(), open: None };
//!         while driver.next()? != Event::Ready {}
//!         Ok(driver)
//!     }
//!
//!     // 2
//!     fn take_event(&mut self) -> Result<Option<Event>, Fault> {
//!         loop {
//!             let now = self.now();
//!             match self.session.poll(&mut self.input, &mut self.out, now)? {
//!                 Some(Event::SendCancel(key)) => {
//!                     self.session.cancel_ended(deliver(key), &mut self.out);
//!                 }
//!                 Some(Event::Notice(_) | Event::Pulse) => {}
//!                 event => return Ok(event),
//!             }
//!         }
//!     }
//!
//!     // 3
//!     fn carry(&mut self) {
//!         while !self.out.is_empty() {
//!             match self.connection.write(self.out.unsent()) {
//!                 Ok(count) => self.out.sent(count),
//!                 Err(error) if error.kind() == ErrorKind::WouldBlock => break,
//!                 Err(_) => self.out.clear(),
//!             }
//!         }
//!         if self.session.wants(&self.out).readable {
//!             match self.connection.read(self.input.space()) {
//!                 Ok(0) => drop(self.session.handle_eof()),
//!                 Ok(count) => self.input.filled(count),
//!                 Err(error) if error.kind() == ErrorKind::WouldBlock => {}
//!                 Err(error) => drop(self.session.handle_link_loss(loss(&error))),
//!             }
//!         }
//!     }
//!
//!     // 4
//!     fn wait(&mut self) {
//!         let wants = self.session.wants(&self.out);
//!         let deadline = wants.deadline.map(|(at, _)| self.epoch + Duration::from_nanos(at.as_nanos()));
//!         wait_for(&self.connection, wants.readable, wants.writable, deadline);
//!         self.carry();
//!         self.session.handle_timeout(self.now());
//!     }
//!
//!     fn next(&mut self) -> Result<Event, Fault> {
//!         loop {
//!             match self.take_event()? {
//!                 Some(event) => return Ok(event),
//!                 None => self.wait(),
//!             }
//!         }
//!     }
//!
//!     // 6 and 7
//!     fn query(&mut self, sql: &str, mut each: impl FnMut(Row<'_>)) -> Result<(), Box<dyn std::error::Error>> {
//!         if let Some(dropped) = self.open.take() {
//!             let now = self.now();
//!             self.session.abandon(dropped, now, &mut self.out);
//!         }
//!         while self.take_event()?.is_some() {}
//!         while !self.session.is_idle() {
//!             self.wait();
//!             while self.take_event()?.is_some() {}
//!         }
//!         self.carry();
//!         while self.take_event()?.is_some() {}
//!         let options = RequestOptions::default().deadline(Some(self.now() + Duration::from_secs(60)));
//!         let id = self.session.query(sql, options, &mut self.out)?;
//!         self.open = Some(id);
//!         // As many as there are: no byte is read before all rows that are here were shown.
//!         self.session.demand(id, u64::MAX);
//!         let mut outcome: Result<(), StatementError> = Ok(());
//!         loop {
//!             match self.next()? {
//!                 Event::Row(_) => self.session.row(&self.input).map_or((), &mut each),
//!                 // The statement may have done its work and fail all the same: it is over when it is finished.
//!                 Event::Failed { error, .. } => outcome = Err(error),
//!                 Event::Finished { .. } => break,
//!                 _ => {}
//!             }
//!         }
//!         self.open = None;
//!         Ok(outcome?)
//!     }
//!
//!     fn now(&self) -> Instant {
//!         Instant::EPOCH + self.epoch.elapsed()
//!     }
//! }
//!
//! // 8
//! impl<T: Read + Write> Drop for Driver<T> {
//!     fn drop(&mut self) {
//!         if self.session.is_idle() {
//!             self.session.terminate(&mut self.out);
//!             self.carry();
//!         }
//!     }
//! }
//!
//! fn loss(error: &io::Error) -> LinkLoss {
//!     match error.kind() {
//!         ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => LinkLoss::Reset,
//!         ErrorKind::TimedOut => LinkLoss::TimedOut,
//!         _ => LinkLoss::Other,
//!     }
//! }
//! # // 5: the connection of this example is played from memory, and is never asked to cancel.
//! # fn deliver(_: CancelKey) -> CancelDelivery { unreachable!() }
//! # fn wait_for<T>(_: &T, _: bool, _: bool, _: Option<Clock>) {}
//! # struct Played(Vec<u8>, usize, std::rc::Rc<std::cell::RefCell<Vec<u8>>>);
//! # impl Read for Played {
//! #     fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
//! #         // Nothing comes for a query that was not sent; what comes, comes byte by byte.
//! #         let asked = self.2.borrow().windows(8).any(|bytes| bytes == b"SELECT 1");
//! #         let there = if asked { self.0.len() } else { 51 }; // The start-up.
//! #         if self.1 == there { return Err(ErrorKind::WouldBlock.into()) }
//! #         space[0] = self.0[self.1];
//! #         self.1 += 1;
//! #         Ok(1)
//! #     }
//! # }
//! # impl Write for Played {
//! #     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> { self.2.borrow_mut().write(bytes) }
//! #     fn flush(&mut self) -> io::Result<()> { Ok(()) }
//! # }
//! # let server = b"R\0\0\0\x08\0\0\0\0S\0\0\0\x23result_format_code\0HyperBinary\0Z\0\0\0\x05I\
//! #     T\0\0\0\x1a\0\x011\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0\
//! #     D\0\0\0\x0e\0\x01\0\0\0\x04\x01\0\0\0C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I";
//! # let heard = std::rc::Rc::default();
//! # let connection = Played(server.to_vec(), 0, std::rc::Rc::clone(&heard));
//!
//! let mut driver = Driver::start(connection, Config::new("hyper"), [7; 18])?;
//! let mut ones = Vec::new();
//! driver.query("SELECT 1", |row| ones.push(row.get::<i32>(0)))?;
//! drop(driver);
//! assert_eq!(ones, [Ok(1)]);
//! # assert!(heard.borrow().ends_with(b"X\0\0\0\x04"), "it says goodbye");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How to know that it works
//!
//! `tests/src/conformance` has a trait of a dozen blocking methods. Implement it, add the runtime to the list in
//! `tests/tests/conformance/main.rs`, and every scenario runs against it, over TCP and Unix sockets, against a scripted
//! server and the real hyperd. `tests/tests/conformance/embedded` is a runtime that was added so, and worth reading
//! beside this page: it cancels, it opens connections, and its futures may be dropped. `simulated.rs` beside it is one
//! without sockets and without a clock: there the same scenarios run on virtual time, over a network that a seed makes up.
//!
//! [`InBuf`]: crate::buffer::InBuf
//! [`OutBuf`]: crate::buffer::OutBuf
//! [`Session`]: crate::session::Session
//! [`Session::handle_timeout`]: crate::session::Session::handle_timeout
//! [`Session::cancel_ended`]: crate::session::Session::cancel_ended
//! [`CancelDelivery::Unknown`]: crate::session::CancelDelivery::Unknown
//! [`Session::terminate`]: crate::session::Session::terminate
//! [`Instant::EPOCH`]: crate::time::Instant::EPOCH
//! [`Session::abandon`]: crate::session::Session::abandon
//! [`Session::demand`]: crate::session::Session::demand
//! [`Session::wants_time`]: crate::session::Session::wants_time
//! [`RequestId`]: crate::session::RequestId
//! [`Config::startup_timeout`]: crate::session::Config::startup_timeout
//! [`Event::SendCancel`]: crate::session::Event::SendCancel
//! [`Event::StartTls`]: crate::session::Event::StartTls
//! [`Fault`]: crate::session::Fault
//! [`Wants::readable`]: crate::session::Wants::readable
//! [`CANCEL_TIMEOUT`]: crate::session::CANCEL_TIMEOUT
//! [`InitialMessage::CancelRequest`]: crate::wire::InitialMessage::CancelRequest
