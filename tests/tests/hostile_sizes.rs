//! What a peer can make a session hold and compute: bounded by the limits, before the login and after it, and linear in
//! the bytes that it sends.
#![cfg(target_os = "linux")]

mod allocation;

use std::time::{Duration, Instant as Clock};

use allocation::peak_of;
use hyperwire_core::buffer::{InBuf, OutBuf};
use hyperwire_core::control::LineDecoder;
use hyperwire_core::row::Row;
use hyperwire_core::session::{Config, Event, Fault, Password, RequestOptions, Session, StatementError};
use hyperwire_core::time::Instant;
use hyperwire_core::wire::{LimitKind, Limits, Violation};
use rstest::rstest;

const KIB: usize = 1 << 10;
/// The longest message before the login, and the longest error and notice at any time.
const CONTROL: usize = 64 * KIB;
/// What a driver reads at once.
const READ: usize = 64 * KIB;
/// Every type byte that a server sends.
const TAGS: &[u8] = b"RK23CdcGHDIEnNtS1sZT";

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    declared(tag, body.len() + 4, body)
}

/// A message that declares another length than it has.
fn declared(tag: u8, length: usize, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(length).expect("it fits").to_be_bytes();
    [&[tag][..], &length, body].concat()
}

/// A session, its buffers, and what it said.
struct Peer {
    session: Session,
    input: InBuf,
    out: OutBuf,
}

impl Peer {
    /// Nobody has answered it yet. It has a password.
    fn before_login() -> Self {
        let mut config = Config::new("hyper");
        config.password = Some(Password::new("pencil"));
        let mut out = OutBuf::new();
        let session = Session::start(config, [1; 18], Instant::EPOCH, &mut out).expect("it can be sent");
        Self { session, input: InBuf::new(), out }
    }

    /// It is let in, and waits for the answer to a query.
    fn querying() -> Self {
        let mut peer = Self::before_login();
        let id =
            peer.session.query("SELECT 1", RequestOptions::default(), &mut peer.out).expect("it is taken");
        peer.session.demand(id, u64::MAX);
        peer.hear(&[message(b'R', &[0; 4]), message(b'Z', b"I")].concat()).expect("it is let in");
        peer
    }

    /// Hands in bytes as a driver reads them, and drops every event but the last.
    fn hear(&mut self, bytes: &[u8]) -> Result<Option<Event>, Fault> {
        let mut last = None;
        for read in bytes.chunks(READ) {
            self.input.extend(read);
            while let Some(event) = self.session.poll(&mut self.input, &mut self.out, Instant::EPOCH)? {
                last = Some(event);
            }
        }
        Ok(last)
    }
}

fn exceeded(outcome: Result<Option<Event>, Fault>) -> LimitKind {
    match outcome {
        Err(Fault::Limit(limit)) => limit.what,
        other => panic!("{other:?}"),
    }
}

/// Whichever message it is: a length beyond the bound is refused when it is declared.
#[test]
fn before_the_login_no_message_is_longer_than_64_kib() {
    for tag in TAGS {
        let (outcome, peak) = peak_of(|| Peer::before_login().hear(&declared(*tag, CONTROL + 1, &[0; 100])));

        assert_eq!(exceeded(outcome), LimitKind::MessageLength, "{}", char::from(*tag));
        assert!(peak < 64 * KIB, "{} bytes were held for 105", peak);
    }
}

/// After it, only results may be long.
#[test]
fn after_the_login_only_results_and_their_descriptions_are_longer() {
    let limits = Limits::default();
    for tag in TAGS.iter().filter(|tag| !b"EN".contains(tag)) {
        let limit = match tag {
            b'D' | b'd' => limits.message_length,
            b'T' | b't' | b'G' | b'H' => limits.description_length,
            _ => limits.control_length,
        };
        let (outcome, peak) =
            peak_of(|| Peer::querying().hear(&declared(*tag, limit as usize + 1, &[0; 100])));

        assert_eq!(exceeded(outcome), LimitKind::MessageLength, "{}", char::from(*tag));
        assert!(peak < 64 * KIB, "{} bytes were held for 105", peak);
    }
}

/// Bodies of the permitted size that are as costly as they can be.
fn costly() -> Vec<(&'static str, Vec<u8>)> {
    let size = CONTROL - 4;
    let fill = |pattern: &[u8], end: &[u8]| -> Vec<u8> {
        let mut body: Vec<u8> = pattern.iter().copied().cycle().take(size - end.len()).collect();
        body.extend(end);
        body
    };
    vec![
        ("an error of empty fields", message(b'E', &fill(b"M\0", b"\0"))),
        ("an error of fields with every code", {
            let mut body: Vec<u8> = (1..=255).flat_map(|code| [code, b'x', 0]).cycle().take(64_998).collect();
            body.push(0);
            message(b'E', &body)
        }),
        ("an error that is not UTF-8", message(b'E', &fill(&[0xff], b"\0\0"))),
        ("a setting with a long name", message(b'S', &fill(b"n", b"\0\0"))),
        ("mechanisms", message(b'R', &[&[0, 0, 0, 10][..], &fill(b"m\0", b"\0")[4..]].concat())),
        (
            "mechanisms without names",
            message(b'R', &[&[0, 0, 0, 10][..], &fill(b"m", b"\0\0")[4..]].concat()),
        ),
        ("an unknown method", message(b'R', &[&[0, 0, 0, 99][..], &fill(b"m", b"")[4..]].concat())),
    ]
}

