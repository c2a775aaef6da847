//! User numbers at the ends of their types: sizes that overflow are errors with the user's line,
//! in every function; sizes that fit are right.

use gradus::prelude::*;
use gradus::{Result, random};
use insta::assert_snapshot;
use std::panic::{AssertUnwindSafe, catch_unwind};

const MOST: usize = isize::MAX as usize;

/// The error of `f` at `x` as a returned mistake.
fn refused(f: impl Fn(&Tensor) -> Tensor, x: &Tensor) -> String {
    jit(f).call(x).unwrap_err().message().to_string()
}

/// The message with which `f` panics.
fn stops(f: impl Fn() -> Tensor) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("it does not stop");
    let text = panic.downcast_ref::<String>().expect("a formatted message");
    assert!(text.contains(&format!("\n  at {}:", file!())), "{text}");
    text.lines().next().unwrap_or_default().to_string()
}

fn values(x: &Tensor) -> Vec<f64> {
    x.to_vec().unwrap()
}

/// A width that is a negative difference, as a release build computes it.
#[test]
fn widths_of_a_pad_that_wrap() {
    let x = Tensor::from(vec![0.0; 5000]);
    assert_snapshot!(stops(|| x.pad(&[(0, usize::MAX - 4871)], 0.0)), @"pad: 0 elements before axis 0 of f64[5000], 18446744073709546744 behind it and 0 between two of it make an axis longer than 9223372036854775807; a difference of sizes that is below zero wraps to such a number");
    let widths = [
        (0, usize::MAX - 4871),
        (usize::MAX - 4871, 0),
        (usize::MAX, usize::MAX),
        (1 << 63, 1 << 63),
        (MOST, MOST),
        (MOST - 2500, MOST - 2498),
        (0, usize::MAX - 4999),
        (1 << 61, 0),
    ];
    for width in widths {
        let message = stops(|| x.pad(&[width], 1.0));
        assert!(message.starts_with("pad: "), "{width:?}: {message}");
        assert_eq!(refused(|x| x.pad(&[width], 1.0), &x), message);
    }
    // Sizes that can each be counted, but whose product overflows.
    let square = Tensor::ones(&[3, 3], F64);
    assert_snapshot!(stops(|| square.pad(&[(0, 1u64 << 31), (0, 1u64 << 31)], 0.0)), @"pad: no memory can hold f64[2147483651,2147483651]");
}

/// The same under transforms, in loops and in branches: an error of the call, and nothing is written.
#[test]
fn a_pad_that_wraps_inside_of_transforms() {
    let x = Tensor::from(vec![1.0; 50]);
    let pad = |x: &Tensor| x.pad(&[(0, usize::MAX - 40)], 0.0);
    let message = stops(|| pad(&x));
    assert_eq!(refused(|x| grad(|x: &Tensor| pad(x).sum())(x), &x), message);
    assert_eq!(
        refused(|x| hessian(|x: &Tensor| pad(&x.exp()).sum())(x), &x),
        message
    );
    assert_eq!(
        refused(|x| fori_loop(0..3, |_, x: &Tensor| pad(x), x), &x),
        message
    );
    let truth = Tensor::from(true);
    assert_eq!(
        refused(
            |x| cond(&truth, |x: &Tensor| pad(x), |x: &Tensor| x.clone(), x),
            &x
        ),
        message
    );
    let rows = Tensor::ones(&[2, 50], F64);
    assert_eq!(refused(|x| vmap(pad)(x), &rows), message);
}

#[test]
fn repetitions_that_wrap() {
    let x = Tensor::from([1.0, 2.0]);
    assert_snapshot!(stops(|| x.tile(&[usize::MAX])), @"tile: no memory can hold f64[18446744073709551615,2]");
    assert_snapshot!(stops(|| x.tile(&[1u64 << 63])), @"tile: no memory can hold f64[9223372036854775808,2]");
    assert_snapshot!(stops(|| x.repeat(usize::MAX, 0)), @"repeat: no memory can hold f64[2,18446744073709551615]");
    assert_snapshot!(stops(|| x.repeat(1u64 << 63, 0)), @"repeat: no memory can hold f64[2,9223372036854775808]");
    assert_snapshot!(stops(|| x.expand_dims(-1).broadcast_to(&[1u64 << 33, 2, 1u64 << 31])), @"broadcast_to: no memory can hold f64[8589934592,2,2147483648]");
    assert_snapshot!(refused(|x| x.tile(&[1u64 << 63]) + 1.0, &x), @"tile: no memory can hold f64[9223372036854775808,2]");
    assert_snapshot!(refused(|x| vmap(|x: &Tensor| x.repeat(1u64 << 63, 0))(&x.expand_dims(0)), &x), @"repeat: no memory can hold f64[2,9223372036854775808]");
    // An empty array repeated is empty, however often.
    assert_eq!(Tensor::ones(&[0], F64).repeat(MOST / 8, 0).shape(), [0]);
}

