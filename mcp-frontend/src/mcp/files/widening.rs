//! Which types hold all values of which.

use super::evidence::modifiers;

/// Whether every value of one type is one of the other, unchanged.
pub(super) fn widens(from: &str, to: &str) -> bool {
    let ((from, of), (to, into)) = (modifiers(&synonym(from)), modifiers(&synonym(to)));
    if from == to && (of == into || into.is_empty() && from != "numeric") {
        return true;
    }
    let digits = |name: &str| match name {
        "smallint" => Some(5),
        "integer" => Some(10),
        "bigint" => Some(19),
        _ => None,
    };
    match (from.as_str(), to.as_str()) {
        (_, "text") => true,
        ("smallint", "integer" | "bigint" | "real" | "double precision")
        | ("integer", "bigint" | "double precision")
        | ("real", "double precision")
        | ("date", "timestamp") => true,
        ("smallint" | "integer" | "bigint", "numeric") => {
            let (precision, scale) = (into.first().copied().unwrap_or(38), into.get(1).copied().unwrap_or(0));
            digits(&from).is_some_and(|digits| precision.saturating_sub(scale) >= digits)
        }
        ("numeric", "numeric") => {
            let part = |numbers: &[u32]| {
                let scale = numbers.get(1).copied().unwrap_or(0);
                (numbers.first().copied().unwrap_or(38).saturating_sub(scale), scale)
            };
            let ((whole, places), (room, room_behind)) = (part(&of), part(&into));
            room >= whole && room_behind >= places
        }
        ("varchar" | "char", "varchar") => of.first() <= into.first() && !of.is_empty(),
        _ => false,
    }
}

/// One name for each type.
fn synonym(ty: &str) -> String {
    let ty = ty.trim().to_ascii_lowercase();
    let (name, modifier) = ty.split_at(ty.find('(').unwrap_or(ty.len()));
    let name = match name.trim() {
        "int" | "int4" => "integer",
        "int8" => "bigint",
        "int2" => "smallint",
        "decimal" => "numeric",
        "float" | "float8" | "double" => "double precision",
        "float4" => "real",
        "bool" => "boolean",
        "character varying" => "varchar",
        "character" => "char",
        "timestamp without time zone" => "timestamp",
        "timestamptz" => "timestamp with time zone",
        name => name,
    };
    if name == "varchar" && modifier.is_empty() { "text".to_owned() } else { format!("{name}{modifier}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_widens_to_what_keeps_all_its_values() {
        for (from, to) in [
            ("integer", "bigint"),
            ("integer", "numeric(18,2)"),
            ("numeric(18,2)", "numeric(38,2)"),
            ("date", "timestamp"),
            ("json", "text"),
            ("varchar(5)", "text"),
            ("timestamptz", "timestamp with time zone"),
        ] {
            assert!(widens(from, to), "{from} to {to}");
        }
        for (from, to) in [
            ("bigint", "integer"),
            ("bigint", "double precision"),
            ("numeric(18,4)", "numeric(18,2)"),
            ("bigint", "numeric(18,2)"),
            ("timestamp", "date"),
            ("text", "integer"),
            ("double precision", "numeric(18,2)"),
        ] {
            assert!(!widens(from, to), "{from} to {to}");
        }
    }
}
