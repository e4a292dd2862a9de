use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

use proptest::prelude::*;

use super::{Identifier, Kind, Literal, NameError, QualifiedName, Shown, is_reserved, tokens};

fn kinds(sql: &str) -> Vec<(Kind, &str)> {
    let kept = |kind| !matches!(kind, Kind::Blank | Kind::Comment);
    tokens(sql).filter(|token| kept(token.kind)).map(|token| (token.kind, token.text)).collect()
}

fn only_identifier(sql: &str) -> Option<String> {
    let mut all = tokens(sql);
    let found = all.next()?.identifier()?.into_owned();
    assert_eq!(all.next(), None, "{sql:?}");
    Some(found)
}

fn only_string(sql: &str) -> Option<String> {
    let mut all = tokens(sql);
    let found = all.next()?.string()?.into_owned();
    assert_eq!(all.next(), None, "{sql:?}");
    Some(found)
}

#[test]
fn every_kind_of_token_is_told() {
    use Kind::{Invalid, Number, Operator, Parameter, QuotedName, Separator, String, Unclosed, Word};
    for (sql, expected) in [
        ("SELECT a", vec![(Word, "SELECT"), (Word, "a")]),
        (
            "a.\"B\"(1)",
            vec![
                (Word, "a"),
                (Operator, "."),
                (QuotedName, "\"B\""),
                (Operator, "("),
                (Number, "1"),
                (Operator, ")"),
            ],
        ),
        (
            "1.5e-3 .5 1.a 1..2",
            vec![
                (Number, "1.5e-3"),
                (Number, ".5"),
                (Number, "1."),
                (Word, "a"),
                (Number, "1."),
                (Number, ".2"),
            ],
        ),
        ("$1::int ?", vec![(Parameter, "$1"), (Operator, "::"), (Word, "int"), (Parameter, "?")]),
        ("1*-1--x", vec![(Number, "1"), (Operator, "*-"), (Number, "1")]),
        ("1<>/*x*/2", vec![(Number, "1"), (Operator, "<>"), (Number, "2")]),
        ("$é$x$é$;E'\\''", vec![(String, "$é$x$é$"), (Separator, ";"), (String, "E'\\''")]),
        ("xE'a' n'b'", vec![(Word, "xE"), (String, "'a'"), (String, "n'b'")]),
        ("'a'\n'b' 'c'", vec![(String, "'a'\n'b'"), (String, "'c'")]),
        ("\\E'a' $ \u{1}", vec![(Invalid, "\\E"), (String, "'a'"), (Invalid, "$"), (Invalid, "\u{1}")]),
        (
            "U&\"a\" UEscape '!'u&1",
            vec![(QuotedName, "U&\"a\" UEscape '!'"), (Word, "u"), (Operator, "&"), (Number, "1")],
        ),
        ("1 'a", vec![(Number, "1"), (Unclosed, "'a")]),
    ] {
        assert_eq!(kinds(sql), expected, "{sql:?}");
    }
}

#[test]
fn the_first_wide_blank_behind_a_word_belongs_to_it() {
    let texts: Vec<_> =
        tokens("as\u{a0}\u{2003}b \u{a0}c 1\u{a0}\"d\"\u{a0}").map(|token| token.text).collect();

    assert_eq!(texts, ["as\u{a0}", "\u{2003}", "b", " \u{a0}", "c", " ", "1", "\u{a0}", "\"d\"", "\u{a0}"]);
}

#[test]
fn names_are_decoded_as_hyperd_looks_them_up() {
    for (sql, expected) in [
        ("AbC_1", "abc_1"),
        ("ÄB", "Äb"),
        ("a\u{200b}", "a\u{200b}"),
        ("\"a\"\"B\"", "a\"B"),
        ("\"\"\"\"\"\"", "\"\""),
        ("\"a\\0041\"", "a\\0041"),
        ("U&\"d\\0061t\\+000061\"", "data"),
        ("u&\"d!0061\\\" uescape '!'", "da\\"),
        ("u&\"x\"\"\\\\y\"", "x\"\\y"),
    ] {
        assert_eq!(only_identifier(sql).as_deref(), Some(expected), "{sql:?}");
    }
    for sql in ["U&\"\\D800\"", "U&\"\\004\"", "U&\"\\\"", "'a'", "1", "$1"] {
        assert_eq!(only_identifier(sql), None, "{sql:?}");
    }
}

