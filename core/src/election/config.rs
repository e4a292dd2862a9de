//! What an election is told.

use alloc::string::String;
use core::time::Duration;

use crate::control::Ports;

/// How an election is held.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Config {
    /// Where a daemon may listen.
    pub ports: Ports,
    /// The state folder, absolute.
    pub state_folder: String,
    /// Names this machine and its boot; what the daemon was given too.
    pub host: String,
    /// What the client calls itself in its lease: a word, for the eyes of a person.
    pub client: String,
    /// How long the whole election may take. The default, 90 s, leaves room for an engine that takes its 70.
    pub deadline: Duration,
    /// Random bits that keep a herd from looking again at the same moments.
    pub seed: u64,
}

impl Config {
    /// With the usual ports and deadline.
    #[must_use]
    pub fn new(state_folder: &str, host: &str, client: &str, seed: u64) -> Self {
        let word = |text: &str| text.replace(|c: char| c.is_whitespace() || c.is_control(), "-");
        Self {
            ports: Ports::default(),
            state_folder: state_folder.into(),
            host: host.into(),
            client: if client.is_empty() { "-".into() } else { word(client) },
            deadline: Duration::from_secs(90),
            seed,
        }
    }

    /// Up to a quarter of `pause`; splitmix64 of the seed and the pause.
    pub(super) fn jitter(&self, pause: Duration) -> Duration {
        let nanos = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
        let mut x = self.seed ^ nanos.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_nanos((x ^ (x >> 31)) % (nanos / 4).max(1))
    }
}
