//! What the explorer leaves out: time, hosts, strangers, answers that come late.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::control::{
    Advertised, Command, DrainReason, Incarnation, LockBody, LockTest, LockTry, Nonce, Owner, Ports, Probe,
    Process, RecordRead, Reply, Secret, StartReport, SystemError,
};

const SECRET: Secret = Secret([5; 32]);
const DAEMON: Incarnation = Incarnation([1; 16]);

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn election() -> Election {
    let mut config = Config::new("/home/u/.hyperdb", "here", "test", 7);
    config.ports = Ports::new(7485, 2);
    Election::new(config)
}

fn started() -> Election {
    let mut election = election();
    election.start(at(0));
    election
}

fn record(host: &str) -> Record {
    Record {
        pid: 1,
        hyperd_endpoint: "tab.domain:///home/u/.hyperdb/sockets/01010101/domain/hyper".into(),
        health_port: 7485,
        started_at: "then".into(),
        version: "v".into(),
        advertised: Some(Advertised {
            incarnation: DAEMON,
            generation: 1,
            phase: crate::control::Phase::Ready,
            host: host.into(),
            auth: Some(SECRET),
            identity: None,
        }),
    }
}

fn greeting(phase: crate::control::Phase) -> Answer {
    greeting_of(7485, phase)
}

fn greeting_from(port: u16) -> Answer {
    greeting_of(port, crate::control::Phase::Ready)
}

fn greeting_of(port: u16, phase: crate::control::Phase) -> Answer {
    let (nonce, server) = (Nonce([2; 16]), Nonce([3; 16]));
    let transcript = Transcript { client: nonce, server, incarnation: DAEMON, port };
    let mac = transcript.hello(&SECRET, 1, phase);
    let reply = Reply::Hello { incarnation: DAEMON, generation: 1, phase, nonce: server, mac };
    Answer::Hello(Greeting::Reply { nonce, reply })
}

fn effects(election: &mut Election) -> Vec<Effect> {
    core::iter::from_fn(|| election.poll_effect()).collect()
}

/// Answers the one effect that is queued.
fn answer(election: &mut Election, asked: &Effect, answer: Answer, now: Instant) {
    assert_eq!(election.poll_effect().as_ref(), Some(asked));
    election.handle_answer(answer, now);
}

fn adopted() -> Election {
    let mut election = started();
    let found = Answer::Record(RecordRead::Found(Arc::new(record("here"))));
    answer(&mut election, &Effect::ReadRecord, found, at(0));
    answer(&mut election, &Effect::Hello { port: 7485 }, greeting(crate::control::Phase::Ready), at(0));
    assert!(matches!(election.poll_effect(), Some(Effect::Say(Command::Lease { .. }))));
    election.handle_line(&Reply::Leased { id: 4 }, at(0));
    assert!(matches!(election.poll_event(), Some(Event::Adopted { lease: Some(4), .. })));
    election
}

#[test]
fn a_warm_start_takes_a_record_a_hello_and_a_lease() {
    let election = adopted();

    assert_eq!(election.phase(), Phase::Adopted);
    assert_eq!(election.deadline(), None, "nothing is waited for");
}

#[test]
fn a_legacy_daemon_on_the_lowest_port_is_preferred_to_one_above() {
    let mut election = started();
    let legacy = |port| {
        let record = Record { health_port: port, advertised: None, ..record("here") };
        Answer::Probe(Probe::Daemon { record: Arc::new(record), owner: Owner::SameUser })
    };
    answer(&mut election, &Effect::ReadRecord, Answer::Record(RecordRead::Missing), at(0));
    answer(&mut election, &Effect::TryLock, Answer::SpawnLock(LockTry::Locked(None)), at(0));
    answer(&mut election, &Effect::ReadRecord, Answer::Record(RecordRead::Missing), at(0));
    answer(&mut election, &Effect::TestLock, Answer::DaemonLock(LockTest::Free), at(0));

    answer(&mut election, &Effect::Probe { port: 7485 }, legacy(7485), at(0));

    assert_eq!(election.adopted().map(|record| record.health_port), Some(7485));
    assert_eq!(effects(&mut election), [Effect::Unlock]);
}

