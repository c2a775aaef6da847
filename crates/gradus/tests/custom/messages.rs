//! The complete messages of mistakes, with the wrong line of the program.

use gradus::prelude::*;
use gradus::solve::{
    Argmin, FixedPoint, LinearSolver, Root, argmin, custom_root, find_root, fixed_point,
    linear_solve, linear_solve_preconditioned,
};
use insta::assert_snapshot;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The message with which the expression panics. It must end with the line of the expression, which is removed.
macro_rules! stops {
    ($e:expr) => {{
        let line = line!();
        let panic = catch_unwind(AssertUnwindSafe(|| drop($e))).expect_err("it does not stop");
        let text = panic.downcast_ref::<String>().expect("a formatted message");
        let place = format!("\n  at {}:{line}", file!());
        let rest = text.strip_suffix(&place);
        rest.unwrap_or_else(|| panic!("{text}\nis not{place}"))
            .to_string()
    }};
}

fn pair() -> Vec<Tensor> {
    vec![Tensor::from(1.0), Tensor::from([1.0, 2.0])]
}

#[test]
fn rules_that_do_not_fit() {
    let all = |x: &Vec<Tensor>| x.clone();
    let (x, t) = (Tensor::from([1.0, 2.0]), |x: &Tensor| x.sin());
    assert_snapshot!(stops!(custom_jvp(all, |x: &Vec<Tensor>, _, _| x[..1].to_vec())(&pair())), @"custom_jvp: the rule must return a tangent like the value: the trees differ: expected a list of 2, got a list of 1");
    assert_snapshot!(stops!(custom_jvp(all, |x: &Vec<Tensor>, _, _| vec![x[0].clone(), x[0].clone()])(&pair())), @"custom_jvp: the rule must return a tangent like the value: leaf `.1` must be f64[2], got f64[]");
    assert_snapshot!(stops!(custom_jvp(t, |_: &Tensor, _, t: &Tensor| t.sin())(&x)), @"custom_jvp: the rule must be linear in the tangent, and `sin` here is not; it can be multiplied by values that do not depend on it, and added to values that are linear in it");
    assert_snapshot!(stops!(custom_jvp(t, |_: &Tensor, _, t: &Tensor| t + 1.0)(&x)), @"custom_jvp: the rule must be linear in the tangent, and `add` here is not; it can be multiplied by values that do not depend on it, and added to values that are linear in it");
    assert_snapshot!(stops!(custom_jvp(t, |_: &Tensor, _, t: &Tensor| t * t.sum().item::<f64>().unwrap())(&x)), @"called `Result::unwrap()` on an `Err` value: Traced error: the value of a tensor was read inside `custom_jvp`, where only its type f64[2] is known; choose between values with `where_` or `cond`, or read it outside");
    assert_snapshot!(stops!(custom_vjp(t, |x: &Tensor| (x.sum(), ()), |_: &(), g: &Tensor| g.clone())(&x)), @"custom_vjp: `forward` must return the value that the function returns: was f64[2], is f64[]");
    assert_snapshot!(stops!(custom_vjp(t, |x: &Tensor| (x.sin(), ()), |_: &(), g: &Tensor| g.sum())(&x)), @"custom_vjp: `backward` must return a cotangent like the argument: it must be f64[2], got f64[]");
    assert_snapshot!(stops!(custom_vjp(all, |x: &Vec<Tensor>| (x.clone(), ()), |_: &(), g: &Vec<Tensor>| g[1..].to_vec())(&pair())), @"custom_vjp: `backward` must return a cotangent like the argument: the trees differ: expected a list of 2, got a list of 1");
    let one = |_: &(), x: &Tensor| x * 2.0;
    assert_snapshot!(stops!(linear_call(|_: &(), x: &Tensor| x.square(), one, &(), &x)), @"linear_call: the function must be linear in the argument, and `mul` here is not; it can be multiplied by values that do not depend on it, and added to values that are linear in it");
    // Adding elements to another value makes a sum, and so does replacing a part.
    let (ones, at) = (Tensor::full(&[2], 1.0), Tensor::from([1i64, 0]));
    assert_snapshot!(stops!(linear_call(|_: &(), x: &Tensor| ones.index_add(0, &at, x), one, &(), &x)), @"linear_call: the function must be linear in the argument, and `scatter_add` here is not; it can be multiplied by values that do not depend on it, and added to values that are linear in it");
    assert_snapshot!(stops!(linear_call(|_: &(), x: &Tensor| x.astype(I64).astype(F64), one, &(), &x)), @"linear_call: the function must be linear in the argument, and `cast` here is not; it can be multiplied by values that do not depend on it, and added to values that are linear in it");
    assert_snapshot!(stops!(linear_call(one, |_: &(), y: &Tensor| y.exp(), &(), &x)), @"linear_call: the transpose must be linear in the cotangent, and `exp` here is not; it can be multiplied by values that do not depend on it, and added to values that are linear in it");
    assert_snapshot!(stops!(linear_call(one, |_: &(), y: &Tensor| y.sum(), &(), &x)), @"linear_call: the transpose must return a cotangent like the argument: it must be f64[2], got f64[]");
    assert_snapshot!(stops!(linear_call(one, one, &(), &Tensor::from(1i64))), @"linear_call: the argument is i64[], and must hold floating-point numbers; convert it with `astype(F64)`");
}

