//! How soon the first answer comes.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use hyperwire_tests::hyperdb_mcp::Household;

use crate::Options;
use crate::contender::Contender;

/// What happened to so many clients of one contender, over all rounds.
struct Row {
    contender: Contender,
    clients: usize,
    cold: Starts,
    warm: Starts,
}

#[derive(Default)]
struct Starts {
    /// Of each client that was served.
    took: Vec<Duration>,
    /// Of the slowest client of each round with one that was served.
    slowest: Vec<Duration>,
    /// Why clients were not served.
    failures: Vec<String>,
}

/// Measures and prints.
pub(crate) fn compare(options: &Options) {
    let options = options.clone();
    Household::run_or_skip(move |household| {
        let mut rows: Vec<_> = options.clients.iter().flat_map(|clients| rows(*clients)).collect();
        for round in 0..options.rounds {
            // The next round starts with the other contender.
            for pair in rows.chunks_exact_mut(Contender::ALL.len()) {
                pair.rotate_left(usize::from(round > 0));
                for row in pair {
                    household.start_afresh();
                    row.cold.start(row.contender, row.clients, household, options.limit);
                    row.warm.start(row.contender, row.clients, household, options.limit);
                }
            }
        }
        household.start_afresh();
        print(&options, rows);
    });
}

fn rows(clients: usize) -> [Row; 2] {
    Contender::ALL.map(|contender| Row {
        contender,
        clients,
        cold: Starts::default(),
        warm: Starts::default(),
    })
}

fn print(options: &Options, mut rows: Vec<Row>) {
    rows.sort_by_key(|row| (row.clients, row.contender.name()));
    println!("First answer, ms, median of {} rounds, in parentheses the last of them\n", options.rounds);
    println!("| clients | contender | cold | served | warm | served |\n|---|---|---|---|---|---|");
    for row in &rows {
        let name = row.contender.name();
        println!("| {} | {name} | {} | {} |", row.clients, row.cold.cells(), row.warm.cells());
    }
    for row in &rows {
        let failures = [&row.cold, &row.warm].into_iter().flat_map(|starts| &starts.failures);
        for failure in failures.take(3) {
            println!("\n{} of {} clients: {failure}", row.contender.name(), row.clients);
        }
    }
    println!();
}

impl Starts {
    /// Starts clients at the same moment and waits for all.
    fn start(&mut self, contender: Contender, clients: usize, household: &Household, limit: u64) {
        let limit = Duration::from_secs(limit);
        let moment = Barrier::new(clients);
        let outcomes: Vec<_> = thread::scope(|scope| {
            let client = || {
                moment.wait();
                contender.first_answer(household, limit)
            };
            let started: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
            started.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
        });
        self.slowest.extend(outcomes.iter().flatten().max());
        for outcome in outcomes {
            match outcome {
                Ok(took) => self.took.push(took),
                Err(failure) => self.failures.push(failure),
            }
        }
    }

    fn cells(&self) -> String {
        let served = self.took.len();
        let all = served + self.failures.len();
        format!("{:.1} ({:.1}) | {served} of {all}", median_ms(&self.took), median_ms(&self.slowest))
    }
}

/// The one in the middle, or the mean of the two; NaN of none.
fn median_ms(durations: &[Duration]) -> f64 {
    let mut sorted: Vec<_> = durations.iter().map(|duration| duration.as_secs_f64() * 1e3).collect();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[half],
        _ => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}
