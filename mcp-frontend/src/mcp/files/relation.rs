//! Data as hyperd can select from it.

use std::path::PathBuf;
use std::sync::Arc;

use super::csv_file::{self, path};
use super::input::{Format, Input};
use super::json::JsonPath;
use super::meter::{Content, Meter};
use super::text_table::TextTable;
use super::widening::widens;
use super::{columnar, hyper_file, json_file};
use crate::mcp::call::Call;
use crate::mcp::disk::TemporaryPath;
use crate::mcp::engine::{Lease, literal, quoted};
use crate::mcp::failure::{Failure, nearest};
use crate::mcp::state::State;
use crate::mcp::tables::Column;

/// Something to select from, column by column.
#[derive(Debug)]
pub(crate) struct Relation {
    /// What follows FROM.
    pub(crate) from: String,
    pub(crate) columns: Vec<RelationColumn>,
    /// How it was read, for the caller.
    pub(crate) read_as: String,
    pub(crate) warnings: Vec<String>,
    /// Removed with this.
    pub(super) temporary: Vec<TemporaryPath>,
    /// Attached for it.
    pub(super) attached: Option<String>,
    /// What the caller calls the files.
    pub(super) names: Vec<String>,
    /// The column of `from` that says which of `columns` a row has, as a text of as many `1` and `0`.
    pub(super) presence: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct RelationColumn {
    pub(crate) name: String,
    pub(crate) ty: String,
    /// What is selected, if not the column as it is.
    expression: Option<String>,
}

/// What was found out without a session.
#[derive(Debug)]
pub(crate) enum Prepared {
    Text(TextTable),
    Parquet(Vec<PathBuf>),
    Arrow(Vec<PathBuf>),
    Iceberg(PathBuf),
    Hyper(PathBuf),
}

impl Prepared {
    /// Looks at the data; all of it, if its types have to be inferred. If `tells_presence`, rows that do not have all columns
    /// are told from those that have NULL in them, where the format knows the difference.
    pub(crate) async fn of(
        state: &Arc<State>,
        input: &Input,
        tells_presence: bool,
        meter: &Meter,
        call: &Call,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Failure> {
        let (format, contents) = input.contents(state).await?;
        let first = contents.first().map_or(PathBuf::new(), |content| content.path().to_owned());
        let scratch = state.engine.scratch.path().to_owned();
        let meter = meter.branch();
        let inside = meter.clone();
        call.progress.doing(format!("reading {}", contents.first().map_or("data".to_owned(), Content::name)));
        match format {
            Format::Csv => {
                let (told, encoding) = (input.told()?, input.encoding()?);
                let survey = move || {
                    let mut warnings = Vec::new();
                    let table =
                        csv_file::survey(&contents, &told, encoding, &scratch, &inside, &mut warnings)?;
                    Ok((table, warnings))
                };
                let (table, told) = meter.watch(&state.disk, &first, call, survey).await?;
                warnings.extend(told);
                Ok(Self::Text(table))
            }
            Format::Json => {
                let json_path = JsonPath::parse(input.json_path());
                let survey =
                    move || json_file::survey(&contents, &json_path, tells_presence, &scratch, &inside);
                Ok(Self::Text(meter.watch(&state.disk, &first, call, survey).await?))
            }
            Format::Parquet => Ok(Self::Parquet(files(contents))),
            Format::Arrow => Ok(Self::Arrow(files(contents))),
            Format::Iceberg => Ok(Self::Iceberg(one(contents, "An Iceberg table")?)),
            Format::Hyper => Ok(Self::Hyper(one(contents, "A .hyper file")?)),
        }
    }

    /// With the types that the caller, the table that it goes into, or the data itself demand.
    pub(crate) async fn relation(
        self,
        state: &Arc<State>,
        lease: &mut Lease,
        input: &Input,
        into: Option<&[Column]>,
        meter: &Meter,
        call: &Call,
    ) -> Result<Relation, Failure> {
        let mut relation = match self {
            Self::Text(table) => text(table, input, into)?,
            Self::Parquet(files) => columnar::parquet(state, lease, files, meter, call).await?,
            Self::Arrow(files) => columnar::arrow_ipc(state, lease, files, meter, call).await?,
            Self::Iceberg(folder) => {
                let from = format!("external({}, format => 'iceberg')", literal(&path(&folder)?));
                let columns = describe(lease, &from).await?;
                Relation::new(from, columns, "iceberg", vec![folder])
            }
            Self::Hyper(file) => hyper_file::table(state, lease, file, input.from_table.as_deref()).await?,
        };
        if relation.columns.is_empty() {
            // That there is no data is no data.
            return Err(Failure::new(format!(
                "{} has no columns, so there is nothing to load.",
                relation.names.first().map_or("The data", String::as_str)
            )));
        }
        relation.cast(input, into)?;
        Ok(relation)
    }
}

impl Relation {
    pub(super) fn new(
        from: String,
        columns: Vec<(String, String)>,
        read_as: &str,
        files: Vec<PathBuf>,
    ) -> Self {
        let columns =
            columns.into_iter().map(|(name, ty)| RelationColumn { name, ty, expression: None }).collect();
        Self {
            from,
            columns,
            read_as: read_as.to_owned(),
            warnings: Vec::new(),
            temporary: Vec::new(),
            attached: None,
            names: files.iter().map(|file| file.display().to_string()).collect(),
            presence: None,
        }
    }

