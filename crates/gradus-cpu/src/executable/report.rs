//! The report of a compiled program: its steps and its memory.

use super::Executable;
use gradus_engine::Member;
use gradus_ir::Loc;
use std::fmt;

/// The steps and the memory of a compiled program.
#[derive(Clone, Debug)]
pub struct Report {
    /// The steps in order, each with its line of the user's program.
    pub steps: Vec<(String, Loc)>,
    /// Bytes of the arena, which holds all arrays except inputs and outputs.
    pub arena_bytes: usize,
    /// The number of outputs that can reuse the memory of an input.
    pub reused_inputs: usize,
}

impl Executable {
    /// The steps and the memory of the program.
    pub fn report(&self) -> Report {
        let steps = self.steps.iter();
        Report {
            steps: steps.map(|s| (s.step.to_string(), s.origin.loc)).collect(),
            arena_bytes: self.assignment.arena,
            reused_inputs: self.assignment.reuse.inputs().flatten().count(),
        }
    }

    /// The operations of the graph in each step of the [`report`](Self::report).
    pub fn members(&self) -> impl Iterator<Item = &[Member]> {
        self.steps.iter().map(|s| s.origin.members())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, (step, loc)) in self.steps.iter().enumerate() {
            writeln!(f, "  {k:3} {step}  // {loc}")?;
        }
        write!(
            f,
            "  arena {} bytes, {} outputs in the memory of inputs",
            self.arena_bytes, self.reused_inputs
        )
    }
}
