//! Engines, and the programs that they compile.

use crate::array::Array;
use crate::cache::Cache;
use crate::options::CompileOptions;
use crate::slice::{Slice, SliceMut};
use gradus_ir::primitives::Cost;
use gradus_ir::{ByWork, Graph, Loc, Result};
use std::sync::Arc;
use std::time::Duration;

/// Compiles and runs graphs.
pub trait Engine: Send + Sync {
    /// Compiles `graph`.
    /// The engine can use `cache` for work that it wants to find again, such as the compiled bodies of loops.
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

    /// The counts of a run of `graph` in which the caller keeps all inputs, computed in advance.
    /// A loop of unknown length counts as one step.
    ///
    /// If the arrays together exceed the memory of any machine, the memory is `u64::MAX`.
    fn forecast(&self, graph: &Graph, cache: &Cache) -> Counts;
}

/// A compiled program. Several runs can happen at the same time.
///
/// A run returns an error if the inputs differ from the graph's in number or type, if an index is out of bounds,
/// if a checked condition is false, or if memory cannot hold the results.
/// Values of probes are shown to their [observers](crate::Observer) after the run, in the order of the graph,
/// also if the run ends with an error.
pub trait Program: Send + Sync {
    /// The values of the outputs for these inputs.
    ///
    /// # Errors
    /// See [`Program`].
    fn run(&self, inputs: Vec<Input<'_>>) -> Result<Vec<Array>>;

    /// Like [`run`](Self::run), from memory of the caller into memory of the caller.
    /// After an error, the content of the results is unspecified.
    ///
    /// # Errors
    /// See [`Program`].
    fn run_into(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>]) -> Result<()>;

    /// Like [`run`](Self::run), with the counts of the run.
    ///
    /// # Errors
    /// See [`Program`].
    fn run_counted(&self, inputs: Vec<Input<'_>>) -> Result<(Vec<Array>, Counts)>;

    /// Like [`run`](Self::run), with the steps of the run and their times.
    ///
    /// # Errors
    /// See [`Program`].
    fn run_timed(&self, inputs: Vec<Input<'_>>) -> Result<(Vec<Array>, Vec<TimedStep>)>;
}

/// An argument of a run.
#[derive(Debug)]
pub enum Input<'a> {
    /// An array that the caller keeps.
    Borrowed(&'a Array),
    /// An array that the caller gives away. If no one else holds it, a result can reuse its memory.
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
    /// The most bytes that the run held at once beside its inputs, results included.
    pub peak_bytes: u64,
}

/// A step of a run, and its time.
#[derive(Clone, Debug)]
pub struct TimedStep {
    /// A description of the step. The first word is its kind.
    pub what: String,
    /// The line of the user's program for its last operation.
    pub loc: Loc,
    /// The time of the step.
    pub time: Duration,
    /// Bytes that it reads and writes.
    pub bytes: u64,
    /// The operations of the graph that run in it.
    pub members: Vec<Member>,
}

/// An operation of the graph within a step.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name; `copy` if a step moves another step's result.
    pub name: &'static str,
    /// Its source line and the part of a derivative that it belongs to.
    pub loc: Loc,
    /// Its cost by itself.
    pub cost: Cost,
}