    /// A SELECT over tables that are there.
    pub(crate) async fn of_sql(
        lease: &mut Lease,
        sql: &str,
        input: &Input,
        into: Option<&[Column]>,
    ) -> Result<Self, Failure> {
        let sql = sql.trim().trim_end_matches(';');
        // A comment at its end must not take the parenthesis along.
        let from = format!("({sql}\n) AS {}", quoted("~source"));
        let columns = describe(lease, &from).await?;
        let mut relation = Self::new(from, columns, "sql", Vec::new());
        relation.cast(input, into)?;
        Ok(relation)
    }

    /// `SELECT` of these columns.
    pub(crate) fn select(&self) -> String {
        self.select_and(None)
    }

    /// The same, with the column that says which of them a row has, if there is one.
    pub(super) fn select_with_presence(&self) -> String {
        self.select_and(self.presence.as_deref())
    }

    fn select_and(&self, more: Option<&str>) -> String {
        let expression = |column: &RelationColumn| match &column.expression {
            Some(expression) => format!("{expression} AS {}", quoted(&column.name)),
            None => quoted(&column.name),
        };
        let columns: Vec<_> = self.columns.iter().map(expression).chain(more.map(quoted)).collect();
        format!("SELECT {} FROM {}", columns.join(", "), self.from)
    }

    /// Lets go of what was attached.
    pub(crate) async fn detach(&mut self, lease: &mut Lease) -> Result<(), Failure> {
        if let Some(alias) = self.attached.take() {
            lease.execute(&format!("DETACH DATABASE {}", quoted(&alias))).await?;
        }
        Ok(())
    }

    /// What hyperd says of the data, in the caller's words.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        let is_of_data = failure
            .sqlstate
            .as_deref()
            .is_some_and(|code| code.starts_with("22") || matches!(code, "42804" | "54000" | "0A000"));
        if !is_of_data {
            return failure;
        }
        let column = column_number(&failure.say(&crate::mcp::advice::Offers::everything()))
            .and_then(|number| self.columns.get(number - 1))
            .map_or("COLUMN".to_owned(), |column| column.name.clone());
        let of = match self.names.as_slice() {
            [] => String::new(),
            names => format!("The data is {}. ", names.join(", ")),
        };
        failure.advise(&format!(
            "{of}Next: correct that value, or load the column as text with schema {{\"{column}\": \"text\"}} and cast it in SQL."
        ))
    }

    /// Casts what the caller wants otherwise; what a table would silently change is refused.
    fn cast(&mut self, input: &Input, into: Option<&[Column]>) -> Result<(), Failure> {
        let names: Vec<_> = self.columns.iter().map(|column| column.name.as_str()).collect();
        input.check_schema(&names)?;
        for column in &mut self.columns {
            if let Some(ty) = input.wanted(&column.name)
                && !ty.eq_ignore_ascii_case(&column.ty)
            {
                column.expression = Some(format!("CAST({} AS {ty})", quoted(&column.name)));
                column.ty = ty.to_owned();
            }
        }
        let Some(into) = into else { return Ok(()) };
        for column in &self.columns {
            let target = target(into, &column.name)?;
            if input.wanted(&column.name).is_none() && !widens(&column.ty, &target.ty) {
                return Err(Failure::new(format!(
                    "Column \"{0}\" is {1} and would go into one of {2}, which may change its values. Nothing was loaded. \
                     Next: to have it cast, pass schema {{\"{0}\": \"{2}\"}}.",
                    column.name, column.ty, target.ty
                )));
            }
        }
        Ok(())
    }
}

/// The column of this name in the table that is loaded into.
fn target<'c>(into: &'c [Column], name: &str) -> Result<&'c Column, Failure> {
    into.iter().find(|column| column.name == name).ok_or_else(|| {
        let names: Vec<_> = into.iter().map(|column| column.name.as_str()).collect();
        let near = nearest(name, names.iter().copied());
        let meant = near.first().map_or(String::new(), |near| format!(" Did you mean \"{near}\"?"));
        Failure::new(format!(
            "The table has no column \"{name}\", which the data has.{meant} It has: {}. Nothing was loaded. Next: rename \
             or leave out the column in the data (with `sql`, or a query over `inputs`), or add it with ALTER TABLE.",
            names.join(", ")
        ))
    })
}

