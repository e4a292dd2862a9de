//! What the journal of a round proves.

use std::time::Duration;

use hyperwire_tests::fake_engine::{Entry, Event, Outcome};

use crate::plan::Allowance;
use crate::violation::Violation;

/// One run of an engine, as the journal has it.
#[derive(Debug)]
struct Engine<'e> {
    pid: u32,
    daemon: u32,
    start: u64,
    /// Its exit, or the moment before it was killed; `None` when neither was written down.
    end: Option<u64>,
    entries: Vec<&'e Entry>,
}

/// Everything that is wrong with the engines of a round. `alive` are the engines that still run; `folder_deleted` is
/// the moment before the state folder was deleted, if it was.
pub(crate) fn check_engines(
    journal: &[Entry],
    allowance: &Allowance,
    alive: &[u32],
    folder_deleted: Option<u64>,
) -> Vec<Violation> {
    let engines = engines(journal);
    let mut violations = overlaps(&engines, allowance, folder_deleted);
    for engine in &engines {
        if engine.end.is_none() && !alive.contains(&engine.pid) {
            violations.push(Violation::EngineVanished { engine: engine.pid });
        }
        violations.extend(lost_queries(engine, journal, alive));
    }
    if engines.len() > allowance.engines {
        violations.push(Violation::TooManyEngines { started: engines.len(), allowed: allowance.engines });
    }
    violations
}

/// Whether an engine answered a statement that contains these words.
pub(crate) fn was_answered(journal: &[Entry], words: &str) -> bool {
    engines(journal).iter().any(|engine| {
        queries(engine).any(|(statement, end)| {
            statement.contains(words) && end.is_some_and(|end| end.1 == Outcome::Answered)
        })
    })
}

fn engines(journal: &[Entry]) -> Vec<Engine<'_>> {
    let starts = journal.iter().enumerate().filter_map(|(at, entry)| match entry.event {
        Event::Start { parent } => Some((at, entry, parent)),
        _ => None,
    });
    starts
        .map(|(at, start, daemon)| {
            let of_it = |entry: &&Entry| entry.pid == start.pid;
            let next_life = |entry: &&Entry| !matches!(entry.event, Event::Start { .. });
            let later = journal[at + 1..].iter().filter(of_it).take_while(next_life);
            let entries: Vec<_> = later.collect();
            let is_end = |entry: &&&Entry| matches!(entry.event, Event::Exit { .. } | Event::Killed);
            // One that was killed as it started was killed a moment before its first line.
            let killed_before = || {
                let killed = |entry: &&Entry| entry.event == Event::Killed;
                journal[..at].iter().filter(of_it).rfind(killed).filter(|_| entries.is_empty())
            };
            let end = entries.iter().find(is_end).copied().or_else(killed_before);
            let end = end.map(|entry| entry.at.max(start.at));
            Engine { pid: start.pid, daemon, start: start.at, end, entries }
        })
        .collect()
}

fn overlaps(engines: &[Engine<'_>], allowance: &Allowance, folder_deleted: Option<u64>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (at, first) in engines.iter().enumerate() {
        let end = first.end.unwrap_or(u64::MAX);
        for second in engines[at + 1..].iter().filter(|second| second.start < end) {
            let between = |moment: u64| first.start <= moment && moment <= second.start;
            if allowance.beside_a_deleted_folder && folder_deleted.is_some_and(between) {
                continue;
            }
            let overlap = Duration::from_nanos(end.saturating_sub(second.start));
            violations.push(Violation::TwoEngines { first: first.pid, second: second.pid, overlap });
        }
    }
    violations
}

/// The statements of an engine, each with when and how it ended.
fn queries<'a>(engine: &'a Engine<'_>) -> impl Iterator<Item = (&'a str, Option<(u64, Outcome)>)> {
    engine.entries.iter().enumerate().filter_map(|(at, entry)| {
        let Event::QueryBegin { session: of, statement } = &entry.event else { return None };
        let end = engine.entries[at + 1..].iter().find_map(|entry| match entry.event {
            Event::QueryEnd { session, outcome } if session == *of => Some((entry.at, outcome)),
            _ => None,
        });
        Some((statement.as_str(), end))
    })
}

fn lost_queries(engine: &Engine<'_>, journal: &[Entry], alive: &[u32]) -> Vec<Violation> {
    let ended_by_plan = |before: u64| {
        journal.iter().any(|entry| {
            let theirs = entry.pid == engine.pid || entry.pid == engine.daemon;
            theirs && entry.at <= before && matches!(entry.event, Event::Killed | Event::Forced)
        })
    };
    let is_lost = |end: Option<(u64, Outcome)>| match end {
        Some((at, Outcome::BrokenOff)) => !ended_by_plan(at),
        Some(_) => false,
        None => !alive.contains(&engine.pid) && !ended_by_plan(engine.end.unwrap_or(u64::MAX)),
    };
    let lost = queries(engine).filter(|(_, end)| is_lost(*end));
    lost.map(|(statement, _)| Violation::QueryLost { engine: engine.pid, statement: statement.to_owned() })
        .collect()
}
