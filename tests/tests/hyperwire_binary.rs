//! The binary that tests of this package start is that of this source tree.

use std::process::Command;

use hyperwire_tests::hyperwire_binary::hyperwire_binary;

#[test]
fn cargo_builds_it_for_whoever_asks() {
    let output = Command::new(hyperwire_binary()).arg("--version").output().expect("a program");

    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let version = concat!("hyperwire ", env!("CARGO_PKG_VERSION"), " ");
    assert!(output.status.success() && said.starts_with(version), "{said}");
}
