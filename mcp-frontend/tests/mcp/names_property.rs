//! Random work through the server, against a model in the test: whatever tables, columns, schemas and databases are named,
//! each tool does to each table what it says, and to no other.

use std::collections::BTreeMap;

use hyperwire_tokio::hyperwire_core::sql::{Identifier, QualifiedName};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::server::{Answer, Server};

/// Identifiers of the program's own SQL, reserved words, functions, and what makes quoting hard.
const NAMES: &[&str] = &[
    "U&",
    "external (2024)",
    "s",
    "t",
    "x",
    "c",
    "n",
    "a",
    "d",
    "k",
    "source",
    "~source",
    "~source~",
    "~merged",
    "~old",
    "~new",
    "~present",
    "old",
    "new",
    "presence",
    "count",
    "left",
    "min",
    "max",
    "avg",
    "substr",
    "pg_class",
    "pg_temp",
    "public",
    "local",
    "order",
    "select",
    "from",
    "table",
    "user",
    "values",
    "external",
    "hyperwire source",
    "hyperwire_export",
    "t~loading x 1 2",
    "a.b",
    "local.public.t",
    "v1.0",
    "My Table",
    "UPPER",
    "it's",
    "say \"hi\"",
    "\"",
    "'",
    "back\\slash",
    "semi;colon",
    "--",
    "/*",
    "$$",
    "é",
    "日本",
    "a\u{a0}",
    "\u{a0}",
    " lead",
    "trail ",
    "new\nline",
    "tab\t",
    "%",
    "*",
    "E'x'",
    "\u{feff}b",
    "\u{200b}",
    "row",
    "~",
];
/// What databases can be called.
const ALIASES: &[&str] =
    &["s", "t", "source", "hyperwire_export", "hyperwire_inspect", "c", "n", "old", "main"];

/// A table: its columns, the key first, all of them nullable integers, and its rows.
#[derive(Clone, Debug, PartialEq)]
struct Model {
    columns: Vec<String>,
    rows: Vec<Vec<Option<i64>>>,
}

/// Alias, schema, name.
type Whole = [String; 3];

impl Model {
    /// With its columns in the order in which they were loaded: objects have none of their own.
    fn in_order_of(self, answer: &Answer) -> Self {
        let loaded = answer.structured()["tables"][0]["columns"].as_array().unwrap().clone();
        let columns: Vec<_> =
            loaded.iter().map(|column| column["name"].as_str().unwrap().to_owned()).collect();
        let places: Vec<_> = columns
            .iter()
            .map(|name| {
                self.columns.iter().position(|column| column == name).unwrap_or_else(|| panic!("{name:?}"))
            })
            .collect();
        assert_eq!(places.len(), self.columns.len(), "{columns:?}");
        let rows = self.rows.iter().map(|row| places.iter().map(|at| row[*at]).collect()).collect();
        Self { columns, rows }
    }
}

/// An empty line is no row of a CSV file, and blanks around a name in its header no part of the name.
fn fits_csv(model: &Model) -> bool {
    model.columns.len() > 1
        && model.columns.iter().all(|name| name.trim_matches(['\u{feff}', '\u{200b}']).trim() == name)
}

struct World {
    server: Server,
    folder: TempDir,
    tables: BTreeMap<Whole, Model>,
    schemas: Vec<[String; 2]>,
    random: u64,
    files: usize,
}

