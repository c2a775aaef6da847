//! The built-in functions. Their weights come from a formula.

use crate::options::{DerivativeName, FunctionName};
use gradus::DType::F64;
use gradus::Tensor;
use gradus::tensor::stack;

pub type Function = Box<dyn Fn(&Tensor) -> Tensor>;

/// A function, a point, and the derivative that is planned by default.
pub struct Example {
    pub f: Function,
    pub x: Tensor,
    pub derivative: DerivativeName,
}

pub fn example(name: FunctionName) -> Example {
    let jacobian = |f: Function, shape: &[usize]| Example {
        f,
        x: filled(shape),
        derivative: DerivativeName::Jacobian,
    };
    let hessian = |f: Function, shape: &[usize]| Example {
        derivative: DerivativeName::Hessian,
        ..jacobian(f, shape)
    };
    match name {
        FunctionName::Mlp => jacobian(layers(&[64, 128, 10]), &[64]),
        FunctionName::MlpHessian => {
            let network = layers(&[60, 40, 1]);
            hessian(Box::new(move |x| network(x).sum()), &[60])
        }
        FunctionName::Bottleneck => jacobian(layers(&[1000, 50, 8, 50, 1000]), &[1000]),
        FunctionName::Rows => {
            let (a, b) = (filled(&[16, 32]), filled(&[32, 8]));
            jacobian(
                Box::new(move |x| x.matmul(&a).tanh().matmul(&b).tanh()),
                &[64, 16],
            )
        }
        FunctionName::Residual => {
            let blocks: Vec<(Tensor, Tensor)> = (0..4)
                .map(|_| (filled(&[8, 128]), filled(&[128, 8])))
                .collect();
            let f = move |x: &Tensor| {
                let block =
                    |x: Tensor, (a, b): &(Tensor, Tensor)| &x + b.matmul(&a.matmul(&x).tanh());
                blocks.iter().fold(x.clone(), block)
            };
            jacobian(Box::new(f), &[128])
        }
        FunctionName::Lorenz => jacobian(Box::new(lorenz), &[3]),
        FunctionName::Ode => {
            let w = filled(&[40, 40]);
            let step = move |x: Tensor, _| &x + w.matmul(&x).tanh() * 0.05;
            jacobian(Box::new(move |x| (0..20).fold(x.clone(), &step)), &[40])
        }
        FunctionName::Elementwise => jacobian(Box::new(|x| x.sin() * x.exp()), &[1000]),
        FunctionName::LeastSquares => {
            let (a, b) = (filled(&[200, 50]), filled(&[200]));
            jacobian(Box::new(move |x| a.matmul(x).sin() - &b), &[50])
        }
        FunctionName::RosenbrockHessian => hessian(Box::new(rosenbrock), &[100]),
    }
}

/// The value of `f` if it is one number, otherwise half the sum of the squares of its values.
pub fn number(f: Function) -> Function {
    Box::new(move |x| {
        let y = f(x);
        match y.rank() {
            0 => y,
            _ => y.square().sum() * 0.5,
        }
    })
}

/// Dense layers of these widths with `tanh` after each.
pub fn layers(widths: &[usize]) -> Function {
    let all: Vec<Tensor> = widths.windows(2).map(|w| filled(&[w[1], w[0]])).collect();
    Box::new(move |x| all.iter().fold(x.clone(), |x, w| w.matmul(&x).tanh()))
}

/// Numbers around 0, scaled so that products with them keep their size.
pub fn filled(shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    let scale = 2.0 / (shape.last().copied().unwrap_or(1) as f64).sqrt();
    let values: Vec<f64> = (0..n)
        .map(|i| (((i * 7919 + 13) % 1009) as f64 / 1009.0 - 0.5) * scale)
        .collect();
    match Tensor::new(values, shape) {
        Ok(x) => x.astype(F64),
        Err(error) => unreachable!("as many numbers as the shape has: {error}"),
    }
}

fn lorenz(x: &Tensor) -> Tensor {
    let (x, y, z) = (x.at(0), x.at(1), x.at(2));
    let slopes = [
        (&y - &x) * 10.0,
        &x * (28.0 - &z) - &y,
        &x * &y - &z * (8.0 / 3.0),
    ];
    stack(&slopes.iter().collect::<Vec<_>>(), 0)
}

fn rosenbrock(x: &Tensor) -> Tensor {
    let (here, next) = (x.slice_axis(0, ..-1), x.slice_axis(0, 1..));
    let valley = &next - here.powi(2);
    (valley.powi(2) * 100.0 + (1.0 - &here).powi(2)).sum()
}
