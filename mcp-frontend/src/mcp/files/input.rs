//! What a caller says of some data.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use encoding_rs::Encoding;
use serde::Deserialize;
use serde_json::Value;

use super::dialect::Told;
use super::meter::Content;
use crate::mcp::disk::{Kind, blocking, shown};
use crate::mcp::failure::{Failure, nearest};
use crate::mcp::state::State;
use crate::mcp::wildcard::Wildcard;

/// Files that one input may be made of.
const MOST_FILES: usize = 1000;

/// Where data comes from, and what it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    path: Option<OneOrMore>,
    data: Option<Value>,
    format: Option<Format>,
    /// Types of columns, where those that are found are not wanted.
    #[serde(default)]
    pub(crate) schema: BTreeMap<String, String>,
    json_path: Option<String>,
    /// Of a .hyper file.
    pub(crate) from_table: Option<String>,
    delimiter: Option<String>,
    header: Option<bool>,
    quote: Option<String>,
    escape: Option<String>,
    encoding: Option<String>,
    null: Option<OneOrMore>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    #[serde(alias = "tsv", alias = "txt")]
    Csv,
    #[serde(alias = "jsonl", alias = "ndjson")]
    Json,
    Parquet,
    #[serde(alias = "arrow_ipc", alias = "feather", alias = "ipc")]
    Arrow,
    Iceberg,
    Hyper,
}

impl Input {
    /// What there is to read, if the caller may read it, and what it is.
    pub(crate) async fn contents(&self, state: &State) -> Result<(Format, Vec<Content>), Failure> {
        let contents = match (&self.path, &self.data) {
            (Some(path), None) => files(path, state).await?.into_iter().map(Content::File).collect(),
            (None, Some(Value::String(text))) => vec![Content::Inline(text.as_str().into())],
            (None, Some(data @ (Value::Array(_) | Value::Object(_)))) => {
                vec![Content::Inline(data.to_string().into())]
            }
            (None, Some(_)) => {
                return Err(Failure::new("`data` is CSV or JSON as a string, or an array of objects."));
            }
            _ => return Err(Failure::new("Pass either `path` or `data`.")),
        };
        let format = match (self.format, &contents[0]) {
            (Some(format), _) => format,
            (None, Content::Inline(text)) if text.trim_start().starts_with(['[', '{']) => Format::Json,
            (None, Content::Inline(_)) => Format::Csv,
            (None, Content::File(path)) => {
                let content = contents[0].clone();
                let looking = move || of_file(content.path(), &content);
                state.disk.long(path, looking).await.map_err(|fault| fault.failure("read"))??
            }
        };
        let inline = matches!(contents[0], Content::Inline(_));
        if inline && !matches!(format, Format::Csv | Format::Json) {
            return Err(Failure::new("`data` is CSV or JSON; pass other formats by `path`."));
        }
        Ok((format, contents))
    }

    /// What a file's name says that it is.
    pub(crate) fn format_of_name(path: &Path) -> Option<&'static str> {
        of_name(path).map(Format::name)
    }

    pub(crate) fn has_data(&self) -> bool {
        self.path.is_some() || self.data.is_some()
    }

    /// Whether the data is in files.
    pub(crate) fn has_path(&self) -> bool {
        self.path.is_some()
    }

    pub(crate) fn json_path(&self) -> &str {
        self.json_path.as_deref().unwrap_or_default()
    }

    /// What was said of CSV.
    pub(crate) fn told(&self) -> Result<Told, Failure> {
        let byte = |name: &str, text: &str| match (text, text.as_bytes()) {
            ("tab" | "\\t", _) => Ok(b'\t'),
            (_, [byte]) if byte.is_ascii() => Ok(*byte),
            _ => Err(Failure::new(format!("`{name}` is one ASCII character, not \"{text}\"."))),
        };
        let quote = match self.quote.as_deref() {
            None => None,
            Some("" | "none") => Some(None),
            Some(text) => Some(Some(byte("quote", text)?)),
        };
        Ok(Told {
            delimiter: self.delimiter.as_deref().map(|text| byte("delimiter", text)).transpose()?,
            header: self.header,
            quote,
            escape: self.escape.as_deref().map(|text| byte("escape", text)).transpose()?,
            nulls: self.null.as_ref().map(OneOrMore::all).unwrap_or_default().to_vec(),
        })
    }

    pub(crate) fn encoding(&self) -> Result<Option<&'static Encoding>, Failure> {
        let Some(name) = &self.encoding else { return Ok(None) };
        Encoding::for_label(name.as_bytes()).map(Some).ok_or_else(|| {
            Failure::new(format!(
                "There is no encoding {name}; there are utf-8, windows-1252, utf-16le, shift_jis ..."
            ))
        })
    }

    /// The type that the caller wants for a column.
    pub(crate) fn wanted(&self, column: &str) -> Option<&str> {
        self.schema.get(column).map(String::as_str)
    }

    /// Whether `schema` speaks of columns that are there, in types that can be types.
    pub(crate) fn check_schema(&self, columns: &[&str]) -> Result<(), Failure> {
        for (column, ty) in &self.schema {
            if !columns.contains(&column.as_str()) {
                let near = nearest(column, columns.iter().copied());
                let meant = near.first().map_or(String::new(), |near| format!(" Did you mean {near}?"));
                return Err(Failure::new(format!(
                    "`schema` names a column \"{column}\", which is not there.{meant} There are: {}.",
                    columns.join(", ")
                )));
            }
            let is_type = ty.starts_with(|c: char| c.is_ascii_alphabetic())
                && ty.chars().all(|c| c.is_ascii_alphanumeric() || " (),_".contains(c));
            if !is_type {
                return Err(Failure::new(format!(
                    "`schema`: \"{ty}\" is no type. Types are integer, bigint, numeric(18,2), double precision, boolean, \
                     date, timestamp, text ..."
                )));
            }
        }
        Ok(())
    }
}

