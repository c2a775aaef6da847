//! The complete messages of mistakes, made directly and inside `jit`.

use gradus::prelude::*;
use insta::assert_snapshot;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The message with which a function of `f64[2]` panics, and which `jit` returns as an error.
/// Both must end with the line of the expression, which is removed.
macro_rules! stops {
    ($f:expr) => {{
        let line = line!();
        let f = $f;
        let x = Tensor::from([0.5, -1.5]);
        let place = format!("\n  at {}:{line}", file!());
        let panic = catch_unwind(AssertUnwindSafe(|| drop(f(&x)))).expect_err("it does not stop");
        let text = panic.downcast_ref::<String>().expect("a formatted message");
        let direct = text.strip_suffix(&place);
        let direct = direct.unwrap_or_else(|| panic!("{text}\nis not{place}"));
        let error = jit(f).call(&x).map(drop).expect_err("it does not fail");
        assert_eq!(error.to_string(), format!("{direct}{place}"));
        direct.to_string()
    }};
}

/// Helps closures to be functions of references.
fn of<A>(f: impl Fn(&Tensor) -> A) -> impl Fn(&Tensor) -> A {
    f
}

fn zero() -> Tensor {
    Tensor::from(0i64)
}

type Pair = (Tensor, Tensor);

#[test]
fn predicates_and_indices_that_are_none() {
    let sin = |x: &Tensor| x.sin();
    assert_snapshot!(stops!(of(|x| cond(x, sin, sin, x))), @"cond: the predicate must be one boolean, bool[], it is f64[2]; compare, or reduce with `any` or `all`");
    assert_snapshot!(stops!(of(|x| cond(&x.greater(0.0), sin, sin, x))), @"cond: the predicate must be one boolean, bool[], it is bool[2]; compare, or reduce with `any` or `all`");
    assert_snapshot!(stops!(of(|x| cond(&zero(), sin, sin, x))), @"cond: the predicate must be one boolean, bool[], it is i64[]; compare, or reduce with `any` or `all`");
    assert_snapshot!(stops!(of(|x| switch(&x.sum(), &[&sin], x))), @"switch: the index must be one integer, such as i64[], it is f64[]");
    assert_snapshot!(stops!(of(|x| switch(&x.astype(I32), &[&sin], x))), @"switch: the index must be one integer, such as i64[], it is i32[2]");
    assert_snapshot!(stops!(of(|x| while_loop(|s: &Tensor| s.less(1.0), sin, x))), @"while_loop: the condition must return one boolean, bool[], it returned bool[2]; compare, or reduce with `any` or `all`");
    assert_snapshot!(stops!(of(|x| while_loop(|s: &Tensor| s.sum(), sin, x))), @"while_loop: the condition must return one boolean, bool[], it returned f64[]; compare, or reduce with `any` or `all`");
}

#[test]
fn policies_that_need_a_known_number_of_steps() {
    let below = |s: &Tensor| s.sum().less(3.0);
    let more = |s: &Tensor| s + 1.0;
    let some = LoopOptions::default().keep(Keep::Snapshots(3));
    let limited = LoopOptions::default().memory_limit(1000);
    assert_snapshot!(stops!(of(|x| while_loop_with(some, below, more, x))), @"while_loop_with: the number of steps is not known while tracing, but snapshots and a memory limit need it; take `Keep::Sqrt` or `Keep::All`, or a loop whose bounds are numbers");
    assert_snapshot!(stops!(of(|x| while_loop_with(limited, below, more, x))), @"while_loop_with: the number of steps is not known while tracing, but snapshots and a memory limit need it; take `Keep::Sqrt` or `Keep::All`, or a loop whose bounds are numbers");
    let counted = |x: &Tensor| {
        let n = x.sum().astype(I64);
        fori_loop_with(some, ..n, |_, s: &Tensor| s.sin(), x)
    };
    let x = Tensor::from([0.5, 1.5]);
    let error = jit(counted).call(&x).map(drop).unwrap_err();
    assert_snapshot!(error.message(), @"fori_loop_with: the number of steps is not known while tracing, but snapshots and a memory limit need it; take `Keep::Sqrt` or `Keep::All`, or a loop whose bounds are numbers");
}

/// No result can stand in, so it panics inside `jit`, too.
#[test]
fn no_branch_at_all() {
    let none: [&dyn Fn(&Tensor) -> Tensor; 0] = [];
    let line = line!() + 1;
    let f = |x: &Tensor| switch(&zero(), &none, x);
    let x = Tensor::from(1.0);
    let direct = catch_unwind(AssertUnwindSafe(|| drop(f(&x)))).unwrap_err();
    let compiled = catch_unwind(AssertUnwindSafe(|| drop(jit(f).call(&x)))).unwrap_err();
    let wanted = format!(
        "switch: there is no branch to choose\n  at {}:{line}",
        file!()
    );
    for panic in [direct, compiled] {
        assert_eq!(panic.downcast_ref::<String>(), Some(&wanted));
    }
}

