//! What the explorer leaves out: time, strangers, bounds.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::control::{
    Command, LockTry, Mac, Nonce, Owner, Ports, Probe, RecordRead, Reply, Status, Transcript,
};

const ME: Incarnation = Incarnation([1; 16]);
const SECRET: Secret = Secret([5; 32]);
const CLIENT: Connection = Connection(9);

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn config() -> Config {
    let mut config = Config::new("/home/u/.hyperdb", "here", Process { pid: 1, started: 1 }, "then");
    config.ports = Ports::new(7485, 2);
    config
}

fn effects(daemon: &mut Daemon) -> Vec<Effect> {
    core::iter::from_fn(|| daemon.poll_effect())
        .filter(|effect| !matches!(effect, Effect::Describe(_)))
        .collect()
}

/// Answers whatever is asked as a healthy system would, until nothing is.
fn settle(daemon: &mut Daemon, now: Instant) -> Vec<Effect> {
    let mut others = Vec::new();
    loop {
        let asked = effects(daemon);
        if asked.is_empty() {
            return others;
        }
        for effect in asked {
            let answer = match &effect {
                Effect::TryLock => Answer::Lock(LockTry::Locked(None)),
                Effect::Probe { .. } => Answer::Probe(Probe::Refused),
                Effect::Listen { .. } => Answer::Listening(Ok(())),
                Effect::StartEngine { .. } => {
                    Answer::Started(Ok((Arc::from("e"), Process { pid: 2, started: 2 })))
                }
                Effect::Publish { .. } => Answer::Published(Ok(())),
                Effect::RemoveRecord { .. } => Answer::Removed,
                Effect::CountSessions => Answer::Sessions(None),
                Effect::StopEngine => Answer::Stopped,
                Effect::CheckFiles => {
                    let record = daemon.record().expect("it is ready");
                    Answer::Files { lock: LockWatch::Intact, record: RecordRead::Found(Arc::new(record)) }
                }
                _ => {
                    others.push(effect);
                    continue;
                }
            };
            others.push(effect);
            daemon.handle_answer(answer, now);
        }
    }
}

fn ready(config: Config) -> Daemon {
    let mut daemon = Daemon::new(config, ME, SECRET, at(0));
    settle(&mut daemon, at(0));
    assert_eq!(daemon.phase(), Phase::Ready);
    daemon
}

fn lease(daemon: &mut Daemon, connection: Connection, now: Instant) -> Vec<Effect> {
    let nonce = Nonce([2; 16]);
    let transcript = Transcript { client: nonce, server: Nonce([3; 16]), incarnation: ME, port: 7485 };
    daemon.handle_connection(connection, Owner::SameUser, Nonce([3; 16]), now);
    daemon.handle_line(connection, &Command::Hello { nonce }, now);
    let mac = transcript.lease(&SECRET, "me");
    daemon.handle_line(connection, &Command::Lease { incarnation: ME, client: "me".into(), mac }, now);
    effects(daemon)
}

fn replies(effects: &[Effect]) -> Vec<&Reply> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::Send { reply, .. } = effect { Some(reply) } else { None })
        .collect()
}

