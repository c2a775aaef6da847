//! The operators of the groups `op`, `deriv`, `grad` and `hvp`.

use crate::Case;
use gradus::prelude::*;

const FORMULAS: [&str; 16] = [
    "ij,jk->ik",
    "bij,bjk->bik",
    "ij,kj->ik",
    "ji,jk->ki",
    "i,j->ij",
    "i,i->",
    "ij->ji",
    "ijk->j",
    "ijk,ijk->",
    "bhqd,bhkd->bhqk",
    "abc,cd,db->a",
    "ij,jk,kl->il",
    "ij,ij->i",
    "bi,ijk,bk->bj",
    "i,jk->kij",
    "ij,k->j",
];

pub fn evaluate(group: &str, case: &Case) -> Option<Vec<Tensor>> {
    let name = case.subject();
    let x = &case.inputs;
    Some(match group {
        "op" => vec![operator(name, x, case)?],
        "deriv" => {
            operator(name, x, case)?;
            // One after the other, each the gradient of the sum of the one before.
            let f = |x: &Tensor| operator(name, std::slice::from_ref(x), case).unwrap();
            let first = |x: &Tensor| grad(|x: &Tensor| f(x).sum())(x);
            let second = |x: &Tensor| grad(|x: &Tensor| first(x).sum())(x);
            let third = |x: &Tensor| grad(|x: &Tensor| second(x).sum())(x);
            let all: [&dyn Fn(&Tensor) -> Tensor; 3] = [&first, &second, &third];
            all[..case.outputs.len()].iter().map(|f| f(&x[0])).collect()
        }
        "grad" => {
            // x.., fixed.., w
            let k = case.outputs.len();
            let (w, rest) = x.split_last()?;
            let (x, fixed) = rest.split_at(k);
            operator(name, rest, case)?;
            grad(|x: &Vec<Tensor>| {
                let all: Vec<Tensor> = x.iter().chain(fixed).cloned().collect();
                (operator(name, &all, case).unwrap() * w).sum()
            })(&x.to_vec())
        }
        "hvp" => {
            // x.., fixed.., w, v..
            let k = case.outputs.len();
            let (rest, v) = x.split_at(x.len() - k);
            let (w, rest) = rest.split_last()?;
            let (x, fixed) = rest.split_at(k);
            operator(name, rest, case)?;
            let f = |x: &Vec<Tensor>| {
                let all: Vec<Tensor> = x.iter().chain(fixed).cloned().collect();
                (operator(name, &all, case).unwrap().sin() * w).sum()
            };
            let (x, v) = (x.to_vec(), v.to_vec());
            let result = hvp(f)(&x, &v);
            for order in HvpOrder::ALL {
                let other = hvp_with(f, order)(&x, &v);
                if let Some(why) = crate::difference(case, &other) {
                    panic!("{order:?}: {why}");
                }
            }
            result
        }
        _ => return None,
    })
}

