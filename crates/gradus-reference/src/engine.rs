//! The engine that the front end sees.

use crate::array::{Tensor, Value};
use crate::run::Run;
use gradus_engine::{
    Array, Cache, CompileOptions, Counts, Engine, Input, Program, Slice, SliceMut, TimedStep,
    check_slices,
};
use gradus_ir::{Error, ErrorKind, Graph, Result, total_cost, verify};
use std::sync::Arc;

/// Runs graphs one operation at a time. It does not reuse the memory of inputs that are given away.
#[derive(Clone, Copy, Default, Debug)]
pub struct Reference;

impl Engine for Reference {
    fn compile(
        &self,
        graph: &Graph,
        _options: &CompileOptions,
        _cache: &Cache,
    ) -> Result<Arc<dyn Program>> {
        verify::ends(graph)?;
        Ok(Arc::new(Interpreted(graph.clone())))
    }

    /// All values of the graph are held until the graph ends.
    fn forecast(&self, graph: &Graph, _cache: &Cache) -> Counts {
        let (cost, live) = (total_cost(graph), graph.live());
        let made = graph
            .ids()
            .filter(|id| live[id.index()] && !graph.inputs().contains(id));
        let bytes = made.map(|id| graph.ty(id).bytes() as u64);
        Counts {
            operations: cost.operations,
            by_work: cost.by_work,
            bytes: cost.bytes_read.saturating_add(cost.bytes_written),
            peak_bytes: bytes.fold(0, u64::saturating_add),
        }
    }
}

/// A graph that is run without compilation.
struct Interpreted(Graph);

impl Program for Interpreted {
    fn run(&self, inputs: Vec<Input<'_>>) -> Result<Vec<Array>> {
        Ok(self.run_counted(inputs)?.0)
    }

    fn run_into(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>]) -> Result<()> {
        let (from, to) = (self.0.input_types(), self.0.output_types());
        check_slices((inputs, &from), (outputs, &to))?;
        let arrays = inputs.iter().zip(&from).map(|(x, ty)| x.to_array(ty));
        let arrays = arrays.map(|array| array.map(Input::Owned));
        let results = self.run(arrays.collect::<Result<_>>()?)?;
        let mut pairs = outputs.iter_mut().zip(&results);
        pairs.try_for_each(|(output, result)| output.copy_from(result))
    }

    fn run_counted(&self, inputs: Vec<Input<'_>>) -> Result<(Vec<Array>, Counts)> {
        let inputs: Vec<&Array> = inputs.iter().map(Input::array).collect();
        let (results, counts, _) = evaluate(Run::default(), &self.0, &inputs)?;
        Ok((results, counts))
    }

    fn run_timed(&self, inputs: Vec<Input<'_>>) -> Result<(Vec<Array>, Vec<TimedStep>)> {
        let inputs: Vec<&Array> = inputs.iter().map(Input::array).collect();
        let (results, _, steps) = evaluate(Run::timed(), &self.0, &inputs)?;
        Ok((results, steps))
    }
}

/// Runs `graph` and gives the values of its outputs, the counts and the steps of the run.
///
/// # Errors
/// See [`evaluate`](crate::evaluate).
pub fn evaluate(
    mut run: Run,
    graph: &Graph,
    inputs: &[&Array],
) -> Result<(Vec<Array>, Counts, Vec<TimedStep>)> {
    let (given, wanted) = (inputs.iter().map(|a| a.ty()), graph.input_types());
    if !given.clone().eq(&wanted) {
        let given: Vec<_> = given.collect();
        let message = format!("run: arguments {given:?} for a program of inputs {wanted:?}");
        return Err(Error::new(ErrorKind::Argument, message));
    }
    let values: Result<Vec<Value>> = inputs
        .iter()
        .map(|array| Ok(Value::Array(Tensor::from_array(array)?)))
        .collect();
    let outputs = run.graph(graph, &values?);
    // Also shows values that were observed before a mistake.
    let (counts, steps) = run.finish();
    let results = outputs?.into_iter().map(|output| output.array().to_array());
    Ok((results.collect::<Result<_>>()?, counts, steps))
}