#[test]
fn branches_of_different_types() {
    assert_snapshot!(stops!(of(|x| cond(&x.sum().greater(0.0), |x: &Tensor| x.sum(), |x: &Tensor| x.clone(), x))), @"cond: `on_true` returns a different type than `on_false`: is f64[], not f64[2]; all must return the same shape");
    assert_snapshot!(stops!(of(|x| cond(&x.sum().greater(0.0), |x: &Tensor| x.clone(), |x: &Tensor| x.astype(F32), x))), @"cond: `on_true` returns a different type than `on_false`: is f64[2], not f32[2]; convert it with `astype(F32)`");
    assert_snapshot!(stops!(of(|x| cond(&x.sum().greater(0.0), |x: &Tensor| vec![x.clone()], |x: &Tensor| vec![x.clone(), x.clone()], x))), @"cond: `on_true` returns a different type than `on_false`: the trees differ: expected a list of 2, got a list of 1");
    assert_snapshot!(stops!(of(|x| cond(&x.sum().greater(0.0), |x: &Tensor| (x.sum(), x.clone()), |x: &Tensor| (x.clone(), x.sum()), x))), @"cond: `on_true` returns a different type than `on_false`: leaf `.0` is f64[], not f64[2]; all must return the same shape");
    assert_snapshot!(stops!(of(|x| switch(&zero(), &[&|x: &Tensor| x.clone(), &|x: &Tensor| x.clone(), &|x: &Tensor| x.sum()], x))), @"switch: branch 2 returns a different type than branch 0: is f64[], not f64[2]; all must return the same shape");
}

#[test]
fn carries_that_change() {
    assert_snapshot!(stops!(of(|x| fori_loop(0..3, |_, s: &Tensor| s.sum(), x))), @"fori_loop: a step changes the type of a carried value: was f64[2], is f64[]; begin with the shape that a step returns, or let the step return the shape that it gets");
    assert_snapshot!(stops!(of(|x| fori_loop(0..3, |_, s: &Tensor| s.astype(F32), x))), @"fori_loop: a step changes the type of a carried value: was f64[2], is f32[2]; convert it with `astype(F64)`, or begin with f32");
    assert_snapshot!(stops!(of(|x| fori_loop(0..3, |i, (k, s): &Pair| (k + i.astype(F64), s.clone()), &(zero(), x.clone())))), @"fori_loop: a step changes the type of a carried value: leaf `.0` was i64[], is f64[]; convert it with `astype(I64)`, or begin with f64");
    assert_snapshot!(stops!(of(|x| fori_loop(0..3, |_, s: &Vec<Tensor>| [s.as_slice(), s].concat(), &vec![x.clone()]))), @"fori_loop: a step changes the type of a carried value: the trees differ: expected a list of 1, got a list of 2");
    assert_snapshot!(stops!(of(|x| while_loop(|s: &Tensor| s.sum().less(3.0), |s: &Tensor| s.expand_dims(0), x))), @"while_loop: a step changes the type of a carried value: was f64[2], is f64[1,2]; begin with the shape that a step returns, or let the step return the shape that it gets");
    assert_snapshot!(stops!(of(|x| while_loop(|(_, s): &Pair| s.sum().less(3.0), |(k, s): &Pair| (k.astype(I32), s.clone()), &(zero(), x.clone())))), @"while_loop: a step changes the type of a carried value: leaf `.0` was i64[], is i32[]; convert it with `astype(I64)`, or begin with i32");
    assert_snapshot!(stops!(of(|x| scan(|s: &Tensor, v: &Tensor| (s * x + v, ()), &Tensor::from(1.0), x))), @"scan: a step changes the type of a carried value: was f64[], is f64[2]; begin with the shape that a step returns, or let the step return the shape that it gets");
    assert_snapshot!(stops!(of(|x| scan(|s: &Tensor, _: &Tensor| (s + 1.0, ()), &zero(), x))), @"scan: a step changes the type of a carried value: was i64[], is f64[]; convert it with `astype(I64)`, or begin with f64");
    assert_snapshot!(stops!(of(|x| associative_scan(|a: &Tensor, b: &Tensor| (a + b).expand_dims(0), x))), @"associative_scan: the combination of two rows has a different type: rows were f64[], the combined one is f64[1]; both must have the same type");
    assert_snapshot!(stops!(of(|x| associative_scan(|a: &Tensor, b: &Tensor| (a + b).astype(F32), x))), @"associative_scan: the combination of two rows has a different type: rows were f64[], the combined one is f32[]; both must have the same type");
}

