//! Who is let in, how many at once, and an answer with its id for each request that the SDK would not answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::sessions::{InUse, MOST, Sessions};
use super::token::Token;
use crate::mcp::intake::{Id, LONGEST, Refusal, Scanner, Shape, Verdict, too_long};
use crate::mcp::server::{Incoming, read};

/// How many requests are in progress at once, up to their answers having been read.
const MOST_REQUESTS: usize = 256;
/// How much of a body that is too long is read to find its id.
const LONGEST_SKIPPED: usize = 256 << 20;
/// The header that names a session.
pub(crate) const SESSION: &str = "mcp-session-id";

// Codes that JSON-RPC leaves to servers.
const UNAUTHORIZED: i32 = -32001;
const BUSY: i32 = -32000;

pub(super) struct Gate {
    /// `None` lets everybody in.
    token: Option<Token>,
    sessions: Arc<Sessions>,
    places: Arc<Semaphore>,
}

impl Gate {
    pub(super) fn new(token: Option<Token>, sessions: Arc<Sessions>) -> Arc<Self> {
        Arc::new(Self { token, sessions, places: Arc::new(Semaphore::new(MOST_REQUESTS)) })
    }

    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        headers.get(AUTHORIZATION).is_some_and(|shown| token.is_shown(shown.as_bytes()))
    }
}

/// Passes a request on, or answers it.
pub(super) async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    if !gate.lets_in(request.headers()) {
        return unauthorized(request.headers().contains_key(AUTHORIZATION));
    }
    let Ok(place) = gate.places.clone().try_acquire_owned() else {
        let id = id_of(request.into_body()).await;
        return busy(
            &id,
            &format!("{MOST_REQUESTS} requests are in progress. Next: read their answers, or try again."),
        );
    };
    let session = session_of(request.headers());
    let is_stream = request.method() == Method::GET;
    // A stream that is only listened to keeps no session alive, and takes no place among the requests.
    let using = session.as_deref().and_then(|id| gate.sessions.use_one(id));
    let guard = Guard { _place: (!is_stream).then_some(place), _using: if is_stream { None } else { using } };
    let is_end = request.method() == Method::DELETE;
    let response = match is_message(&request) {
        true => message(&gate, request, next, session.is_some()).await,
        false => next.run(request).await,
    };
    if is_end {
        drop(guard);
        gate.sessions.forget_closed().await;
        return response;
    }
    response.map(|body| Body::new(Guarded { body, _guard: guard }))
}

/// Reads the message itself, so that it is answered whatever is wrong with it.
async fn message(gate: &Gate, request: Request, next: Next, has_session: bool) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = match whole(body).await {
        Ok(bytes) => bytes,
        Err(response) => return response,
    };
    let incoming = match read(&bytes) {
        Incoming::Refused(refusals) => return refused(StatusCode::BAD_REQUEST, &refusals, is_batch(&bytes)),
        Incoming::Ignored => return StatusCode::ACCEPTED.into_response(),
        Incoming::Message(message) => message,
    };
    let id = match &*incoming {
        ClientJsonRpcMessage::Request(request) => {
            Some(Id::Written(serde_json::to_string(&request.id).unwrap_or_default()))
        }
        _ => None,
    };
    let begins = !has_session
        && matches!(&*incoming, ClientJsonRpcMessage::Request(request)
            if matches!(request.request, ClientRequest::InitializeRequest(_)));
    drop(incoming);
    let request = Request::from_parts(parts, Body::from(bytes));
    let response = match begins {
        true => begin(gate, request, next, &id).await,
        false => next.run(request).await,
    };
    match id {
        Some(id) if is_bare_failure(&response) => with_id(response, &id).await,
        _ => response,
    }
}

/// Begins a session, if there is room for it.
async fn begin(gate: &Gate, request: Request, next: Next, id: &Option<Id>) -> Response {
    let _one_at_a_time = gate.sessions.beginning.lock().await;
    if !gate.sessions.make_room().await {
        let why = format!(
            "{MOST} sessions are open, and each has a call that runs. Next: end one (DELETE with its Mcp-Session-Id), or \
             try again in a minute."
        );
        return busy(id.as_ref().unwrap_or(&Id::Absent), &why);
    }
    let response = next.run(request).await;
    if let Some(session) = session_of(response.headers()) {
        gate.sessions.begun(&session);
    }
    response
}

