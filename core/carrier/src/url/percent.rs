//! Percent-encoding (RFC 3986 section 2.1), exact in both directions.

/// Characters that stand for themselves everywhere in a URL: RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Encodes every byte but the unreserved ones and those in `plain`.
pub(super) fn encode(text: &str, plain: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_unreserved(byte) || plain.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            encoded.push('%');
            encoded.push(char::from(DIGITS[usize::from(byte >> 4)]));
            encoded.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    encoded
}

/// Decodes every escape. A plus sign is a plus sign.
///
/// # Errors
/// A percent sign without two hexadecimal digits, bytes that are no UTF-8, or a zero byte, which no message can carry.
pub(super) fn decode(text: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (rest.next().and_then(digit), rest.next().and_then(digit));
                let (Some(high), Some(low)) = (high, low) else {
                    return Err(
                        "has a percent sign without two hexadecimal digits behind it (% itself is %25)",
                    );
                };
                high << 4 | low
            }
            byte => byte,
        });
    }
    if bytes.contains(&0) {
        return Err("has a zero byte, which cannot be sent");
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 once it is decoded")
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
