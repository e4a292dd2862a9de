//! What the daemon says of itself: in the record, and to whoever asks.

use alloc::vec::Vec;

use super::Daemon;
use crate::control::{
    Advertised, Details, Identity, Lease, MAX_NAMED_LEASES, Phase, Record, Status, VERSION,
};
use crate::time::Instant;

impl Daemon {
    /// What the record says of it; `None` before it has a port and hyperd's endpoint is known.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        let endpoint = self.endpoint.as_ref()?;
        Some(Record {
            pid: self.config.process.pid,
            hyperd_endpoint: endpoint.as_ref().into(),
            health_port: self.port?,
            started_at: self.config.started_at.clone(),
            version: VERSION.into(),
            advertised: Some(Advertised {
                incarnation: self.incarnation,
                generation: self.generation,
                phase: if self.phase == Phase::EngineUp { Phase::Ready } else { self.phase },
                host: self.config.host.clone(),
                auth: Some(self.secret),
                identity: Some(Identity::new(self.config.executable.as_deref())),
            }),
        })
    }

    /// What it answers to STATUS; `None` as long as there is no record.
    #[must_use]
    pub fn status(&self, now: Instant) -> Option<Status> {
        let record = self.record()?;
        let held =
            self.peers.iter().filter_map(|(connection, peer)| Some((connection.0, peer.lease.as_ref()?)));
        let mut leases: Vec<_> = held
            .map(|(id, held)| Lease {
                id,
                client: held.client.as_ref().into(),
                held_s: (now - held.since).as_secs(),
            })
            .collect();
        let lease_count = leases.len();
        leases.truncate(MAX_NAMED_LEASES);
        let details = Details {
            uptime_s: (now - self.started).as_secs(),
            engine_pid: self.engine_process.map(|process| process.pid),
            restarts: self.generation.saturating_sub(1),
            lease_count,
            leases,
        };
        Some(Status::new(record, Some(details)))
    }
}
