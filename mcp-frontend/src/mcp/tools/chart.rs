//! `chart`: a picture of a result.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::Definition;
use super::arguments::{Seconds, seconds_schema};
use crate::mcp::advice::Advice;
use crate::mcp::answer::{Answer, Image, Link};
use crate::mcp::call::Call;
use crate::mcp::chart::{self, Asked, Format, Kind, Meaning, Names, Options, Picture, Roles, Table};
use crate::mcp::disk::blocking;
use crate::mcp::engine::{Lease, Needs};
use crate::mcp::failure::Failure;
use crate::mcp::files::{self, Input};
use crate::mcp::read_only;
use crate::mcp::state::State;

/// Pictures that are drawn at once: each has the processor and some ten megabytes for itself.
static DRAWING: Semaphore = Semaphore::const_new(2);
/// Bytes of a picture that are sent in an answer; clients refuse more.
const MOST_SENT: usize = 1 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    sql: String,
    kind: Kind,
    x: Option<String>,
    y: Option<Names>,
    series: Option<String>,
    #[serde(default)]
    inputs: BTreeMap<String, Input>,
    database: Option<String>,
    #[serde(default)]
    options: Options,
    path: Option<String>,
    #[serde(default)]
    overwrite: bool,
    timeout_s: Option<Seconds>,
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "chart",
        title: "Chart",
        description: "Draw the rows of a SELECT as a picture. Aggregate, sort and limit in SQL: rows are drawn as they \
            are. x, y and series default to what the column types suggest; several y or a series column give a legend. \
            `inputs` draws files directly. `path`, ending with .png or .svg, also saves the picture; most clients show \
            PNG alone.",
        input: json!({
            "type": "object",
            "properties": {
                "sql": {"type": "string"},
                "kind": {"type": "string", "enum": ["bar", "line", "scatter", "histogram"]},
                "x": {"type": "string", "description": "Column"},
                "y": {"type": "array", "items": {"type": "string"}, "description": "Columns"},
                "series": {"type": "string"},
                "inputs": files::inputs_schema(),
                "database": {"type": "string"},
                "options": chart::schema(),
                "path": {"type": "string"},
                "overwrite": {"type": "boolean", "default": false},
                "timeout_s": seconds_schema()
            },
            "required": ["sql", "kind"],
            "additionalProperties": false
        }),
        output: None,
    }
}

pub(super) async fn run(
    state: &Arc<State>,
    arguments: Arguments,
    call: &Arc<Call>,
) -> Result<Answer, Failure> {
    let limit = arguments.timeout_s.map(|seconds| seconds.0);
    call.bounded(limit, answer(state, arguments, call)).await
}

async fn answer(state: &Arc<State>, arguments: Arguments, call: &Arc<Call>) -> Result<Answer, Failure> {
    arguments.options.check(arguments.kind)?;
    let format = format(&arguments)?;
    let path = place(state, &arguments).await?;
    let (table, roles) = read(state, &arguments, call).await?;
    call.progress.doing("drawing");
    // Nobody closes it.
    let turn = DRAWING.acquire().await;
    let (kind, options, overwrite) = (arguments.kind, arguments.options, arguments.overwrite);
    let drawing = spawn_blocking(move || chart::draw(kind, &table, &roles, &options));
    let drawn = drawing.await;
    drop(turn);
    let picture = drawn.map_err(|error| {
        Failure::new(format!("The chart could not be drawn: {error}. This is a defect of hyperwire."))
    })??;
    if let Some(path) = &path {
        let bytes = picture.file(format).to_vec();
        let written = state.disk.run(path, move |path| blocking::write_whole(path, &bytes, overwrite));
        written.await.map_err(|fault| fault.failure("written").advise("Nothing was written."))?;
    }
    shown(picture, format, path.as_deref())
}

/// The rows to draw, and what their columns are drawn as.
async fn read(
    state: &Arc<State>,
    arguments: &Arguments,
    call: &Arc<Call>,
) -> Result<(Table, Roles), Failure> {
    let needs = Needs { database: arguments.database.as_deref(), sql: &arguments.sql, light: false };
    let mut lease = state.engine.lease_to_read(needs, call).await?;
    if !arguments.inputs.is_empty() {
        lease.soil();
        files::bring(state, &mut lease, &arguments.inputs, call).await?;
    }
    call.progress.doing("running");
    let outcome = rows(&mut lease, arguments, call).await;
    if let Err(failure) = &outcome
        && failure.session_lost
    {
        lease.report_lost();
    }
    // Dropped, it has hyperd stop what is still running, which nobody here waits for.
    if outcome.is_ok() {
        let _ = lease.finish().await;
    }
    outcome
}

