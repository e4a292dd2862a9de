//! JSON, with every digit that Hyper sent: numbers are copied, never converted.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, Write};

use serde_json::value::RawValue;

use super::shape::Shape;
use super::{ColumnHead, RowWriter};

/// What stands around the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// One array a result, an object a line in it.
    Array,
    /// An object a line and nothing else.
    Lines,
}

pub(crate) struct Json<'w> {
    out: &'w mut dyn Write,
    tags: &'w mut dyn Write,
    framing: Framing,
    objects: Objects,
    in_result: bool,
    rows: u64,
    line: Vec<u8>,
}

/// Rows as objects.
pub(crate) struct Objects(Vec<Column>);

struct Column {
    /// The name as a JSON string, and the colon.
    key: Vec<u8>,
    shape: Shape,
}

impl<'w> Json<'w> {
    pub(crate) fn new(out: &'w mut dyn Write, tags: &'w mut dyn Write, framing: Framing) -> Self {
        Self { out, tags, framing, objects: Objects(Vec::new()), in_result: false, rows: 0, line: Vec::new() }
    }
}

impl RowWriter for Json<'_> {
    fn begin(&mut self, columns: &[ColumnHead<'_>]) -> io::Result<()> {
        self.objects = Objects::new(columns);
        self.in_result = true;
        self.rows = 0;
        match self.framing {
            Framing::Array => self.out.write_all(b"["),
            Framing::Lines => Ok(()),
        }
    }

    fn row(&mut self, fields: &[Option<&str>]) -> io::Result<()> {
        self.line.clear();
        match (self.framing, self.rows) {
            (Framing::Lines, _) => {}
            (Framing::Array, 0) => self.line.push(b'\n'),
            (Framing::Array, _) => self.line.extend_from_slice(b",\n"),
        }
        self.objects.put(fields.iter().copied(), &mut self.line);
        if self.framing == Framing::Lines {
            self.line.push(b'\n');
        }
        self.rows += 1;
        self.out.write_all(&self.line)
    }

    fn finish(&mut self, tag: &str) -> io::Result<()> {
        match (std::mem::take(&mut self.in_result), self.framing, self.rows) {
            (false, ..) => writeln!(self.tags, "{tag}")?,
            (true, Framing::Lines, _) => {}
            (true, Framing::Array, 0) => self.out.write_all(b"]\n")?,
            (true, Framing::Array, _) => self.out.write_all(b"\n]\n")?,
        }
        self.out.flush()
    }

    fn break_off(&mut self) -> io::Result<()> {
        let open = std::mem::take(&mut self.in_result) && self.framing == Framing::Array;
        if open {
            self.out.write_all(b"\n")?;
        }
        self.out.flush()
    }
}

impl Objects {
    pub(crate) fn new(columns: &[ColumnHead<'_>]) -> Self {
        let column = |(head, name): (&ColumnHead<'_>, Cow<'_, str>)| {
            let mut key = Vec::new();
            put_string(&name, &mut key);
            key.push(b':');
            Column { key, shape: Shape::of(head.type_oid) }
        };
        Self(columns.iter().zip(keys(columns)).map(column).collect())
    }

    /// Appends a row: a field a column, in Hyper's text format, `None` for NULL.
    pub(crate) fn put<'f>(&self, fields: impl Iterator<Item = Option<&'f str>>, line: &mut Vec<u8>) {
        line.push(b'{');
        for (index, (column, field)) in self.0.iter().zip(fields).enumerate() {
            if index > 0 {
                line.push(b',');
            }
            line.extend_from_slice(&column.key);
            put_value(field, column.shape, line);
        }
        line.push(b'}');
    }
}

/// The columns' names, each once: when a name comes again it gets the lowest of `_2`, `_3` ... that no column has.
fn keys<'a>(columns: &[ColumnHead<'a>]) -> Vec<Cow<'a, str>> {
    let mut taken: HashSet<Cow<'a, str>> = columns.iter().map(|column| column.name.into()).collect();
    let mut seen = HashSet::new();
    let mut key = |name: &'a str| {
        if seen.insert(name) {
            return Cow::Borrowed(name);
        }
        let free = (2_u32..).map(|number| format!("{name}_{number}")).find(|key| !taken.contains(&**key));
        let key: Cow<'a, str> = free.expect("more numbers than columns").into();
        taken.insert(key.clone());
        key
    };
    columns.iter().map(|column| key(column.name)).collect()
}

fn put_value(field: Option<&str>, shape: Shape, line: &mut Vec<u8>) {
    let Some(text) = field else { return line.extend_from_slice(b"null") };
    match (shape, text) {
        (Shape::Boolean, "t") => line.extend_from_slice(b"true"),
        (Shape::Boolean, "f") => line.extend_from_slice(b"false"),
        (Shape::Number, _) if is_number(text) => line.extend_from_slice(text.as_bytes()),
        (Shape::Json, _) => put_document(text, line),
        (Shape::Array(element), _) => put_array(text, Shape::of(element), line),
        _ => put_string(text, line),
    }
}

/// A text as a JSON string.
pub(crate) fn put_string(text: &str, line: &mut Vec<u8>) {
    serde_json::to_writer(line, text).expect("a string goes into memory");
}

/// Whether this is a number as JSON writes them; `NaN` and `Infinity` are not.
pub(crate) fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && serde_json::from_str::<&RawValue>(text).is_ok()
}

/// A document as it is, but on one line: outside of its strings a line break is as good as a blank, and inside it
/// cannot be. What is not JSON becomes a string.
pub(crate) fn put_document(text: &str, line: &mut Vec<u8>) {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(document) => {
            let joined =
                document.get().bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte });
            line.extend(joined);
        }
        Err(_) => put_string(text, line),
    }
}

/// An array, element by element. What cannot be understood becomes a string, whole.
fn put_array(text: &str, element: Shape, line: &mut Vec<u8>) {
    let start = line.len();
    if put_elements(text, element, line).is_none() {
        line.truncate(start);
        put_string(text, line);
    }
}

fn put_elements(text: &str, shape: Shape, line: &mut Vec<u8>) -> Option<()> {
    let mut rest = text.strip_prefix('[')?;
    line.push(b'[');
    if rest == "]" {
        line.push(b']');
        return Some(());
    }
    loop {
        let element;
        (element, rest) = next_element(rest)?;
        put_value(element.as_deref(), shape, line);
        match rest {
            "]" => {
                line.push(b']');
                return Some(());
            }
            _ => rest = rest.strip_prefix(',')?,
        }
        line.push(b',');
    }
}

/// The first element of an array's text, and what comes after it. Quoted elements have a backslash before each quote
/// and backslash; an unquoted `NULL` is NULL.
pub(crate) fn next_element(text: &str) -> Option<(Option<Cow<'_, str>>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (bare, rest) = text.split_at(text.find([',', ']'])?);
        return Some(((bare != "NULL").then_some(bare.into()), rest));
    };
    let mut element = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return Some((Some(element.into()), characters.as_str())),
            '\\' => element.push(characters.next()?),
            c => element.push(c),
        }
    }
}
