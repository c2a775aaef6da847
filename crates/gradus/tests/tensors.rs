//! Tensors at the edges: mixed types, empty shapes, printing, conversions.

use gradus::prelude::*;
use insta::assert_snapshot;
use proptest::prelude::*;

#[test]
fn types_that_meet() {
    let of = |dtype| Tensor::ones(&[2], dtype);
    for (a, b, both) in [
        (F32, F64, F64),
        (I32, F32, F32),
        (I64, F32, F32),
        (I32, I64, I64),
        (Bool, I32, I32),
        (Bool, F64, F64),
        (F32, F32, F32),
        (BF16, F32, F32),
        (BF16, F64, F64),
        (BF16, I64, BF16),
        (U32, BF16, BF16),
        (Bool, BF16, BF16),
    ] {
        assert_eq!((of(a) + of(b)).dtype(), both, "{a} and {b}");
        assert_eq!((of(b) * of(a)).dtype(), both, "{b} and {a}");
        assert_eq!((of(a).less(of(b))).dtype(), Bool);
    }
    // Literals follow the tensor; a fraction beside integers makes f64.
    assert_eq!((of(F32) * 2.5).dtype(), F32);
    assert_eq!((2.5 * of(F32)).dtype(), F32);
    assert_eq!((of(F32) + 1).dtype(), F32);
    assert_eq!((of(BF16) * 2.5 + 1).dtype(), BF16);
    assert_eq!((1 - of(I32)).dtype(), I32);
    assert_eq!((of(I32) * 0.5).dtype(), F64);
    assert_eq!((of(U32) + 1).dtype(), U32);
}

#[test]
fn operators_take_values_and_references_on_either_side() {
    let (a, b) = (Tensor::from([6.0, 8.0]), Tensor::from([2.0, 4.0]));
    let v = |t: Tensor| t.to_vec::<f64>().unwrap();
    assert_eq!(v(&a + &b), v(a.clone() + b.clone()));
    assert_eq!(v(&a - b.clone()), [4.0, 4.0]);
    assert_eq!(v(a.clone() / &b), [3.0, 2.0]);
    assert_eq!(v(1 - &a), [-5.0, -7.0]);
    assert_eq!(v(12.0 / a.clone()), [2.0, 1.5]);
    assert_eq!(v(&a % 4), [2.0, 0.0]);
    assert_eq!(v(-&a), [-6.0, -8.0]);
    let mut c = a.clone();
    c += &b;
    c *= 2;
    c -= 1.0;
    c /= b;
    assert_eq!(v(c), [7.5, 5.75]);
    assert_eq!(v(a), [6.0, 8.0]);
}

#[test]
fn whole_numbers_wrap_and_divide_like_rusts() {
    let t = Tensor::from([i32::MAX, -7, 7]);
    let v = |t: Tensor| t.to_vec::<i32>().unwrap();
    assert_eq!(v(&t + 1), [i32::MIN, -6, 8]);
    assert_eq!(v(&t / 2), [i32::MAX / 2, -3, 3]);
    assert_eq!(v(&t % 4), [3, -3, 3]);
    assert_eq!(v(t.remainder(4)), [3, 1, 3]);
    assert_eq!(
        v(Tensor::from([1.9, -1.9, f64::NAN, 1e20]).astype(I32)),
        [1, -1, 0, i32::MAX]
    );
}

#[test]
fn powers_with_extreme_exponents() {
    let x = Tensor::from([1.0, -1.0, 2.0, 0.5]);
    for (n, value, slope) in [
        (
            i32::MIN,
            [1.0, 1.0, 0.0, f64::INFINITY],
            [
                f64::from(i32::MIN),
                -f64::from(i32::MIN),
                0.0,
                f64::NEG_INFINITY,
            ],
        ),
        (
            i32::MAX,
            [1.0, -1.0, f64::INFINITY, 0.0],
            [f64::from(i32::MAX), f64::from(i32::MAX), f64::INFINITY, 0.0],
        ),
    ] {
        assert_eq!(x.powi(n).to_vec::<f64>().unwrap(), value);
        let got = grad(|x: &Tensor| x.powi(n).sum())(&x);
        assert_eq!(got.to_vec::<f64>().unwrap(), slope);
    }
}

