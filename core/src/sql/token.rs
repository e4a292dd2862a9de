//! hyperd's lexer.

use core::iter::FusedIterator;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What [`is_blank`] says of every character.
    Blank,
    /// `-- ...` without the line's end, or `/* ... */`, which does not nest.
    Comment,
    /// A name or a keyword without quotes. [`Token::identifier`] decodes it.
    Word,
    /// A name in double quotes, also `U&"..."` with its `UESCAPE`. [`Token::identifier`] decodes it.
    QuotedName,
    /// A string of any form: `'...'`, `E'...'`, `U&'...'`, `N'...'`, `$$...$$`, with the parts that continue it behind
    /// line breaks; also the bit strings `B'...'` and `X'...'`, which hyperd refuses. [`Token::string`] decodes it.
    String,
    /// Digits with their point and exponent.
    Number,
    /// `$1` or `?`.
    Parameter,
    /// An operator of one or more characters, or a single punctuation mark. `::`, `:=` and `..` are one token.
    Operator,
    /// A `;` between statements.
    Separator,
    /// A string, quoted name or comment that is not closed, to the end of the text.
    Unclosed,
    /// What hyperd takes for no token at all: a backslash with the name behind it, a lone `$`, a control character.
    Invalid,
}

/// A token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text, never empty.
    pub text: &'a str,
    /// Where it begins in the whole text, in bytes.
    pub start: usize,
}

impl Token<'_> {
    /// Where it ends in the whole text, in bytes.
    #[must_use]
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// Cuts a text into hyperd's tokens: without a gap, in order, none empty. Joined they are the text.
///
/// Nothing is copied, and the work is linear in the length of the text. A string, a quoted name or a comment that is not
/// closed is one token with everything behind it.
#[must_use]
pub fn tokens(sql: &str) -> Tokens<'_> {
    Tokens { sql, at: 0 }
}

/// The iterator that [`tokens`] returns.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    sql: &'a str,
    at: usize,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = &self.sql[self.at..];
        let (kind, length) = first(rest)?;
        let (kind, length) = match length {
            Some(length) => (kind, length),
            None => (Kind::Unclosed, rest.len()),
        };
        let start = self.at;
        self.at += length;
        Some(Token { kind, text: &rest[..length], start })
    }
}

impl FusedIterator for Tokens<'_> {}

/// The kind and the length of the first token; no length if it is not closed, `None` at the end.
fn first(sql: &str) -> Option<(Kind, Option<usize>)> {
    let head = sql.chars().next()?;
    let second = sql[head.len_utf8()..].chars().next();
    Some(match (head, second) {
        (';', _) => (Kind::Separator, Some(1)),
        ('-', Some('-')) | ('/', Some('*')) => (Kind::Comment, comment(sql)),
        (head, _) if is_blank(head) => (Kind::Blank, Some(run(sql, is_blank))),
        ('e' | 'E', Some('\'')) => (Kind::String, escape_string(sql)),
        ('n' | 'N' | 'b' | 'B' | 'x' | 'X', Some('\'')) => (Kind::String, plain_string(sql, 1)),
        ('u' | 'U', Some('&')) if sql[2..].starts_with('\'') => {
            (Kind::String, with_uescape(sql, plain_string(sql, 2)))
        }
        ('u' | 'U', Some('&')) if sql[2..].starts_with('"') => {
            (Kind::QuotedName, with_uescape(sql, quoted_name(sql, 2)))
        }
        ('\'', _) => (Kind::String, plain_string(sql, 0)),
        ('"', _) => (Kind::QuotedName, quoted_name(sql, 0)),
        ('$', Some('0'..='9')) => (Kind::Parameter, Some(1 + run(&sql[1..], |c| c.is_ascii_digit()))),
        ('$', _) => dollar(sql),
        ('?', _) => (Kind::Parameter, Some(1)),
        // As in hyperd's lexer it takes the name after it along, so that `\E'` begins no escape string.
        ('\\', _) => (Kind::Invalid, Some(1 + run(&sql[1..], continues_name))),
        (head, _) if head.is_ascii_digit() => (Kind::Number, Some(number(sql))),
        ('.', Some('0'..='9')) => (Kind::Number, Some(number(sql))),
        (head, _) if continues_name(head) => (Kind::Word, Some(word(sql))),
        (':', Some(':' | '=')) | ('.', Some('.')) => (Kind::Operator, Some(2)),
        (head, _) if is_operator(head) => (Kind::Operator, Some(operator(sql))),
        ('(' | ')' | '[' | ']' | '{' | '}' | ',' | '.' | ':', _) => (Kind::Operator, Some(1)),
        (head, _) => (Kind::Invalid, Some(head.len_utf8())),
    })
}

/// Whether hyperd's lexer skips this character between tokens; found by sending it every character.
///
/// A blank beyond ASCII that follows an unquoted name directly belongs to the name instead: the first one, not those
/// behind it.
#[must_use]
pub fn is_blank(c: char) -> bool {
    is_ascii_blank(c) || is_wide_blank(c)
}

pub(super) fn is_ascii_blank(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ')
}

fn is_wide_blank(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{2000}'..='\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{3000}' | '\u{feff}')
}

/// What a name is made of. Unlike PostgreSQL's, names hold no `$`.
fn continues_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || (!c.is_ascii() && !is_blank(c))
}

