//! The `hyperwire` command.
fn main() {}
