//! Planned Jacobians and Hessians of programs with loops and choices.

use crate::close;
use gradus::prelude::*;
use gradus_ir::primitives::region::CustomVjp;
use gradus_ir::primitives::{Body, Call, Loop, Region, Trips, Unary};
use gradus_ir::{Graph, Type, ValueId};
use gradus_plan::Plan;
use std::time::Duration;

fn x() -> Tensor {
    Tensor::from([0.4, 0.8, 1.3])
}

/// All orders of the Jacobian of `f`; `g` computes the same without control flow.
#[track_caller]
fn planned(f: impl Fn(&Tensor) -> Tensor + Copy, g: impl Fn(&Tensor) -> Tensor + Copy, x: &Tensor) {
    let wanted = jacfwd(g)(x);
    close(&jacfwd(f)(x), &wanted, 1e-10);
    close(&jacrev(f)(x), &wanted, 1e-10);
    close(&jacobian(f)(x), &wanted, 1e-10);
    let plan = plan_jacobian(f, x, &PlanOptions::default()).unwrap();
    assert!(plan.plan().candidates().len() > 1);
    for c in plan.plan().candidates() {
        close(&plan.evaluate_by(c, x).unwrap(), &wanted, 1e-10);
    }
    let analysis = plan.analyze_for(x, Duration::ZERO).unwrap();
    assert!(
        analysis.explain().contains("regret"),
        "{}",
        analysis.explain()
    );
    let of = |h: &Tensor| (h * Tensor::from([1.0, -2.0, 0.5])).sum();
    let number = move |x: &Tensor| of(&f(x));
    let wanted = jacfwd(grad(move |x: &Tensor| of(&g(x))))(x);
    close(&hessian(number)(x), &wanted, 1e-9);
    let plan = plan_hessian(number, x, &PlanOptions::default()).unwrap();
    for c in plan.plan().candidates() {
        close(&plan.evaluate_by(c, x).unwrap(), &wanted, 1e-9);
    }
    let v = x.cos();
    let product = wanted.matmul(&v);
    close(&hvp(number)(x, &v), &product, 1e-9);
    let plan = plan_hvp(number, x, &PlanOptions::default()).unwrap();
    for c in plan.plan().candidates() {
        close(&plan.evaluate_by(c, x, &v).unwrap(), &product, 1e-9);
    }
}

/// The peak memory of the candidates for the Jacobian of `f` equals the forecast, to a tenth.
#[track_caller]
fn peaks_are_as_said(f: impl Fn(&Tensor) -> Tensor + Copy, x: &Tensor) {
    let plan = plan_jacobian(f, x, &PlanOptions::default()).unwrap();
    let analysis = plan.analyze_for(x, Duration::ZERO).unwrap();
    for (c, measured) in plan.plan().candidates().iter().zip(&analysis.measured) {
        let said = c.peak_bytes.unwrap() as f64;
        let used = measured.unwrap().peak_bytes as f64;
        assert!(
            (said - used).abs() <= 0.1 * used,
            "{}: peak {said}, used {used}",
            c.name
        );
    }
}

#[test]
fn a_scan() {
    let f = |x: &Tensor| {
        let (last, kept) = scan(
            |s: &Tensor, v: &Tensor| ((s * v).sin() + x * 0.3, s.sum()),
            &(x * 0.5),
            x,
        );
        last + kept
    };
    let g = |x: &Tensor| {
        let mut s = x * 0.5;
        let mut kept = Vec::new();
        for k in 0..3 {
            kept.push(s.sum());
            s = (&s * x.at(k)).sin() + x * 0.3;
        }
        s + gradus::tensor::stack(&kept.iter().collect::<Vec<_>>(), 0)
    };
    planned(f, g, &x());
    peaks_are_as_said(f, &x());
    peaks_are_as_said(f, &Tensor::arange(0.0, 1.0, 0.02));
}

