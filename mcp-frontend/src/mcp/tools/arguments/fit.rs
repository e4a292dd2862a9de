//! Fits values to a schema: `10.0` and `"10"` are the integer 10, one text is a list of one, `null` is an absent argument, a
//! path stands for an object that has a path.

use serde_json::{Map, Value};

use super::path;
use super::words::{described, shown};
use crate::mcp::failure::nearest;

/// Other words for values of an enum, as file endings and other programs have them. The schemas name the canonical ones.
const SYNONYMS: [(&str, &str); 16] = [
    ("tsv", "csv"),
    ("txt", "csv"),
    ("ndjson", "jsonl"),
    ("arrow_ipc", "arrow"),
    ("feather", "arrow"),
    ("ipc", "arrow"),
    ("arrows", "arrow_stream"),
    ("pq", "parquet"),
    ("read_only", "readonly"),
    ("read-only", "readonly"),
    ("ro", "readonly"),
    ("read_write", "readwrite"),
    ("read-write", "readwrite"),
    ("rw", "readwrite"),
    ("overwrite", "replace"),
    ("upsert", "merge"),
];

pub(super) fn fit(schema: &Value, arguments: Map<String, Value>) -> Result<super::Fitted, String> {
    let mut fitter = Fitter { warnings: Vec::new() };
    match fitter.object(schema, "", arguments)? {
        Value::Object(arguments) => Ok(super::Fitted { arguments, warnings: fitter.warnings }),
        _ => unreachable!("an object is fitted to an object"),
    }
}

struct Fitter {
    warnings: Vec<String>,
}

impl Fitter {
    /// `at` is where the value stands: `sources[0].table`.
    fn value(&mut self, schema: &Value, at: &str, value: Value) -> Result<Value, String> {
        if let Some(alternatives) = schema["anyOf"].as_array() {
            return self.any_of(alternatives, schema, at, value);
        }
        let wanted = schema["type"].as_str().unwrap_or_default();
        match (wanted, value) {
            ("object", Value::Object(object)) => self.object(schema, at, object),
            ("object", value) => match stands_for(schema, &value) {
                Some(object) => self.object(schema, at, object),
                None => Err(refused(schema, at, &value)),
            },
            ("array", Value::Array(items)) => self.array(schema, at, items),
            ("array", Value::Null) => Err(refused(schema, at, &Value::Null)),
            ("array", value) => match written_list(&value) {
                Some(items) => self.array(schema, at, items),
                None => self.array(schema, at, vec![value]),
            },
            // A list of one, where one is wanted.
            ("string" | "integer" | "number" | "boolean", Value::Array(mut items)) if items.len() == 1 => {
                self.value(schema, at, items.remove(0))
            }
            ("string", value) => text(schema, at, value),
            ("integer", value) => self.integer(schema, at, &value),
            ("number", value) => number(schema, at, &value),
            ("boolean", value) => boolean(&value).ok_or_else(|| refused(schema, at, &value)),
            (_, value) => Ok(value),
        }
    }

    /// The first alternative that is of the value's own type, or else the first that takes what it may mean.
    fn any_of(
        &mut self,
        alternatives: &[Value],
        schema: &Value,
        at: &str,
        value: Value,
    ) -> Result<Value, String> {
        if let Some(own) = alternatives.iter().find(|alternative| is_of_type(alternative, &value)) {
            return self.value(own, at, value);
        }
        let taken =
            alternatives.iter().find_map(|alternative| self.value(alternative, at, value.clone()).ok());
        taken.ok_or_else(|| refused(schema, at, &value))
    }

    fn object(&mut self, schema: &Value, at: &str, object: Map<String, Value>) -> Result<Value, String> {
        let none = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&none);
        let mut fitted = Map::new();
        for (name, value) in object {
            let place = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            let known = properties.get(&name).or(schema.get("additionalProperties"));
            match known {
                Some(Value::Bool(false)) => return Err(unknown(&place, &name, at, properties)),
                // An absent argument. Where anything may stand, null is a value.
                Some(known)
                    if value.is_null() && (known.get("type").is_some() || known.get("anyOf").is_some()) => {}
                Some(known) => {
                    let value = self.value(known, &place, value)?;
                    let value = if path::is_path(&name) { local(&place, value)? } else { value };
                    fitted.insert(name, value);
                }
                None => drop(fitted.insert(name, value)),
            }
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for name in required {
            if !fitted.contains_key(name) {
                let place = if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
                let ty = described(&properties[name]);
                return Err(format!("`{place}` is missing; it is {ty}."));
            }
        }
        Ok(fitted.into())
    }

    fn array(&mut self, schema: &Value, at: &str, items: Vec<Value>) -> Result<Value, String> {
        let of = &schema["items"];
        if let Some(count) = schema["minItems"].as_u64()
            && (items.len() as u64) < count
        {
            return Err(refused(schema, at, &items.into()));
        }
        let items = items.into_iter().enumerate();
        items.map(|(index, item)| self.value(of, &format!("{at}[{index}]"), item)).collect()
    }

