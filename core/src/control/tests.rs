//! The protocol as bytes.

use alloc::string::ToString;

use rstest::rstest;

use super::*;

fn record() -> Record {
    Record {
        pid: 4711,
        hyperd_endpoint: "tab.domain:///home/u/.hyperdb/sockets/0a0a0a0a/domain/hyper".into(),
        health_port: 7485,
        started_at: "2026-11-01T12:00:00+00:00".into(),
        version: VERSION.into(),
        advertised: Some(Advertised {
            incarnation: Incarnation([10; 16]),
            generation: 2,
            phase: Phase::Ready,
            host: "boot-1".into(),
            auth: Some(Secret([7; 32])),
            identity: Some(Identity::new(Some("/opt/hyperwire"))),
        }),
    }
}

fn transcript() -> Transcript {
    Transcript {
        client: Nonce([1; 16]),
        server: Nonce([2; 16]),
        incarnation: Incarnation([10; 16]),
        port: 7485,
    }
}

#[rstest]
#[case("PING", Command::Ping)]
#[case("  PING \r", Command::Ping)]
#[case("STATUS", Command::Status)]
#[case("HEARTBEAT", Command::Heartbeat)]
#[case("STOP", Command::Stop)]
#[case("REPORT_HYPERD_ERROR", Command::ReportHyperdError)]
#[case("RELEASE", Command::Release)]
#[case("REPORT2 3 no answer in 2 s", Command::Report2 { generation: 3, reason: "no answer in 2 s".into() })]
#[case("ping", Command::Unknown)]
#[case("", Command::Unknown)]
#[case("HELLO 3 01010101010101010101010101010101", Command::Unknown)]
#[case("HELLO 2 0101", Command::Unknown)]
#[case("STOP-IF 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a now x", Command::Unknown)]
fn a_request_line_is_read(#[case] line: &str, #[case] command: Command) {
    assert_eq!(Command::parse(line), command);
}

#[test]
fn every_command_reads_back_what_it_writes() {
    let mac = transcript().lease(&Secret([7; 32]), "me");
    let incarnation = Incarnation([10; 16]);
    for command in [
        Command::Hello { nonce: Nonce([1; 16]) },
        Command::Lease { incarnation, client: "me".into(), mac },
        Command::StopIf { incarnation, mode: StopMode::Idle, mac },
        Command::StopIf { incarnation, mode: StopMode::Drain, mac },
        Command::StopIf { incarnation, mode: StopMode::Force, mac },
        Command::Report2 { generation: 1, reason: "eof".into() },
    ] {
        assert_eq!(Command::parse(&command.to_string()), command);
    }
}

#[rstest]
#[case(Reply::pong(), concat!("PONG hyperdb-mcp hyperwire/", env!("CARGO_PKG_VERSION"), "\n"))]
#[case(Reply::Ok, "OK\n")]
#[case(Reply::Stopping, "STOPPING\n")]
#[case(Reply::unknown(), "ERR unknown command\n")]
fn the_old_verbs_are_answered_byte_for_byte(#[case] reply: Reply, #[case] line: &str) {
    assert_eq!(reply.to_line(), line);
}

#[test]
fn every_reply_reads_back_what_it_writes() {
    let mac = transcript().hello(&Secret([7; 32]), 1, Phase::EngineUp);
    let incarnation = Incarnation([10; 16]);
    for reply in [
        Reply::pong(),
        Reply::Status(Status::new(record(), None).to_line().into()),
        Reply::Ok,
        Reply::Stopping,
        Reply::Hello { incarnation, generation: 1, phase: Phase::EngineUp, nonce: Nonce([2; 16]), mac },
        Reply::Leased { id: 9 },
        Reply::Draining(DrainReason::LockLost),
        Reply::NotMe(incarnation),
        Reply::unknown(),
    ] {
        assert_eq!(Reply::parse(&reply.to_line()), Some(reply));
    }
}

#[rstest]
#[case("PONG hyperdb-mcpEVIL 1.0.0")]
#[case("HTTP/1.1 400 Bad Request")]
#[case("SSH-2.0-OpenSSH")]
#[case("")]
fn a_stranger_is_not_taken_for_a_daemon(#[case] line: &str) {
    assert_eq!(Reply::parse(line), None);
}

#[test]
fn a_record_reads_back_what_it_writes() {
    assert_eq!(Record::parse(record().to_json().as_bytes()), Ok(record()));
}

#[test]
fn status_never_shows_the_secret() {
    let status = Status::new(record(), None).to_line();

    assert!(!status.contains("auth") && !status.contains("0707"), "{status}");
    assert!(!status.contains('\n'), "it is one line");
    assert!(Record::parse(status.as_bytes()).expect("it is a record").is_of(&record()));
}

#[test]
fn the_record_of_the_incumbent_is_read_as_that_of_a_legacy_daemon() {
    let text = br#"{"pid":12,"hyperd_endpoint":"127.0.0.1:54321","health_port":7486,
        "started_at":"2026-01-01T00:00:00Z","version":"0.7.3",
        "identity":{"mcp_version":"0.7.3","executable_path":{"display":"/x","encoding":"utf8"}}}"#;

    let record = Record::parse(text).expect("it has every field");

    assert_eq!((record.pid, record.health_port, record.advertised), (12, 7486, None));
}

#[test]
fn an_unreadable_addition_does_not_make_the_record_unreadable() {
    let text = record().to_json().replace("\"ready\"", "\"levitating\"");

    let read = Record::parse(text.as_bytes()).expect("the old fields are there");

    assert_eq!((read.pid, read.advertised), (4711, None));
}

#[test]
fn a_proof_holds_for_one_port_one_verb_and_one_exchange_only() {
    let (this, secret) = (transcript(), Secret([7; 32]));
    let mac = this.lease(&secret, "me");

    assert_eq!(mac, this.lease(&secret, "me"));
    assert_ne!(mac, Transcript { port: 7486, ..this }.lease(&secret, "me"));
    assert_ne!(mac, Transcript { server: Nonce([3; 16]), ..this }.lease(&secret, "me"));
    assert_ne!(mac, Transcript { incarnation: Incarnation([9; 16]), ..this }.lease(&secret, "me"));
    assert_ne!(mac, this.lease(&Secret([8; 32]), "me"));
    assert_ne!(mac, this.stop_if(&secret, StopMode::Idle));
}

#[test]
fn a_start_report_reads_back_what_it_writes() {
    for report in [
        StartReport::Ready(record().into()),
        StartReport::AlreadyRunning,
        StartReport::LegacyFound { port: 7486 },
        StartReport::NoPort,
        StartReport::EngineFailed("no such file".into()),
        StartReport::StateFolder("read-only".into()),
        StartReport::Orphan,
        StartReport::Stopped,
    ] {
        assert_eq!(StartReport::parse(&report.to_line()), Some(report));
    }
}

#[test]
fn an_empty_or_torn_lock_body_is_no_error() {
    let body = LockBody {
        host: "boot-1".into(),
        daemon: Process { pid: 1, started: 2 },
        engine: Some(Process { pid: 3, started: 4 }),
        incarnation: Incarnation([1; 16]),
        phase: Phase::Draining,
        port: Some(7485),
    };
    let text = body.to_json();

    assert_eq!(LockBody::parse(text.as_bytes()), Some(body));
    assert_eq!(LockBody::parse(&text.as_bytes()[..9]), None);
    assert_eq!(LockBody::parse(b""), None);
}
