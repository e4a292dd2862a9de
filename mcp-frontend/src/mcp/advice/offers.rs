//! What a server has, as far as advice speaks of it.

use std::collections::BTreeSet;

use crate::mcp::tools::Definition;

/// The tools of a server, and whose hyperd it uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offers {
    tools: BTreeSet<&'static str>,
    shares_hyperd: bool,
}

/// Something that only some servers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Every server has it.
    Nothing,
    /// A tool of this name.
    Tool(&'static str),
    /// A hyperd that other programs of the user use, too.
    SharedHyperd,
    /// A hyperd of the server's own.
    OwnHyperd,
}

impl Offers {
    pub(crate) fn new(tools: &[Definition], shares_hyperd: bool) -> Self {
        Self::of_names(tools.iter().map(|tool| tool.name), shares_hyperd)
    }

    pub(crate) fn of_names(tools: impl IntoIterator<Item = &'static str>, shares_hyperd: bool) -> Self {
        Self { tools: tools.into_iter().collect(), shares_hyperd }
    }

    /// Of a server that has everything, for tests and for what ends before there is a server.
    pub(crate) fn everything() -> Self {
        let optional = super::OPTIONAL.into_iter();
        Self::of_names(optional.chain(["query", "inspect", "chart", "job"]), true)
    }

    pub(crate) fn has(&self, needs: Needs) -> bool {
        match needs {
            Needs::Nothing => true,
            Needs::Tool(name) => self.tools.contains(name),
            Needs::SharedHyperd => self.shares_hyperd,
            Needs::OwnHyperd => !self.shares_hyperd,
        }
    }

    /// A text without what speaks of tools that are not there: `{load: or the tool `load`}` is kept, without its frame, in a
    /// server that has `load`.
    pub(crate) fn render(&self, text: &str) -> String {
        let mut rendered = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, framed)) = rest.split_once('{') {
            rendered.push_str(before);
            let tool = super::OPTIONAL
                .into_iter()
                .find(|tool| framed.strip_prefix(tool).is_some_and(|framed| framed.starts_with(": ")));
            match (tool, framed.split_once('}')) {
                (Some(tool), Some((inside, after))) => {
                    if self.has(Needs::Tool(tool)) {
                        rendered.push_str(&inside[tool.len() + 2..]);
                    }
                    rest = after;
                }
                _ => {
                    rendered.push('{');
                    rest = framed;
                }
            }
        }
        rendered.push_str(rest);
        rendered
    }
}