#[test]
fn a_daemon_of_another_user_or_of_another_folder_is_not_adopted() {
    let legacy = Record { advertised: None, ..record("here") };
    let elsewhere = Record {
        hyperd_endpoint: "tab.domain:///home/u/other/sockets/domain/hyper".into(),
        ..legacy.clone()
    };
    let probe = |record: &Record, owner| Probe::Daemon { record: Arc::new(record.clone()), owner };
    let folder = "/home/u/.hyperdb";

    assert!(probe(&legacy, Owner::SameUser).legacy(folder).is_some());
    assert!(probe(&legacy, Owner::OtherUser).legacy(folder).is_none());
    assert!(probe(&legacy, Owner::Unknown).legacy(folder).is_none());
    assert!(probe(&elsewhere, Owner::SameUser).legacy(folder).is_none());
}

#[test]
fn a_record_of_another_machine_is_not_followed_and_its_lock_is_reported() {
    let mut election = started();
    let found = Answer::Record(RecordRead::Found(Arc::new(record("elsewhere"))));
    answer(&mut election, &Effect::ReadRecord, found.clone(), at(0));
    answer(&mut election, &Effect::TryLock, Answer::SpawnLock(LockTry::Locked(None)), at(0));
    answer(&mut election, &Effect::ReadRecord, found, at(0));
    let body = LockBody {
        host: "elsewhere".into(),
        daemon: Process { pid: 1, started: 1 },
        engine: None,
        incarnation: DAEMON,
        phase: crate::control::Phase::Ready,
        port: None,
    };

    let held = LockTest::Held(Some(Arc::new(body)));
    answer(&mut election, &Effect::TestLock, Answer::DaemonLock(held), at(0));

    assert_eq!(election.error(), Some(&ElectionError::Elsewhere { host: "elsewhere".into() }));
    assert_eq!(effects(&mut election), [Effect::Unlock], "nothing stays locked");
}

#[test]
fn a_machine_that_was_renamed_still_has_its_daemon() {
    let mut election = election();
    election.config = Arc::new(Config { host: "new/boot/net".into(), ..(*election.config).clone() });
    election.start(at(0));

    let found = Answer::Record(RecordRead::Found(Arc::new(record("old/boot/net"))));
    answer(&mut election, &Effect::ReadRecord, found, at(0));

    assert_eq!(effects(&mut election), [Effect::Hello { port: 7485 }]);
}

#[test]
fn a_port_that_keeps_silent_is_asked_once_and_then_the_lock() {
    let mut election = started();
    let found = Answer::Record(RecordRead::Found(Arc::new(record("here"))));
    answer(&mut election, &Effect::ReadRecord, found.clone(), at(0));
    answer(&mut election, &Effect::Hello { port: 7485 }, Answer::Hello(Greeting::Silent), at(1));
    answer(&mut election, &Effect::TryLock, Answer::SpawnLock(LockTry::Locked(None)), at(1));
    answer(&mut election, &Effect::ReadRecord, found.clone(), at(1));
    answer(&mut election, &Effect::TestLock, Answer::DaemonLock(LockTest::Free), at(1));

    assert_eq!(effects(&mut election), [Effect::Probe { port: 7485 }]);
    assert!(election.ports_ahead().eq([7486]), "both are asked at once");
    election.handle_answer(Answer::Probe(Probe::Silent), at(2));
    answer(&mut election, &Effect::Probe { port: 7486 }, Answer::Probe(Probe::Silent), at(2));
    assert_eq!(effects(&mut election), [Effect::Spawn]);
}

