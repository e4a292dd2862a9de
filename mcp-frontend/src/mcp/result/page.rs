//! As many rows as fit an answer.

use hyperwire_tokio::hyperwire_core::row::{Columns, Row};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::value::put_value;
use crate::mcp::failure::Failure;

/// How large an answer may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) rows: usize,
    /// Of the whole answer's JSON, the names of its columns included.
    pub(crate) bytes: usize,
}

impl Limits {
    /// About 8,000 tokens at most: Claude Code warns of results beyond 10,000.
    pub(crate) const DEFAULT: Self = Self { rows: 200, bytes: 24_000 };
    /// What may be asked for.
    pub(crate) const MOST: Self = Self { rows: 10_000, bytes: 1_000_000 };
    /// Less is not enough for what every answer says besides rows.
    pub(crate) const LEAST_BYTES: usize = 1_000;

    /// The defaults, or what was asked for, if that is reasonable.
    pub(crate) fn asked(rows: Option<usize>, bytes: Option<usize>) -> Self {
        Self {
            rows: rows.unwrap_or(Self::DEFAULT.rows).min(Self::MOST.rows),
            bytes: bytes.unwrap_or(Self::DEFAULT.bytes).clamp(Self::LEAST_BYTES, Self::MOST.bytes),
        }
    }

    /// What is left for columns and rows.
    fn inner(self) -> usize {
        let warnings = if self.bytes < ROOMY { A_WARNING } else { SOME_WARNINGS };
        self.bytes.saturating_sub(FRAME + warnings)
    }
}

/// What an answer of rows has besides columns and rows, at most, in bytes.
const FRAME: usize = 205;
/// What the longest warning takes.
const A_WARNING: usize = 220;
/// What is left for warnings where there is room.
const SOME_WARNINGS: usize = 450;
/// Answers of so many bytes have it.
const ROOMY: usize = 4_000;
/// No value is cut to less, in bytes of JSON.
const LEAST_VALUE: usize = 30;

/// A result's columns: what a reader needs to know of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    columns: Vec<Column>,
    /// How many columns the result has; those that are here may be fewer.
    total: usize,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    type_oid: u32,
    ty: String,
}

impl Column {
    fn json(&self) -> Value {
        json!({"name": self.name, "type": self.ty})
    }

    /// Cuts the name so that the column's JSON is not much longer than `room`.
    fn cut(&mut self, room: usize) {
        let mut longest = room;
        while self.json().to_string().len() > room && longest > 0 {
            longest /= 2;
            self.name = shortened(&self.name, longest);
        }
    }
}

impl Head {
    pub(crate) fn of(columns: &Columns) -> Self {
        let columns: Vec<_> = columns
            .iter()
            .map(|column| Column {
                name: column.name().to_owned(),
                type_oid: column.type_oid(),
                ty: column.to_string(),
            })
            .collect();
        let total = columns.len();
        Self { columns, total }
    }

    /// The first columns, as many as an answer has room for with a value of each; at least one.
    pub(crate) fn within(mut self, limits: Limits) -> Self {
        if self.room(limits).is_some() {
            return self;
        }
        let room = limits.inner();
        let mut used = 4;
        let fits = self.columns.iter().take_while(|column| {
            used += column.json().to_string().len() + 1 + LEAST_VALUE + 1;
            used <= room
        });
        let fits = fits.count().max(1);
        self.columns.truncate(fits);
        if let [only] = &mut self.columns[..] {
            only.cut(room.saturating_sub(LEAST_VALUE + 8));
        }
        self
    }

    /// How many bytes are left for rows; `None` if not even one fits.
    fn room(&self, limits: Limits) -> Option<usize> {
        let names: usize = self.columns.iter().map(|column| column.json().to_string().len() + 1).sum();
        let room = limits.inner().checked_sub(names + 4)?;
        (room >= self.columns.len() * (LEAST_VALUE + 1) + 2).then_some(room)
    }

    /// Whether the result has more columns.
    pub(crate) fn is_cut(&self) -> bool {
        self.columns.len() < self.total
    }

    /// What to say if it has.
    pub(crate) fn warning(&self) -> Option<String> {
        self.is_cut().then(|| {
            format!(
                "The first {} of {} columns are shown: more do not fit. Next: select fewer columns, or give a larger max_bytes.",
                self.columns.len(),
                self.total
            )
        })
    }

    /// `[{"name": ..., "type": ...}]`
    pub(crate) fn json(&self) -> Value {
        self.columns.iter().map(Column::json).collect()
    }

