//! Second derivatives: all compositions and orders agree, at the estimated cost, and symmetry saves its share.

use crate::functions::{Function, filled, functions, layers, logistic, number, row_by_row};
use crate::{close, differences};
use gradus::plan::{Candidate, Plan};
use gradus::prelude::*;
use gradus_cpu::{Array, Input};

fn numbers(x: &Tensor) -> Vec<f64> {
    x.to_vec::<f64>().unwrap()
}

/// Checks that counted operations and bytes at the peak equal the estimates.
fn counts_are_as_said(name: &str, c: &Candidate) {
    let arrays: Vec<Array> = c
        .program
        .input_types()
        .iter()
        .map(|ty| match ty.dtype {
            F64 => Array::from_slice(&vec![0.0f64; ty.elements()], &ty.shape).unwrap(),
            F32 => Array::from_slice(&vec![0.0f32; ty.elements()], &ty.shape).unwrap(),
            _ => Array::from_slice(&vec![0i64; ty.elements()], &ty.shape).unwrap(),
        })
        .collect();
    let run = gradus_cpu::compile(&c.program, &Default::default()).unwrap();
    let inputs = arrays.iter().map(Input::Borrowed).collect();
    let (_, counts) = run.run_counted(inputs).unwrap();
    assert_eq!(
        c.estimate.operations, counts.operations,
        "{name}: {} operations",
        c.name
    );
    let (said, used) = (c.peak_bytes.unwrap() as f64, counts.peak_bytes as f64);
    assert!(
        (said - used).abs() <= 0.1 * used,
        "{name}: {}: peak {said}, used {used}",
        c.name
    );
}

#[test]
fn all_candidates_for_a_hessian_agree_and_cost_what_was_said() {
    let mut seen: Vec<String> = Vec::new();
    for (name, shape, f) in functions() {
        let f = number(f);
        let x = filled(&shape, 7);
        let plan = plan_hessian(&f, &x, &PlanOptions::default()).unwrap();
        let wanted = jacfwd(grad(&f))(&x);
        let exact = numbers(&wanted);
        let single = name == "four bytes";
        if !single {
            let slope = grad(&f);
            close(name, "differences", &exact, &differences(&slope, &x), 1e-6);
        }
        let tolerance = if single { 1e-4 } else { 1e-11 };
        for c in plan.plan().candidates() {
            let got = plan.evaluate_by(c, &x).unwrap();
            assert_eq!(got.shape(), [x.shape(), x.shape()].concat(), "{name}");
            close(name, &c.name, &numbers(&got), &exact, tolerance);
            counts_are_as_said(name, c);
            seen.push(c.name.clone());
        }
        let blocks = plan.evaluate_blocks(&x).unwrap();
        assert_eq!(
            blocks.tensor.shape().len() + blocks.diagonal.len(),
            2 * x.shape().len(),
            "{name}"
        );
        close(
            name,
            "hessian",
            &numbers(&hessian(&f)(&x)),
            &exact,
            tolerance,
        );
    }
    for kind in [
        "forward over reverse",
        "reverse over reverse",
        "mixed over reverse",
        "reverse over forward",
    ] {
        assert!(seen.iter().any(|s| s == kind), "no {kind}");
    }
}

#[test]
fn all_compositions_agree_and_cost_what_was_said() {
    for (name, shape, f) in functions() {
        let f = number(f);
        let (x, v) = (filled(&shape, 7), filled(&shape, 3));
        let plan = plan_hvp(&f, &x, &PlanOptions::default()).unwrap();
        let axes: Vec<isize> = (0..shape.len() as isize).collect();
        let behind: Vec<isize> = axes.iter().map(|a| a + shape.len() as isize).collect();
        let exact = numbers(&jacfwd(grad(&f))(&x).tensordot(&v, &behind, &axes));
        let tolerance = if name == "four bytes" { 1e-4 } else { 1e-11 };
        assert_eq!(plan.plan().candidates().len(), 3);
        for c in plan.plan().candidates() {
            let got = plan.evaluate_by(c, &x, &v).unwrap();
            assert_eq!(got.shape(), x.shape(), "{name}");
            close(name, &c.name, &numbers(&got), &exact, tolerance);
            counts_are_as_said(name, c);
        }
    }
}

