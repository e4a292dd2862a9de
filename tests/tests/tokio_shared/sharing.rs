//! Connecting to what is shared, and creating a database on it.

use hyperwire_tests::household::Role;
use hyperwire_tokio::Client;

use crate::{SOON, in_time, join, leave, one_thread, run, select_one, trusted};

#[test]
fn a_hyperd_that_is_reported_dead_is_had_anew() {
    run(one_thread, async |household| {
        let shared = join(household);
        let in_use = in_time(shared.enter(SOON)).await.expect("a daemon starts");
        let engine = household.processes_as(Role::Engine).first().expect("its hyperd").pid;
        let pid = rustix::process::Pid::from_raw(engine.cast_signed()).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is ours");
        in_use.report("killed by this test");
        drop(in_use);

        let (in_use, mut client) = in_time(shared.connect(SOON, trusted)).await.expect("there is another");

        assert_eq!(select_one(&mut client).await, 1);
        leave(household, (client, in_use, shared)).await;
    });
}

#[test]
fn a_database_is_created_once_by_many_also_by_those_who_do_not_wait() {
    run(one_thread, async |household| {
        let shared = join(household);
        let in_use = in_time(shared.enter(SOON)).await.expect("a daemon starts");
        let file = household.state_folder().with_file_name("many.hyper");
        let file = file.to_str().expect("UTF-8").to_owned();
        let in_use = std::sync::Arc::new(in_use);

        let creating: Vec<_> = (0..8)
            .map(|number| {
                let (in_use, file) = (in_use.clone(), file.clone());
                tokio::spawn(async move {
                    let created = in_use.create_database(&file, SOON);
                    if number % 2 == 0 {
                        let _ = tokio::time::timeout(std::time::Duration::ZERO, created).await;
                        return;
                    }
                    created.await.expect("each of them");
                    let config = trusted(in_use.endpoint().expect("an endpoint")).database(&file);
                    let client = Client::connect(config).await.expect("it is there");
                    client.close().await.expect("in order");
                })
            })
            .collect();
        for created in creating {
            in_time(created).await.expect("no panic");
        }

        leave(household, (in_use, shared)).await;
    });
}
