//! Special values, empty arrays, and points where calculus does not define the derivative.

use crate::{Case, operators};
use gradus::prelude::*;

pub fn evaluate(case: &Case) -> Option<Vec<Tensor>> {
    let (kind, name) = case.subject().split_once('/')?;
    let x = &case.inputs;
    Some(match kind {
        "value" => vec![value(name, x, case)?],
        "empty" => empty(name, x)?,
        "scalar" => vec![grad(|x: &Tensor| x * x.sin())(&x[0])],
        "size1" => weighted(x, |x| &x[0] + &x[1]),
        "grad" => {
            slope(name, &x[..x.len() - 1])?;
            weighted(x, |x| slope(name, x).unwrap())
        }
        _ => return None,
    })
}

/// The gradients of `sum(w·f)`, the last input being `w`.
fn weighted(inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Tensor) -> Vec<Tensor> {
    let (w, x) = inputs.split_last().unwrap();
    grad(|x: &Vec<Tensor>| (f(x) * w).sum())(&x.to_vec())
}

fn value(name: &str, x: &[Tensor], case: &Case) -> Option<Tensor> {
    let pair = || [x[0].at(0), x[0].at(1)];
    Some(match name {
        "maximum" | "minimum" | "logaddexp" | "atan2" => operators::operator(name, &pair(), case)?,
        "min_axis1" => x[0].min_axis(1),
        "argmin_axis1" => x[0].argmin_axis(1),
        "logsumexp_axis1" => x[0].log_sum_exp_axis(1),
        "softmax_axis1" => x[0].softmax(1).slice_axis(0, ..2),
        "log_softmax_axis1" => x[0].log_softmax(1).slice_axis(0, ..2),
        _ => operators::operator(name, x, case)?,
    })
}

fn empty(name: &str, x: &[Tensor]) -> Option<Vec<Tensor>> {
    Some(vec![match name {
        "sum" => x[0].sum_axis(1),
        "prod" => x[0].prod_axis(1),
        "logsumexp" => x[0].log_sum_exp_axis(1),
        "cumsum" => x[0].cumsum(1),
        "sum_axis0" => x[0].sum_axis(0),
        "matmul" => x[0].matmul(&x[1]),
        "concatenate" => concatenate(&[&x[0], &x[1]], 1),
        "grad_matmul" => return Some(weighted(x, |x| x[0].matmul(&x[1]))),
        "grad_sum" => grad(|x: &Tensor| x.square().sum())(&x[0]),
        _ => return None,
    }])
}

fn slope(name: &str, x: &[Tensor]) -> Option<Tensor> {
    let a = &x[0];
    Some(match name {
        "abs" => a.abs(),
        "relu" => a.relu(),
        "relu6" => a.relu().minimum(6.0),
        "leaky_relu" => a.leaky_relu(0.01),
        "elu" => a.elu(),
        "selu" => a.selu(),
        "sign" => a.sign(),
        "floor" => a.floor(),
        "round" => a.round(),
        "clip" => a.clip(-1.0, 2.0),
        "sqrt_at_0" => a.sqrt(),
        "cbrt_at_0" => a.cbrt(),
        "square_at_0" => a.pow(2.0),
        "pow0" => a.pow(0.0),
        "pow_pairs" => a.pow(&x[1]),
        "maximum_tie" => a.maximum(&x[1]),
        "minimum_tie" => a.minimum(&x[1]),
        "max_ties" => a.max_axis(1),
        "min_ties" => a.min_axis(1),
        "max_all_ties" => a.max(),
        "logaddexp" => a.log_add_exp(&x[1]),
        "logsumexp_inf" => a.log_sum_exp(),
        "log_softmax_large" => a.log_softmax(0),
        "norm_at_0" => a.norm(),
        "hypot_pole" => a.hypot(&x[1]),
        "atan2_axes" => a.atan2(&x[1]),
        "rem" => a % &x[1],
        "where_nan_unsafe" => a.greater(0.0).where_(a.sqrt(), a.zeros_like()),
        "where_nan_safe" => {
            let guarded = a.greater(0.0).where_(a, a.ones_like());
            a.greater(0.0).where_(guarded.sqrt(), a.zeros_like())
        }
        "where_log" => a.greater(1.0).where_(a.log(), &(a - 1.0)),
        "var_constant" => a.var(),
        "tanh_large" => a.tanh(),
        "sigmoid_large" => a.sigmoid(),
        "softplus_large" => a.softplus(),
        "log_sigmoid_large" => a.log_sigmoid(),
        "prod_one_zero" | "prod_two_zeros" => a.prod(),
        "prod_axis1_zeros" => a.prod_axis(1),
        "stop_gradient" => a * a.sin().stop_gradient(),
        "constant" => 0.0 * a + 3.0,
        "cast" => a.astype(F32).astype(F64).square(),
        "reused" => a * a + a * a.sin() - a / (1.0 + a * a),
        _ => return None,
    })
}
