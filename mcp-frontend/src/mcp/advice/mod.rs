//! What to do next, as a value: it becomes words only for a server that is known, and then speaks of nothing that this server
//! has not got.
//!
//! A text that names a tool which some servers lack stands here, or in that tool's own module; a test looks for others.

mod offers;
mod refusals;
#[cfg(test)]
mod tests;

pub(crate) use offers::{Needs, Offers};
pub(crate) use refusals::{Refusal, advice, function};

/// Tools that some servers have not got.
pub(crate) const OPTIONAL: [&str; 7] =
    ["execute", "load", "export", "database", "memory", "watch", "catalog"];

/// A next step, with what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way(pub(crate) Needs, pub(crate) &'static str);

macro_rules! advice {
    ($($(#[$doc:meta])* $name:ident: [$(($needs:expr, $text:literal)),+ $(,)?], else $otherwise:literal;)+) => {
        /// What a caller can do next.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Advice {
            $($(#[$doc])* $name,)+
        }

        impl Advice {
            /// Every advice there is.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            /// The ways that there are, the best first.
            fn ways(self) -> &'static [Way] {
                match self {
                    $(Self::$name => &[$(Way($needs, $text)),+],)+
                }
            }

            /// What is said in a server that has none of them.
            fn otherwise(self) -> &'static str {
                match self {
                    $(Self::$name => $otherwise,)+
                }
            }
        }
    };
}

use Needs::{Nothing, OwnHyperd, SharedHyperd, Tool};

advice! {
    /// A statement that changes something was given where only rows are read.
    Change: [(Tool("execute"), "pass statements that change something to `execute`")],
        else "This server only reads.";
    /// A statement was refused since it does not only read.
    ReadOrChange: [
        (Nothing, "read files through `inputs`"),
        (Tool("execute"), "pass statements that change something to `execute`"),
    ], else "";
    /// Several statements in one text.
    OneStatement: [
        (Nothing, "pass one statement at a time"),
        (Tool("execute"), "pass a list of them to `execute`"),
    ], else "";
    /// A file was named in SQL.
    FileAsInput: [
        (Nothing, "give the file as one of the `inputs` of `query`"),
        (Tool("load"), "`load` it"),
    ], else "";
    /// MERGE.
    MergeByUpdate: [
        (Tool("load"), "use `load` with mode merge"),
        (Nothing, "UPDATE ... FROM, then INSERT ... WHERE NOT EXISTS"),
    ], else "";
    /// INSERT ... ON CONFLICT.
    MergeByInsert: [
        (Tool("load"), "use `load` with mode merge"),
        (Nothing, "INSERT ... SELECT ... WHERE NOT EXISTS"),
    ], else "";
    /// CREATE OR REPLACE TABLE.
    Replace: [
        (Nothing, "DROP TABLE IF EXISTS first"),
        (Tool("load"), "use `load` with mode replace"),
    ], else "";
    /// A write to a database that is attached for reading.
    AttachForWriting: [
        (Tool("database"), "detach it and attach it with mode readwrite, with the tool `database`"),
    ], else "The database is attached readonly.";
    /// Another client of the same hyperd has the file in the other mode.
    AttachInThatMode: [
        (Nothing, "wait until the other client of this hyperd has closed the file, which it has in the other mode"),
        (Tool("database"), "attach it in that mode with the tool `database`"),
    ], else "";
    /// Another process has the file.
    CloseOrCopy: [
        (Nothing, "close the file in the program that has it open"),
        (Tool("database"), "attach a copy of the file with the tool `database`"),
    ], else "";
    /// Another call or program writes to it.
    WaitOrAttachForWriting: [
        (Nothing, "call again in a moment"),
        (Tool("database"), "attach it with mode readwrite"),
    ], else "";
    /// Another call or program reads it.
    WaitOrAttachForReading: [
        (Nothing, "call again in a moment"),
        (Tool("database"), "attach it readonly if you only read"),
    ], else "";
    /// hyperd hangs on a file.
    HangsOnFile: [
        (Nothing, "use other databases"),
        (SharedHyperd, "have the user run `hyperwire daemon stop --now` and call again"),
        (OwnHyperd, "have the user restart this server"),
    ], else "";
    /// There is no such database.
    Attach: [(Tool("database"), "attach its file with the tool `database`")], else "";
    /// There is not a single table.
    MakeTables: [
        (Tool("load"), "`load` a file"),
        (Tool("database"), "attach a database file with the tool `database`"),
        (Nothing, "query a file as one of the `inputs` of `query`"),
    ], else "";
    /// Rows that are not kept.
    LessOrExport: [
        (Nothing, "aggregate or filter more"),
        (Tool("export"), "`export` the whole result"),
    ], else "";
    /// A cursor that is no more.
    AgainOrExport: [
        (Nothing, "run the query again"),
        (Tool("export"), "`export` its whole result"),
    ], else "";
    /// SQL that may open files is not run.
    CheckedPaths: [
        (Nothing, "use the `inputs` of `query`, whose paths are checked"),
        (Tool("load"), "use `load`"),
        (Tool("export"), "use `export`"),
        (Tool("database"), "use the tool `database`"),
    ], else "";
    /// A database whose file is made by the first write.
    WriteFirst: [
        (Tool("execute"), "write to it, which makes the file: a CREATE TABLE with `execute`"),
        (Tool("load"), "`load` into it"),
    ], else "This server only reads.";
    /// A row of a result is too long.
    ShorterRow: [
        (Nothing, "select less of it, as with left(column, 1000)"),
        (Tool("export"), "write it to a file with `export` as csv or parquet"),
    ], else "";
    /// COPY FROM STDIN.
    LoadOrInsert: [
        (Tool("load"), "use `load`, which takes files and inline data"),
        (Tool("execute"), "use INSERT ... VALUES"),
        (Nothing, "give the data as one of the `inputs` of `query`"),
    ], else "";
    /// COPY TO STDOUT.
    SelectOrExport: [
        (Nothing, "run the SELECT with `query`"),
        (Tool("export"), "write a file with `export`"),
    ], else "";
    /// Data that is no value of `memory`.
    LoadData: [(Tool("load"), "`load` data files into a table")], else "";
    /// Values that are too large.
    SplitOrLoad: [
        (Nothing, "split them"),
        (Tool("load"), "`load` large data into a table"),
    ], else "";
    /// A value that was cut.
    LargerOrExport: [
        (Nothing, "pass a larger max_bytes (at most 1000000)"),
        (Tool("export"), "`export` it"),
    ], else "";
    /// A database file that was looked at.
    QueryDatabaseFile: [
        (Tool("database"), "attach it with the tool `database` to query it"),
        (Nothing, "give it as one of the `inputs` of `query`, with `from_table`"),
    ], else "";
    /// A folder where a file is meant.
    FolderOrLoad: [
        (Nothing, "give the folder"),
        (Tool("load"), "`load` a file"),
    ], else "";
}

impl Advice {
    /// In words, for this server; nothing if there is nothing to say.
    pub(crate) fn say(self, offers: &Offers) -> String {
        let ways: Vec<_> =
            self.ways().iter().filter(|Way(needs, _)| offers.has(*needs)).map(|Way(_, text)| *text).collect();
        match ways.as_slice() {
            [] => self.otherwise().to_owned(),
            ways => format!("Next: {}.", ways.join(", or ")),
        }
    }
}

/// What is said after what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The same in every server.
    Text(&'static str),
    Advice(Advice),
}

impl From<&'static str> for Next {
    fn from(text: &'static str) -> Self {
        Self::Text(text)
    }
}

impl From<Advice> for Next {
    fn from(advice: Advice) -> Self {
        Self::Advice(advice)
    }
}
