//! Which worlds are explored.

use super::{Base, Bounds, Other, Whose};

/// A world and what to call it.
pub type Named = (String, Bounds);

/// Every kind of transition. Each must be taken in some world, or the explorer has stopped testing it.
pub const KINDS: &[&str] = &[
    "a client asks for a lease",
    "a client begins to look at the daemon lock",
    "a client finds a slow port silent",
    "a client is killed",
    "a client leaves",
    "a client looks again",
    "a client looks at the daemon lock",
    "a client probes a port",
    "a client reads a report",
    "a client reads the record",
    "a client receives a line",
    "a client reports hyperd",
    "a client says hello",
    "a client says REPORT2",
    "a client says STOP-IF",
    "a client sees a pipe end",
    "a client sees its connection end",
    "a client starts a daemon",
    "a client tries the spawn lock",
    "a client waits in vain for a reply",
    "a daemon checks its files",
    "a daemon counts sessions",
    "a daemon crashes",
    "a daemon freezes",
    "a daemon listens",
    "a daemon looks for an orphan",
    "a daemon probes a port",
    "a daemon probes hyperd",
    "a daemon publishes",
    "a daemon removes the record",
    "a daemon sees hyperd end",
    "a daemon stops hyperd",
    "a daemon thaws",
    "a daemon tries the lock",
    "a daemon writes the temporary record",
    "a daemon's timer passes",
    "a listener is lost",
    "a query begins",
    "a query ends",
    "a record cannot be written",
    "a session cannot be opened",
    "a stale STOP-IF arrives",
    "a user says STOP",
    "an election runs out of time",
    "an impostor listens",
    "an older client deletes the record",
    "an older client falls back",
    "an older client finds a port released",
    "an older client finds a record stale",
    "an older client finds no record",
    "an older client probes a port",
    "an older client re-scans",
    "an older client reads the record",
    "an older client says STOP",
    "an older client takes over",
    "an older daemon binds",
    "an older daemon deletes the record",
    "an older daemon ends",
    "an older daemon publishes",
    "an older daemon's hyperd starts",
    "an orphan ends",
    "hyperd crashes",
    "hyperd does not start",
    "hyperd hangs",
    "hyperd starts",
    "the folder is deleted",
    "the record is deleted",
];

fn world(name: &str, clients: u8, set: impl FnOnce(&mut Bounds)) -> Named {
    let mut bounds = Bounds::new(clients);
    set(&mut bounds);
    (name.into(), bounds)
}

/// Small worlds, a fault or two each: every mutant is sought in these.
pub fn small() -> Vec<Named> {
    vec![
        world("2 clients", 2, |_| {}),
        world("2 clients that leave", 2, |b| b.leave = true),
        world("2 clients, 1 STOP", 2, |b| b.faults.stops = 1),
        world("2 clients, 1 crash", 2, |b| b.faults.crashes = 1),
        world("2 clients, 1 kill", 2, |b| b.faults.kills = 1),
        world("2 clients, 1 kill, 1 crash, a look at the lock takes time", 2, |b| {
            b.looks_hold = true;
            (b.faults.kills, b.faults.crashes) = (1, 1);
        }),
        world("2 clients, 1 slow port", 2, |b| b.faults.slow = 1),
        world("2 clients, 1 freeze", 2, |b| b.faults.freezes = 1),
        world("2 clients, record deleted", 2, |b| b.faults.record_deletions = 1),
        world("2 clients, disk full", 2, |b| b.faults.disk_full = 1),
        world("2 clients, hyperd crashes", 2, |b| b.faults.engine_crashes = 1),
        world("2 clients, hyperd hangs, a false report", 2, |b| {
            b.faults.engine_hangs = 1;
            b.faults.reports = 1;
        }),
        world("2 clients, hyperd does not start", 2, |b| b.faults.engine_failures = 1),
        world("2 clients, nobody busy for long", 2, |b| b.faults.idles = 1),
        world("2 clients, a stale STOP-IF", 2, |b| b.faults.stale_stops = 1),
        world("2 clients, listener lost", 2, |b| b.faults.listener_losses = 1),
        world("2 clients, folder deleted", 2, |b| b.faults.folder_deletions = 1),
        world("2 clients, lock not inherited, 1 crash", 2, |b| {
            b.inherit = false;
            b.faults.crashes = 1;
        }),
        world("2 clients, foreign base, 1 crash", 2, |b| {
            b.base = Base::Foreign;
            b.faults.crashes = 1;
        }),
        world("2 clients, mute base, 1 STOP", 2, |b| {
            b.base = Base::Mute;
            b.faults.stops = 1;
        }),
        world("1 client, 1 crash, an impostor", 1, |b| {
            b.faults.crashes = 1;
            b.faults.impostors = 1;
        }),
        world("1 client and 1 older client", 1, |b| b.legacy_clients = 1),
        world("1 client and 1 older client, 1 STOP", 1, |b| {
            b.legacy_clients = 1;
            b.faults.stops = 1;
        }),
        world("1 client and 1 older client, its daemon is up, 1 crash", 1, |b| {
            b.legacy_clients = 1;
            b.legacy_daemon = Some(1);
            b.faults.crashes = 1;
        }),
    ]
}

