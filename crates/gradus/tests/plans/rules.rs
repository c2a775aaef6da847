//! Functions with custom rules.
//! A rule need not be the derivative of anything, so second derivatives need not be symmetric.

use crate::close;
use crate::functions::{Function, filled};
use gradus::optim::clip_by_norm;
use gradus::plan::Mode;
use gradus::prelude::*;

fn numbers(x: &Tensor) -> Vec<f64> {
    x.to_vec::<f64>().unwrap()
}

/// Functions of `n` numbers whose gradients by reverse mode have no symmetric Jacobian.
fn functions_with_rules(n: usize) -> Vec<(&'static str, Function)> {
    let (w, v) = (filled(&[n, n], 1), filled(&[n, n], 2));
    let (w2, w3, w4) = (w.clone(), w.clone(), w.clone());
    let tangent = custom_jvp(Tensor::square, move |x: &Tensor, _, dx: &Tensor| {
        w.matmul(x).sin() * dx
    });
    let clip = |x: &Tensor| with_cotangent(x, |g| clip_by_norm(g, 0.3).0);
    let way_back = custom_vjp(
        Tensor::sin,
        |x: &Tensor| (x.sin(), x.clone()),
        move |x: &Tensor, ct: &Tensor| w2.matmul(x).cos() * ct,
    );
    vec![
        ("custom_jvp", Box::new(move |x| tangent(x).sum())),
        (
            "with_cotangent",
            Box::new(move |x| w3.matmul(&clip(&v.matmul(x).tanh())).sin().sum()),
        ),
        (
            "custom_vjp in a loop",
            Box::new(move |x| {
                let step = |_: &Tensor, s: &Tensor| way_back(&w4.matmul(s)) * 0.5;
                fori_loop(0..2, step, x).square().sum()
            }),
        ),
    ]
}

#[test]
fn second_derivatives_by_rules_need_not_be_symmetric() {
    for n in [3, 80] {
        let x = filled(&[n], 7);
        for (name, f) in functions_with_rules(n) {
            let by_forward = numbers(&jacfwd(grad(&f))(&x));
            let by_reverse = numbers(&jacrev(grad(&f))(&x));
            let mirrored = numbers(&jacfwd(grad(&f))(&x).t());
            let difference = |(a, b): (&f64, &f64)| (a - b).abs() > 1e-4;
            assert!(by_forward.iter().zip(&mirrored).any(difference), "{name}");
            for objective in [Objective::Time, Objective::Operations, Objective::Memory] {
                let options = PlanOptions::default().objective(objective);
                let plan = plan_hessian(&f, &x, &options).unwrap();
                for c in plan.plan().candidates() {
                    let wanted = match c.mode {
                        Mode::Forward => &by_forward,
                        Mode::Reverse => &by_reverse,
                        // The same, unless a cotangent is changed in the backward pass.
                        _ if name != "with_cotangent" => &by_forward,
                        _ => panic!("{name}: {} is weighed", c.name),
                    };
                    let got = numbers(&plan.evaluate_by(c, &x).unwrap());
                    close(name, &c.name, &got, wanted, 1e-10);
                    assert!(!c.symmetric, "{name}");
                }
            }
            if name != "with_cotangent" {
                close(
                    name,
                    "hessian",
                    &numbers(&hessian(&f)(&x)),
                    &by_forward,
                    1e-10,
                );
            }
        }
    }
}

#[test]
fn products_with_second_derivatives_by_rules_are_those_of_rows() {
    let n = 5;
    let (x, v) = (filled(&[n], 7), filled(&[n], 3));
    for (name, f) in functions_with_rules(n) {
        let wanted = numbers(&jacfwd(grad(&f))(&x).matmul(&v));
        let plan = plan_hvp(&f, &x, &PlanOptions::default()).unwrap();
        for c in plan.plan().candidates() {
            let got = plan.evaluate_by(c, &x, &v).unwrap();
            close(name, &c.name, &numbers(&got), &wanted, 1e-11);
        }
        close(name, "hvp", &numbers(&hvp(&f)(&x, &v)), &wanted, 1e-11);
        let why = "not built, because it multiplies by the transposed Hessian, which can differ where users have written derivatives";
        let explained = plan.explain();
        assert!(explained.contains(why), "{explained}");
    }
}

