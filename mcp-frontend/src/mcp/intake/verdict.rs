//! What to answer to a message that the SDK cannot take.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use super::outline::{Id, Outline, Scanner, Shape};

// Error codes of JSON-RPC 2.0, section 5.1.
const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const INVALID_PARAMS: i32 = -32602;

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is wrong with it here.
    Fine,
    /// It is a notification or a response, which nobody answers.
    Ignored,
    /// It is answered with these, one for each request in it.
    Refused(Vec<Refusal>),
}

/// An error that answers a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The request's id as it was written, or `null` if it has none that can be given back.
    pub(crate) id: String,
    pub(crate) code: i32,
    /// What is wrong, and what to do.
    pub(crate) reason: String,
}

impl Refusal {
    /// An answer to the request of this outline.
    pub(crate) fn new(id: &Id, code: i32, reason: impl Into<String>) -> Self {
        Self { id: id.echo(), code, reason: reason.into() }
    }

    /// The answer as a JSON-RPC message, without a line end.
    pub(crate) fn message(&self) -> String {
        let error = json!({"code": self.code, "message": self.reason});
        // Not through a `Value`, which would round long numbers.
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"error\":{error}}}", self.id)
    }
}

impl Id {
    /// The id as an answer repeats it, byte for byte; `null` for what is no id, as JSON-RPC demands.
    fn echo(&self) -> String {
        match self {
            Self::Written(text) => match serde_json::from_str(text) {
                Ok(Value::String(_) | Value::Number(_)) => text.clone(),
                _ => "null".to_owned(),
            },
            Self::Absent | Self::Unusable => "null".to_owned(),
        }
    }

    /// Whether the SDK takes it.
    fn is_fine(&self) -> bool {
        let Self::Written(text) = self else { return false };
        match serde_json::from_str(text) {
            Ok(Value::String(_)) => true,
            // The bounds are powers of two, and so are exact.
            Ok(Value::Number(number)) => {
                number.is_i64()
                    || number.as_f64().is_some_and(|float| {
                        !number.is_u64() && float.fract() == 0.0 && (-9.3e18..9.2e18).contains(&float)
                    })
            }
            _ => false,
        }
    }
}

/// Judges a whole message.
pub(crate) fn judge(message: &[u8]) -> Verdict {
    let mut scanner = Scanner::default();
    scanner.push(message);
    let shape = scanner.finish();
    match serde_json::from_slice(message) {
        Ok(Sound) => sound(&shape),
        Err(error) => refuse(
            shape,
            PARSE_ERROR,
            &format!(
                "This message is not valid JSON: {error}. Nothing was done. Next: send one JSON-RPC 2.0 object, in UTF-8, \
                 nested at most 127 deep."
            ),
        ),
    }
}

/// Judges a message that is longer than `limit` bytes.
pub(crate) fn too_long(shape: Shape, limit: usize) -> Verdict {
    refuse(
        shape,
        INVALID_REQUEST,
        &format!(
            "This message is longer than {} MiB, the most that is read. Nothing was done. Next: put large data into a file, \
             and pass its path.",
            limit >> 20
        ),
    )
}

/// Answers all requests in a message that cannot be used as a whole.
fn refuse(shape: Shape, code: i32, reason: &str) -> Verdict {
    let members = match shape {
        Shape::Blank => return Verdict::Ignored,
        Shape::Object(outline) => vec![outline],
        Shape::Batch(members) if !members.is_empty() => members,
        Shape::Batch(_) | Shape::Other => vec![Outline::default()],
    };
    let asked = members.iter().filter(|member| member.wants_answer());
    let refusals: Vec<_> = asked.map(|member| Refusal::new(&member.id, code, reason)).collect();
    if refusals.is_empty() { Verdict::Ignored } else { Verdict::Refused(refusals) }
}

