//! The `hyperd` process seen from outside: where it listens, how it is told what to do, and which one we take.
//!
//! Everything here is text and bytes. A runtime starts the process, hands over what the callback connection says, and
//! fetches the wheel that [`Wheel::for_platform`] names.

mod callback;
mod command_line;
mod endpoint;
mod wheel;

pub use callback::{CallbackDecoder, CallbackError};
pub use command_line::{
    CommandLine, DEFAULT_USER, Login, MAX_OPEN_FILES, SettingError, open_files, password_input, query_threads,
};
pub use endpoint::{Endpoint, EndpointError};
pub use wheel::{PINNED, Wheel};
