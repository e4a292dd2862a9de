//! What daemons leave in files, and tell of themselves.
//!
//! What is understood is written as what is understood as the same.

use hyperwire_core::control::{LockBody, Record, Status};
use hyperwire_core::hyperd::Endpoint;

/// Panics if something does not hold of them.
pub fn judge(input: &[u8]) {
    if let Ok(record) = Record::parse(input) {
        let _ = (record.endpoint(), record.incarnation());
        let again = Record::parse(record.to_json().as_bytes());
        assert_eq!(again.as_ref().ok(), Some(&record));
        assert!(again.is_ok_and(|again| again.is_of(&record)));
    }
    if let Ok(status) = Status::parse(input) {
        // Without the secret.
        let again = Status::parse(status.to_line().as_bytes()).expect("a status");
        assert_eq!(Status::parse(again.to_line().as_bytes()).ok(), Some(again));
    }
    if let Some(body) = LockBody::parse(input) {
        assert_eq!(LockBody::parse(body.to_json().as_bytes()), Some(body));
    }
    if let Some(endpoint) = std::str::from_utf8(input).ok().and_then(|text| text.parse::<Endpoint>().ok()) {
        assert_eq!(endpoint.to_string().parse::<Endpoint>().ok(), Some(endpoint));
    }
}
