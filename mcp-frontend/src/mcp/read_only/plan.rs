//! What hyperd shows of a plan: `EXPLAIN (FORMAT INTERNAL)`, a JSON document in which each operator is an object with its
//! name in the field `operator`, and each function one with its name in the field `expression`.
//!
//! `FORMAT JSON` cannot show parameters, `->>`, `GROUPING`, or the order of a collation; the drawing of plain `EXPLAIN` has
//! the names of tables beside those of operators. `FORMAT INTERNAL` shows every plan.

use super::functions;

/// Operators that read, or compute: to hyperd 0.0.26963, and to 0.0.26359, which comes with hyperdb-mcp 0.7.3.
const READS: [&str; 25] = [
    "early-probe",
    "except",
    "except-all",
    "execution-target",
    "explicit-scan",
    "filter",
    "group-by",
    "group-join",
    "intersect",
    "intersect-all",
    "iteration",
    "iteration-increment",
    "join",
    "map",
    "result-sink",
    "share",
    "sort",
    "table-construction",
    "table-function",
    "table-sample",
    "table-scan",
    "union",
    "union-all",
    "virtual-table",
    "window",
];
/// What the operator `scan` of 0.0.26963 may scan. Files and other servers are types of their own.
const SCANS: [&str; 2] = ["native", "virtual-table"];
/// `left-outer-join` and so on, to 0.0.26359.
const JOIN: &str = "-join";
/// What a result goes to, which is at the top: to either hyperd.
const ROOTS: [&str; 2] = ["result-sink", "execution-target"];

/// What keeps a plan from being known to only read; nothing if it is known. A document that is not understood is not.
pub(super) fn objection(document: &str) -> Option<String> {
    let Some(all) = objects(document) else { return Some("a plan that is not understood".to_owned()) };
    if let Some(objection) = all.iter().find_map(Object::objection) {
        return Some(objection);
    }
    // The document itself to 0.0.26359, a field of it to 0.0.26963. The outermost object is done last.
    let document = all.last().filter(|document| document.operator.is_some());
    let root = document.or_else(|| all.iter().find(|object| object.key.as_deref() == Some("tree")));
    let is_known = root.and_then(|root| root.operator.as_deref()).is_some_and(|root| ROOTS.contains(&root));
    (!is_known).then(|| "a plan that does not begin with its result".to_owned())
}

/// What matters of an object of the document.
#[derive(Debug, Default)]
struct Object {
    /// The field of another one that it is the value of.
    key: Option<String>,
    operator: Option<String>,
    kind: Option<String>,
    /// Names of functions.
    functions: Vec<String>,
}

impl Object {
    fn objection(&self) -> Option<String> {
        if let Some(function) = self.functions.iter().find(|name| functions::is_refused(name)) {
            return Some(format!("the function '{function}'"));
        }
        let operator = self.operator.as_deref()?;
        match (operator, self.kind.as_deref()) {
            ("scan", Some(kind)) if SCANS.contains(&kind) => None,
            ("scan", kind) => Some(format!("the operator 'scan {}'", kind.unwrap_or_default())),
            _ if READS.contains(&operator) || operator.ends_with(JOIN) => None,
            _ => Some(format!("the operator '{operator}'")),
        }
    }

    fn set(&mut self, key: &str, value: String) {
        match key {
            "operator" => self.operator = Some(value),
            "type" => self.kind = Some(value),
            "expression" | "function" => self.functions.push(value),
            _ => {}
        }
    }
}

