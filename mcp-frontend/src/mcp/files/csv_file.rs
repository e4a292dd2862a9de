//! CSV files, looked through before hyperd reads them.

use std::io::Read;
use std::path::Path;

use csv::StringRecord;
use encoding_rs::{Encoding, WINDOWS_1252};

use super::budget::{Budget, Budgeted, expect_short};
use super::dialect::{Dialect, SAMPLE, Told};
use super::evidence::{Evidence, Place};
use super::meter::{Content, Meter};
use super::plain::Plain;
use super::quoting::Quoting;
use super::sheet::Sheet;
use super::text_table::{TextColumn, TextTable, distinct};
use crate::mcp::failure::Failure;

/// Looks through all of it. What hyperd would read differently, or not at all, is copied into a file that it reads alike.
pub(crate) fn survey(
    contents: &[Content],
    told: &Told,
    encoding: Option<&'static Encoding>,
    scratch: &Path,
    meter: &Meter,
    warnings: &mut Vec<String>,
) -> Result<TextTable, Failure> {
    let plain: Vec<_> = contents
        .iter()
        .map(|content| Plain::of(content, encoding, scratch, meter))
        .collect::<Result<_, _>>()?;
    let Some(first) = plain.first() else { return Err(Failure::new("There is no file to read.")) };
    let head = first.content.head(SAMPLE).map_err(|error| first.content.unreadable(&error))?;
    let mut pass = Pass {
        dialect: Dialect::of(&head, told),
        told,
        names: contents.iter().map(Content::name).collect(),
        columns: Vec::new(),
        is_odd: !told.nulls.is_empty()
            || plain.iter().any(|other| other.is_compressed != first.is_compressed),
        is_utf8: true,
        copy: None,
    };
    pass.is_odd |= pass.dialect.quote.is_none() || pass.dialect.escape.is_some();
    pass.files(&plain, meter, warnings)?;
    if !pass.is_utf8 {
        if encoding.is_some() {
            return Err(Failure::new(
                "The file is not UTF-8. Next: give its `encoding`, such as windows-1252.",
            ));
        }
        return survey(contents, told, Some(WINDOWS_1252), scratch, meter, warnings);
    }
    let read_as = pass.read_as(first.encoding);
    if pass.is_odd {
        pass.copy = Some(Sheet::create(scratch)?);
        pass.columns.iter_mut().for_each(|column| column.evidence = Evidence::default());
        pass.files(&plain, meter, &mut Vec::new())?;
    }
    let Pass { dialect, names, columns, copy, .. } = pass;
    let table = match copy {
        Some(copy) => {
            let copy = copy.finish()?;
            TextTable {
                files: vec![path(&copy)?],
                temporary: vec![copy],
                dialect: Dialect::OURS,
                is_compressed: false,
                columns,
                has_presence: false,
                names,
                unit: "line",
                read_as,
            }
        }
        None => TextTable {
            files: plain.iter().map(file).collect::<Result<_, _>>()?,
            is_compressed: first.is_compressed,
            temporary: plain.into_iter().filter_map(|plain| plain.temporary).collect(),
            dialect,
            columns,
            has_presence: false,
            names,
            unit: "line",
            read_as,
        },
    };
    Ok(table)
}

fn file(plain: &Plain) -> Result<String, Failure> {
    match &plain.content {
        Content::File(file) => path(file),
        Content::Inline(_) => {
            Err(Failure::new("Inline data was not written down. This is a defect of hyperwire."))
        }
    }
}

/// A path as hyperd takes it.
pub(crate) fn path(path: &Path) -> Result<String, Failure> {
    let text = path.to_str();
    text.map(str::to_owned).ok_or_else(|| {
        Failure::new(format!("The path {} is not UTF-8, which Hyper needs. Rename it.", path.display()))
    })
}

/// One way through all files.
struct Pass<'t> {
    dialect: Dialect,
    told: &'t Told,
    names: Vec<String>,
    columns: Vec<TextColumn>,
    /// hyperd must not read the files themselves.
    is_odd: bool,
    is_utf8: bool,
    copy: Option<Sheet>,
}