#[test]
fn one_message_of_the_permitted_size_costs_a_few_times_its_size() {
    for (what, message) in costly() {
        let (outcome, peak) = peak_of(|| Peer::before_login().hear(&message));

        drop(outcome);
        assert!(peak <= 12 * CONTROL, "{what}: {peak} bytes were held for {}", message.len());
    }
}

/// Gives the message with that number.
type Flood = Box<dyn Fn(usize) -> Vec<u8>>;

/// Many small messages, and many long ones.
fn floods() -> Vec<(&'static str, Flood)> {
    vec![
        ("empty notices", Box::new(|_| message(b'N', b"\0"))),
        (
            "notices of many fields",
            Box::new(|_| message(b'N', &[&b"M\0".repeat(30_000)[..], b"\0"].concat())),
        ),
        ("pulses", Box::new(|_| message(b'S', b"alive\0?\0"))),
        ("one setting", Box::new(|_| message(b'S', b"name\0value\0"))),
        ("one long setting", Box::new(|_| message(b'S', &[&[b'n'; 60_000][..], b"\0\0"].concat()))),
        ("settings", Box::new(|index| message(b'S', format!("n{index}\0value\0").as_bytes()))),
    ]
}

fn flood(of: &dyn Fn(usize) -> Vec<u8>, bytes: usize) -> Vec<u8> {
    let mut flood = Vec::new();
    (0..)
        .take_while(|index| {
            flood.extend(of(*index));
            flood.len() < bytes
        })
        .for_each(drop);
    flood
}

#[test]
fn before_the_login_all_messages_together_are_bounded() {
    for (what, of) in floods() {
        let bytes = flood(&*of, 64 << 20);
        let begin = Clock::now();

        let (outcome, peak) = peak_of(|| Peer::before_login().hear(&bytes));

        let kind = exceeded(outcome);
        let expected = [LimitKind::StartupLength, LimitKind::Settings, LimitKind::SettingsLength];
        assert!(expected.contains(&kind), "{what}: {kind:?}");
        assert!(peak < 1 << 20, "{what}: {peak} bytes were held");
        assert!(begin.elapsed() < Duration::from_secs(1), "{what}: {:?}", begin.elapsed());
    }
}

/// Hours of notices are no fault of a session; they cost what they cost one by one.
#[test]
fn after_the_login_work_is_linear_in_what_came() {
    for (what, of) in floods().into_iter().filter(|(what, _)| *what != "settings") {
        let cost = |bytes: usize| {
            let bytes = flood(&*of, bytes);
            let mut peer = Peer::querying();
            let begin = Clock::now();
            let (outcome, peak) = peak_of(|| peer.hear(&bytes));
            assert!(outcome.is_ok(), "{what}: {outcome:?}");
            assert!(peak < 1 << 20, "{what}: {peak} bytes were held");
            begin.elapsed()
        };

        let (few, many) = (cost(2 << 20), cost(16 << 20));

        let most = few * 8 * 4 + Duration::from_millis(100);
        assert!(many < most, "{what}: {few:?} for 2 MiB, {many:?} for 16");
    }
}

/// All that came at once, as from a driver that reads into a large buffer.
#[test]
fn one_poll_is_linear_in_what_is_in_the_buffer() {
    let cost = |bytes: usize| {
        let bytes = flood(&|_| message(b'S', b"name\0value\0"), bytes);
        let mut peer = Peer::querying();
        peer.input.extend(&bytes);
        let begin = Clock::now();
        let event = peer.session.poll(&mut peer.input, &mut peer.out, Instant::EPOCH).expect("it lives");
        assert_eq!((event, peer.input.unread().len()), (None, 0));
        begin.elapsed()
    };

    let (few, many) = (cost(4 << 20), cost(32 << 20));

    assert!(many < few * 8 * 4 + Duration::from_millis(100), "{few:?} for 4 MiB, {many:?} for 32");
}

