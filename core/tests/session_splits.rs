//! The same bytes, split at any places, give the same events.

mod server;

use hyperwire_core::buffer::{InBuf, OutBuf};
use hyperwire_core::session::{Config, Event, Session};
use hyperwire_core::time::Instant;
use proptest::prelude::*;
use server::{Answer, Request};

/// Gives every request first, then the bytes in these pieces; returns all that was told, rows included.
fn events(requests: &[Request], bytes: &[u8], cuts: &[usize]) -> Vec<String> {
    let (mut input, mut out, now) = (InBuf::new(), OutBuf::new(), Instant::EPOCH);
    let mut session =
        Session::start(Config::new("hyper"), [3; 18], now, &mut out).expect("a plain configuration");
    let ids: Vec<_> = requests.iter().map(|request| request.submit(&mut session, &mut out)).collect();
    let mut told = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        input.extend(&bytes[from..to]);
        from = to;
        loop {
            match session.poll(&mut input, &mut out, now) {
                Ok(Some(Event::Row(id))) => {
                    let row = session.row(&input).expect("announced");
                    let fields: Vec<_> = row.iter().map(|value| value.bytes().map(<[u8]>::to_vec)).collect();
                    told.push(format!("{id:?} {fields:?}"));
                }
                Ok(Some(Event::CopyData(id))) => told.push(format!("{id:?} {:?}", session.copy_data(&input))),
                Ok(Some(event)) => told.push(format!("{event:?}")),
                Ok(None) if session.wants_demand() => ids.iter().for_each(|id| session.demand(*id, 3)),
                Ok(None) => break,
                Err(fault) => {
                    told.push(format!("{fault:?}"));
                    return told;
                }
            }
        }
    }
    told.push(format!("unread {:?} {:?}", input.unread(), session.wants(&out)));
    told
}

fn cuts(length: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..=length, 0..40).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_any_conversation_gives_the_same_events(
        (requests, bytes, cuts) in prop::collection::vec((any::<Request>(), any::<Answer>()), 0..6)
            .prop_flat_map(|conversation| {
                let bytes = server::transcript(&conversation);
                let requests: Vec<_> = conversation.into_iter().map(|(request, _)| request).collect();
                let cuts = cuts(bytes.len());
                (Just(requests), Just(bytes), cuts)
            })
    ) {
        let whole = events(&requests, &bytes, &[]);

        let split = events(&requests, &bytes, &cuts);

        prop_assert_eq!(whole, split);
    }

    #[test]
    fn a_damaged_byte_gives_the_same_fault_however_it_arrives(
        conversation in prop::collection::vec((any::<Request>(), any::<Answer>()), 1..4),
        place in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut bytes = server::transcript(&conversation);
        let requests: Vec<_> = conversation.into_iter().map(|(request, _)| request).collect();
        let place = place.index(bytes.len());
        bytes[place] = value;
        let one_by_one: Vec<_> = (0..bytes.len()).collect();

        let whole = events(&requests, &bytes, &[]);
        let split = events(&requests, &bytes, &one_by_one);

        prop_assert_eq!(whole, split);
    }
}

#[test]
fn byte_by_byte_is_no_different_from_all_at_once() {
    let conversation = [
        (Request::Query, Answer::rows(2, 40)),
        (Request::Params, Answer::failing_after(1, 3)),
        (Request::Prepare, Answer::rows(3, 0)),
        (Request::Query, Answer::nothing()),
        (Request::Sync, Answer::nothing()),
    ];
    let bytes = server::transcript(&conversation);
    let requests: Vec<_> = conversation.into_iter().map(|(request, _)| request).collect();
    let one_by_one: Vec<_> = (0..bytes.len()).collect();

    let whole = events(&requests, &bytes, &[]);
    let split = events(&requests, &bytes, &one_by_one);

    assert_eq!(whole, split);
    assert!(whole.iter().filter(|event| event.contains("Finished")).count() == 5, "{whole:#?}");
}

/// Found by the property above: the fast way to the next row took the length on trust.
#[test]
fn a_row_behind_a_row_whose_length_is_less_than_itself_is_a_violation() {
    for length in 0..4 {
        let mut bytes = server::transcript(&[(Request::Query, Answer::rows(2, 2))]);
        let last = bytes.windows(5).rposition(|window| window[0] == b'D' && window[1..4] == [0; 3]);
        let last = last.expect("two rows are there");
        bytes[last + 4] = length;

        let told = events(&[Request::Query], &bytes, &[]);

        let expected = format!("Violation(LengthTooSmall {{ tag: 68, length: {length} }})");
        assert_eq!(told.last(), Some(&expected), "{told:#?}");
    }
}
