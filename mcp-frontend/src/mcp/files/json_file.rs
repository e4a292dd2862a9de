//! JSON files, written down as CSV: hyperd reads JSON as one column of documents.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use super::budget::expect_short;
use super::csv_file::path;
use super::dialect::Dialect;
use super::evidence::{Evidence, Place};
use super::json::{JsonPath, RowSink, read};
use super::kind::{Kind, classify};
use super::meter::{Content, Meter};
use super::sheet::Sheet;
use super::text_table::{TextColumn, TextTable};
use crate::mcp::failure::Failure;

/// More members than any table has: the rows are objects with the key of each record as a name.
const MOST_COLUMNS: usize = 2000;

/// Reads all of it and writes it down. A member that first turns up in a later row costs a second reading, as does one that
/// a row does not have, if `tells_presence`: then it is also written down which members each row has.
pub(crate) fn survey(
    contents: &[Content],
    json_path: &JsonPath,
    tells_presence: bool,
    scratch: &Path,
    meter: &Meter,
) -> Result<TextTable, Failure> {
    let mut records = Records::new(Sheet::create(scratch)?, Vec::new());
    records.read(contents, json_path, meter)?;
    let has_presence = tells_presence && records.is_partial;
    if records.is_late || has_presence {
        let names = records.columns.into_iter().map(|column| column.name).collect();
        records = Records::new(Sheet::create(scratch)?, names);
        records.has_presence = has_presence;
        records.read(contents, json_path, meter)?;
    }
    if records.columns.is_empty() {
        return Err(Failure::new(format!(
            "{} has no rows, so there are no columns. Next: check json_path and the file.",
            contents.first().map_or("data".to_owned(), Content::name)
        )));
    }
    let copy = records.sheet.finish()?;
    Ok(TextTable {
        files: vec![path(&copy)?],
        temporary: vec![copy],
        dialect: Dialect::OURS,
        is_compressed: false,
        columns: records.columns,
        has_presence,
        names: contents.iter().map(Content::name).collect(),
        unit: "row",
        read_as: "json".to_owned(),
    })
}

/// Rows, whose columns become known as they come.
struct Records {
    sheet: Sheet,
    columns: Vec<TextColumn>,
    by_name: HashMap<String, usize>,
    /// The row that is being read: what stands in `text`, by column.
    cells: Vec<Option<(Range<usize>, Kind)>>,
    text: String,
    /// Where the next member is expected: rows tend to be alike.
    next: usize,
    place: Place,
    rows: u64,
    /// A column was not known when the first rows were written.
    is_late: bool,
    /// Some row does not have all members.
    is_partial: bool,
    /// Of the row that is being read: which members it has, as a text of `1` and `0` by column.
    presence: String,
    /// Whether `presence` is written down, as a last column.
    has_presence: bool,
}

impl Records {
    fn new(sheet: Sheet, names: Vec<String>) -> Self {
        let mut records = Self {
            sheet,
            columns: Vec::new(),
            by_name: HashMap::new(),
            cells: Vec::new(),
            text: String::new(),
            next: 0,
            place: Place::default(),
            rows: 0,
            is_late: false,
            is_partial: false,
            presence: String::new(),
            has_presence: false,
        };
        for name in names {
            records.add(&name);
        }
        records
    }

    fn read(&mut self, contents: &[Content], json_path: &JsonPath, meter: &Meter) -> Result<(), Failure> {
        for (file, content) in contents.iter().enumerate() {
            let mut input = content.open(meter).map_err(|error| content.unreadable(&error))?;
            let start = input.fill_buf().map_err(|error| content.unreadable(&error))?;
            if start.starts_with(b"\xef\xbb\xbf") {
                input.consume(3);
            }
            self.place = Place { file, line: 1 };
            read(input, json_path, self)
                .map_err(|failure| failure.advise(&format!("The file was {}.", content.name())))?;
        }
        Ok(())
    }

    fn add(&mut self, name: &str) -> usize {
        let index = self.columns.len();
        self.columns.push(TextColumn { name: name.to_owned(), evidence: Evidence::default() });
        self.by_name.insert(name.to_owned(), index);
        self.cells.push(None);
        self.presence.push('0');
        index
    }

    fn column(&mut self, name: &str) -> Result<usize, Failure> {
        if self.columns.get(self.next).is_some_and(|column| column.name == name) {
            return Ok(self.next);
        }
        if let Some(index) = self.by_name.get(name) {
            return Ok(*index);
        }
        if self.columns.len() == MOST_COLUMNS {
            return Err(Failure::new(format!(
                "The rows have more than {MOST_COLUMNS} different members. Next: if the names are keys of records, make \
                 an array of objects of them; if the rows are nested deeper, give json_path."
            )));
        }
        self.is_late |= self.rows > 0;
        self.is_partial |= self.rows > 0;
        Ok(self.add(name))
    }
}

impl RowSink for Records {
    fn field(&mut self, name: &str, json: &str) -> Result<(), Failure> {
        let row = self.place.line;
        expect_short(json, name, || format!("row {row}"))?;
        let index = self.column(name)?;
        self.next = index + 1;
        self.presence.replace_range(index..=index, "1");
        let start = self.text.len();
        let kind = match json.as_bytes().first() {
            Some(b'n') | None => {
                self.cells[index] = None;
                return Ok(());
            }
            Some(b'"') => {
                let text: Cow<'_, str> = unescaped(json)?;
                self.text.push_str(&text);
                // Digits in quotes are meant as text.
                Some(classify(&text)).filter(|kind| kind.is_time()).unwrap_or(Kind::Text)
            }
            Some(first) => {
                self.text.push_str(json);
                match first {
                    b't' | b'f' => Kind::Boolean,
                    b'{' | b'[' => Kind::Json,
                    _ if json == "-0" => Kind::Float,
                    _ => classify(json),
                }
            }
        };
        self.cells[index] = Some((start..self.text.len(), kind));
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        let Self { columns, cells, text, .. } = self;
        for (column, cell) in columns.iter_mut().zip(cells.iter()) {
            match cell {
                Some((at, kind)) if !at.is_empty() => {
                    column.evidence.see_as(*kind, &text[at.clone()], self.place)
                }
                _ => column.evidence.see_null(),
            }
        }
        self.is_partial |= self.presence.contains('0');
        if !self.is_late {
            let presence = self.has_presence.then_some(Some(self.presence.as_str()));
            let cells = cells.iter().map(|cell| cell.as_ref().map(|(at, _)| &text[at.clone()]));
            self.sheet.row(cells.chain(presence))?;
        }
        self.rows += 1;
        self.place.line += 1;
        self.next = 0;
        self.text.clear();
        self.cells.iter_mut().for_each(|cell| *cell = None);
        self.presence = "0".repeat(self.columns.len());
        Ok(())
    }
}

fn unescaped(json: &str) -> Result<Cow<'_, str>, Failure> {
    let inside = &json[1..json.len() - 1];
    if !inside.contains('\\') {
        return Ok(Cow::Borrowed(inside));
    }
    let text =
        serde_json::from_str(json).map_err(|error| Failure::new(format!("It is no JSON: {error}.")))?;
    Ok(Cow::Owned(text))
}
