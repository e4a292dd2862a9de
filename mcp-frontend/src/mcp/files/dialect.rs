//! How a CSV file is written: guessed from its beginning, unless the caller knows.

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::kind::{Kind, classify};

/// How much of a file is looked at.
pub(crate) const SAMPLE: u64 = 256 * 1024;
/// Rows of it.
const ROWS: usize = 200;
/// By what fields are set apart; of two that fit as well, the first.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// What the caller said of a CSV file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) delimiter: Option<u8>,
    pub(crate) header: Option<bool>,
    /// `Some(None)`: nothing is quoted.
    pub(crate) quote: Option<Option<u8>>,
    /// What makes a quote inside quotes one of the text, if it is not doubled.
    pub(crate) escape: Option<u8>,
    /// Texts that mean NULL, besides nothing at all.
    pub(crate) nulls: Vec<String>,
}

/// How a CSV file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) header: bool,
    pub(crate) quote: Option<u8>,
    pub(crate) escape: Option<u8>,
}

impl Dialect {
    /// What this library writes itself.
    pub(crate) const OURS: Self = Self { delimiter: b',', header: false, quote: Some(b'"'), escape: None };

    /// Completes what was told by what the beginning of the file shows.
    pub(crate) fn of(head: &[u8], told: &Told) -> Self {
        // The last line may be cut.
        let whole = head.len() < SAMPLE as usize;
        let end = if whole {
            head.len()
        } else {
            head.iter().rposition(|byte| *byte == b'\n').unwrap_or(head.len())
        };
        let head = &head[..end];
        let quote = told.quote.unwrap_or_else(|| Some(quote(head)));
        let with = |delimiter| Self { delimiter, header: false, quote, escape: told.escape };
        let delimiter = told.delimiter.unwrap_or_else(|| delimiter(head, with));
        let dialect = with(delimiter);
        let header = told.header.unwrap_or_else(|| has_header(&dialect.rows(head)));
        Self { header, ..dialect }
    }

    /// Reads it, lines of any length; the header is a row like the others.
    pub(crate) fn reader<R: std::io::Read>(&self, input: R) -> Reader<R> {
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(self.delimiter).buffer_capacity(1 << 16);
        match self.quote {
            Some(quote) => builder.quote(quote),
            None => builder.quoting(false),
        };
        builder.escape(self.escape).double_quote(self.escape.is_none());
        builder.from_reader(input)
    }

    fn rows(&self, head: &[u8]) -> Vec<ByteRecord> {
        self.reader(head).into_byte_records().map_while(Result::ok).take(ROWS).collect()
    }
}

/// The delimiter by which most rows have as many fields as the others.
fn delimiter(head: &[u8], with: impl Fn(u8) -> Dialect) -> u8 {
    let mut best = (0, b',');
    for delimiter in DELIMITERS {
        let rows = with(delimiter).rows(head);
        let Some(fields) = rows.first().map(ByteRecord::len).filter(|fields| *fields > 1) else { continue };
        let alike = rows.iter().filter(|row| row.len() == fields).count();
        let score = alike * 1000 / rows.len() * 100 + fields.min(99);
        if score > best.0 {
            best = (score, delimiter);
        }
    }
    best.1
}

/// An apostrophe if it stands at both ends of fields, and no quotation mark is there.
fn quote(head: &[u8]) -> u8 {
    let fields = |byte: u8| {
        head.split(|byte| DELIMITERS.contains(byte) || matches!(byte, b'\n' | b'\r'))
            .filter(|field| field.len() > 1 && field.first() == Some(&byte) && field.last() == Some(&byte))
            .count()
    };
    if !head.contains(&b'"') && fields(b'\'') > 1 { b'\'' } else { b'"' }
}

/// Whether the first row names the columns: it does, unless it looks like the values below it.
fn has_header(rows: &[ByteRecord]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return true };
    let kind = |field: &[u8]| classify(&String::from_utf8_lossy(field));
    if rest.is_empty() {
        return first.iter().all(|field| !field.is_empty() && kind(field) == Kind::Text);
    }
    let mut votes = 0;
    for (index, name) in first.iter().enumerate() {
        let below: Vec<_> = rest
            .iter()
            .filter_map(|row| row.get(index))
            .filter(|field| !field.is_empty())
            .map(kind)
            .collect();
        if below.is_empty() || below.contains(&Kind::Text) {
            continue;
        }
        votes += match kind(name) {
            _ if name.is_empty() => 0,
            Kind::Text => 1,
            _ => -1,
        };
    }
    votes >= 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect(text: &str) -> Dialect {
        Dialect::of(text.as_bytes(), &Told::default())
    }

    #[test]
    fn the_delimiter_is_what_makes_rows_alike() {
        assert_eq!(dialect("a,b\n1,2\n").delimiter, b',');
        assert_eq!(dialect("a;b\n1,5;2,5\n3,5;4\n").delimiter, b';');
        assert_eq!(dialect("a\tb, c\n1\t2\n").delimiter, b'\t');
        assert_eq!(dialect("a|b\n\"x|y\"|2\n").delimiter, b'|');
        assert_eq!(dialect("name\nx\n").delimiter, b',');
    }

    #[test]
    fn a_first_row_like_the_others_is_no_header() {
        assert!(dialect("id,name\n1,x\n").header);
        assert!(!dialect("1,x\n2,y\n").header);
        assert!(dialect("name,city\nx,y\n").header);
        assert!(!dialect("1,2,3\n").header);
        assert!(dialect("country,2020,2021\nFrance,fr,x\n").header);
    }

    #[test]
    fn apostrophes_quote_where_nothing_else_does() {
        assert_eq!(dialect("'a','b'\n'1,5','2'\n").quote, Some(b'\''));
        assert_eq!(dialect("a,b\nit's,Ann's\n").quote, Some(b'"'));
    }

    #[test]
    fn what_the_caller_says_holds() {
        let told = Told { delimiter: Some(b';'), header: Some(false), ..Told::default() };

        let dialect = Dialect::of(b"a,b\n1,2\n", &told);

        assert_eq!((dialect.delimiter, dialect.header), (b';', false));
    }
}
