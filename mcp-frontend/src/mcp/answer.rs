//! What a tool answers.

use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

/// A tool's answer, before it is put into the protocol's words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// The result for programs. Its compact JSON is also what models read, unless `text` is set.
    pub(crate) structured: Option<Value>,
    /// What is read instead of the JSON.
    pub(crate) text: Option<String>,
    pub(crate) images: Vec<Image>,
    pub(crate) links: Vec<Link>,
}

/// A picture.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// A file or resource that the answer is about.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) uri: String,
    pub(crate) name: String,
    pub(crate) media_type: &'static str,
}

impl Answer {
    pub(crate) fn json(value: Value) -> Self {
        Self { structured: Some(value), ..Self::default() }
    }

    /// The same, with something that the caller should know.
    #[must_use]
    pub(crate) fn with_warning(mut self, warning: &str) -> Self {
        match &mut self.structured {
            Some(Value::Object(object)) => {
                let warnings = object.entry("warnings").or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(warnings) = warnings {
                    warnings.push(warning.into());
                }
            }
            _ => self.text = Some(self.text.map_or(warning.to_owned(), |text| format!("{text}\n{warning}"))),
        }
        self
    }
}

/// What of a path stays as it is in a `file` URI (RFC 8089).
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

impl Link {
    /// To a file, by its absolute path. A path that is not UTF-8 has no exact URI.
    pub(crate) fn file(path: &Path, media_type: &'static str) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let path = path.to_string_lossy();
        let path = if cfg!(windows) { format!("/{}", path.replace('\\', "/")) } else { path.into_owned() };
        Self { uri: format!("file://{}", utf8_percent_encode(&path, PATH)), name, media_type }
    }

    /// The file that it leads to, if it is one.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        let path = percent_decode_str(self.uri.strip_prefix("file://")?).decode_utf8().ok()?;
        Some(PathBuf::from(if cfg!(windows) { path.trim_start_matches('/') } else { &path }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_link_leads_back_to_its_file() {
        let path = Path::new("/tmp/a b/50%/é#?.csv");

        let link = Link::file(path, "text/csv");

        assert_eq!(link.uri, "file:///tmp/a%20b/50%25/%C3%A9%23%3F.csv");
        assert_eq!(link.name, "é#?.csv");
        assert_eq!(link.path().as_deref(), Some(path));
    }
}
