//! Others on the daemon's ports.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use hyperwire_tokio::hyperwire_core::control::{BASE_PORT, PROBE_REPLY};

use crate::{SOON, join, leave, one_thread, run};

#[test]
fn other_tasks_go_on_while_ports_are_silent() {
    run(one_thread, async |household| {
        let _silent = TcpListener::bind((Ipv4Addr::LOCALHOST, BASE_PORT)).expect("nobody else is here");
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
