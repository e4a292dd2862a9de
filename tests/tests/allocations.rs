//! How often the clients allocate, against the real hyperd. Rows are read out of the buffer that they came into, so they
//! cost none; a statement costs a known few.
#![cfg(target_os = "linux")]

mod allocation;

use allocation::{count_of, peak_of, requests};
use hyperwire_mio::Connection;
use hyperwire_tests::real_hyperd::RealHyperd;
use mio::{Events, Poll, Token};

/// What is read without a copy: numbers, one of them NULL, and texts.
const ROWS: &str = "SELECT i, NULLIF(i, 7), 'a text of some length' FROM generate_series(1, 400000) s(i)";
/// Buffers have grown as far as they do by the half of it.
const HALF: usize = 200_000;
/// Statements that are not counted, while buffers grow ...
const WARM_UP: usize = 20;
/// ... and those that are.
const CALLS: usize = 100;
/// What a statement with rows allocates, in each of the clients: the columns of its result, which the caller may keep.
const A_STATEMENT: usize = 1;

macro_rules! look_at {
    ($row:expr) => {{
        let row = $row;
        let (i, text) = (row.get::<i32>(0).expect("a number"), row.get::<&str>(2).expect("a text"));
        let maybe = row.get::<Option<i32>>(1).expect("a number or none");
        assert!(text.len() == 21 && maybe.is_none_or(|maybe| maybe == i));
    }};
}

#[test]
fn blocking() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let mut rows = client.query(ROWS).expect("rows");
    let mut read =
        |count: usize| (0..count).for_each(|_| look_at!(rows.next().expect("a row").expect("a row")));
    read(HALF);
    let ((), for_rows) = count_of(|| read(HALF));
    rows.finish().expect("they are all");
    let mut select_one = || {
        let mut rows = client.query("SELECT 1").expect("rows");
        assert_eq!(rows.next().expect("a row").expect("a row").get::<i32>(0).expect("a number"), 1);
        rows.finish().expect("it is all");
    };
    (0..WARM_UP).for_each(|_| select_one());
    let ((), for_calls) = count_of(|| (0..CALLS).for_each(|_| select_one()));

    check(for_rows, for_calls);
}

#[test]
fn tokio() {
    let hyperd = RealHyperd::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (for_rows, for_calls) = runtime.block_on(async {
        let mut client = hyperwire_tokio::Client::connect(hyperd.config()).await.expect("trusted");
        // The runtime keeps a list of those who let others go first, which grows once in a `block_on`.
        tokio::task::yield_now().await;

        let mut rows = client.query(ROWS).await.expect("rows");
        let mut before = 0;
        for number in 0..2 * HALF {
            if number == HALF {
                before = requests();
            }
            look_at!(rows.next().await.expect("a row").expect("a row"));
        }
        let for_rows = requests() - before;
        rows.finish().await.expect("they are all");
        for number in 0..WARM_UP + CALLS {
            if number == WARM_UP {
                before = requests();
            }
            let mut rows = client.query("SELECT 1").await.expect("rows");
            assert_eq!(rows.next().await.expect("a row").expect("a row").get::<i32>(0).expect("a number"), 1);
            rows.finish().await.expect("it is all");
        }
        (for_rows, requests() - before)
    });

    check(for_rows, for_calls);
}

#[test]
fn mio() {
    let hyperd = RealHyperd::start();
    let mut embedder = Embedder { poll: Poll::new().expect("a poll"), events: Events::with_capacity(16) };
    let connection = Connection::connect(hyperd.config(), embedder.poll.registry(), Token(0));
    let mut connection = connection.expect("it begins");

    let id = connection.query(ROWS).expect("it is taken");
    connection.demand(id, u64::MAX);
    embedder.read(&mut connection, HALF);
    let ((), for_rows) = count_of(|| embedder.read(&mut connection, HALF));
    embedder.finish(&mut connection);
    let mut select_one = || {
        let id = connection.query("SELECT 1").expect("it is taken");
        connection.demand(id, u64::MAX);
        assert_eq!(embedder.finish(&mut connection), 1);
    };
    (0..WARM_UP).for_each(|_| select_one());
    let ((), for_calls) = count_of(|| (0..CALLS).for_each(|_| select_one()));

    check(for_rows, for_calls);
}

#[track_caller]
fn check(for_rows: usize, for_calls: usize) {
    assert_eq!(for_rows, 0, "allocations for {HALF} rows");
    assert_eq!(for_calls, A_STATEMENT * CALLS, "allocations for {CALLS} times SELECT 1");
}

/// A counter that counts nothing would be content with everything.
#[test]
fn what_is_allocated_is_counted() {
    let (text, count) = count_of(|| std::hint::black_box(String::from("one")) + " and more of it");
    let (_, peak) = peak_of(|| std::hint::black_box(vec![0_u8; 1000]));

    assert_eq!((text.len(), count), (18, 2));
    assert!(peak >= 1000);
}

/// A loop with one connection.
struct Embedder {
    poll: Poll,
    events: Events,
}

impl Embedder {
    /// Reads so many rows.
    fn read(&mut self, connection: &mut Connection, count: usize) {
        let mut left = count;
        while left > 0 {
            match connection.poll_event().expect("it lives") {
                Some(hyperwire_mio::Event::Row(_)) => {
                    look_at!(connection.row().expect("announced"));
                    left -= 1;
                }
                Some(_) => {}
                None => self.wait(connection),
            }
        }
    }

    /// Goes on to the end of the statement; the sum of the numbers that come.
    fn finish(&mut self, connection: &mut Connection) -> i32 {
        let mut sum = 0;
        loop {
            match connection.poll_event().expect("it lives") {
                Some(hyperwire_mio::Event::Row(_)) => {
                    sum += connection.row().expect("announced").get::<i32>(0).expect("a number");
                }
                Some(hyperwire_mio::Event::Finished { .. }) => return sum,
                Some(_) => {}
                None => self.wait(connection),
            }
        }
    }

    fn wait(&mut self, connection: &mut Connection) {
        let now = std::time::Instant::now();
        let wait = connection.deadline().map(|at| at.saturating_duration_since(now));
        self.poll.poll(&mut self.events, wait).expect("the poll waits");
        self.events.iter().for_each(|event| connection.on_ready(event));
        connection.on_timeout(std::time::Instant::now());
    }
}
