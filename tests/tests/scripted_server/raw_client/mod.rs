//! A client that does just what a test of the scripted server tells it to.

pub(crate) mod scram;

use std::io::{ErrorKind, Read, Write};

use hyperwire_core::wire::{
    BackendMessage, CancelKey, Frame, FrontendMessage, InitialMessage, Limits, Split, StartupParameters,
};
use hyperwire_tests::scripted::Server;

/// A connection to a scripted server.
pub(crate) struct RawClient<S> {
    pub(crate) stream: S,
    input: Vec<u8>,
}

impl RawClient<socket2::Socket> {
    pub(crate) fn connect(server: &Server) -> Self {
        Self::over(server.connect())
    }

    /// Connects and runs through a start-up without a password, up to ReadyForQuery.
    pub(crate) fn started(server: &Server) -> Self {
        let mut client = Self::connect(server);
        client.send_startup(&[("user", "adm")]);
        assert_eq!(client.read_to("ReadyForQuery").first().map(|(name, _)| *name), Some("Authentication"));
        client
    }
}

impl<S: Read + Write> RawClient<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, input: Vec::new() }
    }

    pub(crate) fn send_startup(&mut self, parameters: &[(&str, &str)]) {
        let mut body = Vec::new();
        StartupParameters::write(parameters.iter().copied(), &mut body);
        let parameters = StartupParameters::from_body(&body).expect("what was just written");
        self.send_initial(&InitialMessage::Startup(parameters));
    }

    pub(crate) fn send_initial(&mut self, message: &InitialMessage<'_>) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.send_bytes(&bytes);
    }

    pub(crate) fn send(&mut self, message: &FrontendMessage<'_>) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.send_bytes(&bytes);
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server takes what it is sent");
        self.stream.flush().expect("the server takes what it is sent");
    }

    /// The next message: its name and all of its bytes.
    pub(crate) fn read(&mut self) -> (&'static str, Vec<u8>) {
        loop {
            if let Split::Frame(frame) = Frame::split(&self.input, &Limits::default()).expect("a good frame")
            {
                let length = frame.len();
                let name = BackendMessage::decode(frame).expect("a good message").name();
                return (name, self.input.drain(..length).collect());
            }
            let mut buffer = [0; 64 * 1024];
            let count = self.stream.read(&mut buffer).expect("the server answers in time");
            assert_ne!(
                count,
                0,
                "the server closed, a message was expected; {} bytes are there",
                self.input.len()
            );
            self.input.extend_from_slice(&buffer[..count]);
        }
    }

    /// All messages up to the first of this name.
    pub(crate) fn read_to(&mut self, last: &str) -> Vec<(&'static str, Vec<u8>)> {
        let mut messages = vec![self.read()];
        while messages.last().is_some_and(|(name, _)| *name != last) {
            messages.push(self.read());
        }
        messages
    }

    /// Everything up to the end of the connection, and whether that was in good order.
    pub(crate) fn read_to_end(&mut self) -> (Vec<u8>, bool) {
        let mut bytes = std::mem::take(&mut self.input);
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => (bytes, true),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => {
                (bytes, false)
            }
            Err(error) => panic!("the server did not end the connection: {error}"),
        }
    }
}

/// The key in the BackendKeyData among these messages.
pub(crate) fn cancel_key(messages: &[(&'static str, Vec<u8>)]) -> CancelKey {
    let (_, bytes) = messages.iter().find(|(name, _)| *name == "BackendKeyData").expect("a BackendKeyData");
    match BackendMessage::decode(Frame { tag: bytes[0], body: &bytes[5..] }) {
        Ok(BackendMessage::BackendKeyData(key)) => key,
        other => panic!("not a BackendKeyData: {other:?}"),
    }
}