/// A daemon on the port 7486 is started, and ready; the port below it kept silent.
fn started_above_a_silent_port() -> Election {
    let mut election = started();
    answer(&mut election, &Effect::ReadRecord, Answer::Record(RecordRead::Missing), at(0));
    answer(&mut election, &Effect::TryLock, Answer::SpawnLock(LockTry::Locked(None)), at(0));
    answer(&mut election, &Effect::ReadRecord, Answer::Record(RecordRead::Missing), at(0));
    answer(&mut election, &Effect::TestLock, Answer::DaemonLock(LockTest::Free), at(0));
    answer(&mut election, &Effect::Probe { port: 7485 }, Answer::Probe(Probe::Silent), at(500));
    answer(&mut election, &Effect::Probe { port: 7486 }, Answer::Probe(Probe::Refused), at(500));
    answer(&mut election, &Effect::Spawn, Answer::Spawned(Ok(())), at(500));
    let above = Record { health_port: 7486, ..record("here") };
    election.handle_report(Some(StartReport::Ready(above.into())), at(1000));
    election
}

#[test]
fn a_port_that_kept_silent_in_the_scan_is_not_waited_for_again_by_whoever_started_the_daemon() {
    let mut election = started_above_a_silent_port();

    answer(&mut election, &Effect::Hello { port: 7486 }, greeting_from(7486), at(1000));

    assert!(matches!(effects(&mut election)[..], [Effect::Say(Command::Lease { .. })]));
}

#[test]
fn a_later_look_asks_the_silent_port_again() {
    let mut election = started_above_a_silent_port();
    answer(&mut election, &Effect::Hello { port: 7486 }, Answer::Hello(Greeting::Refused), at(1000));
    let held = Answer::DaemonLock(LockTest::Held(None));
    answer(&mut election, &Effect::TestLock, held, at(1000));
    let (next, _) = election.deadline().expect("it looks again");
    election.handle_timeout(next);
    let above = Arc::new(Record { health_port: 7486, ..record("here") });
    answer(&mut election, &Effect::ReadRecord, Answer::Record(RecordRead::Found(above)), next);

    answer(&mut election, &Effect::Hello { port: 7486 }, greeting_from(7486), next);

    assert_eq!(effects(&mut election), [Effect::Probe { port: 7485 }]);
}

#[test]
fn a_silent_daemon_that_holds_the_lock_is_asked_again_at_once_and_then_later() {
    let mut election = started();
    let found = Answer::Record(RecordRead::Found(Arc::new(record("here"))));
    let held = Answer::DaemonLock(LockTest::Held(None));
    answer(&mut election, &Effect::ReadRecord, found.clone(), at(0));
    answer(&mut election, &Effect::Hello { port: 7485 }, Answer::Hello(Greeting::Silent), at(1));
    answer(&mut election, &Effect::TryLock, Answer::SpawnLock(LockTry::Locked(None)), at(1));
    answer(&mut election, &Effect::ReadRecord, found.clone(), at(1));
    answer(&mut election, &Effect::TestLock, held.clone(), at(1));
    answer(&mut election, &Effect::ReadRecord, found.clone(), at(1));
    answer(&mut election, &Effect::Hello { port: 7485 }, Answer::Hello(Greeting::Silent), at(2));
    answer(&mut election, &Effect::TestLock, held, at(2));
    assert_eq!(effects(&mut election), []);
    let (next, timer) = election.deadline().expect("it looks again");
    assert_eq!(timer, Timer::Poll);

    election.handle_timeout(next);
    answer(&mut election, &Effect::ReadRecord, found, next);

    assert_eq!(effects(&mut election), [Effect::Hello { port: 7485 }]);
}

#[test]
fn the_pauses_between_looks_double_up_to_a_second() {
    let mut election = started();
    let mut now = at(0);
    let mut looks = 0;

    while now < at(10_000) {
        answer(&mut election, &Effect::ReadRecord, Answer::Record(RecordRead::Missing), now);
        answer(&mut election, &Effect::TryLock, Answer::SpawnLock(LockTry::Held), now);
        let (next, timer) = election.deadline().expect("it looks again");
        assert_eq!(timer, Timer::Poll);
        assert!(next > now && next <= now + Duration::from_millis(1250), "{next:?} after {now:?}");
        now = next;
        election.handle_timeout(now);
        looks += 1;
    }

    assert!((15..=40).contains(&looks), "{looks} looks in ten seconds");
}