/// Judges JSON by its shape.
fn sound(shape: &Shape) -> Verdict {
    match shape {
        Shape::Blank => Verdict::Ignored,
        Shape::Object(outline) => outline.judge(),
        Shape::Batch(_) => refuse(
            shape.clone(),
            INVALID_REQUEST,
            "This is a batch, which MCP has no more since 2025-06-18. Nothing was done. Next: send each message by itself.",
        ),
        Shape::Other => refuse(
            shape.clone(),
            INVALID_REQUEST,
            "This is JSON, but not a message. Next: send one JSON-RPC 2.0 object.",
        ),
    }
}

impl Outline {
    /// Whether it is a request, or may be one: what has no id and is not clearly a notification is answered with `null`.
    fn wants_answer(&self) -> bool {
        if !self.has_method && (self.has_result || self.has_error) {
            return false;
        }
        self.id != Id::Absent || !self.has_method
    }

    fn judge(&self) -> Verdict {
        if !self.wants_answer() {
            // A response, or a notification; whether it is a good one, its sender does not learn.
            return Verdict::Fine;
        }
        let refused = |code, reason: String| Verdict::Refused(vec![Refusal::new(&self.id, code, reason)]);
        if let Some(key) = self.repeated {
            return refused(INVALID_REQUEST, format!("The key `{key}` is there twice. Nothing was done."));
        }
        if !self.is_jsonrpc {
            return refused(
                INVALID_REQUEST,
                "`jsonrpc` is missing, or is not \"2.0\". Nothing was done.".to_owned(),
            );
        }
        if self.method.is_none() {
            return refused(
                INVALID_REQUEST,
                "`method` is missing, or is not a text. Nothing was done.".to_owned(),
            );
        }
        if !self.id.is_fine() {
            return refused(
                INVALID_REQUEST,
                "`id` is neither a text nor a whole number of 64 bits. Nothing was done.".to_owned(),
            );
        }
        if self.has_result || self.has_error {
            return refused(
                INVALID_REQUEST,
                "A request has no `result` and no `error`. Nothing was done.".to_owned(),
            );
        }
        if self.params.is_some_and(|first| first != b'{') {
            return refused(INVALID_PARAMS, "`params` is not an object. Nothing was done.".to_owned());
        }
        Verdict::Fine
    }
}

