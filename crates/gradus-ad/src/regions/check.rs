//! Checks: derivatives pass as the arrays do, and what is checked has none.

use gradus_ir::primitives::{Check, Region};
use gradus_ir::{Graph, ValueId};

pub(super) fn transpose(
    check: &Check,
    linear: &[bool],
    cotangents: &[Option<ValueId>],
) -> Vec<(usize, ValueId)> {
    let first = 1 + check.reported;
    let passed = cotangents.iter().enumerate();
    let passed = passed.filter_map(|(k, ct)| ct.map(|ct| (first + k, ct)));
    passed.filter(|&(k, _)| linear[k]).collect()
}

/// The condition must hold for every row. A result has the axis if its operand has.
pub(super) fn batch(
    g: &mut Graph,
    check: &Check,
    operands: &[ValueId],
    batched: &[bool],
    n: usize,
) -> Vec<(ValueId, bool)> {
    let first = 1 + check.reported;
    let mut args = operands.to_vec();
    if batched[..first].contains(&true) {
        for k in (0..first).filter(|&k| !batched[k]) {
            args[k] = g.repeat_front(args[k], n);
        }
    }
    let passed = args[first..].iter().map(|&x| g.ty(x).clone()).collect();
    let check = Check {
        passed,
        ..check.clone()
    };
    let results = g.emit_region(Region::Check(check), &args);
    results
        .into_iter()
        .zip(batched[first..].iter().copied())
        .collect()
}
