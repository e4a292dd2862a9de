//! Cancel, deadlines and dropped results: what the session asks of its driver, and when it gives up.

mod server;

use hyperwire_core::buffer::{InBuf, OutBuf};
use hyperwire_core::row::Parameters;
use hyperwire_core::session::{
    CancelDelivery, Config, Event, Fault, RequestId, RequestOptions, Session, StatementError, Timer,
};
use hyperwire_core::time::{Duration, Instant};
use hyperwire_core::wire::{
    BackendMessage, CancelKey, FrontendMessage, ParameterTypes, Report, Target, TransactionStatus,
};

const KEY: CancelKey = CancelKey { process_id: 0, secret_key: -5 };

/// A session that is ready, with its buffers and a clock that moves when told to.
struct World {
    session: Session,
    input: InBuf,
    out: OutBuf,
    now: Instant,
}

impl World {
    fn ready() -> Self {
        let mut out = OutBuf::new();
        let session = Session::start(Config::new("hyper"), [3; 18], Instant::EPOCH, &mut out).unwrap();
        let mut world = Self { session, input: InBuf::new(), out, now: Instant::EPOCH };
        world.input.extend(&server::transcript(&[]));
        assert_eq!(world.events(), [Event::Ready]);
        world.sent();
        world
    }

    fn query(&mut self, options: RequestOptions) -> RequestId {
        self.session.query("SELECT 1", options, &mut self.out).unwrap()
    }

    fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.session.poll(&mut self.input, &mut self.out, self.now).unwrap()).collect()
    }

    fn receive(&mut self, message: BackendMessage<'_>) -> Vec<Event> {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.input.extend(&bytes);
        self.events()
    }

    fn fails_with(&mut self, code: &str) -> Vec<Event> {
        let mut body = Vec::new();
        Report::write_fields([(b'C', code), (b'M', "canceled by user")], &mut body);
        self.receive(BackendMessage::ErrorResponse(Report::from_body(&body).unwrap()))
    }

    fn ready_for_query(&mut self) -> Vec<Event> {
        self.receive(BackendMessage::ReadyForQuery(TransactionStatus::Idle))
    }

    /// Sleeps exactly to the announced deadline, which must be for this reason.
    fn sleep_until(&mut self, expected: Timer) -> Vec<Event> {
        let (at, timer) = self.session.deadline().expect("a deadline is announced");
        assert_eq!(timer, expected);
        assert!(at > self.now, "the deadline lies ahead");
        self.session.handle_timeout(self.now);
        assert_eq!(self.session.deadline(), Some((at, timer)), "an early call changes nothing");
        self.now = at;
        self.session.handle_timeout(at);
        self.events()
    }

    fn sent(&mut self) -> Vec<u8> {
        let bytes = self.out.unsent().to_vec();
        self.out.sent(bytes.len());
        bytes
    }
}

fn in_one_second() -> RequestOptions {
    RequestOptions::default().deadline(Some(Instant::EPOCH + Duration::from_secs(1)))
}

#[test]
fn a_canceled_statement_fails_and_the_session_goes_on() {
    let mut world = World::ready();
    let id = world.query(RequestOptions::default());

    world.session.cancel(id, world.now);

    assert_eq!(world.events(), [Event::SendCancel(KEY)]);
    world.session.cancel_ended(CancelDelivery::Delivered, &mut world.out);
    let told = world.fails_with("57014");
    assert!(matches!(&told[..], [Event::Failed { error: StatementError::Server(_), .. }]), "{told:?}");
    assert_eq!(world.ready_for_query(), [Event::Finished { id, transaction: TransactionStatus::Idle }]);
    assert!(world.session.is_idle());
}

