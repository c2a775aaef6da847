//! Bodies that only some rows run: branches that rows choose, steps that rows still make. All rows are computed, and what a row without the body computes counts for nothing.
//! So it [must not fail or be shown](guarded), and must not spoil a derivative: its cotangent is zero, but zero times an infinite or undefined slope is NaN.

use super::super::{ArgReduce, Binary, Dynamic, Op, Reduce, ReduceKind, Unary};
use super::guard::guarded;
use super::switch::select_rows;
use super::{Backward, Body};
use crate::graph::{Graph, Node, ValueId};
use crate::types::{DType, Literal};

/// What each input of a body becomes, so that nothing comes back from rows that do not run it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gate {
    /// It stays: it has no derivative, or one that nothing can spoil.
    None,
    /// It differs from row to row: where a row does not run the body, a constant of the same value takes its place.
    Rows,
    /// The same, but the value is that of a row which runs it: what all rows share sees no other.
    Valid,
    /// All rows share it: each gets a copy of its own, gated as [`Rows`](Self::Rows).
    Copied,
    /// All rows share it: a constant of the same value if no row runs the body.
    Shared,
}

/// A body that only some rows run.
pub(super) struct SomeRows {
    /// Its last inputs, if it [may fail or shows something](Self::guards), are whether the row runs it and whether any row does.
    pub body: Body,
    /// For each input of [`body`](Self::body), whether it differs from row to row.
    pub differs: Vec<bool>,
    guards: bool,
    gates: Vec<Gate>,
}

impl SomeRows {
    /// `batched` says which of the inputs differ from row to row.
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

    /// Appends the inputs of the body behind their gates; `runs` says which rows run it.
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

/// `args` for `program`, whose results are of use only if `any`: nothing comes back to them otherwise.
pub(super) fn gate_all(g: &mut Graph, any: ValueId, program: &Graph, args: &mut [ValueId]) {
    for (arg, spoils) in args.iter_mut().zip(spoilable(program)) {
        if spoils {
            *arg = if_any(g, any, *arg);
        }
    }
}

/// `x`, a constant of the same value unless `any`.
fn if_any(g: &mut Graph, any: ValueId, x: ValueId) -> ValueId {
    let shape = g.shape(x).to_vec();
    let any = g.broadcast(any, &shape, &[]);
    let constant = g.unary(Unary::StopGradient, x);
    g.select(any, x, constant)
}

fn gates(body: &Body, batched: &[bool]) -> Vec<Gate> {
    let spoils = spoilable(body);
    // A backward pass of the user's may make something of nothing.
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

/// For each input, whether something on the way from it to an output may have an infinite or undefined slope.
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

/// Whether the slopes of a node are numbers that no value can spoil.
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
        // Elements in other places.
        _ => true,
    }
}

/// The number of the first row that holds; of row 0 if none does.
fn first_row(g: &mut Graph, holds: ValueId) -> ValueId {
    let numbers = g.emit(Op::Cast(DType::I32), &[holds]);
    let argmax = ArgReduce {
        axis: 0,
        smallest: false,
    };
    g.emit(Op::ArgReduce(argmax), &[numbers])
}

/// Row `number` of `x`, in the place of every row, and without a derivative.
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

/// The greatest number of a vector, or whether one of its truth values holds; zero and no if it is empty.
pub(super) fn greatest(g: &mut Graph, x: ValueId) -> ValueId {
    if g.shape(x) == [0] {
        let zero = Literal::from_i64(g.ty(x).dtype, 0);
        return g.constant(zero, &[]);
    }
    g.reduce(ReduceKind::Max, x, &[0])
}
