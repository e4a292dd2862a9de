//! `chart`: a picture of a result.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyperwire_chart::{Axes, Chart, Error, Format, Kind, Options, Picture};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::Definition;
use super::arguments::{Seconds, seconds_schema};
use crate::mcp::advice::Advice;
use crate::mcp::answer::{Answer, Image, Link};
use crate::mcp::call::Call;
use crate::mcp::disk::blocking;
use crate::mcp::engine::{Lease, Needs};
use crate::mcp::failure::{Failure, nearest};
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

/// One column, or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "`y` is the name of a column, or a list of names")]
enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
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
                "options": options_schema(),
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
    if let Err(error) = arguments.options.check(arguments.kind) {
        return Err(Failure::new(format!("{error} Nothing was run.")));
    }
    let format = format(&arguments)?;
    let path = place(state, &arguments).await?;
    let chart = read(state, &arguments, call).await?;
    call.progress.doing("drawing");
    // Nobody closes it.
    let turn = DRAWING.acquire().await;
    let both = path.is_some();
    let drawing = spawn_blocking(move || {
        let picture = chart.draw()?;
        // Who has the file needs no second copy that few clients can show.
        let inline = picture.file(if both { Format::Png } else { format })?;
        let file = if both { picture.file(format)? } else { Vec::new() };
        Ok::<_, Error>((picture, inline, file))
    });
    let drawn = drawing.await;
    drop(turn);
    let drawn = drawn.map_err(|error| Failure::from(Error::Internal(error.to_string())))?;
    let (picture, inline, file) = drawn?;
    if let Some(path) = &path {
        let overwrite = arguments.overwrite;
        let written = state.disk.run(path, move |path| blocking::write_whole(path, &file, overwrite));
        written.await.map_err(|fault| fault.failure("written").advise("Nothing was written."))?;
    }
    shown(&picture, inline, format, path.as_deref())
}

/// The chart with all of its rows.
async fn read(state: &Arc<State>, arguments: &Arguments, call: &Arc<Call>) -> Result<Chart, Failure> {
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

async fn rows(lease: &mut Lease, arguments: &Arguments, call: &Call) -> Result<Chart, Failure> {
    let mut rows = read_only::query(lease, &arguments.sql, &[]).await?;
    let columns = rows.columns().ok_or_else(|| {
        Failure::new("This statement returns no rows to draw: it is not a SELECT.").next(Advice::Change)
    })?;
    let axes = Axes {
        x: arguments.x.as_deref(),
        y: arguments.y.as_ref().map(Names::as_slice).unwrap_or_default(),
        series: arguments.series.as_deref(),
    };
    let mut chart = Chart::new(arguments.kind, columns, &axes, arguments.options.clone())?;
    while let Some(row) = rows.next().await.map_err(|error| Failure::of_statement(&error, &arguments.sql))? {
        chart.push(&row)?;
        call.progress.set_rows(chart.rows() as u64);
    }
    Ok(chart)
}

/// The words of this server for what the chart has to say.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(match error {
            Error::NoRows => {
                "The result has no rows, so there is nothing to draw. Next: check the filter with `query`."
                    .to_owned()
            }
            Error::NoValues { rows, why } => {
                format!(
                    "There is no value to draw in {rows} rows: {why}. Next: look at the data with `query`."
                )
            }
            Error::NoColumn { wanted, columns } => {
                let near = nearest(&wanted, columns.iter().map(String::as_str));
                let meant = near.first().map_or(String::new(), |near| format!(" Did you mean {near}?"));
                format!("The result has no column \"{wanted}\".{meant} It has: {}.", columns.join(", "))
            }
            other => other.to_string(),
        })
    }
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
fn shown(picture: &Picture, bytes: Vec<u8>, format: Format, path: Option<&Path>) -> Result<Answer, Failure> {
    let mut text = picture.said().to_owned();
    let inline = if path.is_some() { Format::Png } else { format };
    let link = path.map(|path| Link::file(path, media_type(format)));
    if let Some(path) = path {
        text.push_str(&format!(" Written to {}.", path.display()));
    }
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

/// The options of a chart in JSON Schema, briefly.
fn options_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "format": {"type": "string", "enum": ["png", "svg"], "default": "png"},
            "width": {"type": "integer", "minimum": 0, "default": 960},
            "height": {"type": "integer", "minimum": 0, "default": 600},
            "bins": {"type": "integer", "minimum": 0},
            "orientation": {"type": "string", "enum": ["vertical", "horizontal"]},
            "stacked": {"type": "boolean"},
            "x_range": {"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "string"}]}, "minItems": 2, "maxItems": 2, "description": "[min, max], numbers or dates"},
            "y_range": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
            "y_scale": {"type": "string", "enum": ["linear", "log"]},
            "x_as_category": {"type": "boolean"},
            "labels": {"anyOf": [{"type": "boolean"}, {"type": "string"}], "description": "true (values), or a column"},
            "legend": {"type": "boolean"},
            "colors": {
                "anyOf": [
                    {"type": "array", "items": {"type": "string"}},
                    {"type": "object", "additionalProperties": {"type": "string"}}
                ],
                "description": "[\"#0072b2\"], or by series"
            }
        },
        "additionalProperties": false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_column_is_answered_with_the_nearest() {
        let columns = ["Region", "Revenue"].map(str::to_owned).to_vec();

        let failure = Failure::from(Error::NoColumn { wanted: "regoin".to_owned(), columns });

        assert!(failure.text().contains("Did you mean Region?"), "{}", failure.text());
    }
}
