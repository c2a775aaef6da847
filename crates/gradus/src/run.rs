//! Runs programs on arrays, and single operations of them.

use crate::context::Context;
use gradus_engine::{Array, CompileOptions, Input};
use gradus_ir::{Graph, Node, Op, Result, ValueId};

/// Runs a program through the cache of compiled programs.
pub(crate) fn execute(graph: &Graph, arguments: &[Array]) -> Result<Vec<Array>> {
    let program =
        Context::with_current(|context| context.program(graph, &CompileOptions::default()))?;
    program.run(arguments.iter().map(Input::Borrowed).collect())
}

/// Computes the values of all results of one node from the values of its operands.
/// Observers do not see them; they see the run of the program.
pub(crate) fn compute(graph: &Graph, node: &Node, operands: &[Array]) -> Result<Vec<Array>> {
    if matches!(node.op, Op::Probe(_)) {
        return Ok(vec![operands[0].clone()]);
    }
    let mut one = Graph::new();
    one.set_loc(node.loc);
    let given = node.operands.iter();
    let inputs: Vec<ValueId> = given.map(|&o| one.input(graph.ty(o).clone())).collect();
    let outputs = match node.region() {
        Some(region) => one.add_region(region.without_effects(), &inputs)?,
        None => one.add_like(node, &inputs).into_vec(),
    };
    one.set_outputs(outputs);
    execute(&one, operands)
}
