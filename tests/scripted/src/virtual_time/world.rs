//! The turns, and the clock.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Arguments;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_core::time::Instant as CoreInstant;

use super::link::Accept;
use super::random::Random;
use super::story::Story;

/// Real time that a turn may take. Who holds it longer waits for something that the world knows nothing of.
const TURN: Duration = Duration::from_secs(60);
/// More turns than any test takes that comes to rest.
const TURNS: u64 = 300_000;
/// Once in so many calls, one that need not wait lets others go first.
const PAUSES: u64 = 6;

/// What is left of a world.
#[derive(Clone, Debug)]
pub struct Played {
    /// Of every line of its story.
    pub digest: u64,
    /// Virtual time.
    pub took: Duration,
    /// Its last lines.
    pub story: String,
}

/// Runs this in a new world, in which everything that is left to chance follows from the seed. A panic is handed out,
/// beside what was played up to there.
pub fn play<T>(seed: u64, body: impl FnOnce() -> T) -> (Result<T, Box<dyn Any + Send>>, Played) {
    let world = Arc::new(World::new(seed));
    let party = Party::join(&world, "the test");
    HERE.set(Some(party.clone()));
    let outcome = catch_unwind(AssertUnwindSafe(body));
    HERE.take();
    let mut state = world.lock();
    let left: Vec<_> = state.parties.values().skip(1).map(|one| one.name.clone()).collect();
    state.end("the test is over".to_owned());
    let played = Played { digest: state.story.digest(), took: state.now, story: state.story.text() };
    drop(state);
    let outcome = match outcome {
        Ok(_) if !left.is_empty() => Err(Box::new(format!("still there behind the end: {left:?}")) as _),
        outcome => outcome,
    };
    (outcome, played)
}

/// Waits until something happens in this world, or until `until`. Whoever waits looks then whether it concerns them.
///
/// # Panics
/// Outside of a world, and when nothing can happen any more.
pub fn wait(until: Option<Instant>) {
    here().expect("a thread of a world").wait(until);
}

/// Lets so much time of this world pass.
///
/// # Panics
/// As for [`wait`].
pub fn sleep(duration: Duration) {
    let party = here().expect("a thread of a world");
    let until = party.now() + duration;
    while party.now() < until {
        party.wait(Some(until));
    }
}

/// Bytes that follow from the world's seed.
///
/// # Panics
/// Outside of a world.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let party = here().expect("a thread of a world");
    let mut bytes = [0; N];
    bytes.copy_from_slice(&party.world.lock().random.bytes(N));
    bytes
}

thread_local! {
    static HERE: RefCell<Option<Party>> = const { RefCell::new(None) };
}

/// Who the calling thread is, if it lives in a world.
pub(super) fn here() -> Option<Party> {
    HERE.with_borrow(Clone::clone)
}

/// A thread of a world.
#[derive(Clone)]
pub(super) struct Party {
    pub(super) world: Arc<World>,
    id: usize,
}

pub(super) struct World {
    epoch: Instant,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) now: Duration,
    pub(super) random: Random,
    story: Story,
    /// Who runs. All others wait.
    turn: usize,
    turns: u64,
    parties: BTreeMap<usize, Waiting>,
    /// How many parties there were.
    joined: usize,
    pub(super) listeners: BTreeMap<String, Arc<Accept>>,
    /// How many links and listeners there were.
    pub(super) named: usize,
    /// Why nobody goes on any more.
    over: Option<String>,
}

struct Waiting {
    name: String,
    bell: Arc<Condvar>,
    can_go_on: bool,
    until: Option<Duration>,
}

