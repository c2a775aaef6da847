//! The functions with published counts: the counts come out,
//! and the planner needs no more than the best published order.

use gradus_plan::scalar::published::{PUBLISHED, Published};
use gradus_plan::scalar::{Builder, EliminationOptions};

#[test]
fn forward_and_reverse_mode_count_as_published() {
    for k in PUBLISHED {
        let graph = k.graph();
        let forward = graph.multiplications(&graph.forward_order());
        let reverse = graph.multiplications(&graph.reverse_order());
        assert_eq!(
            (forward, reverse),
            (Ok(k.forward), Ok(k.reverse)),
            "{}",
            k.name
        );
    }
}

#[test]
fn the_plan_needs_no_more_than_the_best_published() {
    for k in PUBLISHED {
        let graph = k.graph();
        let plan = graph.plan(&EliminationOptions::default());
        assert_eq!(graph.multiplications(&plan.order), Ok(plan.multiplications));
        assert!(
            plan.multiplications <= k.best,
            "{}: {}",
            k.name,
            plan.multiplications
        );
    }
}

/// The formulas have the derivatives of their own values, and each order gives the same.
#[test]
fn jacobians_are_those_of_finite_differences() {
    for k in PUBLISHED {
        let graph = k.graph();
        let plan = graph.plan(&EliminationOptions::default());
        let forward = graph.jacobian(&graph.forward_order()).unwrap();
        let planned = graph.jacobian(&plan.order).unwrap();
        let measured = differences(&k);
        let largest = forward
            .iter()
            .flatten()
            .fold(1.0, |a: f64, b| a.max(b.abs()));
        for ((a, b), c) in (forward.iter().flatten())
            .zip(planned.iter().flatten())
            .zip(measured.iter().flatten())
        {
            assert!((a - b).abs() < 1e-9 * largest, "{}: {a} and {b}", k.name);
            assert!((a - c).abs() < 1e-6 * largest, "{}: {a} and {c}", k.name);
        }
    }
}

fn values(k: &Published, point: &[f64]) -> Vec<f64> {
    let b = Builder::new(point);
    (k.write)(&b).into_iter().map(|y| y.value()).collect()
}

/// The Jacobian by central differences, extrapolated once (the error is of fourth order in the step).
fn differences(k: &Published) -> Vec<Vec<f64>> {
    let slope = |i: usize, step: f64| -> Vec<f64> {
        let at = |sign: f64| {
            let mut point = k.point.to_vec();
            point[i] += sign * step;
            values(k, &point)
        };
        (at(1.0).iter().zip(at(-1.0)))
            .map(|(after, before)| (after - before) / (2.0 * step))
            .collect()
    };
    let columns: Vec<Vec<f64>> = (0..k.point.len())
        .map(|i| {
            let step = 1e-3 * k.point[i];
            (slope(i, step).iter().zip(slope(i, 2.0 * step)))
                .map(|(fine, coarse)| (4.0 * fine - coarse) / 3.0)
                .collect()
        })
        .collect();
    (0..columns[0].len())
        .map(|o| columns.iter().map(|c| c[o]).collect())
        .collect()
}