#[test]
fn an_election_that_gets_nowhere_fails_at_its_deadline_and_says_what_stood_in_the_way() {
    let mut election = started();
    answer(&mut election, &Effect::ReadRecord, Answer::Record(RecordRead::Missing), at(0));
    answer(&mut election, &Effect::TryLock, Answer::SpawnLock(LockTry::Held), at(0));

    election.handle_timeout(at(90_000));

    let expected = ElectionError::Deadline { phase: Phase::Wait, obstacle: Some(Obstacle::SpawnLock) };
    assert_eq!(election.error(), Some(&expected));
    assert_eq!(election.poll_event(), Some(Event::Failed(expected)));
    assert_eq!(election.deadline(), None);
}

#[test]
fn the_deadline_leaves_room_for_the_slowest_start_of_hyperd() {
    let engine = Duration::from_secs(70);

    assert!(Config::new("", "", "", 0).deadline > engine + Duration::from_secs(15));
}

#[test]
fn a_lock_that_is_granted_too_late_is_given_back_before_the_next_election() {
    let mut election = started();
    answer(&mut election, &Effect::ReadRecord, Answer::Record(RecordRead::Missing), at(0));
    assert_eq!(election.poll_effect(), Some(Effect::TryLock));
    election.handle_timeout(at(90_000));

    election.start(at(90_001));
    assert_eq!(election.poll_effect(), None, "one answer is still to come");
    election.handle_answer(Answer::SpawnLock(LockTry::Locked(None)), at(90_002));

    assert_eq!(effects(&mut election), [Effect::Unlock, Effect::ReadRecord]);
}

#[test]
fn early_and_repeated_timeouts_change_nothing() {
    let mut election = adopted();
    let before = election.clone();

    election.handle_timeout(at(1));
    election.handle_timeout(at(1_000_000));

    assert_eq!(election, before);
}

#[test]
fn told_to_leave_a_busy_client_ends_its_query_first() {
    let mut election = adopted();
    assert!(election.begin());

    election.handle_line(&Reply::Draining(DrainReason::Stop), at(1));
    assert_eq!(effects(&mut election), [], "its query runs");
    assert_eq!(election.poll_event(), Some(Event::Draining(DrainReason::Stop)));
    assert!(!election.begin(), "it starts nothing new there");
    election.end(at(2));

    assert_eq!(effects(&mut election), [Effect::HangUp, Effect::ReadRecord]);
}

#[test]
fn a_state_folder_that_cannot_be_used_is_a_typed_failure() {
    let mut election = started();
    answer(&mut election, &Effect::ReadRecord, Answer::Record(RecordRead::Missing), at(0));

    let denied = LockTry::Error(SystemError::ReadOnly);
    answer(&mut election, &Effect::TryLock, Answer::SpawnLock(denied), at(0));

    assert_eq!(election.error(), Some(&ElectionError::StateFolder(SystemError::ReadOnly)));
}

#[test]
fn a_daemon_that_dies_thrice_is_not_started_a_fourth_time_and_its_last_words_are_told() {
    let mut election = started();
    answer(&mut election, &Effect::ReadRecord, Answer::Record(RecordRead::Missing), at(0));
    answer(&mut election, &Effect::TryLock, Answer::SpawnLock(LockTry::Locked(None)), at(0));
    for round in 0..=MAX_SPAWNS {
        answer(&mut election, &Effect::ReadRecord, Answer::Record(RecordRead::Missing), at(0));
        answer(&mut election, &Effect::TestLock, Answer::DaemonLock(LockTest::Free), at(0));
        answer(&mut election, &Effect::Probe { port: 7485 }, Answer::Probe(Probe::Refused), at(0));
        answer(&mut election, &Effect::Probe { port: 7486 }, Answer::Probe(Probe::Refused), at(0));
        if round < MAX_SPAWNS {
            answer(&mut election, &Effect::Spawn, Answer::Spawned(Ok(())), at(0));
            election.handle_report(Some(StartReport::Died("not found".into())), at(0));
        }
    }

    assert_eq!(
        election.error(),
        Some(&ElectionError::Spawns { count: MAX_SPAWNS, words: "not found".into() })
    );
}
