//! Text of several statements, taken apart.
//!
//! Hyper refuses a Query message with more than one statement, so a client splits. [`split`] reads the text as Hyper's
//! own lexer does (verified on hyperd 0.0.26963): a `;` separates statements unless it stands in a string, a quoted
//! identifier, a dollar quote or a comment.

use core::iter::FusedIterator;

use super::token::{Kind, Tokens, tokens};

/// A statement inside of a longer text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Statement<'a> {
    /// The statement, without the `;` and without the blanks and comments around it.
    pub text: &'a str,
    /// Where it begins in the whole text, in bytes. Adding it to a place in `text` gives the place in the whole.
    pub start: usize,
}

/// The statements of `sql` in their order. Parts without a statement (blanks, comments, a lone `;`) are skipped.
///
/// A string, quoted identifier or comment that is not closed belongs to its statement, with everything after it: the
/// server then reports it. Nothing is copied, and the work is linear in the length of the text.
#[must_use]
pub fn split(sql: &str) -> Split<'_> {
    Split { tokens: tokens(sql), sql }
}

/// The iterator that [`split`] returns.
#[derive(Clone, Debug)]
pub struct Split<'a> {
    tokens: Tokens<'a>,
    sql: &'a str,
}

impl<'a> Iterator for Split<'a> {
    type Item = Statement<'a>;

    fn next(&mut self) -> Option<Statement<'a>> {
        let mut found: Option<(usize, usize)> = None;
        for token in self.tokens.by_ref() {
            match token.kind {
                Kind::Separator if found.is_some() => break,
                Kind::Separator | Kind::Blank | Kind::Comment => {}
                _ => found = Some((found.map_or(token.start, |(start, _)| start), token.end())),
            }
        }
        found.map(|(start, end)| Statement { text: &self.sql[start..end], start })
    }
}

impl FusedIterator for Split<'_> {}
