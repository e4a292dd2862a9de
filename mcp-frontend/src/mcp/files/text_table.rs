//! A table whose values are texts in CSV files that hyperd reads.

use super::dialect::Dialect;
use super::evidence::{Evidence, Place};
use crate::mcp::disk::TemporaryPath;
use crate::mcp::engine::{literal, quoted};

/// Rows in CSV files, looked through from end to end.
#[derive(Debug)]
pub(crate) struct TextTable {
    pub(crate) files: Vec<String>,
    /// Those of `files` that are removed with this.
    pub(crate) temporary: Vec<TemporaryPath>,
    pub(crate) dialect: Dialect,
    pub(crate) is_compressed: bool,
    pub(crate) columns: Vec<TextColumn>,
    /// Whether the files have one column more: of each row, which of `columns` it has, as a text of as many `1` and `0`.
    pub(crate) has_presence: bool,
    /// What the caller gave, for messages.
    pub(crate) names: Vec<String>,
    /// What a place's line counts.
    pub(crate) unit: &'static str,
    /// How it was read, for the caller.
    pub(crate) read_as: String,
}

/// A column, and what its values say.
#[derive(Clone, Debug)]
pub(crate) struct TextColumn {
    pub(crate) name: String,
    pub(crate) evidence: Evidence,
}

impl TextTable {
    /// What to select from, with a type for each of the columns.
    pub(crate) fn external(&self, types: &[String]) -> String {
        let mut columns: Vec<_> = self
            .columns
            .iter()
            .zip(types)
            .map(|(column, ty)| format!("{} {ty}", quoted(&column.name)))
            .collect();
        if let Some(presence) = self.presence() {
            columns.push(format!("{} text", quoted(&presence)));
        }
        let files: Vec<_> = self.files.iter().map(|file| literal(file)).collect();
        let mut sql = format!(
            "external(array[{}], format => 'csv', delimiter => {}, header => {}",
            files.join(", "),
            literal(&char::from(self.dialect.delimiter).to_string()),
            self.dialect.header
        );
        if let Some(quote) = self.dialect.quote.filter(|quote| *quote != b'"') {
            sql.push_str(&format!(", quote => {0}, escape => {0}", literal(&char::from(quote).to_string())));
        }
        if self.is_compressed {
            sql.push_str(", compression => 'gzip'");
        }
        // An empty text is no number and no date.
        let null_if_empty: Vec<_> = self
            .columns
            .iter()
            .zip(types)
            .filter(|(_, ty)| !is_text(ty))
            .map(|(column, _)| literal(&column.name))
            .collect();
        if !null_if_empty.is_empty() {
            sql.push_str(&format!(", force_null => array[{}]", null_if_empty.join(", ")));
        }
        sql.push_str(&format!(", columns => DESCRIPTOR({}))", columns.join(", ")));
        sql
    }

    /// The name of the column that says which columns a row has, if there is one: no other column has it.
    pub(crate) fn presence(&self) -> Option<String> {
        let names: Vec<_> = self.columns.iter().map(|column| column.name.as_str()).collect();
        self.has_presence.then(|| free_name("present", &names))
    }

    /// A place in words.
    pub(crate) fn place(&self, place: Place) -> String {
        let name = self.names.get(place.file).map_or("data", String::as_str);
        format!("{name}, {} {}", self.unit, place.line)
    }
}

/// A name for SQL of our own that is like none of `taken`.
pub(crate) fn free_name(base: &str, taken: &[&str]) -> String {
    let mut name = format!("~{base}");
    while taken.iter().any(|taken| taken.eq_ignore_ascii_case(&name)) {
        name.push('~');
    }
    name
}

/// Whether an empty text is a value of the type.
fn is_text(ty: &str) -> bool {
    let ty = ty.trim().to_ascii_lowercase();
    ["text", "varchar", "char"].iter().any(|name| ty.starts_with(name))
}

/// Names that are there and differ: empty ones are numbered, repeated ones told apart. What was changed is told.
pub(crate) fn distinct(names: impl IntoIterator<Item = String>, warnings: &mut Vec<String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let base = if name.is_empty() { format!("column{}", index + 1) } else { name.clone() };
        let mut candidate = base.clone();
        let mut number = 1;
        while distinct.contains(&candidate) {
            number += 1;
            candidate = format!("{base}_{number}");
        }
        if candidate != name {
            warnings.push(format!(
                "Column {} is named \"{name}\" in the file; here it is \"{candidate}\".",
                index + 1
            ));
        }
        distinct.push(candidate);
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_missing_or_there_twice_are_told_apart() {
        let mut warnings = Vec::new();

        let names = distinct(["a", "", "a", "a_2"].map(str::to_owned), &mut warnings);

        assert_eq!(names, ["a", "column2", "a_2", "a_2_2"]);
        assert_eq!(warnings.len(), 3);
    }
}