async fn rows(lease: &mut Lease, arguments: &Arguments, call: &Call) -> Result<(Table, Roles), Failure> {
    let kind = arguments.kind;
    let mut rows = read_only::query(lease, &arguments.sql, &[]).await?;
    let columns = rows.columns().ok_or_else(|| {
        Failure::new("This statement returns no rows to draw: it is not a SELECT.").next(Advice::Change)
    })?;
    let described: Vec<(&str, Meaning)> =
        columns.iter().map(|column| (column.name(), Meaning::of(column))).collect();
    let asked = Asked {
        x: arguments.x.as_deref(),
        y: arguments.y.as_ref(),
        series: arguments.series.as_deref(),
        labels: arguments.options.labels.as_ref(),
    };
    let roles = Roles::choose(kind, &described, &asked)?;
    let places = roles.places();
    let roles = roles.among(&places);
    let mut table = Table::new(columns, places, chart::most_rows(kind));
    while let Some(row) = rows.next().await.map_err(|error| Failure::of_statement(&error, &arguments.sql))? {
        table.push(&row);
        chart::check_rows(kind, table.rows())?;
        call.progress.set_rows(table.rows() as u64);
    }
    Ok((table, roles))
}

/// What the file is: its name says it, so that no picture replaces a database.
fn format(arguments: &Arguments) -> Result<Format, Failure> {
    let Some(path) = &arguments.path else { return Ok(arguments.options.format.unwrap_or_default()) };
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    let named = match ending.as_deref() {
        Some("png") => Format::Png,
        Some("svg") => Format::Svg,
        _ => return Err(Failure::new(format!("{path} does not end with .png or .svg. Nothing was run."))),
    };
    match arguments.options.format {
        Some(asked) if asked != named => Err(Failure::new(format!(
            "{path} is no name for the format that was asked for. Nothing was run."
        ))),
        _ => Ok(named),
    }
}

/// Where the picture may be written to.
async fn place(state: &State, arguments: &Arguments) -> Result<Option<PathBuf>, Failure> {
    let Some(path) = &arguments.path else { return Ok(None) };
    let place = state.paths.to_write(path, arguments.overwrite).await?;
    if !state.policy.is_read_only() {
        return Ok(Some(place));
    }
    match &state.options.export_dir {
        Some(folder) if place.starts_with(folder) => Ok(Some(place)),
        Some(folder) => Err(Failure::new(format!(
            "This server is read-only and writes files to {} alone. Next: choose a path in it, or leave out `path`.",
            folder.display()
        ))),
        None => Err(Failure::new(
            "This server is read-only and writes no files. Next: leave out `path`; the picture comes in the answer.",
        )),
    }
}

/// The answer: the picture, and the file if there is one.
fn shown(picture: Picture, format: Format, path: Option<&Path>) -> Result<Answer, Failure> {
    let mut text = picture.said.clone();
    // Who has the file needs no second copy that few clients can show.
    let inline = if path.is_some() { Format::Png } else { format };
    let link = path.map(|path| Link::file(path, media_type(format)));
    if let Some(path) = path {
        text.push_str(&format!(" Written to {}.", path.display()));
    }
    let bytes = picture.into_file(inline);
    let mut images = Vec::new();
    if bytes.len() <= MOST_SENT {
        images.push(Image { media_type: media_type(inline), bytes });
    } else if path.is_none() {
        return Err(Failure::new(format!(
            "The picture has {} bytes, more than clients take. Next: pass `path` to have it as a file, format png, or a \
             smaller width and height.",
            bytes.len()
        )));
    } else {
        text.push_str(" It is too large to be shown here.");
    }
    Ok(Answer { text: Some(text), images, links: link.into_iter().collect(), ..Answer::default() })
}

fn media_type(format: Format) -> &'static str {
    match format {
        Format::Png => "image/png",
        Format::Svg => "image/svg+xml",
    }
}
