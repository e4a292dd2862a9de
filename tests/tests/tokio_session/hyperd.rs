//! The real hyperd.

use std::time::{Duration, Instant};

use hyperwire_tests::real_hyperd::{CROSS_JOIN, MANY_ROWS, RealHyperd};
use hyperwire_tokio::hyperwire_core::row::Type;
use hyperwire_tokio::hyperwire_core::session::{Blame, SqlState, StatementError};
use hyperwire_tokio::hyperwire_core::wire::TransactionStatus;
use hyperwire_tokio::{Client, Error, Pool, PoolConfig};
use rstest::rstest;

use crate::{SHORT, in_time, poll_times};

#[rstest]
#[case::domain_socket(RealHyperd::start)]
#[case::tcp(RealHyperd::start_on_tcp)]
#[tokio::test]
async fn everything_that_a_client_does(#[case] start: fn() -> RealHyperd) {
    let hyperd = start();
    let database = hyperd.create_database("everything.hyper");
    let mut client = Client::connect(hyperd.config().database(&database)).await.expect("trusted");

    let made =
        client.batch(["CREATE TABLE t (i INT NOT NULL, s TEXT)", "INSERT INTO t VALUES (1, 'one')"]).await;
    let inserted = client.execute_params("INSERT INTO t VALUES ($1, $2)", &[&2_i32, &"two"]).await;
    let statement = client.prepare("SELECT s FROM t WHERE i = $1", &[Type::Integer]).await.expect("prepared");
    let mut rows = client.query_prepared(&statement, &[&2_i32]).await.expect("rows");
    let two = rows.next().await.expect("a row").map(|row| row.get::<String>(0).expect("a text"));
    drop(rows);
    let mut transaction = client.transaction().await.expect("begun");
    transaction.execute("DELETE FROM t").await.expect("deleted");
    drop(transaction);
    let mut transaction = client.transaction().await.expect("begun");
    transaction.execute("INSERT INTO t VALUES (3, NULL)").await.expect("inserted");
    transaction.commit().await.expect("committed");
    let nonsense = client.execute("SELEKT").await;
    drop(statement);
    client.close().await.expect("in good order");

    assert_eq!(made.expect("both run").len(), 2);
    assert_eq!((inserted.expect("it runs"), two.as_deref()), (1, Some("two")));
    assert!(nonsense.expect_err("no SQL").code().is_some());
    let mut other = hyperd.connect_to(&database);
    assert_eq!(hyperwire_tests::real_hyperd::value::<i64>(&mut other, "SELECT count(*) FROM t"), 3);
}

#[tokio::test]
async fn a_large_result_streams_and_may_be_dropped_in_its_midst() {
    let hyperd = RealHyperd::start();
    let mut client = connect(&hyperd).await;

    let (mut count, mut sum) = (0_u64, 0_i64);
    let rows = client.query("SELECT i FROM generate_series(1, 2000000) s(i)").await.expect("rows");
    let all = rows.for_each::<Error>(|row| {
        (count, sum) = (count + 1, sum + i64::from(row.get::<i32>(0)?));
        Ok(())
    });
    in_time(all).await.expect("all rows");
    let mut rows = client.query(MANY_ROWS).await.expect("rows");
    for _ in 0..10_000 {
        rows.next().await.expect("a row").expect("there are more");
    }
    drop(rows);
    let start = Instant::now();

    is_usable(&mut client).await;

    assert_eq!((count, sum), (2_000_000, 2_000_001_000_000));
    assert!(start.elapsed() < Duration::from_secs(5), "it was canceled, after {:?}", start.elapsed());
}

/// However often its future was polled. The next statement has the server stop it.
#[tokio::test]
async fn a_statement_that_takes_hours_may_be_dropped_at_any_point() {
    let hyperd = RealHyperd::start();
    let mut client = connect(&hyperd).await;

    for polls in 0..6 {
        let dropped = {
            let long = poll_times(client.execute(CROSS_JOIN), polls, || ());
            tokio::time::timeout(SHORT, long).await
        };
        assert!(!matches!(dropped, Ok(Some(_))), "it takes hours: {dropped:?}");
        is_usable(&mut client).await;
    }
}