/// The rows of the Jacobian by `vjp`, one by one.
fn rows(f: &dyn Fn(&Tensor) -> Tensor, x: &Tensor) -> Vec<f64> {
    let (y, pull) = vjp(f, x);
    let n = y.shape().iter().product();
    let unit = |k: usize| {
        let mut e = vec![0.0; n];
        e[k] = 1.0;
        Tensor::new(e, y.shape()).unwrap()
    };
    (0..n).flat_map(|k| numbers(&pull(&unit(k)))).collect()
}

/// Functions of three numbers that replace the cotangent of a value by `s`.
fn with_replaced_cotangents(s: &Tensor) -> Vec<(&'static str, Function)> {
    let matrix = Tensor::from([[1.0, 2.0, 0.0], [0.0, 3.0, -1.0]]);
    vec![
        ("at the input", {
            let (m, s) = (matrix.clone(), s.clone());
            Box::new(move |x| m.matmul(&with_cotangent(x, |_| s.clone()).sin()))
        }),
        ("in the middle", {
            let (m, s) = (matrix.clone(), s.clone());
            Box::new(move |x| m.matmul(&with_cotangent(&x.sin(), |_| s.clone()).exp()))
        }),
        ("elementwise", {
            let s = s.clone();
            Box::new(move |x| with_cotangent(x, |_| s.clone()).sin())
        }),
        ("beside others", {
            let (m, s) = (matrix.clone(), s.clone());
            Box::new(move |x| m.matmul(&(with_cotangent(x, |_| s.clone()).sin() * x)))
        }),
        (
            "by ones",
            Box::new(|x| with_cotangent(&x.exp(), |g| g.ones_like()).sum()),
        ),
        ("in a loop", {
            let (m, s) = (matrix.clone(), s.clone());
            Box::new(move |x| {
                let step = |y: &Tensor, v: &Tensor| {
                    let y = with_cotangent(&(y * v).sin(), |_| s.clone());
                    (y.clone(), y.sum())
                };
                let (last, kept) = scan(step, x, &Tensor::from([0.5, 2.0]));
                m.matmul(&last) + kept
            })
        }),
        ("in a choice", {
            let (m, s) = (matrix.clone(), s.clone());
            Box::new(move |x| {
                let changed = |x: &Tensor| with_cotangent(&x.sin(), |_| s.clone());
                m.matmul(&cond(&x.sum().greater(0.0), changed, Tensor::cos, x))
            })
        }),
        ("in a checkpoint", {
            let s = s.clone();
            let inner = move |x: &Tensor| with_cotangent(&x.sin(), |_| s.clone()).exp();
            Box::new(move |x| matrix.matmul(&checkpoint(&inner)(x)))
        }),
    ]
}

#[test]
fn cotangents_that_are_replaced_are_rows_too() {
    let s = Tensor::from([5.0, -1.0, 2.0]);
    let x = Tensor::from([0.4, 0.8, 1.3]);
    for (name, f) in &with_replaced_cotangents(&s) {
        let wanted = rows(f, &x);
        close(name, "jacrev", &numbers(&jacrev(f)(&x)), &wanted, 1e-14);
        let options = PlanOptions::default().modes(Modes::Reverse);
        let plan = plan_jacobian(f, &x, &options).unwrap();
        let got = plan.evaluate_blocks(&x).unwrap();
        if got.diagonal.is_empty() {
            close(name, "blocks", &numbers(&got.tensor), &wanted, 1e-14);
        }
        // Forward mode ignores it, and no order mixes the two.
        let plan = plan_jacobian(f, &x, &PlanOptions::default()).unwrap();
        for c in plan.plan().candidates() {
            let wanted = match c.mode {
                Mode::Forward => numbers(&jacfwd(f)(&x)),
                Mode::Reverse => wanted.clone(),
                _ => panic!("{name}: {} is weighed", c.name),
            };
            let got = numbers(&plan.evaluate_by(c, &x).unwrap());
            close(name, &c.name, &got, &wanted, 1e-14);
        }
    }
}

