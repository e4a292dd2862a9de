//! Who waits for whom: server, client, and the other tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hyperwire_tests::scripted::{Auth, Latch, Listen};
use hyperwire_tokio::core::wire::TransactionStatus;
use hyperwire_tokio::{Client, Error};
use rstest::rstest;

use crate::{
    LONG, SHORT, config, connect, fault_of, in_time, released, serve, serve_proof, shows_that_it_is_usable,
    texts,
};

/// More than all buffers between a server and its client.
const MUCH: usize = 64 << 20;
/// A field that makes a row of a kilobyte.
const KILOBYTE: [u8; 1013] = [b'x'; 1013];

/// Both have much to say, and the server does not listen before it has said it.
#[rstest]
#[case::statement(false)]
#[case::parameter(true)]
#[tokio::test]
async fn reading_never_waits_for_writing(
    #[case] parameter: bool,
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let much = "x".repeat(MUCH);
    let sql = if parameter { "select $1".to_owned() } else { format!("select '{much}'") };
    let server = listen().patience(3 * LONG).serve({
        let sql = sql.clone();
        move |session| {
            session.accept_startup(Auth::Trust)?;
            let notice = "n".repeat(1 << 20);
            for _ in 0..MUCH >> 20 {
                session.send_notice("01000", &notice)?;
            }
            if parameter {
                session.read_to_sync()?;
                session.send_all(&[
                    hyperwire_tokio::core::wire::BackendMessage::ParseComplete,
                    hyperwire_tokio::core::wire::BackendMessage::BindComplete,
                    hyperwire_tokio::core::wire::BackendMessage::NoData,
                ])?;
            } else {
                session.expect_query(&sql)?;
            }
            session.complete("SELECT 0")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let mut client = connect(&server).await;

    let count = if parameter {
        in_time(client.execute_params(&sql, &[&much.as_str()])).await
    } else {
        in_time(client.execute(&sql)).await
    };

    assert_eq!(count.expect("both get through"), 0);
    assert_eq!(client.notices().len(), MUCH >> 20);
    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}

#[rstest]
#[tokio::test]
async fn a_server_is_slowed_down_by_a_client_that_does_not_ask_for_rows(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let blocked = Latch::new("the server is blocked");
    let server = serve(listen(), {
        let blocked = blocked.clone();
        move |session| {
            session.expect_query("select much")?;
            session.send_bytes(texts(&[]).description())?;
            let taken = session.send_until_blocked(&[Some(&KILOBYTE)], SHORT, 2 * MUCH as u64)?;
            if taken > MUCH as u64 {
                return Err(format!("{taken} bytes went to a client that reads nothing").into());
            }
            blocked.release();
            // The last of them went out in part.
            session.send_row_repeatedly(&[Some(&KILOBYTE)], MUCH as u64 / 1024 - taken.div_ceil(1024))?;
            session.complete("SELECT 65536")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let mut client = connect(&server).await;

    let rows = client.query("select much").await.expect("a result");
    released(&blocked).await;
    let lengths = in_time(rows.map::<_, Error>(|row| Ok(row.get::<&str>(0)?.len()))).await.expect("all rows");

    assert_eq!((lengths.len(), lengths.iter().sum()), (MUCH / 1024, MUCH / 1024 * KILOBYTE.len()));
    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}

/// On one thread, a client whose server never pauses must not keep the thread for itself.
#[tokio::test]
async fn other_tasks_run_while_a_server_never_pauses() {
    let enough = Arc::new(AtomicBool::new(false));
    let server = serve(Listen::tcp(), {
        let enough = Arc::clone(&enough);
        move |session| {
            session.expect_query("select much")?;
            session.send_bytes(texts(&[]).description())?;
            while !enough.load(Ordering::Relaxed) {
                session.send_row_repeatedly(&[Some(&KILOBYTE)], 1_000)?;
            }
            session.complete("SELECT")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let mut client = connect(&server).await;
    let turns = Arc::new(AtomicU64::new(0));
    let other = tokio::spawn({
        let turns = Arc::clone(&turns);
        async move {
            while turns.fetch_add(1, Ordering::Relaxed) < 100 {
                tokio::task::yield_now().await;
            }
            enough.store(true, Ordering::Relaxed);
        }
    });

    let rows = client.query("select much").await.expect("a result");
    in_time(rows.for_each::<Error>(|_| Ok(()))).await.expect("the other task ends it");

    other.await.expect("no panic");
    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}

#[tokio::test]
async fn two_clients_of_one_thread_do_not_wait_for_each_other() {
    let first_waits = Latch::new("the second has its answer");
    let server = serve(Listen::tcp(), {
        let first_waits = first_waits.clone();
        move |session| {
            session.expect_query("select 1")?;
            if session.number() == 0 {
                session.stall(&first_waits)?;
            }
            session.complete("SELECT 1")?;
            session.ready(TransactionStatus::Idle)
        }
    });
    let (mut first, mut second) = (connect(&server).await, connect(&server).await);

    let both = tokio::join!(first.execute("select 1"), async {
        let outcome = second.execute("select 1").await;
        first_waits.release();
        outcome
    });

    assert!(matches!(both, (Ok(1), Ok(1))), "{both:?}");
    drop((first, second));
    server.finish().unwrap();
}

#[tokio::test]
async fn a_statement_that_the_server_does_not_take_is_given_up_at_its_deadline() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_cancel()?;
        session.expect_client_to_give_up()
    });
    let mut config = config(&server);
    config.session.cancel_grace = SHORT;
    let mut client = Client::connect(config).await.expect("trusted");
    client.set_statement_timeout(Some(SHORT));
    let sql = format!("select '{}'", "x".repeat(MUCH));

    let fault = fault_of(in_time(client.execute(&sql)).await);

    let expected = hyperwire_tokio::core::session::Timer::CancelGrace;
    assert_eq!(fault, hyperwire_tokio::core::session::Fault::Deadline(expected));
    server.finish().unwrap();
}

/// Whatever is in a future of the client, a task on another thread can have it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn futures_and_clients_move_between_threads() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    fn is_sync<T: Sync>(_: &T) {}
    let server = serve(Listen::tcp(), |session| {
        serve_proof(session)?;
        serve_proof(session)
    });
    let mut client = is_send(connect(&server)).await;
    is_sync(&client);

    let mut client = tokio::spawn(is_send(async move {
        shows_that_it_is_usable(&mut client).await;
        client
    }))
    .await
    .expect("no panic");

    drop(is_send(client.query("select 1")));
    drop(is_send(client.query_params("select 1", &[&1_i32])));
    drop(is_send(client.transaction()));
    drop(is_send(client.prepare("select 1", &[])));
    shows_that_it_is_usable(&mut client).await;
    drop(is_send(client.close()));
    server.finish().unwrap();
}