/// All objects; nothing for what is not one JSON object. Plans are nested as deeply as statements, so nothing recurs here.
fn objects(document: &str) -> Option<Vec<Object>> {
    let mut done = Vec::new();
    // Those that are open, from the outside in; `None` is an array.
    let mut open: Vec<Option<Object>> = Vec::new();
    let mut key: Option<String> = None;
    let mut rest = document.trim_start();
    if !rest.starts_with('{') {
        return None;
    }
    while let Some(first) = rest.chars().next() {
        let behind = &rest[first.len_utf8()..];
        match first {
            '{' => {
                open.push(Some(Object { key: key.take(), ..Object::default() }));
                rest = behind;
            }
            '[' => {
                open.push(None);
                key = None;
                rest = behind;
            }
            '}' => {
                done.push(open.pop()??);
                rest = behind;
            }
            ']' => {
                if open.pop()?.is_some() {
                    return None;
                }
                rest = behind;
            }
            '"' => {
                let end = end_of_string(rest)?;
                let text: String = serde_json::from_str(&rest[..end]).ok()?;
                rest = rest[end..].trim_start();
                match (rest.strip_prefix(':'), open.last_mut()?) {
                    (Some(behind), Some(_)) => {
                        key = Some(text);
                        rest = behind;
                    }
                    (None, Some(object)) => object.set(&key.take()?, text),
                    (None, None) => {}
                    (Some(_), None) => return None,
                }
            }
            // Numbers, words and commas hold nothing that matters.
            ',' | '-' | '+' | '.' => rest = behind,
            _ if first.is_ascii_alphanumeric() => rest = behind,
            _ => return None,
        }
        if first == ',' {
            key = None;
        }
        rest = rest.trim_start();
        if open.is_empty() {
            break;
        }
    }
    (open.is_empty() && rest.is_empty()).then_some(done)
}

/// Where the string that `text` begins with ends.
fn end_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(operators: &str) -> String {
        format!(r#"{{"tree": {{"operator": "result-sink", "inputs": [{operators}]}}, "pipelines": []}}"#)
    }

    #[test]
    fn operators_are_read_by_field_and_names_of_tables_are_none() {
        let scan = r#"{"operator": "scan", "type": "native", "debug-name": {"value": "scan csv(4)\"}, {\"operator\": \"insert\""}}"#;
        assert_eq!(objection(&plan(scan)), None);
        assert_eq!(objection(&plan(&format!("{scan}, {scan}"))), None);
        for (kind, wanted) in [("csv", "scan csv"), ("parquet", "scan parquet")] {
            let other = format!(r#"{scan}, {{"type": "{kind}", "operator": "scan"}}"#);
            assert_eq!(objection(&plan(&other)), Some(format!("the operator '{wanted}'")));
        }
    }

    #[test]
    fn the_hyperd_of_hyperdb_mcp_is_understood() {
        let document = r#"{"operator": "execution-target", "inputs": [
            {"operator": "left-outer-join", "inputs": [{"operator": "table-scan"}, {"operator": "virtual-table"}]}]}"#;

        assert_eq!(objection(document), None);
        assert!(objection(&document.replace("table-scan", "csv-scan")).is_some());
    }

    #[test]
    fn functions_and_operators_in_expressions_are_seen() {
        let inside = |text: &str| plan(&format!(r#"{{"operator": "map", "values": [[{text}]]}}"#));

        assert_eq!(objection(&inside(r#"{"expression": "upper"}"#)), None);
        assert!(objection(&inside(r#"{"expression": "set_config"}"#)).is_some());
        assert!(objection(&inside(r#"{"expression": "x", "tree": {"operator": "delete"}}"#)).is_some());
    }

    #[test]
    fn a_deep_plan_takes_no_stack() {
        let depth = 100_000;
        let deep = format!("{}{}", r#"{"operator": "map", "inputs": ["#.repeat(depth), "]}".repeat(depth));

        assert_eq!(objection(&plan(&deep)), None);
    }

    #[test]
    fn a_document_that_is_not_understood_is_refused() {
        let whole = plan(r#"{"operator": "map"}"#);
        for cut in 0..whole.len() {
            assert!(objection(&whole[..cut]).is_some(), "{}", &whole[..cut]);
        }
        for document in [
            "{}",
            "[]",
            "result-sink(1)",
            r#"{"tree": {"operator": "map"}}"#,
            r#"[{"operator": "result-sink"}]"#,
            r#"{"other": {"operator": "result-sink"}}"#,
        ] {
            assert!(objection(document).is_some(), "{document}");
        }
    }
}
