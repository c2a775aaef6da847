//! Every order of the chain rule gives the same Jacobian, at the estimated cost.

mod branches;
mod explanations;
mod functions;
mod limits;
#[path = "../../../../tests/near.rs"]
mod near;
mod rules;
mod second;

use functions::{filled, functions, layers, row_by_row};
use gradus::plan::{Mode, Order};
use gradus::prelude::*;
use near::near;
use std::time::Duration;

/// All orders over `first..=last`.
fn orders(first: usize, last: usize) -> Vec<Order> {
    if first == last {
        return vec![Order::Forward(first), Order::Reverse(first)];
    }
    let mut found = Vec::new();
    for cut in first..last {
        for outer in orders(cut + 1, last) {
            for inner in orders(first, cut) {
                found.push(Order::Product(Box::new(outer.clone()), Box::new(inner)));
            }
        }
    }
    for inner in orders(first, last - 1) {
        found.push(Order::Push(last, Box::new(inner)));
    }
    for outer in orders(first + 1, last) {
        found.push(Order::Pull(Box::new(outer), first));
    }
    found
}

/// Central differences, as a matrix of the shape of the Jacobian.
pub(crate) fn differences(f: &dyn Fn(&Tensor) -> Tensor, x: &Tensor) -> Vec<f64> {
    let at = x.to_vec::<f64>().unwrap();
    let h = 1e-5;
    let columns: Vec<Vec<f64>> = (0..at.len())
        .map(|j| {
            let value = |step: f64| {
                let mut moved = at.clone();
                moved[j] += step;
                f(&Tensor::new(moved, x.shape()).unwrap())
                    .to_vec::<f64>()
                    .unwrap()
            };
            let (up, down) = (value(h), value(-h));
            up.iter()
                .zip(&down)
                .map(|(u, d)| (u - d) / (2.0 * h))
                .collect()
        })
        .collect();
    let rows = columns.first().map_or(0, Vec::len);
    (0..rows)
        .flat_map(|i| columns.iter().map(move |c| c[i]))
        .collect()
}

pub(crate) fn close(name: &str, what: &str, got: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(got.len(), wanted.len(), "{name}: {what}");
    for (k, (g, w)) in got.iter().zip(wanted).enumerate() {
        assert!(
            near(*g, *w, tolerance),
            "{name}: {what}: element {k} is {g}, wanted {w}"
        );
    }
}

#[test]
fn all_orders_agree_and_cost_what_was_said() {
    let all = functions();
    assert!(all.len() > 50, "{}", all.len());
    for (name, shape, f) in &all {
        let x = filled(shape, 7);
        let plan = plan_jacobian(f, &x, &PlanOptions::default()).unwrap();
        let wanted = jacrev(f)(&x);
        // f32 inside: its rounding shows in the differences.
        let single = *name == "four bytes";
        let exact = wanted.to_vec::<f64>().unwrap();
        if !single {
            close(name, "differences", &exact, &differences(f, &x), 1e-6);
        }
        let tolerance = if single { 1e-5 } else { 1e-12 };
        let got = plan.evaluate(&x).unwrap();
        assert_eq!(got.shape(), wanted.shape(), "{name}");
        assert_eq!(got.shape(), [f(&x).shape(), x.shape()].concat(), "{name}");
        close(
            name,
            "the plan",
            &got.to_vec::<f64>().unwrap(),
            &exact,
            tolerance,
        );
        let forward = jacfwd(f)(&x);
        close(
            name,
            "forward",
            &forward.to_vec::<f64>().unwrap(),
            &exact,
            tolerance,
        );
        let analysis = plan.analyze_for(&x, Duration::ZERO).unwrap();
        for (c, m) in plan.plan().candidates().iter().zip(&analysis.measured) {
            let m = m.unwrap();
            let by_it = plan.evaluate_by(c, &x).unwrap().to_vec::<f64>().unwrap();
            close(name, &c.name, &by_it, &exact, tolerance);
            assert_eq!(
                c.estimate.operations, m.operations,
                "{name}: {} operations",
                c.name
            );
            let (said, used) = (c.peak_bytes.unwrap() as f64, m.peak_bytes as f64);
            assert!(
                (said - used).abs() <= 0.1 * used,
                "{name}: peak {said}, used {used}"
            );
        }
    }
}

#[test]
fn every_order_over_the_parts_agrees() {
    let mut most = 0;
    for (name, shape, f) in &functions() {
        let x = filled(shape, 7);
        let plan = plan_jacobian(f, &x, &PlanOptions::default()).unwrap();
        let parts = plan.plan().widths().len() - 1;
        // Ten steps have ten segments, and so millions of orders.
        if parts == 1 || parts > 4 {
            continue;
        }
        most = most.max(parts);
        let wanted = jacrev(f)(&x).to_vec::<f64>().unwrap();
        for order in orders(0, parts - 1) {
            let got = plan.evaluate_in(&order, &x).unwrap();
            close(
                name,
                &order.to_string(),
                &got.to_vec::<f64>().unwrap(),
                &wanted,
                1e-12,
            );
        }
    }
    assert!(most >= 3, "the longest chain has {most} parts");
}