#[test]
fn nothing_is_sent_while_a_cancel_could_still_hit_it() {
    let mut world = World::ready();
    let first = world.query(RequestOptions::default());
    world.session.cancel(first, world.now);
    world.query(RequestOptions::default());
    world.sent();
    world.fails_with("57014");
    world.ready_for_query();

    assert_eq!(world.sent(), b"", "the CancelRequest is on its way and would hit the second statement");
    world.session.cancel_ended(CancelDelivery::Delivered, &mut world.out);

    assert_eq!(world.sent(), b"Q\0\0\0\x0dSELECT 1\0");
}

#[test]
fn a_request_in_line_is_canceled_without_being_sent() {
    let mut world = World::ready();
    world.query(RequestOptions::default());
    let second = world.query(RequestOptions::default());

    world.session.cancel(second, world.now);

    let expected = [
        Event::Failed { id: second, error: StatementError::NeverSent },
        Event::Finished { id: second, transaction: TransactionStatus::Idle },
    ];
    assert_eq!(world.events(), expected);
}

#[test]
fn a_cancel_behind_a_passed_deadline_leaves_the_deadline_the_reason() {
    let mut world = World::ready();
    let id = world.query(in_one_second());
    world.sleep_until(Timer::Statement);

    world.session.cancel(id, world.now);

    assert!(
        world.session.deadline().is_some_and(|(at, timer)| at > world.now && timer == Timer::CancelGrace)
    );
    assert_eq!(world.events(), [], "it is canceled once");
    assert_eq!(world.fails_with("57014"), [Event::Failed { id, error: StatementError::DeadlineExceeded }]);
}

#[test]
fn a_passed_deadline_cancels_and_is_told_as_such() {
    let mut world = World::ready();
    let id = world.query(in_one_second());

    assert_eq!(world.sleep_until(Timer::Statement), [Event::SendCancel(KEY)]);
    let told = world.fails_with("57014");

    assert_eq!(told, [Event::Failed { id, error: StatementError::DeadlineExceeded }]);
}

#[test]
fn a_server_that_does_not_heed_a_deadline_loses_the_session() {
    let mut world = World::ready();
    world.query(in_one_second());
    world.sleep_until(Timer::Statement);

    let (at, timer) = world.session.deadline().expect("the grace is announced");
    assert_eq!((at, timer), (Instant::EPOCH + Duration::from_secs(11), Timer::CancelGrace));
    world.session.handle_timeout(at);

    let outcome = world.session.poll(&mut world.input, &mut world.out, at);
    assert_eq!(outcome, Err(Fault::Deadline(Timer::CancelGrace)));
}

#[test]
fn a_cancel_by_the_caller_never_ends_the_session() {
    let mut world = World::ready();
    let id = world.query(RequestOptions::default());

    world.session.cancel(id, world.now);
    world.events();

    assert_eq!(world.session.deadline(), None, "the caller waits for as long as they like");
}

