//! Functions of many shapes, for planning.

use gradus::prelude::*;

pub type Function = Box<dyn Fn(&Tensor) -> Tensor>;

/// Numbers that repeat after a while, so that all runs use the same.
pub fn filled(shape: &[usize], seed: usize) -> Tensor {
    let n: usize = shape.iter().product();
    let values: Vec<f64> = (0..n)
        .map(|i| ((i * 37 + seed * 101 + 11) % 97) as f64 / 97.0 - 0.45)
        .collect();
    Tensor::new(values, shape).unwrap()
}

fn dense(from: usize, to: usize, seed: usize) -> Function {
    let (w, b) = (filled(&[to, from], seed), filled(&[to], seed + 1));
    Box::new(move |x| (w.matmul(x) + &b).tanh())
}

/// Layers of these widths.
pub fn layers(widths: &[usize]) -> Function {
    let all: Vec<Function> = widths
        .windows(2)
        .enumerate()
        .map(|(k, w)| dense(w[0], w[1], k))
        .collect();
    Box::new(move |x| all.iter().fold(x.clone(), |x, f| f(&x)))
}

pub fn row_by_row(m: usize, n: usize) -> Function {
    let w = filled(&[n, m], 3);
    Box::new(move |x| x.matmul(&w).tanh())
}

/// A number that depends on all of `f`, with second derivatives.
pub fn number(f: Function) -> Function {
    Box::new(move |x| {
        let y = f(x);
        (y.sin() + y.square() * 0.3).sum()
    })
}

/// Logistic regression: its Hessian is one product.
pub fn logistic(n: usize, m: usize) -> Function {
    let a = filled(&[m, n], 1);
    Box::new(move |x| (a.matmul(x).exp() + 1.0).log().sum())
}

