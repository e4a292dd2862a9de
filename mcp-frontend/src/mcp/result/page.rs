//! As many rows as fit an answer.

use hyperwire_tokio::core::row::{Columns, Row};
use serde_json::{Value, json};

use super::value::put_value;
use crate::mcp::failure::Failure;

/// How large an answer may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) rows: usize,
    /// Of the rows' JSON.
    pub(crate) bytes: usize,
}

impl Limits {
    /// About 8,000 tokens at most: Claude Code warns of results beyond 10,000.
    pub(crate) const DEFAULT: Self = Self { rows: 200, bytes: 24_000 };
    /// What may be asked for.
    pub(crate) const MOST: Self = Self { rows: 10_000, bytes: 1_000_000 };

    /// The defaults, or what was asked for, if that is reasonable.
    pub(crate) fn asked(rows: Option<usize>, bytes: Option<usize>) -> Self {
        Self {
            rows: rows.unwrap_or(Self::DEFAULT.rows).min(Self::MOST.rows),
            bytes: bytes.unwrap_or(Self::DEFAULT.bytes).clamp(1, Self::MOST.bytes),
        }
    }
}

/// A result's columns: what a reader needs to know of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head(Vec<(String, u32, String)>);

impl Head {
    pub(crate) fn of(columns: &Columns) -> Self {
        Self(
            columns
                .iter()
                .map(|column| (column.name().to_owned(), column.type_oid(), column.to_string()))
                .collect(),
        )
    }

    /// `[{"name": ..., "type": ...}]`
    pub(crate) fn json(&self) -> Value {
        self.0.iter().map(|(name, _, ty)| json!({"name": name, "type": ty})).collect()
    }

    /// Appends a row as a JSON array; `longest` cuts values that alone would fill an answer.
    pub(crate) fn put_row(
        &self,
        row: &Row<'_>,
        longest: Option<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        out.push(b'[');
        for (index, ((name, type_oid, _), value)) in self.0.iter().zip(row.iter()).enumerate() {
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
    let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let cut = format!("{}… [{} more bytes]", &text[..end], text.len() - end);
    crate::sql::format::json::put_string(&cut, out);
}

/// Rows of a result, within limits.
#[derive(Debug)]
pub(crate) struct Page {
    limits: Limits,
    /// Rows, separated by commas.
    json: Vec<u8>,
    pub(crate) rows: usize,
    pub(crate) cut: bool,
}

impl Page {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, json: Vec::new(), rows: 0, cut: false }
    }

    /// Takes a row that is JSON already; false, and it is not taken, if it does not fit.
    pub(crate) fn push(&mut self, row: &[u8]) -> bool {
        if self.rows == self.limits.rows
            || (self.rows > 0 && self.json.len() + row.len() >= self.limits.bytes)
        {
            return false;
        }
        if self.rows > 0 {
            self.json.push(b',');
        }
        self.json.extend_from_slice(row);
        self.rows += 1;
        true
    }

    /// How long a value of this page may be: a row that does not fit into an empty page is cut.
    pub(crate) fn longest(&self, columns: usize) -> usize {
        (self.limits.bytes / columns.max(1)).saturating_sub(40).max(20)
    }

    pub(crate) fn is_too_long(&self, row: &[u8]) -> bool {
        row.len() > self.limits.bytes
    }

    /// The rows as JSON.
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        let mut whole = Vec::with_capacity(self.json.len() + 2);
        whole.push(b'[');
        whole.extend_from_slice(&self.json);
        whole.push(b']');
        serde_json::from_slice(&whole).map_err(|error| {
            Failure::new(format!("A row is no JSON: {error}. This is a defect of hyperwire."))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_takes_rows_until_either_limit() {
        let mut by_rows = Page::new(Limits { rows: 2, bytes: 100 });
        let mut by_bytes = Page::new(Limits { rows: 100, bytes: 8 });

        assert_eq!([b"[1]", b"[2]", b"[3]"].map(|row| by_rows.push(row)), [true, true, false]);
        assert_eq!([b"[1]", b"[2]", b"[3]"].map(|row| by_bytes.push(row)), [true, true, false]);
        assert_eq!(by_rows.json().unwrap(), json!([[1], [2]]));
    }

    #[test]
    fn a_first_row_is_always_taken() {
        let mut page = Page::new(Limits { rows: 10, bytes: 2 });

        assert!(page.push(b"[1,2,3]"));
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let mut out = Vec::new();

        put_cut("ééé", 3, &mut out);

        assert_eq!(String::from_utf8(out).unwrap(), "\"é… [4 more bytes]\"");
    }
}
