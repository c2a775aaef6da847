//! Functions of arrays, and a step of training.

use crate::{Contender, Work, value};
use burn::backend::{Autodiff, NdArray};
use burn::tensor::{Int, TensorData};
use candle_core::{Device, Var};
use gradus::prelude::*;

type Burn = NdArray<f32>;
type BurnGrad = Autodiff<Burn>;
type BurnTensor<B, const D: usize, K = burn::tensor::Float> = burn::tensor::Tensor<B, D, K>;
type CandleTensor = candle_core::Tensor;

pub fn all() -> Vec<Work> {
    vec![
        product("product 1024 × 1024 × 1024", [1024, 1024, 1024]),
        product("product 64 × 64 × 64", [64; 3]),
        chain(),
        softmax(),
        training(),
    ]
}

fn numbers(n: usize, scale: f64) -> Vec<f32> {
    (0..n)
        .map(|i| (((i * 7919 + 13) % 1009) as f64 / 1009.0 - 0.5) as f32 * scale as f32)
        .collect()
}

fn ours<const N: usize>(arguments: [Tensor; N], f: fn(&Vec<Tensor>) -> Vec<Tensor>) -> Contender {
    let compiled = jit(f);
    let arguments = arguments.to_vec();
    let results = value(compiled.call(&arguments));
    let wide = results
        .iter()
        .flat_map(|r| value(r.astype(F64).to_vec::<f64>()));
    Contender {
        library: "Gradus",
        result: wide.collect(),
        run: Box::new(move || drop(std::hint::black_box(value(compiled.call(&arguments))))),
    }
}

fn contender<T: 'static>(
    library: &'static str,
    mut f: impl FnMut() -> T + 'static,
    numbers: impl Fn(T) -> Vec<f32>,
) -> Contender {
    Contender {
        library,
        result: numbers(f()).into_iter().map(f64::from).collect(),
        run: Box::new(move || drop(std::hint::black_box(f()))),
    }
}

fn of_candle(mut f: impl FnMut() -> candle_core::Result<Vec<CandleTensor>> + 'static) -> Contender {
    let flat = |all: Vec<CandleTensor>| {
        let each = all
            .iter()
            .map(|t| value(t.flatten_all().and_then(|t| t.to_vec1::<f32>())));
        each.flatten().collect()
    };
    contender("candle", move || value(f()), flat)
}

fn of_burn<const D: usize>(mut f: impl FnMut() -> BurnTensor<Burn, D> + 'static) -> Contender {
    contender("burn", move || f().into_data(), |data| of_data(&data))
}

fn of_data(data: &TensorData) -> Vec<f32> {
    data.to_vec().unwrap_or_else(|e| panic!("{e:?}"))
}

fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    value(Tensor::new(values.to_vec(), shape))
}

fn candle(values: &[f32], shape: &[usize]) -> CandleTensor {
    value(CandleTensor::from_slice(values, shape, &Device::Cpu))
}

fn burn_tensor<B: burn::tensor::backend::Backend, const D: usize>(
    values: &[f32],
    shape: [usize; D],
) -> BurnTensor<B, D> {
    BurnTensor::from_data(TensorData::new(values.to_vec(), shape), &Default::default())
}

fn product(name: &'static str, [m, k, n]: [usize; 3]) -> Work {
    let (a, b) = (numbers(m * k, 1.0), numbers(k * n, 1.0));
    let (ca, cb) = (candle(&a, &[m, k]), candle(&b, &[k, n]));
    let (ba, bb) = (
        burn_tensor::<Burn, 2>(&a, [m, k]),
        burn_tensor::<Burn, 2>(&b, [k, n]),
    );
    Work {
        name,
        tolerance: 1e-4,
        contenders: vec![
            ours([tensor(&a, &[m, k]), tensor(&b, &[k, n])], |a| {
                vec![a[0].matmul(&a[1])]
            }),
            of_candle(move || Ok(vec![ca.matmul(&cb)?])),
            of_burn(move || ba.clone().matmul(bb.clone())),
        ],
    }
}

fn chain() -> Work {
    let n = 1_000_000;
    let x = numbers(n, 4.0);
    let (cx, bx) = (candle(&x, &[n]), burn_tensor::<Burn, 1>(&x, [n]));
    Work {
        name: "log(1 + exp(sin x)) · exp(-x²), 1,000,000 f32",
        tolerance: 1e-5,
        contenders: vec![
            ours([tensor(&x, &[n])], |a| {
                vec![(1.0 + a[0].sin().exp()).log() * (-a[0].square()).exp()]
            }),
            of_candle(move || {
                let first = (cx.sin()?.exp()? + 1.0)?.log()?;
                Ok(vec![(first * cx.sqr()?.neg()?.exp()?)?])
            }),
            of_burn(move || {
                let first = (bx.clone().sin().exp() + 1.0).log();
                first * (bx.clone() * bx.clone()).neg().exp()
            }),
        ],
    }
}