#[test]
fn rows_are_blocks() {
    for (n, m, k) in [(4, 3, 2), (50, 5, 7)] {
        let f = row_by_row(k, m);
        let x = filled(&[n, m], 1);
        let plan = plan_jacobian(&f, &x, &PlanOptions::default()).unwrap();
        let blocks = plan.evaluate_blocks(&x).unwrap();
        assert_eq!(blocks.tensor.shape(), [n, k, m]);
        assert_eq!(blocks.diagonal, [(0, 0)]);
        let dense = jacrev(&f)(&x);
        for i in 0..n {
            let wanted = dense
                .at(i)
                .permute(&[1, 0, 2])
                .at(i)
                .to_vec::<f64>()
                .unwrap();
            let got = blocks.tensor.at(i).to_vec::<f64>().unwrap();
            close("rows", "a block", &got, &wanted, 1e-13);
        }
        // The operations are proportional to the rows, in any order: zeros are written, not computed.
        let operations = |rows: usize| {
            let x = filled(&[rows, m], 1);
            let plan = plan_jacobian(&f, &x, &PlanOptions::default()).unwrap();
            plan.plan().chosen().estimate.operations
        };
        assert_eq!(operations(2 * n), 2 * operations(n));
    }
}

#[test]
fn blocks_of_all_functions_are_the_jacobian() {
    for (name, shape, f) in &functions() {
        let x = filled(shape, 7);
        let plan = plan_jacobian(f, &x, &PlanOptions::default()).unwrap();
        let blocks = plan.evaluate_blocks(&x).unwrap();
        let dense = plan.evaluate(&x).unwrap();
        let out = dense.shape().len() - x.shape().len();
        let size = |s: &[usize]| s.iter().product::<usize>();
        let (wanted, got) = (
            dense.to_vec::<f64>().unwrap(),
            blocks.tensor.to_vec::<f64>().unwrap(),
        );
        let strides =
            |s: &[usize]| -> Vec<usize> { (0..s.len()).map(|k| size(&s[k + 1..])).collect() };
        let (ds, bs) = (strides(dense.shape()), strides(blocks.tensor.shape()));
        for (at, w) in wanted.iter().enumerate() {
            let index: Vec<usize> = ds
                .iter()
                .zip(dense.shape())
                .map(|(s, d)| at / s % d)
                .collect();
            let off = blocks
                .diagonal
                .iter()
                .any(|&(a, s)| index[a] != index[out + s]);
            let kept = (0..index.len())
                .filter(|&k| k < out || blocks.diagonal.iter().all(|&(_, s)| out + s != k));
            let there: usize = kept.zip(&bs).map(|(k, s)| index[k] * s).sum();
            let value = if off { 0.0 } else { got[there] };
            // Scalar elimination rounds differently from the mode that makes its blocks.
            let tolerance = match plan.plan().chosen().mode {
                Mode::Scalar { .. } => 1e-12,
                _ => 0.0,
            };
            assert!(
                near(value, *w, tolerance),
                "{name}: {index:?}: {value} and {w}"
            );
        }
    }
}

#[test]
fn plans_work_inside_other_transforms() {
    let f = layers(&[8, 2, 8]);
    let x = filled(&[8], 1);
    let wanted = jacrev(&f)(&x);
    let j = jacobian(&f);
    let compiled = jit(|x: &Tensor| jacobian(&f)(x)).call(&x).unwrap();
    close(
        "jit",
        "Jacobian",
        &compiled.to_vec::<f64>().unwrap(),
        &wanted.to_vec::<f64>().unwrap(),
        1e-13,
    );
    let rows = gradus::tensor::stack(&[&x, &x.sin()], 0);
    let mapped = vmap(&j)(&rows);
    for k in 0..2 {
        let alone = j(&rows.at(k)).to_vec::<f64>().unwrap();
        close(
            "vmap",
            "Jacobian",
            &mapped.at(k).to_vec::<f64>().unwrap(),
            &alone,
            1e-13,
        );
    }
    // A derivative of a planned Jacobian.
    let slope = grad(|x: &Tensor| jacobian(&f)(x).square().sum())(&x)
        .to_vec::<f64>()
        .unwrap();
    let as_jacrev = grad(|x: &Tensor| jacrev(&f)(x).square().sum())(&x)
        .to_vec::<f64>()
        .unwrap();
    close("grad", "of a Jacobian", &slope, &as_jacrev, 1e-12);
}

