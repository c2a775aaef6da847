//! A linear program run backwards: cotangents pulled from its outputs to its inputs.

use crate::regions;
use gradus_ir::primitives::{Contribution, Dynamic, Gather, Linearity, Resize, Transpose};
use gradus_ir::{Graph, Op, ValueId, verify};
use smallvec::SmallVec;

/// Appends to `g` the cotangents of `inputs`, given those of some values that are linear in them: `(value, cotangent)`.
///
/// Only nodes between `inputs` and the given ones are walked; they must be linear in `inputs`. With `y = A·x` this is `x̄ = Aᵀ·ȳ`. `None`
/// is a cotangent that is zero by structure. Contributions to slices and indexed places are added in place to what is there.
///
/// # Panics
/// If a node between is not linear in the operands that depend on `inputs`, which is a mistake in the rule that made it.
pub fn transpose(
    g: &mut Graph,
    outputs: &[(ValueId, ValueId)],
    inputs: &[ValueId],
) -> Vec<Option<ValueId>> {
    onto(g, outputs, inputs, &[])
}

/// As [`transpose`], where some values have a cotangent already, to which all that comes is added.
fn onto(
    g: &mut Graph,
    outputs: &[(ValueId, ValueId)],
    inputs: &[ValueId],
    so_far: &[(ValueId, ValueId)],
) -> Vec<Option<ValueId>> {
    let _scope = regions::Scope::enter();
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
        let node = node.clone();
        let linear: SmallVec<[bool; 3]> = node.operands.iter().map(|o| active[o.index()]).collect();
        if let Op::Region(_) = &node.op {
            let of_results: Vec<Option<ValueId>> = node
                .results()
                .map(|v| cotangents[v.index()].filter(|_| !ends[v.index()]))
                .collect();
            let outer = g.set_loc(node.loc.cotangent(node.op.name()));
            for (k, ct) in regions::transpose(g, &node, &linear, &of_results) {
                let part = Contribution::Whole(ct);
                accumulate(g, &mut cotangents, node.operands[k], part);
            }
            g.set_loc(outer);
            continue;
        }
        let Some(cotangent) = cotangents[node.result().index()] else {
            continue;
        };
        let outer = g.set_loc(node.loc.cotangent(node.op.name()));
        let mut cx = Transpose {
            graph: g,
            operands: &node.operands,
            linear: &linear,
            cotangent,
            contributions: Default::default(),
        };
        let linearity = node.op.transpose(&mut cx);
        let contributions = std::mem::take(&mut cx.contributions);
        assert!(
            linearity == Linearity::Linear,
            "transpose: {} is not linear in the operands {linear:?}",
            node.op.name()
        );
        for (k, contribution) in contributions {
            debug_assert!(linear[k]);
            accumulate(g, &mut cotangents, node.operands[k], contribution);
        }
        g.set_loc(outer);
    }
    inputs.iter().map(|i| cotangents[i.index()]).collect()
}

/// Adds what one use contributes to the cotangent of `x`.
fn accumulate(g: &mut Graph, cotangents: &mut [Option<ValueId>], x: ValueId, part: Contribution) {
    let ty = g.ty(x).clone();
    let so_far = cotangents[x.index()];
    let sum = match (part, so_far) {
        (Contribution::Whole(ct), None) => ct,
        (Contribution::Whole(ct), Some(sum)) if ty.is_list() => regions::add_lists(g, sum, ct),
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
        ) => g.emit(Op::Resize(Resize::SliceAdd { start, stride }), &[sum, part]),
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

/// The transpose of a whole program: `linear` has inputs `(fixed…, x…)`, the first `fixed` of which it need not be linear in.
///
/// The result has inputs `(fixed…, ȳ…)`, one cotangent for each output of `linear`, and outputs `x̄…` (zeros where nothing comes back).
pub fn transpose_linear(linear: &Graph, fixed: usize) -> Graph {
    transpose_onto(linear, fixed, 0)
}

/// As [`transpose_linear`], but of the first `sums` of `x…` the result gets what their cotangents are added to, as further inputs: `(fixed…, ȳ…, s…)`. So a cotangent
/// that belongs at some places of an array goes there, and no other array of that size is made.
pub(crate) fn transpose_onto(linear: &Graph, fixed: usize, sums: usize) -> Graph {
    let mut g = linear.clone();
    let (known, unknown) = linear.inputs().split_at(fixed);
    let seeds: Vec<(ValueId, ValueId)> = linear
        .outputs()
        .iter()
        .map(|&y| (y, g.input_like(linear, y)))
        .collect();
    let so_far: Vec<(ValueId, ValueId)> = unknown[..sums]
        .iter()
        .map(|&x| (x, g.input_like(linear, x)))
        .collect();
    let cotangents = onto(&mut g, &seeds, unknown, &so_far);
    let mut inputs = known.to_vec();
    inputs.extend(seeds.iter().chain(&so_far).map(|&(_, ct)| ct));
    let outputs: Vec<ValueId> = cotangents
        .iter()
        .zip(unknown)
        .map(|(ct, &x)| ct.unwrap_or_else(|| g.constant_like(0.0, x)))
        .collect();
    // What a way back of the user's own shows is shown.
    let transposed = g.program(&inputs, &outputs).merged();
    verify::check_after("transpose", &transposed);
    transposed
}