#[test]
fn shapes_that_wrap() {
    let x = Tensor::from([1.0, 2.0, 3.0, 4.0]);
    assert_snapshot!(stops(|| x.reshape(&[isize::MAX, isize::MAX])), @"reshape: f64[4] has 4 elements, which do not make the shape [9223372036854775807, 9223372036854775807]");
    // 2⁶⁴ + 4 wraps to 4.
    assert_snapshot!(stops(|| x.reshape(&[1i64 << 31, 1 << 33, -1])), @"reshape: f64[4] has 4 elements, which do not make the shape [2147483648, 8589934592, -1]");
    assert_snapshot!(stops(|| Tensor::ones(&[0], F64).reshape(&[1u64 << 32, 1u64 << 32])), @"reshape: f64[0] has 0 elements, which do not make the shape [4294967296, 4294967296]");
    assert_snapshot!(refused(|x| x.reshape(&[isize::MIN, 2]), &x), @"reshape: f64[4] has 4 elements, which do not make the shape [-9223372036854775808, 2]");
    assert_snapshot!(stops(|| random::normal(&random::key(0), &[1u64 << 32, 1u64 << 32], F64)), @"normal: no memory can hold f64[4294967296,4294967296]");
    assert_snapshot!(stops(|| random::bits(&random::key(0), &[1u64 << 31, 1u64 << 31])), @"bits: no memory can hold u32[2147483648,2147483648]");
    assert_snapshot!(stops(|| random::bernoulli(&random::key(0), &[1u64 << 63, 2], 0.5)), @"bernoulli: no memory can hold f32[9223372036854775808,2]");
}

#[test]
fn sums_of_sizes_that_wrap() {
    // Literals, which take no memory.
    let quarter = Tensor::zeros(&[1u64 << 62], Bool);
    let two = Tensor::from([true, true]);
    let parts = [&quarter, &quarter, &quarter, &quarter, &two];
    assert_snapshot!(stops(|| concatenate(&parts, 0)), @"concatenate: 5 arrays such as bool[4611686018427387904] make axis 0 longer than 9223372036854775807");
    assert_snapshot!(refused(|two| concatenate(&[&quarter, two, &quarter], 0), &two), @"concatenate: 3 arrays such as bool[4611686018427387904] make axis 0 longer than 9223372036854775807");
}

#[test]
fn places_at_the_ends() {
    let x = Tensor::from([1.0, 2.0, 3.0]);
    assert_snapshot!(stops(|| x.slice_axis(0, ..=isize::MAX)), @"slice_axis: places 0 to 9223372036854775808 by 1 do not lie in axis 0 of f64[3]");
    assert_snapshot!(stops(|| x.slice_axis(0, isize::MIN..)), @"slice_axis: places -9223372036854775805 to 3 by 1 do not lie in axis 0 of f64[3]");
    assert_snapshot!(stops(|| x.slice_axis(isize::MIN, ..)), @"slice_axis: axis -9223372036854775808 of f64[3]; axes go from -1 to 0");
    assert_snapshot!(stops(|| x.at(isize::MIN)), @"at: there is no entry -9223372036854775808 in f64[3]");
    assert_snapshot!(stops(|| x.at(isize::MAX)), @"at: there is no entry 9223372036854775807 in f64[3]");
    assert_snapshot!(stops(|| x.slice_axis_step(0, .., usize::MAX)), @"slice: from [0] to [3] by [18446744073709551615] does not lie in f64[3]");
    assert_snapshot!(stops(|| x.dynamic_slice(&Tensor::from([i64::MAX]), &[2])), @"dynamic_slice: a part of size 2 at 9223372036854775807 leaves axis 0 of size 3");
    assert_snapshot!(stops(|| x.dynamic_slice(&Tensor::from([0i64]), &[usize::MAX])), @"dynamic_slice: a part of [18446744073709551615] does not fit into f64[3]");
    assert_snapshot!(stops(|| x.take(&Tensor::from([i64::MIN]), 0)), @"take: index -9223372036854775808 is out of bounds for axis 0 of size 3");
    let cut = |parts: usize| x.split(parts, 0).swap_remove(0);
    assert_snapshot!(stops(|| cut(usize::MAX)), @"split: axis 0 of f64[3] has size 3, which is not a multiple of 18446744073709551615");
    assert_snapshot!(stops(|| Tensor::ones(&[0], F64).split(usize::MAX, 0).swap_remove(0)), @"split: axis 0 of f64[0] has size 0, and 18446744073709551615 parts are more than 65536");
    assert_snapshot!(refused(|x| x.split(usize::MAX, 0).swap_remove(0), &x), @"split: axis 0 of f64[3] has size 3, which is not a multiple of 18446744073709551615");
}