#[test]
fn strings_are_decoded_as_hyperd_reads_them() {
    for (sql, expected) in [
        ("'it''s \\'", "it's \\"),
        ("'a' -- c\n'b'''", "ab'"),
        ("E'\\u0041\\U00000042\\x41\\101\\q\\n\\'''\\\\'", "ABAAq\n''\\"),
        ("E'\\xc3\\xa9'", "é"),
        ("e'a'\n'\\t'", "a\t"),
        ("U&'d\\0061''\\\\'", "da'\\"),
        ("U&'d'\n'!0061' UESCAPE '!'", "da"),
        ("N'\\'", "\\"),
        ("$$a'$b$$", "a'$b"),
        ("$t$a$$t$", "a$"),
    ] {
        assert_eq!(only_string(sql).as_deref(), Some(expected), "{sql:?}");
    }
    for sql in ["X'61'", "E'\\xff'", "U&'\\D800'", "a", "\"a\""] {
        assert_eq!(only_string(sql), None, "{sql:?}");
    }
}

#[test]
fn a_name_has_parts_between_dots_that_are_not_quoted() {
    for (text, expected) in [
        ("orders", &["orders"][..]),
        (" My Orders ", &["My Orders"]),
        ("a.\"b.\"\"c\" . d", &["a", "b.\"c", "d"]),
        ("\" a \".b", &[" a ", "b"]),
        ("a \"b\" c.d", &["a \"b\" c", "d"]),
    ] {
        assert_eq!(text.parse::<QualifiedName>().unwrap().parts(), expected, "{text:?}");
    }
    for (text, error) in [
        ("", NameError::Empty),
        ("a..b", NameError::Empty),
        ("a.", NameError::Empty),
        ("\"\"", NameError::Empty),
        ("\"open", NameError::Quote),
        ("\"a\"b", NameError::Quote),
        ("a.b.c.d", NameError::Long),
        ("a\0", NameError::Nul),
    ] {
        assert_eq!(text.parse::<QualifiedName>(), Err(error), "{text:?}");
    }
}

#[test]
fn reserved_words_are_found() {
    for word in ["all", "order", "select", "with", "omit"] {
        assert!(is_reserved(word), "{word}");
    }
    for word in ["orders", "name", "value", "date", "over", ""] {
        assert!(!is_reserved(word), "{word}");
    }
}

/// Names and texts of what makes trouble.
fn troublesome() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "'", "\"", "\\", "\0", ".", " ", "\n", "a", "B", "é", "\u{a0}", "\u{feff}", "--", "/*", "$$", ";",
        "U&", "E'", "1", "order", "_",
    ]);
    prop_oneof![
        prop::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat()),
        any::<String>().prop_filter("not empty", |text| !text.is_empty()),
    ]
}

proptest! {
    #[test]
    fn tokens_are_the_text(sql in prop_oneof![troublesome(), any::<String>()]) {
        let joined: String = tokens(&sql).map(|token| token.text).collect();

        prop_assert_eq!(joined, sql);
    }

    #[test]
    fn what_is_quoted_is_one_token_with_that_value(text in troublesome()) {
        let identifier = Identifier(&text).to_string();
        let literal = Literal(&text).to_string();
        let shown = Shown(&text).to_string();

        prop_assert!(!literal.contains('\0') && !identifier.contains('\0'));
        prop_assert_eq!(only_identifier(&identifier), Some(text.clone()));
        prop_assert_eq!(only_identifier(&shown), Some(text.clone()));
        prop_assert_eq!(only_string(&literal), Some(text));
    }

    #[test]
    fn names_are_parsed_as_they_are_displayed(parts in prop::collection::vec(troublesome(), 1..4)) {
        prop_assume!(!parts.iter().any(|part| part.contains('\0')));
        let name = QualifiedName::from_parts(parts.iter().map(String::as_str)).unwrap();

        prop_assert_eq!(name.to_string().parse::<QualifiedName>(), Ok(name.clone()));
        prop_assert_eq!(name.quoted().parse::<QualifiedName>(), Ok(name.clone()));
        let values: Vec<_> = tokens(&format!("{name}")).filter_map(|token| token.identifier()).map(String::from).collect();
        prop_assert_eq!(values, parts);
    }
}