/// The id of a message, of which nothing else is kept.
async fn id_of(mut body: Body) -> Id {
    let (mut scanner, mut read) = (Scanner::default(), 0);
    while read < LONGEST_SKIPPED
        && let Some(Ok(frame)) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
    {
        let Ok(data) = frame.into_data() else { continue };
        read += data.len();
        scanner.push(&data);
    }
    match scanner.finish() {
        Shape::Object(outline) => outline.id,
        _ => Id::Absent,
    }
}

/// All of a body that is not too long.
async fn whole(mut body: Body) -> Result<Bytes, Response> {
    let mut bytes = Vec::new();
    let mut scanner: Option<(Scanner, usize)> = None;
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let data = match frame {
            None => break,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => data,
                Err(_) => continue,
            },
            // Nobody is there any more to hear of it.
            Some(Err(_)) => return Err(StatusCode::BAD_REQUEST.into_response()),
        };
        match &mut scanner {
            None if bytes.len() + data.len() <= LONGEST => bytes.extend_from_slice(&data),
            None => {
                let mut begun = Scanner::default();
                begun.push(&std::mem::take(&mut bytes));
                begun.push(&data);
                scanner = Some((begun, data.len()));
            }
            Some((scanner, skipped)) => {
                scanner.push(&data);
                *skipped += data.len();
                if *skipped > LONGEST_SKIPPED {
                    break;
                }
            }
        }
    }
    match scanner {
        None => Ok(bytes.into()),
        Some((scanner, _)) => Err(match too_long(scanner.finish(), LONGEST) {
            Verdict::Refused(refusals) => refused(StatusCode::PAYLOAD_TOO_LARGE, &refusals, false),
            _ => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        }),
    }
}

/// What the SDK would read as a message. It says itself what is wrong with the headers of others.
fn is_message(request: &Request) -> bool {
    let says = |name, wanted: &str| {
        let all = request.headers().get_all(name).iter().filter_map(|value| value.to_str().ok());
        all.flat_map(|value| value.split([',', ';'])).any(|part| part.trim().eq_ignore_ascii_case(wanted))
    };
    request.method() == Method::POST
        && says(CONTENT_TYPE, "application/json")
        && says(ACCEPT, "application/json")
        && says(ACCEPT, "text/event-stream")
}

/// Whether the SDK says in plain text why it does not answer.
fn is_bare_failure(response: &Response) -> bool {
    let is = |wanted: &str| {
        let shown = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        shown.is_some_and(|shown| shown.starts_with(wanted))
    };
    (response.status().is_client_error() || response.status().is_server_error())
        && !is("application/json")
        && !is("text/event-stream")
}

/// The same refusal, as an answer to the request.
async fn with_id(response: Response, id: &Id) -> Response {
    let (mut parts, body) = response.into_parts();
    let text = match whole(body).await {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(_) => String::new(),
    };
    let reason = if text.is_empty() { parts.status.to_string() } else { text };
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, JSON);
    Response::from_parts(parts, Body::from(Refusal::new(id, BUSY, reason).message()))
}

fn refused(status: StatusCode, refusals: &[Refusal], is_batch: bool) -> Response {
    let all: Vec<_> = refusals.iter().map(Refusal::message).collect();
    let body = if is_batch { format!("[{}]", all.join(",")) } else { all.concat() };
    (status, [(CONTENT_TYPE, JSON)], body).into_response()
}

fn busy(id: &Id, why: &str) -> Response {
    let refusal = Refusal::new(id, BUSY, why);
    let mut response = refused(StatusCode::SERVICE_UNAVAILABLE, &[refusal], false);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("30"));
    response
}

fn unauthorized(is_wrong: bool) -> Response {
    let (challenge, why) = match is_wrong {
        true => (
            "Bearer realm=\"hyperwire\", error=\"invalid_token\"",
            "The token is wrong. Next: take the one that `hyperwire mcp config CLIENT -- --http PORT` prints.",
        ),
        false => (
            "Bearer realm=\"hyperwire\"",
            "This server wants a token: the header `Authorization: Bearer TOKEN`. Next: take the configuration that \
             `hyperwire mcp config CLIENT -- --http PORT` prints.",
        ),
    };
    let mut response =
        refused(StatusCode::UNAUTHORIZED, &[Refusal::new(&Id::Absent, UNAUTHORIZED, why)], false);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn is_batch(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'[')
}

fn session_of(headers: &HeaderMap) -> Option<String> {
    headers.get(SESSION)?.to_str().ok().map(str::to_owned)
}

/// Held until a response has been read, or its client has gone.
struct Guard {
    _place: Option<OwnedSemaphorePermit>,
    _using: Option<InUse>,
}

struct Guarded {
    body: Body,
    _guard: Guard,
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