/// Numbers at the ends that are valid.
#[test]
fn places_at_the_ends_that_are_right() -> Result<()> {
    let x = Tensor::from([1.0, 2.0, 3.0]);
    let first = |x: &Tensor| x.slice_axis_step(0, .., MOST);
    assert_eq!(values(&first(&x)), [1.0]);
    assert_eq!(values(&jit(first).call(&x)?), [1.0]);
    let cubes = |x: &Tensor| (first(x).powi(3) + x.slice_axis_step(0, 1.., MOST)).sum();
    assert_eq!(values(&grad(cubes)(&x)), [3.0, 1.0, 0.0]);
    let mut second = [0.0; 9];
    second[0] = 6.0;
    assert_eq!(values(&hessian(cubes)(&x)), second);
    let rows = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    assert_eq!(values(&vmap(first)(&rows)), [1.0, 3.0]);
    assert_eq!(
        values(&vmap(grad(|x: &Tensor| first(x).powi(2).sum()))(&rows)),
        [2.0, 0.0, 6.0, 0.0]
    );
    // A step of a step.
    let twice = |x: &Tensor| x.slice_axis_step(0, .., 2).slice_axis_step(0, 1.., MOST);
    assert_eq!(values(&jit(twice).call(&x)?), [3.0]);
    let whole = fori_loop(0..3, |_, x: &Tensor| x + first(x), &x);
    assert_eq!(values(&whole), [8.0, 9.0, 10.0]);
    assert_eq!(values(&x.roll(isize::MIN, 0)).len(), 3);
    let places = (isize::MAX % 3) as usize;
    assert_eq!(
        values(&x.roll(isize::MAX, 0)),
        [1.0, 2.0, 3.0]
            .map(|v| (v as usize + 2 - places) % 3 + 1)
            .map(|v| v as f64)
    );
    Ok(())
}

#[test]
fn diagonals_beyond_the_corners() {
    let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    for k in [3, 1 << 40, isize::MAX] {
        assert_eq!(values(&x.tril(k)), values(&x), "{k}");
        assert_eq!(values(&x.triu(k)), [0.0; 6], "{k}");
    }
    for k in [-2, isize::MIN] {
        assert_eq!(values(&x.tril(k)), [0.0; 6], "{k}");
        assert_eq!(values(&x.triu(k)), values(&x), "{k}");
    }
    let sum = |x: &Tensor| (x.tril(isize::MAX) + x.triu(isize::MAX)).powi(2).sum();
    assert_eq!(values(&grad(sum)(&x)), values(&(&x * 2.0)));
}

/// The distance of bounds can overflow; so can the distance of bounds in the wrong order, which make no step.
#[test]
fn bounds_of_loops_at_the_ends() -> Result<()> {
    let x = Tensor::from(1.0);
    let count = |from: i64, to: i64| fori_loop(from..to, |_, c: &Tensor| c + 1.0, &x);
    for (from, to) in [
        (i64::MAX, i64::MIN),
        (0, i64::MIN),
        (5, -5),
        (i64::MAX, i64::MAX),
    ] {
        assert_eq!(values(&count(from, to)), [1.0], "{from} {to}");
        let traced = |bounds: &Tensor| {
            let (from, to) = (bounds.at(0), bounds.at(1));
            fori_loop(&from..&to, |_, c: &Tensor| c + 1.0, &x)
        };
        let bounds = Tensor::from([from, to]);
        assert_eq!(values(&jit(traced).call(&bounds)?), [1.0], "{from} {to}");
        let slope = grad(|x: &Tensor| fori_loop(from..to, |_, c: &Tensor| c * 2.0, x));
        assert_eq!(values(&slope(&x)), [1.0]);
    }
    let last = [i64::MAX - 2, i64::MAX, i64::MIN, i64::MIN + 2];
    assert_eq!(values(&count(last[0], last[1])), [3.0]);
    assert_eq!(values(&count(last[2], last[3])), [3.0]);
    // A loop without a last step ends as soon as it fails.
    let fails = |x: &Tensor| {
        let one = Tensor::from([1.0]);
        let step = |i: &Tensor, c: &Tensor| c + one.take(&(i + 5).expand_dims(0), 0);
        fori_loop(-5..i64::MAX, step, x)
    };
    assert_snapshot!(refused(fails, &x.reshape(&[1])), @"take: index 1 is out of bounds for axis 0 of size 1");
    Ok(())
}

#[test]
fn exponents_at_the_ends() {
    let power = |x: &Tensor| x.powi(i32::MIN);
    let x = Tensor::from(1.0);
    let n = f64::from(i32::MIN);
    assert_eq!(values(&power(&x)), [1.0]);
    assert_eq!(values(&grad(power)(&x)), [n]);
    assert_eq!(values(&grad(grad(power))(&x)), [n * (n - 1.0)]);
    let near = Tensor::from(1.0 + 1e-10);
    let ratio = values(&grad(power)(&near))[0] / values(&power(&near))[0];
    assert!((ratio / n - 1.0).abs() < 1e-9, "{ratio}");
}
