//! The hostile cases are what they claim to be: distinct, servable, and bad or good in the way they say.

use std::collections::BTreeSet;

use hyperwire_core::wire::{
    BackendMessage, Bind, Frame, FrameError, FrontendMessage, InitialMessage, Limits, ParameterTypes,
    ParameterValues, Split,
};
use hyperwire_tests::scripted::hostile::{self, Attack, Case, Expected, Phase, Then};
use hyperwire_tests::scripted::{ScramAbuse, Server};

use crate::raw_client::{RawClient, scram};

#[test]
fn every_case_has_a_name_of_its_own_in_its_phase() {
    let mut names = BTreeSet::new();

    for case in hostile::cases() {
        assert!(
            names.insert((format!("{:?}", case.phase), case.name)),
            "twice: {:?} {}",
            case.phase,
            case.name
        );
    }
    assert!(names.len() > 300, "only {} cases", names.len());
}

#[test]
fn every_phase_and_every_outcome_has_cases() {
    let cases = hostile::cases();

    let phases: BTreeSet<_> = cases.iter().map(|case| format!("{:?}", case.phase)).collect();
    let outcomes: BTreeSet<_> = cases.iter().map(|case| format!("{:?}", case.expected)).collect();
    assert_eq!(phases.len(), 9, "{phases:?}");
    assert_eq!(outcomes.len(), 6, "{outcomes:?}");
}

/// The client here sends what each phase asks for, takes what comes, and gives up.
#[test]
fn every_case_reaches_its_phase_and_sends_all_of_its_bytes() {
    for case in hostile::cases() {
        let name = format!("{:?}, {}", case.phase, case.name);
        let script = case.clone();
        let server = Server::tcp(move |session| script.serve(session));

        let received = run(&case, &server);

        if let (Attack::Bytes(bytes), false) = (&case.attack, case.then == Then::Reset) {
            assert!(received.ends_with(bytes), "{name}: {} bytes came", received.len());
        }
        server.finish().unwrap_or_else(|failures| panic!("{name}: {failures}"));
    }
}

#[test]
fn a_case_that_expects_no_violation_has_none_in_its_bytes() {
    for case in hostile::cases() {
        let Attack::Bytes(bytes) = &case.attack else { continue };
        let good = matches!(case.expected, Expected::Success | Expected::ServerError);
        if good {
            let (messages, rest) = split(bytes);
            assert!(rest.is_ok_and(|left| left == 0), "{:?}, {}", case.phase, case.name);
            assert!(!messages.is_empty(), "{:?}, {}", case.phase, case.name);
        }
        if case.expected == Expected::Closed && case.phase != Phase::SslAnswer {
            assert!(split(bytes).1.is_ok(), "{:?}, {}", case.phase, case.name);
            assert_ne!(case.then, Then::Wait, "{:?}, {}", case.phase, case.name);
        }
    }
}

#[test]
fn a_case_about_the_length_of_a_message_exceeds_the_default_limit() {
    let mut found = 0;

    for case in hostile::cases().iter().filter(|case| case.name.ends_with("GiB")) {
        let Attack::Bytes(bytes) = &case.attack else { panic!("{}", case.name) };
        assert!(matches!(split(bytes).1, Err(FrameError::Limit(_))), "{:?}, {}", case.phase, case.name);
        assert_eq!(case.expected, Expected::Limit, "{:?}, {}", case.phase, case.name);
        found += 1;
    }
    assert!(found > 20, "only {found} cases");
}

/// The names of the messages in front, and how many bytes of an incomplete message are left, or why it is none.
fn split(mut bytes: &[u8]) -> (Vec<&'static str>, Result<usize, FrameError>) {
    let mut messages = Vec::new();
    loop {
        match Frame::split(bytes, &Limits::default()) {
            Ok(Split::Frame(frame)) => match BackendMessage::decode(frame) {
                Ok(message) => messages.push(message.name()),
                Err(violation) => return (messages, Err(violation.into())),
            },
            Ok(Split::Needs(_)) => return (messages, Ok(bytes.len())),
            Err(error) => return (messages, Err(error)),
        }
        let Ok(Split::Frame(frame)) = Frame::split(bytes, &Limits::default()) else { unreachable!() };
        bytes = &bytes[frame.len()..];
    }
}

/// Does what the phase asks a client to do, then ends its half of the connection and returns what it read last.
fn run(case: &Case, server: &Server) -> Vec<u8> {
    let mut client = RawClient::connect(server);
    if case.phase == Phase::SslAnswer {
        client.send_initial(&InitialMessage::SslRequest);
    } else {
        client.send_startup(&[("user", "adm")]);
    }
    match case.phase {
        Phase::SslAnswer | Phase::Settings | Phase::Idle => {}
        Phase::Authentication => {
            if let Attack::Scram(_, abuse) = case.attack {
                exchange_scram(&mut client, abuse);
            }
        }
        Phase::Query | Phase::Rows => {
            client.read_to("ReadyForQuery");
            client.send(&FrontendMessage::Query("select 1"));
        }
        Phase::Sync => {
            client.read_to("ReadyForQuery");
            let types = ParameterTypes::from_be_bytes(&[]);
            client.send(&FrontendMessage::Parse { statement: "", query: "select 1", types });
            let values = ParameterValues::NONE;
            client.send(&FrontendMessage::Bind(Bind {
                portal: "",
                statement: "",
                values,
                result_formats: &[],
            }));
            client.send(&FrontendMessage::Execute { portal: "", max_rows: 0 });
            client.send(&FrontendMessage::Sync);
        }
        Phase::CopyIn | Phase::CopyOut => {
            client.read_to("ReadyForQuery");
            client.send(&FrontendMessage::Query("copy"));
        }
    }
    client.stream.shutdown(std::net::Shutdown::Write).ok();
    client.read_to_end().0
}

/// The client's side of a SCRAM exchange, up to where the server breaks it.
fn exchange_scram(client: &mut RawClient<socket2::Socket>, abuse: ScramAbuse) {
    use ScramAbuse::{Final, FinalTwice, FirstInsteadOfFinal, OkInsteadOfFinal, WrongSignature};

    client.read();
    client.send(&FrontendMessage::Password(&scram::initial_response()));
    if let OkInsteadOfFinal | FirstInsteadOfFinal | WrongSignature | Final(_) | FinalTwice = abuse {
        let (_, server_first) = client.read();
        let server_first =
            std::str::from_utf8(&server_first[9..]).expect("the server's first message is text");
        let (response, _) = scram::response(hostile::PASSWORD, server_first);
        client.send(&FrontendMessage::Password(response.as_bytes()));
    }
}