#[test]
fn a_symmetric_product_is_computed_once() {
    let rows = filled(&[300, 3 * 70], 2);
    let cube = filled(&[3, 70, 300], 4);
    let all: [(&str, Vec<usize>, Function); 6] = [
        ("logistic", vec![257], logistic(257, 300)),
        ("network", vec![200], {
            let f = layers(&[200, 300, 1]);
            Box::new(move |x| f(x).sum())
        }),
        ("with a penalty", vec![130], {
            let f = logistic(130, 400);
            Box::new(move |x| f(x) + x.powi(4).sum() + x.sum().square())
        }),
        ("all of a matrix", vec![3, 70], {
            Box::new(move |x| x.tensordot(&cube, &[0, 1], &[0, 1]).tanh().square().sum())
        }),
        ("a matrix, reshaped", vec![3, 70], {
            Box::new(move |x| rows.matmul(&x.reshape(&[210])).tanh().square().sum())
        }),
        ("four bytes", vec![128], {
            let a = filled(&[400, 128], 1).astype(F32);
            Box::new(move |x| a.matmul(&x.astype(F32)).sin().sum().astype(F64))
        }),
    ];
    for (name, shape, f) in &all {
        let x = filled(shape, 3);
        let plan = plan_hessian(f, &x, &PlanOptions::default()).unwrap();
        let last = plan.plan().candidates().last().unwrap();
        assert!(
            last.symmetric && last.name.ends_with(", symmetric"),
            "{name}"
        );
        let base = plan
            .plan()
            .candidates()
            .iter()
            .find(|c| c.name == last.name.replace(", symmetric", ""));
        let (whole, once) = (base.unwrap().estimate.operations, last.estimate.operations);
        assert!(
            once * 10 < whole * 9,
            "{name}: {once} of {whole} operations"
        );
        counts_are_as_said(name, last);
        let got = plan.evaluate_by(last, &x).unwrap();
        let wanted = numbers(&jacfwd(grad(f))(&x));
        let tolerance = if *name == "four bytes" { 1e-3 } else { 1e-10 };
        close(name, "symmetric", &numbers(&got), &wanted, tolerance);
        assert_eq!(got.shape(), [&shape[..], shape].concat(), "{name}");
        // Without strips no elements are mirrored, and rounding can differ on both sides.
        // Strips mirror all elements except small squares on the diagonal.
        let n: usize = shape.iter().product();
        let flat = numbers(&got);
        let equal = (0..n * n)
            .filter(|k| flat[*k] == flat[k % n * n + k / n])
            .count();
        assert!(equal * 2 > n * n, "{name}: {equal} of {n}² elements");
    }
    // For few numbers strips are not worth their copies.
    let plan = plan_hessian(
        logistic(60, 100),
        &filled(&[60], 1),
        &PlanOptions::default(),
    )
    .unwrap();
    assert!(plan.plan().candidates().iter().all(|c| !c.symmetric));
}

/// Products that are symmetric only together, single terms or terms that occur twice:
/// half of each would be another matrix.
#[test]
fn sums_of_products_that_are_not_symmetric() {
    let [a, b, c] = [1, 2, 3].map(|k| filled(&[90, 300], k));
    let all: [(&str, Function); 6] = [
        ("one and its transpose", {
            let (a, b) = (a.clone(), b.clone());
            Box::new(move |x| (a.matmul(x) * b.matmul(x)).sum())
        }),
        ("one and its transpose, weighed", {
            let (a, b) = (a.clone(), b.clone());
            Box::new(move |x| (a.matmul(x).sin() * b.matmul(x).exp()).sum() * 0.5)
        }),
        ("beside a symmetric one", {
            let (a, b, c) = (a.clone(), b.clone(), c.clone());
            Box::new(move |x| (a.matmul(x) * b.matmul(x)).sum() + c.matmul(x).cos().mean())
        }),
        ("symmetric ones", {
            let (a, b, c) = (a.clone(), b.clone(), c.clone());
            Box::new(move |x| {
                a.matmul(x).sin().sum() - b.matmul(x).exp().sum() / 3.0 + c.matmul(x).square().sum()
            })
        }),
        ("symmetric ones, a diagonal and constants", {
            let a = a.clone();
            Box::new(move |x| a.matmul(x).sin().sum() - x.powi(3).sum() + 2.0 * x.sum().square())
        }),
        ("two networks", {
            Box::new(move |x| {
                let one = b.matmul(&a.t().matmul(&a.matmul(x).tanh())).tanh().sum();
                one + c.matmul(&b.t().matmul(&b.matmul(x).sin())).sin().sum()
            })
        }),
    ];
    for (name, f) in &all {
        let x = filled(&[300], 3) * 0.1;
        let plan = plan_hessian(f, &x, &PlanOptions::default()).unwrap();
        let wanted = numbers(&jacfwd(grad(f))(&x));
        for candidate in plan.plan().candidates() {
            let got = numbers(&plan.evaluate_by(candidate, &x).unwrap());
            close(name, &candidate.name, &got, &wanted, 1e-10);
        }
        let last = plan.plan().candidates().last().unwrap();
        assert!(last.symmetric, "{name}");
    }
}