#[test]
fn a_deadline_that_passes_in_line_fails_the_request_unsent() {
    let mut world = World::ready();
    world.query(RequestOptions::default());
    let second = world.query(in_one_second());

    let told = world.sleep_until(Timer::Statement);

    let expected = [
        Event::Failed { id: second, error: StatementError::DeadlineExceeded },
        Event::Finished { id: second, transaction: TransactionStatus::Idle },
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_dropped_result_that_arrives_soon_is_not_canceled() {
    let mut world = World::ready();
    let id = world.query(RequestOptions::default());

    world.session.abandon(id, world.now, &mut world.out);
    world.receive(BackendMessage::CommandComplete("SELECT 0"));

    assert_eq!(world.ready_for_query(), [], "nobody listens any more");
    assert!(world.session.is_idle());
}

#[test]
fn a_statement_whose_prepare_was_dropped_is_closed() {
    let mut world = World::ready();
    let id = world.session.prepare("SELECT 1", &[], RequestOptions::default(), &mut world.out).unwrap();
    let asked = String::from_utf8_lossy(&world.sent()).into_owned();

    world.session.abandon(id, world.now, &mut world.out);
    world.receive(BackendMessage::ParseComplete);
    world.receive(BackendMessage::ParameterDescription(ParameterTypes::from_be_bytes(&[])));
    world.receive(BackendMessage::NoData);
    assert_eq!(world.ready_for_query(), [], "nobody listens any more");

    let mut close = Vec::new();
    let name = "hyperwire_1";
    assert!(asked.contains(name), "{asked:?}");
    FrontendMessage::Close(Target::Statement(name)).encode(&mut close);
    FrontendMessage::Sync.encode(&mut close);
    assert_eq!(world.sent(), close);
    assert_eq!(world.receive(BackendMessage::CloseComplete), []);
    assert_eq!(world.ready_for_query(), []);
    assert!(world.session.is_idle());
}

#[test]
fn the_closing_of_a_dropped_prepare_is_not_canceled_and_yet_bounded() {
    let mut world = World::ready();
    let id = world.session.prepare("SELECT 1", &[], RequestOptions::default(), &mut world.out).unwrap();
    world.session.abandon(id, world.now, &mut world.out);
    assert_eq!(world.sleep_until(Timer::Abandon), [Event::SendCancel(KEY)], "the prepare is slow");
    world.session.cancel_ended(CancelDelivery::Delivered, &mut world.out);
    world.receive(BackendMessage::ParseComplete);
    world.receive(BackendMessage::ParameterDescription(ParameterTypes::from_be_bytes(&[])));
    world.receive(BackendMessage::NoData);

    assert_eq!(world.ready_for_query(), [], "the cancel came too late");

    let (at, timer) = world.session.deadline().expect("the wait for CloseComplete is bounded");
    assert_eq!(timer, Timer::CancelGrace);
    assert!(at > world.now, "nothing is to be canceled at once");
}

#[test]
fn a_dropped_result_that_keeps_the_server_busy_is_canceled() {
    let mut world = World::ready();
    let id = world.query(RequestOptions::default());

    world.session.abandon(id, world.now, &mut world.out);

    assert_eq!(world.sleep_until(Timer::Abandon), [Event::SendCancel(KEY)]);
    world.session.cancel_ended(CancelDelivery::Delivered, &mut world.out);
    assert_eq!(world.fails_with("57014"), []);
    assert_eq!(world.ready_for_query(), []);
    assert!(world.session.is_idle());
}

#[test]
fn a_dropped_result_that_is_large_is_canceled_before_its_patience_ends() {
    let mut world = World::ready();
    let id = world.query(RequestOptions::default().copy());
    world.receive(BackendMessage::CopyOutResponse(hyperwire_core::wire::CopyResponse {
        format: 0,
        columns: &[],
    }));
    world.session.abandon(id, world.now, &mut world.out);

    let told: Vec<_> = (0..20).flat_map(|_| world.receive(BackendMessage::CopyData(&[0; 100_000]))).collect();

    assert_eq!(told, [Event::SendCancel(KEY)], "once, after 1 MiB");
}

/// An extended COPY FROM STDIN that the server waits for data of; it has swallowed the Sync.
fn extended_copy_in(world: &mut World) -> RequestId {
    let options = RequestOptions::default().copy();
    let parameters = Parameters::default();
    let id =
        world.session.query_params("COPY t FROM STDIN", &parameters, None, options, &mut world.out).unwrap();
    for message in [BackendMessage::ParseComplete, BackendMessage::BindComplete, BackendMessage::NoData] {
        assert_eq!(world.receive(message), []);
    }
    let copy_in = hyperwire_core::wire::CopyResponse { format: 0, columns: &[] };
    assert_eq!(world.receive(BackendMessage::CopyInResponse(copy_in)), [Event::CopyIn(id)]);
    world.sent();
    id
}

#[test]
fn an_extended_copy_sends_the_sync_again_that_the_server_swallowed() {
    let mut world = World::ready();
    extended_copy_in(&mut world);

    world.session.copy_done(&mut world.out).unwrap();

    assert_eq!(world.sent(), b"c\0\0\0\x04S\0\0\0\x04");
}

#[test]
fn an_extended_copy_that_the_server_breaks_off_sends_the_sync_again() {
    let mut world = World::ready();
    let id = extended_copy_in(&mut world);

    assert!(matches!(&world.fails_with("57014")[..], [Event::Failed { .. }]));

    assert_eq!(world.sent(), b"S\0\0\0\x04");
    assert_eq!(world.ready_for_query(), [Event::Finished { id, transaction: TransactionStatus::Idle }]);
}

#[test]
fn a_sync_without_an_answer_ends_the_session_at_its_deadline() {
    let mut world = World::ready();
    world.session.sync(in_one_second(), &mut world.out).unwrap();

    let (at, _) = world.session.deadline().expect("it has a deadline");
    world.session.handle_timeout(at);

    assert_eq!(world.session.fault(), Some(&Fault::Deadline(Timer::Sync)));
}

#[test]
fn rows_wait_for_demand_and_reading_stops_meanwhile() {
    let mut world = World::ready();
    let id = world.query(RequestOptions::default());
    world.sent();
    let answer = server::transcript(&[(server::Request::Query, server::Answer::rows(1, 9))]);
    world.input.extend(&answer[server::transcript(&[]).len()..]);
    world.events();

    assert!(world.session.wants_demand());
    assert!(!world.session.wants(&world.out).readable, "TCP is to slow the server down");
    world.session.demand(id, 4);
    let rows = world.events().iter().filter(|event| matches!(event, Event::Row(_))).count();

    assert_eq!(rows, 4);
    assert!(world.session.wants_demand());
}

#[test]
fn the_end_of_a_result_needs_no_demand() {
    for rows in [0, 1, 4] {
        let mut world = World::ready();
        let id = world.query(RequestOptions::default());
        world.sent();
        let answer = server::transcript(&[(server::Request::Query, server::Answer::rows(1, rows))]);
        world.session.demand(id, rows as u64);
        world.input.extend(&answer[server::transcript(&[]).len()..]);

        let events = world.events();

        assert_eq!(events.iter().filter(|event| matches!(event, Event::Row(_))).count(), rows);
        assert!(matches!(events.last(), Some(Event::Finished { .. })), "{rows} rows: {events:?}");
    }
}

/// Whether there is another row, only reading can tell.
#[test]
fn reading_goes_on_without_demand_until_a_row_is_at_hand() {
    let mut world = World::ready();
    let id = world.query(RequestOptions::default());
    world.sent();
    let answer = server::transcript(&[(server::Request::Query, server::Answer::rows(1, 2))]);
    let (mut rows, mut held_back) = (0, Vec::new());
    world.session.demand(id, 1);

    for byte in &answer[server::transcript(&[]).len()..] {
        let wants = world.session.wants(&world.out).readable;
        assert_eq!(wants, !world.session.wants_demand(), "it wants either of them");
        if !wants {
            held_back.push(rows);
            world.session.demand(id, 1);
        }
        world.input.extend(&[*byte]);
        rows += world.events().iter().filter(|event| matches!(event, Event::Row(_))).count();
    }

    assert_eq!((rows, held_back), (2, vec![1]), "one row was asked for twice");
    assert!(world.session.is_idle());
}

/// A session whose statement was canceled, with a second one behind it.
fn canceled_with_one_behind(world: &mut World) -> RequestId {
    let first = world.query(RequestOptions::default());
    world.session.cancel(first, world.now);
    world.query(RequestOptions::default());
    assert_eq!(world.events(), [Event::SendCancel(KEY)]);
    world.sent();
    first
}

#[test]
fn a_cancel_that_may_arrive_late_ends_the_session_behind_what_runs() {
    let mut world = World::ready();
    let first = canceled_with_one_behind(&mut world);

    world.session.cancel_ended(CancelDelivery::Unknown, &mut world.out);
    assert_eq!(world.session.fault(), None, "the first statement is still answered");
    world.receive(BackendMessage::CommandComplete("INSERT 0 1"));
    world.input.extend(b"Z\0\0\0\x05I");
    let told = world.session.poll(&mut world.input, &mut world.out, world.now);

    assert_eq!(told, Ok(Some(Event::Finished { id: first, transaction: TransactionStatus::Idle })));
    assert_eq!(world.sent(), b"", "the second statement would be hit");
    let ended = world.session.poll(&mut world.input, &mut world.out, world.now);
    assert_eq!(ended, Err(Fault::CancelUnsettled));
    assert!(
        !world.session.is_idle()
            && world.session.query("", RequestOptions::default(), &mut world.out).is_err()
    );
}

#[test]
fn a_cancel_that_may_arrive_late_ends_a_session_that_waits_for_it_at_once() {
    let mut world = World::ready();
    canceled_with_one_behind(&mut world);
    world.receive(BackendMessage::CommandComplete("INSERT 0 1"));
    world.ready_for_query();

    world.session.cancel_ended(CancelDelivery::Unknown, &mut world.out);

    assert_eq!(world.session.fault(), Some(&Fault::CancelUnsettled));
    assert_eq!(world.sent(), b"");
}

#[test]
fn a_cancel_that_was_not_sent_or_is_known_to_be_delivered_burns_nothing() {
    for delivery in [CancelDelivery::NotSent, CancelDelivery::Delivered] {
        let mut world = World::ready();
        canceled_with_one_behind(&mut world);
        world.receive(BackendMessage::CommandComplete("INSERT 0 1"));
        world.ready_for_query();

        world.session.cancel_ended(delivery, &mut world.out);

        assert_eq!(world.sent(), b"Q\0\0\0\x0dSELECT 1\0");
    }
}

#[test]
fn a_key_that_somebody_else_burnt_ends_an_idle_session() {
    let mut world = World::ready();

    world.session.burn_cancel_key();

    assert_eq!(world.session.fault(), Some(&Fault::CancelUnsettled));
}

/// Rows and nothing between them.
fn only_rows(rows: usize) -> Vec<u8> {
    let answer = server::Answer::undisturbed(1, rows);
    server::transcript(&[(server::Request::Query, answer)])[server::transcript(&[]).len()..].to_vec()
}

/// A statement with a deadline in one second, of which this many rows have arrived and none was wanted.
fn rows_with_a_deadline(world: &mut World, rows: usize) -> RequestId {
    let id = world.query(in_one_second());
    world.sent();
    world.input.extend(&only_rows(rows));
    assert!(matches!(world.events().last(), Some(Event::Columns { .. })));
    id
}

fn is_overdue(event: &Event) -> bool {
    matches!(event, Event::Failed { error: StatementError::DeadlineExceeded, .. })
}

#[test]
fn rows_that_are_left_at_the_deadline_are_thrown_away() {
    let mut world = World::ready();
    let id = rows_with_a_deadline(&mut world, 9);
    world.session.demand(id, 4);
    assert_eq!(world.events().len(), 4);

    let told = world.sleep_until(Timer::Statement);

    let finished = Event::Finished { id, transaction: TransactionStatus::Idle };
    assert_eq!(told[0], Event::SendCancel(KEY));
    assert!(is_overdue(&told[1]) && told[2..] == [finished], "{told:?}");
    world.session.cancel_ended(CancelDelivery::Delivered, &mut world.out);
    assert!(world.session.is_idle());
}

#[test]
fn a_row_is_not_handed_out_at_its_deadline_by_a_driver_that_was_not_woken() {
    let mut world = World::ready();
    let id = rows_with_a_deadline(&mut world, 9);
    world.session.demand(id, u64::MAX);
    assert!(matches!(
        world.session.poll(&mut world.input, &mut world.out, world.now),
        Ok(Some(Event::Row(_)))
    ));

    world.now = Instant::EPOCH + Duration::from_secs(1);
    let told = world.events();

    assert!(!told.iter().any(|event| matches!(event, Event::Row(_))), "{told:?}");
    assert_eq!(told.iter().filter(|event| is_overdue(event)).count(), 1, "{told:?}");
}

#[test]
fn a_row_that_was_announced_may_be_looked_at_when_its_deadline_passes() {
    let mut world = World::ready();
    let id = rows_with_a_deadline(&mut world, 2);
    world.session.demand(id, 1);
    assert!(matches!(
        world.session.poll(&mut world.input, &mut world.out, world.now),
        Ok(Some(Event::Row(_)))
    ));

    world.session.handle_timeout(Instant::EPOCH + Duration::from_secs(1));

    assert!(world.session.row(&world.input).is_some());
}

#[test]
fn a_fast_reader_looks_at_the_clock_once_for_many_rows_and_a_slow_one_for_each() {
    for (pause, looks) in [(0, 10..20), (2, 300..301)] {
        let mut world = World::ready();
        let id = rows_with_a_deadline(&mut world, 300);
        world.session.demand(id, u64::MAX);
        let (mut rows, mut looked) = (0, 0);

        while rows < 300 {
            if world.session.next_row(&mut world.input) {
                rows += 1;
            } else {
                assert!(world.session.wants_time(), "{rows} rows");
                looked += 1;
                world.now += Duration::from_micros(400 * pause);
                let told = world.session.poll(&mut world.input, &mut world.out, world.now);
                assert!(matches!(told, Ok(Some(Event::Row(_)))), "{told:?}");
                rows += 1;
            }
            world.now += Duration::from_micros(400 * pause);
        }

        assert!(looks.contains(&looked), "{looked} looks at a pause of {pause}");
    }
}

#[test]
fn without_a_deadline_no_row_waits_for_the_clock() {
    let mut world = World::ready();
    let id = world.query(RequestOptions::default());
    world.input.extend(&only_rows(1000));
    world.events();
    world.session.demand(id, u64::MAX);
    world.session.demand(id, u64::MAX);

    let mut rows = 0;
    let outcome = world.session.each_row(&mut world.input, |_| {
        rows += 1;
        Ok::<_, ()>(())
    });

    assert_eq!((outcome, rows), (Ok(()), 1000));
}

/// It was busy elsewhere; what the server answered meanwhile it has not read.
#[test]
fn a_driver_that_comes_late_does_not_give_up_a_server_that_it_has_not_heard() {
    let mut world = World::ready();
    let id = world.query(in_one_second());
    world.sleep_until(Timer::Statement);
    world.session.cancel_ended(CancelDelivery::Delivered, &mut world.out);

    world.now = Instant::EPOCH + Duration::from_secs(60);
    world.session.handle_timeout(world.now);
    assert_eq!(world.session.fault(), None);
    let (again, timer) = world.session.deadline().expect("it is bounded all the same");
    assert!(timer == Timer::CancelGrace && again > world.now && again < world.now + Duration::from_secs(1));

    assert!(is_overdue(&world.fails_with("57014")[0]));
    assert_eq!(world.ready_for_query(), [Event::Finished { id, transaction: TransactionStatus::Idle }]);
}

#[test]
fn a_driver_that_comes_late_gives_up_a_server_that_is_still_silent() {
    let mut world = World::ready();
    world.query(in_one_second());
    world.sleep_until(Timer::Statement);
    world.session.handle_timeout(Instant::EPOCH + Duration::from_secs(60));

    let (again, _) = world.session.deadline().expect("it is bounded");
    world.session.handle_timeout(again);

    assert_eq!(world.session.fault(), Some(&Fault::Deadline(Timer::CancelGrace)));
}