#[test]
fn powers_of_constants() {
    // A program without inputs.
    for (n, expected) in [(3, 8.0), (0, 1.0), (-2, 0.25)] {
        let power = Tensor::from(2.0).powi(n);
        assert_eq!(power.item::<f64>().unwrap(), expected, "2 to the {n}");
    }
    let slope = grad(|x: &Tensor| x * Tensor::full(&[3], 2.0).powi(3).sum());
    assert_eq!(slope(&Tensor::from(1.0)).item::<f64>().unwrap(), 24.0);
}

#[test]
fn empty_arrays_and_scalars_go_through_everything() {
    let none = Tensor::zeros(&[0, 3], F64);
    assert_eq!(none.sin().shape(), [0, 3]);
    assert_eq!((&none + 1.0).sum_axis(0).to_vec::<f64>().unwrap(), [0.0; 3]);
    assert_eq!(none.matmul(&Tensor::ones(&[3, 2], F64)).shape(), [0, 2]);
    assert_eq!(none.t().matmul(&none).to_vec::<f64>().unwrap(), [0.0; 9]);
    assert_eq!(none.reshape(&[3, 0]).shape(), [3, 0]);
    assert_eq!(none.prod_axis(0).to_vec::<f64>().unwrap(), [1.0; 3]);
    assert!(none.mean().item::<f64>().unwrap().is_nan());
    assert_eq!(
        none.take(&Tensor::new([0i64; 0], &[0]).unwrap(), 0).shape(),
        [0, 3]
    );
    assert_eq!(grad(|x: &Tensor| x.exp().sum())(&none).shape(), [0, 3]);
    assert_eq!(vmap(|x: &Tensor| x.sum())(&none).shape(), [0]);
    assert_eq!(jacfwd(|x: &Tensor| x.sin())(&none).shape(), [0, 3, 0, 3]);
    assert_eq!(
        hessian(|x: &Tensor| x.square().sum())(&none).shape(),
        [0, 3, 0, 3]
    );
    let one = Tensor::from(2.0);
    assert_eq!(one.sum().item::<f64>().unwrap(), 2.0);
    assert_eq!(one.reshape(&[1, 1]).shape(), [1, 1]);
    assert_eq!(one.ravel().cumsum(0).to_vec::<f64>().unwrap(), [2.0]);
    assert_eq!(
        jit(|x: &Tensor| x * x)
            .call(&one)
            .unwrap()
            .item::<f64>()
            .unwrap(),
        4.0
    );
}

#[test]
fn arrays_print_like_numpys() {
    let show = |t: Tensor| t.to_string();
    assert_snapshot!(show(Tensor::from(2.5)), @"2.5");
    assert_snapshot!(show(Tensor::from([1.0, -2.25, 1e-3])), @"[ 1.00e+00 -2.25e+00  1.00e-03]");
    assert_snapshot!(show(Tensor::from([1e10, 1.0])), @"[1.e+10 1.e+00]");
    assert_snapshot!(show(Tensor::from([f64::NAN, f64::INFINITY, -1.0])), @"[nan inf -1.]");
    assert_snapshot!(show(Tensor::from([[1i64, -20], [300, 4]])), @"
    [[  1 -20]
     [300   4]]
    ");
    assert_snapshot!(show(Tensor::from([true, false])), @"[ True False]");
    assert_snapshot!(show(Tensor::zeros(&[0, 3], F64)), @"[]");
    assert_snapshot!(show(Tensor::arange(0.0, 24.0, 1.0).reshape(&[2, 3, 4])), @"
    [[[ 0.  1.  2.  3.]
      [ 4.  5.  6.  7.]
      [ 8.  9. 10. 11.]]

     [[12. 13. 14. 15.]
      [16. 17. 18. 19.]
      [20. 21. 22. 23.]]]
    ");
    assert_snapshot!(show(Tensor::arange(0.0, 5000.0, 1.0)), @"[0.000e+00 1.000e+00 2.000e+00 ... 4.997e+03 4.998e+03 4.999e+03]");
    assert_snapshot!(show(Tensor::arange(0.0, 4000.0, 1.0).reshape(&[40, 100]).astype(F32)), @"
    [[0.000e+00 1.000e+00 2.000e+00 ... 9.700e+01 9.800e+01 9.900e+01]
     [1.000e+02 1.010e+02 1.020e+02 ... 1.970e+02 1.980e+02 1.990e+02]
     [2.000e+02 2.010e+02 2.020e+02 ... 2.970e+02 2.980e+02 2.990e+02]
     ...
     [3.700e+03 3.701e+03 3.702e+03 ... 3.797e+03 3.798e+03 3.799e+03]
     [3.800e+03 3.801e+03 3.802e+03 ... 3.897e+03 3.898e+03 3.899e+03]
     [3.900e+03 3.901e+03 3.902e+03 ... 3.997e+03 3.998e+03 3.999e+03]]
    ");
    assert_snapshot!(format!("{:?}", Tensor::from([1.0f32, 2.0])), @"Tensor<f32[2]>([1. 2.])");
    let seen = std::cell::RefCell::new(String::new());
    jit(|x: &Tensor| {
        *seen.borrow_mut() = format!("{x:?}");
        x.sin()
    })
    .call(&Tensor::from([1.0]))
    .unwrap();
    assert_snapshot!(seen.borrow(), @"Traced<f64[1]>");
}

#[test]
fn tensors_go_between_threads() {
    let x = Tensor::from([1.0, 2.0]);
    let f = jit(|x: &Tensor| x.exp().sum());
    let wanted = f.call(&x).unwrap().item::<f64>().unwrap();
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| assert_eq!(f.call(&x).unwrap().item::<f64>().unwrap(), wanted));
        }
    });
}

