//! A pool: who gets a client, when, and in what state.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyperwire_tests::scripted::{Auth, Failure, Latch, Listen, Received, Server, Session};
use hyperwire_tokio::hyperwire_core::wire::{FrontendMessage, TransactionStatus};
use hyperwire_tokio::{Pool, PoolConfig, PoolError};

use crate::{LONG, SHORT, config, in_time, poll_times, released, serve, shows_that_it_is_usable, texts};

#[tokio::test]
async fn a_client_that_was_given_back_is_used_again() {
    let server = serve(Listen::tcp(), polite);
    let pool = pool(&server, 2);

    for _ in 0..3 {
        let mut client = pool.get().await.expect("a client");
        shows_that_it_is_usable(&mut client).await;
    }

    assert_eq!((server.sessions(), pool.idle(), pool.available()), (1, 1, 2));
    in_time(pool.close()).await;
    server.finish().unwrap();
}

#[tokio::test]
async fn waiting_for_a_client_is_told_apart_from_a_server_that_does_not_answer() {
    let over = Latch::new("the test is over");
    let server = Listen::tcp().patience(LONG).serve({
        let over = over.clone();
        move |session| {
            if session.number() > 0 {
                session.read_startup()?;
                return session.stall(&over);
            }
            session.accept_startup(Auth::Trust)?;
            polite(session)
        }
    });
    let pool = pool(&server, 1);
    let held = pool.get().await.expect("a client");
    let start = Instant::now();

    let waited = in_time(pool.get_within(SHORT)).await.map(drop);
    assert!(start.elapsed() >= SHORT, "after {:?}", start.elapsed());
    held.close().await.expect("in good order");
    let unanswered = in_time(pool.get_within(SHORT)).await.map(drop);

    assert!(matches!(waited, Err(PoolError::AllInUse { size: 1, waited }) if waited >= SHORT), "{waited:?}");
    assert!(matches!(unanswered, Err(PoolError::Connect(_))), "{unanswered:?}");
    assert_eq!(pool.available(), 1, "the place is free again");
    over.release();
    server.finish().unwrap();
}

#[tokio::test]
async fn those_who_wait_are_served_in_the_order_of_asking() {
    let server = serve(Listen::tcp(), polite);
    let pool = pool(&server, 1);
    let served = Arc::new(Mutex::new(Vec::new()));
    let held = pool.get().await.expect("a client");
    let mut tasks = Vec::new();
    for number in 0..10 {
        let (pool, served) = (pool.clone(), Arc::clone(&served));
        tasks.push(tokio::spawn(async move {
            let _client = pool.get().await.expect("a client");
            served.lock().expect("no panic").push(number);
            tokio::task::yield_now().await;
        }));
        // On this one thread, the task asks before the next is made.
        tokio::task::yield_now().await;
    }

    drop(held);
    for task in tasks {
        in_time(task).await.expect("no panic");
    }

    assert_eq!(*served.lock().expect("no panic"), (0..10).collect::<Vec<_>>());
    assert_eq!(server.sessions(), 1);
    in_time(pool.close()).await;
    server.finish().unwrap();
}

#[tokio::test]
async fn a_future_that_waits_for_a_client_may_be_dropped_at_any_point() {
    let server = Listen::tcp().patience(LONG).serve(|session| {
        // Connecting may have been dropped, before the login was over or just then.
        let login = session.accept_startup(Auth::Trust);
        match login.and_then(|_| session.next_message()) {
            Ok(first) if is_answered(session, &first)? => polite(session),
            _ => Ok(()),
        }
    });
    let pool = pool(&server, 1);
    let mut polls = 0;

    loop {
        let client = poll_times(pool.get(), polls, || ()).await;
        assert_eq!(pool.available(), usize::from(client.is_none()), "dropped after {polls} polls");
        if let Some(client) = client {
            shows_that_it_is_usable(&mut client.expect("a client")).await;
            break;
        }
        polls += 1;
    }

    assert!(polls > 1, "it took one poll to connect");
    let held = pool.get().await.expect("a client");
    assert!(poll_times(pool.get(), 1, || ()).await.is_none());
    drop(held);
    shows_that_it_is_usable(&mut in_time(pool.get()).await.expect("nobody else is in line")).await;
    in_time(pool.close()).await;
    server.finish().unwrap();
}