#[test]
fn a_start_claims_looks_listens_starts_hyperd_and_publishes_in_this_order() {
    let mut daemon = Daemon::new(config(), ME, SECRET, at(0));

    let done = settle(&mut daemon, at(0));

    let order: Vec<_> = done
        .iter()
        .map(|effect| match effect {
            Effect::TryLock => "lock",
            Effect::Probe { .. } => "probe",
            Effect::Listen { port: 7485 } => "listen",
            Effect::StartEngine { generation: 1 } => "start",
            Effect::Publish { .. } => "publish",
            Effect::Announce(StartReport::Ready(_)) => "announce",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(order, ["lock", "probe", "probe", "listen", "start", "publish", "announce"]);
}

#[test]
fn the_five_old_verbs_are_answered_and_reveal_no_secret() {
    let mut daemon = ready(config());
    daemon.handle_connection(CLIENT, Owner::Unknown, Nonce([3; 16]), at(1));

    for command in ["PING", "STATUS", "HEARTBEAT", "REPORT_HYPERD_ERROR", "what", "STOP"] {
        daemon.handle_line(CLIENT, &Command::parse(command), at(1));
    }

    let sent = effects(&mut daemon);
    let lines: Vec<_> = replies(&sent).iter().map(|reply| reply.to_line()).collect();
    assert_eq!(lines[0], Reply::pong().to_line());
    assert!(
        lines[1].starts_with("{\"pid\":1,\"hyperd_endpoint\":\"e\",\"health_port\":7485")
            && !lines[1].contains("auth")
    );
    assert_eq!(lines[2..], ["OK\n", "OK\n", "ERR unknown command\n", "STOPPING\n"]);
}

#[test]
fn a_leaving_daemon_does_not_say_pong() {
    let mut daemon = ready(config());
    lease(&mut daemon, CLIENT, at(1));
    daemon.stop(StopMode::Drain, at(2));
    settle(&mut daemon, at(2));

    daemon.handle_line(CLIENT, &Command::Ping, at(3));

    assert_eq!(replies(&effects(&mut daemon)), [&Reply::Err("draining".into())]);
}

#[test]
fn a_lease_outlives_every_timeout_and_its_end_lets_the_daemon_go() {
    let mut daemon = ready(Config { idle: Some(Duration::from_secs(10)), ..config() });
    lease(&mut daemon, CLIENT, at(1));
    for second in 1..1000 {
        daemon.handle_timeout(at(second * 1000));
        settle(&mut daemon, at(second * 1000));
        assert_eq!(daemon.phase(), Phase::Ready, "after {second} s");
    }

    daemon.handle_hangup(CLIENT, at(1_000_000));
    daemon.handle_timeout(at(1_009_000));
    settle(&mut daemon, at(1_009_000));
    assert_eq!(daemon.phase(), Phase::Ready, "nine seconds are not ten");
    daemon.handle_timeout(at(1_010_000));
    let done = settle(&mut daemon, at(1_010_000));

    assert_eq!(done.last(), Some(&Effect::Exit(Exit::Drained(DrainReason::Idle))));
}

#[test]
fn leaving_frees_record_and_port_at_once_and_hyperd_with_the_last_lease() {
    let mut daemon = ready(config());
    lease(&mut daemon, CLIENT, at(1));

    daemon.stop(StopMode::Drain, at(2));
    let told = settle(&mut daemon, at(2));
    daemon.handle_hangup(CLIENT, at(3));
    let ended = settle(&mut daemon, at(3));

    let draining = Effect::Send { to: CLIENT, reply: Reply::Draining(DrainReason::Stop) };
    assert_eq!(told, [Effect::RemoveRecord { of: Some(ME) }, Effect::CloseListener, draining]);
    let exit = Effect::Exit(Exit::Drained(DrainReason::Stop));
    assert_eq!(ended, [Effect::CountSessions, Effect::StopEngine, exit]);
}

#[test]
fn stop_if_idle_waits_for_the_last_lease_and_grants_more_until_then() {
    let mut daemon = ready(config());
    lease(&mut daemon, CLIENT, at(1));

    daemon.stop(StopMode::Idle, at(2));
    settle(&mut daemon, at(2));
    lease(&mut daemon, Connection(10), at(3));
    assert_eq!((daemon.draining(), daemon.leases()), (None, 2));
    daemon.handle_hangup(CLIENT, at(4));
    daemon.handle_hangup(Connection(10), at(5));

    assert_eq!(daemon.draining(), Some(DrainReason::Retired));
}

#[test]
fn a_lease_without_proof_or_for_another_is_refused() {
    let mut daemon = ready(config());
    daemon.handle_connection(CLIENT, Owner::SameUser, Nonce([3; 16]), at(1));
    let mac: Mac = "00".repeat(32).parse().expect("32 bytes");
    let other = Incarnation([7; 16]);

    daemon.handle_line(CLIENT, &Command::Lease { incarnation: ME, client: "me".into(), mac }, at(1));
    daemon.handle_line(CLIENT, &Command::Lease { incarnation: other, client: "me".into(), mac }, at(1));

    let sent = effects(&mut daemon);
    assert_eq!(replies(&sent), [&Reply::Err("not authenticated".into()), &Reply::NotMe(ME)]);
    assert_eq!(daemon.leases(), 0);
}

#[test]
fn another_user_gets_a_pong_and_nothing_else() {
    let mut daemon = ready(config());
    daemon.handle_connection(CLIENT, Owner::OtherUser, Nonce([3; 16]), at(1));

    daemon.handle_line(CLIENT, &Command::Ping, at(1));
    daemon.handle_line(CLIENT, &Command::Status, at(1));
    daemon.handle_line(CLIENT, &Command::Stop, at(1));

    let refused = Reply::Err("this daemon serves another user".into());
    let sent = effects(&mut daemon);
    assert_eq!(replies(&sent), [&Reply::pong(), &refused, &refused]);
    assert_eq!(daemon.draining(), None);
}

/// One that answers and whose hyperd is not up yet.
fn listening(config: Config) -> Daemon {
    let mut daemon = Daemon::new(config, ME, SECRET, at(0));
    while daemon.phase() != Phase::Listening {
        let effect = effects(&mut daemon).pop().expect("it starts");
        let answer = match effect {
            Effect::TryLock => Answer::Lock(LockTry::Locked(None)),
            Effect::Probe { .. } => Answer::Probe(Probe::Refused),
            _ => Answer::Listening(Ok(())),
        };
        daemon.handle_answer(answer, at(0));
    }
    daemon
}

#[test]
fn status_is_withheld_until_hyperd_is_up() {
    let mut daemon = listening(config());

    daemon.handle_connection(CLIENT, Owner::SameUser, Nonce([3; 16]), at(1));
    daemon.handle_line(CLIENT, &Command::Status, at(1));
    assert_eq!(replies(&effects(&mut daemon)), Vec::<&Reply>::new());
    daemon.handle_answer(Answer::Started(Ok((Arc::from("e"), Process { pid: 2, started: 2 }))), at(2));
    let done = settle(&mut daemon, at(2));

    assert!(matches!(replies(&done)[..], [Reply::Status(_)]));
}

#[test]
fn hyperd_is_restarted_thrice_a_minute_and_then_given_up() {
    let mut daemon = ready(config());
    for round in 1..=3_u64 {
        daemon.engine_exited(at(round * 1000));
        settle(&mut daemon, at(round * 1000));
        assert_eq!((daemon.phase(), u64::from(daemon.generation())), (Phase::Ready, round + 1));
    }
    let mut later = daemon.clone();

    daemon.engine_exited(at(4000));
    assert_eq!(daemon.draining(), Some(DrainReason::EngineLost));
    later.engine_exited(at(61_001));
    settle(&mut later, at(61_001));

    assert_eq!((later.phase(), later.generation()), (Phase::Ready, 5), "the first is a minute old");
}

#[test]
fn a_silent_hyperd_is_restarted_after_three_probes_unless_a_holder_sees_progress() {
    let mut daemon = ready(config());
    lease(&mut daemon, CLIENT, at(0));
    let silent = |daemon: &mut Daemon, now| {
        daemon.handle_timeout(now);
        let asked = effects(daemon);
        assert!(asked.contains(&Effect::ProbeEngine), "{asked:?}");
        daemon.handle_answer(Answer::Engine(EngineProbe::Silent), now);
        effects(daemon)
    };
    daemon.disarm(Timer::SelfCheck);
    daemon.handle_line(CLIENT, &Command::Report2 { generation: 1, reason: "?".into() }, at(0));
    for round in 0..2 {
        assert!(!silent(&mut daemon, at(round * 5000)).contains(&Effect::StopEngine));
        daemon.disarm(Timer::SelfCheck);
    }
    let mut works = daemon.clone();
    works.handle_line(CLIENT, &Command::Heartbeat, at(9000));

    assert!(silent(&mut daemon, at(10_000)).contains(&Effect::StopEngine));
    assert!(!silent(&mut works, at(10_000)).contains(&Effect::StopEngine));
}

#[test]
fn a_report_of_an_earlier_generation_is_noted_and_ignored() {
    let mut daemon = ready(config());
    daemon.handle_connection(CLIENT, Owner::SameUser, Nonce([3; 16]), at(1));

    daemon.handle_line(CLIENT, &Command::Report2 { generation: 0, reason: "late".into() }, at(1));

    let sent = effects(&mut daemon);
    assert_eq!(sent, [Effect::Send { to: CLIENT, reply: Reply::Ok }]);
}

#[test]
fn connections_are_bounded() {
    let mut daemon = ready(config());
    let many = u32::try_from(MAX_CONNECTIONS).expect("few");

    for number in 0..=many {
        daemon.handle_connection(Connection(number), Owner::SameUser, Nonce([3; 16]), at(1));
    }

    assert_eq!(effects(&mut daemon), [Effect::Close(Connection(many))]);
}

#[test]
fn who_says_nothing_gives_way_and_a_lease_does_not() {
    let mut config = config();
    config.max_connections = 3;
    let mut daemon = ready(config);
    lease(&mut daemon, Connection(0), at(1));
    for number in 1..3 {
        daemon.handle_connection(Connection(number), Owner::SameUser, Nonce([3; 16]), at(2));
    }
    effects(&mut daemon);

    daemon.handle_connection(Connection(3), Owner::SameUser, Nonce([3; 16]), at(500));
    assert_eq!(
        effects(&mut daemon),
        [Effect::Close(Connection(3))],
        "the others may be about to say something"
    );
    daemon.handle_connection(Connection(4), Owner::SameUser, Nonce([3; 16]), at(1_002));

    assert_eq!(effects(&mut daemon), [Effect::Close(Connection(1))]);
    assert!(daemon.holds_lease(Connection(0)));
    daemon.handle_line(Connection(4), &Command::Ping, at(1_003));
    assert_eq!(replies(&effects(&mut daemon)), [&Reply::pong()], "it is served");
}

#[test]
fn ports_that_are_asked_one_after_the_other_are_known_ahead() {
    let mut daemon = Daemon::new(config(), ME, SECRET, at(0));
    effects(&mut daemon);
    daemon.handle_answer(Answer::Lock(LockTry::Locked(None)), at(0));

    assert_eq!(effects(&mut daemon), [Effect::Probe { port: 7485 }]);
    assert!(daemon.ports_ahead().eq([7486]));
    daemon.handle_answer(Answer::Probe(Probe::Silent), at(1));
    assert_eq!(effects(&mut daemon), [Effect::Probe { port: 7486 }]);
    assert_eq!(daemon.ports_ahead().count(), 0);
    daemon.handle_answer(Answer::Probe(Probe::Silent), at(1));

    assert_eq!(effects(&mut daemon), [Effect::Listen { port: 7485 }], "silence is not waited for any longer");
}

#[test]
fn the_record_names_hyperd_as_older_programs_do() {
    let mut config = config();
    config.executable = Some("/opt/hyperwire".into());
    let mut daemon = Daemon::new(config, ME, SECRET, at(0));

    daemon.on_started(Ok(("tab.domain:///s/domain/hyper".into(), Process { pid: 2, started: 2 })), at(0));
    daemon.port = Some(7485);

    let record = daemon.record().expect("port and endpoint are known");
    assert_eq!(record.hyperd_endpoint, "/s/hyper");
    let line = daemon.status(at(0)).expect("there is a record").to_line();
    let told = r#""identity":{"mcp_version":"hyperwire/"#;
    assert!(
        line.contains(told) && line.contains(r#"{"display":"/opt/hyperwire","encoding":"utf8"}"#),
        "{line}"
    );
}

#[test]
fn a_lock_that_somebody_only_looked_at_is_tried_again() {
    let mut daemon = Daemon::new(config(), ME, SECRET, at(0));
    assert_eq!(effects(&mut daemon), [Effect::TryLock]);

    daemon.handle_answer(Answer::Lock(LockTry::Held), at(0));
    let (next, timer) = daemon.deadline().expect("it tries again");
    assert_eq!(timer, Timer::Lock);
    daemon.handle_timeout(next);
    settle(&mut daemon, next);

    assert_eq!(daemon.phase(), Phase::Ready);
}

#[test]
fn a_daemon_told_to_stop_while_it_starts_ends_and_says_so() {
    let mut daemon = Daemon::new(config(), ME, SECRET, at(0));
    effects(&mut daemon);

    daemon.stop(StopMode::Drain, at(1));
    daemon.handle_answer(Answer::Lock(LockTry::Locked(None)), at(2));

    let ended = [Effect::Announce(StartReport::Stopped), Effect::Exit(Exit::Drained(DrainReason::Stop))];
    assert_eq!(effects(&mut daemon), ended);
}

#[test]
fn status_names_who_holds_a_lease_and_for_how_long() {
    let mut daemon = ready(config());
    lease(&mut daemon, CLIENT, at(1_000));

    let status = daemon.status(at(61_500)).expect("it has a record");

    let read = Status::parse(status.to_line().as_bytes()).expect("it is one");
    let details = read.details.expect("ours has some");
    assert_eq!((details.uptime_s, details.engine_pid, details.restarts), (61, Some(2), 0));
    let leases: Vec<_> = details.leases.iter().map(|held| (held.id, &*held.client, held.held_s)).collect();
    assert_eq!(leases, [(9, "me", 60)]);
}

#[test]
fn the_connections_of_other_users_cannot_crowd_out_the_user() {
    let mut daemon = ready(config());
    for id in 100..400 {
        daemon.handle_connection(Connection(id), Owner::OtherUser, Nonce([4; 16]), at(1));
    }
    effects(&mut daemon);

    let sent = lease(&mut daemon, CLIENT, at(2));

    assert!(replies(&sent).contains(&&Reply::Leased { id: 9 }), "{sent:?}");
}
