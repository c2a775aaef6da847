//! Bodies that only some rows run: branches that rows choose, steps that rows still make.
//! All rows are computed, and the results of a row that does not run the body are ignored.
//! In such a row the body [must not fail or show values](guarded), and must not spoil a derivative:
//! its cotangent is zero, but zero times an infinite or undefined slope is NaN.

use super::super::{ArgReduce, Binary, Dynamic, Op, Reduce, ReduceKind, Unary};
use super::guard::guarded;
use super::switch::select_rows;
use super::{Backward, Body};
use crate::graph::{Graph, Node, ValueId};
use crate::types::{DType, Literal};

/// The replacement for an input of a body that keeps derivatives away from rows that do not run it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gate {
    /// The input stays: it has no derivative, or one that nothing can spoil.
    None,
    /// The input differs from row to row: in a row that does not run the body,
    /// a constant of the same value replaces it.
    Rows,
    /// Like `Rows`, but the constant is the value of a row that runs the body, so that shared values see no other.
    Valid,
    /// All rows share the input: each gets its own copy, gated like [`Rows`](Self::Rows).
    Copied,
    /// All rows share the input: a constant of the same value replaces it if no row runs the body.
    Shared,
}

/// A body that only some rows run.
pub(super) struct SomeRows {
    /// Its last inputs, if it [can fail or shows values](Self::guards),
    /// are whether the row runs it and whether any row does.
    pub body: Body,
    /// For each input of [`body`](Self::body), whether it differs from row to row.
    pub differs: Vec<bool>,
    guards: bool,
    gates: Vec<Gate>,
}

impl SomeRows {
    /// `batched` marks the inputs that differ from row to row.
    pub fn new(body: &Body, batched: &[bool]) -> SomeRows {
        let gates = gates(body, batched);
        let pairs = gates.iter().zip(batched);
        let mut differs: Vec<bool> = pairs.map(|(&gate, &b)| b || gate == Gate::Copied).collect();
        let guards = body.may_fail() || body.has_effects();
        let body = match guards {
            true => guarded(body, &differs).into(),
            false => body.clone(),
        };
        if guards {
            differs.extend([true, false]);
        }
        SomeRows {
            body,
            differs,
            guards,
            gates,
        }
    }

    /// Appends the inputs of the body with their gates; `runs` says which rows run it.
    pub fn inputs(&self, g: &mut Graph, runs: ValueId, inputs: &[ValueId]) -> Vec<ValueId> {
        let n = g.shape(runs)[0];
        let mut first = None;
        let gated = inputs.iter().zip(&self.gates).map(|(&x, gate)| match gate {
            Gate::None => x,
            Gate::Rows => {
                let constant = g.unary(Unary::StopGradient, x);
                select_rows(g, runs, x, constant)
            }
            Gate::Copied => {
                let copies = g.repeat_front(x, n);
                let constant = g.unary(Unary::StopGradient, copies);
                select_rows(g, runs, copies, constant)
            }
            Gate::Valid if n == 0 => x,
            Gate::Valid => {
                let first = *first.get_or_insert_with(|| first_row(g, runs));
                let valid = row(g, x, first);
                select_rows(g, runs, x, valid)
            }
            Gate::Shared => {
                let any = greatest(g, runs);
                if_any(g, any, x)
            }
        });
        let mut all: Vec<ValueId> = gated.collect();
        if self.guards {
            let any = greatest(g, runs);
            all.extend([runs, any]);
        }
        all
    }
}

/// Gates `args` for `program`, whose results are only used if `any` is true: otherwise no derivative reaches them.
pub(super) fn gate_all(g: &mut Graph, any: ValueId, program: &Graph, args: &mut [ValueId]) {
    for (arg, spoils) in args.iter_mut().zip(spoilable(program)) {
        if spoils {
            *arg = if_any(g, any, *arg);
        }
    }
}

/// `x`, or a constant of the same value if `any` is false.
fn if_any(g: &mut Graph, any: ValueId, x: ValueId) -> ValueId {
    let shape = g.shape(x).to_vec();
    let any = g.broadcast(any, &shape, &[]);
    let constant = g.unary(Unary::StopGradient, x);
    g.select(any, x, constant)
}

