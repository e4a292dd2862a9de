//! SQL texts.
//!
//! Tokens joined are the text. Statements lie in it in order. A name or string that is quoted is one token that is decoded
//! to what was quoted; a qualified name that is read is read again from what it is displayed as.

use hyperwire_core::sql::{Identifier, Kind, Literal, QualifiedName, Shown, split, tokens};

/// Panics if something does not hold of them.
pub fn judge(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    check_tokens(text);
    check_statements(text);
    if !text.is_empty() {
        check_quoting(text);
    }
    if let Ok(name) = text.parse::<QualifiedName>() {
        assert_eq!(name.to_string().parse().as_ref(), Ok(&name), "{text:?}");
        assert_eq!(name.quoted().parse().as_ref(), Ok(&name), "{text:?}");
    }
}

fn check_tokens(text: &str) {
    let mut end = 0;
    for token in tokens(text) {
        assert!(token.start == end && !token.text.is_empty(), "{token:?} in {text:?}");
        end = token.end();
        assert_eq!(text.get(token.start..end), Some(token.text));
        let _ = (token.identifier(), token.string());
    }
    assert_eq!(end, text.len(), "{text:?}");
}

fn check_statements(text: &str) {
    let mut end = 0;
    for statement in split(text) {
        assert!(statement.start >= end && !statement.text.is_empty(), "{statement:?} in {text:?}");
        end = statement.start + statement.text.len();
        assert_eq!(text.get(statement.start..end), Some(statement.text));
        let again: Vec<_> = split(statement.text).map(|statement| statement.text).collect();
        assert_eq!(again, [statement.text]);
    }
}

fn check_quoting(text: &str) {
    let quoted = Identifier(text).to_string();
    let token: Vec<_> = tokens(&quoted).collect();
    assert!(token.len() == 1 && token[0].kind == Kind::QuotedName, "{token:?}");
    assert_eq!(token[0].identifier().as_deref(), Some(text));

    let shown = Shown(text).to_string();
    let token: Vec<_> = tokens(&shown).collect();
    assert_eq!((token.len(), token[0].identifier().as_deref()), (1, Some(text)), "{shown:?}");

    let literal = Literal(text).to_string();
    let token: Vec<_> = tokens(&literal).collect();
    assert!(token.len() == 1 && token[0].kind == Kind::String, "{token:?}");
    assert_eq!(token[0].string().as_deref(), Some(text));
}
