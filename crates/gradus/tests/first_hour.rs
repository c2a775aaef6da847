//! A first program compiles as its author writes it: integers of any type, numbers beside tensors, nested lists.

use gradus::prelude::*;
use gradus::random;
use gradus::tensor::{concatenate, stack};

fn numbers(t: &Tensor) -> Vec<f64> {
    t.astype(F64).to_vec().unwrap()
}

/// One body for every integer type.
macro_rules! with_integers {
    ($($t:ident)*) => {$(
        #[test]
        fn $t() {
            let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
            let (zero, one, two, three): ($t, $t, $t, $t) = (0, 1, 2, 3);
            assert_eq!(numbers(&x.at(one)), [4.0, 5.0, 6.0]);
            assert_eq!(numbers(&x.slice_axis(one, zero..two)), [1.0, 2.0, 4.0, 5.0]);
            assert_eq!(numbers(&x.slice_axis(one, two..)), [3.0, 6.0]);
            assert_eq!(numbers(&x.slice_axis(one, ..one)), [1.0, 4.0]);
            assert_eq!(numbers(&x.slice_axis(one, one..=one)), [2.0, 5.0]);
            assert_eq!(numbers(&x.slice_axis(one, ..=zero)), [1.0, 4.0]);
            assert_eq!(numbers(&x.slice_axis_step(one, .., two)), [1.0, 3.0, 4.0, 6.0]);
            assert_eq!(x.reshape(&[three, two]).shape(), [3, 2]);
            assert_eq!(x.permute(&[one, zero]).shape(), [3, 2]);
            assert_eq!(x.swap_axes(zero, one).shape(), [3, 2]);
            assert_eq!(x.expand_dims(two).shape(), [2, 3, 1]);
            assert_eq!(x.broadcast_to(&vec![two, two, three]).shape(), [2, 2, 3]);
            assert_eq!(x.split(three, one).len(), 3);
            assert_eq!(x.pad(&[(zero, one), (one, zero)], 0.0).shape(), [3, 4]);
            assert_eq!(numbers(&x.sum_axis(zero)), [5.0, 7.0, 9.0]);
            assert_eq!(numbers(&x.sum_axes(&[zero, one][..])), [21.0]);
            assert_eq!(numbers(&x.take(&Tensor::from([1i64]), zero)), [4.0, 5.0, 6.0]);
            assert_eq!(numbers(&x.roll(one, one)), [3.0, 1.0, 2.0, 6.0, 4.0, 5.0]);
            assert_eq!(stack(&[&x, &x], zero).shape(), [2, 2, 3]);
            assert_eq!(concatenate(&[&x, &x], one).shape(), [2, 6]);
            assert_eq!(Tensor::zeros(&[two, three], F64).shape(), [2, 3]);
            assert_eq!(Tensor::eye(two, F64).shape(), [2, 2]);
            assert_eq!(random::normal(&random::key(0), &[three], F64).shape(), [3]);
            assert_eq!(vmap_with(|x: &Tensor| x.sum(), one, zero)(&x).shape(), [3]);
            let counted = fori_loop(one..three, |i, s: &Tensor| s + i, &Tensor::from(0i64));
            assert_eq!(numbers(&counted), [3.0]);
            let counted = fori_loop(one..=three, |i, s: &Tensor| s + i, &Tensor::from(0i64));
            assert_eq!(numbers(&counted), [6.0]);
        }
    )*};
}

with_integers!(u8 i8 u16 i16 u32 i32 u64 i64 usize isize);

#[test]
fn literals_need_no_type() {
    let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    assert_eq!(numbers(&x.at(-1).at(0)), [4.0]);
    assert_eq!(x.slice_axis(-1, ..).shape(), [2, 3]);
    assert_eq!(x.slice_axis(0, 1..-1).shape(), [0, 3]);
    assert_eq!(x.reshape(&[-1]).shape(), [6]);
    // The shape of a scalar, and no axes.
    assert_eq!(x.sum().reshape(&[]).rank(), 0);
    assert_eq!(Tensor::zeros(&[], F64).rank(), 0);
    assert_eq!(x.sum_axes(&[]).shape(), [2, 3]);
    assert_eq!(Tensor::new([1.0], &[]).unwrap().rank(), 0);
    assert_eq!(random::uniform(&random::key(0), &[], F64).rank(), 0);
    // A row at a time, with places that index a Rust list too.
    let names = ["a", "b"];
    for i in 0..x.shape()[0] {
        assert_eq!((x.at(i).len(), names[i].len()), (3, 1));
    }
    // Computed ends of loops.
    let n = Tensor::from(4);
    let sum = |range: (&Tensor, &Tensor)| {
        fori_loop(range.0..range.1, |i, s: &Tensor| s + i, &Tensor::from(0i64))
    };
    assert_eq!(numbers(&sum((&Tensor::from(2), &n))), [5.0]);
    assert_eq!(
        numbers(&fori_loop(..&n, |i, s: &Tensor| s + i, &Tensor::from(0i64))),
        [6.0]
    );
    assert_eq!(
        numbers(&fori_loop(..4, |i, s: &Tensor| s + i, &Tensor::from(0i64))),
        [6.0]
    );
}
