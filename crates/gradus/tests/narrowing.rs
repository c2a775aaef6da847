//! No operation narrows numbers by itself: operands are brought to a type that holds both,
//! or it is an error that says so.

use gradus::prelude::*;

fn numbers(t: &Tensor) -> Vec<f64> {
    t.astype(F64).to_vec().unwrap()
}

/// The message of the mistake in `f`, which names this file.
fn message(f: impl Fn(&Tensor) -> Tensor, x: &Tensor) -> String {
    let error = jit(f).call(x).unwrap_err().to_string();
    let (message, place) = error.rsplit_once(" at ").unwrap_or((&error, ""));
    assert!(place.contains("narrowing.rs"), "{error}");
    message.trim_end().into()
}

#[test]
fn index_add_takes_the_wider_type() {
    let places = Tensor::from([0i64, 0]);
    let whole = Tensor::from([1i32, 2]).index_add(0, &places, &Tensor::from([0.25, 0.5]));
    assert_eq!((whole.dtype(), numbers(&whole)), (F64, vec![1.75, 2.0]));
    let single = Tensor::from([1f32, 2.0]).index_add(0, &places, &Tensor::from([1e300, 0.0]));
    assert_eq!((single.dtype(), numbers(&single)), (F64, vec![1e300, 2.0]));
    // The narrower operand is widened as an update, and the derivative passes back through both.
    let f = |(a, b): &(Tensor, Tensor)| a.index_add(0, &places, b).square().sum();
    let at = (Tensor::from([1f32, 2.0]), Tensor::from([0.5, 1.0]));
    let (da, db) = grad(f)(&at);
    assert_eq!((da.dtype(), db.dtype()), (F32, F64));
    assert_eq!(
        (numbers(&da), numbers(&db)),
        (vec![5.0, 4.0], vec![5.0, 5.0])
    );
    // Under `jit`, `vmap` and in a loop, and twice.
    let of_whole = |b: &Tensor| {
        Tensor::from([1i32, 2])
            .index_add(0, &places, b)
            .powi(3)
            .sum()
    };
    let rows = Tensor::from([[0.5, 1.0], [0.25, 0.0]]);
    let slopes = jit(vmap(grad(of_whole))).call(&rows).unwrap();
    assert_eq!(numbers(&slopes), [18.75, 18.75, 4.6875, 4.6875]);
    let looped = |b: &Tensor| {
        let start = Tensor::from([1.0, 2.0]);
        let step = |_: &Tensor, a: &Tensor| a.index_add(0, &places, &b.astype(F32));
        fori_loop(0..2, step, &start).at(0).square()
    };
    assert_eq!(
        numbers(&hessian(looped)(&Tensor::from([0.5, 1.0]))),
        [8.0; 4]
    );
}

#[test]
fn dynamic_update_takes_the_wider_type() {
    let at = Tensor::from([1i64]);
    let whole = Tensor::from([1i32, 2]).dynamic_update(&Tensor::from([0.5]), &at);
    assert_eq!((whole.dtype(), numbers(&whole)), (F64, vec![1.0, 0.5]));
    let single = Tensor::from([1f32, 2.0]).dynamic_update(&Tensor::from([1e300]), &at);
    assert_eq!((single.dtype(), numbers(&single)), (F64, vec![1.0, 1e300]));
    let f = |part: &Tensor| {
        let whole = Tensor::from([1i32, 2]);
        whole.dynamic_update(part, &at).square().sum()
    };
    assert_eq!(numbers(&grad(f)(&Tensor::from([0.5]))), [1.0]);
    assert_eq!(numbers(&hessian(f)(&Tensor::from([0.5]))), [2.0]);
    let rows = Tensor::from([[0.5], [3.0]]);
    assert_eq!(
        numbers(&jit(vmap(grad(f))).call(&rows).unwrap()),
        [1.0, 6.0]
    );
}

#[test]
fn places_are_whole_numbers() {
    let x = Tensor::from([1.0, 2.0, 3.0]);
    let start = Tensor::from([1.7]);
    assert_eq!(
        message(|x| x.dynamic_slice(&start, &[1]), &x),
        "dynamic_slice: indices must be integers, got f64[1]; convert them with `astype`"
    );
    assert_eq!(
        message(|x| x.dynamic_update(&Tensor::from([0.0]), &start), &x),
        "dynamic_update: indices must be integers, got f64[1]; convert them with `astype`"
    );
}

#[test]
fn a_number_that_does_not_fit_is_an_error() {
    let single = Tensor::from([1f32, 2.0]);
    let whole = Tensor::from([1i32, 2]);
    let wants = |name: &str, number: &str, ty: &str| {
        format!(
            "{name}: the number {number} does not fit into {ty}; convert the tensor with `astype`"
        )
    };
    let large = "1e300";
    assert_eq!(message(|x| x + 1e300, &single), wants("add", large, "f32"));
    assert_eq!(message(|x| 1e300 - x, &single), wants("sub", large, "f32"));
    assert_eq!(
        message(|x| x.clip(-1e300, 1.0), &single),
        wants("clip", &format!("-{large}"), "f32")
    );
    assert_eq!(
        message(|x| x.maximum(usize::MAX), &whole),
        wants("maximum", "18446744073709551615", "i32")
    );
    let long = Tensor::from([1i64]);
    assert_eq!(
        message(|x| x + usize::MAX, &long),
        wants("add", "18446744073709551615", "i64")
    );
    assert_eq!(
        message(|x| x.pad(&[(1, 0)], 0.5), &whole),
        wants("pad", "0.5", "i32")
    );
    assert_eq!(
        message(|x| x.pad(&[(1, 0)], 3e9), &whole),
        wants("pad", "3000000000.0", "i32")
    );
    assert_eq!(
        message(|x| x.pad(&[(1, 0)], f64::NAN), &whole),
        wants("pad", "NaN", "i32")
    );
    assert_eq!(
        message(|x| x.pad(&[(1, 0)], 1e300), &single),
        wants("pad", large, "f32")
    );
    assert_eq!(
        message(|x| x.pad(&[(1, 0)], 9223372036854775808.0), &long),
        wants("pad", "9.223372036854776e18", "i64")
    );
    // Values that fit, including infinities and fractions.
    assert_eq!(numbers(&whole.pad(&[(1, 0)], -7.0)), [-7.0, 1.0, 2.0]);
    assert_eq!(
        numbers(&single.pad(&[(1, 0)], f64::INFINITY))[0],
        f64::INFINITY
    );
    assert_eq!(numbers(&single.minimum(f64::INFINITY)), [1.0, 2.0]);
    assert_eq!(
        numbers(&(&single + 0.1)),
        [f64::from(1.1f32), f64::from(2.1f32)]
    );
    assert_eq!(numbers(&(&single + usize::MAX))[0], 18446744073709551616.0);
    // A fraction with integers converts them to f64.
    assert_eq!(numbers(&whole.clip(1.5, 1e300)), [1.5, 2.0]);
    assert_eq!(
        numbers(&whole.greater(1).where_(&whole, Tensor::from(0.5))),
        [0.5, 2.0]
    );
}
