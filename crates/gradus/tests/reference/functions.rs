//! The functions of the groups `jac`, `jac2`, `hess`, `hvp_of` and `third`.

use crate::Case;
use gradus::prelude::*;

pub fn evaluate(group: &str, case: &Case) -> Option<Vec<Tensor>> {
    let name = case.subject();
    let (x, rest) = case.inputs.split_first()?;
    // All inputs except the last are fixed if the last one is a direction.
    let (fixed, direction) = match group {
        "jac" | "hess" => (rest, None),
        _ => {
            let (v, fixed) = rest.split_last()?;
            (fixed, Some(v))
        }
    };
    function(name, x, fixed)?;
    let f = |x: &Tensor| function(name, x, fixed).unwrap();
    let agree = |a: Tensor, b: Tensor| {
        if let Some(why) = crate::difference(case, std::slice::from_ref(&b)) {
            panic!("the other mode: {why}");
        }
        a
    };
    Some(match group {
        "jac" => vec![agree(jacfwd(f)(x), jacrev(f)(x))],
        "jac2" => {
            let v = direction?;
            vec![agree(jvp(jacfwd(f), x, v).1, jvp(jacrev(f), x, v).1)]
        }
        "hess" => {
            let (value, slope) = value_and_grad(f)(x);
            vec![value, slope, hessian(f)(x)]
        }
        "hvp_of" => {
            let v = direction?;
            for order in HvpOrder::ALL {
                agree(x.clone(), hvp_with(f, order)(x, v));
            }
            vec![hvp(f)(x, v)]
        }
        "third" => {
            let v = direction?;
            vec![grad(|x: &Tensor| (hvp(f)(x, v) * v).sum())(x)]
        }
        _ => return None,
    })
}

pub fn mlp(x: &Tensor, p: &[Tensor]) -> Tensor {
    let hidden = (p[0].matmul(x) + &p[1]).tanh();
    (p[2].matmul(&hidden) + &p[3]).tanh()
}

pub fn rosenbrock(x: &Tensor) -> Tensor {
    let (next, this) = (x.slice_axis(0, 1..), x.slice_axis(0, ..-1));
    (100.0 * (next - this.square()).square() + (1.0 - this).square()).sum()
}

pub fn cross_entropy(z: &Tensor, y: &Tensor) -> Tensor {
    -z.log_softmax(-1)
        .take_along_axis(&y.expand_dims(1), 1)
        .mean()
}

fn arm(q: &Tensor, l: &Tensor) -> [Tensor; 3] {
    let c = q.cumsum(0);
    [(l * c.cos()).sum(), (l * c.sin()).sum(), c.at(-1)]
}

fn function(name: &str, x: &Tensor, p: &[Tensor]) -> Option<Tensor> {
    let tail = |x: &Tensor| x.slice_axis(0, 1..);
    let init = |x: &Tensor| x.slice_axis(0, ..-1);
    Some(match name {
        "mlp" => mlp(x, p),
        "arm" => {
            let [a, b, c] = arm(x, &p[0]);
            stack(&[&a, &b, &c], 0)
        }
        "normalize" => x / x.norm(),
        "softmax" => x.softmax(0),
        "elementwise" => x.sin() * x,
        "neighbours" => tail(x) * init(x).square(),
        "linear" => p[0].matmul(x),
        "cumsum_exp" => x.exp().cumsum(0),
        "spherical" => {
            let (r, t, p) = (x.at(0), x.at(1), x.at(2));
            stack(
                &[
                    &(&r * t.sin() * p.cos()),
                    &(&r * t.sin() * p.sin()),
                    &(&r * t.cos()),
                ],
                0,
            )
        }
        "outer_self" => x.outer(x),
        "matrix_square" => x.matmul(x),
        "layer_norm" => {
            let centred = x - x.mean_axis_keep(-1);
            centred / (x.var_axis_keep(-1) + 1e-5).sqrt()
        }
        "gather_square" => x.take(&Tensor::from([2i64, 0, 2]), 0).square(),
        "pairwise" => (x.expand_dims(1) - x.expand_dims(0)).square().sum_axis(-1),
        "scalar_in" => stack(&[&x.sin(), &x.cos(), &x.powi(3)], 0),
        "mlp_sum" => (&p[0] * mlp(x, &p[1..])).sum(),
        "rosenbrock" => rosenbrock(x),
        "logsumexp" => x.log_sum_exp(),
        "cross_entropy" => cross_entropy(x, &p[0]),
        "quadratic" => x.dot(&p[0].matmul(x)),
        "norm" => x.norm(),
        "prod" | "prod_one_zero" | "prod_two_zeros" => x.prod(),
        "arm_energy" => {
            let [a, b, _] = arm(x, &p[0]);
            (a - 1.0).square() + (b - 0.5).square()
        }
        "separable" => (x.exp() * x.sin()).sum(),
        "chain" => (tail(x) * init(x)).sin().sum(),
        "variance" => x.var() * x.mean(),
        "matrix" => (x.matmul(x) * x).sum(),
        "powers" => x.slice_axis(0, ..2).pow(x.slice_axis(0, 2..)).sum(),
        "logistic" => {
            let margin = -(&p[1] * p[0].matmul(x));
            margin.softplus().mean() + 0.1 * x.square().sum()
        }
        _ => return None,
    })
}
