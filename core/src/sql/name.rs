//! `alias."Schema".table`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::error::Error;
use core::fmt::{self, Display, Formatter};
use core::str::FromStr;

use super::quote::{Identifier, Shown};
use super::token::is_blank;

/// The name of a table: `table`, `schema.table` or `alias.schema.table`.
///
/// Parsed as people and models write it: a part in double quotes is exactly what stands in them; a part without quotes is
/// what stands there, with its capitals, up to the next dot. A name that has a dot or begins with a quote needs quotes. Displayed
/// with quotes only where hyperd needs them, so that it can be copied into SQL and parsed again.
///
/// ```
/// # use hyperwire_core::sql::QualifiedName;
/// let name: QualifiedName = "persistent.public.\"v1.0\"".parse().unwrap();
/// assert_eq!((name.database(), name.schema(), name.table()), (Some("persistent"), Some("public"), "v1.0"));
/// assert_eq!(name.to_string(), "persistent.public.\"v1.0\"");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QualifiedName {
    /// One to three, none empty, none with a NUL.
    parts: Vec<String>,
}

/// Why a text is no name of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing stands where a part is expected: at an end, or between two dots.
    Empty,
    /// A double quote at the beginning of a part is not closed, or something else than a dot follows the closing one.
    Quote,
    /// There are more than three parts.
    Long,
    /// A NUL, which hyperd cannot be sent.
    Nul,
}

impl QualifiedName {
    /// The name with these parts: the table's, behind its schema's, behind its database's alias.
    ///
    /// # Errors
    /// If there are not one to three parts, or one is empty or holds a NUL.
    pub fn from_parts<T: Into<String>>(parts: impl IntoIterator<Item = T>) -> Result<Self, NameError> {
        let parts: Vec<String> = parts.into_iter().map(Into::into).collect();
        match parts.len() {
            0 => return Err(NameError::Empty),
            1..=3 => {}
            _ => return Err(NameError::Long),
        }
        if parts.iter().any(|part| part.contains('\0')) {
            return Err(NameError::Nul);
        }
        if parts.iter().any(String::is_empty) {
            return Err(NameError::Empty);
        }
        Ok(Self { parts })
    }

    /// The last part.
    #[must_use]
    pub fn table(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }

    /// The part before the table's. In a name of two parts that is the schema to hyperd, even if a database has it as its
    /// alias.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.parts.len().checked_sub(2).map(|at| self.parts[at].as_str())
    }

    /// The first of three parts.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.parts.len().checked_sub(3).map(|at| self.parts[at].as_str())
    }

    /// One to three parts, the table's last.
    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// For SQL: every part in quotes.
    #[must_use]
    pub fn quoted(&self) -> String {
        let parts: Vec<_> = self.parts.iter().map(|part| Identifier(part).to_string()).collect();
        parts.join(".")
    }
}

impl FromStr for QualifiedName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let part;
            (part, rest) = first_part(rest.trim_start_matches(is_blank))?;
            parts.push(part);
            rest = rest.trim_start_matches(is_blank);
            match rest.strip_prefix('.') {
                Some(more) => rest = more,
                None if rest.is_empty() => return Self::from_parts(parts),
                None => return Err(NameError::Quote),
            }
        }
    }
}

/// The part at the beginning, and what follows it.
fn first_part(text: &str) -> Result<(String, &str), NameError> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let (part, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
        let part = part.trim_end_matches(is_blank);
        return Ok((part.to_string(), rest));
    };
    let mut part = String::new();
    loop {
        let (before, after) = rest.split_once('"').ok_or(NameError::Quote)?;
        part.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                part.push('"');
                rest = more;
            }
            None => return Ok((part, after)),
        }
    }
}

impl Display for QualifiedName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            Shown(part).fmt(f)?;
        }
        Ok(())
    }
}

impl Display for NameError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a part of the name is empty",
            Self::Quote => {
                "a double quote in the name is not closed, or something stands beside a quoted part"
            }
            Self::Long => "a name has at most three parts: alias.schema.table",
            Self::Nul => "a name cannot hold a NUL character",
        })
    }
}

impl Error for NameError {}
