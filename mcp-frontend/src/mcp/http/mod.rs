//! Serving any number of clients over streamable HTTP, on this machine alone.

mod gate;
mod sessions;
#[allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "read once, in the state folder, before anybody is served"
)]
mod token;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::complain;
use super::intake::LONGEST;
use super::server::Server;
use super::state::State;
use crate::exit::Exit;
use gate::Gate;
use sessions::Sessions;

pub(crate) use gate::SESSION;
pub(crate) use token::Token;

/// Where on the server MCP is.
pub(crate) const PATH: &str = "/mcp";
/// How often a response that is awaited says that it is still coming, which is also how a client that went away is noticed:
/// its call is canceled then.
const ALIVE: Duration = Duration::from_secs(2);
/// How long answers may take to leave when the server ends.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// Serves those who show the token until the server is to end; everybody, if there is no token.
pub(super) async fn serve(state: &Arc<State>, address: SocketAddr, with_token: bool) -> Exit {
    let token = match with_token.then(Token::of_this_process).transpose() {
        Ok(token) => token,
        Err(why) => return complain(&why, Exit::Usage),
    };
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => return complain(&format!("cannot listen on {address}: {error}"), Exit::Usage),
    };
    let address = listener.local_addr().unwrap_or(address);
    let _ = writeln!(
        anstream::stderr(),
        "hyperwire mcp: serving on http://{address}{PATH}\n{}",
        said_of(token.as_ref())
    );
    let sessions = Sessions::new(state);
    let _tending = AbortOnDropHandle::new(tokio::spawn(sessions.clone().tend()));
    let ending = state.ending.clone();
    let serving = axum::serve(listener, router(state, address, token, sessions))
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

/// What the user is told of the token, once.
fn said_of(token: Option<&Token>) -> String {
    match token {
        None => "hyperwire mcp: without a token (--no-token): every program on this machine, of every user, can read and \
                 write your files and databases through this server"
            .to_owned(),
        Some(Token { file: None, .. }) => {
            format!("hyperwire mcp: clients need the header Authorization: Bearer, with the token in {}", token::VARIABLE)
        }
        Some(token @ Token { file: Some(file), .. }) => format!(
            "hyperwire mcp: clients need the header Authorization: {}\nhyperwire mcp: it is kept in {}; `hyperwire mcp \
             config CLIENT -- --http PORT` prints a configuration with it",
            token.header(),
            file.display()
        ),
    }
}

fn router(state: &Arc<State>, address: SocketAddr, token: Option<Token>, sessions: Arc<Sessions>) -> Router {
    // A page of the web that makes a name of its own point here says so in Host, and any page in Origin (DNS rebinding).
    let hosts =
        ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into_iter().chain([address.ip().to_string()]);
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(hosts)
        .with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"])
        .with_sse_keep_alive(Some(ALIVE))
        .with_max_request_body_bytes(LONGEST)
        .with_cancellation_token(state.ending.child_token());
    let state = state.clone();
    let manager = sessions.manager.clone();
    let service = StreamableHttpService::new(move || Ok(Server::new(state.clone())), manager, config);
    Router::new()
        .route_service(PATH, service)
        .route_layer(from_fn_with_state(Gate::new(token, sessions), gate::pass))
}
