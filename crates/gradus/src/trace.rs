//! Tracing: runs a closure on stand-ins for its arguments and records its operations.
//!
//! Each traced closure has its own graph.
//! Every captured value, concrete or from an outer trace, becomes a hidden input of that graph,
//! so a transform sees a closed program.
//! An inner derivative cannot be confused with an outer one,
//! because they differentiate with respect to inputs of different graphs.
//! Applied to values of an outer trace, the transformed program is copied into the outer graph.

mod boundary;
mod nesting;

pub use boundary::on_behalf_of_text;
pub(crate) use boundary::{boundary, called, keep_failure, on_behalf_of, stop, users_place};
pub(crate) use nesting::{Kind, innermost, inside, is_traced, outside};

use crate::context::{Context, Entered};
use crate::debug;
use crate::run::{compute, execute};
use crate::tensor::{Repr, Tensor, Traced};
use boundary::Boundary;
use gradus_engine::{Array, Observer};
use gradus_ir::primitives::Body;
use gradus_ir::{Error, ErrorKind, Graph, Loc, Node, Op, Result, Type, ValueId};
use nesting::{OfThread, Open, innermost_of};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// The graph of one closure while it is being traced.
pub(crate) struct Trace {
    /// The trace in which it was opened.
    parent: Option<Arc<Trace>>,
    /// The number of traces around it.
    depth: usize,
    thread: Arc<OfThread>,
    kind: Kind,
    /// The context that was entered where the trace was opened, if any.
    context: Option<Context>,
    /// The call that returns mistakes in the trace as `Err`.
    boundary: Option<Boundary>,
    /// The tensors or types that the inputs stand for.
    arguments: Arguments,
    state: Mutex<State>,
}

/// The arguments of a traced closure.
pub(crate) enum Arguments {
    /// Tensors, so that values can be read while tracing.
    Concrete(Vec<Tensor>),
    /// Only types are given. The text names the transform, for messages.
    Abstract(&'static str),
}

#[derive(Default)]
struct State {
    graph: Graph,
    /// The tensors behind the hidden inputs, in their order.
    captured: Vec<Tensor>,
    hidden: HashMap<Identity, ValueId>,
    /// The observers of values when the graph runs.
    observers: Vec<Arc<Observer>>,
    /// Values that were read, and the values computed for them.
    values: HashMap<ValueId, Array>,
    ended: bool,
}

/// The identity of a captured tensor.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    Buffer(usize, Type),
    Node(usize, ValueId),
}

/// A traced closure as a closed program.
pub(crate) struct Closed {
    /// Its inputs are the arguments, then the captured tensors.
    pub graph: Graph,
    /// The tensors behind the hidden inputs.
    pub captured: Vec<Tensor>,
    /// The observers of values when the program runs. They live as long as this.
    pub observers: Vec<Arc<Observer>>,
}

/// Refuses to measure a program on traced values, because it would not run, or would run outside of the trace.
pub(crate) fn refuse_traced(name: &str, tensors: &[Tensor]) -> Result<()> {
    match is_traced(tensors) {
        false => Ok(()),
        true => Err(Error::new(
            ErrorKind::Traced,
            format!(
                "{name}: the argument, or something that the function captures, is traced, so that nothing runs and there is nothing to measure; \
                 use `call` or `evaluate` inside of transforms"
            ),
        )),
    }
}

fn escaped() -> Error {
    Error::new(
        ErrorKind::Traced,
        "a traced tensor is used after the function in which it was made has ended; \
         return it from that function instead of storing it",
    )
}