#[test]
fn blocks_of_a_tree_are_computed_once() {
    type Three = (Tensor, Tensor, Tensor);
    let f = |(a, b, c): &Three| {
        let y = a.matmul(&b.astype(F64)).tanh();
        (y.square().sum() * c.sum()).sin() + (c.square() * b.astype(F64).sum()).sum()
    };
    for dtype in [F64, F32] {
        let at = (
            filled(&[5, 4], 1),
            filled(&[4], 2).astype(dtype),
            filled(&[3], 3),
        );
        let graph = trace(f, &at).unwrap();
        let plan = gradus_plan::hessian(&graph, 3, &PlanOptions::default(), None).unwrap();
        let last = plan.plan().candidates().last().unwrap();
        assert!(last.symmetric);
        let got = hessian_tree(f)(&at);
        let wanted = jacobian_tree(grad(f))(&at);
        for row in wanted.rows() {
            for column in wanted.columns() {
                let (w, g) = (wanted.get(row, column), got.get(row, column));
                let (w, g) = (w.unwrap(), g.unwrap());
                assert_eq!(
                    (w.shape(), w.dtype()),
                    (g.shape(), g.dtype()),
                    "{row} {column}"
                );
                let tolerance = if dtype == F32 { 1e-5 } else { 1e-12 };
                let wide = |t: &Tensor| numbers(&t.astype(F64));
                close(
                    "tree",
                    &format!("{row} {column}"),
                    &wide(g),
                    &wide(w),
                    tolerance,
                );
            }
        }
        let arrays: Vec<Array> = [&at.0, &at.1, &at.2]
            .iter()
            .map(|t| match t.dtype() {
                F32 => Array::from_slice(&t.to_vec::<f32>().unwrap(), t.shape()).unwrap(),
                _ => Array::from_slice(&numbers(t), t.shape()).unwrap(),
            })
            .collect();
        for c in plan.plan().candidates() {
            let run = gradus_cpu::compile(&c.program, &Default::default()).unwrap();
            let outputs = run
                .run(arrays.iter().map(Input::Borrowed).collect())
                .unwrap();
            for (k, output) in outputs.iter().enumerate() {
                let block = wanted
                    .get(&wanted.rows()[k / 3], &wanted.columns()[k % 3])
                    .unwrap();
                if block.dtype() == F64 {
                    let got = output.as_slice::<f64>().unwrap();
                    let tolerance = if dtype == F32 { 1e-5 } else { 1e-12 };
                    close("tree", &c.name, got, &numbers(block), tolerance);
                }
            }
        }
    }
}

#[test]
fn the_last_mode_is_the_callers() {
    let f = number(layers(&[6, 4, 3]));
    let x = filled(&[6], 1);
    let names =
        |plan: &Plan| -> Vec<String> { plan.candidates().iter().map(|c| c.name.clone()).collect() };
    for (modes, last) in [(Modes::Forward, "forward"), (Modes::Reverse, "reverse")] {
        let options = PlanOptions::default().modes(modes);
        let plans = [
            names(plan_hessian(&f, &x, &options).unwrap().plan()),
            names(plan_hvp(&f, &x, &options).unwrap().plan()),
        ];
        let wanted = HvpOrder::ALL.len();
        for all in &plans {
            assert!(
                all.iter().all(|n| n.starts_with(&format!("{last} over "))),
                "{all:?}"
            );
            assert_eq!(all.len(), if last == "forward" { 1 } else { wanted - 1 });
        }
    }
}

