//! Serving one client on standard input and output.

mod exchange;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use rmcp::ServiceExt;
use rmcp::transport::io::stdio_pipes;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use transport::LineTransport;

use super::complain;
use super::server::Server;
use super::state::State;
use crate::exit::Exit;

/// How long calls that are about to answer may still do so when the input has ended.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// Serves until the client goes away, or the server is to end.
pub(super) async fn serve(state: &Arc<State>) -> Exit {
    let input_ended = CancellationToken::new();
    let (input, output) = stdio_pipes();
    let serving = Server::new(state.clone()).serve(LineTransport::new(input, output, input_ended.clone()));
    let running = tokio::select! {
        running = serving => running,
        () = state.ending.cancelled() => return Exit::Success,
    };
    match running {
        Ok(running) => {
            let waiting = running.waiting();
            tokio::pin!(waiting);
            tokio::select! {
                _ = &mut waiting => {}
                () = state.ending.cancelled() => {}
                () = input_ended.cancelled() => drop(timeout(LAST_WORDS, &mut waiting).await),
            }
            Exit::Success
        }
        // The client left, or spoke no MCP.
        Err(_) if input_ended.is_cancelled() => Exit::Success,
        Err(error) => complain(&format!("the client did not begin as MCP demands: {error}"), Exit::Usage),
    }
}
