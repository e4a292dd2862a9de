//! Transactions, databases and what is kept of them, against the real hyperd.
#![cfg(target_os = "linux")]

use std::time::Duration;

use hyperwire_blocking::hyperwire_core::sql::Identifier;
use hyperwire_blocking::hyperwire_core::wire::TransactionStatus;
use hyperwire_blocking::{Client, Error};
use hyperwire_tests::real_hyperd::{RealHyperd, assert_usable, sqlstate, value};

fn with_table(hyperd: &RealHyperd) -> (String, Client) {
    let database = hyperd.create_database("test.hyper");
    let mut client = hyperd.connect_to(&database);
    client.execute("CREATE TABLE t (a int)").unwrap();
    (database, client)
}

fn count(client: &mut Client) -> i64 {
    value(client, "SELECT count(*) FROM t")
}

#[test]
fn a_commit_makes_rows_visible_to_others() {
    let hyperd = RealHyperd::start();
    let (database, mut client) = with_table(&hyperd);
    let mut other = hyperd.connect_to(&database);

    let mut transaction = client.transaction().unwrap();
    assert_eq!(transaction.transaction_status(), TransactionStatus::InTransaction);
    transaction.execute("INSERT INTO t VALUES (1), (2)").unwrap();
    assert_eq!((count(&mut transaction), count(&mut other)), (2, 0));
    transaction.commit().unwrap();

    assert_eq!((count(&mut client), count(&mut other)), (2, 2));
    assert_usable(&mut client);
}

#[test]
fn a_rollback_undoes_rows() {
    let hyperd = RealHyperd::start();
    let (_, mut client) = with_table(&hyperd);
    client.execute("INSERT INTO t VALUES (1), (2)").unwrap();

    let mut transaction = client.transaction().unwrap();
    transaction.batch(["DELETE FROM t WHERE a = 1", "UPDATE t SET a = 7", "TRUNCATE TABLE t"]).unwrap();
    assert_eq!(count(&mut transaction), 0);
    transaction.rollback().unwrap();

    assert_eq!(value::<i64>(&mut client, "SELECT sum(a)::bigint FROM t"), 3);
    assert_usable(&mut client);
}

#[test]
fn a_dropped_transaction_is_rolled_back() {
    let hyperd = RealHyperd::start();
    let (_, mut client) = with_table(&hyperd);

    let mut transaction = client.transaction().unwrap();
    transaction.execute("INSERT INTO t VALUES (1)").unwrap();
    drop(transaction);

    assert_eq!(count(&mut client), 0);
    assert_usable(&mut client);
}

#[test]
fn a_transaction_dropped_with_its_result_half_read_is_rolled_back() {
    let hyperd = RealHyperd::start();
    let (_, mut client) = with_table(&hyperd);

    let mut transaction = client.transaction().unwrap();
    transaction.execute("INSERT INTO t VALUES (1)").unwrap();
    let mut rows = transaction.query("SELECT i FROM generate_series(1, 5000000) s(i)").unwrap();
    rows.next().unwrap().unwrap();
    drop(rows);
    drop(transaction);

    assert_eq!(count(&mut client), 0);
    assert_usable(&mut client);
}

#[test]
fn a_client_dropped_in_a_transaction_leaves_nothing() {
    let hyperd = RealHyperd::start();
    let (database, mut client) = with_table(&hyperd);
    let mut other = hyperd.connect_to(&database);

    client.batch(["BEGIN", "INSERT INTO t VALUES (1)"]).unwrap();
    drop(client);

    assert_eq!(count(&mut other), 0);
    other.execute("INSERT INTO t VALUES (2)").unwrap();
    assert_eq!(count(&mut other), 1);
}

#[test]
fn a_failed_transaction_takes_nothing_but_its_end_and_commit_says_that_it_was_rolled_back() {
    let hyperd = RealHyperd::start();
    let (_, mut client) = with_table(&hyperd);

    let mut transaction = client.transaction().unwrap();
    transaction.execute("INSERT INTO t VALUES (1)").unwrap();
    assert_eq!(sqlstate(&transaction.execute("SELECT 1 / 0").unwrap_err()), "22012");
    assert_eq!(transaction.transaction_status(), TransactionStatus::Failed);
    assert_eq!(sqlstate(&transaction.execute("SELECT 1").unwrap_err()), "25P02");
    let error = transaction.commit().unwrap_err();

    assert!(matches!(error, Error::RolledBack), "{error:?}");
    assert!(!error.is_session_lost());
    assert_eq!(count(&mut client), 0);
    assert_usable(&mut client);
}

#[test]
fn a_transaction_within_another_is_refused() {
    let hyperd = RealHyperd::start();
    let mut client = hyperd.connect();

    let mut transaction = client.transaction().unwrap();
    let error = transaction.transaction().unwrap_err();

    assert!(matches!(error, Error::InTransaction), "{error:?}");
    transaction.commit().unwrap();
    assert_usable(&mut client);
}

