//! One direction of a connection: bounded, in order, in pieces, with delay, and at some byte perhaps no more.

use std::collections::VecDeque;
use std::time::Duration;

use hyperwire_core::time::Instant;

use super::random::Random;

/// How one direction behaves.
#[derive(Clone, Debug)]
pub struct PipePlan {
    /// Bytes that fit between the two ends, like the buffers of a socket.
    pub capacity: usize,
    /// The longest piece that travels together.
    pub piece: usize,
    /// The longest usual delay of a piece.
    pub delay: Duration,
    /// How long after the piece before it a piece arrives at the earliest.
    pub pace: Duration,
    /// Once in so many pieces, a stall of this length; 0 for never.
    pub stall: (u64, Duration),
    /// The byte that arrives damaged, and what it is combined with.
    pub flip: Option<(u64, u8)>,
}

/// One direction of a connection.
#[derive(Debug)]
pub struct Pipe {
    plan: PipePlan,
    in_flight: VecDeque<(Instant, Vec<u8>)>,
    flying: usize,
    arrived: VecDeque<u8>,
    /// Bytes taken from the sender since the beginning.
    taken: u64,
    /// The sender closed its end.
    closed: bool,
}

impl Pipe {
    /// An empty one.
    #[must_use]
    pub fn new(plan: PipePlan) -> Self {
        Self {
            plan,
            in_flight: VecDeque::new(),
            flying: 0,
            arrived: VecDeque::new(),
            taken: 0,
            closed: false,
        }
    }

    /// Bytes that it takes now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.plan.capacity.saturating_sub(self.flying + self.arrived.len())
    }

    /// Whether it takes so many bytes, or else so many that taking them is worth a system's while.
    #[must_use]
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.room() >= bytes.min(self.plan.capacity / 4)
    }

    /// From now on pieces come at this pace, and without stalls.
    pub fn flow_at(&mut self, pace: Duration) {
        self.plan.pace = pace;
        self.calm_down();
    }

    /// Bytes taken from the sender since the beginning.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes what fits of these bytes, up to a piece, and returns how many that were.
    pub fn send(&mut self, bytes: &[u8], now: Instant, random: &mut Random) -> usize {
        let most = bytes.len().min(self.room()).min(self.plan.piece);
        if most == 0 {
            return 0;
        }
        let count = random.size(1, most);
        let mut piece = bytes[..count].to_vec();
        if let Some((at, mask)) = self.plan.flip
            && (self.taken..self.taken + count as u64).contains(&at)
        {
            piece[(at - self.taken) as usize] ^= mask;
        }
        self.taken += count as u64;
        let mut delay = Duration::from_nanos(random.between(0, self.plan.delay.as_nanos() as u64));
        let (chances, stall) = self.plan.stall;
        if chances > 0 && random.one_in(chances) {
            delay += stall;
        }
        let at =
            self.in_flight.back().map_or(now + delay, |(last, _)| (*last + self.plan.pace).max(now + delay));
        self.flying += count;
        self.in_flight.push_back((at, piece));
        count
    }

    /// When the next piece arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.in_flight.front().map(|(at, _)| *at)
    }

    /// Lets arrive what is due; whether anything was.
    pub fn arrive(&mut self, now: Instant) -> bool {
        let mut any = false;
        while self.next_arrival().is_some_and(|at| at <= now)
            && let Some((_, piece)) = self.in_flight.pop_front()
        {
            self.flying -= piece.len();
            self.arrived.extend(piece);
            any = true;
        }
        any
    }

    /// Bytes that the receiver can read now.
    #[must_use]
    pub fn readable(&self) -> usize {
        self.arrived.len()
    }

    /// Takes up to so many bytes that arrived.
    pub fn read(&mut self, count: usize) -> Vec<u8> {
        self.arrived.drain(..count.min(self.arrived.len())).collect()
    }

    /// No more bytes come in; those under way still arrive.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether the receiver has read everything and sees the end.
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.closed && self.in_flight.is_empty() && self.arrived.is_empty()
    }

    /// No stalls any more.
    pub fn calm_down(&mut self) {
        self.plan.stall.0 = 0;
    }

    /// Forgets everything under way.
    pub fn destroy(&mut self) {
        self.in_flight.clear();
        self.arrived.clear();
        self.flying = 0;
        self.closed = true;
    }
}
