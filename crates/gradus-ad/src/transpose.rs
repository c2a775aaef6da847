//! Runs a linear program backwards: cotangents are pulled from its outputs to its inputs.

use crate::GraphTransforms;
use gradus_ir::primitives::region::add_lists;
use gradus_ir::primitives::{Contribution, Dynamic, Gather, Linearity, Place, Transpose};
use gradus_ir::{Graph, Op, Operands, ValueId, verify};
use smallvec::SmallVec;

/// Appends to `g` the cotangents of `inputs`,
/// given the cotangents of some values that are linear in them, as pairs `(value, cotangent)`.
///
/// Only nodes between `inputs` and the given values are visited, and they must be linear in `inputs`.
/// With `y = A·x` this is `x̄ = Aᵀ·ȳ`. `None` is a cotangent that is zero by structure.
/// Contributions to slices and indexed places are added in place.
///
/// # Panics
/// If a node between is not linear in the operands that depend on `inputs`,
/// which is a mistake in the rule that made the node.
pub fn transpose(
    g: &mut Graph,
    outputs: &[(ValueId, ValueId)],
    inputs: &[ValueId],
) -> Vec<Option<ValueId>> {
    onto(&mut GraphTransforms::default(), g, outputs, inputs, &[])
}

/// Like [`transpose`], but some values already have a cotangent, to which their contributions are added.
fn onto(
    transforms: &mut GraphTransforms,
    g: &mut Graph,
    outputs: &[(ValueId, ValueId)],
    inputs: &[ValueId],
    so_far: &[(ValueId, ValueId)],
) -> Vec<Option<ValueId>> {
    let active = g.dependents_of(inputs);
    let before = g.node_ids();
    let mut ends = vec![false; g.len()];
    for x in inputs {
        ends[x.index()] = true;
    }
    let mut cotangents: Vec<Option<ValueId>> = vec![None; g.len()];
    for &(x, sum) in so_far {
        cotangents[x.index()] = Some(sum);
    }
    for &(y, ct) in outputs {
        if active[y.index()] {
            accumulate(g, &mut cotangents, y, Contribution::Whole(ct));
        }
    }
    for id in before.rev() {
        let has_cotangent = |v: ValueId| cotangents[v.index()].is_some() && !ends[v.index()];
        let node = g.node(id);
        if matches!(node.op, Op::Input(_)) || !node.results().any(has_cotangent) {
            continue;
        }
        let (op, operands) = (node.op.clone(), Operands::from_slice(&node.operands));
        let linear: SmallVec<[bool; 3]> = operands.iter().map(|o| active[o.index()]).collect();
        let of_results: SmallVec<[Option<ValueId>; 1]> = (node.results())
            .map(|v| cotangents[v.index()].filter(|_| !ends[v.index()]))
            .collect();
        let outer = g.set_loc(node.loc.cotangent(op.name()));
        let mut cx = Transpose {
            graph: g,
            transforms,
            operands: &operands,
            linear: &linear,
            cotangents: &of_results,
            contributions: Default::default(),
        };
        let linearity = op.transpose(&mut cx);
        let contributions = std::mem::take(&mut cx.contributions);
        assert!(
            linearity != Linearity::Nonlinear,
            "transpose: {} is not linear in the operands {linear:?}",
            op.name()
        );
        for (k, contribution) in contributions {
            debug_assert!(linear[k]);
            accumulate(g, &mut cotangents, operands[k], contribution);
        }
        g.set_loc(outer);
    }
    inputs.iter().map(|i| cotangents[i.index()]).collect()
}

/// Adds the contribution of one use to the cotangent of `x`.
fn accumulate(g: &mut Graph, cotangents: &mut [Option<ValueId>], x: ValueId, part: Contribution) {
    let ty = g.ty(x).clone();
    let so_far = cotangents[x.index()];
    let sum = match (part, so_far) {
        (Contribution::Whole(ct), None) => ct,
        (Contribution::Whole(ct), Some(sum)) if ty.is_list() => add_lists(g, sum, ct),
        (Contribution::Whole(ct), Some(sum)) => g.add_nodes(sum, ct),
        (
            Contribution::Slice {
                part,
                start,
                stride,
            },
            None,
        ) => g.place(part, &ty.shape, &start, &stride),
        (
            Contribution::Slice {
                part,
                start,
                stride,
            },
            Some(sum),
        ) => {
            let place = Place { start, stride };
            g.emit(Op::Resize(place.into()), &[sum, part])
        }
        (Contribution::Dynamic { part, starts }, so_far) => {
            let (whole, part) = match so_far {
                None => (g.constant_like(0.0, x), part),
                Some(sum) => {
                    let sizes = g.ty(part).shape.clone();
                    let there = g.emit(Op::Dynamic(Dynamic::Slice { sizes }), &[sum, starts]);
                    (sum, g.add_nodes(there, part))
                }
            };
            g.emit(Op::Dynamic(Dynamic::Update), &[whole, part, starts])
        }
        (Contribution::Scatter { op, indices, part }, so_far) => {
            debug_assert!(matches!(op, Gather::ScatterAdd { .. }));
            let whole = so_far.unwrap_or_else(|| g.constant_like(0.0, x));
            g.emit(Op::Gather(op), &[whole, indices, part])
        }
    };
    assert_eq!(g.ty(sum), &ty, "a cotangent has its value's type");
    cotangents[x.index()] = Some(sum);
}

/// The transpose of a whole program.
/// `linear` has inputs `(fixed…, x…)`, and need not be linear in the first `fixed` of them.
///
/// The result has inputs `(fixed…, ȳ…)`, one cotangent for each output of `linear`,
/// and outputs `x̄…` (zeros where nothing contributes).
pub fn transpose_linear(linear: &Graph, fixed: usize) -> Graph {
    transpose_with(&mut GraphTransforms::default(), linear, fixed, 0)
}

/// See [`Transforms::transpose`](gradus_ir::primitives::Transforms::transpose).
pub(crate) fn transpose_with(
    transforms: &mut GraphTransforms,
    linear: &Graph,
    fixed: usize,
    sums: usize,
) -> Graph {
    let mut g = linear.clone();
    let (fixed_inputs, varying) = linear.inputs().split_at(fixed);
    let seeds: Vec<(ValueId, ValueId)> = linear
        .outputs()
        .iter()
        .map(|&y| (y, g.input_like(linear, y)))
        .collect();
    let so_far: Vec<(ValueId, ValueId)> = varying[..sums]
        .iter()
        .map(|&x| (x, g.input_like(linear, x)))
        .collect();
    let cotangents = onto(transforms, &mut g, &seeds, varying, &so_far);
    let mut inputs = fixed_inputs.to_vec();
    inputs.extend(seeds.iter().chain(&so_far).map(|&(_, ct)| ct));
    let outputs: Vec<ValueId> = cotangents
        .iter()
        .zip(varying)
        .map(|(ct, &x)| ct.unwrap_or_else(|| g.constant_like(0.0, x)))
        .collect();
    // Values that a user's backward pass shows stay visible.
    let transposed = g.program(&inputs, &outputs).merged();
    verify::check_after("transpose", &transposed);
    transposed
}