/// Functions of many shapes, each with the shape of its argument.
pub fn functions() -> Vec<(&'static str, Vec<usize>, Function)> {
    let f = |name, shape: &[usize], f: Function| (name, shape.to_vec(), f);
    let (w, v) = (filled(&[6, 4], 1), filled(&[4, 6], 2));
    let (w2, w3, w4) = (w.clone(), w.clone(), w.clone());
    let v2 = v.clone();
    let idx = Tensor::new(vec![3i64, 0, 3, 2], &[4]).unwrap();
    let (idx2, idx3) = (idx.clone(), idx.clone());
    let columns = Tensor::from([[0, 4, 4, 1], [1, 0, 2, 3], [2, 2, 2, 2]]);
    vec![
        f("identity", &[3], Box::new(|x| x.clone())),
        f("scalar", &[], Box::new(|x| x.sin() * x)),
        f("one number of many", &[5], Box::new(|x| x.square().sum())),
        f(
            "many of one number",
            &[],
            Box::new(|x| x.broadcast_to(&[4]) * filled(&[4], 0)),
        ),
        f("elementwise", &[7], Box::new(|x| x.sin() * x.exp())),
        f(
            "elementwise matrix",
            &[3, 4],
            Box::new(|x| x.tanh() / (x.square() + 1.0)),
        ),
        f("linear", &[4], Box::new(move |x| w.matmul(x))),
        f("linear of rows", &[5, 6], row_by_row(4, 6)),
        f("wide narrow wide", &[9], layers(&[9, 2, 9])),
        f("wide narrow wide, deep", &[8], layers(&[8, 6, 2, 6, 8])),
        f("narrow wide narrow", &[2], layers(&[2, 9, 2])),
        f("two waists", &[9], layers(&[9, 3, 8, 2, 9])),
        f("funnel", &[9], layers(&[9, 5, 1])),
        f("fan", &[1], layers(&[1, 5, 9])),
        f("waist of one", &[6], layers(&[6, 1, 6])),
        f("residual", &[6], {
            let g = dense(6, 6, 4);
            Box::new(move |x| x + g(x))
        }),
        f("residual twice", &[6], {
            let (g, h) = (dense(6, 6, 4), dense(6, 6, 6));
            Box::new(move |x| {
                let y = x + g(x);
                &y + h(&y)
            })
        }),
        f(
            "two branches",
            &[6],
            Box::new(move |x| w2.t().matmul(x).sin() + w2.t().matmul(&x.cos())),
        ),
        f("two narrow branches", &[9], {
            let (a, b) = (layers(&[9, 2, 9]), layers(&[9, 2, 9]));
            Box::new(move |x| a(x) * b(&x.sin()))
        }),
        f(
            "attention of rows",
            &[4, 3],
            Box::new(|x| {
                let s = x.matmul(&x.t()).exp();
                (&s / s.sum_axis(1).expand_dims(1)).matmul(x)
            }),
        ),
        f("gram", &[3, 4], Box::new(|x| x.matmul(&x.t()))),
        f(
            "mixing columns",
            &[6, 5],
            Box::new(move |x| v.matmul(x).tanh()),
        ),
        f("rows, then all", &[4, 6], {
            let g = dense(12, 12, 3);
            let w = filled(&[6, 3], 3);
            Box::new(move |x| g(&x.matmul(&w).tanh().reshape(&[12])))
        }),
        f("all, then rows", &[12], {
            let g = dense(12, 12, 3);
            let w = filled(&[3, 5], 3);
            Box::new(move |x| g(x).reshape(&[4, 3]).matmul(&w).sin())
        }),
        f("flattened", &[3, 4], {
            let g = dense(12, 5, 3);
            Box::new(move |x| g(&x.reshape(&[12])))
        }),
        f(
            "split in rows",
            &[12],
            Box::new(|x| x.reshape(&[3, 4]).sin().sum_axis(1)),
        ),
        f("sum of rows", &[3, 4], Box::new(|x| x.square().sum_axis(0))),
        f("sum of all", &[3, 4], Box::new(|x| x.exp().sum())),
        f(
            "mean and spread",
            &[4, 5],
            Box::new(|x| {
                let c = x - x.mean_axis(1).expand_dims(1);
                &c / (c.square().mean_axis(1).expand_dims(1) + 0.1).sqrt()
            }),
        ),
        f(
            "softmax of rows",
            &[3, 5],
            Box::new(|x| x.exp() / x.exp().sum_axis(1).expand_dims(1)),
        ),
        f("transposed", &[3, 4], Box::new(|x| x.t().sin())),
        f("reversed", &[6], Box::new(|x| x.flip(&[0]) * x)),
        f(
            "neighbours",
            &[6],
            Box::new(|x| x.slice_axis(0, 1..) * x.slice_axis(0, ..-1)),
        ),
        f(
            "Rosenbrock's residuals",
            &[5],
            Box::new(|x| {
                let (a, b) = (x.slice_axis(0, 1..), x.slice_axis(0, ..-1));
                concatenate(&[&((a - b.square()) * 10.0), &(1.0 - &b)], 0)
            }),
        ),
        f(
            "concatenated",
            &[4],
            Box::new(|x| concatenate(&[&x.sin(), &x.square()], 0)),
        ),
        f(
            "concatenated along rows",
            &[3, 2],
            Box::new(|x| concatenate(&[&x.sin(), x], 1)),
        ),
        f(
            "stacked with constants",
            &[3],
            Box::new(|x| concatenate(&[&filled(&[2], 1), &x.cos()], 0)),
        ),
        f("picked", &[5], Box::new(move |x| x.take(&idx, 0) * 2.0)),
        f(
            "picked in rows",
            &[3, 5],
            Box::new(move |x| x.sin().take(&idx2, 1) * 2.0),
        ),
        f(
            "picked and put back in rows",
            &[3, 5],
            Box::new(move |x| {
                let picked = x.square().take_along_axis(&columns, 1);
                picked.index_add(1, &idx3, &picked)
            }),
        ),
        f(
            "sorted rows",
            &[3, 4],
            Box::new(|x| x.exp().sort(1).square()),
        ),
        f(
            "greatest of columns",
            &[4, 3],
            Box::new(|x| x.sin().top_k(2, 0).0.exp()),
        ),
        f("running sums", &[5], Box::new(|x| x.cumsum(0).sin())),
        f(
            "running sums of rows",
            &[3, 4],
            Box::new(|x| x.cumsum(1).square()),
        ),
        f("products", &[5], Box::new(|x| x.prod() * x)),
        f("largest of rows", &[4, 3], Box::new(|x| x.max_axis(1))),
        f(
            "chosen",
            &[6],
            Box::new(|x| x.greater(0.0).where_(x.sin(), x.square())),
        ),
        f(
            "broadcast over rows",
            &[4],
            Box::new(|x| filled(&[3, 4], 1) * x + x.sum()),
        ),
        f(
            "column to rows",
            &[3, 1],
            Box::new(|x| x.broadcast_to(&[3, 4]) * filled(&[3, 4], 2)),
        ),
        f(
            "outer",
            &[4],
            Box::new(|x| x.expand_dims(1).matmul(&x.expand_dims(0))),
        ),
        f(
            "batched products",
            &[2, 3, 4],
            Box::new(|x| x.matmul(&filled(&[2, 4, 3], 1)).sin()),
        ),
        f("gradient of a network", &[6], {
            let g = layers(&[6, 4, 1]);
            Box::new(move |x| grad(|x: &Tensor| g(x).sum())(x))
        }),
        f(
            "gradient of least squares",
            &[4],
            Box::new(move |x| grad(|x: &Tensor| w3.matmul(x).tanh().square().sum())(x)),
        ),
        f(
            "Lorenz",
            &[3],
            Box::new(|x| {
                let p = |k: i32| x.at(k);
                stack3(
                    &((p(1) - p(0)) * 10.0),
                    &(p(0) * (28.0 - p(2)) - p(1)),
                    &(p(0) * p(1) - p(2) * (8.0 / 3.0)),
                )
            }),
        ),
        f("a step of Euler", &[4], {
            let g = dense(4, 4, 1);
            Box::new(move |x| x + g(x) * 0.1)
        }),
        f("ten steps of Euler", &[4], {
            let g = dense(4, 4, 1);
            Box::new(move |x| (0..10).fold(x.clone(), |x, _| &x + g(&x) * 0.1))
        }),
        // Adversarial shapes.
        f("no path", &[3], Box::new(|_| filled(&[4], 1))),
        f("no slope", &[3], Box::new(|x| x.floor())),
        f("an empty argument", &[0], Box::new(|x| x.sin())),
        f(
            "an empty dimension",
            &[3, 0],
            Box::new(|x| x.matmul(&filled(&[0, 2], 1))),
        ),
        f("an empty result", &[3], Box::new(|x| x.slice_axis(0, 3..))),
        f(
            "ones",
            &[1, 4, 1],
            Box::new(|x| x.sin().reshape(&[4, 1]) * 2.0),
        ),
        f(
            "through integers",
            &[3],
            Box::new(|x| x.astype(I64).astype(F64) + x),
        ),
        f(
            "doubled outputs",
            &[3],
            Box::new(|x| {
                let y = x.sin();
                concatenate(&[&y, &y], 0)
            }),
        ),
        f(
            "an ancestor among the outputs",
            &[3],
            Box::new(|x| {
                let y = x.sin();
                concatenate(&[&y, &y.square()], 0)
            }),
        ),
        f(
            "thousands of nodes without a cut",
            &[3],
            Box::new(|x| {
                let mut y = x.sin();
                let mut z = x.cos();
                for _ in 0..400 {
                    (y, z) = (&y * 0.9 + z.sin() * 0.1, &z * 0.9 - y.cos() * 0.1);
                }
                y * z
            }),
        ),
        f("four bytes", &[4], {
            let w = w4.astype(F32);
            let v = v2.astype(F32);
            Box::new(move |x| v.matmul(&w.matmul(&x.astype(F32)).tanh()).astype(F64))
        }),
        f("narrow in the middle of rows", &[3, 4], {
            let a = filled(&[4, 1], 1);
            let b = filled(&[1, 4], 2);
            Box::new(move |x| x.matmul(&a).sin().matmul(&b).tanh())
        }),
    ]
}

fn stack3(a: &Tensor, b: &Tensor, c: &Tensor) -> Tensor {
    concatenate(&[&a.reshape(&[1]), &b.reshape(&[1]), &c.reshape(&[1])], 0)
}
