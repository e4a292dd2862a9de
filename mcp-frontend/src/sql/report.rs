//! Errors for people: what happened, where in their text, and what to do.
//!
//! Written with styles; whoever owns the stream strips them where they do not belong.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use hyperwire_core::sql::Statement;
use unicode_width::UnicodeWidthStr;

use super::client::ServerReport;
use super::source::Source;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const LABEL: Style = Style::new().bold();

/// A line longer than this is cut to the neighbourhood of the place, in characters.
const EXCERPT: usize = 160;

/// A message without a place.
pub(crate) fn error(err: &mut dyn Write, message: &str) -> io::Result<()> {
    writeln!(err, "{ERROR}error:{ERROR:#} {message}")
}

/// What the server says against a statement.
pub(crate) fn server_error(
    err: &mut dyn Write,
    report: &ServerReport,
    source: &Source,
    statement: Statement<'_>,
) -> io::Result<()> {
    error(err, &report.message)?;
    if !report.sqlstate.is_empty() {
        writeln!(err, "{LABEL}SQLSTATE{LABEL:#} {}", report.sqlstate)?;
    }
    let place = place_in(statement.text, report);
    if let Some(place) = place {
        excerpt(err, source, statement.start + place)?;
    }
    // Where Hyper gives a place, its detail draws the same picture again.
    let detail = report.detail.as_deref().map(|detail| detail.trim_matches('\n'));
    match detail.filter(|detail| place.is_none() || !detail.starts_with("line ")) {
        Some(detail) if detail.contains('\n') => writeln!(err, "{LABEL}detail:{LABEL:#}\n{detail}")?,
        Some(detail) => writeln!(err, "{LABEL}detail:{LABEL:#} {detail}")?,
        None => {}
    }
    if let Some(hint) = &report.hint {
        writeln!(err, "{LABEL}hint:{LABEL:#} {hint}")?;
    }
    Ok(())
}

/// A warning of the server.
pub(crate) fn notice(err: &mut dyn Write, report: &ServerReport) -> io::Result<()> {
    writeln!(err, "{WARNING}warning:{WARNING:#} {} (SQLSTATE {})", report.message, report.sqlstate)
}

/// The byte that a report points at: its position, or for a statement that ends too early (Hyper gives none then) the
/// line and column that its detail begins with. A place after the end is the end.
fn place_in(statement: &str, report: &ServerReport) -> Option<usize> {
    let (from, characters) = match report.position {
        Some(position) => (0, position.checked_sub(1)?),
        None => {
            let (line, column) = line_and_column(report.detail.as_deref()?)?;
            let mut starts = std::iter::once(0).chain(statement.match_indices('\n').map(|(at, _)| at + 1));
            (starts.nth(line.checked_sub(1)?)?, column.checked_sub(1)?)
        }
    };
    let rest = &statement[from..];
    Some(from + rest.char_indices().nth(characters).map_or(rest.len(), |(at, _)| at))
}

fn line_and_column(detail: &str) -> Option<(usize, usize)> {
    let (line, rest) = detail.trim_start().strip_prefix("line ")?.split_once(", column ")?;
    let (column, _) = rest.split_once(':')?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// The line of the text around a byte, with a caret under it.
fn excerpt(err: &mut dyn Write, source: &Source, place: usize) -> io::Result<()> {
    let text = &source.text;
    let start = text[..place].rfind('\n').map_or(0, |at| at + 1);
    let end = text[place..].find('\n').map_or(text.len(), |at| place + at);
    let line = text[start..end].trim_end_matches('\r');
    let place = (place - start).min(line.len());

    let number = 1 + text[..start].matches('\n').count();
    let column = 1 + line[..place].chars().count();
    match &source.name {
        Some(name) => writeln!(err, "{LABEL}{name}:{number}:{column}{LABEL:#}")?,
        None => writeln!(err, "{LABEL}line {number}, column {column}{LABEL:#}")?,
    }
    let (before, after) = neighbourhood(line, place);
    writeln!(err, "  {before}{after}")?;
    writeln!(err, "  {}{ERROR}^{ERROR:#}", blank_like(&before))
}

/// What to show of a line before and after the place, fit for a terminal.
fn neighbourhood(line: &str, place: usize) -> (String, String) {
    let (before, after) = line.split_at(place);
    let length = line.chars().count();
    let dropped = match length.checked_sub(EXCERPT) {
        None | Some(0) => 0,
        Some(surplus) => before.chars().count().saturating_sub(EXCERPT / 2).min(surplus),
    };
    let mut shown_before: String = before.chars().skip(dropped).map(printable).collect();
    if dropped > 0 {
        shown_before.insert(0, '…');
    }
    let room = EXCERPT - (before.chars().count() - dropped).min(EXCERPT);
    let mut shown_after: String = after.chars().take(room).map(printable).collect();
    if after.chars().count() > room {
        shown_after.push('…');
    }
    (shown_before, shown_after)
}

/// Control characters could do anything to a terminal.
fn printable(c: char) -> char {
    if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }
}

