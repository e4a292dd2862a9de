//! The guide to Hyper's SQL says what hyperd does, statement by statement.

use std::ops::ControlFlow;

use hyperwire_blocking::hyperd::{Environment, Hyperd, Settings, locate_or_install};
use hyperwire_blocking::hyperwire_core::hyperd::DEFAULT_USER;
use hyperwire_blocking::hyperwire_core::wire::Format;
use hyperwire_blocking::{Client, Config};
use serde_json::value::RawValue;

const GUIDE: &str = include_str!("../../src/mcp/resources/hyper_sql.md");

/// One statement of the guide, and what it says comes of it.
struct Example<'a> {
    sql: &'a str,
    /// `[...]`, the first row; `error 42601`; or nothing, if it is enough that it runs.
    says: &'a str,
}

#[test]
fn every_statement_of_the_guide_does_what_the_guide_says() {
    let found = locate_or_install(&Environment::of_this_process(), &mut |_| ControlFlow::Continue(()))
        .expect("there is a hyperd, or one can be fetched");
    let hyperd = Hyperd::start(&Settings::new(found.path)).expect("hyperd starts");
    let mut config = Config::new(hyperd.endpoint().clone(), DEFAULT_USER);
    config.session.result_format = Format::Text;
    config.session.options.push(("extra_float_digits".to_owned(), "3".to_owned()));
    let mut client = Client::connect(config).expect("hyperd lets us in");
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("guide.hyper").display().to_string();
    for sql in [
        format!("CREATE DATABASE \"{database}\""),
        format!("ATTACH DATABASE \"{database}\" AS local"),
        "SET schema_search_path = 'local'".to_owned(),
    ] {
        client.execute(&sql).expect("a database, as the server has one");
    }
    let examples = examples();
    assert!(examples.len() > 60, "the guide has {} examples: are they still found?", examples.len());

    let wrong: Vec<String> = examples
        .iter()
        .filter_map(|example| {
            let did = run(&mut client, example.sql);
            let fits = example.says.is_empty() && !did.starts_with("error") || did == example.says;
            (!fits).then(|| format!("{}\n  says {}\n  does {did}", example.sql, example.says))
        })
        .collect();

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The statements of its `sql` blocks, one a line.
fn examples() -> Vec<Example<'static>> {
    let blocks = GUIDE.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(str::lines)
        .map(|line| {
            let (sql, says) = line.rsplit_once("-- ").unwrap_or((line, ""));
            let sql = sql.trim_end().strip_suffix(';').unwrap_or_else(|| panic!("not one statement: {line}"));
            Example { sql, says }
        })
        .collect()
}

/// What comes of a statement, in the guide's words: its first row as JSON, with numbers as hyperd writes them.
fn run(client: &mut Client, sql: &str) -> String {
    match first_row(client, sql) {
        Ok(row) => row,
        Err(error) => match error.server() {
            Some(refused) => format!("error {}", refused.code().as_str()),
            None => format!("error: {error}"),
        },
    }
}

fn first_row(client: &mut Client, sql: &str) -> Result<String, hyperwire_blocking::Error> {
    let mut rows = client.query(sql)?;
    let oids: Vec<u32> = rows
        .columns()
        .map(|columns| columns.iter().map(|column| column.type_oid()).collect())
        .unwrap_or_default();
    let mut first = None;
    while let Some(row) = rows.next()? {
        if first.is_none() {
            let values = row.iter().zip(&oids).map(|(value, oid)| shown(value.bytes(), *oid));
            first = Some(format!("[{}]", values.collect::<Vec<_>>().join(",")));
        }
    }
    Ok(first.unwrap_or_default())
}

fn shown(value: Option<&[u8]>, oid: u32) -> String {
    const BOOL: u32 = 16;
    let Some(value) = value else { return "null".to_owned() };
    let text = std::str::from_utf8(value).expect("hyperd writes UTF-8");
    match (oid, text) {
        (BOOL, "t") => "true".to_owned(),
        (BOOL, "f") => "false".to_owned(),
        // Numbers and arrays are JSON as they are; everything else is a text.
        _ if serde_json::from_str::<&RawValue>(text).is_ok() && !is_text(oid) => text.to_owned(),
        _ => serde_json::to_string(text).expect("a text is JSON"),
    }
}

fn is_text(oid: u32) -> bool {
    const TEXTS: [u32; 4] = [18, 25, 1042, 1043];
    TEXTS.contains(&oid)
}
