//! hyperd's SQL, as far as text has to be taken apart or put together.
//!
//! Everything here was verified on hyperd 0.0.26963 and is kept by tests against the real one.
//!
//! - [`tokens`] cuts a text into hyperd's tokens and decodes names and strings.
//! - [`split`] takes the text of several statements apart.
//! - [`Identifier`] and [`Literal`] quote names and strings, whatever characters they hold.
//! - [`QualifiedName`] is `alias."Schema".table`: parsed as people write it, displayed with quotes only where hyperd needs them.

mod decode;
mod name;
mod quote;
mod reserved;
mod split;
mod token;

pub use name::{NameError, QualifiedName};
pub use quote::{Identifier, Literal, Shown};
pub use reserved::is_reserved;
pub use split::{Split, Statement, split};
pub use token::{Kind, Token, Tokens, is_blank, tokens};

#[cfg(test)]
mod split_tests;
#[cfg(test)]
mod tests;
