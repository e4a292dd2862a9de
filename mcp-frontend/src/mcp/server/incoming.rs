//! Messages of clients, read so that every request is answered.

use rmcp::model::{ClientJsonRpcMessage, ClientNotification, ClientRequest, GetMeta, ProtocolVersion};

use crate::mcp::intake::{Id, Refusal, Verdict, judge};

/// JSON-RPC's "Invalid params".
const INVALID_PARAMS: i32 = -32602;
/// JSON-RPC's "Invalid Request".
const INVALID_REQUEST: i32 = -32600;

/// What a client sent.
pub(crate) enum Incoming {
    Message(Box<ClientJsonRpcMessage>),
    /// The requests in it are answered with these.
    Refused(Vec<Refusal>),
    /// It is nothing that anybody answers.
    Ignored,
}

/// Reads one message.
pub(crate) fn read(bytes: &[u8]) -> Incoming {
    let error = match serde_json::from_slice::<ClientJsonRpcMessage>(bytes) {
        Ok(message) => return known(message),
        Err(error) => error,
    };
    match judge(bytes) {
        Verdict::Refused(refusals) => Incoming::Refused(refusals),
        Verdict::Ignored => Incoming::Ignored,
        // Only the SDK knows what is wrong.
        Verdict::Fine => refused_by_sdk(bytes, &error),
    }
}

/// The SDK takes a request whose parameters do not fit its method for one of an unknown method.
fn known(message: ClientJsonRpcMessage) -> Incoming {
    if let ClientJsonRpcMessage::Request(request) = &message
        && let ClientRequest::CustomRequest(custom) = &request.request
        && METHODS.contains(&custom.method.as_str())
    {
        let id = Id::Written(serde_json::to_string(&request.id).unwrap_or_default());
        let reason = misfit(&custom.method);
        return Incoming::Refused(vec![Refusal::new(&id, INVALID_PARAMS, reason)]);
    }
    Incoming::Message(Box::new(message))
}

fn refused_by_sdk(bytes: &[u8], error: &serde_json::Error) -> Incoming {
    use crate::mcp::intake::{Scanner, Shape};
    let mut scanner = Scanner::default();
    scanner.push(bytes);
    let Shape::Object(outline) = scanner.finish() else { return Incoming::Ignored };
    let (Some(method), true) = (&outline.method, outline.id != Id::Absent) else { return Incoming::Ignored };
    let refusal = match METHODS.contains(&method.as_str()) {
        true => Refusal::new(&outline.id, INVALID_PARAMS, misfit(method)),
        false => Refusal::new(
            &outline.id,
            INVALID_REQUEST,
            format!("This is no request: {error}. Nothing was done."),
        ),
    };
    Incoming::Refused(vec![refusal])
}

fn misfit(method: &str) -> String {
    format!(
        "`params` of {method} are missing, or not of the shape that the protocol demands. Nothing was done."
    )
}

/// The requests of all revisions that the SDK knows.
const METHODS: [&str; 21] = [
    "ping",
    "initialize",
    "server/discover",
    "completion/complete",
    "logging/setLevel",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/directory/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "subscriptions/listen",
    "tools/call",
    "tools/list",
    "tasks/get",
    "tasks/update",
    "tasks/cancel",
    "skills/list",
    "skills/get",
];

/// Whether a connection's conversation begins with this request: until then, the SDK would end the connection over a
/// notification.
pub(crate) fn begins(message: &ClientJsonRpcMessage) -> bool {
    let ClientJsonRpcMessage::Request(request) = message else { return false };
    let request = &request.request;
    match request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        request => {
            let meta = request.get_meta();
            let knows = |version| ProtocolVersion::KNOWN_VERSIONS.contains(&version);
            meta.protocol_version().is_some_and(knows)
                && meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
        }
    }
}

/// Whether a message is dealt with at once, or in a moment: it may overtake calls that wait for their turn.
pub(crate) fn is_light(message: &ClientJsonRpcMessage) -> bool {
    let ClientJsonRpcMessage::Request(request) = message else { return true };
    match &request.request {
        ClientRequest::CallToolRequest(call) => {
            let name = call.params.name.as_ref();
            name == "job"
                || (name == "inspect" && call.params.arguments.as_ref().is_none_or(|all| all.is_empty()))
        }
        ClientRequest::ListResourcesRequest(_)
        | ClientRequest::ReadResourceRequest(_)
        | ClientRequest::CompleteRequest(_)
        | ClientRequest::GetPromptRequest(_) => false,
        _ => true,
    }
}

/// The request that this notification cancels.
pub(crate) fn cancels(message: &ClientJsonRpcMessage) -> Option<&rmcp::model::RequestId> {
    match message {
        ClientJsonRpcMessage::Notification(notification) => match &notification.notification {
            ClientNotification::CancelledNotification(cancelled) => cancelled.params.request_id.as_ref(),
            _ => None,
        },
        _ => None,
    }
}