#[test]
fn bounds_and_lengths() {
    let same = |_: &Tensor, s: &Tensor| s.clone();
    let step = |s: &Tensor, _: &Tensor| (s.clone(), ());
    let pairs = |s: &Tensor, _: &Pair| (s.clone(), ());
    assert_snapshot!(stops!(of(|x| fori_loop(..x.sum(), same, x))), @"fori_loop: an end of the range must be one integer, such as i64[], it is f64[]");
    assert_snapshot!(stops!(of(|x| fori_loop(x.astype(I64)..Tensor::from(3), same, x))), @"fori_loop: an end of the range must be one integer, such as i64[], it is i64[2]");
    assert_snapshot!(stops!(of(|x| scan(step, x, &x.sum()))), @"scan: the sequence is f64[] and has no rows to go through");
    assert_snapshot!(stops!(of(|x| scan(pairs, x, &(x.clone(), Tensor::ones(&[3], F64))))), @"scan: leaf `.0` of the sequence has 2 rows, leaf `.1` of the sequence is f64[3] and has 3 rows");
    assert_snapshot!(stops!(of(|x| scan(|s: &Tensor, _: &()| (s.clone(), ()), x, &()))), @"scan: there is no sequence, so the number of steps is unknown; give `length` to `scan_with`");
    assert_snapshot!(stops!(of(|x| scan_with(ScanOptions::default().length(3), step, x, x))), @"scan_with: `length` is 3, the sequence is f64[2] and has 2 rows");
    assert_snapshot!(stops!(of(|x| map(|x: &Tensor| x.sin(), &x.sum()))), @"map: the sequence is f64[] and has no rows to go through");
    assert_snapshot!(stops!(of(|x| map(|(a, b): &Pair| a + b, &(x.clone(), x.sum())))), @"map: leaf `.1` of the sequence is f64[] and has no rows to go through");
    assert_snapshot!(stops!(of(|x| associative_scan(|a: &Tensor, b: &Tensor| a + b, &x.sum()))), @"associative_scan: the sequence is f64[] and has no rows to go through");
    assert_snapshot!(stops!(of(|x| associative_scan_reverse(|(a, b): &Pair, (c, d): &Pair| (a + c, b + d), &(x.clone(), Tensor::ones(&[3], F64))))), @"associative_scan_reverse: leaf `.0` of the sequence has 2 rows, leaf `.1` of the sequence is f64[3] and has 3 rows");
}

#[test]
fn mistakes_inside_a_body_are_where_they_are_made() {
    let wide = Tensor::ones(&[3], F64);
    assert_snapshot!(stops!(of(|x| fori_loop(0..3, |_, s: &Tensor| s + &wide, x))), @"add: shapes [2] and [3] do not broadcast: axis 0 has sizes 2 and 3; sizes must be equal or 1");
    assert_snapshot!(stops!(of(|x| cond(&x.sum().less(0.0), |x: &Tensor| x.clone(), |x: &Tensor| x.matmul(&wide) * x, x))), @"matmul: f64[2] times f64[3]: the inner sizes are 2 and 3; they must be equal");
    assert_snapshot!(stops!(of(|x| map(|x: &Tensor| x.sum_axis(0), x))), @"sum_axis: axis 0 of f64[], which is a scalar and has none");
    assert_snapshot!(stops!(of(|x| associative_scan(|a: &Tensor, b: &Tensor| (a + b).sum_axis(1), x))), @"sum_axis: axis 1 of f64[], which is a scalar and has none");
    assert_snapshot!(stops!(of(|x| checkpoint(|x: &Tensor| x.reshape(&[3]))(x))), @"reshape: f64[2] has 2 elements, which do not make the shape [3]");
    assert_snapshot!(stops!(of(|x| grad(|x: &Tensor| fori_loop(0..2, |_, s: &Tensor| s + &wide, x).sum())(x))), @"add: shapes [2] and [3] do not broadcast: axis 0 has sizes 2 and 3; sizes must be equal or 1");
    assert_snapshot!(stops!(of(|x| vmap(|v: &Tensor| while_loop(|s: &Tensor| s.less(0.0), |s: &Tensor| s.sum_axis(0), v))(x))), @"sum_axis: axis 0 of f64[], which is a scalar and has none");
}

