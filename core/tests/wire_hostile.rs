//! Whatever bytes a peer sends, decoding gives a message that is exactly those bytes, a request for more bytes within
//! the limits, or a typed error. Never a panic, never a message that was not sent.

mod vectors;

use hyperwire_core::wire::{FrameError, LimitExceeded, LimitKind, Limits, Violation};
use proptest::prelude::*;
use vectors::{Decoded, Kind};

const KINDS: [Kind; 3] = [Kind::Frontend, Kind::Backend, Kind::Initial];

/// The type bytes of the protocol, both directions, and one that it does not have.
const TAGS: &[u8] = b"BCDEGHIKNPQRSTXZcdfnpst123y";

proptest! {
    #[test]
    fn arbitrary_bytes_are_a_message_or_a_request_or_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        limit in 4_u32..100_000,
    ) {
        for kind in KINDS {
            judge(kind, &bytes, &limited(limit)).ok();
        }
    }

    #[test]
    fn arbitrary_bodies_behind_a_true_header_are_a_message_or_an_error(
        tag in prop::sample::select(TAGS),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        for kind in KINDS {
            let bytes = with_header(kind, tag, &body);
            let decoded = judge(kind, &bytes, &Limits::default());
            prop_assert!(!matches!(decoded, Ok(Err(_))), "the whole message is there");
        }
    }

    /// Bodies of small numbers and zero bytes are likely to be nearly right.
    #[test]
    fn bodies_that_are_nearly_right_are_a_message_or_an_error(
        tag in prop::sample::select(TAGS),
        body in prop::collection::vec(prop_oneof![4 => Just(0_u8), 3 => 0_u8..4, 1 => any::<u8>()], 0..40),
    ) {
        for kind in KINDS {
            judge(kind, &with_header(kind, tag, &body), &Limits::default()).ok();
        }
    }

    #[test]
    fn a_declared_length_decides_alone_what_is_asked_for(
        tag in any::<u8>(),
        length in prop_oneof![any::<i32>(), -2_i32..2_000],
        limit in 4_u32..1_000,
    ) {
        let mut bytes = vec![tag];
        bytes.extend_from_slice(&length.to_be_bytes());

        let outcome = vectors::decode_first(Kind::Backend, &bytes, &limited(limit));

        match length {
            ..4 => prop_assert_eq!(outcome, Err(Violation::LengthTooSmall { tag, length }.into())),
            4 => prop_assert!(!matches!(outcome, Ok(Err(_)) | Err(FrameError::Limit(_))), "{:?}", outcome),
            5.. if length.unsigned_abs() > limit => {
                let (found, limit) = (length.unsigned_abs().into(), limit.into());
                let exceeded = LimitExceeded { what: LimitKind::MessageLength, found, limit };
                prop_assert_eq!(outcome, Err(exceeded.into()));
            }
            5.. => prop_assert_eq!(outcome, Ok(Err(1 + usize::try_from(length).expect("it is positive")))),
        }
    }
}

#[test]
fn the_beginning_of_a_message_asks_for_no_more_than_the_message() {
    for (kind, message) in corpus() {
        for end in 0..message.len() {
            let outcome = vectors::decode_first(kind, &message[..end], &Limits::default());

            let Ok(Err(needs)) = outcome else { panic!("{end} bytes of {message:02x?} gave {outcome:?}") };
            assert!(needs > end, "{needs} bytes asked for, {end} are there: {message:02x?}");
            assert!(needs <= message.len(), "{needs} bytes asked for: {message:02x?}");
        }
    }
}

#[test]
fn a_message_that_lost_its_end_is_a_violation() {
    for (kind, message) in corpus() {
        let (header, whole) = (header_length(kind), decode_whole(kind, &message));
        for end in header..message.len() {
            let cut = with_header(kind, message[0], &message[header..end]);

            match judge(kind, &cut, &Limits::default()) {
                Err(FrameError::Violation(_)) => {}
                Ok(Ok(_)) if whole.opaque => {}
                other => panic!("{} cut to {end} bytes gave {other:?}", whole.name),
            }
        }
    }
}

