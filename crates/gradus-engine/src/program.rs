//! Engines, and the programs that they compile.

use crate::array::Array;
use crate::cache::Cache;
use crate::options::CompileOptions;
use gradus_ir::primitives::Cost;
use gradus_ir::{ByWork, Graph, Loc, Result};
use std::sync::Arc;
use std::time::Duration;

/// Compiles and runs graphs.
pub trait Engine: Send + Sync {
    /// Compiles `graph`.
    /// `cache` keeps what the engine wants to find again, such as the compiled bodies of loops.
    /// The caller keeps the program itself.
    ///
    /// # Errors
    /// If the engine cannot run the graph.
    fn compile(
        &self,
        graph: &Graph,
        options: &CompileOptions,
        cache: &Cache,
    ) -> Result<Arc<dyn Program>>;

    /// The counts of a run of `graph`, known before it, if the caller keeps all inputs.
    /// A loop of unknown length counts as one step.
    ///
    /// If the arrays together are more than any machine has, the memory is the largest number.
    fn forecast(&self, graph: &Graph, cache: &Cache) -> Counts;
}

/// A compiled program. Runs may happen at the same time.
///
/// All runs give an error if the inputs differ from the graph's in number or type, if an index is out of bounds or a
/// checked condition does not hold, and if memory cannot hold the results.
/// Values of probes are shown to their [observers](crate::Observer) after the run, in the order of the graph, also if
/// it ends with an error.
pub trait Program: Send + Sync {
    /// The values of the outputs for these inputs.
    ///
    /// # Errors
    /// See [`Program`].
    fn run(&self, inputs: Vec<Input<'_>>) -> Result<Vec<Array>>;

    /// As [`run`](Self::run), with what the run did.
    ///
    /// # Errors
    /// See [`Program`].
    fn run_counted(&self, inputs: Vec<Input<'_>>) -> Result<(Vec<Array>, Counts)>;

    /// As [`run`](Self::run), with the steps that were taken.
    ///
    /// # Errors
    /// See [`Program`].
    fn run_timed(&self, inputs: Vec<Input<'_>>) -> Result<(Vec<Array>, Vec<TimedStep>)>;
}

/// An argument of a run.
#[derive(Debug)]
pub enum Input<'a> {
    /// An array that stays the caller's.
    Borrowed(&'a Array),
    /// An array given away: if no one else holds it, a result may reuse its memory.
    Owned(Array),
}

impl Input<'_> {
    /// The array.
    pub fn array(&self) -> &Array {
        match self {
            Input::Borrowed(a) => a,
            Input::Owned(a) => a,
        }
    }
}

/// The operations, bytes and memory of one run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Operations on numbers of all kinds.
    pub operations: u64,
    /// The operations by kind of work.
    pub by_work: ByWork,
    /// Bytes that the steps read and wrote.
    pub bytes: u64,
    /// Bytes that the run held beside its inputs, results among them.
    pub peak_bytes: u64,
}

/// A step of a run, and how long it took.
#[derive(Clone, Debug)]
pub struct TimedStep {
    /// What the step does. The first word is its kind.
    pub what: String,
    /// The line of the user's program that it comes from: that of its last operation.
    pub loc: Loc,
    /// How long it took.
    pub time: Duration,
    /// Bytes that it reads and writes.
    pub bytes: u64,
    /// The operations of the graph that run in it.
    pub members: Vec<Member>,
}

/// An operation of the graph within a step.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name; `copy` where a step moves what another made.
    pub name: &'static str,
    /// The line and the part of a derivative that it comes from.
    pub loc: Loc,
    /// Its cost by itself.
    pub cost: Cost,
}
