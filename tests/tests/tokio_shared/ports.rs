//! Others on the daemon's ports.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use hyperwire_tokio::core::control::{BASE_PORT, PORT_SPAN, PROBE_REPLY};
use hyperwire_tokio::shared::{JoinError, SharedHyperd};

use crate::{SOON, in_time, join, leave, one_thread, run, select_one, settings_without_command, trusted};

fn silent(ports: impl IntoIterator<Item = u16>) -> Vec<TcpListener> {
    let listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("nobody else is here");
    ports.into_iter().map(listen).collect()
}

#[test]
fn sixteen_silent_ports_take_as_long_as_one() {
    run(one_thread, async |household| {
        let _silent = silent(BASE_PORT..BASE_PORT + PORT_SPAN);
        let start = Instant::now();
        let shared = SharedHyperd::join(settings_without_command(household)).expect("the path is fine");

        let outcome = in_time(shared.enter(SOON)).await;

        // Only after all ports is a daemon to be started.
        assert!(matches!(outcome, Err(JoinError::Command(_))), "{outcome:?}");
        let took = start.elapsed();
        assert!(took >= PROBE_REPLY, "nobody was waited for: {took:?}");
        assert!(took < PROBE_REPLY * u32::from(PORT_SPAN) / 2, "one after the other: {took:?}");
    });
}

#[test]
fn silent_ports_below_the_daemon_take_as_long_as_one() {
    run(one_thread, async |household| {
        let _silent = silent(BASE_PORT..BASE_PORT + 8);
        let status = household.start_our_daemon();
        assert_eq!(status["health_port"], BASE_PORT + 8);
        let start = Instant::now();
        let shared = SharedHyperd::join(settings_without_command(household)).expect("the path is fine");

        let (in_use, mut client) = in_time(shared.connect(SOON, trusted)).await.expect("it is there");

        let took = start.elapsed();
        assert!(took >= PROBE_REPLY, "nobody was waited for: {took:?}");
        assert!(took < PROBE_REPLY * 4, "one after the other: {took:?}");
        assert_eq!(select_one(&mut client).await, 1);
        leave(household, (client, in_use, shared)).await;
    });
}

#[test]
fn other_tasks_go_on_while_ports_are_silent() {
    run(one_thread, async |household| {
        let _silent = silent([BASE_PORT]);
        let shared = join(household);
        let (entered, mut longest) = (shared.enter(SOON), Duration::ZERO);
        let mut entered = Box::pin(entered);

        let in_use = loop {
            let start = Instant::now();
            let turn = tokio::time::timeout(Duration::from_millis(10), entered.as_mut()).await;
            longest = longest.max(start.elapsed());
            if let Ok(in_use) = turn {
                break in_use.expect("it starts on the next port");
            }
        };

        assert_eq!(in_use.record().health_port, BASE_PORT + 1);
        // Whoever waited in place for the port would have kept this task from running for as long.
        assert!(longest < PROBE_REPLY, "a turn took {longest:?}");
        drop(entered);
        leave(household, (in_use, shared)).await;
    });
}
