//! Networks, and transforms of each other.

use crate::Case;
use crate::functions::{cross_entropy, mlp, rosenbrock};
use gradus::optim::Adam;
use gradus::prelude::*;

pub fn evaluate(case: &Case) -> Option<Vec<Tensor>> {
    let x = &case.inputs;
    match case.name.split('/').next()? {
        "net" => network(case.subject(), x),
        _ => composition(case.subject(), x),
    }
}

fn network(name: &str, x: &[Tensor]) -> Option<Vec<Tensor>> {
    let params = x[..4].to_vec();
    let squares = |p: &Vec<Tensor>, input: &Tensor, wanted: &Tensor| {
        let hidden = (input.matmul(&p[0]) + &p[1]).tanh();
        (hidden.matmul(&p[2]) + &p[3] - wanted).square().mean()
    };
    Some(match name {
        "tanh" | "relu" | "gelu_tanh" => {
            let activation = match name {
                "tanh" => Tensor::tanh,
                "relu" => Tensor::relu,
                _ => Tensor::gelu_tanh,
            };
            let loss = |p: &Vec<Tensor>| {
                let hidden = activation(&(x[4].matmul(&p[0]) + &p[1]));
                cross_entropy(&(hidden.matmul(&p[2]) + &p[3]), &x[5])
            };
            let (value, slope) = value_and_grad(loss)(&params);
            [vec![value], slope].concat()
        }
        "hvp_all" => hvp(|p: &Vec<Tensor>| squares(p, &x[4], &x[5]))(&params, &x[6..].to_vec()),
        "mixed" => {
            let first = |input: &Tensor| {
                grad(|w1: &Tensor| {
                    let mut p = params.clone();
                    p[0] = w1.clone();
                    squares(&p, input, &x[5])
                })(&params[0])
            };
            vec![jacrev(first)(&x[4])]
        }
        "adam3" => {
            let adam = Adam::default();
            let step = jit(|(p, state): &(Vec<Tensor>, _)| {
                let slope = grad(|p: &Vec<Tensor>| squares(p, &x[4], &x[5]))(p);
                adam.update(p, &slope, state, &Tensor::from(1e-2))
            });
            let mut at = (params.clone(), adam.start(&params));
            for _ in 0..3 {
                at = step.call(&at).unwrap();
            }
            at.0
        }
        _ => return None,
    })
}