impl World {
    fn new(seed: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&[]);
        let mut world = Self {
            server,
            folder,
            tables: BTreeMap::new(),
            schemas: vec![["local".to_owned(), "public".to_owned()]],
            random: u64::from(seed),
            files: 0,
        };
        let alias = world.pick(ALIASES).to_owned();
        let path = world.folder.path().join("it's \"odd\".hyper");
        world.server.call("database", json!({"action": "create", "path": path, "alias": alias})).structured();
        world.schemas.push([alias.clone(), "public".to_owned()]);
        for alias in ["local".to_owned(), alias] {
            let schema = world.name(&[]);
            if schema == "public" || schema == "pg_temp" {
                continue;
            }
            let sql = format!("CREATE SCHEMA {}.{}", Identifier(&alias), Identifier(&schema));
            world.server.call("execute", json!({"sql": [sql]})).structured();
            world.schemas.push([alias, schema]);
        }
        world
    }

    fn below(&mut self, bound: usize) -> usize {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let at = self.below(from.len());
        from[at]
    }

    /// A name that none of `taken` has.
    fn name(&mut self, taken: &[String]) -> String {
        loop {
            let name = self.pick(NAMES);
            if !taken.iter().any(|taken| taken == name) {
                return name.to_owned();
            }
        }
    }

    fn value(&mut self) -> Option<i64> {
        let value = self.below(7);
        (value < 6).then(|| i64::try_from(value).unwrap())
    }

    fn some_table(&mut self) -> Option<Whole> {
        let all: Vec<_> = self.tables.keys().cloned().collect();
        (!all.is_empty()).then(|| {
            let at = self.below(all.len());
            all[at].clone()
        })
    }

    fn some_place(&mut self) -> Whole {
        let at = self.below(self.schemas.len());
        let [alias, schema] = self.schemas[at].clone();
        [alias, schema, self.name(&[])]
    }

    /// Rows with all columns, keys twice and keys that are NULL among them.
    fn some_rows(&mut self, columns: usize) -> Vec<Vec<Option<i64>>> {
        let count = 1 + self.below(5);
        (0..count).map(|_| (0..columns).map(|_| self.value()).collect()).collect()
    }

    /// The table's name in one of the ways in which it can be given, and the database beside it.
    fn named(&mut self, whole: &Whole, arguments: &mut Value) -> String {
        let [alias, schema, name] = whole;
        let quoted = |parts: &[&String]| {
            QualifiedName::from_parts(parts.iter().map(|part| part.as_str())).unwrap().to_string()
        };
        match self.below(3) {
            0 if schema == "public" => {
                arguments["database"] = alias.as_str().into();
                quoted(&[name])
            }
            1 => {
                arguments["database"] = alias.as_str().into();
                quoted(&[schema, name])
            }
            _ => quoted(&[alias, schema, name]),
        }
    }

    #[track_caller]
    fn load(&mut self, whole: &Whole, mode: &str, key: Option<&str>, source: Value) -> Answer {
        let mut arguments = json!({"mode": mode});
        if let Some(key) = key {
            arguments["key"] = json!([key]);
        }
        let mut source = source;
        source["table"] = self.named(whole, &mut arguments).into();
        arguments["sources"] = json!([source]);
        self.server.call("load", arguments)
    }

    /// A source of whole rows, in one of the ways in which data can come.
    fn source(&mut self, model: &Model) -> Value {
        let schema: Map<_, _> = model.columns.iter().map(|name| (name.clone(), json!("bigint"))).collect();
        let text = |value: &Option<i64>| value.map_or(String::new(), |value| value.to_string());
        let fits_csv = fits_csv(model);
        match self.below(3) {
            0 if fits_csv => {
                let field = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
                let mut csv =
                    model.columns.iter().map(|name| field(name)).collect::<Vec<_>>().join(",") + "\n";
                for row in &model.rows {
                    csv += &(row.iter().map(text).collect::<Vec<_>>().join(",") + "\n");
                }
                json!({"data": csv, "schema": schema, "format": "csv", "header": true})
            }
            1 => {
                let select = |row: &Vec<Option<i64>>| {
                    let values = model.columns.iter().zip(row).map(|(name, value)| {
                        let value = value.map_or("NULL".to_owned(), |value| value.to_string());
                        format!("CAST({value} AS bigint) AS {}", Identifier(name))
                    });
                    format!("SELECT {}", values.collect::<Vec<_>>().join(", "))
                };
                json!({"sql": model.rows.iter().map(select).collect::<Vec<_>>().join(" UNION ALL ")})
            }
            _ => {
                let object = |row: &Vec<Option<i64>>| -> Value {
                    let fields = model.columns.iter().cloned().zip(row.iter().map(|value| json!(value)));
                    Value::Object(fields.collect())
                };
                json!({"data": model.rows.iter().map(object).collect::<Vec<_>>(), "schema": schema})
            }
        }
    }

    fn create_or_replace(&mut self) {
        let is_replace = self.below(3) == 0;
        let whole = match self.some_table().filter(|_| is_replace) {
            Some(whole) => whole,
            None => self.some_place(),
        };
        let mut columns = Vec::new();
        for _ in 0..1 + self.below(4) {
            columns.push(self.name(&columns));
        }
        let rows = self.some_rows(columns.len());
        let model = Model { columns, rows };
        let source = self.source(&model);
        let mode = if is_replace { "replace" } else { "create" };
        let is_there = self.tables.contains_key(&whole);
        let answer = self.load(&whole, mode, None, source.clone());
        if mode == "create" && is_there {
            assert!(answer.error().contains("exists"), "{whole:?}");
            return;
        }
        assert!(!answer.is_error(), "{mode} {whole:?} {source}: {}", answer.text());
        self.tables.insert(whole, model.in_order_of(&answer));
    }

    fn append(&mut self) {
        let Some(whole) = self.some_table() else { return };
        let columns = self.tables[&whole].columns.clone();
        let model = Model { rows: self.some_rows(columns.len()), columns };
        let source = self.source(&model);
        let answer = self.load(&whole, "append", None, source.clone());
        assert!(!answer.is_error(), "append {whole:?} {source}: {}", answer.text());
        self.tables.get_mut(&whole).unwrap().rows.extend(model.rows);
    }

    /// Rows of which each has its key and some of the other fields.
    fn merge(&mut self) {
        let Some(whole) = self.some_table() else { return };
        let columns = self.tables[&whole].columns.clone();
        let mut rows: Vec<Vec<Option<Option<i64>>>> = Vec::new();
        for row in self.some_rows(columns.len()) {
            let has = |world: &mut Self, index| index == 0 || world.below(3) > 0;
            rows.push(
                row.into_iter().enumerate().map(|(index, value)| has(self, index).then_some(value)).collect(),
            );
        }
        let objects: Vec<Value> = rows
            .iter()
            .map(|row| {
                let fields = columns
                    .iter()
                    .zip(row)
                    .filter_map(|(name, field)| field.map(|value| (name.clone(), json!(value))));
                Value::Object(fields.collect())
            })
            .collect();
        let schema: Map<_, _> = columns
            .iter()
            .enumerate()
            .filter(|(index, _)| rows.iter().any(|row| row[*index].is_some()))
            .map(|(_, name)| (name.clone(), json!("bigint")))
            .collect();
        let source = json!({"data": objects, "schema": schema});
        let answer = self.load(&whole, "merge", Some(&columns[0]), source.clone());
        let told = format!("merge {whole:?} {source}: {}", answer.text());
        let keys: Vec<_> = rows.iter().map(|row| row[0].flatten()).collect();
        let is_twice = keys.iter().enumerate().any(|(index, key)| keys[..index].contains(key));
        if keys.contains(&None) {
            assert!(answer.is_error() && answer.text().contains("no key"), "{told}");
            return;
        }
        if is_twice {
            assert!(answer.is_error() && answer.text().contains("not unique"), "{told}");
            return;
        }
        assert!(!answer.is_error(), "{told}");
        let model = self.tables.get_mut(&whole).unwrap();
        let (mut updated, mut inserted) = (0, 0);
        for row in &rows {
            let mut is_there = false;
            for old in model.rows.iter_mut().filter(|old| old[0] == row[0].flatten()) {
                is_there = true;
                updated += u64::from(schema.len() > 1);
                for (value, field) in old.iter_mut().zip(row) {
                    *value = field.unwrap_or(*value);
                }
            }
            if !is_there {
                inserted += 1;
                model.rows.push(row.iter().map(|field| field.flatten()).collect());
            }
        }
        let done = &answer.structured()["tables"][0];
        assert_eq!((&done["updated"], &done["inserted"]), (&json!(updated), &json!(inserted)), "{told}");
        let mut names: Vec<_> =
            done["updated_columns"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        names.sort_unstable();
        let mut expected: Vec<_> =
            schema.keys().map(String::as_str).filter(|name| *name != columns[0]).collect();
        expected.sort_unstable();
        assert_eq!(names, expected, "{told}");
    }

    fn export_and_load_again(&mut self) {
        let Some(whole) = self.some_table() else { return };
        self.files += 1;
        let ending = self.pick(&["csv", "jsonl", "parquet", "arrow", "hyper"]);
        let ending = if ending == "csv" && !fits_csv(&self.tables[&whole]) { "parquet" } else { ending };
        let path = self.folder.path().join(format!("out {}.{ending}", self.files));
        let mut arguments = json!({"path": path});
        arguments["table"] = self.named(&whole, &mut arguments).into();
        let exported = self.server.call("export", arguments.clone());
        assert!(!exported.is_error(), "export {arguments}: {}", exported.text());
        let model = self.tables[&whole].clone();
        assert_eq!(exported.structured()["rows"], json!(model.rows.len()), "{arguments}");
        let inspected = self.server.call("inspect", json!({"target": path}));
        assert!(!inspected.is_error(), "inspect {arguments}: {}", inspected.text());
        let schema: Map<_, _> = model.columns.iter().map(|name| (name.clone(), json!("bigint"))).collect();
        let there = self.some_place();
        if self.tables.contains_key(&there) {
            return;
        }
        let mut source = json!({"path": path, "schema": schema});
        if ending == "csv" {
            source["header"] = true.into();
        }
        let answer = self.load(&there, "create", None, source.clone());
        assert!(!answer.is_error(), "load {there:?} {source}: {}", answer.text());
        self.tables.insert(there, model.in_order_of(&answer));
    }

    /// Every table has the rows that the model has, by every way to look at it.
    fn look(&mut self) {
        let all = self.tables.clone();
        for (whole, model) in &all {
            let name = QualifiedName::from_parts(whole.iter().map(String::as_str)).unwrap().to_string();
            let answer = self
                .server
                .call("query", json!({"sql": format!("SELECT * FROM {name}"), "max_rows": 10_000}));
            assert!(!answer.is_error(), "query {name}: {}", answer.text());
            let names: Vec<_> = answer.structured()["columns"]
                .as_array()
                .unwrap()
                .iter()
                .map(|c| c["name"].clone())
                .collect();
            assert_eq!(json!(names), json!(model.columns), "{name}");
            let mut rows: Vec<Vec<Option<i64>>> = serde_json::from_value(answer.rows().clone()).unwrap();
            rows.sort();
            let mut expected = model.rows.clone();
            expected.sort();
            assert_eq!(rows, expected, "{name}");
        }
        let Some(whole) = self.some_table() else { return };
        let model = &all[&whole];
        for detail in ["columns", "sample", "stats"] {
            let mut arguments = json!({"detail": detail});
            arguments["target"] = self.named(&whole, &mut arguments).into();
            let answer = self.server.call("inspect", arguments.clone());
            assert!(!answer.is_error(), "{arguments}: {}", answer.text());
            let table = &answer.structured()["tables"][0];
            let names: Vec<_> =
                table["columns"].as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
            assert_eq!(json!(names), json!(model.columns), "{arguments}");
            if detail == "stats" {
                let nulls: Vec<_> = table["columns"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|c| c["nulls"].as_u64().unwrap())
                    .collect();
                let expected: Vec<u64> = (0..names.len())
                    .map(|index| {
                        u64::try_from(model.rows.iter().filter(|row| row[index].is_none()).count()).unwrap()
                    })
                    .collect();
                assert_eq!((&table["rows"], nulls), (&json!(model.rows.len()), expected), "{arguments}");
            }
        }
    }

    /// The tables that `inspect` lists are those of the model, none of ours among them.
    fn list(&self) {
        let listed = self.server.call("inspect", json!({"target": "*", "limit": 1000}));
        if self.tables.is_empty() {
            return;
        }
        let mut listed: Vec<Whole> = listed.structured()["tables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|table| {
                let name: QualifiedName = table["table"].as_str().unwrap().parse().unwrap();
                <Whole>::try_from(name.parts().to_vec()).unwrap()
            })
            .collect();
        listed.sort();
        assert_eq!(listed, self.tables.keys().cloned().collect::<Vec<_>>());
    }
}

#[test]
fn whatever_things_are_named_each_tool_does_what_it_says_and_no_more() {
    let seeds = match std::env::var("HYPERWIRE_NAMES_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number below 256")],
        Err(_) => (0..2).collect::<Vec<u8>>(),
    };
    let worlds: Vec<_> = seeds
        .into_iter()
        .map(|seed| {
            std::thread::Builder::new().name(format!("seed {seed}")).spawn(move || work(seed)).unwrap()
        })
        .collect();
    let failed: Vec<_> = worlds
        .into_iter()
        .filter_map(|world| {
            let name = world.thread().name().map(str::to_owned);
            world.join().err().and(name)
        })
        .collect();
    assert_eq!(failed, Vec::<String>::new(), "see above; run one alone with HYPERWIRE_NAMES_SEED");
}

/// Steps of one seed.
const STEPS: usize = 32;

fn work(seed: u8) {
    let mut world = World::new(seed);
    for step in 0..STEPS {
        match world.below(8) {
            0 | 1 => world.create_or_replace(),
            2 => world.append(),
            3..6 => world.merge(),
            _ => world.export_and_load_again(),
        }
        if step % 8 == 7 {
            world.look();
        }
    }
    world.look();
    world.list();
}
