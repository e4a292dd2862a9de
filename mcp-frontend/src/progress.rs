//! How far the fetching of hyperd is.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;

use hyperwire_blocking::hyperd::{Progress, Step};
use indicatif::{ProgressBar, ProgressStyle};

/// Shows progress on standard error: a bar on a terminal, a line a step elsewhere.
pub(crate) struct Shown {
    step: Option<Step>,
    bar: Option<ProgressBar>,
}

impl Shown {
    pub(crate) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg:>24} [{bar:40}] {bytes}/{total_bytes}");
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { step: None, bar }
    }

    /// Takes what the library reports.
    pub(crate) fn show(&mut self, now: Progress) -> ControlFlow<()> {
        let new = self.step.replace(now.step) != Some(now.step);
        let what = match now.step {
            Step::Download => "fetching hyperd with pip",
            Step::Verify => "checking its hash",
            Step::Unpack => "unpacking it",
            _ => "working",
        };
        match &self.bar {
            Some(bar) => {
                if new {
                    bar.set_message(what);
                }
                bar.set_length(now.total);
                bar.set_position(now.done);
            }
            // A closed standard error is no reason to stop.
            None if new => drop(writeln!(io::stderr(), "{what} ({} MB)", now.total / 1_000_000)),
            None => {}
        }
        ControlFlow::Continue(())
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