#[test]
fn a_limit_rules_orders_out() {
    let f = layers(&[50, 4, 50]);
    let x = filled(&[50], 1);
    let with = |limit| {
        let options = PlanOptions::default().memory_limit(limit);
        plan_jacobian(&f, &x, &options)
    };
    let peaks: Vec<u64> = with(1 << 30)
        .unwrap()
        .plan()
        .candidates()
        .iter()
        .map(|c| c.peak_bytes.unwrap())
        .collect();
    let (least, most) = (*peaks.iter().min().unwrap(), *peaks.iter().max().unwrap());
    assert!(least < most, "{peaks:?}");
    let plan = with(most - 1).unwrap();
    assert!(
        plan.explain().contains("ruled out: needs"),
        "{}",
        plan.explain()
    );
    assert!(plan.plan().chosen().ruled_out.is_none());
    assert!(
        plan.analyze_for(&x, Duration::ZERO)
            .unwrap()
            .measured
            .iter()
            .any(Option::is_none)
    );
    for limit in [0, least - 1] {
        let error = with(limit).err().unwrap().to_string();
        let wanted = format!(
            "plan_jacobian: no order of the chain rule fits into {limit} bytes; the smallest needs {least} bytes \
             (recomputation is not available yet)"
        );
        assert!(error.starts_with(&wanted), "{error}");
        assert!(error.contains("main.rs"), "{error}");
    }
}

#[test]
fn large_programs_are_planned_within_bounds() {
    let (narrow, wide) = (filled(&[2, 6], 1), filled(&[6, 2], 1));
    let long = |x: &Tensor| (0..300).fold(x.sin(), |y, _| (&y * 0.9).sin() + y.square() * 0.1);
    type Function<'a> = Box<dyn Fn(&Tensor) -> Tensor + 'a>;
    let cases: [(usize, &str, &str, Function); 3] = [
        (
            6,
            "reverse",
            "forward, elimination",
            Box::new(|x| narrow.matmul(&long(x))),
        ),
        (
            2,
            "forward",
            "reverse, elimination",
            Box::new(|x| long(&wide.matmul(x))),
        ),
        // Both modes carry as many vectors: the matrices are multiplied along their rows.
        (
            6,
            "reverse",
            "mixed, forward, elimination",
            Box::new(|x| wide.matmul(&narrow.matmul(&long(x)))),
        ),
    ];
    for (shape, kept, left_out, f) in cases {
        let x = filled(&[shape], 1);
        let options = PlanOptions::default().node_budget(100);
        let plan = plan_jacobian(&f, &x, &options).unwrap();
        let line = format!("    not built, because the program is large: {left_out}\n");
        assert!(plan.explain().contains(&line), "{}", plan.explain());
        let names: Vec<&str> = plan
            .plan()
            .not_built()
            .iter()
            .map(|n| n.name.as_str())
            .collect();
        assert_eq!(names.join(", "), left_out);
        assert!(
            plan.plan()
                .to_html()
                .contains("Not built, as the program is large")
                && plan.plan().to_json().contains("\"not_built\": [{\"name\"")
        );
        let names: Vec<&str> = plan
            .plan()
            .candidates()
            .iter()
            .map(|c| c.name.as_str())
            .collect();
        assert_eq!(names, [kept]);
        let wanted = jacrev(&f)(&x).to_vec::<f64>().unwrap();
        close(
            "large",
            kept,
            &plan.evaluate(&x).unwrap().to_vec::<f64>().unwrap(),
            &wanted,
            1e-12,
        );
        let unbounded = plan_jacobian(&f, &x, &options.node_budget(usize::MAX)).unwrap();
        assert!(unbounded.plan().not_built().is_empty());
        assert!(!unbounded.explain().contains("not built"));
    }
}

#[test]
fn mistakes_are_explained() {
    let options = PlanOptions::default();
    let said = |error: Error| error.to_string().lines().next().unwrap().to_string();
    let f = |x: &Tensor| x.sin();
    let integers = Tensor::new(vec![1i64, 2], &[2]).unwrap();
    insta::assert_snapshot!(said(plan_jacobian(f, &integers, &options).err().unwrap()), @"plan_jacobian: the argument is i64[2], and derivatives exist with respect to floating-point tensors only; convert it with `astype`, or let the function capture it instead");
    let x = filled(&[3], 1);
    insta::assert_snapshot!(said(plan_jacobian(|x: &Tensor| x.greater(0.0), &x, &options).err().unwrap()), @"plan_jacobian: the function returned bool[3], and only floating-point numbers have derivatives; convert it with `astype`");
    insta::assert_snapshot!(said(plan_jacobian(|x: &Tensor| x + filled(&[4], 0), &x, &options).err().unwrap()), @"add: shapes [3] and [4] do not broadcast: axis 0 has sizes 3 and 4; sizes must be equal or 1");
    let plan = plan_jacobian(f, &x, &options).unwrap();
    insta::assert_snapshot!(said(plan.evaluate(&filled(&[4], 1)).err().unwrap()), @"the plan was made for points of type f64[3], got f64[4]");
}
