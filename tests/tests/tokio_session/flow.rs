//! Tasks that share a thread, and threads that share a task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hyperwire_tests::scripted::{Latch, Listen};
use hyperwire_tokio::Error;
use hyperwire_tokio::hyperwire_core::wire::TransactionStatus;

use crate::{connect, in_time, serve, serve_proof, shows_that_it_is_usable, texts};

/// A field that makes a row of a kilobyte.
const KILOBYTE: [u8; 1013] = [b'x'; 1013];

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
