//! What a client can know about whether its peer still lives, and how soon.

pub mod link;