/// A world with another user in it, or with another state folder of the same one.
fn two(name: &str, whose: Whose, set: impl FnOnce(&mut Bounds, &mut Other)) -> Named {
    let whom = match whose {
        Whose::AnotherUser => "another user's",
        Whose::SameUser => "another folder's",
    };
    world(&name.replace("OTHER", whom), 1, |bounds| {
        let mut other = Other::new(whose);
        set(bounds, &mut other);
        bounds.other = Some(other);
    })
}

/// Two users, and two state folders of one, on the same ports.
pub fn two_folders() -> Vec<Named> {
    let mut worlds = Vec::new();
    for whose in [Whose::AnotherUser, Whose::SameUser] {
        worlds.extend([
            two("1 client, OTHER client, 1 crash", whose, |b, other| {
                (b.querying, b.ports, other.clients) = (0, 2, 1);
                b.faults.crashes = 1;
            }),
            two("1 client, OTHER older daemon on the lowest port, 1 crash", whose, |b, other| {
                other.legacy_daemon = Some(0);
                b.faults.crashes = 1;
            }),
            two("1 client, OTHER older client, 1 crash", whose, |b, other| {
                other.legacy_clients = 1;
                b.faults.crashes = 1;
            }),
            two("1 client, OTHER newer client takes over", whose, |b, other| {
                (b.takes_over, other.legacy_clients) = (true, 1);
            }),
        ]);
    }
    worlds
}

/// A client that is newer than the daemon, as it thinks, and stops it.
pub fn takeovers() -> Vec<Named> {
    vec![
        world("1 client, a newer one takes over", 1, |b| {
            (b.takes_over, b.legacy_clients) = (true, 1);
        }),
        world("1 client, a newer one takes over from an older daemon", 1, |b| {
            (b.takes_over, b.legacy_clients, b.legacy_daemon) = (true, 1, Some(0));
        }),
    ]
}

/// What every change is checked against, beyond the small worlds.
pub fn every_change() -> Vec<Named> {
    vec![
        world("3 clients, 2 crashes, 1 kill, 1 STOP, 1 slow port", 3, |b| {
            b.querying = 1;
            (b.faults.crashes, b.faults.kills, b.faults.stops, b.faults.slow) = (2, 1, 1, 1);
        }),
        world("2 clients and 1 older client", 2, |b| {
            b.legacy_clients = 1;
            b.querying = 1;
        }),
    ]
}

/// What is explored with and without reductions.
pub fn both_ways() -> Vec<Named> {
    vec![
        world("2 clients, 1 STOP", 2, |b| b.faults.stops = 1),
        world("2 clients, 1 crash", 2, |b| b.faults.crashes = 1),
        world("2 clients, 1 kill, 1 slow port", 2, |b| {
            b.querying = 1;
            (b.faults.kills, b.faults.slow) = (1, 1);
        }),
        world("1 client, 2 crashes, 1 kill, 1 STOP, 1 slow port", 1, |b| {
            (b.faults.crashes, b.faults.kills, b.faults.stops, b.faults.slow) = (2, 1, 1, 1);
        }),
        world("1 client that leaves, 1 freeze, hyperd crashes", 1, |b| {
            b.leave = true;
            (b.faults.freezes, b.faults.engine_crashes) = (1, 1);
        }),
    ]
}

/// What is checked at night.
pub fn nightly() -> Vec<Named> {
    vec![
        world("1 client, a newer one takes over, 1 crash", 1, |b| {
            (b.takes_over, b.legacy_clients) = (true, 1);
            b.faults.crashes = 1;
        }),
        world("2 clients, a newer one takes over", 2, |b| {
            (b.takes_over, b.legacy_clients, b.querying) = (true, 1, 1);
        }),
        world("2 clients, every step on its own, 1 crash, 1 STOP", 2, |b| {
            b.fine = true;
            (b.faults.crashes, b.faults.stops) = (1, 1);
        }),
        world("3 clients, one of: crash, kill, STOP, slow port, nothing left out", 3, |b| {
            (b.fine, b.distinct) = (true, true);
            b.querying = 1;
            (b.faults.crashes, b.faults.kills, b.faults.stops, b.faults.slow) = (1, 1, 1, 1);
            b.faults.together = 1;
        }),
        world("4 clients, two of: 2 crashes, 1 kill, 1 STOP, 1 slow port", 4, |b| {
            b.querying = 1;
            (b.faults.crashes, b.faults.kills, b.faults.stops, b.faults.slow) = (2, 1, 1, 1);
            b.faults.together = 2;
        }),
    ]
}

/// The superseded design, alone.
pub fn superseded(clients: u8) -> Named {
    world(&format!("{clients} older clients"), 0, |b| b.legacy_clients = clients)
}
