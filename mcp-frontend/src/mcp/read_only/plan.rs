//! What hyperd shows of a plan: a drawing in which each operator is its name and its number, such as `scan native(3)`,
//! above the names of its tables.

/// Operators that read, or compute: to hyperd 0.0.26963, and to 0.0.26359, which comes with hyperdb-mcp 0.7.3.
const READS: [&str; 24] = [
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
    "map",
    "result-sink",
    "scan native",
    "scan virtual-table",
    "share",
    "sort",
    "table-construction",
    "table-function",
    "table-sample",
    "table-scan",
    "virtual-table",
    "window",
];
/// Followed by how.
const READS_SOMEHOW: [&str; 2] = ["join ", "union"];
/// `join`, `left-outer-join` and so on, to 0.0.26359.
const JOINS: &str = "join";
/// What a result goes to, which is at the top: to either hyperd.
const ROOTS: [&str; 2] = ["result-sink", "execution-target"];

/// The first operator that is not known to only read. A drawing that is not understood is one, too.
///
/// Names of tables stand in the drawing as they are, so that one may look like an operator. That hides no other: a name of
/// an unknown operator refuses the statement, and so does a number that is missing.
pub(super) fn unknown_operator(drawing: &str) -> Option<String> {
    let operators = operators(drawing);
    if let Some((unknown, _)) = operators.iter().find(|(name, _)| !is_read(name)) {
        return Some((*unknown).to_owned());
    }
    let count = operators.iter().map(|(_, number)| *number).max().unwrap_or(0);
    let all = (1..=count).all(|wanted| operators.iter().any(|(_, number)| *number == wanted));
    let starts = ROOTS.iter().any(|root| operators.contains(&(*root, 1)));
    (!all || !starts).then(|| "one that is not shown".to_owned())
}

fn is_read(name: &str) -> bool {
    READS.contains(&name)
        || READS_SOMEHOW.iter().any(|start| name.starts_with(start))
        || name.rsplit('-').next() == Some(JOINS)
}

/// Each `name(number)`.
fn operators(drawing: &str) -> Vec<(&str, usize)> {
    let mut all = Vec::new();
    for line in drawing.lines() {
        let mut rest = line;
        while let Some((before, behind)) = rest.split_once('(') {
            rest = behind;
            let name = before.rsplit(|c: char| !is_in_name(c)).next().unwrap_or_default();
            // A name is followed by its number at once.
            let name = name.trim_start();
            let number = behind.split_once(')').and_then(|(number, _)| number.parse().ok());
            if let (false, Some(number)) = (name.is_empty() || name.ends_with(' '), number) {
                all.push((name, number));
            }
        }
    }
    all
}

fn is_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOIN: &str = "      result-sink(1)      \n                          \n      join inner(2)       \n      hash                \n\
        \n                          \nscan native(3) scan csv(4)\nt              x          \n";

    #[test]
    fn operators_that_stand_side_by_side_are_told_apart() {
        assert_eq!(
            operators(JOIN),
            [("result-sink", 1), ("join inner", 2), ("scan native", 3), ("scan csv", 4)]
        );
        assert_eq!(unknown_operator(JOIN).as_deref(), Some("scan csv"));
        assert_eq!(unknown_operator(&JOIN.replace("csv", "native")), None);
    }

    #[test]
    fn the_hyperd_of_hyperdb_mcp_is_understood() {
        let drawing = "execution-target(1)\n\nleft-outer-join(2)\nhash\n\ntable-scan(3) join(4)\na\n\n\
            virtual-table(5) csv-scan(6)\n";

        assert_eq!(unknown_operator(drawing).as_deref(), Some("csv-scan"));
        assert_eq!(unknown_operator(&drawing.replace("csv-scan", "table-scan")), None);
    }

    #[test]
    fn a_table_that_is_named_like_an_operator_hides_none() {
        let drawing = "result-sink(1)\n\ninsert native(2)\nscan native(2)\n\ntable-construction(3)";

        assert_eq!(unknown_operator(drawing).as_deref(), Some("insert native"));
    }

    #[test]
    fn early_probes_and_names_with_numbers_in_parentheses_are_no_operators() {
        let drawing = "result-sink(1)\n\nscan native(2)\nSales (2024)\nep: (2)";

        assert_eq!(unknown_operator(drawing), None);
    }

    #[test]
    fn a_drawing_that_is_not_understood_is_refused() {
        for drawing in ["", "{}", "result-sink(1)\nscan native(3)", "map(1)\nscan native(2)"] {
            assert!(unknown_operator(drawing).is_some(), "{drawing}");
        }
    }
}
