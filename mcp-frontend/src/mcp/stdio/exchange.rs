//! What is between reading and writing: messages that wait for their turn, requests in progress, answers on their way.
//!
//! A client that does not read must not cost memory. While too many answers wait to be written, no further message is
//! taken up. Those that have come wait here, as far as there is room, and then in the pipe.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rmcp::model::{ClientJsonRpcMessage, RequestId};
use tokio::sync::Notify;

use crate::mcp::intake::Refusal;
use crate::mcp::server::{cancels, is_light};

/// How many bytes of messages wait before no more is read. A single one may be twice as long.
const MOST_WAITING: usize = 8 << 20;
/// What a message costs besides its own bytes, about.
const A_MESSAGE: usize = 512;
/// How many answers wait to be written before no message is taken up.
const MOST_UNWRITTEN: usize = 64;
/// How many bytes of answers.
const MOST_UNWRITTEN_BYTES: usize = 4 << 20;
/// How many requests that are no light ones are in progress at once, up to their answers having been written.
const MOST_HEAVY: usize = 128;
/// How many bytes of such requests.
const MOST_HEAVY_BYTES: usize = 64 << 20;

/// JSON-RPC's "Invalid Request".
const INVALID_REQUEST: i32 = -32600;

/// The traffic of one connection.
#[derive(Default)]
pub(super) struct Exchange {
    traffic: Mutex<Traffic>,
    /// There may be something to take up.
    to_take: Notify,
    /// There may be room for what is read.
    to_read: Notify,
}

/// Something that was read.
pub(super) enum Item {
    Message(Box<ClientJsonRpcMessage>),
    Refused(Vec<Refusal>),
}

#[derive(Default)]
struct Traffic {
    last: u64,
    light: VecDeque<Waiting>,
    heavy: VecDeque<Waiting>,
    waiting_bytes: usize,
    has_ended: bool,
    in_progress: HashMap<RequestId, InProgress>,
    heavy_in_progress: usize,
    heavy_bytes: usize,
    unwritten: usize,
    unwritten_bytes: usize,
}

struct Waiting {
    number: u64,
    item: Item,
    bytes: usize,
}

#[derive(Clone, Copy)]
struct InProgress {
    is_heavy: bool,
    bytes: usize,
}

impl Exchange {
    /// Waits until more may be read.
    pub(super) async fn room_to_read(&self) {
        loop {
            let changed = self.to_read.notified();
            if self.lock().waiting_bytes < MOST_WAITING {
                return;
            }
            changed.await;
        }
    }

    /// Takes in what was read from so many bytes.
    pub(super) fn add(&self, item: Item, bytes: usize) {
        let mut traffic = self.lock();
        traffic.last += 1;
        let bytes = bytes + A_MESSAGE;
        let is_light = match &item {
            Item::Message(message) => {
                if let Some(canceled) = cancels(message) {
                    traffic.forget(canceled);
                }
                is_light(message)
            }
            Item::Refused(_) => true,
        };
        let waiting = Waiting { number: traffic.last, item, bytes };
        traffic.waiting_bytes += bytes;
        if is_light {
            traffic.light.push_back(waiting)
        } else {
            traffic.heavy.push_back(waiting)
        }
        drop(traffic);
        self.to_take.notify_one();
    }

    /// There will be no more to read.
    pub(super) fn end(&self) {
        self.lock().has_ended = true;
        self.to_take.notify_one();
    }

    /// The next to take up, once there is room for its answer; `None` when all is taken up. May be dropped and called again.
    pub(super) async fn take(&self) -> Option<Item> {
        loop {
            let changed = self.to_take.notified();
            {
                let mut traffic = self.lock();
                if let Some(item) = traffic.take() {
                    drop(traffic);
                    self.to_read.notify_one();
                    return Some(item);
                }
                if traffic.has_ended && traffic.light.is_empty() && traffic.heavy.is_empty() {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// An answer of so many bytes is on its way until what comes back is dropped.
    pub(super) fn begin_writing(
        self: &std::sync::Arc<Self>,
        answers: Option<RequestId>,
        bytes: usize,
    ) -> Writing {
        let mut traffic = self.lock();
        traffic.unwritten += 1;
        traffic.unwritten_bytes += bytes;
        Writing { exchange: self.clone(), answers, bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Traffic {
    fn take(&mut self) -> Option<Item> {
        if self.unwritten >= MOST_UNWRITTEN || self.unwritten_bytes >= MOST_UNWRITTEN_BYTES {
            return None;
        }
        let is_full = self.heavy_in_progress >= MOST_HEAVY || self.heavy_bytes >= MOST_HEAVY_BYTES;
        let next = |queue: &VecDeque<Waiting>| queue.front().map_or(u64::MAX, |waiting| waiting.number);
        let is_light = is_full || next(&self.light) < next(&self.heavy);
        let waiting = if is_light { self.light.pop_front() } else { self.heavy.pop_front() }?;
        self.waiting_bytes -= waiting.bytes;
        Some(self.begin(waiting, is_light))
    }

    fn begin(&mut self, waiting: Waiting, is_light: bool) -> Item {
        let Item::Message(message) = waiting.item else { return waiting.item };
        if let Some(canceled) = cancels(&message) {
            // The SDK says nothing more to it.
            let canceled = canceled.clone();
            self.end(&canceled);
        }
        if let ClientJsonRpcMessage::Request(request) = &*message {
            if self.in_progress.contains_key(&request.id) {
                let id =
                    crate::mcp::intake::Id::Written(serde_json::to_string(&request.id).unwrap_or_default());
                let reason = "Another request with this id is still in progress. Nothing was done. Next: use each id once.";
                return Item::Refused(vec![Refusal::new(&id, INVALID_REQUEST, reason)]);
            }
            let begun = InProgress { is_heavy: !is_light, bytes: waiting.bytes };
            if begun.is_heavy {
                self.heavy_in_progress += 1;
                self.heavy_bytes += begun.bytes;
            }
            self.in_progress.insert(request.id.clone(), begun);
        }
        Item::Message(message)
    }

    fn end(&mut self, id: &RequestId) {
        if let Some(ended) = self.in_progress.remove(id)
            && ended.is_heavy
        {
            self.heavy_in_progress -= 1;
            self.heavy_bytes -= ended.bytes;
        }
    }

    /// Drops a request that was canceled while it waited.
    fn forget(&mut self, id: &RequestId) {
        let is_it = |waiting: &Waiting| {
            matches!(&waiting.item, Item::Message(message)
                if matches!(&**message, ClientJsonRpcMessage::Request(request) if request.id == *id))
        };
        if self.in_progress.contains_key(id) {
            return;
        }
        if let Some(at) = self.heavy.iter().position(is_it)
            && let Some(gone) = self.heavy.remove(at)
        {
            self.waiting_bytes -= gone.bytes;
        }
    }
}

/// An answer on its way.
pub(super) struct Writing {
    exchange: std::sync::Arc<Exchange>,
    /// The request that it answers.
    answers: Option<RequestId>,
    bytes: usize,
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut traffic = self.exchange.lock();
        traffic.unwritten -= 1;
        traffic.unwritten_bytes -= self.bytes;
        if let Some(id) = &self.answers {
            traffic.end(id);
        }
        drop(traffic);
        self.exchange.to_take.notify_one();
    }
}
