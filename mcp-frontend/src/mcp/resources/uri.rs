//! How resources are named.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What a URI names. Whether it is there is another question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Uri {
    /// `hyper://sql`, the guide to Hyper's SQL.
    Sql,
    /// `hyper://databases`
    Databases,
    /// `hyper://databases/{database}`
    Database(String),
    /// `hyper://tables/{database}/{schema}/{table}`
    Table { database: String, schema: String, table: String },
    /// `hyper://results/{result}`, rows that did not fit an answer.
    Result(String),
    /// `file:///...`, a file that was exported.
    File(String),
    /// The guide, as an agent's skill.
    Skill,
}

/// The templates of those that have parts, for clients to fill in (RFC 6570).
pub(crate) const DATABASE_TEMPLATE: &str = "hyper://databases/{database}";
pub(crate) const TABLE_TEMPLATE: &str = "hyper://tables/{database}/{schema}/{table}";
pub(crate) const RESULT_TEMPLATE: &str = "hyper://results/{result}";

const SQL: &str = "hyper://sql";
const DATABASES: &str = "hyper://databases";
const SKILL: &str = "skill://hyper-sql/SKILL.md";

/// All that RFC 3986 does not call unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Uri {
    /// `None` for what is no URI of this server.
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        match uri {
            SQL => return Some(Self::Sql),
            DATABASES => return Some(Self::Databases),
            SKILL => return Some(Self::Skill),
            _ if uri.starts_with("file://") => return Some(Self::File(uri.to_owned())),
            _ => {}
        }
        let parts: Vec<String> =
            uri.strip_prefix("hyper://")?.split('/').map(decoded).collect::<Option<_>>()?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        if parts.contains(&"") {
            return None;
        }
        match parts[..] {
            ["databases", database] => Some(Self::Database(database.to_owned())),
            ["tables", database, schema, table] => Some(Self::Table {
                database: database.to_owned(),
                schema: schema.to_owned(),
                table: table.to_owned(),
            }),
            ["results", result] => Some(Self::Result(result.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql => f.write_str(SQL),
            Self::Databases => f.write_str(DATABASES),
            Self::Skill => f.write_str(SKILL),
            Self::Database(database) => write!(f, "hyper://databases/{}", encoded(database)),
            Self::Table { database, schema, table } => {
                write!(f, "hyper://tables/{}/{}/{}", encoded(database), encoded(schema), encoded(table))
            }
            Self::Result(result) => write!(f, "hyper://results/{}", encoded(result)),
            Self::File(uri) => f.write_str(uri),
        }
    }
}

fn encoded(part: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(part, RESERVED)
}

fn decoded(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_survives_its_uri() {
        let table = |table: &str| Uri::Table {
            database: "local".to_owned(),
            schema: "public".to_owned(),
            table: table.to_owned(),
        };
        for uri in [
            Uri::Sql,
            Uri::Databases,
            Uri::Skill,
            Uri::Database("my db".to_owned()),
            table("orders"),
            table("a/b?c#d%2F é"),
            Uri::Result("0a1b".to_owned()),
        ] {
            assert_eq!(Uri::parse(&uri.to_string()), Some(uri.clone()), "{uri}");
        }
    }

    #[test]
    fn what_is_none_of_ours_is_none() {
        for uri in [
            "",
            "hyper://",
            "hyper://tables",
            "hyper://tables/a/b",
            "hyper://tables/a//c",
            "http://sql",
            "hyper://tables/%ff/b/c",
        ] {
            assert_eq!(Uri::parse(uri), None, "{uri}");
        }
    }
}
