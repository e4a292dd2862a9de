//! Tables for people, in bounded memory: the first rows decide how wide the columns are.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::shape::Shape;
use super::{ColumnHead, RowWriter};

/// A column is made no wider than this for its values, so that one long value does not fill every row with blanks.
const MAX_WIDTH: usize = 100;

const NULL: &str = "NULL";
const NULL_STYLE: Style = Style::new().dimmed();

/// When to stop holding rows back: at the first bound that is reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) rows: usize,
    /// Of all values together.
    pub(super) bytes: usize,
    /// Since the first row, looked at when a row arrives.
    pub(super) time: Duration,
}

impl Sample {
    pub(super) const DEFAULT: Self = Self { rows: 500, bytes: 1 << 20, time: Duration::from_secs(1) };
}

pub(super) struct Table<'w> {
    out: &'w mut dyn Write,
    sample: Sample,
    styled: bool,
    columns: Vec<Column>,
    held: Option<Held>,
    in_result: bool,
    /// Results after the first output are set apart by an empty line.
    written: bool,
    rows: u64,
    line: String,
}

struct Column {
    name: String,
    right: bool,
    width: usize,
}

/// Rows that wait for the columns' widths.
#[derive(Default)]
struct Held {
    rows: Vec<Vec<Option<String>>>,
    bytes: usize,
    since: Option<Instant>,
}

impl<'w> Table<'w> {
    pub(super) fn new(out: &'w mut dyn Write, sample: Sample, styled: bool) -> Self {
        Self {
            out,
            sample,
            styled,
            columns: Vec::new(),
            held: None,
            in_result: false,
            written: false,
            rows: 0,
            line: String::new(),
        }
    }

    /// Settles the widths, and writes the head and what was held back.
    fn release(&mut self) -> io::Result<()> {
        let Some(held) = self.held.take() else { return Ok(()) };
        for (index, column) in self.columns.iter_mut().enumerate() {
            let widths = held
                .rows
                .iter()
                .filter_map(|row| row.get(index))
                .map(|field| shown(field.as_deref()).width());
            let widest = widths.max().unwrap_or(0);
            column.width = column.name.width().max(widest.min(MAX_WIDTH));
        }
        self.head()?;
        for row in &held.rows {
            let fields: Vec<_> = row.iter().map(Option::as_deref).collect();
            self.write_row(&fields)?;
        }
        Ok(())
    }

    fn head(&mut self) -> io::Result<()> {
        self.line.clear();
        for (index, column) in self.columns.iter().enumerate() {
            let position =
                Position { first: index == 0, last: index + 1 == self.columns.len(), continued: false };
            column.put(&column.name, position, None, &mut self.line);
        }
        self.line.push('\n');
        for (index, column) in self.columns.iter().enumerate() {
            let _ = write!(self.line, "{}{:-<2$}", if index > 0 { "+" } else { "" }, "", column.width + 2);
        }
        self.line.push('\n');
        self.out.write_all(self.line.as_bytes())
    }

    fn write_row(&mut self, fields: &[Option<&str>]) -> io::Result<()> {
        let cells: Vec<Cell<'_>> = fields.iter().map(|field| shown(*field)).collect();
        let mut lines: Vec<_> = cells.iter().map(|cell| cell.lines().peekable()).collect();
        self.line.clear();
        loop {
            for (index, (column, lines)) in self.columns.iter().zip(&mut lines).enumerate() {
                let text = lines.next().unwrap_or_default();
                let continued = lines.peek().is_some();
                let position =
                    Position { first: index == 0, last: index + 1 == self.columns.len(), continued };
                let style = (self.styled && fields[index].is_none()).then_some(NULL_STYLE);
                column.put(&text, position, style, &mut self.line);
            }
            self.line.push('\n');
            if lines.iter_mut().all(|lines| lines.peek().is_none()) {
                break;
            }
        }
        self.out.write_all(self.line.as_bytes())
    }
}

impl RowWriter for Table<'_> {
    fn begin(&mut self, columns: &[ColumnHead<'_>]) -> io::Result<()> {
        if std::mem::replace(&mut self.written, true) {
            self.out.write_all(b"\n")?;
        }
        let column = |head: &ColumnHead<'_>| Column {
            name: visible(head.name).into_owned(),
            right: Shape::of(head.type_oid) == Shape::Number,
            width: 0,
        };
        self.columns = columns.iter().map(column).collect();
        self.held = Some(Held::default());
        self.in_result = true;
        self.rows = 0;
        Ok(())
    }

    fn row(&mut self, fields: &[Option<&str>]) -> io::Result<()> {
        self.rows += 1;
        let Some(held) = &mut self.held else { return self.write_row(fields) };
        held.rows.push(fields.iter().map(|field| field.map(str::to_owned)).collect());
        held.bytes += fields.iter().flatten().map(|text| text.len()).sum::<usize>();
        let waited = held.since.get_or_insert_with(Instant::now).elapsed();
        if held.rows.len() >= self.sample.rows
            || held.bytes >= self.sample.bytes
            || waited >= self.sample.time
        {
            self.release()?;
        }
        Ok(())
    }

    fn finish(&mut self, tag: &str) -> io::Result<()> {
        self.release()?;
        self.written = true;
        match (std::mem::take(&mut self.in_result), self.rows) {
            (false, _) => writeln!(self.out, "{tag}")?,
            (true, 1) => writeln!(self.out, "(1 row)")?,
            (true, rows) => writeln!(self.out, "({rows} rows)")?,
        }
        self.out.flush()
    }

    fn break_off(&mut self) -> io::Result<()> {
        self.release()?;
        self.in_result = false;
        self.out.flush()
    }
}

/// Where a piece of text stands.
#[derive(Clone, Copy)]
struct Position {
    first: bool,
    last: bool,
    /// The value goes on in the next line.
    continued: bool,
}

impl Column {
    /// One line of one cell. A text that is too wide moves what comes after it.
    fn put(&self, text: &str, position: Position, style: Option<Style>, line: &mut String) {
        let padding = self.width.saturating_sub(text.width());
        let (left, right) = if self.right { (padding, 0) } else { (0, padding) };
        line.push_str(if position.first { " " } else { "| " });
        blanks(left, line);
        match style {
            Some(style) => drop(write!(line, "{style}{text}{style:#}")),
            None => line.push_str(text),
        }
        match (position.last, position.continued) {
            (true, false) => {}
            (_, continued) => {
                blanks(right, line);
                line.push(if continued { '+' } else { ' ' });
            }
        }
    }
}

fn blanks(count: usize, line: &mut String) {
    line.extend(std::iter::repeat_n(' ', count));
}

/// What to show for a value.
struct Cell<'a>(Cow<'a, str>);

impl Cell<'_> {
    fn lines(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.0.split('\n').map(visible)
    }

    fn width(&self) -> usize {
        self.lines().map(|line| line.width()).max().unwrap_or(0)
    }
}

/// NULL as `NULL`. A text that could be taken for it gets quotes: `NULL` as `"NULL"`, and `"NULL"` as `""NULL""`.
fn shown(field: Option<&str>) -> Cell<'_> {
    Cell(match field {
        None => NULL.into(),
        Some(text) if text.trim_matches('"') == NULL => format!("\"{text}\"").into(),
        Some(text) => text.into(),
    })
}

/// Control characters as escapes: they would break the table, and could command the terminal.
fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if c.is_control() => escaped.extend(c.escape_default()),
            c => escaped.push(c),
        }
    }
    escaped.into()
}