impl OneOrMore {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(all) => all,
        }
    }
}

/// The files of a path, several paths, or a pattern such as `/data/*.csv`, by name.
async fn files(path: &OneOrMore, state: &State) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in path.all() {
        let found = find(path, state).await?;
        let count = files.len() + found.files.len();
        if count > MOST_FILES {
            return Err(Failure::new(format!(
                "`path` is {count} files; at most {MOST_FILES} can be one table."
            )));
        }
        for file in found.files {
            // What is found there may be a link to somewhere else.
            files.push(state.paths.to_read(file).await?);
        }
    }
    if files.is_empty() {
        return Err(Failure::new(
            "No file matches `path`. Next: give the absolute path of a file that exists.",
        ));
    }
    Ok(files)
}

/// What a path or pattern leads to.
#[derive(Debug, Default)]
pub(crate) struct FoundFiles {
    /// In a canonical folder; they may be links, or no files.
    pub(crate) files: Vec<PathBuf>,
    /// The folder that was searched, if it was a pattern.
    pub(crate) folder: Option<PathBuf>,
    /// There are more entries in the folder than were looked at.
    pub(crate) is_cut: bool,
}

/// The file or folder of a path, or the files of a pattern in its last part, by name.
pub(crate) async fn find(path: &str, state: &State) -> Result<FoundFiles, Failure> {
    let place = Path::new(path);
    let name = place.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_pattern =
        Wildcard::is_one(name) && !state.disk.exists(place).await.map_err(|fault| fault.failure("read"))?;
    if !is_pattern {
        return Ok(FoundFiles { files: vec![place.to_owned()], ..FoundFiles::default() });
    }
    let pattern = Wildcard::of_files(name)?;
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = state.paths.to_read(folder).await?;
    let listing =
        state.disk.run(&folder, move |folder| blocking::names(folder, |name| pattern.matches_file(name)));
    let listing = listing.await.map_err(|fault| fault.failure("listed"))?;
    let mut found =
        FoundFiles { is_cut: listing.is_cut, folder: Some(folder.clone()), ..FoundFiles::default() };
    for name in listing.names {
        found.files.push(folder.join(name));
    }
    Ok(found)
}

/// By its name, or by how it begins.
fn of_file(path: &Path, content: &Content) -> Result<Format, Failure> {
    if is_folder(path).map_err(|error| content.unreadable(&error))? {
        if is_folder(&path.join("metadata")).unwrap_or(false) {
            return Ok(Format::Iceberg);
        }
        return Err(Failure::new(format!(
            "{0} is a folder, and no Iceberg table. Next: give a file, or several as {0}/*.csv.",
            shown(path)
        )));
    }
    Ok(match of_name(path) {
        Some(format) => format,
        None => {
            let head = content.head(64).map_err(|error| content.unreadable(&error))?;
            match head.trim_ascii_start() {
                [b'P', b'A', b'R', b'1', ..] => Format::Parquet,
                [b'A', b'R', b'R', b'O', b'W', b'1', ..] | [0xff, 0xff, 0xff, 0xff, ..] => Format::Arrow,
                [b'[' | b'{', ..] => Format::Json,
                _ if head.contains(&0)
                    && !head.starts_with(b"\xff\xfe")
                    && !head.starts_with(b"\xfe\xff") =>
                {
                    return Err(Failure::new(format!(
                        "It is not clear what {} is. Next: pass `format`: csv, json, parquet, arrow, iceberg or hyper.",
                        shown(path)
                    )));
                }
                _ => Format::Csv,
            }
        }
    })
}

/// By its name alone.
fn of_name(path: &Path) -> Option<Format> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    Some(match name.rsplit_once('.')?.1 {
        "csv" | "tsv" | "txt" | "tab" => Format::Csv,
        "json" | "jsonl" | "ndjson" | "geojson" => Format::Json,
        "parquet" | "pq" => Format::Parquet,
        "arrow" | "arrows" | "feather" | "ipc" => Format::Arrow,
        "hyper" => Format::Hyper,
        _ => return None,
    })
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Iceberg => "iceberg",
            Self::Hyper => "hyper",
        }
    }
}

fn is_folder(path: &Path) -> io::Result<bool> {
    blocking::about(path).map(|about| about.kind == Kind::Folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_could_be_something_else_are_refused() {
        let input: Input =
            serde_json::from_value(serde_json::json!({"data": "a", "schema": {"a": "text); DROP"}})).unwrap();

        assert!(input.check_schema(&["a"]).unwrap_err().text().contains("no type"));
    }

    #[test]
    fn a_misspelled_column_is_answered_with_the_nearest() {
        let input: Input =
            serde_json::from_value(serde_json::json!({"data": "a", "schema": {"amont": "text"}})).unwrap();

        assert!(input.check_schema(&["id", "amount"]).unwrap_err().text().contains("Did you mean amount?"));
    }
}