#[test]
fn loops_of_unknown_length() {
    let f = |x: &Tensor| {
        while_loop(
            |s: &Tensor| s.sum().less(9.0),
            |s: &Tensor| s * 1.4 + x.sin(),
            x,
        )
    };
    let g = |x: &Tensor| {
        let mut s = x.clone();
        for _ in 0..5 {
            let next = &s * 1.4 + x.sin();
            s = s.sum().less(9.0).where_(&next, &s);
        }
        s
    };
    planned(f, g, &x());
}

#[test]
fn choices_and_checkpoints() {
    let f = |x: &Tensor| {
        let y = checkpoint(|x: &Tensor| x.sin() * x.sum())(x);
        cond(
            &x.sum().greater(2.0),
            |y: &Tensor| y * x.exp(),
            |y: &Tensor| y.clone(),
            &y,
        )
    };
    let g = |x: &Tensor| {
        let y = x.sin() * x.sum();
        x.sum().greater(2.0).where_(&(&y * x.exp()), &y)
    };
    planned(f, g, &x());
    planned(f, g, &(x() * 0.5));
    for scale in [0.5, 1.0] {
        peaks_are_as_said(f, &(x() * scale));
        peaks_are_as_said(f, &(Tensor::arange(0.0, 1.0, 0.02) * scale));
    }
}

#[test]
fn loops_in_loops_and_in_checkpoints() {
    let f = |x: &Tensor| {
        let inner = |s: &Tensor| fori_loop(0..3, |_, s: &Tensor| s.sin() * x, s);
        let step = |s: &Tensor, v: &Tensor| (checkpoint(inner)(s) * v, ());
        let options = ScanOptions::default().keep(Keep::Sqrt);
        scan_with(options, step, x, x).0
    };
    let g = |x: &Tensor| {
        let mut s = x.clone();
        for k in 0..x.shape()[0] {
            for _ in 0..3 {
                s = s.sin() * x;
            }
            s *= x.at(k);
        }
        s
    };
    planned(f, g, &x());
    peaks_are_as_said(f, &x());
    peaks_are_as_said(f, &(Tensor::arange(0.0, 1.0, 0.05) + 0.5));
}

/// The sine with a custom backward pass, three times in a loop, then once more, and its square.
fn sines(g: &mut Graph, x: ValueId) -> ValueId {
    let ty = g.ty(x).clone();
    let sine = |inputs: usize, make: &dyn Fn(&mut Graph, &[ValueId]) -> Vec<ValueId>| {
        let mut g = Graph::new();
        let inputs: Vec<ValueId> = (0..inputs).map(|_| g.input(ty.clone())).collect();
        let outputs = make(&mut g, &inputs);
        g.set_outputs(outputs);
        Body::from(g)
    };
    let call = Region::Call(Call::CustomVjp(CustomVjp {
        body: sine(1, &|g, x| vec![g.unary(Unary::Sin, x[0])]),
        forward: sine(1, &|g, x| vec![g.unary(Unary::Sin, x[0]), x[0]]),
        backward: sine(2, &|g, x| {
            let slope = g.unary(Unary::Cos, x[0]);
            vec![g.mul(slope, x[1])]
        }),
        fixed: 0,
    }));
    let mut body = Graph::new();
    body.input(Type::scalar(I64));
    let s = body.input(ty.clone());
    let next = body.emit_region(call.clone(), &[s]);
    body.set_outputs(next);
    let looped = Region::Loop(Loop {
        trips: Trips::Fixed(3),
        reverse: false,
        consts: 0,
        carries: 1,
        body: Body::from(body),
    });
    let y = g.emit_region(looped, &[x])[0];
    let y = g.emit_region(call, &[y])[0];
    g.mul(y, y)
}