#[test]
fn of_two_results_nothing_comes_back_from_the_one_that_does_not_lead_there() {
    let s = Tensor::from([5.0, -1.0, 2.0]);
    let x = Tensor::from([0.4, 0.8, 1.3]);
    let replaced = |x: &Tensor| with_cotangent(x, |_| s.clone());
    let two = |x: &Tensor| vec![replaced(x).sin(), x.cos()];
    let graph = trace(two, &x).unwrap();
    let options = PlanOptions::default().modes(Modes::Reverse);
    let plan = gradus_plan::jacobian(&graph, 1, &options, None).unwrap();
    let run = gradus_cpu::compile(&plan.plan().chosen().program, &Default::default()).unwrap();
    let arrays: Vec<gradus_cpu::Array> = [&x, &s]
        .map(|t| gradus_cpu::Array::from_slice(&numbers(t), t.shape()).unwrap())
        .into();
    let inputs = arrays.iter().map(gradus_cpu::Input::Borrowed).collect();
    let blocks = run.run(inputs).unwrap();
    let wanted = [rows(&|x| replaced(x).sin(), &x), rows(&Tensor::cos, &x)];
    for (block, wanted) in blocks.iter().zip(&wanted) {
        close(
            "two",
            "a block",
            block.as_slice::<f64>().unwrap(),
            wanted,
            1e-14,
        );
    }
}

#[test]
fn orders_do_not_mix_what_one_mode_alone_sees() {
    let (down, up) = (filled(&[2, 40], 1), filled(&[40, 2], 2));
    let f = |x: &Tensor| {
        let y = down.matmul(&with_cotangent(x, |g| clip_by_norm(g, 0.1).0));
        up.matmul(&y.tanh())
    };
    let plan = plan_jacobian(f, &filled(&[40], 3), &PlanOptions::default()).unwrap();
    let names: Vec<&str> = plan
        .plan()
        .candidates()
        .iter()
        .map(|c| c.mode.name())
        .collect();
    assert_eq!(names, ["forward", "reverse"]);
    let why = "not built, because with_cotangent works only in reverse mode: mixed, elimination\n";
    assert!(plan.explain().contains(why), "{}", plan.explain());
}

/// Plans that are found again have the lines of the present function, including its loops' bodies.
#[test]
fn equal_functions_of_other_lines_are_blamed_by_their_own() {
    let ends = Tensor::from([0i64, 7]);
    let scanned =
        |step: &dyn Fn(&Tensor, &Tensor) -> (Tensor, ()), x: &Tensor| scan(step, x, &ends).0;
    let x = Tensor::from([0.5, 2.0]);
    let first = |s: &Tensor, i: &Tensor| (s * s.take(i, 0), ());
    let line = line!() + 1;
    let second = |s: &Tensor, i: &Tensor| (s * s.take(i, 0), ());
    for modes in [Modes::Any, Modes::Forward] {
        let mistake = |step: &dyn Fn(&Tensor, &Tensor) -> (Tensor, ())| {
            let f = |x: &Tensor| scanned(step, x);
            let compiled = jit(|x: &Tensor| match modes {
                Modes::Any => jacobian(f)(x),
                _ => jacfwd(f)(x),
            });
            compiled.call(&x).unwrap_err().to_string()
        };
        mistake(&first);
        let said = mistake(&second);
        assert!(said.contains(&format!("rules.rs:{line}")), "{said}");
    }
}
