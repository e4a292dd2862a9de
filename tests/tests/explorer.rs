//! Every interleaving, within bounds that are cheap enough for every change.

use hyperwire_tests::explorer::{Base, Bounds, Limits, Report, Town, explore};

fn run(name: &str, bounds: Bounds) -> Report {
    let report = explore(&Town { bounds }, Limits { states: 20_000_000, all: false });
    println!(
        "{name}: {} states, {} transitions, {} at rest, longest run {:?}, {:.1} s",
        report.states,
        report.transitions,
        report.rest,
        report.longest,
        report.time.as_secs_f64()
    );
    if let Some(counterexample) = &report.counterexample {
        println!("{counterexample}");
    }
    report
}

#[test]
fn two_clients_without_faults() {
    let report = run("2 clients", Bounds::new(2));
    println!("{:#?}", report.census);
    assert!(report.counterexample.is_none() && report.longest.is_some());
}

#[test]
fn probe_configs() {
    let mut bounds = Bounds::new(2);
    (bounds.faults.crashes, bounds.faults.kills, bounds.faults.stops, bounds.faults.slow) = (2, 1, 1, 1);
    run("2 clients, c2 k1 s1 slow1", bounds.clone());
    let mut b = Bounds::new(2);
    b.faults.freezes = 1;
    run("2, freeze", b);
    let mut b = Bounds::new(2);
    b.faults.record_deletions = 1;
    run("2, record deleted", b);
    let mut b = Bounds::new(2);
    b.faults.folder_deletions = 1;
    run("2, folder deleted", b);
    let mut b = Bounds::new(2);
    b.faults.disk_full = 1;
    run("2, disk full", b);
    let mut b = Bounds::new(2);
    b.faults.engine_crashes = 1;
    run("2, engine crash", b);
    let mut b = Bounds::new(2);
    b.faults.engine_hangs = 1;
    b.faults.reports = 1;
    run("2, engine hangs, report", b);
    let mut b = Bounds::new(2);
    b.faults.engine_failures = 1;
    run("2, engine failures", b);
    let mut b = Bounds::new(2);
    b.faults.idles = 1;
    run("2, idle", b);
    let mut b = Bounds::new(2);
    b.faults.stale_stops = 1;
    run("2, stale stop", b);
    let mut b = Bounds::new(2);
    b.faults.impostors = 1;
    b.faults.crashes = 1;
    run("2, impostor", b);
    let mut b = Bounds::new(2);
    b.faults.listener_losses = 1;
    run("2, listener loss", b);
    let mut b = Bounds::new(2);
    b.inherit = false;
    b.faults.crashes = 1;
    run("2, no inherit", b);
    let mut b = Bounds::new(2);
    b.leave = true;
    run("2, leave", b);
    for base in [Base::Foreign, Base::Mute] {
        let mut b = Bounds::new(2);
        b.base = base;
        b.faults.crashes = 1;
        run("2, base taken, crash", b);
    }
    for ours in [1, 2] {
        let mut b = Bounds::new(ours);
        b.legacy_clients = 1;
        run("mixed ours+1", b);
    }
    let mut b = Bounds::new(2);
    b.legacy_daemon = Some(0);
    b.legacy_clients = 1;
    run("mixed 2+1, legacy up", b);
    for count in [1, 2] {
        let mut b = Bounds::new(0);
        b.legacy_clients = count;
        run("baseline", b);
    }
    if std::env::var("BIG").is_ok() {
        bounds.clients = 3;
        run("3 clients, c2 k1 s1 slow1", bounds.clone());
    }
}
