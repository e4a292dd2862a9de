//! What a message says of itself, read from bytes that may be anything.

/// The longest `id` that is given back, in bytes.
const LONGEST_ID: usize = 64 << 10;
/// Nothing that is compared with is longer.
const LONGEST_WORD: usize = 256;
/// How much is remembered of the members of a batch: the bytes of their ids, and so many more for each.
const MOST_OF_BATCH: usize = 1 << 20;
const A_MEMBER: usize = 64;

/// What there is at the top of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing but blanks.
    Blank,
    /// What a message should be.
    Object(Outline),
    /// An array of messages, as older revisions of MCP had them. Those beyond 1 MiB of ids are not among them.
    Batch(Vec<Outline>),
    /// Anything else.
    Other,
}

/// What a message's own keys say, whatever is wrong with the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The last one, as most readers of JSON have it.
    pub(crate) id: Id,
    pub(crate) has_method: bool,
    /// The method, if it is text that is not too long to be one.
    pub(crate) method: Option<String>,
    pub(crate) has_result: bool,
    pub(crate) has_error: bool,
    /// Whether `jsonrpc` is "2.0".
    pub(crate) is_jsonrpc: bool,
    /// The first byte of `params`.
    pub(crate) params: Option<u8>,
    /// One of these keys, if it is there twice.
    pub(crate) repeated: Option<&'static str>,
}

/// A message's `id`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Id {
    #[default]
    Absent,
    /// Exactly as it was written; perhaps no JSON.
    Written(String),
    /// An array, an object, or too long to be given back.
    Unusable,
}

/// Reads a message byte by byte, keeps no more of it than its outline, and stops at nothing.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    depth: usize,
    /// The depth at which messages have their keys; 0 until the first byte that is no blank.
    top: usize,
    is_array: bool,
    is_done: bool,
    is_other: bool,
    string: Option<Escape>,
    place: Place,
    /// Whose value it is.
    key: Key,
    token: Token,
    message: Option<Outline>,
    members: Vec<Outline>,
    remembered: usize,
}

/// Where in a string it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    No,
    Next,
}

/// Where among a message's keys it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    BeforeKey,
    AfterKey,
    Value,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Key {
    #[default]
    Other,
    Id,
    Method,
    Params,
    Result,
    Error,
    JsonRpc,
}

/// A key or value that is being read.
#[derive(Debug, Default)]
struct Token {
    first: Option<u8>,
    text: Vec<u8>,
    is_cut: bool,
}

impl Scanner {
    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.is_done {
                return;
            }
            self.byte(*byte);
        }
    }

    /// What was read, complete or not.
    pub(crate) fn finish(mut self) -> Shape {
        self.end_message();
        match (self.top, self.is_array, self.is_other) {
            (_, _, true) => Shape::Other,
            (0, ..) => Shape::Blank,
            (_, true, _) => Shape::Batch(self.members),
            (_, false, _) => self.members.pop().map_or(Shape::Other, Shape::Object),
        }
    }

    fn byte(&mut self, byte: u8) {
        if self.top == 0 {
            return self.first(byte);
        }
        if let Some(escape) = self.string {
            self.keep(byte);
            self.string = match (escape, byte) {
                (Escape::Next, _) => Some(Escape::No),
                (Escape::No, b'\\') => Some(Escape::Next),
                (Escape::No, b'"') => None,
                (Escape::No, _) => Some(Escape::No),
            };
            if self.string.is_none() && self.is_at_top() && self.place == Place::BeforeKey {
                self.key = self.token.key();
                self.place = Place::AfterKey;
            }
            return;
        }
        match byte {
            b'{' | b'[' => self.open(byte),
            b'}' | b']' => self.close(),
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b',' if self.is_at_top() => self.end_value(),
            b':' if self.is_at_top() && self.place == Place::AfterKey => {
                self.token = Token::default();
                self.place = Place::Value;
            }
            _ => {
                if byte == b'"' {
                    self.string = Some(Escape::No);
                    if self.is_at_top() && self.place == Place::BeforeKey {
                        self.token = Token::default();
                    }
                }
                self.keep(byte);
            }
        }
    }

    fn first(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'{' => {
                (self.top, self.depth) = (1, 1);
                self.message = Some(Outline::default());
            }
            b'[' => (self.top, self.depth, self.is_array) = (2, 1, true),
            _ => {
                self.top = 1;
                self.is_other = true;
                self.is_done = true;
            }
        }
    }

    /// Whether what comes now belongs to a message itself, not to one of its values.
    fn is_at_top(&self) -> bool {
        self.depth == self.top && self.message.is_some()
    }

    fn open(&mut self, byte: u8) {
        if self.is_at_top() && self.place == Place::Value {
            self.token.first.get_or_insert(byte);
            self.token.is_cut = true;
        }
        self.depth += 1;
        if self.is_array && self.depth == self.top && byte == b'{' {
            self.message = Some(Outline::default());
            self.place = Place::BeforeKey;
            self.token = Token::default();
        }
    }

    fn close(&mut self) {
        if self.is_at_top() {
            self.end_message();
        }
        self.depth -= 1;
        self.is_done = self.depth == 0;
    }

    /// Keeps a byte of a key or of a value, if it is one that is asked for.
    fn keep(&mut self, byte: u8) {
        if !self.is_at_top() {
            return;
        }
        let longest = match (self.place, self.key) {
            (Place::BeforeKey, _) | (Place::Value, Key::Method | Key::JsonRpc) => LONGEST_WORD,
            (Place::Value, Key::Id) => LONGEST_ID,
            (Place::Value, _) => 0,
            (Place::AfterKey, _) => return,
        };
        self.token.first.get_or_insert(byte);
        if self.token.text.len() < longest {
            self.token.text.push(byte);
        } else {
            self.token.is_cut = true;
        }
    }

    fn end_value(&mut self) {
        let token = std::mem::take(&mut self.token);
        if std::mem::take(&mut self.place) != Place::Value {
            return;
        }
        let (Some(message), Some(first)) = (&mut self.message, token.first) else { return };
        let mut seen = |is_there: bool, key| {
            if is_there {
                message.repeated = Some(key);
            }
        };
        match self.key {
            Key::Other => {}
            Key::Id => {
                seen(message.id != Id::Absent, "id");
                message.id = match (token.is_cut, String::from_utf8(token.text)) {
                    (false, Ok(text)) => Id::Written(text),
                    _ => Id::Unusable,
                };
            }
            Key::Method => {
                seen(message.has_method, "method");
                message.has_method = true;
                message.method = token.string();
            }
            Key::Params => {
                seen(message.params.is_some(), "params");
                message.params = Some(first);
            }
            Key::Result => {
                seen(message.has_result, "result");
                message.has_result = true;
            }
            Key::Error => {
                seen(message.has_error, "error");
                message.has_error = true;
            }
            Key::JsonRpc => message.is_jsonrpc = token.string().as_deref() == Some("2.0"),
        }
    }

    fn end_message(&mut self) {
        if self.message.is_some() {
            self.end_value();
        }
        let Some(message) = self.message.take() else { return };
        let id = if let Id::Written(id) = &message.id { id.len() } else { 0 };
        self.remembered += id + A_MEMBER;
        if self.members.is_empty() || self.remembered <= MOST_OF_BATCH {
            self.members.push(message);
        }
    }
}

