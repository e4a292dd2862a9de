//! The SDK's way to read and write lines.

use std::io;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, RequestId, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::exchange::{Exchange, Item};
use crate::mcp::intake::{LONGEST, Line, Lines, Refusal, Verdict, too_long};
use crate::mcp::last_resort;
use crate::mcp::server::{Incoming, begins, read};

/// How much is read at once.
const PIECE: usize = 64 << 10;

/// One client's lines.
pub(super) struct LineTransport<W> {
    exchange: Arc<Exchange>,
    output: Arc<Mutex<Option<W>>>,
    /// Whether the conversation has begun.
    has_begun: bool,
    _reading: AbortOnDropHandle<()>,
}

impl<W: AsyncWrite + Send + Unpin + 'static> LineTransport<W> {
    /// Reads from `input` from now on; `ended` is canceled at its end, whatever else waits.
    pub(super) fn new(
        input: impl AsyncRead + Send + Unpin + 'static,
        output: W,
        ended: CancellationToken,
    ) -> Self {
        let exchange = Arc::new(Exchange::default());
        let reading = tokio::spawn(read_all(input, exchange.clone(), ended));
        Self {
            exchange,
            output: Arc::new(Mutex::new(Some(output))),
            has_begun: false,
            _reading: AbortOnDropHandle::new(reading),
        }
    }

    /// Writes lines as soon as those before them are written.
    fn write(
        &self,
        answers: Option<RequestId>,
        lines: Vec<u8>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let writing = self.exchange.begin_writing(answers, lines.len());
        let output = self.output.clone();
        async move {
            let mut output = output.lock().await;
            let result = match &mut *output {
                Some(output) => write_and_flush(output, &lines).await,
                None => Err(io::ErrorKind::NotConnected.into()),
            };
            drop(writing);
            result
        }
    }

    fn refuse(&self, refusals: &[Refusal]) {
        let lines: String = refusals.iter().map(|refusal| refusal.message() + "\n").collect();
        // A client that went away is noticed by the reader.
        tokio::spawn(self.write(None, lines.into_bytes()));
    }
}

impl<W: AsyncWrite + Send + Unpin + 'static> Transport<RoleServer> for LineTransport<W> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let answers = match &message {
            ServerJsonRpcMessage::Response(response) => Some(response.id.clone()),
            ServerJsonRpcMessage::Error(error) => error.id.clone(),
            _ => None,
        };
        let line = serde_json::to_vec(&message).map_err(io::Error::from).map(|mut line| {
            line.push(b'\n');
            line
        });
        let writing = line.map(|line| self.write(answers, line));
        async move { writing?.await }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            match self.exchange.take().await? {
                Item::Refused(refusals) => self.refuse(&refusals),
                Item::Message(message) => {
                    self.has_begun |= begins(&message);
                    if self.has_begun || matches!(*message, ClientJsonRpcMessage::Request(_)) {
                        return Some(*message);
                    }
                }
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.output.lock().await.take();
        Ok(())
    }
}

async fn write_and_flush(output: &mut (impl AsyncWrite + Unpin), lines: &[u8]) -> io::Result<()> {
    output.write_all(lines).await?;
    output.flush().await
}

async fn read_all(mut input: impl AsyncRead + Unpin, exchange: Arc<Exchange>, ended: CancellationToken) {
    let mut lines = Lines::new(LONGEST);
    let mut piece = vec![0; PIECE];
    let mut each = |line: Line<'_>| match line {
        Line::Whole(line) => match read(line) {
            Incoming::Message(message) => exchange.add(Item::Message(message), line.len()),
            Incoming::Refused(refusals) => exchange.add(Item::Refused(refusals), line.len()),
            Incoming::Ignored => {}
        },
        Line::TooLong(shape) => {
            if let Verdict::Refused(refusals) = too_long(shape, LONGEST) {
                exchange.add(Item::Refused(refusals), 0);
            }
        }
    };
    loop {
        exchange.room_to_read().await;
        match input.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(count) => lines.push(&piece[..count], &mut each),
        }
    }
    lines.end(&mut each);
    exchange.end();
    last_resort::arm();
    ended.cancel();
}
