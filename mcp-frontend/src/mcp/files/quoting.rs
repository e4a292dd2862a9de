//! Whether hyperd and the `csv` crate take a file apart alike.

/// Looks at every byte of a CSV file for what they read differently: quotes in the middle of a field, which hyperd takes
/// for the beginning of a quoted part as PostgreSQL does; empty lines; lines that end with CR alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoting {
    delimiter: u8,
    quote: u8,
    state: State,
    /// Something was found.
    pub(crate) is_odd: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Line,
    Field,
    Bare,
    Quoted,
    /// Behind a quote inside quotes: their end, or half of a doubled one.
    Closing,
    Return,
}

impl Quoting {
    pub(crate) fn new(delimiter: u8, quote: u8) -> Self {
        Self { delimiter, quote, state: State::Line, is_odd: false }
    }

    /// The next bytes of the file.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let (delimiter, quote) = (self.delimiter, self.quote);
        for byte in bytes.iter().copied() {
            self.state = match self.state {
                State::Return if byte != b'\n' => {
                    self.is_odd = true;
                    State::Bare
                }
                State::Quoted if byte == quote => State::Closing,
                State::Quoted => State::Quoted,
                State::Closing if byte == quote => State::Quoted,
                State::Line | State::Field if byte == quote => State::Quoted,
                _ if byte == delimiter => State::Field,
                State::Line if byte == b'\n' => {
                    self.is_odd = true;
                    State::Line
                }
                _ if byte == b'\n' => State::Line,
                State::Line if byte == b'\r' => {
                    self.is_odd = true;
                    State::Return
                }
                _ if byte == b'\r' => State::Return,
                state => {
                    self.is_odd |= byte == quote || state == State::Closing;
                    State::Bare
                }
            };
        }
    }

    /// The file ends here.
    pub(crate) fn end(&mut self) {
        self.is_odd |= matches!(self.state, State::Quoted | State::Return);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_odd(text: &str) -> bool {
        let mut quoting = Quoting::new(b',', b'"');
        for byte in text.bytes() {
            quoting.feed(&[byte]);
        }
        quoting.end();
        quoting.is_odd
    }

    #[test]
    fn what_everybody_reads_alike_is_not_odd() {
        for text in ["a,b\n1,2\n", "a,b\r\n1,\"x,\"\"y\"\"\r\nz\"\r\n", "\"\",\n", "a\n1"] {
            assert!(!is_odd(text), "{text:?}");
        }
    }

    #[test]
    fn stray_quotes_and_empty_lines_are_odd() {
        for text in [
            "1,5\"\n",
            "a\"b\"c\n",
            "\"abc\"def\n",
            "a\n\nb\n",
            "a\r\n\r\nb\r\n",
            "a\rb\r",
            "\"a\n",
            "a\n\"\n",
            "a\r,b\n",
        ] {
            assert!(is_odd(text), "{text:?}");
        }
    }
}