fn composition(name: &str, x: &[Tensor]) -> Option<Vec<Tensor>> {
    type Pair = (Tensor, Tensor);
    let s = |x: &Tensor| (x.sin() * x.square()).sum();
    let pair = |k: usize| (x[k].clone(), x[k + 1].clone());
    Some(match name {
        "vmap_grad" => vec![vmap(grad(s))(&x[0])],
        "vmap_value_and_grad" => {
            let (value, slope) = vmap(value_and_grad(s))(&x[0]);
            vec![value, slope]
        }
        "vmap_hessian" => vec![vmap(hessian(rosenbrock))(&x[0])],
        "vmap_jacobian" => vec![vmap(jacfwd(|r: &Tensor| mlp(r, &x[1..])))(&x[0])],
        "per_example_grad" => {
            let g = |(input, wanted): &Pair| {
                grad(|a: &Tensor| (a.matmul(input) - wanted).square().sum())(&x[0])
            };
            vec![vmap(g)(&pair(1))]
        }
        "vmap_grad_grad_grad" => {
            let f = |t: &Tensor| t.sin() * (t / 2.0).exp();
            vec![vmap(grad(grad(grad(f))))(&x[0])]
        }
        "vmap_hvp" => vec![vmap(|(x, v): &Pair| hvp(s)(x, v))(&pair(0))],
        "grad_vmap" => {
            let (dx, da) = grad(|(rows, a): &Pair| {
                (&x[2] * vmap(|r: &Tensor| a.matmul(r).tanh())(rows)).sum()
            })(&pair(0));
            vec![dx, da]
        }
        "grad_vmap_grad" => vec![grad(|rows: &Tensor| (&x[1] * vmap(grad(s))(rows)).sum())(
            &x[0],
        )],
        "jvp_vmap" => {
            let f = |(rows, a): &Pair| vmap(|r: &Tensor| a.matmul(r).tanh())(rows);
            let (value, tangent) = jvp(f, &pair(0), &pair(2));
            vec![value, tangent]
        }
        "jacobian_vmap" => vec![jacrev(vmap(|r: &Tensor| r.softmax(0)))(&x[0])],
        "vmap_in_axes_1" => vec![vmap_with(|c: &Tensor| c.cumsum(0), 1, 0)(&x[0])],
        "vmap_out_axes_1" => vec![vmap_with(|c: &Tensor| c.cumsum(0), 1, 1)(&x[0])],
        "vmap_mixed_axes" => {
            let f = |(a, b): &Pair| a.matmul(b);
            vec![vmap_with(f, [Some(0), Some(2)], 0)(&pair(0))]
        }
        "vmap_none" => vec![vmap_with(|(a, b): &Pair| a.dot(b), [None, Some(0)], 0)(
            &pair(0),
        )],
        "vmap_vmap_outer" => {
            let near = |a: &Tensor, b: &Tensor| (-(a - b).square().sum()).exp();
            vec![vmap(|a: &Tensor| vmap(|b: &Tensor| near(a, b))(&x[1]))(
                &x[0],
            )]
        }
        "vmap_constant" => {
            let f = |t: &Tensor| (t.clone(), 7.0 * Tensor::ones(&[2], F64));
            let (a, b) = vmap(f)(&x[0]);
            vec![a, b]
        }
        "vmap_reduce" => vec![vmap(|m: &Tensor| m.max_axis(-1) - m.mean())(&x[0])],
        "vmap_dynamic_slice" => {
            let f = |(x, i): &Pair| x.dynamic_slice(&i.expand_dims(0), &[2]);
            vec![vmap(f)(&pair(0))]
        }
        "vmap_dynamic_update_slice" => {
            let f = |(x, u, i): &(Tensor, Tensor, Tensor)| x.dynamic_update(u, &i.expand_dims(0));
            vec![vmap(f)(&(x[0].clone(), x[1].clone(), x[2].clone()))]
        }
        "vmap_take" => vec![vmap(|(x, i): &Pair| x.take(i, 0))(&pair(0))],
        "vmap_take_shared" => vec![vmap(|i: &Tensor| x[0].take(i, 0))(&x[1])],
        "vmap_scatter_add" => {
            let f = |(x, i, u): &(Tensor, Tensor, Tensor)| x.index_add(0, i, u);
            vec![vmap(f)(&(x[0].clone(), x[1].clone(), x[2].clone()))]
        }
        "vmap_argmax" => vec![vmap(Tensor::argmax)(&x[0])],
        "vmap_where" => vec![vmap(|(x, c): &Pair| c.where_(x.sin(), x))(&pair(0))],
        "vmap_einsum" => {
            let f = |(a, b): &Pair| einsum("ij,jk->ki", &[a, b]);
            vec![vmap_with(f, [Some(0), Some(1)], 0)(&pair(0))]
        }
        "vmap_concat" => vec![vmap(|a: &Tensor| concatenate(&[a, &x[1]], 0))(&x[0])],
        "grad_vmap_gather" => {
            let f = |rows: &Tensor| {
                let picked = vmap(|(x, i): &Pair| x.take(i, 0))(&(rows.clone(), x[1].clone()));
                (&x[2] * picked.square()).sum()
            };
            vec![grad(f)(&x[0])]
        }
        "jvp" => {
            let f = |(a, b): &Pair| (a.sin() * b, a.dot(b));
            let ((u, v), (du, dv)) = jvp(f, &pair(0), &pair(2));
            vec![u, v, du, dv]
        }
        "vjp" => {
            let f = |(a, b): &Pair| (a.sin() * b, a.dot(b));
            let (_, pull) = vjp(f, &pair(0));
            let (a, b) = pull(&pair(2));
            vec![a, b]
        }
        "linearize" => {
            let (_, push) = linearize(|x: &Tensor| x / (1.0 + x.square().sum()), &x[0]);
            vec![push(&x[1])]
        }
        "linear_transpose" => {
            let f = |v: &Tensor| x[0].matmul(v) + v.cumsum(0);
            let (_, pull) = vjp(f, &x[1].zeros_like());
            vec![pull(&x[1])]
        }
        "jvp_grad" => {
            let (slope, curve) = jvp(grad(s), &x[0], &x[1]);
            vec![slope, curve]
        }
        "grad_jvp" => vec![grad(|at: &Tensor| jvp(s, at, &x[1]).1)(&x[0])],
        "grad_dot_grad" => vec![grad(|at: &Tensor| x[1].dot(&grad(s)(at)))(&x[0])],
        "vjp_jvp" => {
            let f = |(at, v): &Pair| jvp(|x: &Tensor| x.tanh() * x, at, v).1;
            let (a, b) = vjp(f, &pair(0)).1(&x[2]);
            vec![a, b]
        }
        "jvp_jvp" => {
            let f = |x: &Tensor| x.sin().exp();
            vec![jvp(|at: &Tensor| jvp(f, at, &x[1]).1, &x[0], &x[2]).1]
        }
        "jacfwd_jacrev" => vec![jacfwd(jacrev(|x: &Tensor| x / x.norm()))(&x[0])],
        "jacrev_jacfwd" => vec![jacrev(jacfwd(|x: &Tensor| x.softmax(0)))(&x[0])],
        "third_derivative_tensor" => {
            let f = |x: &Tensor| x.at(0).exp() * x.at(1).sin() * x.at(2).square();
            vec![jacfwd(hessian(f))(&x[0])]
        }
        "perturbation" => {
            let f = |x: &Tensor| x * grad(|y: &Tensor| x + y)(&Tensor::from(1.0));
            vec![grad(f)(&x[0])]
        }
        "perturbation_jvp" => {
            let one = Tensor::from(1.0);
            let f = |x: &Tensor| x * jvp(|y: &Tensor| x * y, &Tensor::from(2.0), &one).1;
            vec![jvp(f, &x[0], &one).1]
        }
        "nested_grads" => {
            let f = |x: &Tensor| {
                let inner = grad(|y: &Tensor| (x * y).sin().sum())(&x.cos());
                (inner * x).sum()
            };
            vec![grad(f)(&x[0])]
        }
        "gradient_penalty" => {
            let f = |w: &Tensor| {
                let g = grad(|x: &Tensor| (w * x).tanh().sum())(&x[1]);
                (g.norm() - 1.0).square()
            };
            vec![grad(f)(&x[0])]
        }
        "unrolled_descent" => {
            let f = |a: &Tensor| {
                let mut at = x[1].clone();
                for _ in 0..3 {
                    at = &at - a * grad(s)(&at);
                }
                s(&at)
            };
            vec![grad(f)(&x[0])]
        }
        "laplacian" => {
            let q = |x: &Tensor| x.square().sum().tanh() * x.at(0);
            vec![vmap(|x: &Tensor| hessian(q)(x).trace())(&x[0])]
        }
        "divergence_vmap" => {
            let f = |x: &Tensor| x.sin() * x.sum();
            vec![vmap(|x: &Tensor| jacrev(f)(x).trace())(&x[0])]
        }
        "hessian_vmap_loss" => {
            let f = |b: &Tensor| {
                let each = |(row, label): &Pair| -(row + b).log_softmax(0).take(label, 0);
                vmap(each)(&pair(1)).mean()
            };
            vec![hessian(f)(&x[0])]
        }
        "grad_loop" => {
            let f = |x: &Tensor| {
                let mut y = x.clone();
                for _ in 0..5 {
                    y = y.sin() + 0.1 * x * &y;
                }
                y.sum()
            };
            vec![grad(f)(&x[0])]
        }
        "grad_jit_inside" => {
            let inner = jit(|x: &Tensor| x.tanh() * x);
            vec![grad(|x: &Tensor| inner.call(x).unwrap().square().sum())(
                &x[0],
            )]
        }
        _ => return None,
    })
}