fn softmax() -> Work {
    let [m, n] = [4096, 1024];
    let x = numbers(m * n, 4.0);
    let (cx, bx) = (candle(&x, &[m, n]), burn_tensor::<Burn, 2>(&x, [m, n]));
    Work {
        name: "softmax of rows, 4096 × 1024 f32",
        tolerance: 1e-5,
        contenders: vec![
            ours([tensor(&x, &[m, n])], |a| vec![a[0].softmax(-1)]),
            of_candle(move || Ok(vec![candle_nn::ops::softmax_last_dim(&cx)?])),
            of_burn(move || burn::tensor::activation::softmax(bx.clone(), 1)),
        ],
    }
}

/// The gradient of the cross entropy of a perceptron 64-128-10 on 64 examples by its parameters.
fn training() -> Work {
    let [batch, wide, hidden, classes] = [64, 64, 128, 10];
    let x = numbers(batch * wide, 2.0);
    let labels: Vec<i64> = (0..batch as i64).map(|i| i * 7 % 10).collect();
    let (w, b) = (numbers(wide * hidden, 0.3), numbers(hidden, 0.1));
    let (v, c) = (numbers(hidden * classes, 0.3), numbers(classes, 0.1));
    let labels_of_ours = value(Tensor::new(labels.clone(), &[batch]));
    let arguments = [
        tensor(&x, &[batch, wide]),
        labels_of_ours,
        tensor(&w, &[wide, hidden]),
        tensor(&b, &[hidden]),
        tensor(&v, &[hidden, classes]),
        tensor(&c, &[classes]),
    ];
    let gradient = |a: &Vec<Tensor>| {
        let loss = |p: &Vec<Tensor>| {
            let h = (a[0].matmul(&p[0]) + &p[1]).tanh();
            nn::softmax_cross_entropy(&(h.matmul(&p[2]) + &p[3]), &a[1])
        };
        grad(loss)(&a[2..].to_vec())
    };
    Work {
        name: "gradient of a perceptron 64-128-10, batch 64, f32",
        tolerance: 1e-4,
        contenders: vec![
            ours(arguments, gradient),
            by_candle(
                (&x, [batch, wide]),
                &labels,
                [(&w, &b), (&v, &c)],
                [hidden, classes],
            ),
            by_burn(
                (&x, [batch, wide]),
                &labels,
                [(&w, &b), (&v, &c)],
                [hidden, classes],
            ),
        ],
    }
}

type Layer<'a> = (&'a [f32], &'a [f32]);

fn by_candle(
    (x, [batch, wide]): (&[f32], [usize; 2]),
    labels: &[i64],
    [(w, b), (v, c)]: [Layer<'_>; 2],
    [hidden, classes]: [usize; 2],
) -> Contender {
    let variable =
        |values: &[f32], shape: &[usize]| value(Var::from_tensor(&candle(values, shape)));
    let p = [
        variable(w, &[wide, hidden]),
        variable(b, &[hidden]),
        variable(v, &[hidden, classes]),
        variable(c, &[classes]),
    ];
    let x = candle(x, &[batch, wide]);
    let labels = value(CandleTensor::from_slice(labels, &[batch], &Device::Cpu));
    of_candle(move || {
        let h = x.matmul(&p[0])?.broadcast_add(&p[1])?.tanh()?;
        let scores = h.matmul(&p[2])?.broadcast_add(&p[3])?;
        let log_p = candle_nn::ops::log_softmax(&scores, 1)?;
        let gradients = candle_nn::loss::nll(&log_p, &labels)?.backward()?;
        let of = |v: &Var| {
            gradients
                .get(v)
                .cloned()
                .ok_or_else(|| candle_core::Error::Msg("no gradient".into()))
        };
        p.iter().map(of).collect()
    })
}

fn by_burn(
    (x, [batch, wide]): (&[f32], [usize; 2]),
    labels: &[i64],
    [(w, b), (v, c)]: [Layer<'_>; 2],
    [hidden, classes]: [usize; 2],
) -> Contender {
    let w = burn_tensor::<BurnGrad, 2>(w, [wide, hidden]).require_grad();
    let b = burn_tensor::<BurnGrad, 1>(b, [hidden]).require_grad();
    let v = burn_tensor::<BurnGrad, 2>(v, [hidden, classes]).require_grad();
    let c = burn_tensor::<BurnGrad, 1>(c, [classes]).require_grad();
    let x = burn_tensor::<BurnGrad, 2>(x, [batch, wide]);
    let labels = TensorData::new(labels.to_vec(), [batch, 1]);
    let labels = BurnTensor::<BurnGrad, 2, Int>::from_data(labels, &Default::default());
    let gradients = move || {
        let h = (x.clone().matmul(w.clone()) + b.clone().unsqueeze()).tanh();
        let scores = h.matmul(v.clone()) + c.clone().unsqueeze();
        let chosen = burn::tensor::activation::log_softmax(scores, 1).gather(1, labels.clone());
        let gradients = chosen.mean().neg().backward();
        let data = |t: Option<TensorData>| t.unwrap_or_else(|| panic!("burn: no gradient"));
        [
            data(w.grad(&gradients).map(|t| t.into_data())),
            data(b.grad(&gradients).map(|t| t.into_data())),
            data(v.grad(&gradients).map(|t| t.into_data())),
            data(c.grad(&gradients).map(|t| t.into_data())),
        ]
    };
    contender("burn", gradients, |all| {
        let each = all.iter().map(of_data);
        each.flatten().collect()
    })
}
