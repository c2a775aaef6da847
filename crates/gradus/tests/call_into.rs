//! Calls from slices into slices: the bits of calls with tensors, whatever the memory, and errors for what does not fit.

use gradus::debug::with_nan_check;
use gradus::engine::Context;
use gradus::prelude::*;
use gradus::tensor::Element;
use gradus_reference::Reference;

/// Numbers between -1 and 1.
fn numbers<T: From<f32>>(n: usize, seed: usize) -> Vec<T> {
    let number = |i: usize| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0;
    (0..n).map(|i| T::from(number(i))).collect()
}

/// Compares `f` called from slices at odd addresses into slices at odd addresses with `f` called with tensors.
#[track_caller]
fn same<T: Element + From<f32>>(
    f: impl Fn(&Vec<Tensor>) -> Vec<Tensor>,
    shapes: &[&[usize]],
    lengths: &[usize],
) {
    let f = jit(f);
    let elements = |shape: &[usize]| shape.iter().product::<usize>();
    let given: Vec<Vec<T>> = (shapes.iter().enumerate())
        .map(|(k, shape)| numbers(elements(shape) + 1, k))
        .collect();
    let slices: Vec<&[T]> = given.iter().map(|all| &all[1..]).collect();
    let tensors: Vec<Tensor> = (slices.iter().zip(shapes))
        .map(|(s, shape)| Tensor::new(*s, *shape).unwrap())
        .collect();
    f.prepare(&tensors).unwrap();
    let wanted = f.call(&tensors).unwrap();
    for _ in 0..3 {
        let mut memory: Vec<Vec<T>> = lengths.iter().map(|n| numbers(n + 2, 99)).collect();
        let mut results: Vec<&mut [T]> = (memory.iter_mut().zip(lengths))
            .map(|(all, n)| &mut all[1..=*n])
            .collect();
        f.call_into(&slices, &mut results).unwrap();
        for ((all, wanted), n) in memory.iter().zip(&wanted).zip(lengths) {
            assert_eq!(all[1..=*n], wanted.to_vec::<T>().unwrap());
            // Nothing was written beside the result.
            let before = numbers::<T>(n + 2, 99);
            assert_eq!((all[0], all[n + 1]), (before[0], before[n + 1]));
        }
    }
}

#[test]
fn the_bits_are_those_of_a_call() {
    let chain = |x: &Vec<Tensor>| vec![(&x[0] * &x[1]).sin() + 1.0, x[0].sum()];
    for n in [0, 1, 3, 7, 64, 1001, 200_000] {
        same::<f64>(chain, &[&[n], &[n]], &[n, 1]);
        same::<f32>(chain, &[&[n], &[n]], &[n, 1]);
    }
    let numbers = |x: &Vec<Tensor>| vec![grad(|x: &Tensor| x.exp() * x.sin())(&x[0])];
    same::<f64>(numbers, &[&[]], &[1]);
    let product = |x: &Vec<Tensor>| vec![x[0].matmul(&x[1]), x[1].t().softmax(-1)];
    same::<f32>(product, &[&[33, 17], &[17, 9]], &[33 * 9, 9 * 17]);
    // The argument itself, twice, and a constant.
    let plain = |x: &Vec<Tensor>| vec![x[0].clone(), x[0].clone(), Tensor::ones(&[2], F64)];
    same::<f64>(plain, &[&[5]], &[5, 5, 2]);
    let steps = |x: &Vec<Tensor>| vec![fori_loop(0..9, |_, x: &Tensor| x.sin() + 0.1, &x[0])];
    same::<f64>(steps, &[&[3]], &[3]);
    let mixed = |x: &Vec<Tensor>| vec![x[0].cumsum(0), x[0].t().flip(&[0])];
    same::<f64>(mixed, &[&[4, 6]], &[24, 24]);
}