    /// An integer beyond its maximum is a limit beyond the highest one: that is what the caller gets, and is told.
    fn integer(&mut self, schema: &Value, at: &str, value: &Value) -> Result<Value, String> {
        let Some(integer) = whole(value) else { return Err(refused(schema, at, value)) };
        if schema["minimum"].as_i64().is_some_and(|least| integer < i128::from(least)) {
            return Err(refused(schema, at, value));
        }
        if let Some(most) = schema["maximum"].as_i64()
            && integer > i128::from(most)
        {
            self.warnings
                .push(format!("`{at}` was {}, and {most} is the most: {most} was used.", shown(value)));
            return Ok(most.into());
        }
        i64::try_from(integer).map(Value::from).map_err(|_| refused(schema, at, value))
    }
}

/// Whether a value is what an alternative describes, to the letter.
fn is_of_type(schema: &Value, value: &Value) -> bool {
    match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer" | "number") => value.is_number(),
        _ => false,
    }
}

/// The object that something else stands for: JSON in a text; a path, or data, where an object has them.
fn stands_for(schema: &Value, value: &Value) -> Option<Map<String, Value>> {
    let has = |name: &str| schema["properties"].get(name).is_some();
    let alone = |name: &str| has(name).then(|| Map::from_iter([(name.to_owned(), value.clone())]));
    match value {
        Value::String(text) => match written(text) {
            Some(Value::Object(object)) => Some(object),
            Some(Value::Array(_)) => alone("data"),
            _ if text.contains('\n') => alone("data"),
            _ => alone("path"),
        },
        Value::Array(_) => alone("data"),
        _ => None,
    }
}

/// A list that was given as JSON in a text.
fn written_list(value: &Value) -> Option<Vec<Value>> {
    match written(value.as_str()?)? {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

/// The object or list that a text holds as JSON.
fn written(text: &str) -> Option<Value> {
    text.trim_start().starts_with(['{', '[']).then(|| serde_json::from_str(text).ok()).flatten()
}

/// A path, or several, as the system takes them.
fn local(at: &str, value: Value) -> Result<Value, String> {
    match value {
        Value::String(text) => path::local(&text).map(Value::from).map_err(|why| format!("`{at}`: {why}")),
        Value::Array(all) => all.into_iter().map(|one| local(at, one)).collect(),
        other => Ok(other),
    }
}

fn text(schema: &Value, at: &str, value: Value) -> Result<Value, String> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        other => return Err(refused(schema, at, &other)),
    };
    let Some(allowed) = schema["enum"].as_array() else { return Ok(text.into()) };
    let is_allowed = |word: &str| allowed.iter().any(|allowed| allowed.as_str() == Some(word));
    let word = text.trim().to_lowercase();
    let synonym = SYNONYMS.iter().find(|(other, meant)| *other == word && is_allowed(meant));
    match synonym {
        _ if is_allowed(&text) => Ok(text.into()),
        _ if is_allowed(&word) => Ok(word.into()),
        Some((_, meant)) => Ok((*meant).into()),
        None => Err(refused(schema, at, &text.into())),
    }
}

fn number(schema: &Value, at: &str, value: &Value) -> Result<Value, String> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let fits = |number: f64| {
        number.is_finite()
            && schema["exclusiveMinimum"].as_f64().is_none_or(|least| number > least)
            && schema["minimum"].as_f64().is_none_or(|least| number >= least)
            && schema["maximum"].as_f64().is_none_or(|most| number <= most)
    };
    match number {
        Some(number) if fits(number) => Ok(if value.is_number() { value.clone() } else { number.into() }),
        _ => Err(refused(schema, at, value)),
    }
}

fn boolean(value: &Value) -> Option<Value> {
    let word = match value {
        Value::Bool(_) => return Some(value.clone()),
        Value::String(text) => text.trim().to_lowercase(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    match word.as_str() {
        "true" | "1" => Some(true.into()),
        "false" | "0" => Some(false.into()),
        _ => None,
    }
}

/// The integer that a number or a text says, `1e3` among them.
fn whole(value: &Value) -> Option<i128> {
    let of_double = |double: f64| (double.fract() == 0.0 && double.abs() < 1e18).then_some(double as i128);
    match value {
        Value::Number(number) => {
            let integer = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
            integer.or_else(|| number.as_f64().and_then(of_double))
        }
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| text.parse().ok().and_then(of_double))
        }
        _ => None,
    }
}

fn refused(schema: &Value, at: &str, value: &Value) -> String {
    let meant = match (value.as_str(), schema["enum"].as_array()) {
        (Some(text), Some(allowed)) => nearest(text, allowed.iter().filter_map(Value::as_str)),
        _ => Vec::new(),
    };
    let meant = meant.first().map_or(String::new(), |meant| format!(" Did you mean {meant:?}?"));
    format!("`{at}` is {}, not {}.{meant}", described(schema), shown(value))
}

fn unknown(place: &str, name: &str, at: &str, properties: &Map<String, Value>) -> String {
    let names = || properties.keys().map(String::as_str);
    let near = nearest(name, names());
    let meant = near.first().map_or(String::new(), |near| format!(" Did you mean `{near}`?"));
    let whose = if at.is_empty() { "There are".to_owned() } else { format!("`{at}` may have") };
    let all: Vec<_> = names().map(|name| format!("`{name}`")).collect();
    let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
    format!("there is no argument `{place}`.{meant} {whose}: {all}.")
}