/// The results of all candidates for these arguments; they agree.
fn values(plan: &Plan, arguments: &[&Tensor]) -> Vec<f64> {
    let of = |program: &Graph| {
        let run = gradus_cpu::compile(program, &Default::default()).unwrap();
        let arrays: Vec<gradus_cpu::Array> = arguments
            .iter()
            .map(|t| gradus_cpu::Array::from_slice(&t.to_vec::<f64>().unwrap(), t.shape()).unwrap())
            .collect();
        let inputs = arrays.iter().map(gradus_cpu::Input::Borrowed).collect();
        run.run(inputs).unwrap()[0]
            .as_slice::<f64>()
            .unwrap()
            .to_vec()
    };
    let chosen = of(&plan.chosen().program);
    for c in plan.candidates() {
        for (a, b) in of(&c.program).iter().zip(&chosen) {
            assert!((a - b).abs() < 1e-12, "{}: {a} {b}", c.name);
        }
    }
    chosen
}

#[test]
fn past_a_custom_vjp_reverse_mode_alone_is_weighed() {
    let mut function = Graph::new();
    let input = function.input(Type::new(F64, &[3]));
    let y = sines(&mut function, input);
    function.set_outputs(vec![y]);
    let mut number = function.clone();
    let sum = number.sum(y, &[0]);
    number.set_outputs(vec![sum]);
    let f = |x: &Tensor| x.sin().sin().sin().sin().square();
    let (x, v) = (x(), x().cos());
    let options = PlanOptions::default();
    let of = |modes: Modes| PlanOptions::default().modes(modes);

    let jacobian_plan = gradus_plan::jacobian(&function, 1, &options, None).unwrap();
    let plan = jacobian_plan.plan();
    assert_eq!(plan.chosen().name, "reverse");
    assert_eq!(plan.candidates().len(), 1);
    let explained = plan.explain();
    let why =
        "    not built, because a custom_vjp has no forward mode: forward, mixed, elimination\n";
    assert!(explained.contains(why), "{explained}");
    let wanted = jacrev(f)(&x).to_vec::<f64>().unwrap();
    for plan in [
        &jacobian_plan,
        &gradus_plan::jacobian(&function, 1, &of(Modes::Reverse), None).unwrap(),
    ] {
        for (a, b) in values(plan.plan(), &[&x]).iter().zip(&wanted) {
            assert!((a - b).abs() < 1e-12, "{a} {b}");
        }
    }
    let error = gradus_plan::jacobian(&function, 1, &of(Modes::Forward), None)
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("the rule gives only its backward pass"),
        "{error}"
    );

    let total = move |x: &Tensor| f(x).sum();
    let second = gradus_plan::hessian(&number, 1, &options, None).unwrap();
    let left_out = second.plan().not_built();
    let why = "a custom_vjp has no forward mode";
    assert!(
        left_out
            .iter()
            .any(|n| n.name == "reverse over forward" && n.why == why)
    );
    let wanted = hessian(total)(&x);
    for (a, b) in values(second.plan(), &[&x])
        .iter()
        .zip(&wanted.to_vec::<f64>().unwrap())
    {
        assert!((a - b).abs() < 1e-11, "{a} {b}");
    }
    let product = gradus_plan::hvp(&number, 1, &options, None).unwrap();
    // A custom rule can give another derivative than the function's, and the product must be with this Hessian.
    let names: Vec<&str> = product.candidates().iter().map(|c| &*c.name).collect();
    assert_eq!(names, ["forward over reverse"]);
    let backwards = gradus_plan::hvp(&number, 1, &of(Modes::Reverse), None).unwrap();
    assert!(
        backwards
            .not_built()
            .iter()
            .any(|n| n.name == "reverse over forward" && n.why == why)
    );
    assert_eq!(backwards.candidates().len(), 1);
    let wanted = wanted.matmul(&v).to_vec::<f64>().unwrap();
    for product in [&product, &backwards] {
        for (a, b) in values(product, &[&x, &v]).iter().zip(&wanted) {
            assert!((a - b).abs() < 1e-11, "{a} {b}");
        }
    }
}
