//! What came from the client, kept.

use std::fmt;

use hyperwire_core::wire::{Frame, FrontendMessage, Violation};

/// A message from the client that was decoded and owns its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    tag: u8,
    body: Vec<u8>,
}

impl Received {
    pub(super) fn decode(frame: Frame<'_>) -> Result<Self, Violation> {
        FrontendMessage::decode(frame)?;
        Ok(Self { tag: frame.tag, body: frame.body.to_owned() })
    }

    /// The message.
    ///
    /// # Panics
    /// Never: it was decoded when it came.
    #[must_use]
    pub fn message(&self) -> FrontendMessage<'_> {
        let frame = Frame { tag: self.tag, body: &self.body };
        FrontendMessage::decode(frame).expect("it was decoded when it came")
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe(&self.message()))
    }
}

/// A message in one line that a failure can show, however large it is.
pub(super) fn describe(message: &FrontendMessage<'_>) -> String {
    /// Beyond this, a statement is no longer of help to a reader.
    const LONGEST: usize = 300;

    let text = match message {
        FrontendMessage::CopyData(data) => {
            format!("CopyData({} bytes beginning with {:02x?})", data.len(), &data[..data.len().min(16)])
        }
        FrontendMessage::Password(data) => format!("PasswordMessage({} bytes)", data.len()),
        FrontendMessage::Bind(bind) => {
            let values: Vec<_> = bind.values.iter().map(|value| value.map(<[u8]>::len)).collect();
            format!("Bind({:?} to {:?}, value lengths {values:?})", bind.statement, bind.portal)
        }
        other => format!("{other:?}"),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}
