//! SQL on Hyper for language models, over the Model Context Protocol.

mod advice;
mod answer;
mod bookkeeping;
mod call;
mod calls;
mod changes;
mod chart;
mod config;
mod engine;
mod failure;
mod files;
mod http;
mod instructions;
mod intake;
mod jobs;
mod links;
mod missing;
mod names;
mod overview;
mod owner;
mod paths;
mod persistent;
mod prompts;
mod read_only;
mod resources;
mod result;
mod server;
mod state;
mod stdio;
mod tables;
mod tools;
mod watching;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::args::mcp::{McpArguments, McpCommand};
use crate::exit::Exit;
use engine::databases::Database;
use engine::{Engine, Kind};
use failure::Failure;
use state::{Options, State};

/// How long hyperd may take to stop what was running, and to end if it is this server's own. The client waits for this
/// process.
const LAST_DEEDS: Duration = Duration::from_millis(500);

/// Serves until the client goes away, or says how to make it come.
pub(crate) fn run(arguments: &McpArguments) -> Exit {
    if let Some(McpCommand::Config { client, arguments }) = &arguments.command {
        return config::run(*client, arguments);
    }
    // A thread alone would save a tenth of a call's time; but a path on a file system that hangs would then stop all calls.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("cannot start: {error}"), Exit::NoHyperd),
    };
    let exit = runtime.block_on(serve(arguments));
    // A blocking thread that fetches hyperd would hold the process.
    runtime.shutdown_background();
    exit
}

async fn serve(arguments: &McpArguments) -> Exit {
    let state = match state(arguments) {
        Ok(state) => state,
        // A folder that is not there, or no place for scratch files; without a hyperd there still is a server.
        Err(failure) => return complain(failure.text(), Exit::Usage),
    };
    end_on_signals(&state.ending);
    let warming = state.engine.clone();
    tokio::spawn(async move {
        // Whoever calls next is told why.
        let _ = warming.warm_up().await;
    });
    let exit = match arguments.http {
        Some(address) => http::serve(&state, address, !arguments.no_token).await,
        None => stdio::serve(&state).await,
    };
    state.ending.cancel();
    state.work.close();
    // Calls end by themselves now, which drops their leases.
    let _ = timeout(LAST_DEEDS / 4, state.work.wait()).await;
    state.engine.end(LAST_DEEDS).await;
    exit
}

fn state(arguments: &McpArguments) -> Result<Arc<State>, Failure> {
    let paths = paths::Paths::new(&arguments.allow_dir)?;
    let persistent = match arguments.ephemeral_only {
        true => None,
        false => persistent::locate(arguments.persistent_db.as_deref(), arguments.read_only, &paths)?,
    };
    let engine = Engine::new(&kind(arguments, &paths, persistent.as_ref()))?;
    if let Some(persistent) = persistent {
        engine.databases.add(persistent)?;
    }
    let options = Options {
        read_only: arguments.read_only,
        soft_deadline: Duration::from_secs_f64(arguments.soft_deadline),
        toolsets: arguments.toolsets.clone(),
        export_dir: arguments.export_dir.clone(),
        content: arguments.content,
    };
    Ok(Arc::new(State {
        tools: tools::definitions(&options),
        options,
        paths,
        changes: changes::Changes::default(),
        engine,
        parking: result::Parking::default(),
        jobs: jobs::Jobs::default(),
        bookkeeping: bookkeeping::Bookkeeping::default(),
        watches: watching::Watches::default(),
        calls: calls::Calls::default(),
        tasks: server::Tasks::default(),
        exports: resources::Exports::default(),
        work: TaskTracker::new(),
        overview: overview::Overview::default(),
        ending: CancellationToken::new(),
    }))
}

fn kind(arguments: &McpArguments, paths: &paths::Paths, persistent: Option<&Database>) -> Kind {
    if paths.allowed().is_empty() {
        return if arguments.private { Kind::Private } else { Kind::Shared };
    }
    let persistent = persistent.and_then(|database| database.path.parent()).map(Path::to_path_buf);
    let export = arguments.export_dir.as_deref().and_then(|folder| folder.canonicalize().ok());
    Kind::Bounded(paths.allowed().iter().cloned().chain(persistent).chain(export).collect())
}

/// Being told to end is as good as the end of input.
fn end_on_signals(ending: &CancellationToken) {
    #[cfg(unix)]
    for kind in [tokio::signal::unix::SignalKind::terminate(), tokio::signal::unix::SignalKind::hangup()] {
        if let Ok(mut signal) = tokio::signal::unix::signal(kind) {
            let ending = ending.clone();
            tokio::spawn(async move {
                signal.recv().await;
                ending.cancel();
            });
        }
    }
    let ending = ending.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            ending.cancel();
        }
    });
}

fn complain(why: &str, exit: Exit) -> Exit {
    use std::io::Write;
    let _ = writeln!(anstream::stderr(), "hyperwire mcp: {why}");
    exit
}
