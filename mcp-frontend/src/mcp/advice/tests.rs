//! No text of a server names a tool that it has not got.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{Advice, Needs, OPTIONAL, Offers};
use crate::mcp::policy::Policy;
use crate::mcp::resources::{guide, skill};
use crate::mcp::tools::definitions;

/// The tools that a text speaks of. `database` is an argument, too: the tool is called "the tool `database`".
fn named(text: &str) -> Vec<&'static str> {
    let text = text.replace('\n', " ");
    let names = |tool: &&str| match *tool {
        "database" => ["the tool `database`", "with `database`", "`database` attach"]
            .iter()
            .any(|said| text.contains(said)),
        tool => text.contains(&format!("`{tool}`")),
    };
    OPTIONAL.into_iter().filter(names).collect()
}

#[track_caller]
fn assert_true_of(offers: &Offers, about: &str, text: &str) {
    for tool in named(text) {
        assert!(offers.has(Needs::Tool(tool)), "{about} names `{tool}` in a server without it: {text}");
    }
    assert!(!text.contains("{load") && !text.contains("{export"), "{about}: {text}");
}

#[test]
fn advice_speaks_of_what_each_server_has() {
    for policy in Policy::all() {
        let tools = definitions(&policy);
        for shares_hyperd in [true, false] {
            let offers = Offers::new(&tools, shares_hyperd);
            for advice in Advice::ALL {
                let said = advice.say(&offers);
                assert_true_of(&offers, &format!("{advice:?}"), &said);
                assert!(said.is_empty() || said.ends_with('.'), "{advice:?}: {said}");
                assert!(shares_hyperd || !said.contains("daemon"), "{advice:?}: {said}");
            }
            assert_true_of(&offers, "the guide", &guide(&offers));
            assert_true_of(&offers, "the skill", &skill(&offers));
        }
    }
}

#[test]
fn descriptions_and_schemas_speak_of_what_each_server_has() {
    for policy in Policy::all() {
        let tools = definitions(&policy);
        let offers = Offers::new(&tools, true);
        for tool in &tools {
            assert_true_of(&offers, tool.name, tool.description);
            for text in descriptions(&tool.input) {
                assert_true_of(&offers, tool.name, text);
            }
        }
    }
}

fn descriptions(schema: &Value) -> Vec<&str> {
    match schema {
        Value::Object(object) => object
            .iter()
            .flat_map(|(key, value)| match value {
                Value::String(text) if key == "description" => vec![text.as_str()],
                value => descriptions(value),
            })
            .collect(),
        Value::Array(all) => all.iter().flat_map(descriptions).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_frame_is_kept_for_a_server_that_has_its_tool() {
    let some = Offers::of_names(["load"], false);

    assert_eq!(
        some.render("a{load: , or `load`}{export: , or `export`} {\"x\": 1}"),
        "a, or `load` {\"x\": 1}"
    );
    assert_eq!(Offers::default().render("a{load: , or `load`}."), "a.");
}

#[test]
fn without_any_way_there_is_no_next_step() {
    assert_eq!(Advice::Attach.say(&Offers::default()), "");
    assert_eq!(Advice::Change.say(&Offers::default()), "This server only reads.");
    assert_eq!(
        Advice::LessOrExport.say(&Offers::everything()),
        "Next: aggregate or filter more, or `export` the whole result."
    );
}

/// Where texts may name a tool: here, where each is conditional, and in the tool's own module.
fn may_name(file: &str, tool: &str) -> bool {
    let own = match tool {
        "watch" => file.starts_with("watching/") || file == "tools/watch.rs",
        "load" => file == "tools/load.rs",
        tool => file == format!("tools/{tool}.rs") || file.starts_with(&format!("tools/{tool}/")),
    };
    own || file.starts_with("advice/") || file == "instructions.rs" || file.ends_with("tests.rs")
        // Both texts of its description are looked at above.
        || (file == "tools/query.rs" && tool == "export")
        // An argument of theirs.
        || (tool == "database" && matches!(file, "tools/memory.rs" | "tools/catalog.rs"))
}

#[test]
fn no_other_module_has_a_text_that_names_such_a_tool() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mcp");
    let mut looked_at = 0;
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let file = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            if !file.ends_with(".rs") {
                continue;
            }
            looked_at += 1;
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let code: String = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .map(|line| line.trim().trim_end_matches('\\'))
                .collect::<Vec<_>>()
                .join(" ");
            for tool in named(&code) {
                assert!(may_name(&file, tool), "{file} names `{tool}` in a text: make it an advice");
            }
        }
    }
    assert!(looked_at > 80, "{looked_at} files");
}
