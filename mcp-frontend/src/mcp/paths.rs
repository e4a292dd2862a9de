//! Which paths may be read and written.