/// JSON all of whose values can be read; nothing is kept of it.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = Sound;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_str<E>(self, _: &str) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_unit<E>(self) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Sound, A::Error> {
        while seq.next_element::<Sound>()?.is_some() {}
        Ok(Sound)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sound, A::Error> {
        while map.next_entry::<Sound, Sound>()?.is_some() {}
        Ok(Sound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ids and codes that a message is answered with.
    fn answers(message: &[u8]) -> Vec<(String, i32)> {
        match judge(message) {
            Verdict::Refused(all) => {
                for refusal in &all {
                    serde_json::from_str::<Value>(&refusal.message()).expect("an answer is JSON");
                }
                all.into_iter().map(|refusal| (refusal.id, refusal.code)).collect()
            }
            Verdict::Fine | Verdict::Ignored => Vec::new(),
        }
    }

    #[track_caller]
    fn assert_answer(message: &[u8], id: &str, code: i32) {
        assert_eq!(answers(message), [(id.to_owned(), code)], "{}", String::from_utf8_lossy(message));
    }

    #[test]
    fn what_carries_an_id_is_answered_with_it() {
        let deep = format!(
            r#"{{"jsonrpc":"2.0","id":4,"method":"x","params":{{"a":{}{}}}}}"#,
            "[".repeat(200),
            "]".repeat(200)
        );
        for (message, id, code) in [
            (&br#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":"\ud83d"}}"#[..], "1", PARSE_ERROR),
            (br#"{"jsonrpc":"2.0","id":2,"method":"x","params":{"a":1e999}}"#, "2", PARSE_ERROR),
            (
                b"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"x\",\"params\":{\"a\":\"\xff\"}}",
                "3",
                PARSE_ERROR,
            ),
            (deep.as_bytes(), "4", PARSE_ERROR),
            (b"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"x\0\"}", "5", PARSE_ERROR),
            (br#"{"jsonrpc":"2.0","id":6,"method":"x","params":[]}"#, "6", INVALID_PARAMS),
            (br#"{"jsonrpc":"2.0","id":"7","method":"x","params":null}"#, "\"7\"", INVALID_PARAMS),
            (br#"{"id":8,"method":"x"}"#, "8", INVALID_REQUEST),
            (br#"{"jsonrpc":"1.0","id":9,"method":"x"}"#, "9", INVALID_REQUEST),
            (br#"{"jsonrpc":"2.0","id":10}"#, "10", INVALID_REQUEST),
            (br#"{"jsonrpc":"2.0","id":11,"method":11}"#, "11", INVALID_REQUEST),
            (br#"{"jsonrpc":"2.0","id":12,"method":"x","result":{}}"#, "12", INVALID_REQUEST),
            (br#"{"jsonrpc":"2.0","id":13,"id":14,"method":"x"}"#, "14", INVALID_REQUEST),
            (br#"{"jsonrpc":"2.0","id":1.5,"method":"x"}"#, "1.5", INVALID_REQUEST),
            (
                br#"{"jsonrpc":"2.0","id":9223372036854775808,"method":"x"}"#,
                "9223372036854775808",
                INVALID_REQUEST,
            ),
            (
                br#"{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"x"}"#,
                "123456789012345678901234567890",
                INVALID_REQUEST,
            ),
            (br#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, "null", INVALID_REQUEST),
            (br#"{"jsonrpc":"2.0","id":{"a":1},"method":"x"}"#, "null", INVALID_REQUEST),
            (br#"{"jsonrpc":"2.0","id":1e999,"method":"x"}"#, "null", PARSE_ERROR),
            (br#"{"jsonrpc":"2.0","id":15,"method":"x""#, "15", PARSE_ERROR),
            (b"nonsense", "null", PARSE_ERROR),
            (b"7", "null", INVALID_REQUEST),
            (b"[]", "null", INVALID_REQUEST),
            (b"[1, 2]", "null", INVALID_REQUEST),
        ] {
            assert_answer(message, id, code);
        }
    }

    #[test]
    fn what_is_fine_or_wants_no_answer_gets_none() {
        for message in [
            &br#"{"jsonrpc":"2.0","id":1,"method":"x"}"#[..],
            br#"{"jsonrpc":"2.0","id":-9223372036854775808,"method":"x","params":{}}"#,
            br#"{"jsonrpc":"2.0","id":1.0,"method":"x"}"#,
            br#"{"jsonrpc":"2.0","method":"notifications/x","params":[]}"#,
            br#"{"jsonrpc":"2.0","method":"notifications/x","params":{"a":"\ud83d"}}"#,
            br#"{"jsonrpc":"2.0","id":1,"result":{"a":1e999}}"#,
            br#"{"id":1,"error":7}"#,
            br#"[{"jsonrpc":"2.0","method":"notifications/x"}]"#,
            b"  ",
        ] {
            assert_eq!(answers(message), [], "{}", String::from_utf8_lossy(message));
        }
    }

    #[test]
    fn each_request_of_a_batch_is_answered() {
        let ids = |message: &[u8]| answers(message).into_iter().map(|(id, _)| id).collect::<Vec<_>>();

        let batch = br#"[{"jsonrpc":"2.0","id":1,"method":"a"},{"method":"b"},{"id":"x","method":"c"},{"id":3,"result":{}}]"#;
        assert_eq!(ids(batch), ["1", "\"x\""]);
        assert_eq!(ids(br#"[{"id":1,"method":"a"},{"id":2,"method":"\ud83d"}]"#), ["1", "2"]);
    }
}
