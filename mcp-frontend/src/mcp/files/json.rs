//! JSON read as a stream: arrays of any length, one object after the other, and JSON lines are the same to it.

use std::cell::RefCell;
use std::fmt;
use std::io::BufRead;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::budget::{Budget, Budgeted};
use crate::mcp::failure::Failure;

/// Takes rows apart.
pub(crate) trait RowSink {
    /// A member of the row, as JSON.
    fn field(&mut self, name: &str, json: &str) -> Result<(), Failure>;
    /// The row is complete.
    fn end(&mut self) -> Result<(), Failure>;
}

/// The way to the rows: names of members, numbers of elements, and `*` for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JsonPath(Vec<String>);

impl JsonPath {
    /// `data.items`, `$.data[0].items[*]` or `/data/0/items`.
    pub(crate) fn parse(text: &str) -> Self {
        let steps = match text.strip_prefix('/') {
            Some(pointer) => {
                pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
            }
            None => text
                .trim_start_matches('$')
                .replace(['[', ']'], ".")
                .split('.')
                .map(|step| step.trim_matches(['\'', '"']).to_owned())
                .filter(|step| !step.is_empty())
                .collect(),
        };
        Self(steps)
    }
}

/// Hands every row to `sink`: what stands at `path` in each of the documents, and the elements of it if it is an array.
pub(crate) fn read(input: impl BufRead, path: &JsonPath, sink: &mut dyn RowSink) -> Result<(), Failure> {
    let budget = Budget::default();
    let mut documents = serde_json::Deserializer::from_reader(Budgeted::new(input, budget.clone()));
    let reading = RefCell::new(Reading { sink, budget, failure: None, found: false, members: Vec::new() });
    let mut some = false;
    while documents.end().is_err() {
        let outcome = Seek { path: &path.0, reading: &reading }.deserialize(&mut documents);
        if let Some(failure) = reading.borrow_mut().failure.take() {
            return Err(failure);
        }
        outcome.map_err(|error| {
            Failure::new(format!("It is no JSON: {error}. Next: correct it there, or give another `format`."))
        })?;
        some = true;
    }
    let reading = reading.into_inner();
    if some && !reading.found {
        let members: Vec<_> = reading.members.iter().map(String::as_str).collect();
        return Err(Failure::new(format!(
            "There is nothing at json_path {}. The members at the top are: {}. Next: correct json_path.",
            path.0.join("."),
            members.join(", ")
        )));
    }
    Ok(())
}

/// What the visitors share.
struct Reading<'s> {
    sink: &'s mut dyn RowSink,
    budget: Budget,
    /// Why `sink` wants no more.
    failure: Option<Failure>,
    found: bool,
    /// Names at the top, for who misspelled one.
    members: Vec<String>,
}

impl Reading<'_> {
    fn sink<E: serde::de::Error>(
        &mut self,
        give: impl FnOnce(&mut dyn RowSink) -> Result<(), Failure>,
    ) -> Result<(), E> {
        self.found = true;
        give(self.sink).map_err(|failure| {
            self.failure = Some(failure);
            E::custom("stopped")
        })
    }
}

/// Goes down the path.
#[derive(Clone, Copy)]
struct Seek<'a, 's> {
    path: &'a [String],
    reading: &'a RefCell<Reading<'s>>,
}

impl Seek<'_, '_> {
    fn skip(self, skipping: bool) {
        self.reading.borrow().budget.skip(skipping);
    }
}

