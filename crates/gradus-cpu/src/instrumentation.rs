//! Measurements of one run: counted work, observed values, bytes of lists.

use gradus_engine::{Array, Counts, Observer};

/// The measurements of a run, including all programs inside.
#[derive(Default)]
pub(crate) struct Instrumentation {
    /// The work done so far, if the run is counted.
    pub counts: Option<Counts>,
    /// The most bytes that lists of programs inside held at once.
    pub list_bytes: u64,
    seen: Vec<Seen>,
}

/// A value that a probe has copied for its observer.
struct Seen {
    /// The position of the probe in the program, or of the region around it.
    position: usize,
    observer: u64,
    value: Array,
}

impl Instrumentation {
    /// The instrumentation of a run that counts its work.
    pub fn counting() -> Instrumentation {
        Instrumentation {
            counts: Some(Counts::default()),
            ..Instrumentation::default()
        }
    }

    /// Keeps `value` for the observer with this number.
    pub fn see(&mut self, observer: u64, value: Array) {
        self.seen.push(Seen {
            position: 0,
            observer,
            value,
        });
    }

    /// The number of values seen so far.
    pub fn seen(&self) -> usize {
        self.seen.len()
    }

    /// Notes that the values from number `first` on were seen at `position` of the program.
    pub fn locate(&mut self, first: usize, position: usize) {
        for seen in &mut self.seen[first..] {
            seen.position = position;
        }
    }

    /// Sorts the values from number `first` on into the order of the program, because steps run in another order.
    pub fn sort(&mut self, first: usize) {
        self.seen[first..].sort_by_key(|seen| seen.position);
    }

    /// Shows all values to their observers that still exist.
    #[inline]
    pub fn show(&mut self) {
        if !self.seen.is_empty() {
            self.show_all();
        }
    }

    fn show_all(&mut self) {
        self.sort(0);
        for seen in std::mem::take(&mut self.seen) {
            if let Some(observer) = Observer::find(seen.observer) {
                observer.see(&seen.value);
            }
        }
    }
}
