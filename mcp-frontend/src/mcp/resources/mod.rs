//! What can be read without a tool: the guide to Hyper's SQL, databases, tables, results that are kept, exported files.

mod exports;
mod guide;
mod list;
mod read;
mod uri;

pub(crate) use exports::Exports;
pub(crate) use guide::{SKILL_DESCRIPTION, SKILL_NAME, guide, skill};
pub(crate) use list::{Item, list, templates};
pub(crate) use read::{Body, Unread, read};
pub(crate) use uri::{DATABASE_TEMPLATE, RESULT_TEMPLATE, TABLE_TEMPLATE, Uri};

use super::changes::Change;

/// Whether what this URI shows may be another after such a change.
pub(crate) fn shows(uri: &Uri, change: &Change) -> bool {
    match (uri, change) {
        (Uri::Databases | Uri::Database(_) | Uri::Table { .. }, Change::Databases) => true,
        (Uri::Database(_) | Uri::Table { .. }, Change::Tables(None)) => true,
        (Uri::Database(database) | Uri::Table { database, .. }, Change::Tables(Some(changed))) => {
            database.eq_ignore_ascii_case(changed)
        }
        // An export may write over an earlier one. A result that is kept never changes.
        (Uri::File(_), Change::Results) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_touched_by_what_happens_to_its_database() {
        let table = Uri::parse("hyper://tables/local/public/t").unwrap();

        assert!(shows(&table, &Change::Tables(Some("LOCAL".to_owned()))));
        assert!(shows(&table, &Change::Tables(None)));
        assert!(shows(&table, &Change::Databases));
        assert!(!shows(&table, &Change::Tables(Some("persistent".to_owned()))));
        assert!(!shows(&table, &Change::Results));
        assert!(!shows(&Uri::Sql, &Change::Tables(None)));
    }
}