#[test]
fn a_commit_that_conflicts_says_so() {
    let hyperd = RealHyperd::start();
    let (database, mut client) = with_table(&hyperd);
    client.execute("INSERT INTO t VALUES (1)").unwrap();
    let mut other = hyperd.connect_to(&database);

    let mut transaction = client.transaction().unwrap();
    transaction.execute("UPDATE t SET a = 2").unwrap();
    let error = other.execute("UPDATE t SET a = 3").unwrap_err();
    transaction.commit().unwrap();

    assert_eq!(sqlstate(&error), "40001");
    assert_eq!(value::<i32>(&mut other, "SELECT a FROM t"), 2);
}

/// As [`hyperwire_blocking::Transaction`] documents it.
#[test]
fn structure_survives_a_rollback() {
    let hyperd = RealHyperd::start();
    let (database, mut client) = with_table(&hyperd);
    let mut other = hyperd.connect_to(&database);

    let mut transaction = client.transaction().unwrap();
    transaction.execute("CREATE TABLE u (b int)").unwrap();
    assert_eq!(value::<i64>(&mut other, "SELECT count(*) FROM u"), 0, "others see it before the commit");
    transaction.rollback().unwrap();

    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM u"), 0);
}

#[test]
fn two_clients_share_a_database() {
    let hyperd = RealHyperd::start();
    let (database, mut one) = with_table(&hyperd);
    let mut two = hyperd.connect_to(&database);

    for i in 0..20 {
        one.execute_params("INSERT INTO t VALUES ($1)", &[&i]).unwrap();
        assert_eq!(count(&mut two), i64::from(i) + 1);
    }
    two.execute("DELETE FROM t").unwrap();

    assert_eq!(count(&mut one), 0);
}

#[test]
fn two_threads_use_two_clients_at_once() {
    let hyperd = RealHyperd::start();
    let (database, mut client) = with_table(&hyperd);

    std::thread::scope(|scope| {
        for part in 0..4 {
            let mut client = hyperd.connect_to(&database);
            scope.spawn(move || {
                for i in 0..50 {
                    client.execute_params("INSERT INTO t VALUES ($1)", &[&(part * 50 + i)]).unwrap();
                }
            });
        }
    });

    assert_eq!(value::<i64>(&mut client, "SELECT count(distinct a) FROM t"), 200);
}

/// hyperd closes the connection before it has written the file: what waits for that alone fails here most of the time.
#[test]
fn what_was_committed_is_in_the_file_when_close_returns() {
    for _ in 0..5 {
        let mut hyperd = RealHyperd::start();
        let (database, mut client) = with_table(&hyperd);

        client.execute("INSERT INTO t SELECT i FROM generate_series(1, 100000) s(i)").unwrap();
        client.execute("BEGIN").unwrap();
        client.execute("DELETE FROM t").unwrap();
        client.close().unwrap();
        hyperd.kill();

        let another = RealHyperd::start();
        assert_eq!(count(&mut another.connect_to(&database)), 100_000);
    }
}

#[test]
fn closing_is_fine_without_a_database_and_with_one_that_was_detached() {
    let hyperd = RealHyperd::start();
    let database = hyperd.create_database("a \"quoted\" name.hyper");
    let mut client = hyperd.connect_to(&database);

    client.execute(&format!("DETACH DATABASE {}", Identifier(&database))).unwrap();

    client.close().unwrap();
    hyperd.connect_to(&database).close().unwrap();
    hyperd.connect().close().unwrap();
}

#[test]
fn closing_says_that_the_database_could_not_be_written() {
    let mut hyperd = RealHyperd::start();
    let (_, client) = with_table(&hyperd);

    hyperd.kill();
    let error = client.close().unwrap_err();

    assert!(error.is_session_lost(), "{error:?}");
}

/// As [`hyperwire_blocking::Transaction`] documents it: a commit alone is not on disk.
#[test]
fn what_was_committed_is_lost_when_hyperd_is_killed_before_anybody_closed_the_database() {
    let mut hyperd = RealHyperd::start();
    let (database, client) = with_table(&hyperd);
    client.close().unwrap();
    let mut client = hyperd.connect_to(&database);

    let mut transaction = client.transaction().unwrap();
    transaction.execute("INSERT INTO t VALUES (1)").unwrap();
    transaction.commit().unwrap();
    hyperd.kill();

    let another = RealHyperd::start();
    assert_eq!(count(&mut another.connect_to(&database)), 0);
}

#[test]
fn a_database_that_another_hyperd_has_open_is_refused_at_once() {
    let hyperd = RealHyperd::start();
    let (database, client) = with_table(&hyperd);
    let another = RealHyperd::start();

    let error = Client::connect(another.config().database(&database)).unwrap_err();
    assert_eq!(sqlstate(&error), "55006");
    client.close().unwrap();

    assert_eq!(count(&mut another.connect_to(&database)), 0, "closed here, open there");
}

#[test]
fn a_ping_shows_that_the_server_answers_and_changes_nothing() {
    let hyperd = RealHyperd::start();
    let (_, mut client) = with_table(&hyperd);

    let mut transaction = client.transaction().unwrap();
    transaction.execute("INSERT INTO t VALUES (1)").unwrap();
    for _ in 0..100 {
        transaction.ping(Duration::from_secs(30)).unwrap();
    }
    assert_eq!(transaction.transaction_status(), TransactionStatus::InTransaction);
    transaction.commit().unwrap();

    assert_eq!(count(&mut client), 1);
}