/// Forward mode through a function that only has a backward pass: the error has the line of its `custom_vjp`.
#[test]
fn forward_mode_without_a_rule() {
    let x = Tensor::from([0.5, 1.5]);
    let line = line!() + 2;
    let f = |x: &Tensor| {
        custom_vjp(
            |x: &Tensor| x.sin(),
            |x: &Tensor| (x.sin(), x.cos()),
            |c: &Tensor, g: &Tensor| c * g,
        )(x)
    };
    let message = "custom_vjp: a function with this rule was differentiated in forward mode, but the rule gives only its backward pass; use reverse mode (`grad`, `vjp`, `jacrev`), or give it a \
                   `custom_jvp` rule, which serves both";
    let wanted = format!("{message}\n  at {}:{line}", file!());
    let says = |what: &str, run: &dyn Fn() -> Tensor| {
        let panic = catch_unwind(AssertUnwindSafe(|| drop(run()))).expect_err(what);
        assert_eq!(panic.downcast_ref::<String>(), Some(&wanted), "{what}");
    };
    let push = |f: &dyn Fn(&Tensor) -> Tensor, x: &Tensor| jvp(f, x, &x.ones_like()).1;
    says("jvp", &|| push(&f, &x));
    says("jacfwd", &|| jacfwd(f)(&x));
    says("vmap of jvp", &|| vmap(|x: &Tensor| push(&f, x))(&x));
    says("jvp of vmap", &|| push(&vmap(f), &x));
    says("reverse over forward", &|| {
        grad(|x: &Tensor| push(&f, x).sum())(&x)
    });
    says("scan", &|| {
        push(
            &|x| {
                scan(
                    |s: &Tensor, x: &Tensor| (f(s) * x, ()),
                    &Tensor::from(1.0),
                    x,
                )
                .0
            },
            &x,
        )
    });
    says("cond", &|| {
        push(
            &|x| cond(&x.sum().greater(0.0), f, |x: &Tensor| x.clone(), x),
            &x,
        )
    });
    says("while", &|| {
        push(
            &|x| while_loop(|x: &Tensor| x.sum().less(4.0), |x: &Tensor| f(x) + x, x),
            &x,
        )
    });
    says("checkpoint", &|| push(&checkpoint(f), &x));
    let error = jit(|x: &Tensor| push(&f, x)).call(&x).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Derivative, wanted.clone())
    );
    let reverse = check_grads_with(f, &x, CheckOptions::default().modes(Modes::Reverse));
    assert!(reverse.is_ok());
}

/// Derivatives by captured values of a function with a rule.
#[test]
fn derivatives_that_no_rule_gives() {
    let x = Tensor::from([0.5, 1.5]);
    let line = line!() + 2;
    let f = |a: &Tensor| {
        custom_jvp(
            |x: &Tensor| x * a,
            |_: &Tensor, _: &Tensor, t: &Tensor| t * a,
        )(&x)
        .sum()
    };
    let message = "a function with a rule of its own was differentiated with respect to a tensor that it uses from outside, and the rule does not cover it; pass the tensor as part of the \
                   argument, or through `stop_gradient` if it counts as constant";
    let place = |line: u32| format!("{message}\n  at {}:{line}", file!());
    let says = |line: u32, run: &dyn Fn() -> Tensor| {
        let panic = catch_unwind(AssertUnwindSafe(|| drop(run()))).expect_err("a derivative");
        assert_eq!(panic.downcast_ref::<String>(), Some(&place(line)));
    };
    let a = Tensor::from(2.0);
    says(line, &|| grad(f)(&a));
    says(line, &|| jvp(f, &a, &a).1);
    says(line, &|| vmap(grad(f))(&x));
    assert_eq!(jit(grad(f)).call(&a).unwrap_err().to_string(), place(line));
    let line = line!() + 2;
    let g = |a: &Tensor| {
        custom_vjp(
            |x: &Tensor| x * a,
            |x: &Tensor| (x * a, ()),
            |_: &(), g: &Tensor| g * a,
        )(&x)
        .sum()
    };
    says(line, &|| grad(g)(&a));
    // The derivative by the argument is defined, and so is one that counts as zero.
    let inner = |a: &Tensor| {
        grad(|x: &Tensor| {
            custom_jvp(
                |x: &Tensor| x * a,
                |_: &Tensor, _: &Tensor, t: &Tensor| t * a,
            )(x)
            .sum()
        })(&x)
        .sum()
    };
    assert_eq!(inner(&a).item::<f64>().unwrap(), 4.0);
    let constant = |a: &Tensor| {
        let a = stop_gradient(a);
        custom_jvp(
            |x: &Tensor| x * &a,
            |_: &Tensor, _: &Tensor, t: &Tensor| t * &a,
        )(&x)
        .sum()
    };
    assert_eq!(grad(constant)(&a).item::<f64>().unwrap(), 0.0);
}

