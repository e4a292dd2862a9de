//! A tool's arguments: what a caller means is taken, and what cannot be taken is explained in the words of the schema.

mod fit;
mod path;
mod words;

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Definition;
use crate::mcp::failure::Failure;

/// A call's arguments in the form that the tool's schema describes.
#[derive(Debug)]
pub(crate) struct Fitted {
    pub(crate) arguments: Map<String, Value>,
    /// What the caller should know of how they were taken, such as a limit that is lower than the one asked for.
    pub(crate) warnings: Vec<String>,
}

/// Brings arguments into the form that the tool's schema describes. What the schema does not know is refused by name: a
/// misspelled limit must not pass for none.
pub(crate) fn fit(definition: &Definition, arguments: Map<String, Value>) -> Result<Fitted, Failure> {
    fit::fit(&definition.input, arguments).map_err(|why| refused(definition.name, &why))
}

/// The arguments as the tool wants them.
pub(crate) fn parse<T: DeserializeOwned>(tool: &str, arguments: Map<String, Value>) -> Result<T, Failure> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| refused(tool, &words::of_serde(&error.to_string())))
}

fn refused(tool: &str, why: &str) -> Failure {
    Failure::new(format!("Invalid arguments for `{tool}`: {why} Nothing was run."))
}

/// The schema of a number of seconds that something may take.
pub(crate) fn seconds_schema() -> Value {
    serde_json::json!({"type": "number", "exclusiveMinimum": 0, "maximum": 86_400})
}

/// Seconds, as a caller writes them.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Seconds(pub(crate) Duration);

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        match Duration::try_from_secs_f64(seconds) {
            Ok(duration) if !duration.is_zero() && seconds <= 86_400.0 => Ok(Self(duration)),
            _ => Err(format!("{seconds} is not a number of seconds between 0 and 86400.")),
        }
    }
}

#[cfg(test)]
mod tests;
