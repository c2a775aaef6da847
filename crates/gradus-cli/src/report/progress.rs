//! The progress of a run: a bar on a terminal, otherwise a line per epoch.

use super::history::Epoch;
use crate::output::say;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, stdout};
use std::time::Instant;

/// Reports the progress of a run.
pub struct Progress {
    bar: Option<ProgressBar>,
    epochs: usize,
    begun: Instant,
}

impl Progress {
    /// Starts a report for the epochs from `done` to `last`, of `epochs` in total, with `steps` steps each.
    pub fn new(done: usize, last: usize, epochs: usize, steps: usize) -> Progress {
        let bar = stdout().is_terminal().then(|| {
            let bar = ProgressBar::new(((last - done) * steps) as u64);
            if let Ok(style) =
                ProgressStyle::with_template("{bar:32.cyan/blue} {percent:>3} % {msg} [{eta} left]")
            {
                bar.set_style(style);
            }
            bar
        });
        Progress {
            bar,
            epochs,
            begun: Instant::now(),
        }
    }

    /// Reports a step: mean loss and accuracy of the epoch so far.
    pub fn step(&mut self, epoch: usize, loss: f64, accuracy: f64) {
        let Some(bar) = &self.bar else { return };
        bar.inc(1);
        // The text is not updated more often than it can be seen.
        if bar.position() % 16 == 0 {
            bar.set_message(format!(
                "epoch {}/{}  loss {loss:.4}  accuracy {:.1} %",
                epoch + 1,
                self.epochs,
                100.0 * accuracy
            ));
        }
    }

    /// Reports an epoch.
    pub fn epoch(&mut self, epoch: usize, result: &Epoch) {
        let line = format!(
            "epoch {:>3}/{}  loss {:.4}  accuracy {:5.1} %  test loss {:.4}  test accuracy {:5.2} %  {:.2} s",
            epoch + 1,
            self.epochs,
            result.loss,
            100.0 * result.train_accuracy,
            result.test_loss,
            100.0 * result.test_accuracy,
            self.begun.elapsed().as_secs_f64()
        );
        match &self.bar {
            Some(bar) => bar.set_message(line),
            None => say!("{line}"),
        }
    }

    /// Ends the report.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            let last = bar.message();
            bar.finish_and_clear();
            say!("{last}");
        }
    }
}
