//! What was measured, and the table of it.

use crate::contender::Contender;

/// Figures by name, in the order in which they were first taken.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    taken: Vec<(String, Vec<f64>)>,
    failures: Vec<String>,
}

impl Figures {
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        match self.taken.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => self.taken.push((name, vec![value])),
        }
    }

    /// A round ended early.
    pub(crate) fn fail(&mut self, why: String) {
        self.failures.push(why);
    }

    fn cell(&self, name: &str) -> String {
        match self.taken.iter().find(|(known, _)| known == name) {
            Some((_, values)) => shown(median(values)),
            None => "none".to_owned(),
        }
    }
}

/// Prints both side by side.
pub(crate) fn print(measured: &[(Contender, Figures)]) {
    let names: Vec<_> = measured.iter().map(|(contender, _)| contender.name()).collect();
    println!("| figure | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    let mut known: Vec<&str> = Vec::new();
    for (name, _) in measured.iter().flat_map(|(_, figures)| &figures.taken) {
        if !known.contains(&name.as_str()) {
            known.push(name);
        }
    }
    for name in known {
        let cells: Vec<_> = measured.iter().map(|(_, figures)| figures.cell(name)).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
    for (contender, figures) in measured {
        for failure in &figures.failures {
            println!("\n{}, a round that ended early: {failure}", contender.name());
        }
    }
}

/// Three digits, or all before the point.
fn shown(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The one in the middle, or the mean of the two.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value that a share of all is at most, between its neighbours; NaN of none.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let (below, above) = (place.floor(), place.ceil());
    let at = |place: f64| sorted[place as usize];
    at(below) + (at(above) - at(below)) * (place - below)
}
