//! The committed inputs of the fuzz targets, judged as fuzzing judges them. `tests/fuzz/README.md` says how to look for more.

use std::fs;
use std::path::Path;

#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is the library of another package, too")]
mod targets;

/// Panics if something does not hold of an input.
type Judge = fn(&[u8]);

/// Every target by its name, which is that of the folder with its inputs.
const TARGETS: &[(&str, Judge)] = &[
    ("control", targets::control::judge),
    ("copy", targets::copy::judge),
    ("record", targets::record::judge),
    ("rows", targets::rows::judge),
    ("session", targets::session::judge),
    ("sql", targets::sql::judge),
];

#[test]
fn every_committed_input_is_judged_to_be_right() {
    for (target, judge) in TARGETS {
        let mut inputs = inputs(&format!("corpus/{target}"));
        assert!(inputs.len() >= 5, "the corpus of {target} is missing");
        inputs.extend(self::inputs(&format!("regressions/{target}")));
        for (name, input) in inputs {
            check(*judge, &input, || format!("{target}/{name}"));
        }
    }
}

/// Inputs that are nearly right reach further than the ones that are.
#[test]
fn every_beginning_of_a_committed_input_is_judged_to_be_right() {
    for (target, judge) in TARGETS {
        for (name, input) in inputs(&format!("corpus/{target}")) {
            let step = (input.len() / 60).max(1);
            (0..input.len()).step_by(step).for_each(|end| {
                check(*judge, &input[..end], || format!("{end} bytes of {target}/{name}"));
            });
        }
    }
}

#[track_caller]
fn check(judge: Judge, input: &[u8], name: impl Fn() -> String) {
    assert!(std::panic::catch_unwind(|| judge(input)).is_ok(), "{} is judged to be wrong", name());
}

/// The files of a folder, none if there is no such folder.
fn inputs(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut inputs: Vec<_> = entries
        .map(|entry| entry.expect("the folder can be read"))
        .map(|entry| {
            (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("a file"))
        })
        .collect();
    inputs.sort();
    inputs
}
