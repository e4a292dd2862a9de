//! What is said of arguments that do not fit, in the words of the schema.

use serde_json::Value;

/// Characters of a wrong value that are shown.
const SHOWN: usize = 60;

/// What a schema describes, in a few words: `an integer from 0 to 10000`.
pub(super) fn described(schema: &Value) -> String {
    if let Some(alternatives) = schema["anyOf"].as_array() {
        return alternatives.iter().map(described).collect::<Vec<_>>().join(", or ");
    }
    if let Some(allowed) = schema["enum"].as_array() {
        let allowed: Vec<_> = allowed.iter().map(Value::to_string).collect();
        return format!("one of {}", allowed.join(", "));
    }
    match schema["type"].as_str() {
        Some("integer") => format!("an integer{}", range(schema)),
        Some("number") => format!("a number{}", range(schema)),
        Some("boolean") => "true or false".to_owned(),
        Some("string") => "a string".to_owned(),
        Some("array") => {
            let count =
                schema["minItems"].as_u64().map_or(String::new(), |count| format!(" of {count} items"));
            match schema["items"]["type"].as_str() {
                Some("string") => format!("an array{count} of strings"),
                Some("number") => format!("an array{count} of numbers"),
                Some("object") => format!("an array{count} of objects"),
                _ => format!("an array{count}"),
            }
        }
        Some("object") => match schema["properties"].as_object() {
            Some(properties) if !properties.is_empty() => {
                let names: Vec<_> = properties.keys().map(|name| format!("`{name}`")).collect();
                format!("an object with {}", names.join(", "))
            }
            _ => "an object".to_owned(),
        },
        _ => "any value".to_owned(),
    }
}

fn range(schema: &Value) -> String {
    let [least, above, most] = ["minimum", "exclusiveMinimum", "maximum"].map(|key| schema.get(key));
    match (least, above, most) {
        (Some(least), _, Some(most)) => format!(" from {least} to {most}"),
        (_, Some(above), Some(most)) => format!(" above {above} and up to {most}"),
        (Some(least), _, None) => format!(" of at least {least}"),
        (_, Some(above), None) => format!(" above {above}"),
        (None, None, Some(most)) => format!(" up to {most}"),
        (None, None, None) => String::new(),
    }
}

/// A value as JSON, shortened.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What serde says of arguments that fit the schema, but not what one operation of the tool takes.
pub(super) fn of_serde(error: &str) -> String {
    let name = || error.split('`').nth(1).unwrap_or_default();
    if error.starts_with("missing field") {
        return format!("`{}` is missing.", name());
    }
    if error.starts_with("unknown field") {
        let taken: Vec<_> = error.split('`').skip(3).step_by(2).map(|name| format!("`{name}`")).collect();
        let taken = if taken.is_empty() { "none".to_owned() } else { taken.join(", ") };
        return format!("`{}` is no argument of this operation. It takes: {taken}.", name());
    }
    let mut error = error.to_owned();
    if !error.ends_with(['.', '!', '?']) {
        error.push('.');
    }
    error
}
