//! Every primitive's rules, from one table, all in the middle of a graph:
//! derivatives against central differences, forward against reverse mode, batches against loops, second order.

mod checks;
#[path = "../../../../tests/near.rs"]
mod near;
#[path = "../../../../tests/primitives.rs"]
mod primitives;
mod regions;
mod table;

use std::collections::BTreeSet;

/// Calls that only derivatives make, from calls that have rows. They cannot run.
const MADE_BY_DERIVATIVES: [&str; 2] = ["custom_vjp_tangent", "undefined_tangent"];

fn rows() -> Vec<table::Row> {
    [table::rows(), regions::rows()].concat()
}

#[test]
fn every_primitive_has_a_row() {
    let rows = rows();
    let named: BTreeSet<&str> = rows
        .iter()
        .filter_map(|row| primitives::listed(&row.op))
        .collect();
    let mut wanted = primitives::operations();
    wanted.extend(primitives::regions());
    wanted.retain(|name| !MADE_BY_DERIVATIVES.contains(name));
    let missing: Vec<_> = wanted
        .iter()
        .filter(|name| !named.contains(*name))
        .collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
    for row in &rows {
        assert_eq!(primitives::listed(&row.op), Some(row.op.name()));
    }
}

#[test]
fn values_are_those_of_the_reference_engine() {
    rows().iter().for_each(checks::by_definition);
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
