//! One round, from the start of its clients to the check of what is left.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_tests::fake_engine::{
    Entry, Event, FAILING_STARTS, JOURNAL, Journal, Outcome as End, QUERY_DELAY_MS, START_DELAY_MS,
    monotonic_nanoseconds,
};
use rustix::process::Signal;

use crate::checker::check_engines;
use crate::clients::{Barrier, Clients, Ending, Report, check_client, statement};
use crate::ground::{Ground, TinyDisk};
use crate::leftovers::{check_status, command, drain, holds_within};
use crate::place::Place;
use crate::plan::{Fault, Plan};
use crate::processes::{self, Process};
use crate::random::Random;
use crate::violation::Violation;
use crate::watcher::Watcher;

/// How long a fault waits for somebody to happen to.
const VICTIM_BOUND: Duration = Duration::from_secs(2);
/// What is left of a daemon is gone this soon after it; a drained engine takes 50 ms.
const SETTLING: Duration = Duration::from_secs(15);
/// A daemon looks after its folder every 2 s, or every 30 s when it is old.
const LOST_FOLDER: Duration = Duration::from_secs(45);

/// What a round came to.
pub(crate) struct Outcome {
    pub(crate) plan: Plan,
    pub(crate) violations: Vec<Violation>,
    /// Faults that happened to somebody.
    pub(crate) struck: Vec<Fault>,
    pub(crate) reports: Vec<Report>,
    pub(crate) took: Duration,
    /// The folders, if something was wrong.
    pub(crate) kept: Option<PathBuf>,
    journal: Vec<Entry>,
}

/// Plays a plan. `random` chooses victims.
pub(crate) fn play(plan: Plan, ground: Ground, mut random: Random, engine: &Path) -> Outcome {
    let began = Instant::now();
    let mut place = place(&plan, ground, engine);
    let state = place.state();
    let disk = plan.has(Fault::FillDisk).then(|| TinyDisk::mount(&state));
    let journal = Journal::open(&place.journal()).expect("a new file");
    let arguments: Vec<Vec<String>> =
        plan.holds.iter().enumerate().map(|(client, hold)| sql(client, *hold)).collect();
    let watcher = Watcher::start(&state, ground.port);

    let barrier = Barrier::raise(&place, &arguments).expect("the system has room for the clients");
    let mut scene = Scene {
        place: &place,
        journal: &journal,
        clients: barrier.fall(),
        random: &mut random,
        struck: Vec::new(),
        folder_deleted: None,
        violations: Vec::new(),
    };
    scene.happen(&plan.faults);
    let Scene { clients, struck, folder_deleted, mut violations, .. } = scene;
    let reports = clients.wait(&place);
    if disk.is_some() {
        TinyDisk::free(&state);
    }

    let allowance = plan.allowance();
    // Whatever happened, the next call is served.
    let last = sql(plan.holds.len(), Duration::ZERO);
    let last: Vec<_> = last.iter().map(String::as_str).collect();
    match command(&place, &last, 0) {
        Ok(_) => violations.extend(check_status(&place, living_engine(&place))),
        Err(violation) => violations.push(violation),
    }
    let patience = if folder_deleted.is_some() { LOST_FOLDER } else { SETTLING };
    violations.extend(drain(&place, ground.port, allowance.record_left, patience));
    let seen = watcher.finish();
    violations.extend(seen.into_iter().filter(|_| !allowance.beside_a_deleted_folder));

    let alive: Vec<_> = processes::engines(&processes::of(&state)).map(|engine| engine.pid).collect();
    let journal = Journal::read(&place.journal()).expect("a journal that only engines and this test write");
    violations.extend(check_engines(&journal, &allowance, &alive, folder_deleted));
    violations.extend(reports.iter().filter_map(|report| check_client(report, &journal, &allowance)));
    // What survived is reported, and must not disturb the next round.
    place.clear();
    drop(disk);
    let kept = (!violations.is_empty()).then(|| place.keep());
    Outcome { plan, violations, struck, reports, took: began.elapsed(), kept, journal }
}

fn place(plan: &Plan, ground: Ground, engine: &Path) -> Place {
    let milliseconds = |duration: Duration| duration.as_millis().to_string();
    // The journal's path is that of the place; it is known only when there is one.
    let more = [
        (START_DELAY_MS, milliseconds(plan.engine.start_delay)),
        (QUERY_DELAY_MS, milliseconds(plan.engine.query_delay)),
        (FAILING_STARTS, plan.engine.failing_starts.to_string()),
    ];
    let mut place = Place::new(engine, ground.port, &more);
    let journal = place.journal().into_os_string();
    place.tell(JOURNAL, journal);
    place
}

fn sql(client: usize, hold: Duration) -> Vec<String> {
    ["sql", "--format", "jsonl", &statement(client, hold)].map(str::to_owned).to_vec()
}

fn living_engine(place: &Place) -> Option<u32> {
    let processes = processes::of(&place.state());
    let mut engines = processes::engines(&processes).map(|engine| engine.pid);
    // Beside the engine of a deleted folder nobody can tell from outside which is meant.
    engines.next().filter(|_| engines.next().is_none())
}

/// While faults happen.
struct Scene<'s> {
    place: &'s Place,
    journal: &'s Journal,
    clients: Clients,
    random: &'s mut Random,
    struck: Vec<Fault>,
    folder_deleted: Option<u64>,
    violations: Vec<Violation>,
}