    /// Appends a row as a JSON array; values of more than `longest` bytes are cut.
    pub(crate) fn put_row(
        &self,
        row: &Row<'_>,
        longest: Option<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        out.push(b'[');
        for (index, (Column { name, type_oid, .. }, value)) in self.columns.iter().zip(row.iter()).enumerate()
        {
            if index > 0 {
                out.push(b',');
            }
            let text = value.bytes().map(str::from_utf8).transpose().map_err(|_| {
                Failure::new(format!(
                    "Column \"{name}\" has a text that is not UTF-8. Next: leave it out of the query."
                ))
            })?;
            match (text, longest) {
                (Some(text), Some(longest)) if text.len() > longest => put_cut(text, longest, out),
                _ => put_value(text, *type_oid, out),
            }
        }
        out.push(b']');
        Ok(())
    }
}

/// The beginning of a text, with how much is missing.
fn put_cut(text: &str, longest: usize, out: &mut Vec<u8>) {
    crate::sql::format::json::put_string(&shortened(text, longest), out);
}

/// The same, as text. What is missing of one that is cut already counts, too.
fn shortened(text: &str, longest: usize) -> String {
    const BEFORE: &str = "… [";
    const AFTER: &str = " more bytes]";
    let cut_before = text
        .strip_suffix(AFTER)
        .and_then(|text| text.rsplit_once(BEFORE))
        .and_then(|(text, missing)| Some((text, missing.parse::<usize>().ok()?)));
    let (text, missing) = cut_before.unwrap_or((text, 0));
    let end = (0..=longest.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{BEFORE}{}{AFTER}", &text[..end], missing + text.len() - end)
}

/// A row's first values, cut so that they fit.
fn recut(row: &[u8], columns: usize, room: usize) -> Result<Vec<u8>, Failure> {
    let values: Vec<&RawValue> = serde_json::from_slice(row).map_err(|error| not_json(&error))?;
    let values = &values[..values.len().min(columns)];
    let mut longest = (room / values.len().max(1)).saturating_sub(40);
    loop {
        let mut out = vec![b'['];
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            match value.get() {
                raw if raw.len() <= longest.max(LEAST_VALUE) => out.extend_from_slice(raw.as_bytes()),
                raw => match serde_json::from_str::<String>(raw) {
                    Ok(text) => put_cut(&text, longest, &mut out),
                    Err(_) => put_cut(raw, longest, &mut out),
                },
            }
        }
        out.push(b']');
        if out.len() <= room || longest == 0 {
            return Ok(out);
        }
        longest /= 2;
    }
}

fn not_json(error: &serde_json::Error) -> Failure {
    Failure::new(format!("A row is no JSON: {error}. This is a defect of hyperwire."))
}

/// Rows of a result, within limits.
#[derive(Debug)]
pub(crate) struct Page {
    most_rows: usize,
    /// Bytes of the rows' JSON.
    room: usize,
    /// How many values a row has.
    columns: usize,
    /// Rows, separated by commas.
    json: Vec<u8>,
    pub(crate) rows: usize,
    /// Whether values were cut.
    pub(crate) cut: bool,
}

impl Page {
    /// Rows of these columns, which are within the limits.
    pub(crate) fn of(head: &Head, limits: Limits) -> Self {
        Self {
            most_rows: limits.rows,
            room: head.room(limits).unwrap_or(0),
            columns: head.columns.len(),
            json: Vec::new(),
            rows: 0,
            cut: false,
        }
    }

    /// Takes a row that is JSON already; false, and it is not taken, if it does not fit. The first one is made to fit.
    pub(crate) fn push(&mut self, row: &[u8], head: &Head) -> Result<bool, Failure> {
        if self.rows == self.most_rows {
            return Ok(false);
        }
        let cut;
        let mut row = row;
        if head.is_cut() || (self.rows == 0 && row.len() + 2 > self.room) {
            let room = if self.rows == 0 { self.room.saturating_sub(2) } else { usize::MAX };
            cut = recut(row, self.columns, room)?;
            self.cut |= cut.windows(BYTES.len()).any(|part| part == BYTES);
            row = &cut;
        }
        if self.rows > 0 && self.json.len() + row.len() + 3 > self.room {
            return Ok(false);
        }
        if self.rows > 0 {
            self.json.push(b',');
        }
        self.json.extend_from_slice(row);
        self.rows += 1;
        Ok(true)
    }

    /// How long a value may be that is to be shown at all.
    pub(crate) fn longest(&self) -> usize {
        if self.rows == 0 && self.most_rows > 0 { self.room } else { Limits::MOST.bytes }
    }