#[tokio::test]
async fn an_open_transaction_does_not_reach_the_next_user() {
    let rolled_back = Latch::new("the transaction is rolled back");
    let server = serve(Listen::tcp(), {
        let rolled_back = rolled_back.clone();
        move |session| {
            session.expect_query("BEGIN")?;
            session.complete("BEGIN")?;
            session.ready(TransactionStatus::InTransaction)?;
            session.expect_query("ROLLBACK")?;
            rolled_back.release();
            session.complete("ROLLBACK")?;
            session.ready(TransactionStatus::Idle)?;
            polite(session)
        }
    });
    for guarded in [false, true] {
        let pool = pool(&server, 1);
        let mut client = pool.get().await.expect("a client");

        if guarded {
            drop(client.transaction().await.expect("begun"));
        } else {
            client.execute("BEGIN").await.expect("begun");
        }
        drop(client);

        released(&rolled_back).await;
        assert_eq!(pool.idle(), 1, "it is kept");
        let mut client = in_time(pool.get()).await.expect("the same client");
        shows_that_it_is_usable(&mut client).await;
        drop(client);
        in_time(pool.close()).await;
    }
    assert_eq!(server.sessions(), 2);
    server.finish().unwrap();
}

#[tokio::test]
async fn a_client_with_an_open_statement_is_not_kept() {
    let server = serve(Listen::tcp(), |session| {
        if session.number() > 0 {
            return polite(session);
        }
        session.expect_query("select forever")?;
        session.expect_client_to_give_up()
    });
    let pool = pool(&server, 1);

    let mut client = pool.get().await.expect("a client");
    let timed_out = tokio::time::timeout(SHORT, client.execute("select forever")).await;
    assert!(timed_out.is_err(), "it takes for ever");
    drop(client);

    assert_eq!(pool.idle(), 0);
    shows_that_it_is_usable(&mut in_time(pool.get()).await.expect("another client")).await;
    in_time(pool.close()).await;
    server.finish().unwrap();
}

/// Its user does not notice. A bound of zero stands for half a minute.
#[tokio::test]
async fn an_idle_client_that_does_not_answer_is_replaced() {
    let over = Latch::new("the test is over");
    let server = serve(Listen::tcp(), {
        let over = over.clone();
        move |session| {
            if session.number() > 0 {
                return polite(session);
            }
            session.expect(&FrontendMessage::Sync)?;
            session.stall(&over)
        }
    });
    let mut policy = PoolConfig::new(1);
    policy.reuse.trusted_for = Duration::ZERO;
    policy.reuse.answer_within = SHORT;
    let pool = Pool::new(config(&server), policy);
    drop(pool.get().await.expect("a client"));
    let start = Instant::now();

    let mut client = in_time(pool.get()).await.expect("another client");

    assert!(start.elapsed() >= SHORT, "after {:?}", start.elapsed());
    shows_that_it_is_usable(&mut client).await;
    assert_eq!(server.sessions(), 2);
    drop(client);
    in_time(pool.close()).await;
    over.release();
    server.finish().unwrap();
}

#[tokio::test]
async fn an_idle_client_whose_server_has_gone_is_replaced_without_a_check() {
    let gone = Latch::new("the server has closed");
    let server = serve(Listen::tcp(), {
        let gone = gone.clone();
        move |session| {
            if session.number() > 0 {
                return polite(session);
            }
            session.close();
            gone.release();
            Ok(())
        }
    });
    let pool = pool(&server, 1);
    drop(pool.get().await.expect("a client"));
    released(&gone).await;

    shows_that_it_is_usable(&mut in_time(pool.get()).await.expect("another client")).await;

    in_time(pool.close()).await;
    server.finish().unwrap();
}

#[tokio::test]
async fn a_pool_that_is_closed_gives_nobody_a_client() {
    let server = serve(Listen::tcp(), polite);
    let pool = pool(&server, 1);
    let held = pool.get().await.expect("a client");
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.map(drop) }
    });
    tokio::task::yield_now().await;

    in_time(pool.close()).await;

    assert!(matches!(in_time(waiting).await.expect("no panic"), Err(PoolError::Closed)));
    drop(held);
    assert_eq!(pool.idle(), 0, "what is given back ends");
    assert!(matches!(pool.get().await.map(drop), Err(PoolError::Closed)));
    server.finish().unwrap();
}

fn pool(server: &Server, size: usize) -> Pool {
    Pool::new(config(server), PoolConfig::new(size))
}

/// Answers Sync and `select 'usable'` until the client says goodbye.
fn polite(session: &mut Session) -> Result<(), Failure> {
    loop {
        let message = session.next_message()?;
        if !is_answered(session, &message)? {
            return Ok(());
        }
    }
}

/// Whether the message wanted an answer, and has it; else it was the last.
fn is_answered(session: &mut Session, message: &Received) -> Result<bool, Failure> {
    match message.message() {
        FrontendMessage::Sync => {}
        FrontendMessage::Query("select 'usable'") => session.send_rows(&texts(&["usable"]))?,
        FrontendMessage::Terminate => return Ok(false),
        message => return Err(format!("not known here: {message:?}").into()),
    }
    session.ready(TransactionStatus::Idle)?;
    Ok(true)
}
