//! The objective is minimised everywhere, and limits are respected if any candidate meets them.

use crate::branches::branches;
use crate::functions::{filled, functions, layers, logistic, number};
use gradus::plan::{JacobianPlan, Mode, Order};
use gradus::prelude::*;

fn of(objective: Objective) -> PlanOptions {
    PlanOptions::default().objective(objective)
}

#[test]
fn under_a_limit_elimination_is_built_whatever_its_time() {
    let limited = PlanOptions::default().memory_limit(u64::MAX);
    let eliminated = |plan: &JacobianPlan| {
        let mut all = plan.plan().candidates().iter();
        all.any(|c| matches!(c.mode, Mode::Elimination(_)))
    };
    let mut more = 0;
    for (name, shape, f) in branches().into_iter().chain(functions()) {
        let x = filled(&shape, 7);
        let free = plan_jacobian(&f, &x, &PlanOptions::default()).unwrap();
        for options in [limited.clone(), of(Objective::Memory)] {
            let plan = plan_jacobian(&f, &x, &options).unwrap();
            assert!(eliminated(&plan) || !eliminated(&free), "{name}");
            more += u32::from(eliminated(&plan) && !eliminated(&free));
        }
    }
    assert!(more > 0);
}

#[test]
fn symmetry_saves_what_is_asked_for() {
    let network = layers(&[200, 300, 1]);
    let mut all = vec![
        ("logistic", vec![257], logistic(257, 300)),
        (
            "network",
            vec![200],
            Box::new(move |x: &Tensor| network(x).sum()),
        ),
    ];
    for (name, shape, f) in functions() {
        all.push((name, shape, number(f)));
    }
    for (name, shape, f) in &all {
        let x = filled(shape, 7);
        let plans = [Objective::Time, Objective::Operations, Objective::Memory]
            .map(|objective| plan_hessian(f, &x, &of(objective)).unwrap());
        let [time, operations, memory] = plans.each_ref().map(|p| p.plan().chosen());
        assert!(memory.peak_bytes <= time.peak_bytes, "{name}");
        if *name == "logistic" {
            assert!(time.symmetric && operations.symmetric);
        }
        // The memory of one candidate is a sufficient limit.
        let limit = memory.peak_bytes;
        let options = PlanOptions::default().memory_limit(limit);
        let limited = plan_hessian(f, &x, &options).unwrap();
        assert!(limited.plan().chosen().peak_bytes <= limit, "{name}");
    }
}

#[test]
fn orders_with_gaps_are_refused() {
    let plan = plan_jacobian(
        layers(&[9, 3, 8, 2, 9]),
        &filled(&[9], 1),
        &PlanOptions::default(),
    );
    let (plan, x) = (plan.unwrap(), filled(&[9], 1));
    let last = plan.plan().widths().len() - 2;
    assert!(last >= 2);
    let (first, end) = (Box::new(Order::Forward(0)), Box::new(Order::Forward(last)));
    for order in [
        Order::Product(end.clone(), first.clone()),
        Order::Push(last, first.clone()),
        Order::Pull(end, 0),
        Order::forward(last),
        Order::reverse(last + 2),
        Order::Push(last, Box::new(Order::Push(0, first))),
    ] {
        assert!(order.span() != Some((0, last)), "{order}");
        let said = plan.evaluate_in(&order, &x).unwrap_err().to_string();
        let wanted = format!(
            "the order {order} does not join segments 1 to {} without gaps",
            last + 1
        );
        assert!(said.contains(&wanted), "{said}");
    }
    assert_eq!(Order::forward(last + 1).span(), Some((0, last)));
    assert_eq!(Order::reverse(last + 1).span(), Some((0, last)));
}
