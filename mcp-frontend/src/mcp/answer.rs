//! What a tool answers.

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

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }
}