/// Shapes that broadcast with each other.
fn shapes() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    let axis = (0usize..4, any::<bool>(), any::<bool>());
    (prop::collection::vec(axis, 0..4), 0usize..3).prop_map(|(axes, cut)| {
        let a: Vec<usize> = axes
            .iter()
            .map(|&(n, one, _)| if one { 1 } else { n })
            .collect();
        let b: Vec<usize> = axes
            .iter()
            .map(|&(n, _, one)| if one { 1 } else { n })
            .collect();
        let cut = cut.min(b.len());
        (a, b[cut..].to_vec())
    })
}

fn filled(shape: &[usize], from: f64) -> Tensor {
    let n: usize = shape.iter().product();
    let values: Vec<f64> = (0..n).map(|i| from + i as f64 * 0.37).collect();
    Tensor::new(values, shape).unwrap()
}

proptest! {
    #[test]
    fn broadcasting_is_numpys((a, b) in shapes()) {
        let (x, y) = (filled(&a, 0.5), filled(&b, -1.0));
        let sum = &x + &y;
        let rank = a.len().max(b.len());
        let padded = |s: &[usize]| [vec![1; rank - s.len()], s.to_vec()].concat();
        let (pa, pb) = (padded(&a), padded(&b));
        let shape: Vec<usize> = pa.iter().zip(&pb).map(|(&m, &n)| if m == 1 { n } else { m }).collect();
        prop_assert_eq!(sum.shape(), &shape[..]);
        // Element by element, by index arithmetic.
        let (xv, yv) = (x.to_vec::<f64>().unwrap(), y.to_vec::<f64>().unwrap());
        let at = |shape: &[usize], index: &[usize]| {
            index.iter().zip(shape).fold(0, |o, (&i, &n)| o * n + if n == 1 { 0 } else { i })
        };
        for (k, got) in sum.to_vec::<f64>().unwrap().into_iter().enumerate() {
            let mut index = vec![0; rank];
            let mut rest = k;
            for d in (0..rank).rev() {
                index[d] = rest % shape[d];
                rest /= shape[d];
            }
            prop_assert_eq!(got, xv[at(&pa, &index)] + yv[at(&pb, &index)]);
        }
        // Cotangents are summed back to the shapes of the operands.
        let (dx, dy) = grad(|(x, y): &(Tensor, Tensor)| (x + y * 2.0).sum())(&(x, y));
        prop_assert_eq!(dx.shape(), &a[..]);
        prop_assert_eq!(dy.shape(), &b[..]);
        let n = shape.iter().product::<usize>() as f64;
        prop_assert_eq!(dx.sum().item::<f64>().unwrap(), n);
        prop_assert_eq!(dy.sum().item::<f64>().unwrap(), 2.0 * n);
    }
}
