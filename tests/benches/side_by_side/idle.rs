//! What an idle daemon costs.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_tests::hyperdb_mcp::{Household, Process, Role, Usage};

use crate::Options;
use crate::contender::Contender;

/// Watches both at the same time and prints what it saw.
pub(crate) fn compare(options: &Options) {
    // Whatever is fetched or built is there before the two want it.
    if Household::run_or_skip(|_| ()).is_none() {
        return;
    }
    let together = Arc::new(Barrier::new(Contender::ALL.len()));
    let watching = Contender::ALL.map(|contender| {
        let (options, together) = (options.clone(), Arc::clone(&together));
        thread::spawn(move || watch(contender, options, together))
    });
    println!("Idle for {} s with nobody connected, a minute\n", options.idle);
    println!("| process | context switches | CPU, ms | RSS, MiB | of it anonymous |\n|---|---|---|---|---|");
    // Both have cleaned up behind themselves before this process may end.
    let outcomes = watching.map(thread::JoinHandle::join);
    for lines in outcomes {
        let lines = lines.expect("it has said why it panicked");
        lines.into_iter().flatten().for_each(|line| println!("{line}"));
    }
}

fn watch(contender: Contender, options: Options, together: Arc<Barrier>) -> Option<Vec<String>> {
    Household::run_or_skip(move |household| {
        let served = contender.first_answer(household, Duration::from_secs(options.limit));
        thread::sleep(Duration::from_secs(options.settle));
        together.wait();
        if let Err(failure) = served {
            household.start_afresh();
            return vec![format!("| {} | {failure} | | | |", contender.name())];
        }
        let there = household.processes();
        let find = |role| there.iter().find(|process| process.role == role);
        let (Some(daemon), Some(engine)) = (find(Role::Daemon), find(Role::Engine)) else {
            household.start_afresh();
            return vec![format!("| {} | no daemon stays | | | |", contender.name())];
        };
        let processes = [(daemon, "daemon"), (engine, "its hyperd")];
        let usage = |process: &Process| process.usage().expect("an idle daemon goes on");
        let begun = Instant::now();
        let before = processes.map(|(process, _)| usage(process));
        thread::sleep(Duration::from_secs(options.idle));
        let minutes = begun.elapsed().as_secs_f64() / 60.0;
        let lines = processes.iter().zip(before).map(|((process, name), before)| {
            line(&format!("{}, {name}", contender.name()), before, usage(process), minutes)
        });
        let lines = lines.collect();
        household.start_afresh();
        lines
    })
}

fn line(name: &str, before: Usage, after: Usage, minutes: f64) -> String {
    let switches = (after.context_switches - before.context_switches) as f64 / minutes;
    let processor_ms = (after.processor_time - before.processor_time).as_secs_f64() * 1e3 / minutes;
    let (resident, anonymous) = after.resident_kib;
    let mib = |kib: u64| kib as f64 / 1024.0;
    format!("| {name} | {switches:.0} | {processor_ms:.0} | {:.1} | {:.1} |", mib(resident), mib(anonymous))
}