impl Trace {
    /// The call that returns mistakes in the trace as `Err`: the call around the trace,
    /// or around the traces of its captured values.
    fn boundary(&self) -> Option<Boundary> {
        if self.boundary.is_some() {
            return self.boundary.clone();
        }
        let captured = self.lock().captured.clone();
        let traced = captured.iter().filter_map(Tensor::traced);
        traced.filter_map(|t| t.trace.boundary()).next()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic that held the lock can only come from a mistake in a rule.
        // The graph is append-only and stays usable.
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Appends `op`. On failure, also returns the type that the result might have had.
    pub(crate) fn add(
        trace: &Arc<Trace>,
        op: Op,
        operands: &[&Tensor],
        loc: Loc,
    ) -> Result<Tensor, (Error, Type)> {
        let plausible = || {
            operands
                .first()
                .map_or(Type::scalar(gradus_ir::DType::F64), |t| t.ty().clone())
        };
        let mut state = trace.lock();
        if state.ended {
            return Err((escaped(), plausible()));
        }
        state.graph.set_loc(loc);
        let mut ids = Vec::with_capacity(operands.len());
        for t in operands {
            ids.push(state.lift(trace, t).map_err(|e| (e, plausible()))?);
        }
        let node = state.graph.add(op, &ids).map_err(|e| (e, plausible()))?;
        let ty = state.graph.ty(node).clone();
        Ok(Tensor(Repr::Traced(Traced {
            trace: trace.clone(),
            node,
            ty,
        })))
    }

    /// Registers `observer`, which sees values of this trace's graph when it runs.
    pub(crate) fn keep(trace: &Arc<Trace>, observer: Arc<Observer>) {
        trace.lock().observers.push(observer);
    }

    /// The numbers of `node`, computed if the inputs are concrete.
    pub(crate) fn value(&self, node: ValueId) -> Result<Array> {
        let _entered = Entered::of_trace(self.context.as_ref());
        let mut state = self.lock();
        if state.ended {
            return Err(escaped());
        }
        if let Some(value) = state.values.get(&node) {
            return Ok(value.clone());
        }
        for id in missing(&state.graph, node, |id| state.values.contains_key(&id)) {
            let made = state.graph.maker(id).results();
            let results = self.compute(&state, id)?;
            state.values.extend(made.zip(results));
        }
        Ok(state.values[&node].clone())
    }

    /// The values of all results of the node that makes `id`.
    fn compute(&self, state: &State, id: ValueId) -> Result<Vec<Array>> {
        let node = state.graph.maker(id);
        if let Op::Input(k) = node.op {
            return Ok(vec![self.given(state, k as usize, node)?]);
        }
        compute(&state.graph, node, &state.values_of(node))
    }

    /// The value of input `k`, which `node` is.
    fn given(&self, state: &State, k: usize, node: &Node) -> Result<Array> {
        match &self.arguments {
            Arguments::Concrete(arguments) if k < arguments.len() => arguments[k].array(),
            Arguments::Concrete(arguments) => state.captured[k - arguments.len()].array(),
            Arguments::Abstract(transform) => {
                let arguments = state.graph.inputs().len() - state.captured.len();
                if k >= arguments {
                    return state.captured[k - arguments].array();
                }
                Err(Error::new(
                    ErrorKind::Traced,
                    format!(
                        "the value of a tensor was read inside `{transform}`, where only its type {} is known; \
                         choose between values with `where_` or `cond`, or read it outside",
                        node.ty()
                    ),
                ))
            }
        }
    }
}

/// The nodes that must be computed for `value`, in order: everything that it follows from,
/// up to values that exist already. A region appears with one of its results.
///
/// The walk goes back from the node, so its cost depends on the missing values and not on the length of the graph.
/// A program that reads a value in each step stays linear.
fn missing(graph: &Graph, value: ValueId, is_there: impl Fn(ValueId) -> bool) -> Vec<ValueId> {
    let mut found = HashMap::new();
    let mut open = vec![value];
    while let Some(id) = open.pop() {
        if !is_there(id) && found.insert(graph.maker_id(id), id).is_none() {
            open.extend_from_slice(&graph.maker(id).operands);
        }
    }
    let mut order: Vec<ValueId> = found.into_values().collect();
    order.sort_unstable();
    order
}

impl State {
    /// The values of a node's operands, which exist.
    fn values_of(&self, node: &Node) -> Vec<Array> {
        let operands = node.operands.iter();
        operands.map(|o| self.values[o].clone()).collect()
    }

