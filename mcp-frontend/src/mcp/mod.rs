//! SQL on Hyper for language models, over the Model Context Protocol.

mod advice;
mod answer;
mod bookkeeping;
mod call;
mod calls;
mod changes;
mod config;
mod disk;
mod engine;
mod failure;
mod files;
mod http;
mod instructions;
mod intake;
mod jobs;
mod last_resort;
mod links;
mod missing;
mod names;
mod overview;
mod owner;
mod paths;
mod persistent;
mod policy;
mod prompts;
mod protection;
mod read_only;
mod resources;
mod result;
mod server;
mod state;
mod stdio;
mod tables;
mod target;
mod tools;
mod watching;
mod wildcard;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyperwire_tokio::hyperd::Folders;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::args::mcp::{McpArguments, McpCommand};
use crate::exit::Exit;
use advice::Offers;
use disk::Disk;
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
    let state = match state(arguments).await {
        Ok(state) => state,
        // A folder that is not there, or no place for scratch files; without a hyperd there still is a server.
        Err(failure) => return complain(&failure.say(&Offers::everything()), Exit::Usage),
    };
    if !state.paths.allowed().is_empty() {
        let [files, network] = state.protection.lines();
        complain(&format!("{files}; {network}."), Exit::Success);
    }
    last_resort::end_on_signals(&state.ending);
    let warming = state.engine.clone();
    tokio::spawn(async move {
        // Whoever calls next is told why.
        let _ = warming.warm_up().await;
    });
    let exit = match arguments.http {
        Some(address) => http::serve(&state, address, !arguments.no_token).await,
        None => stdio::serve(&state).await,
    };
    last_resort::arm();
    state.ending.cancel();
    state.work.close();
    // Calls end by themselves now, which drops their leases.
    let _ = timeout(LAST_DEEDS / 4, state.work.wait()).await;
    state.engine.end(LAST_DEEDS).await;
    exit
}

async fn state(arguments: &McpArguments) -> Result<Arc<State>, Failure> {
    let disk = Disk::default();
    disk::quota::set_limit(arguments.scratch_limit << 20);
    let paths = paths::Paths::new(&disk, &arguments.allow_dir).await?;
    let persistent = match arguments.ephemeral_only {
        true => None,
        false => {
            let asked = arguments.persistent_db.as_deref();
            persistent::locate(&disk, asked, arguments.read_only, &paths).await?
        }
    };
    let policy = policy::Policy::new(arguments);
    let export_dir = match &arguments.export_dir {
        Some(folder) => Some(disk.folder(folder).await?),
        None => None,
    };
    let engine =
        Engine::new(&disk, &kind(arguments, &paths, persistent.as_ref(), export_dir.as_deref()), &policy)
            .await?;
    if let Some(persistent) = persistent {
        engine.databases.add(persistent)?;
    }
    let options = Options {
        soft_deadline: Duration::from_secs_f64(arguments.soft_deadline),
        export_dir,
        content: arguments.content,
    };
    let tools = tools::definitions(&policy);
    Ok(Arc::new(State {
        offers: Offers::new(&tools, !engine.is_private()),
        tools,
        protection: protection::Protection::new(!paths.allowed().is_empty(), engine.is_private(), &policy),
        policy,
        options,
        disk,
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

fn kind(
    arguments: &McpArguments,
    paths: &paths::Paths,
    persistent: Option<&Database>,
    export_dir: Option<&Path>,
) -> Kind {
    if paths.allowed().is_empty() {
        return if arguments.private { Kind::Private } else { Kind::Shared };
    }
    let persistent = persistent.and_then(|database| database.path.parent()).map(Path::to_path_buf);
    let export = export_dir.map(Path::to_path_buf);
    let written = persistent.into_iter().chain(export);
    let allowed = paths.allowed().to_vec();
    Kind::Bounded(match arguments.read_only {
        true => Folders::new(allowed, written.collect()),
        false => Folders::new(Vec::new(), allowed.into_iter().chain(written).collect()),
    })
}

fn complain(why: &str, exit: Exit) -> Exit {
    use std::io::Write;
    let _ = writeln!(anstream::stderr(), "hyperwire mcp: {why}");
    exit
}
