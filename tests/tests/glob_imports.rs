//! Everything that a runtime hands out can be imported at once, beside what every program has in scope.

mod blocking {
    #[allow(unused_imports, reason = "that they can stand here is the test")]
    use hyperwire_blocking::*;

    pub(crate) const fn nothing() -> core::time::Duration {
        core::time::Duration::ZERO
    }
}

mod tokio {
    #[allow(unused_imports, reason = "that they can stand here is the test")]
    use hyperwire_tokio::*;

    pub(crate) const fn nothing() -> core::time::Duration {
        core::time::Duration::ZERO
    }
}

mod mio {
    #[allow(unused_imports, reason = "that they can stand here is the test")]
    use hyperwire_mio::*;

    pub(crate) const fn nothing() -> core::time::Duration {
        core::time::Duration::ZERO
    }
}

#[test]
fn all_names_of_a_runtime_can_be_imported_at_once() {
    assert_eq!(blocking::nothing() + tokio::nothing() + mio::nothing(), core::time::Duration::ZERO);
}