    /// The node of `tensor` in this graph. A tensor from outside becomes a hidden input.
    fn lift(&mut self, trace: &Arc<Trace>, tensor: &Tensor) -> Result<ValueId> {
        let identity = match &tensor.0 {
            Repr::Traced(t) if Arc::ptr_eq(&t.trace, trace) => return Ok(t.node),
            Repr::Splat(value, ty) => return Ok(self.graph.constant(*value, &ty.shape)),
            Repr::Array(a) => Identity::Buffer(a.bytes().as_ptr() as usize, a.ty().clone()),
            Repr::Traced(t) => {
                if t.trace.lock().ended {
                    return Err(escaped());
                }
                Identity::Node(Arc::as_ptr(&t.trace) as usize, t.node)
            }
        };
        if let Some(&id) = self.hidden.get(&identity) {
            return Ok(id);
        }
        let id = self.graph.input(tensor.ty().clone());
        self.hidden.insert(identity, id);
        self.captured.push(tensor.clone());
        Ok(id)
    }
}

/// Traces `f` on arguments of these types, for use on the tensors `given`.
pub(crate) fn close(
    kind: Kind,
    types: &[Type],
    arguments: Arguments,
    given: &[Tensor],
    f: &mut dyn FnMut(Vec<Tensor>) -> Vec<Tensor>,
) -> Result<Closed> {
    if Trace::current().is_some_and(|t| t.depth + 1 >= Body::MOST_DEPTH) {
        return Err(Body::too_deep(
            "a transform or an operation that takes functions",
        ));
    }
    let open = Open::new(kind, arguments, given);
    let trace = &open.trace;
    let arguments: Vec<Tensor> = {
        let mut state = trace.lock();
        types
            .iter()
            .map(|ty| {
                Tensor(Repr::Traced(Traced {
                    trace: trace.clone(),
                    node: state.graph.input(ty.clone()),
                    ty: ty.clone(),
                }))
            })
            .collect()
    };
    let results = f(arguments);
    let mut state = trace.lock();
    let outputs = results
        .iter()
        .map(|t| state.lift(trace, t))
        .collect::<Result<Vec<_>>>()?;
    state.ended = true;
    let mut graph = std::mem::take(&mut state.graph);
    graph.set_outputs(outputs);
    let captured = std::mem::take(&mut state.captured);
    let observers = std::mem::take(&mut state.observers);
    state.hidden.clear();
    state.values.clear();
    drop(state);
    Ok(Closed {
        graph,
        captured,
        observers,
    })
}

/// Applies a program: runs it on concrete arguments; on traced ones it becomes part of the innermost trace.
pub(crate) fn apply(graph: &Graph, arguments: Vec<Tensor>) -> Result<Vec<Tensor>> {
    let references: Vec<&Tensor> = arguments.iter().collect();
    let Some(trace) = innermost(&references) else {
        return run(graph, &arguments);
    };
    let mut state = trace.lock();
    if state.ended {
        return Err(escaped());
    }
    let ids = arguments
        .iter()
        .map(|t| state.lift(&trace, t))
        .collect::<Result<Vec<_>>>()?;
    let outputs = state.graph.inline(graph, &ids)?;
    state.observers.extend(observers(graph));
    Ok(outputs
        .into_iter()
        .map(|node| {
            Tensor(Repr::Traced(Traced {
                trace: trace.clone(),
                node,
                ty: state.graph.ty(node).clone(),
            }))
        })
        .collect())
}

/// The observers of values of this program, including its loops and branches.
fn observers(graph: &Graph) -> Vec<Arc<Observer>> {
    let ids = graph.observers().into_iter();
    ids.filter_map(Observer::find).collect()
}

/// Runs a program on concrete arguments, through the cache of compiled programs.
pub(crate) fn run<'a>(
    graph: &Graph,
    arguments: impl IntoIterator<Item = &'a Tensor>,
) -> Result<Vec<Tensor>> {
    let arguments = arguments.into_iter().map(Tensor::array);
    let arrays: Vec<Array> = arguments.collect::<Result<_>>()?;
    let results = execute(graph, &arrays)?;
    if debug::checking() {
        debug::check(graph, &arrays, &results)?;
    }
    Ok(results.into_iter().map(Tensor::from_array).collect())
}

impl Closed {
    /// The arguments of the program: `leaves`, then the captured tensors.
    pub fn arguments(&self, leaves: Vec<Tensor>) -> Vec<Tensor> {
        let mut all = leaves;
        all.extend(self.captured.iter().cloned());
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradus_ir::DType;
    use gradus_ir::primitives::region::Recompute;
    use gradus_ir::primitives::{Region, Unary};

    /// Values inside a region are not computed again for users of its results.
    #[test]
    fn a_value_needs_nothing_behind_values_that_are_there() {
        let ty = Type::new(DType::F64, &[2]);
        let mut body = Graph::new();
        let x = body.input(ty.clone());
        let outputs = vec![body.unary(Unary::Exp, x), body.unary(Unary::Sin, x)];
        body.set_outputs(outputs);
        let mut g = Graph::new();
        let x = g.input(ty);
        let y = g.unary(Unary::Cos, x);
        let results = g.emit_region(Region::Call(Recompute::checkpoint(body.into())), &[y]);
        let next = g.unary(Unary::Neg, results[0]);
        assert_eq!(missing(&g, next, |id| id == results[0]), [next]);
        assert_eq!(missing(&g, next, |id| id == y), [results[0], next]);
        // One of two results stands for both.
        let both = g.add_nodes(results[0], results[1]);
        assert_eq!(missing(&g, both, |id| id == y).len(), 2);
    }

    /// Each step of a long program is read, and the walk visits that step alone.
    #[test]
    fn what_is_missing_is_found_without_a_look_at_the_rest() {
        let mut g = Graph::new();
        let mut x = g.input(Type::scalar(DType::F64));
        let looks = std::cell::Cell::new(0);
        for k in 0..1000 {
            let before = x;
            // The steps cannot be folded, and no two are equal.
            x = g.unary(if k % 2 == 0 { Unary::Sin } else { Unary::Exp }, x);
            let is_there = |id| {
                looks.set(looks.get() + 1);
                id == before
            };
            assert_eq!(missing(&g, x, is_there), [x]);
        }
        assert_eq!(looks.get(), 2 * 1000);
    }
}