#[test]
fn captured_values_and_other_contexts() -> Result<()> {
    let scale = Tensor::from([2.0, 3.0]);
    let f = jit(move |x: &Tensor| x * &scale);
    let mut y = [0.0; 2];
    let like = Tensor::zeros(&[2], F64);
    f.prepare(&like)?;
    f.call_into(&[&[1.0, 1.0]], &mut [&mut y])?;
    assert_eq!(y, [2.0, 3.0]);
    // A program belongs to its context.
    Context::new(Reference).with(|| {
        assert!(f.call_into(&[&[5.0, 5.0]], &mut [&mut y]).is_err());
        f.prepare(&like)?;
        f.call_into(&[&[2.0, 2.0]], &mut [&mut y])
    })?;
    assert_eq!((y, f.programs()), ([4.0, 6.0], 2));
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() {
    let message = |e: Result<()>| e.unwrap_err().message().to_string();
    let f = jit(|x: &(Tensor, Tensor)| x.0.matmul(&x.1));
    let mut y = [0.0; 4];
    insta::assert_snapshot!(
        message(f.call_into(&[&[1.0f64; 6], &[1.0; 6]], &mut [&mut y])),
        @"call_into: the function has no program yet; `prepare` it for tensors of the shapes that the slices have"
    );
    let of = |a: [usize; 2], b: [usize; 2]| (Tensor::zeros(&a, F64), Tensor::zeros(&b, F64));
    f.prepare(&of([2, 3], [3, 2])).unwrap();
    insta::assert_snapshot!(message(f.call_into(&[&[1.0f64; 6], &[1.0; 5]], &mut [&mut y])), @"call_into: no program of this function takes slices of 6 f64, 5 f64; it was compiled for [f64[2,3], f64[3,2]]. `prepare` it for tensors of the shapes that the slices have");
    insta::assert_snapshot!(message(f.call_into(&[&[1.0f32; 6], &[1.0; 6]], &mut [&mut [0.0f32; 4]])), @"call_into: no program of this function takes slices of 6 f32, 6 f32; it was compiled for [f64[2,3], f64[3,2]]. `prepare` it for tensors of the shapes that the slices have");
    insta::assert_snapshot!(message(f.call_into(&[&[1.0f64; 6], &[1.0; 6]], &mut [&mut y[..3]])), @"run: result 0 is f64[2,2], got a slice of 3 f64");
    insta::assert_snapshot!(message(f.call_into(&[&[1.0f64; 6], &[1.0; 6]], &mut [])), @"run: slices for 0 results of a program with 1");
    f.call_into(&[&[1.0; 6], &[1.0; 6]], &mut [&mut y]).unwrap();
    assert_eq!(y, [3.0; 4]);
    f.prepare(&of([3, 2], [2, 3])).unwrap();
    insta::assert_snapshot!(message(f.call_into(&[&[1.0f64; 6], &[1.0; 6]], &mut [&mut y])), @"call_into: two programs of this function take such slices, one for [f64[2,3], f64[3,2]] and one for [f64[3,2], f64[2,3]]; call it with tensors, or use a function for each");
    // A mistake of the run has the line of the function.
    let take = jit(|x: &Tensor| x.take(&x.astype(I64), 0));
    take.prepare(&Tensor::zeros(&[2], F64)).unwrap();
    let error = take
        .call_into(&[&[0.0, 7.0]], &mut [&mut y[..2]])
        .unwrap_err();
    assert!(error.to_string().contains("call_into.rs"), "{error}");
}

#[test]
fn a_search_for_nan_sees_the_run() {
    let f = jit(|x: &Tensor| x.log());
    f.prepare(&Tensor::zeros(&[1], F64)).unwrap();
    let mut y = [0.0f64];
    f.call_into(&[&[-1.0]], &mut [&mut y]).unwrap();
    assert!(y[0].is_nan());
    let error = with_nan_check(|| f.call_into(&[&[-1.0]], &mut [&mut y])).unwrap_err();
    assert!(error.message().starts_with("NaN made by log"), "{error}");
    let error = with_nan_check(|| f.call_into(&[&[1.0]], &mut [])).unwrap_err();
    assert_eq!(
        error.message(),
        "run: slices for 0 results of a program with 1"
    );
}