    /// The rows as JSON.
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        let mut whole = Vec::with_capacity(self.json.len() + 2);
        whole.push(b'[');
        whole.extend_from_slice(&self.json);
        whole.push(b']');
        serde_json::from_slice(&whole).map_err(|error| not_json(&error))
    }
}

/// Leaves as many of the items as fit into so many bytes of JSON; how many bytes these take.
pub(crate) fn keep_fitting(items: &mut Vec<Value>, room: usize) -> usize {
    let mut used = 0;
    let fits = items.iter().take_while(|item| {
        let more = item.to_string().len() + 1;
        let fits = used + more <= room;
        used += if fits { more } else { 0 };
        fits
    });
    let fits = fits.count();
    items.truncate(fits);
    used
}

/// The end of a value that was cut.
const BYTES: &[u8] = b" more bytes]\"";

#[cfg(test)]
mod tests {
    use super::*;

    fn head(names: &[&str]) -> Head {
        let column =
            |name: &&str| Column { name: (*name).to_owned(), type_oid: 23, ty: "integer".to_owned() };
        Head { columns: names.iter().map(column).collect(), total: names.len() }
    }

    #[test]
    fn a_page_takes_rows_until_either_limit() {
        let head = head(&["a"]);
        let mut by_rows = Page::of(&head, Limits { rows: 2, bytes: 1_000 });
        let mut by_bytes = Page::of(&head, Limits { rows: 1_000, bytes: 1_000 });

        let taken = [b"[1]", b"[2]", b"[3]"].map(|row| by_rows.push(row, &head).unwrap());
        while by_bytes.push(b"[1234]", &head).unwrap() {}

        assert_eq!(taken, [true, true, false]);
        assert_eq!(by_rows.json().unwrap(), json!([[1], [2]]));
        let all = by_bytes.json().unwrap().to_string().len();
        assert!((500..600).contains(&all), "{all}");
    }

    #[test]
    fn a_first_row_is_always_taken_and_made_to_fit() {
        let head = head(&["a", "b", "c"]);
        let mut page = Page::of(&head, Limits { rows: 10, bytes: 1_000 });
        let (text, escapes) = ("é".repeat(5_000), "\u{1}".repeat(5_000));

        assert!(page.push(json!([text, escapes, 7]).to_string().as_bytes(), &head).unwrap());

        let rows = page.json().unwrap();
        assert!(rows.to_string().len() <= 600 && page.cut, "{rows}");
        assert_eq!(rows[0][2], json!(7));
        assert!(rows[0][0].as_str().unwrap().starts_with("éé"), "{rows}");
    }

    #[test]
    fn columns_that_do_not_fit_are_left_out_and_told() {
        let names: Vec<_> = (0..1_000).map(|number| format!("a column with a name {number}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        for bytes in [1_000, 3_000, 4_000, 24_000, 1_000_000] {
            let limits = Limits { rows: 10, bytes };
            let head = head(&names).within(limits);
            let mut page = Page::of(&head, limits);
            let row = json!(vec!["x".repeat(100); 1_000]).to_string();

            assert!(page.push(row.as_bytes(), &head).unwrap());

            let (columns, rows) = (head.json(), page.json().unwrap());
            let all = columns.to_string().len() + rows.to_string().len();
            assert!(all + FRAME + A_WARNING <= bytes, "{all} of {bytes}");
            assert_eq!(columns.as_array().unwrap().len(), rows[0].as_array().unwrap().len());
            assert_eq!(head.warning().is_some(), bytes < 1_000_000, "{bytes}");
        }
    }

    #[test]
    fn a_name_that_alone_does_not_fit_is_cut() {
        let name = "n".repeat(60_000);
        let limits = Limits { rows: 1, bytes: 2_000 };

        let head = head(&[&name, "b"]).within(limits);

        assert!(head.json().to_string().len() < 1_800, "{}", head.json().to_string().len());
        assert!(Page::of(&head, limits).push(b"[1,2]", &head).unwrap());
    }

    #[test]
    fn items_are_kept_as_far_as_they_fit() {
        let mut items = vec![json!("abc"), json!("d"), json!("e")];

        assert_eq!(keep_fitting(&mut items, 11), 10);
        assert_eq!(items, [json!("abc"), json!("d")]);
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let mut out = Vec::new();

        put_cut("ééé", 3, &mut out);

        assert_eq!(String::from_utf8(out).unwrap(), "\"é… [4 more bytes]\"");
        assert_eq!(shortened("ab… [4 more bytes]", 1), "a… [5 more bytes]");
    }
}
