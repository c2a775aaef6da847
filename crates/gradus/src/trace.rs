//! Tracing: running a closure on stand-ins for its arguments and writing down what it does.
//!
//! Each traced closure has a graph of its own. Whatever it uses from outside, concrete or a value of an outer trace, becomes a hidden input of that
//! graph, so a transform sees a closed program, and the derivative of an inner one cannot be confused with that of an outer one: they differentiate
//! with respect to inputs of different graphs. Applied to values of an outer trace, the transformed program is copied into the outer graph.

use crate::seeing;
use crate::tensor::{Repr, Tensor, Traced};
use crate::tree::{Tree, leaves, rebuild};
use gradus_cpu::{Array, CompileOptions, Input, Observer};
use gradus_ir::primitives::{Body, Region};
use gradus_ir::{Error, ErrorKind, Graph, Loc, NodeId, Op, Result, Type};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

/// The graph of one closure while it is being traced.
pub(crate) struct Trace {
    /// How many traces are open around this one on its thread; operands of several traces meet in the innermost.
    depth: usize,
    /// What the stand-ins stand for.
    knowledge: Knowledge,
    state: Mutex<State>,
}

/// Whether values may be read while tracing.
pub(crate) enum Knowledge {
    /// The inputs are these tensors, so a value can be computed.
    Values(Vec<Tensor>),
    /// Only types are known; the text names the transform, for messages.
    Types(&'static str),
}

#[derive(Default)]
struct State {
    graph: Graph,
    /// What the hidden inputs stand for, in their order.
    captured: Vec<Tensor>,
    hidden: HashMap<Identity, NodeId>,
    /// Who sees values of the graph when it runs.
    observers: Vec<Arc<Observer>>,
    /// Values that were read, and what they needed.
    values: HashMap<NodeId, Array>,
    /// The results of the regions among them.
    regions: HashMap<NodeId, Vec<Array>>,
    ended: bool,
}

/// What makes two captured tensors the same one.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    Buffer(usize, Type),
    Node(usize, NodeId),
}

