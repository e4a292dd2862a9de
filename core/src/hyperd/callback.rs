use alloc::string::String;
use alloc::vec::Vec;

use super::{Endpoint, EndpointError};

/// What hyperd says over the connection that it opens to its starter once it can be connected to: one length byte and
/// that many bytes, the endpoint with a terminating zero byte. Nothing follows.
///
/// Holds at most 256 bytes, whatever arrives.
#[derive(Debug, Default)]
pub struct CallbackDecoder {
    received: Vec<u8>,
}

/// The peer on the callback connection is not a hyperd, or a broken one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// The connection ended before the announcement was complete.
    #[error("the callback connection ended after {received} bytes, before hyperd had said where it listens")]
    Ended {
        /// Bytes that had come.
        received: usize,
    },
    /// More bytes than the length byte declared.
    #[error("more came over the callback connection than the {declared} bytes that were declared")]
    TrailingBytes {
        /// The length byte.
        declared: u8,
    },
    /// No zero byte at the end, or one before it, or nothing but one.
    #[error("the announcement on the callback connection is not one text that ends with a zero byte")]
    Terminator,
    /// The text is not UTF-8.
    #[error("the announcement on the callback connection is not UTF-8")]
    NotUtf8,
    /// The text is not an endpoint.
    #[error("hyperd announced an endpoint that cannot be understood")]
    Endpoint(#[from] EndpointError),
}

impl CallbackDecoder {
    /// Takes what arrived; gives the endpoint once the announcement is complete.
    ///
    /// # Errors
    /// When no continuation could make the bytes an announcement. The decoder is of no use afterwards.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<Endpoint>, CallbackError> {
        let room = usize::from(u8::MAX) + 1 - self.received.len();
        self.received.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let Some((&declared, text)) = self.received.split_first() else { return Ok(None) };
        let wanted = usize::from(declared);
        if text.len() > wanted || bytes.len() > room {
            return Err(CallbackError::TrailingBytes { declared });
        }
        if wanted < 2 {
            return Err(CallbackError::Terminator);
        }
        if text.len() < wanted {
            return Ok(None);
        }
        let [text @ .., 0] = text else { return Err(CallbackError::Terminator) };
        if text.contains(&0) {
            return Err(CallbackError::Terminator);
        }
        let text = String::from_utf8(text.to_vec()).map_err(|_| CallbackError::NotUtf8)?;
        Ok(Some(text.parse()?))
    }

    /// The error that the end of the connection means at this point.
    #[must_use]
    pub fn ended(&self) -> CallbackError {
        CallbackError::Ended { received: self.received.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Captured from hyperd 0.0.26963.
    const ANNOUNCEMENT: &[u8] = b"\x1atab.tcp://127.0.0.1:39435\0";

    fn expected() -> Endpoint {
        Endpoint::Tcp { host: "127.0.0.1".into(), port: 39435 }
    }

    #[test]
    fn the_announcement_of_a_real_hyperd_is_read() {
        assert_eq!(CallbackDecoder::default().push(ANNOUNCEMENT), Ok(Some(expected())));
    }

    #[test]
    fn it_may_arrive_cut_at_any_place() {
        for cut in 0..=ANNOUNCEMENT.len() {
            let mut decoder = CallbackDecoder::default();
            let first = decoder.push(&ANNOUNCEMENT[..cut]).expect("a prefix is no error");
            let second = if first.is_none() { decoder.push(&ANNOUNCEMENT[cut..]).unwrap() } else { None };
            assert_eq!(first.or(second), Some(expected()), "cut at {cut}");
        }
        let mut decoder = CallbackDecoder::default();
        let given: Vec<_> = ANNOUNCEMENT.iter().filter_map(|byte| decoder.push(&[*byte]).unwrap()).collect();
        assert_eq!(given, [expected()]);
    }

    #[test]
    fn hostile_bytes_are_a_typed_error() {
        let push = |bytes: &[u8]| CallbackDecoder::default().push(bytes).expect_err("hostile");

        assert_eq!(push(&[0]), CallbackError::Terminator);
        assert_eq!(push(&[1, 0]), CallbackError::Terminator);
        assert_eq!(push(b"\x03abc"), CallbackError::Terminator);
        assert_eq!(push(b"\x04a\0b\0"), CallbackError::Terminator);
        assert_eq!(push(b"\x03\xff\xfe\0"), CallbackError::NotUtf8);
        assert_eq!(push(b"\x02x\0more"), CallbackError::TrailingBytes { declared: 2 });
        assert_eq!(push(&vec![0xff; 100_000]), CallbackError::TrailingBytes { declared: 255 });
        assert!(matches!(push(b"\x0bhttp://h:1\0"), CallbackError::Endpoint(EndpointError::Scheme { .. })));
    }

    #[test]
    fn every_single_changed_byte_is_an_error_or_another_endpoint_and_never_a_panic() {
        for at in 0..ANNOUNCEMENT.len() {
            for value in 0..=u8::MAX {
                let mut bytes = ANNOUNCEMENT.to_vec();
                bytes[at] = value;
                if let Ok(Some(endpoint)) = CallbackDecoder::default().push(&bytes) {
                    assert_eq!(bytes == ANNOUNCEMENT, endpoint == expected(), "byte {at} = {value}");
                }
            }
        }
    }

    #[test]
    fn an_early_end_says_how_far_it_came() {
        let mut decoder = CallbackDecoder::default();
        decoder.push(&ANNOUNCEMENT[..5]).unwrap();
        assert_eq!(decoder.ended(), CallbackError::Ended { received: 5 });
    }
}