impl Token {
    /// Its text, if it is a string.
    fn string(&self) -> Option<String> {
        if self.is_cut { None } else { serde_json::from_slice(&self.text).ok() }
    }

    fn key(&self) -> Key {
        match self.string().as_deref() {
            Some("id") => Key::Id,
            Some("method") => Key::Method,
            Some("params") => Key::Params,
            Some("result") => Key::Result,
            Some("error") => Key::Error,
            Some("jsonrpc") => Key::JsonRpc,
            _ => Key::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8]) -> Shape {
        let mut scanner = Scanner::default();
        scanner.push(bytes);
        scanner.finish()
    }

    #[track_caller]
    fn assert_id(bytes: &[u8], id: &str) {
        match scan(bytes) {
            Shape::Object(outline) => {
                assert_eq!(outline.id, Id::Written(id.to_owned()), "{}", String::from_utf8_lossy(bytes));
            }
            other => panic!("{other:?} of {}", String::from_utf8_lossy(bytes)),
        }
    }

    #[test]
    fn an_id_is_found_wherever_it_stands_and_however_it_is_written() {
        assert_id(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, "1");
        assert_id(br#"{"method":"ping","params":{"id":2,"x":[{"id":3}]},"id":"a\"b"}"#, r#""a\"b""#);
        assert_id(br#" { "\u0069d" : 4 }"#, "4");
        assert_id(br#"{"id":5"#, "5");
        assert_id(br#"{"id":null}"#, "null");
        assert_id(br#"{"id":1e999,"method":"x"}"#, "1e999");
        assert_id(b"{\"params\":{\"x\":\"\xff\\ud83d\"},\"id\":6}", "6");
        assert_id(br#"{"x":"} , \"id\": 1 {","id":7}"#, "7");
        assert_id(br#"{"id":8,"id":9}"#, "9");
        assert_id(format!("{{\"x\":{}{},\"id\":10}}", "[".repeat(200), "]".repeat(200)).as_bytes(), "10");
    }

    #[test]
    fn what_is_no_id_is_told_apart() {
        let id = |bytes: &[u8]| match scan(bytes) {
            Shape::Object(outline) => outline.id,
            other => panic!("{other:?}"),
        };

        assert_eq!(id(br#"{"method":"x","params":{"id":1}}"#), Id::Absent);
        assert_eq!(id(br#"{"id":{"a":1}}"#), Id::Unusable);
        assert_eq!(id(br#"{"id":[1]}"#), Id::Unusable);
        assert_eq!(id(format!("{{\"id\":\"{}\"}}", "x".repeat(LONGEST_ID)).as_bytes()), Id::Unusable);
    }

    #[test]
    fn the_members_of_a_batch_are_seen_one_by_one() {
        let Shape::Batch(members) = scan(br#"[{"id":1,"method":"a"},7,[{"id":2}],{"method":"b"},{"id":3}]"#)
        else {
            panic!("a batch")
        };

        let ids: Vec<_> = members.iter().map(|member| member.id.clone()).collect();
        assert_eq!(ids, [Id::Written("1".to_owned()), Id::Absent, Id::Written("3".to_owned())]);
        assert_eq!(members[1].method.as_deref(), Some("b"));
    }

    #[test]
    fn what_is_remembered_of_a_batch_has_a_limit() {
        let many = format!("[{}]", ["{\"id\":1}"; 100_000].join(","));

        let Shape::Batch(members) = scan(many.as_bytes()) else { panic!("a batch") };

        assert!(members.len() <= MOST_OF_BATCH / A_MEMBER && members.len() > 10_000, "{}", members.len());
    }

    #[test]
    fn what_is_no_message_is_seen_to_be_none() {
        assert_eq!(scan(b" \t"), Shape::Blank);
        for other in ["nonsense", "7", "\"text\"", "\u{0}", "}"] {
            assert_eq!(scan(other.as_bytes()), Shape::Other, "{other}");
        }
        assert_eq!(scan(b"[]"), Shape::Batch(Vec::new()));
        assert_eq!(scan(b"{}"), Shape::Object(Outline::default()));
    }
}
