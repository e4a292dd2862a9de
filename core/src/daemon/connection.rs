//! The daemon's end of the line protocol.

use alloc::sync::Arc;
use core::time::Duration;

use super::{Daemon, Effect};
use crate::control::{Command, DrainReason, Mac, Mutant, Nonce, Owner, Phase, Reply, StopMode, Transcript};
use crate::time::Instant;

/// Connections that are served at once. Far more than one user's programs open, far fewer than a process may have.
pub const MAX_CONNECTIONS: usize = 256;
/// A connection that has not said HELLO for this long gives way to a new one when there is no more room. An honest program
/// says what it wants at once.
const MAX_QUIET: Duration = Duration::from_secs(1);
/// How many of them other users may have: all that these can get is an answer to PING.
const MAX_STRANGERS: usize = 8;

/// Names a connection that the runtime accepted, for as long as it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection(pub u32);

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer {
    owner: Owner,
    since: Instant,
    server: Nonce,
    /// What it said in HELLO.
    client: Option<Nonce>,
    pub(super) lease: Option<Held>,
    /// It asked STATUS before there was anything to say.
    withheld: bool,
}

/// A lease, for the eyes of a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Held {
    /// What its holder calls itself.
    pub(super) client: Arc<str>,
    pub(super) since: Instant,
}

impl Peer {
    pub(super) fn has_lease(&self) -> bool {
        self.lease.is_some()
    }
}

impl Daemon {
    /// A connection was accepted. `nonce` must be fresh random bytes. When there is no more room, one that says nothing is
    /// closed in its favour; if there is none, it is closed itself.
    pub fn handle_connection(&mut self, connection: Connection, owner: Owner, nonce: Nonce, now: Instant) {
        let strangers = self.peers.values().filter(|peer| peer.owner == Owner::OtherUser).count();
        let crowded = owner == Owner::OtherUser && strangers >= MAX_STRANGERS;
        let refused = crowded || self.port.is_none() || self.phase == Phase::Gone;
        if refused || !self.has_room(now) {
            self.effects.push_back(Effect::Close(connection));
        } else {
            let peer = Peer { owner, since: now, server: nonce, client: None, lease: None, withheld: false };
            self.peers.insert(connection, peer);
        }
        self.advance(now);
    }

    /// Whether one more connection can be served, after the one that has said nothing for longest was closed if need be.
    fn has_room(&mut self, now: Instant) -> bool {
        if self.peers.len() < self.config.max_connections {
            return true;
        }
        let quiet = |peer: &Peer| peer.client.is_none() && !peer.withheld && now - peer.since >= MAX_QUIET;
        let longest = self
            .peers
            .iter()
            .filter(|(_, peer)| quiet(peer))
            .min_by_key(|(_, peer)| peer.since)
            .map(|(at, _)| *at);
        if let Some(longest) = longest {
            self.peers.remove(&longest);
            self.effects.push_back(Effect::Close(longest));
        }
        longest.is_some()
    }

    /// A connection ended: its lease with it.
    pub fn handle_hangup(&mut self, connection: Connection, now: Instant) {
        if let Some(peer) = self.peers.remove(&connection)
            && peer.has_lease()
        {
            self.touch(now);
        }
        self.advance(now);
    }

    /// A line arrived. After a line that cannot be read, close the connection and report the hang-up instead.
    pub fn handle_line(&mut self, from: Connection, command: &Command, now: Instant) {
        let Some(peer) = self.peers.get(&from).cloned() else { return };
        // PING reveals nothing that connecting did not. All else is for the user.
        if peer.owner == Owner::OtherUser && *command != Command::Ping {
            self.say(from, Reply::Err("this daemon serves another user".into()));
            return;
        }
        match command {
            Command::Ping => self.on_ping(from, now),
            Command::Status => self.on_status(from, now),
            Command::Heartbeat => {
                self.say(from, Reply::Ok);
                self.touch(now);
                if peer.has_lease() {
                    self.on_progress();
                }
            }
            Command::Stop => {
                self.say(from, Reply::Stopping);
                self.on_stop(StopMode::Drain, now);
            }
            Command::ReportHyperdError => {
                self.say(from, Reply::Ok);
                self.on_report(None, now);
            }
            Command::Report2 { generation, .. } => {
                self.say(from, Reply::Ok);
                self.on_report(Some(*generation), now);
            }
            &Command::Hello { nonce } => self.on_hello(from, nonce),
            Command::Lease { incarnation, client, mac } => {
                let reply = self.lease(from, &peer, *incarnation, client, mac, now);
                self.say(from, reply);
            }
            Command::Release => {
                self.say(from, Reply::Ok);
                if let Some(peer) = self.peers.get_mut(&from) {
                    peer.lease = None;
                }
            }
            Command::StopIf { incarnation, mode, mac } => {
                self.on_stop_if(from, &peer, *incarnation, *mode, mac, now);
            }
            Command::Unknown => self.say(from, Reply::unknown()),
        }
        self.advance(now);
    }