/// Hyper quotes the value that it cannot convert, however long it is.
#[rstest]
#[case::of_an_error(b'E')]
#[case::of_a_notice(b'N')]
fn the_end_of_a_long_text_is_thrown_away_as_it_arrives(#[case] tag: u8) {
    let text = "x€".repeat(4 << 20);
    let body = [&b"SERROR\0C22P02\0M"[..], text.as_bytes(), b"\0BUser\0\0"].concat();
    let behind = [message(b'C', b"SELECT 0\0"), message(b'Z', b"I")];
    let behind = if tag == b'N' { behind.concat() } else { behind[1].clone() };
    let bytes = [message(tag, &body), behind].concat();
    let mut peer = Peer::querying();
    let mut told = Vec::new();

    let ((), peak) = peak_of(|| {
        for read in bytes.chunks(READ) {
            peer.input.extend(read);
            while let Some(event) =
                peer.session.poll(&mut peer.input, &mut peer.out, Instant::EPOCH).expect("it lives")
            {
                told.push(event);
            }
        }
    });

    let error = match &told[0] {
        Event::Failed { error: StatementError::Server(error), .. } | Event::Notice(error) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(error.code().as_str(), "22P02");
    let message = error.message();
    assert!(message.ends_with("...") && message.starts_with("x€x€") && !message.contains('\u{fffd}'));
    assert!(message.len() < CONTROL && message.len() > CONTROL - 100, "{} bytes", message.len());
    assert!(matches!(told.last(), Some(Event::Finished { .. })), "{told:?}");
    assert!(peak <= 12 * CONTROL, "{peak} bytes were held for {}", bytes.len());
}

/// What is thrown away may look like anything, also like rows while rows stream.
#[test]
fn the_end_of_a_long_notice_among_rows_is_not_taken_for_rows() {
    let row = message(b'D', &[&[0, 1, 0, 0, 0, 4][..], &7_i32.to_le_bytes()].concat());
    let column = [&b"c\0"[..], &[0; 4], &[0; 2], &23_u32.to_be_bytes(), &[0, 4], &[255; 4], &[0; 2]].concat();
    let notice = [&b"M"[..], &[b'x'; CONTROL - 5], &row.repeat(1_000), b"\0\0"].concat();
    let conversation = [
        message(b'T', &[&[0, 1][..], &column].concat()),
        row.clone(),
        message(b'N', &notice),
        row,
        message(b'C', b"SELECT 2\0"),
        message(b'Z', b"I"),
    ]
    .concat();
    for (size, one_by_one) in
        [(1, true), (7, false), (4_096, true), (conversation.len(), true), (conversation.len(), false)]
    {
        let mut peer = Peer::querying();
        let mut rows = 0;
        for read in conversation.chunks(size) {
            peer.input.extend(read);
            while let Some(event) =
                peer.session.poll(&mut peer.input, &mut peer.out, Instant::EPOCH).expect("it lives")
            {
                if one_by_one {
                    rows += usize::from(matches!(event, Event::Row(_)));
                } else {
                    let count = |_: Row<'_>| {
                        rows += 1;
                        Ok::<_, ()>(())
                    };
                    peer.session.each_row(&mut peer.input, count).expect("nothing fails");
                }
            }
        }
        assert!(peer.session.is_idle());
        assert_eq!(rows, 2, "read by {size}");
    }
}

#[test]
fn more_columns_than_the_limit_are_refused() {
    let columns = |count: u16, name: &[u8]| {
        let column = [name, b"\0", &[0; 18][..]].concat();
        message(b'T', &[&count.to_be_bytes()[..], &column.repeat(count.into())].concat())
    };

    let negative = Peer::querying().hear(&columns(u16::MAX, b"c"));
    assert!(matches!(negative, Err(Fault::Violation(Violation::BadValue { .. }))), "{negative:?}");
    assert_eq!(exceeded(Peer::querying().hear(&columns(32_767, b"c"))), LimitKind::Columns);
    let bytes = columns(16_384, &[b'n'; 1_000]);
    let (outcome, peak) = peak_of(|| Peer::querying().hear(&bytes).is_ok());
    assert!(outcome && peak < 6 * bytes.len(), "{peak} bytes were held for {}", bytes.len());
}

#[test]
fn a_challenge_costs_no_more_than_its_iterations() {
    let sasl = message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0");
    let challenge = |salt: usize, iterations: u64| {
        let mut peer = Peer::before_login();
        peer.hear(&sasl).expect("it knows SCRAM");
        // n,,n=,r=<nonce>
        let nonce = "AQEBAQEBAQEBAQEBAQEBAQEB";
        let text = format!("r={nonce}more,s={},i={iterations}", "A".repeat(salt));
        let begin = Clock::now();
        let outcome = peer.hear(&message(b'R', &[&[0, 0, 0, 11][..], text.as_bytes()].concat()));
        (outcome, begin.elapsed())
    };

    assert_eq!(exceeded(challenge(4, 100_001).0), LimitKind::ScramIterations);
    assert!(matches!(challenge(4, u64::MAX).0, Err(Fault::Violation(Violation::Scram(_)))));
    let (outcome, elapsed) = challenge(60_000, 100_000);
    assert_eq!(outcome, Ok(None));
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
}

/// The daemon's line protocol, which anybody on the machine can speak to it.
#[test]
fn many_short_lines_cost_what_their_bytes_cost() {
    let begin = Clock::now();
    let mut decoder = LineDecoder::new();
    decoder.extend(&b"\n".repeat(4 << 20));

    let lines = std::iter::from_fn(|| decoder.next_line().expect("lines")).count();

    assert_eq!(lines, 4 << 20);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}
