//! Names and strings in SQL.

use core::fmt::{self, Display, Formatter, Write};

use super::reserved::is_reserved;

/// Displays a name in double quotes: hyperd takes it for that name, whatever characters it holds.
///
/// A NUL, which no message to hyperd may hold, is escaped (`U&"\0000"`); hyperd refuses the empty name.
///
/// ```
/// # use hyperwire_core::sql::Identifier;
/// assert_eq!(Identifier("Total \"net\"").to_string(), "\"Total \"\"net\"\"\"");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identifier<'a>(pub &'a str);

impl Display for Identifier<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let has_nul = self.0.contains('\0');
        f.write_str(if has_nul { "U&\"" } else { "\"" })?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\"\"")?,
                '\\' if has_nul => f.write_str("\\\\")?,
                '\0' => f.write_str("\\0000")?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// Displays a string in single quotes: hyperd takes it for that text, whatever characters it holds.
///
/// Backslashes stay as they are. A NUL, which no message to hyperd may hold, is escaped (`E'\u0000'`).
///
/// ```
/// # use hyperwire_core::sql::Literal;
/// assert_eq!(Literal("it's").to_string(), "'it''s'");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Literal<'a>(pub &'a str);

impl Display for Literal<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let has_nul = self.0.contains('\0');
        f.write_str(if has_nul { "E'" } else { "'" })?;
        for c in self.0.chars() {
            match c {
                '\'' => f.write_str("''")?,
                '\\' if has_nul => f.write_str("\\\\")?,
                '\0' => f.write_str("\\u0000")?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('\'')
    }
}

/// Displays a name with quotes only where hyperd needs them: what is not all lower-case ASCII letters, digits and
/// underscores, and reserved words. As [`Identifier`] it stands for that name in SQL.
///
/// ```
/// # use hyperwire_core::sql::Shown;
/// assert_eq!(Shown("orders_2").to_string(), "orders_2");
/// assert_eq!(Shown("Orders").to_string(), "\"Orders\"");
/// assert_eq!(Shown("order").to_string(), "\"order\"");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'a>(pub &'a str);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_plain = self.0.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && self.0.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
            && !is_reserved(self.0);
        if is_plain { f.write_str(self.0) } else { Identifier(self.0).fmt(f) }
    }
}