#[test]
fn systems_that_are_none() {
    let b = Tensor::from([1.0, 2.0]);
    let how = LinearSolver::default();
    assert_snapshot!(stops!(linear_solve(|v: &Tensor| v.sin(), &b, how)), @"linear_solve: the product must be linear in the argument, and `sin` here is not; it can be multiplied by values that do not depend on it, and added to values that are linear in it");
    assert_snapshot!(stops!(linear_solve(|v: &Tensor| v + v.astype(I32).astype(F64), &b, how)), @"linear_solve: the product must be linear in the argument, and `cast` here is not; it can be multiplied by values that do not depend on it, and added to values that are linear in it");
    assert_snapshot!(stops!(linear_solve(|v: &Tensor| v + &b, &b, how)), @"linear_solve: the product must be linear in the argument, and `add` here is not; it can be multiplied by values that do not depend on it, and added to values that are linear in it");
    assert_snapshot!(stops!(linear_solve(|v: &Tensor| v.sum(), &b, how)), @"linear_solve: the matrix must be square, and its product with a tree like the right side: was f64[2], is f64[]");
    assert_snapshot!(stops!(linear_solve_preconditioned(|v: &Tensor| v * 2.0, |v: &Tensor| v.sum(), &b, how)), @"linear_solve_preconditioned: the preconditioner must be square, and its product with a tree like the right side: was f64[2], is f64[]");
    assert_snapshot!(stops!(linear_solve_preconditioned(|v: &Tensor| v * 2.0, |v: &Tensor| v.exp(), &b, how)), @"linear_solve_preconditioned: the preconditioner must be linear in the argument, and `exp` here is not; it can be multiplied by values that do not depend on it, and added to values that are linear in it");
    assert_snapshot!(stops!(linear_solve(|v: &Tensor| v * 2, &Tensor::from([1i64]), how)), @"linear_solve: the right side is i64[1], and must hold floating-point numbers; convert it with `astype(F64)`");
    assert_snapshot!(stops!(fixed_point(|x: &Tensor| x.sum(), &b, FixedPoint::default())), @"fixed_point: the function must return a tree like its argument: was f64[2], is f64[]");
    assert_snapshot!(stops!(find_root(|x: &Tensor| x.sum(), &b, Root::default())), @"find_root: the function must return a tree like its argument: was f64[2], is f64[]");
    assert_snapshot!(stops!(custom_root(|x: &Tensor| x * 2.0, &b, |_, x| x.sum(), how)), @"custom_root: the solver must return a tree like its initial value: was f64[2], is f64[]");
    assert_snapshot!(stops!(find_root(|x: &Vec<Tensor>| x[1..].to_vec(), &pair(), Root::default())), @"find_root: the function must return a tree like its argument: the trees differ: expected a list of 2, got a list of 1");
    assert_snapshot!(stops!(fixed_point(|x: &Vec<Tensor>| x[1..].to_vec(), &pair(), FixedPoint::default())), @"fixed_point: the function must return a tree like its argument: the trees differ: expected a list of 2, got a list of 1");
    assert_snapshot!(stops!(argmin(|x: &Tensor| x.square(), &b, Argmin::default())), @"argmin: the function must return one floating-point number, it returned f64[2]; reduce it, for example with `sum`, or ask for its Jacobian with `jacrev`");
    assert_snapshot!(stops!(argmin(|x: &Tensor| x.astype(F64).sum(), &Tensor::from([1i64]), Argmin::default())), @"argmin: the initial value is i64[1], and must hold floating-point numbers; convert it with `astype(F64)`");
}

