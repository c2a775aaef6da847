//! The options of the planner.

use crate::profile::Profile;

/// The orders that a plan can choose from, and the rates that it uses.
///
/// ```
/// use gradus_plan::{Objective, PlanOptions};
///
/// let options = PlanOptions::default()
///     .objective(Objective::Memory)
///     .memory_limit(1 << 30);
/// assert_eq!(options.memory_limit, Some(1 << 30));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlanOptions {
    /// The orders to choose from; for second derivatives, the mode of the derivative taken last.
    pub modes: Modes,
    /// The quantity to minimise.
    pub objective: Objective,
    /// The most bytes that a run can hold at once, arguments not included.
    pub memory_limit: Option<u64>,
    /// The machine that times are estimated for.
    /// The default is an idealised machine, so that plans are the same on every machine.
    pub profile: Profile,
    /// The most nodes that planning visits beyond the most promising candidate.
    pub node_budget: usize,
    /// Limits of the search for an order of elimination.
    pub search: SearchLimits,
    /// Whether explanations name the user's lines.
    pub source_lines: SourceLines,
}

impl Default for PlanOptions {
    fn default() -> PlanOptions {
        PlanOptions {
            modes: Modes::default(),
            objective: Objective::default(),
            memory_limit: None,
            profile: Profile::default(),
            node_budget: 5000,
            search: SearchLimits::default(),
            source_lines: SourceLines::default(),
        }
    }
}

impl PlanOptions {
    /// Restricts the orders to one mode; for second derivatives, the mode of the derivative taken last.
    #[must_use]
    pub fn modes(mut self, modes: Modes) -> PlanOptions {
        self.modes = modes;
        self
    }

    /// Chooses the quantity to minimise.
    #[must_use]
    pub fn objective(mut self, objective: Objective) -> PlanOptions {
        self.objective = objective;
        self
    }

    /// Limits the bytes that a run can hold at once, arguments not included. `None` removes the limit.
    ///
    /// With a limit every candidate is built, and the [`node_budget`](Self::node_budget()) does not apply.
    #[must_use]
    pub fn memory_limit(mut self, bytes: impl Into<Option<u64>>) -> PlanOptions {
        self.memory_limit = bytes.into();
        self
    }

    /// Estimates times by the rates of this machine.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> PlanOptions {
        self.profile = profile;
        self
    }

    /// Limits how many nodes planning visits to search for mixed orders and to build candidates beside the most
    /// promising one.
    ///
    /// The most promising candidate is the result of that search.
    /// Without a search, it is the pure mode with fewer vectors to carry.
    /// If both carry equally many,
    /// it is the mode that multiplies matrices in the order in which they lie in memory.
    /// This candidate is always built.
    ///
    /// The limit bounds the time of planning by a count, so that a plan is the same on every run.
    /// [`Plan::explain`](crate::Plan::explain) names the candidates that were not built because of it.
    /// With the default of 5000, planning has taken 2 ms at most (`benches/plan.rs` measures it).
    #[must_use]
    pub fn node_budget(mut self, nodes: usize) -> PlanOptions {
        self.node_budget = nodes;
        self
    }

    /// Limits the search for an order of elimination.
    #[must_use]
    pub fn search(mut self, limits: SearchLimits) -> PlanOptions {
        self.search = limits;
        self
    }

    /// Says whether explanations name the user's lines.
    #[must_use]
    pub fn source_lines(mut self, lines: SourceLines) -> PlanOptions {
        self.source_lines = lines;
        self
    }

    /// Whether the choice depends on memory, so that a slower candidate can be better.
    pub(crate) fn saves_memory(&self) -> bool {
        self.memory_limit.is_some() || self.objective == Objective::Memory
    }
}

/// Which orders a plan can choose from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Modes {
    /// All orders.
    #[default]
    Any,
    /// Forward mode alone.
    Forward,
    /// Reverse mode alone.
    Reverse,
}

/// The quantity that a plan minimises.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Objective {
    /// Estimated time.
    #[default]
    Time,
    /// Operations on numbers, without regard to time.
    Operations,
    /// Bytes held at once, if the planner has a forecast. Among equals, the faster candidate.
    Memory,
}

impl Objective {
    /// The name in texts.
    pub fn name(self) -> &'static str {
        match self {
            Objective::Time => "time",
            Objective::Operations => "operations",
            Objective::Memory => "memory",
        }
    }
}

/// Whether explanations name the user's lines.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum SourceLines {
    /// File and line of each cut, loop, branch and call.
    #[default]
    Shown,
    /// No file names, so that the text does not depend on the function's place in the source.
    Hidden,
}

/// Limits of the search for an order of elimination.
/// All limits count work, so that plans do not depend on the speed of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SearchLimits {
    /// Arrays that can be eliminated. 0 leaves elimination out.
    pub vertices: usize,
    /// Nodes visited to cost the segments between these arrays.
    pub nodes: usize,
    /// Partly eliminated graphs that beam search keeps at each step.
    pub beam: usize,
    /// Eliminations after which beam search is given up.
    pub tries: usize,
    /// The largest program of scalars that is eliminated number by number. 0 leaves scalar elimination out.
    pub scalars: usize,
}

impl Default for SearchLimits {
    fn default() -> SearchLimits {
        SearchLimits {
            vertices: 12,
            nodes: 1500,
            beam: 4,
            tries: 800,
            scalars: 300,
        }
    }
}

impl SearchLimits {
    /// Limits the arrays that can be eliminated. The arrays with the most paths for their width are kept.
    #[must_use]
    pub fn vertices(mut self, most: usize) -> SearchLimits {
        self.vertices = most;
        self
    }

    /// Limits the nodes visited to cost the segments between these arrays.
    /// In larger programs fewer arrays are considered, or none.
    #[must_use]
    pub fn nodes(mut self, most: usize) -> SearchLimits {
        self.nodes = most;
        self
    }

    /// Sets how many partly eliminated graphs beam search keeps at each step.
    #[must_use]
    pub fn beam(mut self, width: usize) -> SearchLimits {
        self.beam = width;
        self
    }

    /// Limits the eliminations of beam search.
    /// Beyond the limit, the best of forward mode, reverse mode and lowest cost first is taken.
    #[must_use]
    pub fn tries(mut self, most: usize) -> SearchLimits {
        self.tries = most;
        self
    }

    /// Limits the numbers of a scalar program that are eliminated one by one.
    #[must_use]
    pub fn scalars(mut self, most: usize) -> SearchLimits {
        self.scalars = most;
        self
    }
}