fn is_operator(c: char) -> bool {
    matches!(c, '+' | '-' | '*' | '/' | '<' | '>' | '=' | '~' | '!' | '@' | '#' | '%' | '^' | '&' | '|' | '`')
}

fn run(sql: &str, belongs: fn(char) -> bool) -> usize {
    sql.find(|c| !belongs(c)).unwrap_or(sql.len())
}

/// A name without quotes, and one blank beyond ASCII that touches its end.
fn word(sql: &str) -> usize {
    let length = run(sql, continues_name);
    let blank = sql[length..].chars().next().filter(|c| is_wide_blank(*c));
    length + blank.map_or(0, char::len_utf8)
}

/// Ends before a comment.
fn operator(sql: &str) -> usize {
    let length = run(sql, is_operator);
    let comment = |opening| sql[..length].find(opening).filter(|at| *at > 0);
    [comment("--"), comment("/*")].into_iter().flatten().min().unwrap_or(length)
}

/// A comment at the beginning: to the end of the line (not including it), or to the first `*/`; hyperd's do not nest.
/// `None` if there is none, or it is not closed.
pub(super) fn comment(sql: &str) -> Option<usize> {
    if sql.starts_with("--") {
        return Some(sql.find(['\n', '\r']).unwrap_or(sql.len()));
    }
    let body = sql.strip_prefix("/*")?;
    body.find("*/").map(|end| 2 + end + 2)
}

/// `"..."` behind a prefix; a doubled quote is a quote.
fn quoted_name(sql: &str, prefix: usize) -> Option<usize> {
    let mut at = prefix;
    loop {
        at += 1 + sql[at + 1..].find('"')? + 1;
        if !sql[at..].starts_with('"') {
            return Some(at);
        }
    }
}

/// `'...'` behind a prefix, and the parts that continue it.
fn plain_string(sql: &str, prefix: usize) -> Option<usize> {
    let mut at = prefix;
    loop {
        at += 1 + sql[at + 1..].find('\'')? + 1;
        // Also reached by a doubled quote: read as two parts that touch, the end is the same.
        match continuation(&sql[at..]) {
            Some(gap) => at += gap,
            None => return Some(at),
        }
    }
}

/// `E'...'`, where a backslash hides the character after it, and the parts that continue it.
fn escape_string(sql: &str) -> Option<usize> {
    let mut at = 1;
    loop {
        at += escaped_part(&sql[at..])?;
        // Also reached by a doubled quote: what comes after it is read by the same rules.
        match continuation(&sql[at..]) {
            Some(gap) => at += gap,
            None => return Some(at),
        }
    }
}

/// From quote to quote; `None` if it is not closed.
pub(super) fn escaped_part(sql: &str) -> Option<usize> {
    let mut hidden = false;
    for (at, byte) in sql.bytes().enumerate().skip(1) {
        match byte {
            _ if hidden => hidden = false,
            b'\\' => hidden = true,
            b'\'' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// How far away the string goes on: 0 for a doubled quote. After a line break or a comment a next `'...'` is part of
/// the same string, and is read by the same rules.
pub(super) fn continuation(sql: &str) -> Option<usize> {
    let mut at = 0;
    let mut separated = false;
    loop {
        let rest = &sql[at..];
        match *rest.as_bytes().first()? {
            b'\'' => return (at == 0 || separated).then_some(at),
            b'\n' | b'\r' => {
                separated = true;
                at += 1;
            }
            b' ' | b'\t' | b'\x0c' => at += 1,
            _ => {
                at += comment(rest)?;
                separated = true;
            }
        }
    }
}

/// Takes the `UESCAPE '!'` along that follows `U&...`; comments may not stand between.
fn with_uescape(sql: &str, length: Option<usize>) -> Option<usize> {
    let length = length?;
    Some(length + uescape(&sql[length..]).map_or(0, |(_, length)| length))
}

/// The character and the length of a `UESCAPE` clause with the blanks before it.
pub(super) fn uescape(sql: &str) -> Option<(char, usize)> {
    let word = sql.trim_start_matches(is_ascii_blank);
    let (uescape, rest) = word.split_at_checked(7)?;
    let quoted = rest.trim_start_matches(is_ascii_blank);
    match quoted.as_bytes() {
        [b'\'', escape, b'\'', ..] if uescape.eq_ignore_ascii_case("uescape") && *escape != b'\'' => {
            Some((char::from(*escape), sql.len() - quoted.len() + 3))
        }
        _ => None,
    }
}

/// `$$...$$` or `$tag$...$tag$`. A tag may hold anything but `$`.
fn dollar(sql: &str) -> (Kind, Option<usize>) {
    let Some(tag) = sql[1..].find('$') else { return (Kind::Invalid, Some(1)) };
    let (delimiter, body) = sql.split_at(1 + tag + 1);
    (Kind::String, body.find(delimiter).map(|end| delimiter.len() + end + delimiter.len()))
}

/// A number with its exponent, so that the `e` of `1e5` begins no name.
fn number(sql: &str) -> usize {
    let whole = run(sql, |c| c.is_ascii_digit());
    let digits = match sql[whole..].strip_prefix('.') {
        Some(fraction) => whole + 1 + run(fraction, |c| c.is_ascii_digit()),
        None => whole,
    };
    let Some(exponent) = sql[digits..].strip_prefix(['e', 'E']) else { return digits };
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    match run(unsigned, |c| c.is_ascii_digit()) {
        0 => digits,
        length => sql.len() - unsigned.len() + length,
    }
}
