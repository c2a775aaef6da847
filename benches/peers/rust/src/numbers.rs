//! Derivatives of functions of few numbers.

use crate::functions::{arm_by_points, rosenbrock};
use crate::systems::lorenz;
use crate::{Contender, Work, value};
use gradus::prelude::*;
use nalgebra::{Const, SVector};
use num_dual::{DualNum, DualSVec64};
use std::ops::{Add, Mul, Neg, Sub};

pub fn all() -> Vec<Work> {
    vec![
        gradient_of_rosenbrock(),
        jacobian_of_an_arm(),
        jacobian_of_lorenz(),
    ]
}

/// What the functions need of a type of numbers.
trait Number:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Neg<Output = Self>
{
    fn constant(value: f64) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
}

impl<const N: usize> Number for DualSVec64<N> {
    fn constant(value: f64) -> Self {
        Self::from(value)
    }
    fn sin(self) -> Self {
        DualNum::sin(&self)
    }
    fn cos(self) -> Self {
        DualNum::cos(&self)
    }
}

macro_rules! number_of_echidna {
    ([$($parameters:tt)*] $number:ty) => {
        impl<$($parameters)*> Number for $number {
            fn constant(value: f64) -> Self {
                <Self as echidna::Scalar>::from_f(value)
            }
            fn sin(self) -> Self {
                num_traits::Float::sin(self)
            }
            fn cos(self) -> Self {
                num_traits::Float::cos(self)
            }
        }
    };
}
number_of_echidna!([const N: usize] echidna::DualVec<f64, N>);
number_of_echidna!([] echidna::BReverse<f64>);

/// The Jacobian by num-dual, in rows.
fn by_num_dual<const N: usize, const M: usize>(
    f: impl Fn([DualSVec64<N>; N]) -> [DualSVec64<N>; M],
    x: [f64; N],
) -> Vec<f64> {
    let g = |x: SVector<DualSVec64<N>, N>| SVector::<_, M>::from(f(x.into()));
    let (_, jacobian) = num_dual::jacobian::<_, f64, Const<M>, Const<N>, _>(g, &x.into());
    jacobian.transpose().as_slice().to_vec()
}

/// The Jacobian by echidna's dual numbers with N directions.
fn by_echidna<const N: usize, const M: usize>(
    f: impl Fn([echidna::DualVec<f64, N>; N]) -> [echidna::DualVec<f64, N>; M],
    x: [f64; N],
) -> Vec<f64> {
    let seeded = std::array::from_fn(|k| {
        let mut number = echidna::DualVec::constant(x[k]);
        number.eps[k] = 1.0;
        number
    });
    f(seeded).iter().flat_map(|y| y.eps).collect()
}

/// The derivative of `f` by Gradus, from slices into slices.
fn by_gradus(f: fn(&Tensor) -> Tensor, x: &[f64]) -> Contender {
    let compiled = jit(f);
    let at = Tensor::from(x);
    let result = value(compiled.call(&at).and_then(|y| y.to_vec::<f64>()));
    let (mut memory, x) = (result.clone(), x.to_vec());
    Contender {
        library: "Gradus",
        result,
        run: Box::new(move || {
            value(compiled.call_into(&[&x], &mut [&mut memory]));
            std::hint::black_box(&mut memory);
        }),
    }
}

fn gradient_of_rosenbrock() -> Work {
    fn f<T: Number>(x: &[T]) -> T {
        let (one, hundred) = (T::constant(1.0), T::constant(100.0));
        let mut sum = T::constant(0.0);
        for pair in x.windows(2) {
            let (a, b) = (pair[1] - pair[0] * pair[0], one - pair[0]);
            sum = sum + a * a * hundred + b * b;
        }
        sum
    }
    let x: [f64; 10] = std::array::from_fn(|k| 0.1 * k as f64 - 0.4);
    let (mut tape, _) = echidna::record(|x| f(x), &x);
    Work {
        name: "gradient of Rosenbrock's function of 10 numbers",
        tolerance: 1e-12,
        contenders: vec![
            by_gradus(|x| grad(rosenbrock)(x), &x),
            Contender::new("num-dual", move || {
                by_num_dual(|x| [f(&x)], std::hint::black_box(x))
            }),
            Contender::new("echidna", move || tape.gradient(std::hint::black_box(&x))),
        ],
    }
}

fn jacobian_of_an_arm() -> Work {
    fn f<T: Number>(q: [T; 6]) -> [T; 3] {
        let [mut x, mut y, mut z] = [0.3, 0.0, 0.1].map(T::constant);
        let link = T::constant(0.4);
        for k in (0..6).rev() {
            let (sin, cos) = (q[k].sin(), q[k].cos());
            let turned = (cos * x - sin * y, sin * x + cos * y);
            (x, y, z) = match k % 2 {
                0 => (turned.0 + link, turned.1, z),
                _ => (turned.0 + link, -z, turned.1),
            };
        }
        [x, y, z]
    }
    let q = [0.3, -0.2, 0.5, 0.1, -0.4, 0.25];
    Work {
        name: "Jacobian 3 × 6 of an arm of six joints",
        tolerance: 1e-12,
        contenders: vec![
            by_gradus(|q| jacobian(arm_by_points)(q), &q),
            Contender::new("num-dual", move || by_num_dual(f, std::hint::black_box(q))),
            Contender::new("echidna", move || by_echidna(f, std::hint::black_box(q))),
        ],
    }
}

fn jacobian_of_lorenz() -> Work {
    fn f<T: Number>([s, r, b]: [T; 3]) -> [T; 3] {
        let slope = |[x, y, z]: [T; 3]| [s * (y - x), x * (r - z) - y, x * y - b * z];
        let along = |u: [T; 3], k: [T; 3], h: f64| [0, 1, 2].map(|i| u[i] + k[i] * T::constant(h));
        let (two, sixth) = (T::constant(2.0), T::constant(0.01 / 6.0));
        let mut u = [1.0, 1.0, 20.0].map(T::constant);
        for _ in 0..1000 {
            let k1 = slope(u);
            let k2 = slope(along(u, k1, 0.005));
            let k3 = slope(along(u, k2, 0.005));
            let k4 = slope(along(u, k3, 0.01));
            u = [0, 1, 2].map(|i| u[i] + (k1[i] + (k2[i] + k3[i]) * two + k4[i]) * sixth);
        }
        u
    }
    let p = [10.0, 28.0, 8.0 / 3.0];
    Work {
        name: "Jacobian 3 × 3 of Lorenz, 1000 steps",
        // The system is chaotic: a rounding error grows ten thousand times in these steps.
        tolerance: 1e-8,
        contenders: vec![
            by_gradus(
                |p| jacobian(|p: &Tensor| stack(&lorenz(p, 1000).each_ref(), 0))(p),
                &p,
            ),
            Contender::new("num-dual", move || by_num_dual(f, std::hint::black_box(p))),
            Contender::new("echidna", move || by_echidna(f, std::hint::black_box(p))),
        ],
    }
}