#[test]
fn a_message_with_bytes_behind_its_end_is_a_violation() {
    for (kind, message) in corpus() {
        let (header, whole) = (header_length(kind), decode_whole(kind, &message));
        for extra in [&[0_u8][..], &[1], &[0, 0, 0, 0], &[0xff; 9]] {
            let long = with_header(kind, message[0], &[&message[header..], extra].concat());

            match judge(kind, &long, &Limits::default()) {
                Err(FrameError::Violation(_)) => {}
                Ok(Ok(_)) if whole.opaque => {}
                other => panic!("{} with {extra:?} behind it gave {other:?}", whole.name),
            }
        }
    }
}

#[test]
fn a_wrong_length_word_gives_an_error_or_a_request_for_the_missing_bytes() {
    for (kind, message) in corpus() {
        let (at, whole) = (header_length(kind) - 4, decode_whole(kind, &message));
        let right = i32::try_from(message.len() - at).expect("captured messages are small");
        for length in (-2..right + 70).chain([i32::MIN, i32::MAX, 1 << 24]).filter(|length| *length != right)
        {
            let mut bytes = message.clone();
            bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());

            match judge(kind, &bytes, &Limits::default()) {
                Err(FrameError::Violation(_)) if length < right => {}
                Err(FrameError::Limit(_)) if length == i32::MAX => {}
                Ok(Err(needs)) if length > right && needs > message.len() => {}
                Ok(Ok(_)) if length < right && whole.opaque => {}
                other => panic!("{} with a length of {length} gave {other:?}", whole.name),
            }
        }
    }
}

#[test]
fn no_changed_byte_of_a_captured_message_makes_decoding_panic_or_lie() {
    for (kind, message) in corpus() {
        for at in 0..message.len() {
            let old = message[at];
            for new in [0, 1, 0x7f, 0xff, old ^ 0x01, old ^ 0x20, old ^ 0x80, old.wrapping_add(1)] {
                let mut bytes = message.clone();
                bytes[at] = new;
                judge(kind, &bytes, &Limits::default()).ok();
            }
        }
    }
}

/// Every captured message that decodes.
fn corpus() -> Vec<(Kind, Vec<u8>)> {
    let corpus: Vec<_> = vectors::load_all()
        .into_iter()
        .map(|entry| (entry.kind(), entry.bytes))
        .filter(|(kind, bytes)| {
            KINDS.contains(kind)
                && matches!(vectors::decode_first(*kind, bytes, &Limits::default()), Ok(Ok(_)))
        })
        .collect();
    assert!(corpus.len() > 300, "only {} messages were found", corpus.len());
    corpus
}

/// Decodes, and holds the outcome against what is true of every outcome.
fn judge(kind: Kind, bytes: &[u8], limits: &Limits) -> Result<Result<Decoded, usize>, FrameError> {
    let outcome = vectors::decode_first(kind, bytes, limits);
    let header = header_length(kind);
    match &outcome {
        Ok(Ok(message)) => {
            let sent = bytes.get(..message.bytes.len());
            assert_eq!(sent, Some(&message.bytes[..]), "{} is not what was sent", message.name);
        }
        Ok(Err(needs)) => {
            assert!(*needs > bytes.len(), "{needs} bytes asked for, {} are there", bytes.len());
            let most = limits.message_length as usize + header - 4;
            assert!(*needs <= most.max(header), "{needs} bytes asked for, the limit is {most}");
        }
        Err(FrameError::Limit(exceeded)) => assert!(exceeded.found > exceeded.limit, "{exceeded}"),
        Err(FrameError::Violation(violation)) => assert!(!violation.to_string().is_empty()),
    }
    outcome
}

fn decode_whole(kind: Kind, message: &[u8]) -> Decoded {
    let decoded = vectors::decode_first(kind, message, &Limits::default());
    decoded.expect("the corpus holds good messages").expect("the corpus holds whole messages")
}

/// Bytes before the body: a type byte unless the message has none, and a length word.
fn header_length(kind: Kind) -> usize {
    if kind == Kind::Initial { 4 } else { 5 }
}

fn with_header(kind: Kind, tag: u8, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).expect("test bodies are small").to_be_bytes();
    let tag: &[u8] = if kind == Kind::Initial { &[] } else { &[tag] };
    [tag, &length, body].concat()
}

fn limited(message_length: u32) -> Limits {
    let mut limits = Limits::default();
    limits.message_length = message_length;
    limits
}
