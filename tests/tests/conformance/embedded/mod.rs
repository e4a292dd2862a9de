//! Bring your own runtime: the core over executors that hyperwire knows nothing of. [`driver`] is the same for each of
//! them, and an executor is two functions: those two files are all that it takes. [`adapter`] is for the suite, whose
//! calls block.
//!
//! Lines of both, without comments and blank ones: `cat driver.rs smol.rs | grep -vcE '^\s*(//|$)'`.

mod adapter;
mod async_std;
mod driver;
mod smol;

pub(crate) use adapter::Embedded;
pub(crate) use async_std::AsyncStd;
pub(crate) use smol::Smol;
