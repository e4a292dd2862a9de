//! Serving any number of clients over streamable HTTP, on this machine alone.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, SessionConfig};
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::complain;
use super::server::Server;
use super::state::State;
use crate::exit::Exit;

/// Where on the server MCP is.
const PATH: &str = "/mcp";
/// How often a response that is awaited says that it is still coming, which is also how a client that went away is noticed:
/// its call is canceled then.
const ALIVE: Duration = Duration::from_secs(2);
/// How long a client of the era of sessions may be silent before it has to begin anew. rmcp's 5 minutes are shorter than a
/// person's lunch.
const SESSION: Duration = Duration::from_secs(12 * 3600);
/// How large a request may be: as large as a line on standard input.
const LARGEST_REQUEST: usize = 16 << 20;
/// How long answers may take to leave when the server ends.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// Serves until the server is to end.
pub(super) async fn serve(state: &Arc<State>, address: SocketAddr) -> Exit {
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => return complain(&format!("cannot listen on {address}: {error}"), Exit::Usage),
    };
    let address = listener.local_addr().unwrap_or(address);
    let _ = writeln!(anstream::stderr(), "hyperwire mcp: serving on http://{address}{PATH}");
    let ending = state.ending.clone();
    let serving = axum::serve(listener, router(state, address))
        .with_graceful_shutdown(async move { ending.cancelled().await });
    let ended = async {
        state.ending.cancelled().await;
        sleep(LAST_WORDS).await;
    };
    tokio::select! {
        served = serving => match served {
            Ok(()) => Exit::Success,
            Err(error) => complain(&format!("cannot serve any more: {error}"), Exit::Output),
        },
        () = ended => Exit::Success,
    }
}

fn router(state: &Arc<State>, address: SocketAddr) -> Router {
    let mut sessions = LocalSessionManager::default();
    let mut config = SessionConfig::default();
    config.keep_alive = Some(SESSION);
    sessions.session_config = config;
    // A page of the web that makes a name of its own point here says so in Host, and any page in Origin (DNS rebinding).
    let hosts =
        ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into_iter().chain([address.ip().to_string()]);
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(hosts)
        .with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"])
        .with_sse_keep_alive(Some(ALIVE))
        .with_max_request_body_bytes(LARGEST_REQUEST)
        .with_cancellation_token(state.ending.child_token());
    let state = state.clone();
    let service =
        StreamableHttpService::new(move || Ok(Server::new(state.clone())), Arc::new(sessions), config);
    Router::new().route_service(PATH, service)
}