impl<'de> DeserializeSeed<'de> for Seek<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.path.is_empty() {
            return deserializer.deserialize_any(Row { reading: self.reading, elements: true });
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object or array with {}", self.path.join("."))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name == self.path[0] {
                map.next_value_seed(Self { path: &self.path[1..], ..self })?;
            } else {
                self.skip(true);
                map.next_value::<IgnoredAny>()?;
                self.skip(false);
                let members = &mut self.reading.borrow_mut().members;
                if members.len() < 20 && !members.contains(&name) {
                    members.push(name);
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<(), A::Error> {
        let step = self.path[0].as_str();
        let wanted: Option<usize> = step.parse().ok();
        // A name is looked for in every element.
        let below = if wanted.is_some() || step == "*" { &self.path[1..] } else { self.path };
        for index in 0_usize.. {
            let element = match wanted {
                Some(wanted) if wanted != index => {
                    self.skip(true);
                    let skipped = all.next_element::<IgnoredAny>()?.map(drop);
                    self.skip(false);
                    skipped
                }
                _ => all.next_element_seed(Self { path: below, ..self })?,
            };
            if element.is_none() {
                break;
            }
        }
        Ok(())
    }

    // Nothing is below these.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

/// A row, or an array of them.
struct Row<'a, 's> {
    reading: &'a RefCell<Reading<'s>>,
    elements: bool,
}

impl Row<'_, '_> {
    /// A row of one value.
    fn lone<E: serde::de::Error>(self, json: &str) -> Result<(), E> {
        let mut reading = self.reading.borrow_mut();
        reading.budget.renew();
        reading.sink(|sink| sink.field("value", json).and_then(|()| sink.end()))
    }
}

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut reading = self.reading.borrow_mut();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value::<Box<RawValue>>()?;
            reading.sink(|sink| sink.field(&name, value.get()))?;
        }
        {
            reading.budget.renew();
            reading.sink(|sink| sink.end())
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<(), A::Error> {
        if self.elements {
            self.reading.borrow_mut().found = true;
            while all.next_element_seed(Row { reading: self.reading, elements: false })?.is_some() {}
            return Ok(());
        }
        let mut reading = self.reading.borrow_mut();
        let mut number = 0;
        while let Some(value) = all.next_element::<Box<RawValue>>()? {
            number += 1;
            reading.sink(|sink| sink.field(&format!("column{number}"), value.get()))?;
        }
        {
            reading.budget.renew();
            reading.sink(|sink| sink.end())
        }
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.lone("null")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.lone(if value { "true" } else { "false" })
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.lone(&value.to_string())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.lone(&value.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.lone(&serde_json::to_string(&value).map_err(E::custom)?)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.lone(&serde_json::to_string(value).map_err(E::custom)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Seen(Vec<String>, String);

    impl RowSink for Seen {
        fn field(&mut self, name: &str, json: &str) -> Result<(), Failure> {
            self.1.push_str(&format!("{name}={json};"));
            Ok(())
        }

        fn end(&mut self) -> Result<(), Failure> {
            self.0.push(std::mem::take(&mut self.1));
            Ok(())
        }
    }

    fn rows(text: &str, path: &str) -> Result<Vec<String>, String> {
        let mut seen = Seen::default();
        match read(text.as_bytes(), &JsonPath::parse(path), &mut seen) {
            Ok(()) => Ok(seen.0),
            Err(failure) => Err(failure.text()),
        }
    }

    #[test]
    fn arrays_and_lines_are_rows_with_their_numbers_as_written() {
        let expected = ["a=1.10;b=\"x\";", "a=123456789012345678901234567890;"];

        let array = r#"[{"a":1.10,"b":"x"}, {"a":123456789012345678901234567890}]"#;
        let lines = "{\"a\":1.10,\"b\":\"x\"}\n\n{\"a\":123456789012345678901234567890}\n";

        assert_eq!(rows(array, "").unwrap(), expected);
        assert_eq!(rows(lines, "").unwrap(), expected);
    }

    #[test]
    fn a_path_leads_to_nested_arrays() {
        let text = r#"{"meta": {"n": 2}, "data": {"items": [{"a": [1, 2]}, {"a": {}}]}}"#;

        for path in ["data.items", "$.data.items", "/data/items", "$['data'].items[*]"] {
            assert_eq!(rows(text, path).unwrap(), ["a=[1, 2];", "a={};"], "{path}");
        }
        assert_eq!(rows(text, "data.items[0]").unwrap(), ["a=[1, 2];"]);
        assert_eq!(rows(r#"[{"x":[{"a":1}]},{"x":[{"a":2}]}]"#, "x").unwrap(), ["a=1;", "a=2;"]);
    }

    #[test]
    fn what_is_no_object_has_columns_by_position() {
        assert_eq!(rows(r#"[[1,"a"],[2]]"#, "").unwrap(), ["column1=1;column2=\"a\";", "column1=2;"]);
        assert_eq!(rows(r#"[1,"a",null]"#, "").unwrap(), ["value=1;", "value=\"a\";", "value=null;"]);
        assert_eq!(rows("[]", "").unwrap(), [""; 0]);
    }

    #[test]
    fn a_wrong_path_is_answered_with_what_there_is() {
        let error = rows(r#"{"items": [], "next": 1}"#, "item").unwrap_err();

        assert!(error.contains("items, next"), "{error}");
    }

    #[test]
    fn broken_json_is_pointed_at() {
        let error = rows("[{\"a\": 1},\n {\"a\": }]", "").unwrap_err();

        assert!(error.contains("line 2 column 8"), "{error}");
    }
}