    /// The runtime can accept no more.
    pub fn listener_lost(&mut self, now: Instant) {
        if !self.mutation.is(Mutant::R41ListenerLossIgnored) {
            self.begin_drain(DrainReason::ListenerLost, now);
        }
        self.advance(now);
    }

    fn say(&mut self, to: Connection, reply: Reply) {
        self.effects.push_back(Effect::Send { to, reply });
    }

    /// A daemon that leaves must not be taken for one that serves.
    fn on_ping(&mut self, from: Connection, now: Instant) {
        let leaving = self.drain.is_some();
        self.say(from, if leaving { Reply::Err("draining".into()) } else { Reply::pong() });
        if !leaving && self.phase == Phase::Ready {
            self.check_soon(now);
        }
    }

    /// A `hyperdb-mcp` that has the answer connects to hyperd at once, and fails if that is not up yet. One that has to
    /// wait for more than 300 ms (0.7.3, measured) starts a daemon of its own, which this one then gives way to.
    fn on_status(&mut self, from: Connection, now: Instant) {
        let status = self.status(now);
        if self.phase >= Phase::EngineUp
            && let Some(status) = &status
        {
            return self.say(from, Reply::Status(status.to_line().into()));
        }
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.withheld = true;
        }
    }

    /// Whoever asked too early is answered, or turned away.
    pub(super) fn answer_withheld(&mut self, now: Instant) {
        let status = self.status(now).map(|status| status.to_line());
        for (to, peer) in &mut self.peers {
            if core::mem::take(&mut peer.withheld) {
                let reply = status
                    .as_deref()
                    .map_or_else(|| Reply::Err("draining".into()), |status| Reply::Status(status.into()));
                self.effects.push_back(Effect::Send { to: *to, reply });
            }
        }
    }

    fn on_hello(&mut self, from: Connection, nonce: Nonce) {
        let (Some(port), Some(peer)) = (self.port, self.peers.get_mut(&from)) else { return };
        // A second one would let a peer choose among transcripts.
        if peer.client.is_some() {
            return self.say(from, Reply::Err("HELLO was said before".into()));
        }
        peer.client = Some(nonce);
        let transcript =
            Transcript { client: nonce, server: peer.server, incarnation: self.incarnation, port };
        let mac = transcript.hello(&self.secret, self.generation, self.phase);
        let reply = Reply::Hello {
            incarnation: self.incarnation,
            generation: self.generation,
            phase: self.phase,
            nonce: peer.server,
            mac,
        };
        self.say(from, reply);
    }

    fn proves(&self, peer: &Peer, mac: &Mac, expected: impl FnOnce(&Transcript) -> Mac) -> bool {
        let (Some(client), Some(port)) = (peer.client, self.port) else { return false };
        let transcript = Transcript { client, server: peer.server, incarnation: self.incarnation, port };
        *mac == expected(&transcript)
    }

    fn lease(
        &mut self,
        from: Connection,
        peer: &Peer,
        incarnation: crate::control::Incarnation,
        client: &str,
        mac: &Mac,
        now: Instant,
    ) -> Reply {
        if incarnation != self.incarnation {
            return Reply::NotMe(self.incarnation);
        }
        if !self.proves(peer, mac, |transcript| transcript.lease(&self.secret, client)) {
            return Reply::Err("not authenticated".into());
        }
        if let Some(drain) = self.drain
            && !self.mutation.is(Mutant::R20LeaseWhileDraining)
        {
            return Reply::Draining(drain.reason);
        }
        if self.phase != Phase::Ready && self.drain.is_none() {
            return Reply::Err("not ready".into());
        }
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.lease = Some(Held { client: client.into(), since: now });
        }
        self.touch(now);
        Reply::Leased { id: from.0 }
    }

    fn on_stop_if(
        &mut self,
        from: Connection,
        peer: &Peer,
        incarnation: crate::control::Incarnation,
        mode: StopMode,
        mac: &Mac,
        now: Instant,
    ) {
        let anyone = self.mutation.is(Mutant::R18StopAnyone);
        if incarnation != self.incarnation && !anyone {
            return self.say(from, Reply::NotMe(self.incarnation));
        }
        if !self.proves(peer, mac, |transcript| transcript.stop_if(&self.secret, mode)) && !anyone {
            return self.say(from, Reply::Err("not authenticated".into()));
        }
        let later = mode == StopMode::Idle && self.leases() > 0;
        self.say(from, if later { Reply::Ok } else { Reply::Stopping });
        self.on_stop(mode, now);
    }
}
