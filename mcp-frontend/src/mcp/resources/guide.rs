//! The guide to Hyper's SQL. Its examples run in the tests, on a real hyperd.

use crate::mcp::advice::Offers;

/// Markdown, with frames around what only some servers have: see [`Offers::render`].
const GUIDE: &str = include_str!("hyper_sql.md");

/// What the guide is called as a skill.
pub(crate) const SKILL_NAME: &str = "hyper-sql";
/// When a model should read it.
pub(crate) const SKILL_DESCRIPTION: &str = "How Hyper's SQL differs from PostgreSQL's: what it lacks, how files are read, dates, JSON, arrays, window functions, \
     statistics. Read it before you write SQL for Hyper that is not plain, or when a statement was refused.";

/// The guide, as it is true of a server that has these.
pub(crate) fn guide(offers: &Offers) -> String {
    offers.render(GUIDE)
}

/// The guide as the one file of a skill.
pub(crate) fn skill(offers: &Offers) -> String {
    format!("---\nname: {SKILL_NAME}\ndescription: {SKILL_DESCRIPTION}\n---\n\n{}", guide(offers))
}