impl World {
    fn new(seed: u64) -> Self {
        let state = State {
            now: Duration::ZERO,
            random: Random::new(seed),
            story: Story::new(true),
            turn: 0,
            turns: 0,
            parties: BTreeMap::new(),
            joined: 0,
            listeners: BTreeMap::new(),
            named: 0,
            over: None,
        };
        Self { epoch: Instant::now(), state: Mutex::new(state) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The moment of the world's clock as one of the system's.
    pub(super) fn instant(&self, at: CoreInstant) -> Instant {
        self.epoch + at.saturating_since(CoreInstant::EPOCH)
    }
}

impl Party {
    /// A new one, which can go on as soon as it is its turn.
    pub(super) fn join(world: &Arc<World>, name: &str) -> Self {
        let mut state = world.lock();
        let id = state.joined;
        state.joined += 1;
        let name = format!("{name} ({id})");
        state.tell(format_args!("{name} joins"));
        let waiting = Waiting { name, bell: Arc::default(), can_go_on: true, until: None };
        state.parties.insert(id, waiting);
        Self { world: Arc::clone(world), id }
    }

    /// Runs this as the calling thread's part, when it is its turn.
    pub(super) fn live<T>(self, body: impl FnOnce() -> T) -> T {
        let party = Leaving(self);
        party.0.await_turn(party.0.world.lock());
        HERE.set(Some(party.0.clone()));
        body()
    }

    pub(super) fn now(&self) -> Instant {
        self.world.epoch + self.world.lock().now
    }

    /// Whether it has left.
    pub(super) fn has_left(&self) -> bool {
        !self.world.lock().parties.contains_key(&self.id)
    }

    pub(super) fn wait(&self, until: Option<Instant>) {
        let mut state = self.world.lock();
        let until = until.map(|at| at.saturating_duration_since(self.world.epoch));
        if let Some(waiting) = state.parties.get_mut(&self.id) {
            (waiting.can_go_on, waiting.until) = (false, until);
        }
        state.next_turn();
        self.await_turn(state);
    }

    /// Now and then lets others go first.
    pub(super) fn pause(&self) {
        let mut state = self.world.lock();
        if state.random.one_in(PAUSES) {
            state.next_turn();
            self.await_turn(state);
        }
    }

    /// Nobody goes on any more.
    pub(super) fn end_the_world(&self, why: &str) {
        self.world.lock().end(why.to_owned());
    }

    fn await_turn(&self, mut state: MutexGuard<'_, State>) {
        loop {
            if let Some(why) = state.over.clone() {
                drop(state);
                return self.give_up(why);
            }
            if state.turn == self.id {
                return;
            }
            let Some(bell) = state.parties.get(&self.id).map(|waiting| Arc::clone(&waiting.bell)) else {
                return;
            };
            let turn = (state.turn, state.now, state.joined);
            let (woken, waited) = bell.wait_timeout(state, TURN).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if waited.timed_out() && turn == (state.turn, state.now, state.joined) {
                let holder = state.parties.get(&turn.0).map(|one| one.name.clone());
                state.end(format!("{holder:?} has held its turn for {TURN:?} of real time"));
            }
        }
    }

    fn give_up(&self, why: String) {
        if thread::panicking() {
            return;
        }
        if self.id == 0 {
            panic!("{why}");
        }
        // Whoever is to blame has said so.
        resume_unwind(Box::new(why));
    }
}

/// A party that is to leave, however that comes.
struct Leaving(Party);

impl Drop for Leaving {
    fn drop(&mut self) {
        let mut state = self.0.world.lock();
        if let Some(waiting) = state.parties.remove(&self.0.id) {
            state.tell(format_args!("{} leaves", waiting.name));
        }
        state.something_happened();
        if state.turn == self.0.id {
            state.next_turn();
        }
    }
}

impl State {
    pub(super) fn core_now(&self) -> CoreInstant {
        CoreInstant::EPOCH + self.now
    }

    /// Adds a line to the story.
    pub(super) fn tell(&mut self, what: Arguments<'_>) {
        let now = self.core_now();
        self.story.add(now, what);
    }

    /// Who waits looks whether it concerns them.
    pub(super) fn something_happened(&mut self) {
        self.parties.values_mut().for_each(|waiting| waiting.can_go_on = true);
    }

    fn next_turn(&mut self) {
        if self.over.is_some() {
            return;
        }
        loop {
            let able: Vec<_> =
                self.parties.iter().filter(|(_, waiting)| waiting.can_go_on).map(|(id, _)| *id).collect();
            if !able.is_empty() {
                let next = self.random.pick(&able);
                self.turns += 1;
                if self.turns == TURNS {
                    return self.end("it does not come to rest".to_owned());
                }
                if next != self.turn {
                    self.turn = next;
                    let waiting = &self.parties[&next];
                    waiting.bell.notify_one();
                    let line = format!("it is the turn of {}", waiting.name);
                    self.tell(format_args!("{line}"));
                }
                return;
            }
            let Some(due) = self.parties.values().filter_map(|waiting| waiting.until).min() else {
                let who: Vec<_> = self.parties.values().map(|waiting| waiting.name.clone()).collect();
                return self.end(format!("nothing can happen any more, and yet they wait: {who:?}"));
            };
            self.now = self.now.max(due);
            for waiting in self.parties.values_mut() {
                waiting.can_go_on = waiting.until.is_some_and(|until| until <= due);
            }
        }
    }

    fn end(&mut self, why: String) {
        self.tell(format_args!("the end: {why}"));
        self.over.get_or_insert(why);
        self.parties.values().for_each(|waiting| waiting.bell.notify_one());
    }
}
