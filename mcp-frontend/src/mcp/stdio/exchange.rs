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
/// How many light requests are in progress at once.
const MOST_LIGHT: usize = 256;
/// How many bytes of heavy requests.
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

impl Waiting {
    fn is_request(&self) -> bool {
        matches!(&self.item, Item::Message(message) if matches!(**message, ClientJsonRpcMessage::Request(_)))
    }
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
        let is_crowded = self.in_progress.len() - self.heavy_in_progress >= MOST_LIGHT;
        let is_light = is_full || is_crowded || next(&self.light) < next(&self.heavy);
        // Whatever is crowded, a cancel gets through.
        let at =
            if is_crowded { self.light.iter().position(|waiting| !waiting.is_request()) } else { Some(0) };
        let (waiting, is_light) = match at.filter(|_| is_light).and_then(|at| self.light.remove(at)) {
            Some(waiting) => (waiting, true),
            None if is_full => return None,
            None => (self.heavy.pop_front()?, false),
        };
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::{Value, json};
    use tokio::time::timeout;

    use super::*;

    fn add(exchange: &Exchange, message: Value) {
        let message = serde_json::from_value(message).unwrap();
        exchange.add(Item::Message(Box::new(message)), 100);
    }

    fn call(exchange: &Exchange, id: usize, tool: &str) {
        let params = json!({"name": tool, "arguments": {}});
        add(exchange, json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}));
    }

    /// The ids of what can be taken up now; null for what has none.
    async fn taken(exchange: &Exchange) -> Vec<Value> {
        let mut ids = Vec::new();
        while let Ok(Some(item)) = timeout(Duration::from_millis(1), exchange.take()).await {
            let Item::Message(message) = item else { panic!("nothing is refused") };
            ids.push(serde_json::to_value(&*message).unwrap()["id"].take());
        }
        ids
    }

    #[tokio::test(start_paused = true)]
    async fn requests_in_progress_have_a_limit_which_light_ones_and_cancels_pass() {
        let exchange = Arc::new(Exchange::default());
        (0..200).for_each(|id| call(&exchange, id, "query"));
        (200..500).for_each(|id| call(&exchange, id, "job"));
        let cancel =
            |id| json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
        add(&exchange, cancel(0));
        add(&exchange, cancel(199));

        let first = taken(&exchange).await;

        assert_eq!(first.len(), MOST_HEAVY + MOST_LIGHT + 2, "{first:?}");
        // Who is canceled while it waits is never taken up.
        let left: Vec<_> = (MOST_HEAVY + 1..200).chain(200 + MOST_LIGHT..500).chain([0]).collect();
        assert!(left.iter().all(|id| !first.contains(&json!(id))), "{first:?}");
        // An answer that is written makes room for the next of its kind; one that is not yet keeps its place.
        let writing = exchange.begin_writing(Some(RequestId::Number(1)), 10);
        assert_eq!(taken(&exchange).await, [] as [Value; 0]);
        drop(writing);
        assert_eq!(taken(&exchange).await, [json!(MOST_HEAVY + 1)]);
        drop(exchange.begin_writing(Some(RequestId::Number(200)), 10));
        assert_eq!(taken(&exchange).await, [json!(200 + MOST_LIGHT)]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_taken_up_while_too_much_is_unwritten() {
        for (count, bytes) in [(MOST_UNWRITTEN, 1), (1, MOST_UNWRITTEN_BYTES)] {
            let exchange = Arc::new(Exchange::default());
            call(&exchange, 1, "job");
            let writing: Vec<_> = (0..count).map(|_| exchange.begin_writing(None, bytes)).collect();

            assert_eq!(taken(&exchange).await, [] as [Value; 0]);
            drop(writing);
            assert_eq!(taken(&exchange).await, [json!(1)]);
        }
    }
}
