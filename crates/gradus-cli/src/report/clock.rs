//! The time of a run by kind of work.

use std::time::Duration;

/// Times added up during a run.
#[derive(Default)]
pub struct Clock {
    /// Shuffling the training images.
    pub order: Duration,
    /// Measuring on the test images.
    pub evaluation: Duration,
    /// Writing checkpoints.
    pub saving: Duration,
    compiling: Duration,
    programs: usize,
    steps: Vec<Duration>,
}

impl Clock {
    /// Records a step that had to be traced, differentiated and compiled first and took `time`.
    pub fn compiled(&mut self, time: Duration) {
        self.compiling += time;
        self.programs += 1;
    }

    /// Records a step that took `time`.
    pub fn step(&mut self, time: Duration) {
        self.steps.push(time);
    }

    /// The times in words.
    pub fn summary(&self, batch: usize) -> String {
        let running: Duration = self.steps.iter().sum();
        let parts = [
            ("compiled steps", running),
            ("tracing and compiling", self.compiling),
            ("measuring on the test images", self.evaluation),
            ("shuffling", self.order),
            ("writing checkpoints", self.saving),
        ];
        let total: Duration = parts.iter().map(|p| p.1).sum();
        let mut lines = vec![format!(
            "{:.2} s of training: {} steps of {} images, {} a step (median); {} programs compiled in {} (each with its first step)",
            total.as_secs_f64(),
            self.steps.len() + self.programs,
            batch,
            short(self.median()),
            self.programs,
            short(self.compiling)
        )];
        for (what, time) in parts {
            let share = 100.0 * time.as_secs_f64() / total.as_secs_f64().max(1e-9);
            lines.push(format!("  {share:5.1} %  {:>9}  {what}", short(time)));
        }
        lines.join("\n") + "\n"
    }

    fn median(&self) -> Duration {
        let mut sorted = self.steps.clone();
        sorted.sort();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

/// A duration with about three digits.
pub fn short(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        m if m < 1e3 => format!("{m:.1} µs"),
        m if m < 1e6 => format!("{:.2} ms", m / 1e3),
        m => format!("{:.2} s", m / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let cases = [
            (82_400, "82.4 µs"),
            (1_234_000, "1.23 ms"),
            (2_500_000_000, "2.50 s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(short(Duration::from_nanos(nanos)), text);
        }
    }
}