impl Scene<'_> {
    fn happen(&mut self, faults: &[(Duration, Fault)]) {
        let began = Instant::now();
        let mut paused: Vec<(Instant, Process)> = Vec::new();
        for (at, fault) in faults {
            wake(&mut paused, Some(began + *at), &self.place.state());
            thread::sleep((began + *at).saturating_duration_since(Instant::now()));
            if self.strike(*fault, &mut paused) {
                self.struck.push(*fault);
            }
        }
        wake(&mut paused, None, &self.place.state());
    }

    /// Whether it happened to somebody.
    fn strike(&mut self, fault: Fault, paused: &mut Vec<(Instant, Process)>) -> bool {
        let state = self.place.state();
        match fault {
            Fault::KillDaemon | Fault::KillEngine | Fault::KillClient => {
                let Some(victim) = self.victim(fault) else { return false };
                match fault {
                    Fault::KillClient => self.clients.kill(victim.pid, self.journal),
                    _ => victim.kill(self.journal),
                }
            }
            Fault::PauseDaemon(time) | Fault::PauseEngine(time) | Fault::PauseClient(time) => {
                let Some(victim) = self.victim(fault) else { return false };
                let stopped = victim.signal(Signal::STOP, &state);
                paused.push((Instant::now() + time, victim));
                stopped
            }
            // With nobody there it says so with exit code 3; that is no fault.
            Fault::Stop => {
                self.victim(fault).is_some() && command(self.place, &["daemon", "stop"], 0).is_ok()
            }
            Fault::StopNow => self.stop_now(),
            Fault::FillDisk => {
                TinyDisk::fill(&state);
                true
            }
            Fault::DeleteFolder => {
                self.folder_deleted = Some(monotonic_nanoseconds());
                // Somebody may make new files in it meanwhile.
                holds_within(VICTIM_BOUND, || fs::remove_dir_all(&state).is_ok() || !state.exists())
            }
            Fault::GarbageRecord => fs::write(state.join("daemon.json"), GARBAGE).is_ok(),
        }
    }

    fn stop_now(&mut self) -> bool {
        if self.victim(Fault::StopNow).is_none() {
            return false;
        }
        let at = monotonic_nanoseconds();
        for daemon in processes::daemons(&processes::of(&self.place.state())) {
            let entry = Entry { at, pid: daemon.pid, event: Event::Forced };
            self.journal.write_entry(&entry).expect("the journal is on a disk with room");
        }
        command(self.place, &["daemon", "stop", "--now"], 0).is_ok()
    }

    /// Somebody whom this fault can happen to; waits a little for one to be there.
    fn victim(&mut self, fault: Fault) -> Option<Process> {
        let mut found = None;
        holds_within(VICTIM_BOUND, || {
            let all = processes::of(&self.place.state());
            let clients = self.clients.alive();
            let candidates: Vec<_> = match fault {
                Fault::KillEngine | Fault::PauseEngine(_) => processes::engines(&all).cloned().collect(),
                Fault::KillClient | Fault::PauseClient(_) => {
                    all.into_iter().filter(|process| clients.contains(&process.pid)).collect()
                }
                _ => processes::daemons(&all).filter(|daemon| daemon.holds_the_lock()).cloned().collect(),
            };
            found = self.random.pick(&candidates).cloned();
            // Clients only become fewer.
            found.is_some()
                || (matches!(fault, Fault::KillClient | Fault::PauseClient(_)) && clients.is_empty())
        });
        found
    }
}

/// Lets go on whose time comes before `until`, each at its time; all of them without it.
fn wake(paused: &mut Vec<(Instant, Process)>, until: Option<Instant>, state: &Path) {
    paused.sort_by_key(|(at, _)| *at);
    while let Some((at, _)) = paused.first()
        && until.is_none_or(|until| *at <= until)
    {
        let (at, process) = paused.remove(0);
        thread::sleep(at.saturating_duration_since(Instant::now()));
        // It may have been killed meanwhile.
        process.signal(Signal::CONT, state);
    }
}

const GARBAGE: &[u8] = b"{\"pid\": 1, \"health_port\": \xff\0 not a record";

impl Outcome {
    /// Everything that one needs to see what went wrong.
    pub(crate) fn transcript(&self) -> String {
        let mut text = format!("round {} took {:?}\n  plan: {:?}\n", self.plan.round, self.took, self.plan);
        let _ = writeln!(text, "  happened: {:?}", self.struck);
        for violation in &self.violations {
            let _ = writeln!(text, "  WRONG: {violation}");
        }
        for report in &self.reports {
            let words = report.words.trim();
            if report.ending != Ending::Code(0) {
                let _ = writeln!(
                    text,
                    "  client {} {:?} killed {}: {words}",
                    report.client, report.ending, report.killed
                );
            }
        }
        let _ = writeln!(text, "  the journal, without sessions and statements that went well:");
        let first = self.journal.first().map_or(0, |entry| entry.at);
        let telling = self.journal.iter().filter(|entry| {
            !matches!(
                entry.event,
                Event::SessionBegin { .. }
                    | Event::SessionEnd { .. }
                    | Event::QueryBegin { .. }
                    | Event::QueryEnd { outcome: End::Answered, .. }
            )
        });
        for entry in telling {
            let _ = writeln!(
                text,
                "    {:>9.3} ms {} {}",
                (entry.at - first) as f64 / 1e6,
                entry.pid,
                entry.event
            );
        }
        if let Some(kept) = &self.kept {
            let _ = writeln!(text, "  its folders are kept in {}", kept.display());
        }
        text
    }
}