/// The condition is only known when it runs; the error still has the same line.
#[test]
fn mistakes_that_only_numbers_show() {
    assert_snapshot!(stops!(of(|x| fori_loop(0..3, |i, s: &Tensor| s + x.take(i, 0), x))), @"take: index 2 is out of bounds for axis 0 of size 2");
    assert_snapshot!(stops!(of(|x| map(|i: &Tensor| x.take(i, 0), &Tensor::from([0i64, 1, 7])))), @"take: index 7 is out of bounds for axis 0 of size 2");
    assert_snapshot!(stops!(of(|x| cond(&x.sum().less(0.0), |x: &Tensor| x.take(&(zero() + 9i64), 0), |x: &Tensor| x.at(0), x))), @"take: index 9 is out of bounds for axis 0 of size 2");
    assert_snapshot!(stops!(of(|x| grad(|x: &Tensor| while_loop(|(k, _): &Pair| k.less(5), |(k, s): &Pair| (k + 1i64, s * x.take(k, 0)), &(zero(), x.sum())).1)(x))), @"take: index 2 is out of bounds for axis 0 of size 2");
    // The branch that is not taken is not checked.
    let x = Tensor::from([1.0, 2.0]);
    let y = cond(
        &x.sum().less(0.0),
        |x: &Tensor| x.take(&Tensor::from(9i64), 0),
        |x: &Tensor| x.at(0),
        &x,
    );
    assert_eq!(y.item::<f64>().unwrap(), 1.0);
}

/// The error of reading a value inside a body.
fn reading(f: impl Fn(&dyn Fn(&Tensor)) -> Tensor) -> Error {
    let seen = std::cell::RefCell::new(None);
    f(&|t: &Tensor| *seen.borrow_mut() = t.item::<f64>().err());
    seen.take().expect("nothing was read, or it could be")
}

#[test]
fn values_read_inside_a_body() {
    let x = Tensor::from(1.5);
    let error = reading(|read| {
        let step = |s: &Tensor| {
            read(s);
            s * 2.0
        };
        while_loop(|s: &Tensor| s.less(9.0), step, &x)
    });
    assert_eq!(error.kind(), ErrorKind::Traced);
    assert!(error.to_string().contains(file!()), "{error}");
    assert_snapshot!(error.message(), @"the value of a tensor was read inside `while_loop`, where only its type f64[] is known; choose between values with `where_` or `cond`, or read it outside");
    let error = reading(|read| {
        let branch = |s: &Tensor| {
            read(&s.sin());
            s * 2.0
        };
        grad(|x: &Tensor| cond(&x.less(9.0), branch, |s: &Tensor| s.clone(), x))(&x)
    });
    assert_snapshot!(error.message(), @"the value of a tensor was read inside `cond`, where only its type f64[] is known; choose between values with `where_` or `cond`, or read it outside");
    // Values that are concrete outside can be read.
    let w = Tensor::from(3.0);
    let y = fori_loop(
        0..2,
        |_, s: &Tensor| s * (&w + 1.0).item::<f64>().unwrap(),
        &x,
    );
    assert_eq!(y.item::<f64>().unwrap(), 24.0);
    // So can results of loops with concrete operands, while a derivative is traced.
    let slope = grad(|x: &Tensor| {
        let n = while_loop(|s: &Tensor| s.less(20.0), |s: &Tensor| s * 2.0, x);
        if n.item::<f64>().unwrap() > 23.0 {
            n * x
        } else {
            x.clone()
        }
    });
    assert_eq!(slope(&x).item::<f64>().unwrap(), 48.0);
}

#[test]
fn values_that_leave_their_body() {
    let x = Tensor::from(1.5);
    let kept = std::cell::RefCell::new(None);
    fori_loop(
        0..2,
        |_, s: &Tensor| {
            *kept.borrow_mut() = Some(s.sin());
            s.clone()
        },
        &x,
    );
    let kept = kept.take().unwrap();
    assert_snapshot!(kept.to_vec::<f64>().unwrap_err().message(), @"a traced tensor is used after the function in which it was made has ended; return it from that function instead of storing it");
    assert_snapshot!(stops!(of(|x| x + &kept)), @"a traced tensor is used after the function in which it was made has ended; return it from that function instead of storing it");
    assert_snapshot!(stops!(of(|x| cond(&x.sum().less(0.0), |x: &Tensor| x * &kept, |x: &Tensor| x.clone(), x))), @"a traced tensor is used after the function in which it was made has ended; return it from that function instead of storing it");
    assert_snapshot!(stops!(of(|x| fori_loop(0..3, |_, s: &Tensor| s.clone(), &(x * &kept)))), @"a traced tensor is used after the function in which it was made has ended; return it from that function instead of storing it");
    assert_snapshot!(stops!(of(|x| scan(|s: &Tensor, _: &Tensor| (s.clone(), ()), &kept, x))), @"a traced tensor is used after the function in which it was made has ended; return it from that function instead of storing it");
}
