//! An error says once what caused it: in its text or as its source.

use std::error::Error as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hyperwire_blocking::hyperwire_core::row::{
    AnyValue, Column, DecodeError, Encoding, Type, Value, ValueError,
};
use hyperwire_blocking::hyperwire_core::session::{Fault, LinkLoss, StatementError};
use hyperwire_blocking::hyperwire_core::wire::{Format, FrameError, LimitExceeded, LimitKind, Violation};
use hyperwire_blocking::{Error, with_causes};
use hyperwire_tokio::PoolError;

/// What the system says in these tests.
const CAUSE: &str = "a word that stands nowhere else";

fn system() -> io::Error {
    io::Error::other(CAUSE)
}

/// The error and all that it names as its cause, as programs print them.
fn chain(error: &dyn std::error::Error) -> Vec<String> {
    let mut chain = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        chain.push(error.to_string());
        cause = error.source();
    }
    chain
}

#[track_caller]
fn check(error: &dyn std::error::Error, cause: &str) {
    let chain = chain(error);
    let said = chain.join(": ").matches(cause).count();
    assert_eq!(said, 1, "{chain:?} says {cause:?} {said} times");
    assert_eq!(with_causes(error).matches(cause).count(), 1);
}

fn decode_error() -> DecodeError {
    let column = Column::new("c", Encoding::new(Type::Integer, Format::HyperBinary));
    Value::new(Some(&[1, 2]), &column, 0).get::<AnyValue>().expect_err("an integer has four bytes")
}

#[test]
fn the_cause_of_an_error_is_printed_once() {
    let endpoint = || "tab.tcp://127.0.0.1:7483".parse().expect("an endpoint");
    let link = Fault::Link { loss: LinkLoss::Other, request_open: false };
    let violation = Violation::BytesBeforeTls;
    let limit = LimitExceeded { what: LimitKind::Columns, found: 2, limit: 1 };

    check(&Error::Connect { endpoint: endpoint(), source: system() }, CAUSE);
    check(&Error::Session { fault: link, source: Some(system()) }, CAUSE);
    check(&Error::Tls(system()), CAUSE);
    let connect = Error::Connect { endpoint: endpoint(), source: system() };
    check(&Error::Batch { index: 0, error: connect.into() }, "cannot connect");
    check(&PoolError::Connect(Error::Tls(system())), CAUSE);
    check(&Fault::from(violation.clone()), &violation.to_string());
    check(&Fault::from(limit), &limit.to_string());
    check(&FrameError::from(limit), &limit.to_string());
    check(&Error::from(Fault::from(limit)), &limit.to_string());
    check(&Error::from(StatementError::NeverSent), "before it was sent");
    let element = ValueError::Element { index: 1, error: ValueError::Null.into() };
    check(&element, &ValueError::Null.to_string());
    check(&decode_error(), "has 2 bytes");
    check(&Error::from(decode_error()), "has 2 bytes");
    assert!(Error::Connect { endpoint: endpoint(), source: system() }.source().is_some());
}

/// All error types there are and will be: a source is not formatted.
#[test]
fn no_error_type_formats_its_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let mut looked_at = 0;
    for folder in ["core/src", "runtime-blocking/src", "runtime-tokio/src", "runtime-mio/src", "mcp-frontend"]
    {
        for file in sources(&root.join(folder)) {
            let text = fs::read_to_string(&file).expect("it can be read");
            for (attribute, item) in errors(&text) {
                looked_at += 1;
                let transparent = attribute.trim() == "transparent";
                let formats = if item.contains("source:") {
                    attribute.contains("{source")
                        || attribute.contains("source.")
                        || attribute.contains(".source")
                } else if item.contains("#[from]") || item.contains("#[source]") {
                    attribute.contains("{0") || attribute.contains(".0")
                } else {
                    false
                };
                assert!(
                    transparent || !formats,
                    "{}: the text formats what is the source too: {attribute} of {item}",
                    file.display()
                );
            }
        }
    }
    assert!(looked_at > 100, "{looked_at} errors");
}

/// What stands in each `#[error(...)]`, and the variant or type behind it.
fn errors(text: &str) -> Vec<(&str, &str)> {
    text.match_indices("#[error(")
        .filter_map(|(at, start)| {
            let text = &text[at + start.len()..];
            let attribute = &text[..text.find(")]")?];
            let item = &text[attribute.len() + 2..];
            // To the end of its fields, or of the variant without any.
            let end = item.find(['{', '(', ',']).unwrap_or(item.len());
            let end = match item[end..].chars().next() {
                Some('{') => item.find("\n    }").or_else(|| item.find('}')),
                Some('(') => item.find(",\n").or_else(|| item.find(')')),
                _ => Some(end),
            };
            Some((attribute, &item[..end.unwrap_or(item.len())]))
        })
        .collect()
}

/// Every Rust file under a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("it can be read").path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
