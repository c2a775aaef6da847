//! Small programs of every kind, each timed by itself: loops, choices,
//! norms, sums, products, concatenation, and the overhead of a call.
//!
//!     cargo run --release -p gradus-benches --bin everyday -- --save before.txt
//!     cargo run --release -p gradus-benches --bin everyday -- --against before.txt
//!
//! The second line prints each time beside the saved one, and their ratio.
//! `--only WORD` selects the cases whose names contain the word.

use gradus::nn::{Gru, Init};
use gradus::prelude::*;
use gradus_benches::{machine, nanoseconds};
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Duration;

type Case = (&'static str, Box<dyn Fn()>);

/// The compiled function, called on `x`.
fn compiled<A: Tree + 'static, B: Tree + 'static>(
    name: &'static str,
    f: impl Fn(&A) -> B + 'static,
    x: A,
) -> Case {
    let f = jit(f);
    let call = move || match f.call(&x) {
        Ok(y) => drop(black_box(y)),
        Err(error) => panic!("{name}: {error}"),
    };
    (name, Box::new(call))
}

/// The function without `jit`.
fn eager<B>(name: &'static str, f: impl Fn() -> B + 'static) -> Case {
    (name, Box::new(move || drop(black_box(f()))))
}

fn normal(shape: &[usize], dtype: DType) -> Tensor {
    random::normal(&random::key(7), shape, dtype)
}

fn loops() -> Vec<Case> {
    let logistic = |r: &Tensor| {
        let step = |_: &Tensor, x: &Tensor| r * x * (1.0 - x);
        fori_loop(0..1000, step, &Tensor::from(0.4))
    };
    let rotation = |x: &Tensor| {
        let w = Tensor::from([[0.9, -0.2, 0.1], [0.2, 0.9, 0.0], [0.0, 0.1, 0.95]]);
        let step = |h: &Tensor, (): &()| (w.matmul(h).tanh(), ());
        let options = ScanOptions::default().length(500);
        scan_with(options, step, x, &()).0.sum()
    };
    let newton = |a: &Tensor| {
        let goes_on = |(x, old): &(Tensor, Tensor)| (x - old).abs().greater(1e-12);
        let step = |(x, _): &(Tensor, Tensor)| ((x + a / x) * 0.5, x.clone());
        while_loop(goes_on, step, &(a.clone(), a + 1.0)).0
    };
    let gru = Gru::new(&random::key(1), 8, 64, Init::default(), F32);
    let steps = normal(&[32, 8, 8], F32);
    let through = move |h: &Tensor| gru.forward(&steps, h).0.square().sum();
    let rows = normal(&[64], F64).abs() + 0.5;
    vec![
        compiled("loop: 1000 steps of a number", logistic, Tensor::from(3.7)),
        compiled("loop: its gradient", grad(logistic), Tensor::from(2.1)),
        compiled(
            "loop: 500 steps of three numbers",
            rotation,
            normal(&[3], F64),
        ),
        compiled(
            "loop: its gradient, three numbers",
            grad(rotation),
            normal(&[3], F64),
        ),
        compiled("loop: until it converges", newton, Tensor::from(9.0)),
        compiled(
            "loop: its gradient, until it converges",
            grad(newton),
            Tensor::from(9.0),
        ),
        compiled(
            "loop: 64 rows until all converge",
            vmap(newton),
            rows.clone(),
        ),
        compiled(
            "loop: gradients of these rows",
            vmap(grad(newton)),
            rows.clone(),
        ),
        compiled(
            "loop: gradient of their sum",
            grad(move |x: &Tensor| vmap(newton)(x).sum()),
            rows,
        ),
        compiled(
            "loop: gradient through a recurrent network",
            grad(through),
            normal(&[32, 64], F32),
        ),
    ]
}

fn choices() -> Vec<Case> {
    let huber = |x: &Tensor| {
        let near = |x: &Tensor| x.square() * 0.5;
        cond(
            &x.abs().less_equal(1.0),
            near,
            |x: &Tensor| x.abs() - 0.5,
            x,
        )
    };
    let in_steps = move |x: &Tensor| {
        let step = |s: &Tensor, v: &Tensor| (huber(&(s * 0.5 + v)), ());
        scan(step, x, &Tensor::linspace(0.0, 2.0, 1000)).0
    };
    let w = normal(&[32, 32], F32);
    let layer = move |x: &Tensor| {
        let deep = |x: &Tensor| x.matmul(&w).tanh().matmul(&w).sum();
        cond(&x.sum().greater(0.0), deep, |x: &Tensor| x.sum(), x)
    };
    let layer_slope = layer.clone();
    let three = |x: &Tensor| {
        let index = (x * 3.0).floor().astype(I64);
        switch(
            &index,
            &[
                &|x: &Tensor| x.sin(),
                &|x: &Tensor| x.exp(),
                &|x: &Tensor| x.square(),
            ],
            x,
        )
    };
    let many = normal(&[100_000], F64);
    let rows = normal(&[1000, 32], F32);
    vec![
        compiled("choice: in each of 1000 steps", in_steps, Tensor::from(0.3)),
        compiled("choice: their gradient", grad(in_steps), Tensor::from(0.3)),
        compiled("choice: of 100,000 rows", vmap(huber), many.clone()),
        compiled(
            "choice: gradients of these rows",
            vmap(grad(huber)),
            many.clone(),
        ),
        compiled(
            "choice: gradient of their sum",
            grad(move |x: &Tensor| vmap(huber)(x).sum()),
            many.clone(),
        ),
        compiled("choice: of three", vmap(three), many),
        compiled(
            "choice: of 1000 rows with a matrix",
            vmap(layer),
            rows.clone(),
        ),
        compiled(
            "choice: gradient of their sum, matrix",
            grad(move |x: &Tensor| vmap(layer_slope.clone())(x).sum()),
            rows,
        ),
    ]
}

fn sums() -> Vec<Case> {
    let long = normal(&[1_000_000], F32);
    let wide = normal(&[1000, 1000], F32);
    let positive = long.abs();
    let short = normal(&[10_000, 30], F64);
    let norm = |x: &Tensor| x.norm();
    vec![
        compiled("sum: of 1,000,000", |x: &Tensor| x.sum(), long.clone()),
        compiled(
            "sum: of the columns of 1000 × 1000",
            |x: &Tensor| x.sum_axis(0),
            wide.clone(),
        ),
        compiled("sum: of its rows", |x: &Tensor| x.sum_axis(1), wide.clone()),
        compiled(
            "sum: running, of 1,000,000",
            |x: &Tensor| x.cumsum(0),
            long.clone(),
        ),
        compiled(
            "sum: running along rows",
            |x: &Tensor| x.cumsum(1),
            wide.clone(),
        ),
        compiled(
            "sum: running along columns",
            |x: &Tensor| x.cumsum(0),
            wide.clone(),
        ),
        compiled("norm: of 1,000,000", norm, long.clone()),
        compiled("norm: its gradient", grad(norm), long.clone()),
        compiled(
            "norm: softmax of rows of 30",
            |x: &Tensor| x.softmax(-1),
            short.clone(),
        ),
        compiled(
            "norm: log-sum-exp of rows of 30",
            |x: &Tensor| x.log_sum_exp_axis(-1),
            short,
        ),
        compiled(
            "norm: hypot of 1,000,000",
            |x: &Tensor| x.hypot(1.5),
            long.clone(),
        ),
        compiled(
            "norm: log-add-exp of 1,000,000",
            |x: &Tensor| x.log_add_exp(0.5),
            long.clone(),
        ),
        compiled(
            "norm: softplus of 1,000,000",
            |x: &Tensor| x.softplus(),
            long.clone(),
        ),
        compiled(
            "norm: gelu of 1,000,000",
            |x: &Tensor| x.gelu(),
            long.clone(),
        ),
        compiled("norm: silu of 1,000,000", |x: &Tensor| x.silu(), long),
        compiled("norm: log2 of 1,000,000", |x: &Tensor| x.log2(), positive),
    ]
}

/// The same programs in f32 and bf16, and the chain as a hand-written loop.
fn narrow() -> Vec<Case> {
    let chain = |x: &Tensor| ((x * 1.5 + 0.5) * x - 0.25) / (x * x + 1.0);
    let tanh = |x: &Tensor| (x.tanh() * 1.5).tanh();
    let product = |(a, b): &(Tensor, Tensor)| a.matmul(b);
    let square = |dtype| {
        (
            normal(&[512, 512], F32).astype(dtype),
            normal(&[512, 512], F32).astype(dtype),
        )
    };
    let long = normal(&[1_000_000], F32);
    let short = long.astype(BF16);
    let numbers: Vec<bf16> = short.to_vec().unwrap_or_else(|error| panic!("{error}"));
    let by_hand = move || {
        let round = |x: f32| f32::from(bf16::from_f32(x));
        let each = numbers.iter().map(|&x| {
            let x = f32::from(x);
            let above = round(round(round(round(x * 1.5) + 0.5) * x) - 0.25);
            bf16::from_f32(above / round(round(x * x) + 1.0))
        });
        each.collect::<Vec<bf16>>()
    };
    vec![
        compiled("bf16: chain of 1,000,000 in f32", chain, long.clone()),
        compiled("bf16: chain of 1,000,000", chain, short.clone()),
        eager("bf16: chain of 1,000,000, a loop by hand", by_hand),
        compiled("bf16: tanh of 1,000,000 in f32", tanh, long.clone()),
        compiled("bf16: tanh of 1,000,000", tanh, short.clone()),
        compiled("bf16: sum of 1,000,000", |x: &Tensor| x.sum(), short),
        compiled("bf16: 512 × 512 × 512 in f32", product, square(F32)),
        compiled("bf16: 512 × 512 × 512", product, square(BF16)),
    ]
}

fn products() -> Vec<Case> {
    let pair = |a: &[usize], b: &[usize], dtype| (normal(a, dtype), normal(b, dtype) * 0.5);
    let product = |(a, b): &(Tensor, Tensor)| a.matmul(b);
    vec![
        compiled(
            "product: of vectors of 1,000,000",
            product,
            pair(&[1_000_000], &[1_000_000], F32),
        ),
        compiled(
            "product: 2 × 100,000 × 2",
            product,
            pair(&[2, 100_000], &[100_000, 2], F32),
        ),
        compiled(
            "product: 64 × 100,000 × 64",
            product,
            pair(&[64, 100_000], &[100_000, 64], F32),
        ),
        compiled("product: 3 × 3 × 3", product, pair(&[3, 3], &[3, 3], F64)),
        compiled(
            "product: 64 × 784 × 512",
            product,
            pair(&[64, 784], &[784, 512], F32),
        ),
        compiled(
            "product: 512 × 512 × 512",
            product,
            pair(&[512, 512], &[512, 512], F64),
        ),
        compiled(
            "product: matrix and vector of 1000",
            product,
            pair(&[1000, 1000], &[1000], F64),
        ),
        compiled(
            "product: 100 of 30 × 30 × 30",
            product,
            pair(&[100, 30, 30], &[100, 30, 30], F64),
        ),
    ]
}

fn arrays() -> Vec<Case> {
    let long = normal(&[1_000_000], F32);
    let wide = normal(&[1000, 1000], F32);
    let picks = (random::uniform(&random::key(3), &[100_000], F64) * 1e6).astype(I64);
    let (a, b) = (picks.clone(), picks);
    vec![
        compiled(
            "array: padded",
            |x: &Tensor| x.pad(&[(3, 5), (2, 7)], 0.0),
            wide.clone(),
        ),
        compiled(
            "array: gradient of a slice",
            grad(|x: &Tensor| x.slice_axis(1, 10..900).square().sum()),
            wide.clone(),
        ),
        compiled(
            "array: concatenated",
            |x: &Tensor| concatenate(&[x, x, x], 1),
            wide,
        ),
        compiled(
            "array: 100,000 picked",
            move |x: &Tensor| x.take(&a, 0),
            long.clone(),
        ),
        compiled(
            "array: gradient of these",
            grad(move |x: &Tensor| x.take(&b, 0).square().sum()),
            long,
        ),
    ]
}

fn calls() -> Vec<Case> {
    let (x, y) = (normal(&[10], F64), normal(&[10], F64));
    let number = Tensor::from([0.7]).at(0);
    let chain = |x: &Tensor| (0..50).fold(x.clone(), |y, _| (y * 1.01).sin() + x).sum();
    let clip = |x: &Tensor| {
        custom_vjp(
            |x: &Tensor| x.sin(),
            |x: &Tensor| (x.sin(), x.clone()),
            |x: &Tensor, g: &Tensor| x.cos() * g.clip(-1.0, 1.0),
        )(x)
    };
    let (at, again) = (x.clone(), x.clone());
    vec![
        eager("call: an operation", {
            let x = x.clone();
            move || &x * &y
        }),
        eager("call: a gradient, traced each time", move || {
            grad(chain)(&at)
        }),
        eager("call: a gradient by rules", move || {
            grad(|x: &Tensor| clip(x).sum())(&again)
        }),
        eager("call: a choice, traced each time", move || {
            cond(
                &number.greater(0.0),
                |x: &Tensor| x.sin(),
                |x: &Tensor| x.cos(),
                &number,
            )
        }),
        compiled(
            "call: a compiled number",
            |x: &Tensor| x.sin() * x,
            Tensor::from(0.3),
        ),
        compiled("call: the gradient of a chain", grad(chain), x),
    ]
}

/// Functions and sorts, each beside a loop in Rust.
fn functions() -> Vec<Case> {
    let x = normal(&[100_000], F64).abs() * 10.0 + 0.01;
    let values = x.to_vec::<f64>().unwrap_or_default();
    let (to_sort, rows) = (values.clone(), x.reshape(&[1000, 100]));
    // Stirling's formula behind eight shifts: what a program without a library does.
    let by_hand = |x: f64| {
        let (mut shift, mut y) = (1.0, x);
        while y < 8.0 {
            shift *= y;
            y += 1.0;
        }
        let z = 1.0 / (y * y);
        let series = (1.0 / 12.0 - z * (1.0 / 360.0 - z * (1.0 / 1260.0 - z / 1680.0))) / y;
        (y - 0.5) * y.ln() - y + 0.918_938_533_204_672_7 + series - f64::ln(shift)
    };
    vec![
        compiled("function: lgamma of 100,000", Tensor::lgamma, x.clone()),
        eager("function: lgamma, a loop in Rust", move || {
            values.iter().map(|&x| by_hand(x)).collect::<Vec<f64>>()
        }),
        compiled("function: digamma of 100,000", Tensor::digamma, x.clone()),
        compiled(
            "function: polygamma of order 2",
            |x: &Tensor| x.polygamma(2),
            x.clone(),
        ),
        compiled("sort: 100,000 numbers", |x: &Tensor| x.sort(0), x.clone()),
        eager("sort: 100,000 numbers, in Rust", move || {
            let mut sorted: Vec<(f64, usize)> = to_sort.iter().copied().zip(0..).collect();
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
            sorted
        }),
        compiled("sort: the 100 greatest", |x: &Tensor| x.top_k(100, 0).0, x),
        compiled("sort: 1000 rows of 100", |x: &Tensor| x.sort(1), rows),
    ]
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1).cloned()
    };
    let before: HashMap<String, f64> = option("--against").map_or_else(HashMap::new, |file| {
        let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file}: {e}"));
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        let read = lines.filter_map(|(name, ns)| Some((name.to_string(), ns.parse().ok()?)));
        read.collect()
    });
    println!("{}", machine());
    let all = [
        loops(),
        choices(),
        sums(),
        products(),
        narrow(),
        arrays(),
        functions(),
        calls(),
    ];
    let (mut saved, mut slower) = (String::new(), 0);
    for (name, f) in all.into_iter().flatten() {
        if option("--only").is_some_and(|word| !name.contains(&word)) {
            continue;
        }
        let ns = nanoseconds(Duration::from_secs(2), &mut || f());
        saved += &format!("{name}\t{ns}\n");
        match before.get(name) {
            None => println!("{name:<44} {ns:>14.0} ns"),
            Some(old) => {
                let ratio = ns / old;
                slower += usize::from(ratio > 1.05);
                println!("{name:<44} {ns:>14.0} ns {old:>14.0} ns {ratio:>7.2}");
            }
        }
    }
    if !before.is_empty() {
        println!(
            "{slower} of {} take more than 1.05 of the time before",
            before.len()
        );
    }
    if let Some(file) = option("--save") {
        std::fs::write(&file, saved).unwrap_or_else(|e| panic!("{file}: {e}"));
    }
}
