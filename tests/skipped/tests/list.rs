//! Prints what the tests of this run skipped. It runs last; see the library.

use std::io::{self, Write};

fn main() {
    let skipped = skipped_tests::take();
    if skipped.is_empty() {
        return;
    }
    let list: String = skipped.iter().map(|line| format!("  {line}\n")).collect();
    // There is nobody to tell if it is closed.
    let _ = write!(
        io::stderr(),
        "\n{} skipped for want of a tool, a package or a right:\n{list}\n",
        skipped.len()
    );
}
