//! What files are written as.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::mcp::engine::literal;
use crate::mcp::failure::Failure;

/// A kind of file.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    Csv,
    Json,
    Jsonl,
    Parquet,
    Arrow,
    ArrowStream,
    Iceberg,
    Hyper,
}

/// How a kind of file may be varied.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    /// csv: one character.
    delimiter: Option<String>,
    /// csv
    header: Option<bool>,
    /// csv: what NULL is written as.
    null: Option<String>,
    /// parquet
    codec: Option<Codec>,
    /// hyper: the name of the table.
    pub(super) table: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Codec {
    Snappy,
    Zstd,
}

/// The schema of [`Options`].
pub(super) fn options_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "delimiter": {"type": "string"},
            "header": {"type": "boolean"},
            "null": {"type": "string"},
            "codec": {"type": "string", "enum": ["snappy", "zstd"]},
            "table": {"type": "string"}
        },
        "additionalProperties": false
    })
}

impl Format {
    /// What the path's extension says.
    pub(super) fn of_path(path: &Path) -> Result<Self, Failure> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        Ok(match extension.to_lowercase().as_str() {
            "csv" | "tsv" | "txt" => Self::Csv,
            "json" => Self::Json,
            "jsonl" | "ndjson" => Self::Jsonl,
            "parquet" | "pq" => Self::Parquet,
            "arrow" | "feather" | "ipc" => Self::Arrow,
            "arrows" => Self::ArrowStream,
            "hyper" => Self::Hyper,
            _ => {
                return Err(Failure::new(format!(
                    "{} does not say which format it is to have. Next: pass format: csv, json, jsonl, parquet, arrow, \
                     arrow_stream, iceberg (a folder) or hyper.",
                    path.display()
                )));
            }
        })
    }

    /// As callers call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::ArrowStream => "arrow_stream",
            Self::Iceberg => "iceberg",
            Self::Hyper => "hyper",
        }
    }

    /// Whether it is a folder of files.
    pub(super) fn is_folder(self) -> bool {
        self == Self::Iceberg
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Json => "application/json",
            Self::Jsonl => "application/x-ndjson",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Arrow => "application/vnd.apache.arrow.file",
            Self::ArrowStream => "application/vnd.apache.arrow.stream",
            Self::Iceberg => "inode/directory",
            Self::Hyper => "application/octet-stream",
        }
    }

    /// What hyperd's COPY is told, for what it writes itself.
    pub(super) fn copy_options(self, options: &Options, path: &Path) -> String {
        match self {
            Self::Csv => csv(options, path),
            Self::Parquet => match options.codec {
                Some(Codec::Zstd) => "format => 'parquet', codec => 'zstd'".to_owned(),
                Some(Codec::Snappy) | None => "format => 'parquet', codec => 'snappy'".to_owned(),
            },
            Self::Arrow => "format => 'arrowfile'".to_owned(),
            Self::ArrowStream => "format => 'arrowstream'".to_owned(),
            Self::Iceberg => "format => 'iceberg'".to_owned(),
            Self::Json | Self::Jsonl | Self::Hyper => unreachable!("hyperd does not write these"),
        }
    }

    /// Refuses options of other formats: who gave them would think that they were heeded.
    pub(super) fn check(self, options: &Options) -> Result<(), Failure> {
        let Options { delimiter, header, null, codec, table } = options;
        let of_csv = delimiter.is_some() || header.is_some() || null.is_some();
        let wrong = match self {
            Self::Csv => codec.is_some() || table.is_some(),
            Self::Parquet => of_csv || table.is_some(),
            Self::Hyper => of_csv || codec.is_some(),
            _ => of_csv || codec.is_some() || table.is_some(),
        };
        if wrong {
            return Err(Failure::new(
                "An option is not one of this format: csv has delimiter, header and null, parquet has codec (snappy, zstd), \
                 hyper has table. Nothing was written.",
            ));
        }
        if delimiter
            .as_ref()
            .is_some_and(|delimiter| delimiter.len() != 1 || delimiter.contains(['"', '\n', '\r', '\0']))
        {
            return Err(Failure::new("delimiter is one ASCII character, and no quote. Nothing was written."));
        }
        Ok(())
    }
}

fn csv(options: &Options, path: &Path) -> String {
    let is_tsv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv"));
    let delimiter = options.delimiter.as_deref().unwrap_or(if is_tsv { "\t" } else { "," });
    let mut text = format!("FORMAT csv, DELIMITER {}", escaped(delimiter));
    if options.header.unwrap_or(true) {
        text.push_str(", HEADER");
    }
    if let Some(null) = &options.null {
        text.push_str(&format!(", NULL {}", literal(null)));
    }
    text
}

/// A tab has to be visible in SQL.
fn escaped(delimiter: &str) -> String {
    if delimiter == "\t" { "E'\\t'".to_owned() } else { literal(delimiter) }
}
