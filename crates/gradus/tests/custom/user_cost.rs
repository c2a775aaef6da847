//! Functions with a user-supplied cost.

use crate::{agree, agree_in_reverse};
use gradus::plan::{JacobianPlan, Mode};
use gradus::prelude::*;
use std::time::Duration;

const DEAR: UserCost = UserCost {
    value: 1_000,
    tangent: 1_000_000,
    cotangent: 1_000_000,
};

fn x() -> Tensor {
    Tensor::from([0.4, 0.8, 1.3])
}

/// A user-supplied cost changes no number in any transform, whatever the function contains.
#[test]
fn what_is_computed_is_the_same() {
    let plain = |x: &Tensor| (x.sin() * x.sum()).sum();
    let f = |x: &Tensor| with_cost(plain, DEAR)(x);
    agree(f, plain, &x(), 1e-13);
    let sine = |x: &Tensor| x.sin().square().sum();
    let by_jvp = |x: &Tensor| {
        let own = custom_jvp(
            |x: &Tensor| x.sin(),
            |x: &Tensor, _: &Tensor, t: &Tensor| x.cos() * t,
        );
        with_cost(own, DEAR)(x).square().sum()
    };
    agree(by_jvp, sine, &x(), 1e-13);
    let by_vjp = |x: &Tensor| {
        let own = custom_vjp(
            |x: &Tensor| x.sin(),
            |x: &Tensor| (x.sin(), x.clone()),
            |x: &Tensor, g: &Tensor| x.cos() * g,
        );
        with_cost(own, DEAR)(x).square().sum()
    };
    agree_in_reverse(by_vjp, sine, &x(), 1e-13);
    // In a loop, and around a loop with a condition.
    let halved =
        |x: &Tensor| while_loop(|x: &Tensor| x.sum().greater(1.0), |x: &Tensor| x * 0.5, x);
    let looped = |x: &Tensor| {
        let step = |x: &Tensor| with_cost(halved, DEAR)(&(x * 3.0)).sin();
        fori_loop(0..3, |_, x: &Tensor| step(x), x).sum()
    };
    let wanted = |x: &Tensor| fori_loop(0..3, |_, x: &Tensor| halved(&(x * 3.0)).sin(), x).sum();
    agree(looped, wanted, &x(), 1e-13);
}

fn planned(cost: UserCost, objective: Objective) -> JacobianPlan {
    let a = Tensor::full(&[8, 4], 0.5);
    let own = custom_jvp(
        |x: &Tensor| x.sin(),
        |x: &Tensor, _: &Tensor, t: &Tensor| x.cos() * t,
    );
    let f = with_cost(move |x: &Tensor| own(&a.matmul(x)), cost);
    let options = PlanOptions::default().objective(objective);
    plan_jacobian(f, &Tensor::ones(&[4], F64), &options).unwrap()
}

#[test]
fn what_is_stated_decides() {
    let cheap = UserCost {
        cotangent: 1_000,
        ..DEAR
    };
    for objective in [Objective::Time, Objective::Operations] {
        let plan = planned(DEAR, objective);
        assert_eq!(plan.plan().chosen().mode, Mode::Forward);
        let plan = planned(cheap, objective);
        assert_eq!(plan.plan().chosen().mode, Mode::Reverse);
        for c in plan.plan().candidates() {
            let stated = match c.mode {
                Mode::Forward => 4 * cheap.tangent,
                _ => 8 * cheap.cotangent,
            };
            assert_eq!(c.user_supplied_operations, stated);
            assert!(c.estimate.operations >= stated && c.estimate.operations < stated + 1_000);
        }
    }
}

/// If operations are user-supplied, the plan says so, and the run counts its real operations.
#[test]
fn a_plan_says_what_is_stated() {
    let plan = planned(DEAR, Objective::Time);
    let text = plan.explain();
    assert!(
        text.contains("  4,000,000 of the operations user-supplied\n"),
        "{text}"
    );
    let line = text
        .lines()
        .find(|line| line.contains("user-supplied, not counted"));
    let line = line.unwrap_or_else(|| panic!("{text}"));
    let place = format!(
        "user-supplied, not counted: the operations of with_cost, at {}:",
        file!()
    );
    assert!(line.trim_start().starts_with(&place), "{line}");
    let page = plan.plan().to_html();
    assert!(page.contains("<td>4,000,000 of the operations user-supplied</td>"));
    assert!(page.contains(&format!("<p class=\"note\">{place}")));
    let analysis = plan
        .analyze_for(&Tensor::ones(&[4], F64), Duration::ZERO)
        .unwrap();
    let read: serde_json::Value = serde_json::from_str(&analysis.to_json()).unwrap();
    let forward = &read["candidates"][0];
    assert_eq!(forward["user_supplied_operations"], 4_000_000);
    assert!(forward["measured"]["operations"].as_u64().unwrap() < 1_000);
    // Without a user-supplied cost there is no note.
    let x = Tensor::ones(&[4], F64);
    let plain = plan_jacobian(|x: &Tensor| x.sin(), &x, &PlanOptions::default()).unwrap();
    assert!(!plain.explain().contains("stated"));
    assert!(!plain.plan().to_json().contains("stated"));
    assert!(!plain.plan().to_html().contains("operations stated"));
}

/// Gradients of the whole, by the mode with the lower user-supplied cost.
#[test]
fn second_derivatives_are_weighed_by_what_is_stated() {
    let f = with_cost(|x: &Tensor| x.sin().sum(), DEAR);
    let plan = plan_hessian(f, &x(), &PlanOptions::default()).unwrap();
    assert!(plan.explain().contains("of the operations user-supplied"));
    let found = plan.evaluate(&x()).unwrap();
    let wanted = hessian(|x: &Tensor| x.sin().sum())(&x());
    crate::same(&found, &wanted, 1e-14);
}