impl Pass<'_> {
    fn files(&mut self, files: &[Plain], meter: &Meter, warnings: &mut Vec<String>) -> Result<(), Failure> {
        for (index, file) in files.iter().enumerate() {
            let input = file.content.open(meter).map_err(|error| file.content.unreadable(&error))?;
            let quoting = Quoting::new(self.dialect.delimiter, self.dialect.quote.unwrap_or(b'"'));
            let budget = Budget::default();
            let input = Watched { input: Budgeted::new(input, budget.clone()), quoting };
            let mut reader = self.dialect.reader(input);
            self.rows(&mut reader, index, &budget, warnings)?;
            let mut watched = reader.into_inner();
            watched.quoting.end();
            self.is_odd |= watched.quoting.is_odd;
            if !self.is_utf8 {
                return Ok(());
            }
        }
        Ok(())
    }

    fn rows<R: Read>(
        &mut self,
        reader: &mut csv::Reader<R>,
        file: usize,
        budget: &Budget,
        warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let mut row = StringRecord::new();
        let mut is_first = true;
        loop {
            match reader.read_record(&mut row) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                    self.is_utf8 = false;
                    return Ok(());
                }
                Err(error) => {
                    return Err(Failure::new(format!("{} cannot be read: {error}.", self.names[file])));
                }
            }
            budget.renew();
            let line = row.position().map_or(0, csv::Position::line);
            let place = Place { file, line };
            if std::mem::take(&mut is_first) && self.begin(&row, place, warnings)? {
                continue;
            }
            if row.len() != self.columns.len() {
                return Err(self.ragged(&row, place));
            }
            self.row(&row, place)?;
        }
    }

    /// The first row of a file; true if it only names the columns.
    fn begin(
        &mut self,
        row: &StringRecord,
        place: Place,
        warnings: &mut Vec<String>,
    ) -> Result<bool, Failure> {
        let given = |(index, name): (usize, &str)| match self.dialect.header {
            true => name.trim_start_matches('\u{feff}').trim().to_owned(),
            false => format!("column{}", index + 1),
        };
        if self.columns.is_empty() {
            let names = distinct(row.iter().enumerate().map(given), warnings);
            self.columns =
                names.into_iter().map(|name| TextColumn { name, evidence: Evidence::default() }).collect();
        } else if self.dialect.header && place.file > 0 {
            let names = distinct(row.iter().enumerate().map(given), &mut Vec::new());
            if !names.iter().eq(self.columns.iter().map(|column| &column.name)) {
                return Err(Failure::new(format!(
                    "The columns of {} are {}, and those of {} are not. Next: load them separately, the second with mode append.",
                    self.names[place.file],
                    names.join(", "),
                    self.names[0]
                )));
            }
        }
        // hyperd takes a byte order mark for a part of the first value.
        self.is_odd |= !self.dialect.header && row.get(0).is_some_and(|field| field.starts_with('\u{feff}'));
        Ok(self.dialect.header)
    }

    fn row(&mut self, row: &StringRecord, place: Place) -> Result<(), Failure> {
        let nulls = &self.told.nulls;
        let value =
            |field| (!str::is_empty(field) && !nulls.iter().any(|null| null == field)).then_some(field);
        for (column, field) in self.columns.iter_mut().zip(row) {
            match value(field) {
                Some(text) => {
                    expect_short(text, &column.name, || {
                        format!("{}, line {}", self.names[place.file], place.line)
                    })?;
                    column.evidence.see(text, place);
                }
                None => column.evidence.see_null(),
            }
        }
        match &mut self.copy {
            Some(copy) => copy.row(row.iter().map(value)),
            None => Ok(()),
        }
    }

    fn ragged(&self, row: &StringRecord, place: Place) -> Failure {
        let shown: Vec<_> = row.iter().take(8).collect();
        Failure::new(format!(
            "{}, line {}: {} fields, where {} are expected ({}): {}. Nothing was loaded. Next: correct that line, or give \
             `delimiter`, `quote` or `header` if they were guessed wrong ({}).",
            self.names[place.file],
            place.line,
            row.len(),
            self.columns.len(),
            self.columns.iter().take(8).map(|column| column.name.as_str()).collect::<Vec<_>>().join(", "),
            shown.join(" | "),
            self.guessed()
        ))
    }

    fn guessed(&self) -> String {
        let shown = |byte: u8| match byte {
            b'\t' => "tab".to_owned(),
            byte => format!("`{}`", char::from(byte)),
        };
        format!(
            "delimiter {}, quote {}, {}",
            shown(self.dialect.delimiter),
            self.dialect.quote.map_or("none".to_owned(), shown),
            if self.dialect.header { "with header" } else { "no header" }
        )
    }

    fn read_as(&self, encoding: &'static Encoding) -> String {
        format!("csv: {}, {}", self.guessed(), encoding.name())
    }
}

/// Input whose quotes are watched.
struct Watched<R> {
    input: R,
    quoting: Quoting,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        if !self.quoting.is_odd {
            self.quoting.feed(&buffer[..read]);
        }
        Ok(read)
    }
}
