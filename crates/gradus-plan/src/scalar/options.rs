//! Limits the work of a search for an elimination order, and reports the result of the search.

/// The work limits of [`ScalarGraph::plan`](super::ScalarGraph::plan).
///
/// Work is counted in machine words that the search touches, never in time,
/// so that the same graph and options give the same order on every machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EliminationOptions {
    /// Partly eliminated graphs that beam search keeps at each step. 0 leaves beam search out.
    pub beam: usize,
    /// How many vertices of lowest Markowitz cost beam search tries in each graph.
    pub branch: usize,
    /// The words that beam search can touch before it stops.
    pub beam_work: u64,
    /// The words that improving the best order can touch.
    pub improvement_work: u64,
}

impl EliminationOptions {
    /// The defaults take about 30 ms in total for a graph of a hundred vertices (`benches/elimination.rs`).
    const DEFAULT: EliminationOptions = EliminationOptions {
        beam: 16,
        branch: 8,
        beam_work: 5_000_000,
        improvement_work: 6_000_000,
    };

    /// Limits that take a few hundred microseconds for a hundred numbers.
    pub(super) const QUICK: EliminationOptions = EliminationOptions {
        beam: 4,
        branch: 4,
        beam_work: 200_000,
        improvement_work: 200_000,
    };

    /// No limits, and nothing to improve afterwards.
    pub(super) const EXHAUSTIVE: EliminationOptions = EliminationOptions {
        beam: usize::MAX,
        branch: usize::MAX,
        beam_work: u64::MAX,
        improvement_work: 0,
    };

    /// Sets how many partly eliminated graphs beam search keeps at each step. 0 leaves beam search out.
    #[must_use]
    pub fn beam(mut self, width: usize) -> EliminationOptions {
        self.beam = width;
        self
    }

    /// Sets how many vertices of lowest Markowitz cost beam search tries in each graph.
    #[must_use]
    pub fn branch(mut self, width: usize) -> EliminationOptions {
        self.branch = width;
        self
    }

    /// Limits the words that beam search touches.
    #[must_use]
    pub fn beam_work(mut self, words: u64) -> EliminationOptions {
        self.beam_work = words;
        self
    }

    /// Limits the words that improving the best order touches.
    #[must_use]
    pub fn improvement_work(mut self, words: u64) -> EliminationOptions {
        self.improvement_work = words;
        self
    }
}

impl Default for EliminationOptions {
    fn default() -> EliminationOptions {
        EliminationOptions::DEFAULT
    }
}

/// An order of elimination with its cost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EliminationPlan {
    /// The intermediate vertices in the order of their elimination.
    pub order: Vec<usize>,
    /// The multiplications it takes.
    pub multiplications: u64,
}
