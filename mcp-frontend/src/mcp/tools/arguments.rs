//! A tool's arguments, checked.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::mcp::failure::Failure;

/// The arguments as the tool wants them. What it does not know is refused by name: a misspelled limit must not pass for none.
pub(crate) fn parse<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, Failure> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| Failure::new(format!("Invalid arguments: {error}. Nothing was run.")))
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
            _ => Err(format!("{seconds} is no number of seconds between 0 and 86400")),
        }
    }
}