fn gates(body: &Body, batched: &[bool]) -> Vec<Gate> {
    let spoils = spoilable(body);
    // A user's backward pass can turn a zero cotangent into another one.
    let copied =
        |k: usize| body.backward() > Backward::Derived || body.ty(body.inputs()[k]).rank() == 0;
    let shared = (0..batched.len()).any(|k| !batched[k] && spoils[k] && !copied(k));
    let gate = |k: usize| match batched[k] {
        true if shared => Gate::Valid,
        true if spoils[k] => Gate::Rows,
        false if spoils[k] && copied(k) => Gate::Copied,
        false if spoils[k] => Gate::Shared,
        _ => Gate::None,
    };
    (0..batched.len())
        .map(|k| match body.ty(body.inputs()[k]).is_list() {
            true => Gate::None,
            false => gate(k),
        })
        .collect()
}

/// For each input, whether an operation on a path to an output can have an infinite or undefined slope.
fn spoilable(body: &Graph) -> Vec<bool> {
    let mut bent = vec![false; body.len()];
    let live = body.live();
    for node in body.nodes().iter().rev().filter(|node| node.runs(&live)) {
        let here = node.has_marked(&bent) || !is_harmless(body, node);
        for o in &node.operands {
            bent[o.index()] |= here;
        }
    }
    let inputs = body.inputs().iter();
    inputs
        .map(|i| bent[i.index()] && body.ty(*i).dtype.has_derivatives())
        .collect()
}

/// Whether the slopes of a node are finite for all values.
fn is_harmless(body: &Graph, node: &Node) -> bool {
    match &node.op {
        Op::Unary(u) => matches!(u, Unary::Neg | Unary::StopGradient),
        Op::Binary(Binary::Add | Binary::Sub) => true,
        Op::Binary(Binary::Mul) => {
            let is_number = |&o: &ValueId| body.literal(o).is_some_and(|v| v.as_f64().is_finite());
            node.operands.iter().any(is_number)
        }
        Op::Reduce(Reduce { kind, .. }) => *kind == ReduceKind::Sum,
        Op::Region(_) | Op::Contract(_) | Op::CumSum(_) => false,
        Op::Binary(_) => false,
        // Rearranged elements.
        _ => true,
    }
}

/// The number of the first row for which `holds` is true; 0 if there is none.
fn first_row(g: &mut Graph, holds: ValueId) -> ValueId {
    let numbers = g.emit(Op::Cast(DType::I32), &[holds]);
    let argmax = ArgReduce {
        axis: 0,
        smallest: false,
    };
    g.emit(Op::ArgReduce(argmax), &[numbers])
}

/// Row `number` of `x` in place of every row, without a derivative.
fn row(g: &mut Graph, x: ValueId, number: ValueId) -> ValueId {
    let ty = g.ty(x).clone();
    let mut sizes = ty.shape.clone();
    sizes[0] = 1;
    let starts = start_of_row(g, number, ty.rank());
    let constant = g.unary(Unary::StopGradient, x);
    let one = g.emit(Op::Dynamic(Dynamic::Slice { sizes }), &[constant, starts]);
    let one = g.reshape(one, &ty.shape[1..]);
    g.repeat_front(one, ty.shape[0])
}

fn start_of_row(g: &mut Graph, number: ValueId, rank: usize) -> ValueId {
    let number = g.emit(Op::Cast(DType::I64), &[number]);
    let number = g.reshape(number, &[1]);
    if rank == 1 {
        return number;
    }
    let zeros = g.constant(Literal::from_i64(DType::I64, 0), &[rank - 1]);
    g.concat(&[number, zeros], 0)
}

/// The largest number of a vector, or whether one of its booleans is true; zero or false if it is empty.
pub(super) fn greatest(g: &mut Graph, x: ValueId) -> ValueId {
    if g.shape(x) == [0] {
        let zero = Literal::from_i64(g.ty(x).dtype, 0);
        return g.constant(zero, &[]);
    }
    g.reduce(ReduceKind::Max, x, &[0])
}