#[tokio::test]
async fn a_transaction_that_was_dropped_at_any_point_has_done_nothing() {
    let hyperd = RealHyperd::start();
    let mut client = connect(&hyperd).await;
    client.execute("CREATE TEMP TABLE t (i INT)").await.expect("created");

    for polls in 0.. {
        let finished = {
            let work = async {
                let mut transaction = client.transaction().await?;
                transaction.execute("INSERT INTO t VALUES (1)").await?;
                transaction.execute("INSERT INTO t VALUES (2)").await?;
                transaction.rollback().await
            };
            poll_times(work, polls, || ()).await
        };

        assert_eq!(count(&mut client).await, 0, "dropped after {polls} polls");
        assert_eq!(client.transaction_status(), TransactionStatus::Idle);
        if let Some(outcome) = finished {
            outcome.expect("rolled back");
            assert!(polls > 3, "done after {polls} polls");
            return;
        }
    }
}

#[tokio::test]
async fn deadlines_and_cancels_reach_the_server() {
    let hyperd = RealHyperd::start_on_tcp();
    let mut client = connect(&hyperd).await;
    let handle = client.cancel_handle().expect("hyperd gives keys");

    client.set_statement_timeout(Some(SHORT));
    let late = in_time(client.execute(CROSS_JOIN)).await;
    client.set_statement_timeout(None);
    let canceler = async {
        let computes = tokio::task::spawn_blocking(move || {
            hyperd.wait_until_it_computes();
            hyperd
        });
        let hyperd = computes.await.expect("it computes");
        handle.cancel().await.expect("delivered");
        hyperd
    };
    let (canceled, _hyperd) = tokio::join!(in_time(client.execute(CROSS_JOIN)), canceler);

    assert!(matches!(late, Err(Error::Statement(StatementError::DeadlineExceeded))), "{late:?}");
    assert_eq!(canceled.expect_err("canceled").code(), Some(SqlState::QUERY_CANCELED));
    is_usable(&mut client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_share_few_connections() {
    let hyperd = RealHyperd::start();
    let pool = Pool::new(hyperd.config(), PoolConfig::new(3));
    let tasks: Vec<_> = (0..60)
        .map(|task: i32| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut client = pool.get().await.expect("a client");
                if task % 5 == 0 {
                    client.execute("BEGIN").await.expect("begun");
                }
                if task % 7 == 0 {
                    // Dropped as it is: it may have been sent or not.
                    poll_times(client.query(MANY_ROWS), 1, || ()).await;
                    return task;
                }
                let rows = client.query_params("SELECT $1 + 0", &[&task]).await.expect("rows");
                rows.map::<_, Error>(|row| Ok(row.get::<i32>(0)?)).await.expect("a row")[0]
            })
        })
        .collect();

    for (number, task) in tasks.into_iter().enumerate() {
        assert_eq!(in_time(task).await.expect("no panic"), number as i32);
    }

    assert!(pool.idle() <= 3 && pool.available() == 3, "{pool:?}");
    let mut client = in_time(pool.get()).await.expect("a client");
    is_usable(&mut client).await;
    drop(client);
    in_time(pool.close()).await;
}

#[tokio::test]
async fn a_hyperd_that_is_killed_is_noticed_at_once() {
    let mut hyperd = RealHyperd::start_on_tcp();
    let mut client = connect(&hyperd).await;

    let (outcome, ()) = tokio::join!(in_time(client.execute(CROSS_JOIN)), async { hyperd.kill() });

    let error = outcome.expect_err("nobody answers any more");
    assert!(error.is_session_lost() && error.blame() == Blame::Link, "{error:?}");
}

async fn connect(hyperd: &RealHyperd) -> Client {
    in_time(Client::connect(hyperd.config())).await.expect("hyperd lets its own user in")
}

async fn count(client: &mut Client) -> i64 {
    let mut rows = in_time(client.query("SELECT count(*) FROM t")).await.expect("rows");
    rows.next().await.expect("a row").expect("one").get(0).expect("a number")
}

async fn is_usable(client: &mut Client) {
    let mut rows = in_time(client.query("SELECT 42")).await.expect("the session goes on");
    assert_eq!(rows.next().await.expect("a row").expect("one").get::<i32>(0).expect("a number"), 42);
}
