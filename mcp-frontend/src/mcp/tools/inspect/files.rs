//! What data files there are: of a folder, or of a pattern.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::file;
use super::listing::{Detail, MOST_BYTES};
use crate::mcp::answer::Answer;
use crate::mcp::call::Call;
use crate::mcp::disk::{Kind, MOST_ENTRIES, blocking, is_plain, shown};
use crate::mcp::failure::Failure;
use crate::mcp::files::{FoundFiles, Input};
use crate::mcp::state::State;

/// Files of a page, where only their names, kinds and sizes are shown.
const NAMED: usize = 200;
/// Files of a page whose contents are looked at.
const LOOKED_INTO: usize = 5;
/// What a cursor begins with; the number of the first file of its page comes next.
const CURSOR: &str = "file ";

/// What is in a folder, data or not.
pub(super) async fn of_folder(state: &State, folder: PathBuf) -> Result<FoundFiles, Failure> {
    let listing = state.disk.run(&folder, |folder| blocking::names(folder, |_| true)).await;
    let listing = listing.map_err(|fault| fault.failure("listed"))?;
    let files = listing.names.into_iter().map(|name| folder.join(name)).collect();
    Ok(FoundFiles { files, folder: Some(folder), is_cut: listing.is_cut })
}

/// A page of files: their kinds and sizes, or with a detail, what is in those that hold data.
pub(super) async fn list(
    state: &Arc<State>,
    found: FoundFiles,
    detail: Option<Detail>,
    limit: Option<usize>,
    cursor: Option<&str>,
    call: &Call,
) -> Result<Answer, Failure> {
    let FoundFiles { mut files, folder, is_cut } = found;
    let looks_into = detail.filter(|detail| *detail != Detail::Names);
    if looks_into.is_some() {
        files.retain(|file| Input::format_of_name(file).is_some());
    }
    let total = files.len();
    let first = cursor.map(first_of).transpose()?.unwrap_or(0);
    let most = if looks_into.is_some() { LOOKED_INTO } else { limit.unwrap_or(NAMED).clamp(1, 1000) };
    let page: Vec<_> = files.into_iter().skip(first).take(most).collect();
    let mut shown_files = Vec::new();
    let mut bytes = 0;
    if looks_into.is_some() {
        for path in &page {
            if bytes >= MOST_BYTES {
                break;
            }
            call.progress.doing(format!("looking at {}", shown(path)));
            let about = inside(state, path, detail, limit, call).await?;
            bytes += about.to_string().len() + 1;
            shown_files.push(about);
        }
    } else {
        for about in listed(state, page).await? {
            bytes += about.to_string().len() + 1;
            if bytes > MOST_BYTES && !shown_files.is_empty() {
                break;
            }
            shown_files.push(about);
        }
    }
    let next = first + shown_files.len();
    let mut answer = json!({"files": shown_files, "files_total": total});
    if let Some(folder) = folder {
        answer["folder"] = path_json(&folder);
    }
    if is_cut {
        answer["warnings"] = json!([format!(
            "The folder has more than {MOST_ENTRIES} entries; the others were not looked at."
        )]);
    }
    if next < total {
        answer["cursor"] = format!("{CURSOR}{next}").into();
    }
    Ok(Answer::json(answer))
}

/// What is in one file; what is wrong with it is no reason not to show the others.
async fn inside(
    state: &Arc<State>,
    path: &Path,
    detail: Option<Detail>,
    limit: Option<usize>,
    call: &Call,
) -> Result<Value, Failure> {
    let looked = match state.paths.to_read(path).await {
        Ok(path) => file::about(state, &path, detail, limit, call).await,
        Err(failure) => Err(failure),
    };
    match looked {
        Err(failure) if failure.session_lost => Err(failure),
        Err(failure) => Ok(json!({"file": path_json(path), "error": failure.say(&state.offers)})),
        Ok(about) => Ok(about),
    }
}

async fn listed(state: &State, page: Vec<PathBuf>) -> Result<Vec<Value>, Failure> {
    let Some(first) = page.first().cloned() else { return Ok(Vec::new()) };
    let looking = state.disk.long(&first, move || page.iter().map(|path| listed_one(path)).collect());
    looking.await.map_err(|fault| fault.failure("listed"))
}

/// Its name, kind and size. Blocks.
fn listed_one(path: &Path) -> Value {
    let mut about = json!({"file": path_json(path)});
    let name = path.file_name().unwrap_or_default();
    if !is_plain(Path::new(name)) {
        about["name"] = shown(Path::new(name)).into();
        if path.to_str().is_none() {
            about["warning"] = "The name is not UTF-8, which Hyper needs. Rename the file.".into();
        }
    }
    let link = blocking::about_link(path);
    if link.as_ref().is_ok_and(|about| about.kind == Kind::Link) {
        about["link"] = true.into();
    }
    match blocking::about(path) {
        Ok(there) => match there.kind {
            Kind::File => {
                about["kind"] = Input::format_of_name(path).unwrap_or("file").into();
                about["bytes"] = there.size.into();
            }
            Kind::Folder => about["kind"] = "folder".into(),
            Kind::Special(what) => about["kind"] = what.to_string().into(),
            Kind::Link => about["kind"] = "link".into(),
        },
        Err(error) => {
            about["kind"] =
                if link.is_ok_and(|about| about.kind == Kind::Link) { "broken link" } else { "unknown" }
                    .into();
            about["error"] = error.to_string().into();
        }
    }
    about
}

/// A path that can be passed back, if it is UTF-8; otherwise as it can be shown.
fn path_json(path: &Path) -> Value {
    path.to_str().map_or_else(|| shown(path), str::to_owned).into()
}

fn first_of(cursor: &str) -> Result<usize, Failure> {
    cursor.strip_prefix(CURSOR).and_then(|number| number.parse().ok()).ok_or_else(|| {
        Failure::new(
            "This is no cursor of these files. Next: pass the `cursor` of an earlier answer as it was.",
        )
    })
}