/// Blanks as wide as the text: a tab for a tab, two blanks for a wide character, nothing for an accent.
fn blank_like(text: &str) -> String {
    let widths = text.split('\t').map(|part| " ".repeat(part.width()));
    widths.collect::<Vec<_>>().join("\t")
}

#[cfg(test)]
mod tests {
    use hyperwire_core::sql::split;

    use super::*;

    fn source(text: &str) -> Source {
        Source { name: None, text: text.into() }
    }

    /// Renders a report against the last statement.
    fn rendered(source: &Source, report: &ServerReport) -> String {
        let statement = split(&source.text).last().expect("a statement");
        let mut plain = Vec::new();
        {
            let mut strip = anstream::StripStream::new(&mut plain as &mut dyn Write);
            server_error(&mut strip, report, source, statement).unwrap();
        }
        String::from_utf8(plain).unwrap()
    }

    fn unknown_column(position: usize) -> ServerReport {
        ServerReport {
            sqlstate: "42703".into(),
            message: "unknown column 'foo'".into(),
            position: Some(position),
            ..ServerReport::default()
        }
    }

    #[test]
    fn every_field_has_its_line() {
        let report = ServerReport {
            detail: Some("\nline 1, column 8: select foo\n                         ^~~".into()),
            hint: Some("Did you mean 'fob'?".into()),
            ..unknown_column(8)
        };

        let text = rendered(&source("select foo"), &report);

        let expected = "\
error: unknown column 'foo'
SQLSTATE 42703
line 1, column 8
  select foo
         ^
hint: Did you mean 'fob'?
";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_place_is_counted_in_the_whole_file() {
        let mut file = source("select 1;\n\n-- two\nselect 2,\r\n  foo;");
        file.name = Some("queries.sql".into());

        let text = rendered(&file, &unknown_column(14));

        assert!(text.ends_with("queries.sql:5:3\n    foo;\n    ^\n"), "{text}");
    }

    #[test]
    fn the_caret_stays_under_its_character_after_tabs_wide_characters_and_accents() {
        let text = rendered(&source("\tselect '日本',\t'e\u{301}', foo"), &unknown_column(20));

        assert!(
            text.ends_with("  \tselect '日本',\t'e\u{301}', foo\n  \t              \t     ^\n"),
            "{text}"
        );
    }

    #[test]
    fn a_statement_that_ends_too_early_is_pointed_at_by_its_detail() {
        let report = ServerReport {
            sqlstate: "42601".into(),
            message: "syntax error: got end of input".into(),
            detail: Some("\nline 2, column 7: from (\n                  ^".into()),
            ..ServerReport::default()
        };

        let text = rendered(&source("select 1;\nselect 1\nfrom ("), &report);

        assert!(text.ends_with("line 3, column 7\n  from (\n        ^\n"), "{text}");
    }

    #[test]
    fn a_detail_that_is_not_a_place_is_shown() {
        let report = ServerReport {
            sqlstate: "22P02".into(),
            message: "invalid input syntax for integer".into(),
            detail: Some("'x'".into()),
            ..ServerReport::default()
        };

        let text = rendered(&source("select cast('x' as int)"), &report);

        assert_eq!(text, "error: invalid input syntax for integer\nSQLSTATE 22P02\ndetail: 'x'\n");
    }

    #[test]
    fn a_place_out_of_bounds_is_the_end() {
        for position in [11, 12, usize::MAX] {
            let text = rendered(&source("select foo"), &unknown_column(position));

            assert!(text.ends_with("line 1, column 11\n  select foo\n            ^\n"), "{text}");
        }
    }

    #[test]
    fn a_long_line_is_cut_to_the_neighbourhood() {
        let long = format!("select {}foo{}", "1, ".repeat(1000), ", 2".repeat(1000));

        let text = rendered(&source(&long), &unknown_column(3008));

        let lines: Vec<_> = text.lines().collect();
        let caret = lines[4].chars().position(|c| c == '^').unwrap();
        assert_eq!(lines[3].chars().skip(caret).take(3).collect::<String>(), "foo");
        assert!(lines[3].chars().count() <= 2 + EXCERPT + 2, "{}", lines[3]);
    }

    #[test]
    fn an_excerpt_cannot_command_the_terminal() {
        let text = rendered(&source("select '\u{1b}[2J', foo"), &unknown_column(15));

        assert!(!text.contains('\u{1b}'));
        assert!(text.ends_with("  select '\u{fffd}[2J', foo\n                ^\n"), "{text:?}");
    }
}