#[test]
fn solvers_that_do_not_arrive() {
    let b = Tensor::from([1.0, 2.0]);
    let singular = Tensor::from([[1.0, 1.0], [1.0, 1.0]]);
    let (cg, gmres) = (LinearSolver::cg(), LinearSolver::default());
    let few = Root::default().max_steps(2);
    assert_snapshot!(stops!(linear_solve(|v: &Tensor| singular.matmul(v), &b, gmres)), @"linear_solve: no convergence in 100 steps: the norm of the residual is 7.07e-1, and should be at most 2.24e-10; allow more `max_steps` or a larger `tolerance`, or take another method");
    assert_snapshot!(stops!(linear_solve(|v: &Tensor| v * Tensor::from([1.0, 9.0]), &b, cg.max_steps(1))), @"linear_solve: no convergence in 1 steps: the norm of the residual is 9.67e-1, and should be at most 2.24e-10; allow more `max_steps` or a larger `tolerance`, or take another method");
    assert_snapshot!(stops!(find_root(|x: &Tensor| x.square() + 1.0, &b, few)), @"find_root: no convergence in 2 steps: the norm of the function is 1.86e0, and should be at most 6.39e-10; begin nearer to the root, or allow more `max_steps` or a larger `tolerance`");
    assert_snapshot!(stops!(find_root(|x: &Tensor| x.powi(3) - 8.0, &Tensor::from(100.0), few)), @"find_root: no convergence in 2 steps: the norm of the function is 8.78e4, and should be at most 1.00e-4; begin nearer to the root, or allow more `max_steps` or a larger `tolerance`");
    assert_snapshot!(stops!(fixed_point(|x: &Tensor| x * 2.0, &b, FixedPoint::default().max_steps(3))), @"fixed_point: no convergence in 3 steps: the next one would change the argument by 1.79e1, and should by at most 1.89e-9; begin nearer to the fixed point, or allow more `max_steps` or a larger `tolerance`");
    assert_snapshot!(stops!(argmin(|x: &Tensor| -x.square().sum(), &b, Argmin::default().max_steps(3))), @"argmin: no convergence in 3 steps: the norm of the gradient is 1.21e2, and should be at most 5.47e-10; begin nearer to the minimum, or allow more `max_steps` or a larger `tolerance`");

    // Compiled, in rows, and in the backward pass, the error is the same at the same line.
    let line = line!() + 2;
    let solve = |a: &Tensor| {
        fixed_point(
            |x: &Tensor| x * a + 1.0,
            &Tensor::from(0.0),
            FixedPoint::default(),
        )
    };
    let error = jit(solve).call(&Tensor::from(1.0)).unwrap_err();
    let message = "fixed_point: no convergence in 1000 steps: the next one would change the argument by 1.00e0, and should by at most 1.00e-7; begin nearer to the fixed point, or allow \
                   more `max_steps` or a larger `tolerance`";
    let place = format!("\n  at {}:{line}", file!());
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Convergence, format!("{message}{place}"))
    );
    let rows = Tensor::from([0.5, 1.0]);
    let error = jit(vmap(solve)).call(&rows).unwrap_err();
    assert_eq!(error.to_string(), format!("{message}{place}"));
    let error = jit(grad(|rows: &Tensor| vmap(solve)(rows).sum()))
        .call(&rows)
        .unwrap_err();
    assert_eq!(error.to_string(), format!("{message}{place}"));
    let good = jit(vmap(solve)).call(&Tensor::from([0.5, 0.25])).unwrap();
    crate::near(&good, &[2.0, 4.0 / 3.0], 1e-9);
}

/// A wrong rule is found, and the error names the worst entry.
#[test]
fn wrong_rules_are_found() {
    let x = Tensor::from([0.5, 1.0, 3.0]);
    let wrong = custom_jvp(
        |x: &Tensor| x.powi(3),
        |x: &Tensor, _: &Tensor, t: &Tensor| 2.0 * x * t,
    );
    let line = line!() + 1;
    let error = check_grads(&wrong, &x).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with(&format!("\n  at {}:{line}", file!()))
    );
    assert_snapshot!(error.message(), @"check_grads: element 2 of the result changes by 1.9121506177891895e1 along the direction, by finite differences; forward mode gives 4.2492235949962165e0");
    let wrong = custom_vjp(
        |x: &Tensor| x.powi(3),
        |x: &Tensor| (x.powi(3), x.clone()),
        |x: &Tensor, g: &Tensor| 2.0 * x * g,
    );
    let reverse = CheckOptions::default().modes(Modes::Reverse);
    assert_snapshot!(check_grads_with(&wrong, &x, reverse).unwrap_err().message(), @"check_grads: along element 2 of the argument the result, weighted, changes by -2.6289596655532442e1, by finite differences; reverse mode gives -5.84213259004288e0");
    let tree = |p: &Vec<Tensor>| wrong(&(&p[0] * &p[1]));
    assert_snapshot!(check_grads_with(tree, &vec![Tensor::from(2.0), x], reverse).unwrap_err().message(), @"check_grads: along element 2 of leaf `.1` of the argument the result, weighted, changes by -2.1031677324425954e2, by finite differences; reverse mode gives -2.336853036017152e1");
}