fn files(contents: Vec<Content>) -> Vec<PathBuf> {
    let file = |content| match content {
        Content::File(path) => Some(path),
        Content::Inline(_) => None,
    };
    contents.into_iter().filter_map(file).collect()
}

fn one(contents: Vec<Content>, what: &str) -> Result<PathBuf, Failure> {
    match <[PathBuf; 1]>::try_from(files(contents)) {
        Ok([file]) => Ok(file),
        Err(_) => Err(Failure::new(format!("{what} is one path; load several as several sources."))),
    }
}

/// Texts, read as the types they go into.
fn text(table: TextTable, input: &Input, into: Option<&[Column]>) -> Result<Relation, Failure> {
    let mut warnings = Vec::new();
    let mut columns = Vec::new();
    for column in &table.columns {
        let inferred = column.evidence.ty();
        let wanted = input.wanted(&column.name);
        let into = into.map(|into| target(into, &column.name)).transpose()?;
        let ty = wanted.or(into.map(|into| into.ty.as_str())).unwrap_or(&inferred).to_owned();
        if let Some(sample) = column.evidence.changed_by(&ty) {
            let place = table.place(sample.place);
            let changed =
                format!("Column \"{}\": {ty} does not keep {} ({place}) as it is", column.name, sample.text);
            if wanted.is_none() {
                return Err(Failure::new(format!(
                    "{changed}. Nothing was loaded. Next: pass schema {{\"{}\": \"{ty}\"}} to have it rounded, or change \
                     the table's column to {inferred}.",
                    column.name
                )));
            }
            warnings.push(format!("{changed}; it was rounded."));
        }
        if let Some((sample, count)) = column.evidence.spoiled_by()
            && ty == "text"
            && wanted.is_none()
        {
            warnings.push(format!(
                "Column \"{}\" is text, not a number or time, because of {count} value(s) such as \"{}\" ({}). If that \
                 means NULL, load again with null: \"{}\" (CSV) or clean it in SQL.",
                column.name,
                sample.text,
                table.place(sample.place),
                sample.text
            ));
        }
        columns.push((column.name.clone(), ty));
    }
    let types: Vec<_> = columns.iter().map(|(_, ty)| ty.clone()).collect();
    let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
    input.check_schema(&names)?;
    let mut relation = Relation::new(table.external(&types), columns, &table.read_as, Vec::new());
    relation.presence = table.presence();
    relation.names = table.names;
    relation.temporary = table.temporary;
    relation.warnings = warnings;
    Ok(relation)
}

/// The names and types of what can be selected from `from`.
pub(crate) async fn describe(lease: &mut Lease, from: &str) -> Result<Vec<(String, String)>, Failure> {
    let sql = format!("SELECT * FROM {from} LIMIT 0");
    let explain = |error| Failure::of_statement(&error, &sql);
    let rows = lease.query(&sql).await.map_err(explain)?;
    let columns = rows
        .columns()
        .map(|columns| {
            columns
                .iter()
                .map(|column| (column.name().to_owned(), column.to_string().replace(", ", ",")))
                .collect()
        })
        .unwrap_or_default();
    rows.finish().await.map_err(explain)?;
    Ok(columns)
}

/// Rows of texts; NULL is an empty one.
pub(crate) async fn texts(lease: &mut Lease, sql: &str) -> Result<Vec<Vec<String>>, Failure> {
    let explain = |error| Failure::of_statement(&error, sql);
    let mut rows = lease.query(sql).await.map_err(explain)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().await.map_err(explain)? {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        all.push(row.iter().map(|value| text(value.bytes())).collect());
    }
    Ok(all)
}

/// The `n` of `column:n` in what hyperd says of a value.
fn column_number(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once("column:")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_is_found_in_what_hyperd_says() {
        assert_eq!(column_number("file: '/tmp/a.csv' line:2 column:12"), Some(12));
        assert_eq!(column_number("nothing"), None);
    }
}
