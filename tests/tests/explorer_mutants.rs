//! Known mistakes are found, each by the invariant that forbids it.

use hyperwire_tests::explorer::mutants::{CASES, table};

const COMMITTED: &str = include_str!("../mutants.md");

#[test]
fn every_mutant_that_does_harm_is_found_as_the_table_says() {
    let now = table();

    if std::env::var_os("HYPERWIRE_BLESS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/mutants.md"), &now)
            .expect("the table can be written");
        return;
    }
    for case in CASES {
        let line = now.lines().find(|line| line.starts_with(&format!("| {:?} |", case.mutant)));
        let line = line.expect("every mutant has a line");
        assert_eq!(line.contains("| none |"), case.harmless.is_some(), "{line}");
    }
    assert_eq!(now, COMMITTED, "the table is not what it was; look why, then bless it");
}