/// A traced closure as a program without surroundings.
pub(crate) struct Closed {
    /// Inputs: the arguments, then what was captured.
    pub graph: Graph,
    /// What the hidden inputs stand for.
    pub captured: Vec<Tensor>,
    /// Who sees values when the program runs: they live as long as this.
    pub observers: Vec<Arc<Observer>>,
}

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The call of a composed function that runs on this thread: closures in it do not pass on where they were called from.
    static ASKED_AT: Cell<Option<Loc>> = const { Cell::new(None) };
    /// The calls on this thread that return mistakes as `Err`, innermost last, each with the first mistake so far.
    static BOUNDARIES: RefCell<Vec<Option<Error>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f`, the body of one of the library's composed functions, so that what it does belongs to the line that called it.
pub(crate) fn on_behalf_of<T>(loc: Loc, f: impl FnOnce() -> T) -> T {
    /// Restores the place also when `f` unwinds.
    struct Restore(Option<Loc>);
    impl Drop for Restore {
        fn drop(&mut self) {
            ASKED_AT.set(self.0);
        }
    }
    let _restore = Restore(ASKED_AT.get());
    ASKED_AT.set(Some(ASKED_AT.get().unwrap_or(loc)));
    f()
}

/// The user's line that a call at `direct` belongs to.
pub(crate) fn users_place(direct: Loc) -> Loc {
    ASKED_AT.get().unwrap_or(direct)
}

/// Keeps `error` for the innermost boundary; gives it back if there is none.
pub(crate) fn keep_failure(error: Error) -> Option<Error> {
    BOUNDARIES.with_borrow_mut(|b| match b.last_mut() {
        Some(kept) => {
            kept.get_or_insert(error);
            None
        }
        None => Some(error),
    })
}

/// Runs `f` so that mistakes in it come back as `Err`.
pub(crate) fn boundary<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    /// Leaves the boundary also when `f` unwinds.
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            BOUNDARIES.with_borrow_mut(|b| b.pop());
        }
    }
    BOUNDARIES.with_borrow_mut(|b| b.push(None));
    let leave = Leave;
    let result = f();
    let kept = BOUNDARIES.with_borrow_mut(|b| b.last_mut().and_then(Option::take));
    drop(leave);
    match kept {
        Some(error) => Err(error),
        None => result,
    }
}

/// Reports `error`, made by a transform used at `loc`: kept for a boundary, else the program stops.
pub(crate) fn stop(error: Error, loc: Loc) {
    if let Some(error) = keep_failure(error.at(users_place(loc))) {
        panic!("{error}");
    }
}

/// How many traces are open on this thread.
pub(crate) fn depth() -> usize {
    DEPTH.get()
}

/// What messages call the closure that `tensor` is a value of, if more than `depth` traces are open where it is traced.
pub(crate) fn inside(tensor: &Tensor, depth: usize) -> Option<String> {
    match &tensor.0 {
        Repr::Traced(t) if t.trace.depth > depth => Some(match t.trace.knowledge {
            Knowledge::Types(name) => format!("`{name}`"),
            Knowledge::Values(_) => "a derivative".to_string(),
        }),
        _ => None,
    }
}

/// Refuses to measure a program on traced values: nothing would run, or run once more and be no part of the trace.
pub(crate) fn refuse_traced(name: &str, tensors: &[Tensor]) -> Result<()> {
    match tensors.iter().any(Tensor::is_traced) {
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

/// The innermost trace that one of `tensors` belongs to.
pub(crate) fn innermost(tensors: &[&Tensor]) -> Option<Arc<Trace>> {
    let mut found: Option<&Arc<Trace>> = None;
    for t in tensors {
        if let Repr::Traced(t) = &t.0
            && found.is_none_or(|f| t.trace.depth > f.depth)
        {
            found = Some(&t.trace);
        }
    }
    found.cloned()
}

fn escaped() -> Error {
    Error::new(
        ErrorKind::Traced,
        "a traced tensor is used after the function in which it was made has ended; \
         return it from that function instead of storing it",
    )
}

impl Trace {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held can only come from a mistake in a rule; the graph is append-only and stays usable.
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Appends `op`; on failure also says what type the result might have had.
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

    /// `observer` sees values of this trace's graph when it runs.
    pub(crate) fn keep(trace: &Arc<Trace>, observer: Arc<Observer>) {
        trace.lock().observers.push(observer);
    }

    /// The numbers of `node`, computed if the inputs are known.
    pub(crate) fn value(&self, node: NodeId) -> Result<Array> {
        let mut state = self.lock();
        if state.ended {
            return Err(escaped());
        }
        if let Some(value) = state.values.get(&node) {
            return Ok(value.clone());
        }
        for id in missing(&state.graph, node, |id| state.has_value(id)) {
            if let Some(region) = state.graph.region(id) {
                let results = self.compute_region(&state, id, region)?;
                state.regions.insert(id, results);
                continue;
            }
            let value = self.compute(&state, id)?;
            state.values.insert(id, value);
        }
        Ok(state.values[&node].clone())
    }

    /// The values of all results of a region. Nobody sees what it shows: that happens when the program runs.
    fn compute_region(&self, state: &State, id: NodeId, region: &Region) -> Result<Vec<Array>> {
        let node = state.graph.node(id);
        let mut program = Graph::new();
        program.set_loc(node.loc);
        let operands = node.operands.iter();
        let inputs: Vec<NodeId> = operands
            .map(|&o| program.input(state.graph.ty(o).clone()))
            .collect();
        let outputs = program.add_region(region.without_effects(), &inputs)?;
        program.set_outputs(outputs);
        let arrays = node.operands.iter();
        let arrays: Vec<Tensor> = arrays
            .map(|o| Tensor::from_array(state.values[o].clone()))
            .collect();
        let values = execute(&program, &arrays)?;
        values.iter().map(Tensor::array).collect()
    }

    fn compute(&self, state: &State, id: NodeId) -> Result<Array> {
        let node = state.graph.node(id);
        if let Op::Result { index, .. } = node.op {
            return Ok(state.regions[&node.operands[0]][index as usize].clone());
        }
        if let Op::Input(k) = node.op {
            let k = k as usize;
            return match &self.knowledge {
                Knowledge::Values(arguments) if k < arguments.len() => arguments[k].array(),
                Knowledge::Values(arguments) => state.captured[k - arguments.len()].array(),
                Knowledge::Types(transform) => {
                    let arguments = state.graph.inputs().len() - state.captured.len();
                    if k >= arguments {
                        return state.captured[k - arguments].array();
                    }
                    Err(Error::new(
                        ErrorKind::Traced,
                        format!(
                            "the value of a tensor was read inside `{transform}`, where only its type {} is known; \
                             choose between values with `where_` or `cond`, or read it outside",
                            node.ty
                        ),
                    ))
                }
            };
        }
        let operands = node.operands.iter();
        let arrays = operands.map(|o| Tensor::from_array(state.values[o].clone()));
        compute(&state.graph, id, arrays.collect())
    }
}

/// What must be computed for the value of `node`, in order: what it follows from, up to values that are there.
///
/// The walk goes back from the node, so its cost is that of what is missing, however long the graph is: a program that reads a value in each step stays linear.
fn missing(graph: &Graph, node: NodeId, is_there: impl Fn(NodeId) -> bool) -> Vec<NodeId> {
    let mut found = HashSet::new();
    let mut open = vec![node];
    while let Some(id) = open.pop() {
        if !is_there(id) && found.insert(id) {
            open.extend_from_slice(&graph.node(id).operands);
        }
    }
    let mut order: Vec<NodeId> = found.into_iter().collect();
    order.sort_unstable();
    order
}

/// The value of one node, from those of its operands. Nobody sees it: that happens when the program runs.
pub(crate) fn compute(graph: &Graph, id: NodeId, operands: Vec<Tensor>) -> Result<Array> {
    let node = graph.node(id);
    if matches!(node.op, Op::Probe(_)) {
        return operands[0].array();
    }
    let mut one = Graph::new();
    one.set_loc(node.loc);
    let inputs: Vec<NodeId> = node
        .operands
        .iter()
        .map(|&o| one.input(graph.ty(o).clone()))
        .collect();
    let out = one.add_like(node, &inputs);
    one.set_outputs(vec![out]);
    match execute(&one, &operands)?.pop() {
        Some(t) => t.array(),
        None => unreachable!("a program of one output gave none"),
    }
}

impl State {
    /// Whether the value of this node was computed; of a region, those of its results.
    fn has_value(&self, id: NodeId) -> bool {
        self.values.contains_key(&id) || self.regions.contains_key(&id)
    }

    /// The node of `tensor` in this graph; a hidden input if it comes from outside.
    fn lift(&mut self, trace: &Arc<Trace>, tensor: &Tensor) -> Result<NodeId> {
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

/// Traces `f` on arguments of these types.
pub(crate) fn close(
    types: &[Type],
    knowledge: Knowledge,
    f: &mut dyn FnMut(Vec<Tensor>) -> Vec<Tensor>,
) -> Result<Closed> {
    /// Counts the open traces, also when the closure unwinds.
    struct Depth(usize);
    impl Drop for Depth {
        fn drop(&mut self) {
            DEPTH.set(self.0);
        }
    }
    if DEPTH.get() >= Body::MOST_DEPTH {
        return Err(Body::too_deep(
            "a transform or an operation that takes functions",
        ));
    }
    let depth = Depth(DEPTH.get());
    DEPTH.set(depth.0 + 1);
    let trace = Arc::new(Trace {
        depth: depth.0 + 1,
        knowledge,
        state: Mutex::default(),
    });
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
        .map(|t| state.lift(&trace, t))
        .collect::<Result<Vec<_>>>()?;
    state.ended = true;
    let mut graph = std::mem::take(&mut state.graph);
    graph.set_outputs(outputs);
    let captured = std::mem::take(&mut state.captured);
    let observers = std::mem::take(&mut state.observers);
    state.hidden.clear();
    state.values.clear();
    state.regions.clear();
    drop(state);
    drop(depth);
    Ok(Closed {
        graph,
        captured,
        observers,
    })
}

/// [`close`] for a function of trees; also what it returns, to rebuild others like.
pub(crate) fn close_tree<A: Tree, B: Tree>(
    types: &[Type],
    knowledge: Knowledge,
    like: &A,
    f: impl Fn(&A) -> B,
) -> Result<(Closed, B)> {
    let mut result = None;
    let closed = close(types, knowledge, &mut |args| {
        let y = f(&rebuild(like, args));
        let leaves = leaves(&y);
        result = Some(y);
        leaves
    })?;
    match result {
        Some(y) => Ok((closed, y)),
        None => unreachable!("the closure was traced"),
    }
}

/// Applies a program: runs it on concrete arguments; on traced ones it becomes part of the innermost trace.
pub(crate) fn apply(graph: &Graph, arguments: Vec<Tensor>) -> Result<Vec<Tensor>> {
    let references: Vec<&Tensor> = arguments.iter().collect();
    let Some(trace) = innermost(&references) else {
        return run(graph, arguments);
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

/// Who sees values of this program, those of its loops and branches included.
fn observers(graph: &Graph) -> Vec<Arc<Observer>> {
    let ids = graph.observers().into_iter();
    ids.filter_map(Observer::find).collect()
}

/// Runs a program on concrete arguments, through the cache of compiled programs.
pub(crate) fn run(graph: &Graph, arguments: Vec<Tensor>) -> Result<Vec<Tensor>> {
    let results = execute(graph, &arguments)?;
    if seeing::checking() {
        seeing::check(graph, &arguments, &results)?;
    }
    Ok(results)
}

/// As [`run`], whatever the results are.
pub(crate) fn execute(graph: &Graph, arguments: &[Tensor]) -> Result<Vec<Tensor>> {
    let executable = gradus_cpu::cached(graph, &CompileOptions::default())?;
    let arrays = arguments
        .iter()
        .map(Tensor::array)
        .collect::<Result<Vec<Array>>>()?;
    let inputs: Vec<Input<'_>> = arrays.iter().map(Input::Borrowed).collect();
    let outputs = executable.run(inputs)?;
    Ok(outputs.into_iter().map(Tensor::from_array).collect())
}

impl Closed {
    /// The arguments of the program: `leaves`, then what was captured.
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
    use gradus_ir::primitives::{Call, Unary};

    /// What a region took to compute is not computed again for what follows from its results.
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
        let results = g.emit_region(Region::Call(Call::Checkpoint(body.into())), &[y]);
        let next = g.unary(Unary::Neg, results[0]);
        let region = g.node(results[0]).operands[0];
        assert_eq!(missing(&g, next, |id| id == results[0]), [next]);
        assert_eq!(missing(&g, next, |id| id == y), [region, results[0], next]);
    }

    /// Each step of a long program is read: the walk looks at that step alone.
    #[test]
    fn what_is_missing_is_found_without_a_look_at_the_rest() {
        let mut g = Graph::new();
        let mut x = g.input(Type::scalar(DType::F64));
        let looks = Cell::new(0);
        for k in 0..1000 {
            let before = x;
            // Not folded, not equal to another step.
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
