//! The few tokens that decide where a statement ends.

/// What a token means for splitting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Blanks or a closed comment: no statement on their own.
    Blank,
    /// A `;` between statements.
    Separator,
    /// Part of a statement.
    Text,
}

/// A stretch of the text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Cuts a text into tokens: without a gap, in order, none empty.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    sql: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        Self { sql, at: 0 }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let rest = &self.sql[self.at..];
        let (kind, length) = first(rest)?;
        let start = self.at;
        self.at += length;
        Some(Token { kind, start, end: self.at })
    }
}

/// The kind and the length of the first token; `None` at the end.
fn first(sql: &str) -> Option<(Kind, usize)> {
    let head = sql.chars().next()?;
    let second = sql[head.len_utf8()..].chars().next();
    Some(match (head, second) {
        (';', _) => (Kind::Separator, 1),
        ('-', Some('-')) | ('/', Some('*')) => match comment(sql) {
            Some(length) => (Kind::Blank, length),
            None => (Kind::Text, sql.len()),
        },
        (head, _) if is_blank(head) => (Kind::Blank, run(sql, is_blank)),
        ('e' | 'E', Some('\'')) => (Kind::Text, escape_string(sql)),
        ('\'' | '"', _) => (Kind::Text, quoted(sql)),
        ('$', _) => (Kind::Text, dollar(sql)),
        // Never valid; as in Hyper's lexer it takes the name after it along, so that `\E'` begins no escape string.
        ('\\', _) => (Kind::Text, 1 + run(&sql[1..], continues_name)),
        (head, _) if head.is_ascii_digit() => (Kind::Text, number(sql)),
        (head, _) if continues_name(head) => (Kind::Text, run(sql, continues_name)),
        (head, _) => (Kind::Text, head.len_utf8()),
    })
}

/// What Hyper's lexer skips between tokens; found by sending it every character.
fn is_blank(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ' | '\u{a0}' | '\u{2000}'..='\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{3000}' | '\u{feff}')
}

/// What a name is made of. Unlike PostgreSQL's, names hold no `$`. (Hyper counts a blank beyond ASCII that touches a
/// name's end to the name; where a statement ends is the same.)
fn continues_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || (!c.is_ascii() && !is_blank(c))
}

fn run(sql: &str, belongs: fn(char) -> bool) -> usize {
    sql.find(|c| !belongs(c)).unwrap_or(sql.len())
}

/// A comment at the beginning: to the end of the line (not including it), or to the first `*/`; Hyper's do not nest.
/// `None` if there is none, or it is not closed.
fn comment(sql: &str) -> Option<usize> {
    if sql.starts_with("--") {
        return Some(sql.find(['\n', '\r']).unwrap_or(sql.len()));
    }
    let body = sql.strip_prefix("/*")?;
    body.find("*/").map(|end| 2 + end + 2)
}

/// `'...'` or `"..."`. A doubled quote is a quote; read as two that touch, the end is the same.
fn quoted(sql: &str) -> usize {
    let quote = &sql[..1];
    sql[1..].find(quote).map_or(sql.len(), |end| 1 + end + 1)
}

/// `E'...'`, where a backslash hides the character after it, and the parts that continue it.
fn escape_string(sql: &str) -> usize {
    let mut at = 1;
    loop {
        let Some(length) = escaped_part(&sql[at..]) else { return sql.len() };
        at += length;
        // Also reached by a doubled quote: what comes after it is read by the same rules.
        match continuation(&sql[at..]) {
            Some(gap) => at += gap,
            None => return at,
        }
    }
}

/// From quote to quote; `None` if it is not closed.
fn escaped_part(sql: &str) -> Option<usize> {
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
fn continuation(sql: &str) -> Option<usize> {
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

/// `$$...$$` or `$tag$...$tag$`. A tag may hold anything but `$`, and does not begin with a digit: `$1` is a parameter.
fn dollar(sql: &str) -> usize {
    let after = &sql[1..];
    if after.starts_with(|c: char| c.is_ascii_digit()) {
        return 1;
    }
    let Some(tag) = after.find('$') else { return 1 };
    let (delimiter, body) = sql.split_at(1 + tag + 1);
    body.find(delimiter).map_or(sql.len(), |end| delimiter.len() + end + delimiter.len())
}

/// A number with its exponent, so that the `e` of `1e5` begins no name.
fn number(sql: &str) -> usize {
    let digits = run(sql, |c| c.is_ascii_digit() || c == '.');
    let Some(exponent) = sql[digits..].strip_prefix(['e', 'E']) else { return digits };
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    match run(unsigned, |c| c.is_ascii_digit()) {
        0 => digits,
        length => sql.len() - unsigned.len() + length,
    }
}
