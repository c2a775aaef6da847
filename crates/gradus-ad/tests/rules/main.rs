//! Every primitive's rules, from one table: derivatives against central differences, forward against reverse mode, batches against loops, second
//! order, all in the middle of a graph.

mod checks;
#[path = "../../../../tests/near.rs"]
mod near;
mod regions;
mod table;

use gradus_ir::Op;
use gradus_ir::primitives::region::Recomputed;
use gradus_ir::primitives::{Binary, Call, Compare, Loop, Region, Trips, Unary};
use std::collections::BTreeSet;

/// The operations that take operands, by name. A family's own list is walked, so that a new member is missed here.
fn all_names() -> BTreeSet<&'static str> {
    let mut names: BTreeSet<&'static str> = BTreeSet::new();
    names.extend(Unary::ALL.map(|u| Op::Unary(u).name()));
    names.extend(Binary::ALL.map(|b| Op::Binary(b).name()));
    names.extend(Compare::ALL.map(|c| Op::Compare(c).name()));
    names.extend([
        "cast",
        "select",
        "broadcast",
        "reshape",
        "transpose",
        "slice",
        "reverse",
        "pad",
        "concat",
        "slice_add",
        "take",
        "scatter_add",
        "dynamic_slice",
        "dynamic_update",
        "reduce_sum",
        "reduce_prod",
        "reduce_max",
        "reduce_min",
        "argmax",
        "argmin",
        "cumsum",
        "contract",
        "probe",
        "scan",
        "for",
        "while",
        "switch",
        "checkpoint",
        "scoped",
        "with_cost",
        "custom_jvp",
        "custom_vjp",
        "linear_call",
        "with_cotangent",
        "linear_solve",
        "check",
    ]);
    names
}

/// Whether a region has a row above. A new one does not compile until it is placed here.
fn stands_in_programs(region: &Region) -> bool {
    match region {
        Region::Loop(Loop { trips, .. }) => match trips {
            Trips::Fixed(_) | Trips::Counted | Trips::While(_) => true,
        },
        Region::Switch(_) | Region::Check(_) => true,
        Region::Call(call) => match call {
            Call::Recompute(call) => match call.kind {
                Recomputed::Checkpoint | Recomputed::Scoped | Recomputed::Costed(_) => true,
            },
            Call::CustomJvp(_)
            | Call::CustomVjp(_)
            | Call::Hook(_)
            | Call::Linear(_)
            | Call::Solve(_) => true,
            // Made by derivatives alone, of rows above; they cannot run.
            Call::BackwardOnly(_) | Call::Undefined(_) => false,
        },
    }
}

fn rows() -> Vec<table::Row> {
    [table::rows(), regions::rows()].concat()
}

#[test]
fn every_primitive_has_a_row() {
    let rows: BTreeSet<&str> = rows().iter().map(|r| r.op.name()).collect();
    let missing: Vec<_> = all_names().difference(&rows).copied().collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
    for row in regions::rows() {
        let Op::Region(region) = &row.op else {
            panic!("{row:?}");
        };
        assert!(stands_in_programs(region), "{row:?}");
    }
}

#[test]
fn forward_mode_agrees_with_central_differences() {
    for row in rows().iter().filter(|r| r.op.name() != "custom_vjp") {
        checks::forward(row);
    }
}

#[test]
fn reverse_mode_agrees_with_forward_mode() {
    for row in rows() {
        if row.op.name() == "custom_vjp" {
            checks::only_reverse(&row);
            continue;
        }
        checks::reverse(&row);
    }
}

#[test]
fn second_derivatives_agree_with_differences_of_the_first() {
    for row in rows().iter().filter(|r| r.op.name() != "custom_vjp") {
        checks::second(row);
    }
}

#[test]
fn batches_agree_with_loops() {
    for row in rows() {
        checks::batched(&row);
    }
}

#[test]
fn gradients_of_batches_agree_with_loops() {
    for row in rows() {
        checks::batched_gradient(&row);
    }
}