#[test]
fn products_with_the_hessian_agree() {
    let networks = [layers(&[6, 4, 3]), layers(&[3, 8, 1]), row_by_row(2, 6)];
    for (g, shape) in networks.iter().zip([vec![6], vec![3], vec![4, 6]]) {
        let f = |x: &Tensor| g(x).square().sum();
        let (x, v) = (filled(&shape, 1), filled(&shape, 5));
        let wanted = hvp_with(f, HvpOrder::ForwardOverReverse)(&x, &v)
            .to_vec::<f64>()
            .unwrap();
        let mut all = vec![hvp(f)(&x, &v)];
        all.extend(HvpOrder::ALL.map(|order| hvp_with(f, order)(&x, &v)));
        all.push(
            jit(move |(x, v): &(Tensor, Tensor)| hvp(f)(x, v))
                .call(&(x.clone(), v.clone()))
                .unwrap(),
        );
        // And with the planned Hessian itself.
        let h = hessian(f)(&x);
        let k = x.shape().len() as isize;
        let axes: Vec<isize> = (0..k).collect();
        all.push(h.tensordot(&v, &axes.iter().map(|a| a + k).collect::<Vec<_>>(), &axes));
        for got in all {
            close(
                "hvp",
                "product",
                &got.to_vec::<f64>().unwrap(),
                &wanted,
                1e-12,
            );
        }
    }
}

#[test]
fn products_with_the_hessian_of_a_tree_agree() {
    let f =
        |(a, b, c): &(Tensor, Tensor, Tensor)| (a.matmul(b).tanh().square().sum()) * c + c.sin();
    let at = (filled(&[3, 4], 1), filled(&[4], 2), Tensor::from(0.3));
    let v = (filled(&[3, 4], 5), filled(&[4], 6), Tensor::from(0.7));
    let flat = |t: &(Tensor, Tensor, Tensor)| {
        let parts = [&t.0, &t.1, &t.2].map(|t| t.to_vec::<f64>().unwrap());
        parts.concat()
    };
    let wanted = flat(&hvp_with(f, HvpOrder::ForwardOverReverse)(&at, &v));
    close("hvp", "planned", &flat(&hvp(f)(&at, &v)), &wanted, 1e-12);
    let h = hessian_tree(f)(&at).matrix();
    let product = h.matmul(&Tensor::from(flat(&v).as_slice()));
    close(
        "hvp",
        "of the Hessian",
        &product.to_vec::<f64>().unwrap(),
        &wanted,
        1e-12,
    );
}

#[test]
fn all_compositions_of_a_product_agree() {
    let f =
        |(a, b, c): &(Tensor, Tensor, Tensor)| (a.matmul(b).tanh().square().sum()) * c + c.sin();
    let two = (filled(&[3, 4], 1), filled(&[4], 2));
    let at = [filled(&[3, 4], 1), filled(&[4], 2), Tensor::from(0.3)];
    let v = [filled(&[3, 4], 5), filled(&[4], 6), Tensor::from(0.7)];
    let three = (at[0].clone(), at[1].clone(), at[2].clone());
    // One function has two arrays that never interact, and one has no second derivatives.
    let programs = [
        trace(f, &three).unwrap(),
        trace(
            |(a, _, c): &(Tensor, Tensor, Tensor)| a.sin().sum() * c,
            &three,
        )
        .unwrap(),
        trace(
            |(a, b, _): &(Tensor, Tensor, Tensor)| a.sum() + b.sum(),
            &three,
        )
        .unwrap(),
        trace(|(a, b): &(Tensor, Tensor)| a.matmul(b).square().sum(), &two).unwrap(),
    ];
    for program in &programs {
        let n = program.inputs().len();
        let arrays: Vec<gradus_cpu::Array> = at[..n]
            .iter()
            .chain(&v[..n])
            .map(|t| gradus_cpu::Array::from_slice(&t.to_vec::<f64>().unwrap(), t.shape()).unwrap())
            .collect();
        let plan = gradus_plan::hvp(program, n, &PlanOptions::default(), None).unwrap();
        let results: Vec<Vec<f64>> = plan
            .candidates()
            .iter()
            .map(|c| {
                let run = gradus_cpu::compile(&c.program, &Default::default()).unwrap();
                let inputs = arrays.iter().map(gradus_cpu::Input::Borrowed).collect();
                let outputs = run.run(inputs).unwrap();
                assert_eq!(outputs.len(), n);
                outputs
                    .iter()
                    .flat_map(|a| a.as_slice::<f64>().unwrap().to_vec())
                    .collect()
            })
            .collect();
        for (c, got) in plan.candidates().iter().zip(&results) {
            close("hvp", &c.name, got, &results[0], 1e-12);
        }
    }
}
