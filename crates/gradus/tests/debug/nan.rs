//! The first NaN or infinity, with the line that made it.

use gradus::debug::with_nan_check;
use gradus::prelude::*;
use gradus::solve::{Root, find_root};
use insta::assert_snapshot;
use std::process::Command;

/// The report on `f` at `x`, which must name the line `line`; the place is removed.
fn report<B: Tree>(f: impl Fn(&Tensor) -> B, x: &[f64], line: u32) -> String {
    let report = find_nan(f, &Tensor::from(x)).unwrap().expect("a report");
    let text = report.to_string();
    let place = format!("\n  at {}:{line}", file!());
    let rest = text.strip_suffix(&place);
    rest.unwrap_or_else(|| panic!("{text}\nis not{place}"))
        .to_string()
}

#[test]
fn a_root_at_zero_has_an_infinite_slope() {
    let (f, line) = (|x: &Tensor| (x.sqrt() * 3.0).sum(), line!());
    assert!(find_nan(f, &Tensor::from([1.0, 0.0])).unwrap().is_none());
    assert_snapshot!(report(grad(f), &[1.0, 0.0, 4.0], line), @"
    infinity in the backward pass of sqrt
      div gave f64[3] with inf at [1], and nowhere else
      operand 0: f64[3], 3 there, from 3 to 3
      operand 1: f64[3], 0 there, from 0 to 4
    ");
}

#[test]
fn a_zero_times_an_infinite_slope_is_blamed_on_the_slope() {
    let line = line!() + 3;
    let f = |x: &Tensor| {
        let squares = x.square().sum();
        squares.sqrt()
    };
    assert_snapshot!(report(grad(f), &[0.0, 0.0], line), @"
    infinity in the backward pass of sqrt
      div gave f64[] with inf at [], and nowhere else
      operand 0: f64[], 1 there, from 1 to 1
      operand 1: f64[], 0 there, from 0 to 0
    ");
    // The same in a second derivative, and in forward mode.
    assert_snapshot!(report(grad(move |x: &Tensor| grad(f)(x).sum()), &[0.0, 0.0], line), @"
    infinity in the backward pass of sqrt
      div gave f64[] with inf at [], and nowhere else
      operand 0: f64[], 1 there, from 1 to 1
      operand 1: f64[], 0 there, from 0 to 0
    ");
    let push = move |x: &Tensor| jvp(f, x, &Tensor::from([1.0, 0.0])).1;
    assert_snapshot!(report(push, &[0.0, 0.0], line), @"
    NaN in the derivative of sqrt
      div gave f64[] with NaN at [], and nowhere else
      operand 0: f64[], 0 there, from 0 to 0
      operand 1: f64[], 0 there, from 0 to 0
    ");
}

#[test]
fn in_the_function_itself() {
    let f = |x: &Tensor| {
        let y = x.log();
        let z = x / x;
        (y + z).sum()
    };
    assert_snapshot!(report(f, &[1.0, 0.0], line!() - 4), @"
    infinity made by log
      log gave f64[2] with -inf at [1], and nowhere else
      operand 0: f64[2], 0 there, from 0 to 1
    ");
    let quotient = |x: &Tensor| (x / x.sum()).sum();
    assert_snapshot!(report(quotient, &[0.0, 0.0], line!() - 1), @"
    NaN made by div
      div gave f64[2] with NaN at [0], the first of 2 such elements
      operand 0: f64[2], 0 there, from 0 to 0
      operand 1: f64[2], 0 there, from 0 to 0
    ");
    let f = |x: &Tensor| x.exp().sum();
    assert_snapshot!(report(f, &[1.0, 1000.0, 2000.0], line!() - 1), @"
    infinity made by exp
      exp gave f64[3] with inf at [1], the first of 2 such elements
      operand 0: f64[3], 1000 there, from 1 to 2000
    ");
    // There is no half precision yet; f32 overflows where f64 does not.
    let f = |x: &Tensor| x.astype(F32).exp().sum();
    assert_snapshot!(report(f, &[1.0, 100.0], line!() - 1), @"
    infinity made by exp
      exp gave f32[2] with inf at [1], and nowhere else
      operand 0: f32[2], 100 there, from 1 to 100
    ");
}

#[test]
fn under_vmap_and_jit() {
    let f = jit(|x: &Tensor| x.log() * 2.0);
    let line = line!() - 1;
    let rows = vmap(move |x: &Tensor| f.call(x).unwrap());
    assert_snapshot!(report(rows, &[1.0, 2.0, 0.0], line), @"
    infinity made by log
      log gave f64[3] with -inf at [2], and nowhere else
      operand 0: f64[3], 0 there, from 0 to 2
    ");
}

#[test]
fn what_touches_no_result_comes_last_and_says_so() {
    let f = |x: &Tensor| 1.0 / (1.0 + (-x).exp());
    assert_snapshot!(report(f, &[-1000.0], line!() - 1), @"
    infinity made by exp
      exp gave f64[1] with inf at [0], and nowhere else
      operand 0: f64[1], 1000 there, from 1000 to 1000
      all results are finite nevertheless
    ");
    let f = |x: &Tensor| {
        let harmless = 1.0 / (1.0 + (-x).exp());
        harmless + (x + 1000.0).log()
    };
    assert!(report(f, &[-1000.0], line!() - 2).starts_with("infinity made by log"));
}

#[test]
fn infinities_that_are_meant_are_no_finding() {
    let mask = |x: &Tensor| {
        x.greater(0.0)
            .where_(x, Tensor::full(&[2], f64::NEG_INFINITY))
    };
    assert!(
        find_nan(mask, &Tensor::from([1.0, -1.0]))
            .unwrap()
            .is_none()
    );
    // A NaN made from them counts.
    let f = move |x: &Tensor| {
        let y = mask(x);
        &y - y.max()
    };
    assert!(find_nan(f, &Tensor::from([1.0, -1.0])).unwrap().is_none());
    assert_snapshot!(report(f, &[-1.0, -1.0], line!() - 3), @"
    NaN made by sub
      sub gave f64[2] with NaN at [0], the first of 2 such elements
      operand 0: f64[2], -inf there, from -inf to -inf
      operand 1: f64[2], -inf there, from -inf to -inf
    ");
}

#[test]
fn arguments_that_are_not_finite() {
    let f = |(a, b): &(Tensor, Tensor)| (a * b).sum();
    let x = (Tensor::from([1.0, 2.0]), Tensor::from([1.0, f64::NAN]));
    assert_snapshot!(find_nan(f, &x).unwrap().unwrap(), @"
    NaN in leaf `.1` of the argument
      it is f64[2] with NaN at [1], and nowhere else
    ");
    let outside = Tensor::from([f64::INFINITY, 1.0]);
    let f = move |x: &Tensor| x * &outside;
    assert_snapshot!(find_nan(f, &Tensor::from([1.0, 1.0])).unwrap().unwrap(), @"
    infinity in a tensor from outside
      it is f64[2] with inf at [0], and nowhere else
    ");
}

#[test]
fn within_a_check_results_that_are_not_finite_are_mistakes() {
    let f = jit(|x: &Tensor| x.log().sum());
    let line = line!() - 1;
    let bad = Tensor::from([1.0, 0.0]);
    let error = with_nan_check(|| f.call(&bad)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFinite);
    assert_snapshot!(error.message(), @"
    infinity made by log
      log gave f64[2] with -inf at [1], and nowhere else
      operand 0: f64[2], 0 there, from 0 to 1
    ");
    assert_eq!(error.loc().unwrap().file_line(), Some((file!(), line)));
    let owned = with_nan_check(|| f.call_owned(bad.clone())).unwrap_err();
    assert_eq!(owned.to_string(), error.to_string());
    // Single operations and derivatives panic at the wrong line.
    let line = line!() + 1;
    let panic = std::panic::catch_unwind(|| with_nan_check(|| Tensor::from([0.0]).log()));
    let text = *panic.unwrap_err().downcast::<String>().unwrap();
    assert!(text.starts_with("infinity made by log"), "{text}");
    assert!(text.ends_with(&format!("{}:{line}", file!())), "{text}");
    // The check ends with its scope, also after a panic.
    assert!(f.call(&bad).is_ok());
    assert!(with_nan_check(|| f.call(&Tensor::from([1.0, 2.0]))).is_ok());
}

/// An infinite argument does not hide infinities that the program makes itself.
#[test]
fn within_a_check_infinite_arguments_hide_nothing() {
    let check = |f: &dyn Fn(&Tensor) -> Tensor, x: [f64; 2]| {
        let f = jit(|x: &Tensor| f(x));
        with_nan_check(|| f.call(&Tensor::from(x)))
    };
    let line = line!() + 1;
    let differences = |x: &Tensor| x - x.max();
    let error = check(&differences, [f64::INFINITY, 1.0]).unwrap_err();
    assert_eq!(error.loc().unwrap().file_line(), Some((file!(), line)));
    assert_snapshot!(error.message(), @"
    NaN made by sub
      sub gave f64[2] with NaN at [0], and nowhere else
      operand 0: f64[2], inf there, from 1 to inf
      operand 1: f64[2], inf there, from inf to inf
    ");
    let line = line!() + 1;
    let logarithms = |x: &Tensor| x.log();
    let error = check(&logarithms, [f64::INFINITY, 0.0]).unwrap_err();
    assert_eq!(error.loc().unwrap().file_line(), Some((file!(), line)));
    assert_snapshot!(error.message(), @"
    infinity made by log
      log gave f64[2] with -inf at [1], and nowhere else
      operand 0: f64[2], 0 there, from 0 to inf
    ");
    // Nor does a NaN.
    let error = check(&logarithms, [f64::NAN, 0.0]).unwrap_err();
    assert_eq!(error.loc().unwrap().file_line(), Some((file!(), line)));
    let inside = |x: &Tensor| fori_loop(0..1, |_, s: &Tensor| s.log(), x);
    let error = check(&inside, [f64::INFINITY, 0.0]).unwrap_err();
    assert!(error.message().contains("-inf at [1]"), "{error}");
    // An argument that is returned is not an error.
    for x in [[f64::INFINITY, 1.0], [f64::NAN, 1.0]] {
        assert!(check(&|x| x * 2.0, x).is_ok());
        assert!(check(&|x| x.sum(), x).is_ok());
        assert!(check(&|x| fori_loop(0..2, |_, s: &Tensor| s * 2.0, x), x).is_ok());
    }
}

/// A value that is read while tracing is not a result.
#[test]
fn within_a_check_what_is_read_of_a_loop_is_not_refused() {
    let f = |x: &Tensor| {
        let step = |(a, b): &(Tensor, Tensor)| (a.log(), b * 2.0);
        let (_, b) = fori_loop(0..1, |_, s| step(s), &(x.zeros_like(), x.clone()));
        match b.item::<f64>().unwrap() > 1.0 {
            true => x * 3.0,
            false => x * 5.0,
        }
    };
    let slope = with_nan_check(|| grad(f)(&Tensor::from(1.0)));
    assert_eq!(slope.item::<f64>().unwrap(), 3.0);
}

/// Programs that cannot run, or fail, are reported with their line.
#[test]
fn mistakes_during_a_search_have_their_lines() {
    let line = line!() + 1;
    let never = |x: &Tensor| find_root(|x: &Tensor| x.square() + 1.0, x, Root::default());
    let error = find_nan(never, &Tensor::from(1.0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Convergence);
    assert_eq!(error.loc().unwrap().file_line(), Some((file!(), line)));
    let line = line!() + 1;
    let own = custom_vjp(
        |x: &Tensor| x.sin(),
        |x: &Tensor| (x.sin(), x.clone()),
        |x: &Tensor, g: &Tensor| x.cos() * g,
    );
    let forward = |x: &Tensor| jvp(&own, x, &x.ones_like()).1;
    let error = find_nan(forward, &Tensor::from(1.0)).unwrap_err();
    assert_eq!(error.loc().unwrap().file_line(), Some((file!(), line)));
}

/// Runs in another process, with the environment variable.
#[test]
fn everything_is_checked() {
    if std::env::var_os("GRADUS_CHECK_NAN").is_none() {
        return;
    }
    let f = jit(|x: &Tensor| x.log().sum());
    if let Err(error) = f.call(&Tensor::from([0.0])) {
        println!("refused: {}", error.message());
    }
}

#[test]
fn the_environment_asks_for_the_check() {
    for (value, refused) in [("1", true), ("0", false)] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "nan::everything_is_checked", "--nocapture"])
            .env("GRADUS_CHECK_NAN", value)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.contains("refused: infinity made by log"), refused);
    }
}

/// Like [`report`], for operations inside a region on the line `outer`.
fn report_inside<B: Tree>(f: impl Fn(&Tensor) -> B, x: &[f64], line: u32, outer: u32) -> String {
    let text = report(f, x, line);
    text.replace(
        &format!("at {}:{outer}", file!()),
        "at the line of the loop",
    )
}

#[test]
fn in_steps_of_loops() {
    let outer = line!() + 2;
    let f = |x: &Tensor| {
        scan(
            |s: &Tensor, x: &Tensor| {
                let y = s - x;
                (y.sqrt(), y.square())
            },
            &Tensor::from(10.0),
            x,
        )
    };
    let line = outer + 3;
    let x = [1.0, 2.0, 3.0, 4.0];
    assert_snapshot!(report_inside(f, &x, line, outer), @"
    NaN made by sqrt
      sqrt gave f64[] with NaN at [], and nowhere else
      operand 0: f64[], -2 there, from -2 to -2
      in step 2 of scan, at the line of the loop
    ");
    let found = find_nan(f, &Tensor::from(x)).unwrap().unwrap();
    assert_eq!(found.within[0].step, Some(2));
    assert_eq!(found.within[0].place, Some((file!(), outer)));
    // The slope of the root at 0, in the backward loop: the step has the same number as in the forward loop.
    let last = move |x: &Tensor| f(x).0;
    assert_snapshot!(report_inside(grad(last), &[1.0, 3.0, 0.0, 0.0], line, outer), @"
    infinity in the backward pass of sqrt
      div gave f64[] with inf at [], and nowhere else
      operand 0: f64[], 1 there, from 1 to 1
      operand 1: f64[], 0 there, from 0 to 0
      in step 3 of the backward pass of scan, at the line of the loop
    ");
    let push = move |x: &Tensor| jvp(last, x, &Tensor::ones(&[4], F64)).1;
    assert_snapshot!(report_inside(push, &[1.0, 3.0, 0.0, 0.0], line, outer), @"
    infinity in the derivative of sqrt
      div gave f64[] with -inf at [], and nowhere else
      operand 0: f64[], -1.1666666666666667 there, from -1.1666666666666667 to -1.1666666666666667
      operand 1: f64[], 0 there, from 0 to 0
      in step 1 of the derivative of scan, at the line of the loop
    ");
}

#[test]
fn in_loops_of_unknown_length_branches_and_calls() {
    let outer = line!() + 2;
    let f = |x: &Tensor| {
        while_loop(
            |s: &Tensor| s.greater(-0.5),
            |s: &Tensor| (s - 1.0).sqrt() - 1.0,
            x,
        )
    };
    let line = outer + 2;
    assert!(find_nan(f, &Tensor::from(5.0)).unwrap().is_none());
    let at = |x: f64| move |one: &Tensor| f(&(one.sum() * x));
    assert_snapshot!(report_inside(at(2.0), &[1.0], line, outer), @"
    NaN made by sqrt
      sqrt gave f64[] with NaN at [], and nowhere else
      operand 0: f64[], -1 there, from -1 to -1
      in step 1 of while, at the line of the loop
    ");
    assert_snapshot!(report_inside(grad(at(5.0)), &[1.0], line, outer), @"
    infinity in the backward pass of sqrt
      div gave f64[] with inf at [], and nowhere else
      operand 0: f64[], 1 there, from 1 to 1
      operand 1: f64[], 0 there, from 0 to 0
      in step 1 of the backward pass of while, at the line of the loop
    ");
    let outer = line!() + 2;
    let f = |x: &Tensor| {
        cond(
            &x.greater(0.0),
            |x: &Tensor| x.log(),
            |x: &Tensor| checkpoint(|x: &Tensor| x.log() * 2.0)(x),
            x,
        )
    };
    let at = |x: f64| move |one: &Tensor| f(&(one.sum() * x));
    let inside = report_inside(at(-1.0), &[1.0], outer + 3, outer);
    let checkpoint = format!("{}:{}", file!(), outer + 3);
    assert_snapshot!(inside.replace(&checkpoint, "its line"), @"
    NaN made by log
      log gave f64[] with NaN at [], and nowhere else
      operand 0: f64[], -1 there, from -1 to -1
      in checkpoint, at its line
      in branch 0 of switch, at the line of the loop
    ");
}

#[test]
fn infinities_that_are_carried_in_are_meant() {
    let largest = |x: &Tensor| {
        let step = |m: &Tensor, x: &Tensor| (m.maximum(x), ());
        scan(step, &Tensor::from(f64::NEG_INFINITY), x).0
    };
    assert!(
        find_nan(largest, &Tensor::from([1.0, 3.0]))
            .unwrap()
            .is_none()
    );
}

#[test]
fn compiled_loops_are_checked() {
    let line = line!() + 1;
    let f = jit(|x: &Tensor| fori_loop(0..3, |_, s: &Tensor| s.log(), x));
    let error = with_nan_check(|| f.call(&Tensor::from(2.0))).unwrap_err();
    assert_eq!(error.loc().unwrap().file_line(), Some((file!(), line)));
    let place = format!("{}:{line}", file!());
    assert_snapshot!(error.message().replace(&place, "the line of the loop"), @"
    NaN made by log
      log gave f64[] with NaN at [], and nowhere else
      operand 0: f64[], -0.36651292058166435 there, from -0.36651292058166435 to -0.36651292058166435
      in step 2 of scan, at the line of the loop
    ");
}

/// The arguments that are nearest to the first bad number of `f`.
fn nearest<A: Tree, B: Tree>(f: impl Fn(&A) -> B, x: &A) -> Vec<String> {
    find_nan(f, x).unwrap().expect("a report").nearest
}

#[test]
fn the_nearest_argument_tells_the_layer() {
    let layers = vec![
        Tensor::from([[1.0, 2.0], [3.0, 4.0]]),
        Tensor::from([[1e200, 0.0], [0.0, 1e200]]),
        Tensor::from([[1e200, 0.0], [0.0, 1.0]]),
    ];
    let through = |layers: &Vec<Tensor>, x: f64| {
        let all = layers.iter();
        let last = all.fold(Tensor::from([x, x]), |x, w| w.matmul(&x).relu());
        last.sum()
    };
    assert_eq!(nearest(|l| through(l, 1.0), &layers), [".2"]);
    // All values are finite here, and the cotangent becomes infinite at the second layer.
    let small = |layers: &Vec<Tensor>| through(layers, 1e-200);
    assert!(find_nan(small, &layers).unwrap().is_none());
    assert_eq!(nearest(grad(small), &layers), [".1"]);
}

#[test]
fn the_nearest_argument_of_what_a_loop_does_is_one_outside_of_it() {
    let x = (
        Tensor::from([0.5, 1.0]),
        Tensor::from(1e300),
        Tensor::from(2.0),
    );
    let f = |(rows, large, small): &(Tensor, Tensor, Tensor)| {
        let step = |c: &Tensor, row: &Tensor| (c * large + row * small, row.clone());
        scan(step, &Tensor::from(1.0), rows).0
    };
    assert_eq!(nearest(f, &x), [".1"]);
    let branch = |(rows, large, _): &(Tensor, Tensor, Tensor)| {
        let on = rows.sum().greater(0.0);
        cond(
            &on,
            |x: &Tensor| x * large * large,
            |x: &Tensor| x.clone(),
            &rows.sum(),
        )
    };
    assert_eq!(nearest(branch, &x), [".1"]);
}
