//! Lines from a client of the MCP server, as they come in front of the SDK.
//!
//! The first byte says how the bytes are split, the second how long a line may be. However they are split, the same lines
//! come out, and no more than the limit is held. Every answer is one line of JSON. A message that JSON readers understand
//! and that has a method and an id is either passed on or answered once, with this id, also if it is too long.

#[path = "../../../mcp-frontend/src/mcp/intake/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the server uses all of it")]
mod intake;

use intake::{Line, Lines, Scanner, Verdict, judge as judge_message, too_long};
use serde_json::Value;

/// Panics if something does not hold of them.
pub fn judge(input: &[u8]) {
    let [split, limit, bytes @ ..] = input else { return };
    let limit = usize::from(*limit) * 16 + 1;

    let whole = lines(bytes, bytes.len().max(1), limit);
    let pieces = lines(bytes, usize::from(*split) + 1, limit);

    assert_eq!(whole, pieces, "split by {}", usize::from(*split) + 1);
    lines(bytes, bytes.len().max(1), usize::MAX / 2).iter().flatten().for_each(|line| check(line));
}

/// The lines, and what those that are too long are answered with.
fn lines(bytes: &[u8], piece: usize, limit: usize) -> Vec<Result<Vec<u8>, Verdict>> {
    let mut lines = Lines::new(limit);
    let mut all = Vec::new();
    let mut each = |line: Line<'_>| {
        all.push(match line {
            Line::Whole(line) => Ok(line.to_vec()),
            Line::TooLong(shape) => Err(too_long(shape, limit)),
        });
    };
    for piece in bytes.chunks(piece) {
        lines.push(piece, &mut each);
        assert!(lines.held() <= limit + 1);
    }
    lines.end(&mut each);
    all
}

fn check(line: &[u8]) {
    let verdict = judge_message(line);
    let mut scanner = Scanner::default();
    scanner.push(line);
    let if_too_long = too_long(scanner.finish(), 16 << 20);
    for verdict in [&verdict, &if_too_long] {
        let Verdict::Refused(refusals) = verdict else { continue };
        assert!(!refusals.is_empty());
        for refusal in refusals {
            let answer = refusal.message();
            assert!(!answer.contains('\n'), "{answer}");
            let answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
            assert_eq!(answer["jsonrpc"], "2.0");
            assert!(answer["error"]["code"].is_i64() && answer["error"]["message"].is_string(), "{answer}");
        }
    }
    let Ok(Value::Object(message)) = serde_json::from_slice(line) else { return };
    if !message.contains_key("method") {
        return;
    }
    let Some(id @ (Value::String(_) | Value::Number(_))) = message.get("id") else { return };
    // An id that is too long to be given back is none.
    if id.to_string().len() > 1000 {
        return;
    }
    match verdict {
        Verdict::Fine => {}
        Verdict::Refused(refusals) => assert_answers(&refusals, id),
        Verdict::Ignored => panic!("no answer to {}", String::from_utf8_lossy(line)),
    }
    let Verdict::Refused(refusals) = if_too_long else { panic!("no answer") };
    assert_answers(&refusals, id);
}

fn assert_answers(refusals: &[intake::Refusal], id: &Value) {
    let [refusal] = refusals else { panic!("{} answers", refusals.len()) };
    assert_eq!(serde_json::from_str::<Value>(&refusal.id).expect("an id is JSON"), *id);
}