/// The value of the operator `name` at `x`.
pub fn operator(name: &str, x: &[Tensor], case: &Case) -> Option<Tensor> {
    let a = x.first().cloned().unwrap_or_else(|| Tensor::from(0.0));
    let b = x.get(1).cloned().unwrap_or_else(|| Tensor::from(0.0));
    Some(match name {
        "neg" => -a,
        "abs" => a.abs(),
        "sign" => a.sign(),
        "sqrt" => a.sqrt(),
        "rsqrt" => a.rsqrt(),
        "cbrt" => a.cbrt(),
        "exp" => a.exp(),
        "expm1" => a.expm1(),
        "log" => a.log(),
        "log1p" => a.log1p(),
        "sin" => a.sin(),
        "cos" => a.cos(),
        "tan" => a.tan(),
        "asin" => a.asin(),
        "acos" => a.acos(),
        "atan" => a.atan(),
        "sinh" => a.sinh(),
        "cosh" => a.cosh(),
        "tanh" => a.tanh(),
        "asinh" => a.asinh(),
        "acosh" => a.acosh(),
        "atanh" => a.atanh(),
        "sigmoid" => a.sigmoid(),
        "erf" => a.erf(),
        "erfc" => a.erfc(),
        "erf_inv" => a.erf_inv(),
        "floor" => a.floor(),
        "ceil" => a.ceil(),
        "round" => a.round(),
        "trunc" => a.trunc(),
        "powi3" => a.powi(3),
        "powi_neg2" => a.powi(-2),
        "powi0" => a.powi(0),
        "square" => a.square(),
        "reciprocal" => a.reciprocal(),
        "softplus" => a.softplus(),
        "silu" => a.silu(),
        "gelu" => a.gelu(),
        "gelu_tanh" => a.gelu_tanh(),
        "relu" => a.relu(),
        "relu6" => a.relu().minimum(6.0),
        "elu" => a.elu(),
        "selu" => a.selu(),
        "leaky_relu" => a.leaky_relu(0.01),
        "log_sigmoid" => a.log_sigmoid(),
        "logit" => a.log() - (1.0 - &a).log(),
        "is_nan" => a.is_nan(),
        "is_finite" => a.is_finite(),
        "add" => a + b,
        "sub" => a - b,
        "mul" => a * b,
        "div" => a / b,
        "pow" => a.pow(b),
        "atan2" => a.atan2(b),
        "maximum" => a.maximum(b),
        "minimum" => a.minimum(b),
        "rem" => a % b,
        "remainder" => a.remainder(b),
        "logaddexp" => a.log_add_exp(b),
        "hypot" => a.hypot(b),
        "scalar_mix" => 2.0 * &a - 1.0 / (&a + 3.0) + (1.0 - &a) / 2.0,
        "where" => x[2].where_(&a, &b),
        "clip" => a.clip(-0.5, 1.25),
        "sum_all" => a.sum(),
        "sum_axis1" => a.sum_axis(1),
        "sum_axis_m1_keep" => a.sum_axis_keep(-1),
        "sum_axes02" => a.sum_axes(&[0, 2]),
        "sum_axes_m1_m3_keep" => a.sum_axes_keep(&[-1, -3]),
        "mean_all" => a.mean(),
        "mean_axis0" => a.mean_axis(0),
        "prod_all" => a.prod(),
        "prod_axis_m2" => a.prod_axis(-2),
        "max_all" => a.max(),
        "max_axis1" => a.max_axis(1),
        "min_axis_m1_keep" => a.min_axis_keep(-1),
        "min_axes01" => a.min_axes(&[0, 1]),
        "var_axis1" => a.var_axis(1),
        "std_axis_m1" => a.std_axis(-1),
        "var_all" => a.var(),
        "logsumexp_axis_m1" => a.log_sum_exp_axis(-1),
        "logsumexp_all" => a.log_sum_exp(),
        "cumsum_axis0" | "cumsum" => a.cumsum(0),
        "cumsum_axis_m1" => a.cumsum(-1),
        "norm" => a.norm(),
        "argmax_all" => a.argmax(),
        "argmax_axis1" => a.argmax_axis(1),
        "argmin_axis_m1" => a.argmin_axis(-1),
        "argmin_axis0_keep" => a.argmin_axis_keep(0),
        "softmax_axis_m1" => a.softmax(-1),
        "softmax_axis0" => a.softmax(0),
        "log_softmax_axis_m1" => a.log_softmax(-1),
        "log_softmax_axis1_rank3" => a.log_softmax(1),
        "matmul" => a.matmul(&b),
        _ if name.starts_with("matmul_") => a.matmul(&b),
        "dot" => a.dot(&b),
        "outer" => a.outer(&b),
        "tensordot2" => a.tensordot(&b, &[1, 2], &[0, 1]),
        _ if name.starts_with("einsum_") => {
            let k: usize = name[7..].parse().ok()?;
            let operands: Vec<&Tensor> = x.iter().collect();
            einsum(FORMULAS[k], &operands)
        }
        "reshape" => a.reshape(&[4, 6]),
        "reshape_infer" => a.reshape(&[3, -1]),
        "transpose" => a.t(),
        "transpose_perm" => a.permute(&[1, 2, 0]),
        "swapaxes" => a.swap_axes(0, -1),
        "moveaxis" => a.move_axis(0, -1),
        "expand_squeeze" => a.expand_dims(1).squeeze_axis(2),
        "broadcast_to" => a.broadcast_to(&[2, 3, 4]),
        "concatenate_axis0" => concatenate(&x[..3].iter().collect::<Vec<_>>(), 0),
        "concatenate_axis_m1" => concatenate(&x[..2].iter().collect::<Vec<_>>(), -1),
        "stack_axis0" => stack(&[&a, &b], 0),
        "stack_axis_m1" => stack(&x[..3].iter().collect::<Vec<_>>(), -1),
        "flip_axis1" => a.flip(&[1]),
        "flip_all" => a.flip(&[0, 1]),
        "roll_axis1" => a.roll(2, 1),
        "roll_neg" => a.roll(-1, 0),
        "pad" => a.pad(&[(1, 2), (0, 3)], 0.5),
        "slice" => a.slice_axis(0, 1..4).slice_axis(1, 0..2),
        "slice_step" => a.slice_axis_step(0, 0..7, 3).slice_axis_step(1, 1..6, 2),
        "slice_reverse" => a.flip(&[0]).slice_axis_step(0, .., 2),
        "index" => a.at(1).t().at(2),
        "tile" => a.tile(&[2, 2]),
        "repeat_axis1" => a.repeat(2, 1),
        "tril" => a.tril(0),
        "triu_k1" => a.triu(1),
        "diag_of_vector" => a.diag(),
        "diag_of_matrix" => a.diagonal(),
        "take_axis0" => a.take(&b, 0),
        "take_axis1_2d" => a.take(&b, 1),
        "take_along_axis1" => a.take_along_axis(&b, 1),
        "gather_pairs" => a.ravel().take(&(&b * 4 + &x[2]), 0),
        "dynamic_slice" | "dynamic_slice_clamped" => {
            a.dynamic_slice(&stack(&[&b, &x[2]], 0), &[2, 3])
        }
        "dynamic_update_slice" => a.dynamic_update(&b, &stack(&[&x[2], &x[3]], 0)),
        "scatter_add_rows" => a.index_add(0, &x[2], &b),
        "scatter_add_pairs" => {
            let places = &x[2] * 4 + &x[3];
            a.ravel().index_add(0, &places, &b).reshape(&[3, 4])
        }
        "scatter_set_rows" => a.index_add(0, &x[2], &(&b - a.take(&x[2], 0))),
        "segment_sum" => Tensor::zeros(&[4, 2], a.dtype()).index_add(0, &b, &a),
        "eq" => a.equal(b),
        "ne" => a.not_equal(b),
        "lt" => a.less(b),
        "le" => a.less_equal(b),
        "gt" => a.greater(b),
        "ge" => a.greater_equal(b),
        "and" | "bit_and" => a & b,
        "or" | "bit_or" => a | b,
        "xor" | "bit_xor" => a ^ b,
        "not" | "bit_not" => !a,
        "any_axis0" => a.max_axis(0),
        "all_axis1" => a.min_axis(1),
        "shift_left" => a << b,
        "shift_right_logical" => (a.astype(U32) >> b.astype(U32)).astype(a.dtype()),
        "shift_right_arithmetic" => a >> b,
        "cast" => a.astype(case.outputs[0].dtype),
        "one_hot" => a.one_hot(4, case.outputs[0].dtype),
        "arange" => Tensor::arange(0.5, 3.0, 0.5),
        "linspace" => Tensor::linspace(-1.0, 2.0, 7),
        "eye" => Tensor::eye(3, F64),
        _ => return None,
    })
}
