//! The committed inputs of the fuzz target `mcp_lines`, judged as fuzzing judges them, with every beginning of them.
//! `tests/fuzz` of the repository says how to look for more.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "tests say which input panics, and read their own files; the judge is shared with the fuzz target"
)]

use std::fs;
use std::path::Path;

#[path = "../../tests/fuzz/src/mcp_lines.rs"]
mod mcp_lines;

#[test]
fn every_committed_input_of_mcp_lines_is_judged_to_be_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz");
    let mut count = 0;
    for part in ["corpus/mcp_lines", "regressions/mcp_lines"] {
        for entry in fs::read_dir(folder.join(part)).expect("the inputs are committed") {
            let path = entry.expect("the folder can be read").path();
            println!("{}", path.display());
            let input = fs::read(&path).expect("a file");
            (0..=input.len()).for_each(|end| mcp_lines::judge(&input[..end]));
            // In pieces of every size, with limits of many.
            if let [_, _, bytes @ ..] = &input[..] {
                for split in 0..=255 {
                    for limit in [0, 1, 2, 5, 255] {
                        mcp_lines::judge(&[&[split, limit], bytes].concat());
                    }
                }
            }
            count += 1;
        }
    }
    assert!(count >= 13, "{count} inputs");
}
