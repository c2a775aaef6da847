//! bf16: a type of storage that computes in f32. Each operation rounds its result, sums and products round once.

use gradus::prelude::*;
use gradus::solve::{Root, find_root};
use gradus::{io, trace, tree};
use std::collections::BTreeMap;

/// Numbers between -2 and 2 without a pattern.
fn numbers(shape: &[usize], seed: usize) -> Tensor {
    let n: usize = shape.iter().product();
    let values = (1..=n).map(|i| (i * (7 + 3 * seed)) as f64 * 0.618_033_988_75);
    let values: Vec<f64> = values.map(|v| v.fract() * 4.0 - 2.0).collect();
    Tensor::new(values, shape).unwrap().astype(BF16)
}

fn bits(t: &Tensor) -> Vec<u16> {
    let values = t.to_vec::<bf16>().unwrap();
    // All NaNs count as equal.
    let bits = values.iter().map(|v| {
        if f32::from(*v).is_nan() {
            0x7fc0
        } else {
            v.to_bits()
        }
    });
    bits.collect()
}

fn wide(t: &Tensor) -> Vec<f64> {
    t.astype(F64).to_vec::<f64>().unwrap()
}

type Function = fn(&Tensor) -> Tensor;

/// Functions of one operation.
const ONE_OPERATION: &[(&str, Function)] = &[
    ("neg", |x| -x),
    ("abs", |x| x.abs()),
    ("sign", |x| x.sign()),
    ("sqrt", |x| x.sqrt()),
    ("rsqrt", |x| x.rsqrt()),
    ("cbrt", |x| x.cbrt()),
    ("exp", |x| x.exp()),
    ("expm1", |x| x.expm1()),
    ("log", |x| x.log()),
    ("log1p", |x| x.log1p()),
    ("sin", |x| x.sin()),
    ("cos", |x| x.cos()),
    ("tan", |x| x.tan()),
    ("asin", |x| x.asin()),
    ("atan", |x| x.atan()),
    ("sinh", |x| x.sinh()),
    ("tanh", |x| x.tanh()),
    ("sigmoid", |x| x.sigmoid()),
    ("silu", |x| x.silu()),
    ("gelu", |x| x.gelu()),
    ("erf", |x| x.erf()),
    ("floor", |x| x.floor()),
    ("round", |x| x.round()),
    ("powi", |x| x.powi(3)),
    ("add", |x| x + x.flip(&[0])),
    ("sub", |x| x - x.flip(&[0])),
    ("mul", |x| x * x.flip(&[0])),
    ("div", |x| x / x.flip(&[0])),
    ("rem", |x| x % x.flip(&[0])),
    ("pow", |x| x.pow(x.flip(&[0]))),
    ("atan2", |x| x.atan2(x.flip(&[0]))),
    ("hypot", |x| x.hypot(x.flip(&[0]))),
    ("maximum", |x| x.maximum(x.flip(&[0]))),
    ("sum", |x| x.sum()),
    ("prod", |x| x.prod()),
    ("max", |x| x.max()),
];

#[test]
fn an_operation_is_that_of_f32_rounded() {
    let edges = [
        0.0,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        3.38e38,
        1e-38,
        -1e-40,
    ];
    let special = Tensor::from(edges).astype(BF16);
    for (name, f) in ONE_OPERATION {
        for x in [numbers(&[301], 0), numbers(&[1], 1), special.clone()] {
            let wanted = f(&x.astype(F32)).astype(BF16);
            let got = f(&x);
            assert_eq!(got.dtype(), BF16, "{name}");
            assert_eq!(bits(&got), bits(&wanted), "{name} of {x}");
        }
    }
}

#[test]
fn comparisons_give_truth_values() {
    let x = Tensor::from([1.0, 2.0, f64::NAN]).astype(BF16);
    assert_eq!(x.less(2).to_vec::<bool>().unwrap(), [true, false, false]);
    assert_eq!(x.equal(&x).to_vec::<bool>().unwrap(), [true, true, false]);
    assert_eq!(x.is_finite().to_vec::<bool>().unwrap(), [true, true, false]);
    let chosen = x.less(2).where_(&x, &x * 0.5);
    assert_eq!(chosen.dtype(), BF16);
    assert_eq!(wide(&chosen)[..2], [1.0, 1.0]);
}

/// Functions whose fused kernels, loops and branches must round like their single operations.
const FUNCTIONS: &[(&str, Function)] = &[
    ("chain", |x| {
        ((x * 1.7 + 0.3).tanh() * x - x.square() / 3).exp() * 0.1
    }),
    ("softmax", |x| x.softmax(-1)),
    ("layer norm", |x| {
        let centred = x - x.mean_axis_keep(-1);
        &centred / (centred.square().mean_axis_keep(-1) + 1e-3).sqrt()
    }),
    ("product", |x| (x.matmul(&x.t()) * 0.3).tanh()),
    ("sum of rows and columns", |x| {
        (x * x.sin()).sum_axis(0).sum() + x.sum_axis(1)
    }),
    ("running sum", |x| (x * 1.1).cumsum(0) * 0.9),
    ("norm", |x| x / x.norm_axis_keep(1)),
    ("log of a sum", |x| x.log_sum_exp_axis(0) - x.std_axis(0)),
    ("indexing", |x| {
        let rows = x.take(&Tensor::from([0, 2, 0]), 0) * 1.3;
        x.index_add(0, &Tensor::from([1, 1, 1]), &rows) * 0.7
    }),
    ("parts", |x| {
        concatenate(
            &[&x.slice_axis(1, 1..).exp(), &(x * 3), &x.slice_axis(1, ..2)],
            1,
        )
    }),
    ("scan", |x| {
        scan(
            |c: &Tensor, row: &Tensor| ((c * 0.9 + row).tanh(), c * row),
            &x.at(0),
            x,
        )
        .1
    }),
    ("loop", |x| {
        fori_loop(0..7, |_, c: &Tensor| (c * 1.01 + 0.01).sin(), x)
    }),
    ("branch", |x| {
        cond(
            &x.sum().greater(0),
            |x: &Tensor| x * 1.3,
            |x: &Tensor| x / 1.3,
            x,
        )
    }),
    ("through f32", |x| (x.astype(F32) * 1.234).astype(BF16) * x),
    ("constants", |x| {
        x * (Tensor::full(&[], bf16::from_f32(0.1)) * 3 + 0.7) / 7
    }),
    ("index", |x| {
        Tensor::arange(0, 700, 1)
            .astype(BF16)
            .slice_axis(0, 500..505)
            * 1.1
            + x.at(0)
    }),
];

#[test]
fn compiled_programs_have_the_bits_of_single_operations() {
    for shape in [[4, 5], [90, 5], [1, 5]] {
        // The functions index three rows.
        for (name, f) in FUNCTIONS
            .iter()
            .filter(|(name, _)| shape[0] > 2 || *name != "indexing")
        {
            let x = numbers(&shape, 2);
            let alone = f(&x);
            assert_eq!(alone.dtype(), BF16, "{name}");
            let compiled = jit(f).call(&x).unwrap();
            assert_eq!(bits(&alone), bits(&compiled), "{name} of {shape:?}");
        }
    }
}

/// Compares gradients of each function in bf16 with gradients of the same function in f32.
#[test]
fn derivatives_are_those_of_f32_but_for_rounding() {
    for (name, f) in FUNCTIONS {
        let x = numbers(&[4, 5], 3);
        let loss = |x: &Tensor| (f(x) * 0.5).sum();
        let slope = grad(loss)(&x);
        assert_eq!(slope.dtype(), BF16, "{name}");
        let wanted = wide(&grad(loss)(&x.astype(F32)));
        let size = wanted.iter().fold(1.0, |m: f64, v| m.max(v.abs()));
        for (got, wanted) in wide(&slope).iter().zip(&wanted) {
            assert!(
                (got - wanted).abs() < 0.1 * size,
                "{name}: {got} for {wanted}"
            );
        }
        let compiled = jit(grad(loss)).call(&x).unwrap();
        assert_eq!(bits(&slope), bits(&compiled), "{name}");
        // Forward against reverse mode.
        let direction = numbers(&[4, 5], 4);
        let (_, tangent) = jvp(loss, &x, &direction);
        assert_eq!(tangent.dtype(), BF16, "{name}");
        let along: f64 = wide(&slope)
            .iter()
            .zip(wide(&direction))
            .map(|(a, b)| a * b)
            .sum();
        let difference = (wide(&tangent)[0] - along).abs();
        assert!(
            difference < 0.2 * size * 5.0,
            "{name}: {tangent} for {along}"
        );
    }
}

#[test]
fn mapped_and_second_derivatives_stay_in_the_type() {
    let f = |x: &Tensor| (x.square() * x.at(0) + x.sin()).sum();
    let x = numbers(&[5], 5);
    let second = hessian(f)(&x);
    assert_eq!(second.dtype(), BF16);
    let wanted = wide(&hessian(f)(&x.astype(F32)));
    for (got, wanted) in wide(&second).iter().zip(wanted) {
        assert!((got - wanted).abs() < 0.1, "{got} for {wanted}");
    }
    let product = hvp(f)(&x, &numbers(&[5], 6));
    assert_eq!(product.dtype(), BF16);
    let rows = numbers(&[6, 5], 7);
    let mapped = vmap(grad(f))(&rows);
    for k in 0..6 {
        assert_eq!(bits(&mapped.at(k)), bits(&grad(f)(&rows.at(k))), "row {k}");
    }
    let jacobian = jacfwd(|x: &Tensor| x.tanh() * 2)(&x);
    assert_eq!((jacobian.dtype(), jacobian.shape()), (BF16, &[5, 5][..]));
}

#[test]
fn sums_round_once() {
    // If each addition rounded to bf16, the sum would stop at 256.
    let ones = Tensor::ones(&[1000], BF16);
    assert_eq!(wide(&ones.sum()), [1000.0]);
    assert_eq!(wide(&ones.cumsum(0))[998..], [1000.0, 1000.0]);
    assert_eq!(wide(&ones.mean()), [1.0]);
    let table = Tensor::ones(&[600, 3, 2], BF16);
    assert_eq!(wide(&table.sum_axis(0)), [600.0; 6]);
    assert_eq!(wide(&table.sum_axes(&[0, 2])), [1200.0; 3]);
    assert_eq!(
        wide(
            &jit(|x: &Tensor| (x * 1).sum_axes(&[0, 2]))
                .call(&table)
                .unwrap()
        ),
        [1200.0; 3]
    );
    let places = Tensor::zeros(&[1000], I64);
    let added = Tensor::zeros(&[2], BF16).index_add(0, &places, &ones);
    assert_eq!(wide(&added), [1000.0, 0.0]);
    let rows = Tensor::zeros(&[2, 3], BF16).index_add(0, &places, &Tensor::ones(&[1000, 3], BF16));
    assert_eq!(wide(&rows), [1000.0, 1000.0, 1000.0, 0.0, 0.0, 0.0]);
    // The gradient of a broadcast is such a sum, and so is the gradient of `take`.
    let spread = |x: &Tensor| (x.broadcast_to(&[1000, 2]) * 1.0).sum();
    assert_eq!(wide(&grad(spread)(&Tensor::ones(&[2], BF16))), [1000.0; 2]);
    let taken = |x: &Tensor| x.take(&places, 0).sum();
    assert_eq!(wide(&grad(taken)(&Tensor::ones(&[2], BF16))), [1000.0, 0.0]);
}

#[test]
fn products_round_once() {
    let whole = |shape: &[usize], seed: usize| (numbers(shape, seed) * 4).round();
    for (m, k, n) in [
        (1, 1, 1),
        (3, 5, 2),
        (7, 300, 9),
        (300, 20, 530),
        (1, 700, 40),
        (40, 513, 1),
        (2, 0, 3),
    ] {
        let (a, b) = (whole(&[m, k], 8), whole(&[k, n], 9));
        // Sums of these integers are exact in f32.
        let wanted = a.astype(F32).matmul(&b.astype(F32)).astype(BF16);
        assert_eq!(bits(&a.matmul(&b)), bits(&wanted), "{m} {k} {n}");
        let turned = jit(|(a, b): &(Tensor, Tensor)| a.t().matmul(&b.t()));
        let got = turned.call(&(a.t(), b.t())).unwrap();
        assert_eq!(bits(&got), bits(&wanted), "transposed {m} {k} {n}");
    }
    let (a, b) = (whole(&[3, 4, 5], 10), whole(&[3, 5, 6], 11));
    let wanted = a.astype(F32).matmul(&b.astype(F32)).astype(BF16);
    assert_eq!(bits(&a.matmul(&b)), bits(&wanted));
    // A long sum: f32 can hold only parts of it exactly.
    let long = Tensor::full(&[1 << 20], bf16::from_f32(1.5));
    assert_eq!(wide(&long.dot(&long)), [2.25 * f64::from(1 << 20)]);
}

#[test]
fn rounding_is_not_simplified_away() {
    let x = Tensor::from([0.1_f32, 1.001, -3.2159]);
    let through = |x: &Tensor| x.astype(BF16).astype(F32);
    for got in [through(&x), jit(through).call(&x).unwrap()] {
        let wanted: Vec<f32> = [0.1_f32, 1.001, -3.2159]
            .map(|v| bf16::from_f32(v).into())
            .to_vec();
        assert_eq!(got.to_vec::<f32>().unwrap(), wanted);
    }
    let x = numbers(&[7], 1);
    let same = |x: &Tensor| x.astype(F32).astype(BF16);
    assert_eq!(bits(&jit(same).call(&x).unwrap()), bits(&x));
    // The derivative passes through both casts.
    let slope =
        grad(|x: &Tensor| (x.astype(BF16) * 3).astype(F32).sum())(&Tensor::from([1.0_f32, 2.0]));
    assert_eq!(slope.to_vec::<f32>().unwrap(), [3.0, 3.0]);
}

#[test]
fn conversions_round_to_the_nearest() {
    let numbers = [0.0, 1.0, -2.5, 255.5, 1e10, 3e38, -1e-3];
    let x = Tensor::from(numbers).astype(BF16);
    assert_eq!(x.astype(I64).to_vec::<i64>().unwrap()[..4], [0, 1, -2, 256]);
    assert_eq!(x.astype(I32).to_vec::<i32>().unwrap()[..4], [0, 1, -2, 256]);
    assert_eq!(x.astype(U32).to_vec::<u32>().unwrap()[..4], [0, 1, 0, 256]);
    assert_eq!(
        x.astype(Bool).to_vec::<bool>().unwrap()[..3],
        [false, true, true]
    );
    for dtype in [F64, F32, I32, I64, U32, Bool] {
        let whole = Tensor::from([0, 1, 1]).astype(dtype);
        assert_eq!(wide(&whole.astype(BF16)), [0.0, 1.0, 1.0], "{dtype}");
    }
    // If they were rounded to f32 first, these numbers would round the other way.
    let near_half = Tensor::from([1.0 + 1.0 / 256.0 + 1e-12, 1.0 + 3.0 / 256.0 - 1e-12]);
    assert_eq!(wide(&near_half.astype(BF16)), [1.0 + 1.0 / 128.0; 2]);
    let large = Tensor::from([(1_i64 << 40) + (1 << 32) + 1]);
    assert_eq!(
        wide(&large.astype(BF16)),
        [((1_i64 << 40) + (1 << 33)) as f64]
    );
}

#[test]
fn tensors_are_made_read_and_shown() {
    let x = Tensor::from([bf16::from_f32(0.1), bf16::from_f32(-2.0)]);
    assert_eq!(
        (x.dtype(), format!("{x}")),
        (BF16, "[ 0.1 -2. ]".to_string())
    );
    assert_eq!(x.at(0).item::<bf16>().unwrap(), bf16::from_f32(0.1));
    assert_eq!(Tensor::full(&[2], bf16::from_f32(0.5)).dtype(), BF16);
    let steps = Tensor::arange(
        bf16::from_f32(0.0),
        bf16::from_f32(2.0),
        bf16::from_f32(0.5),
    );
    assert_eq!(
        (steps.dtype(), wide(&steps)),
        (BF16, vec![0.0, 0.5, 1.0, 1.5])
    );
    let line = Tensor::linspace(bf16::from_f32(0.0), bf16::from_f32(1.0), 3);
    assert_eq!((line.dtype(), wide(&line)), (BF16, vec![0.0, 0.5, 1.0]));
    assert_eq!(Tensor::eye(2, BF16).dtype(), BF16);
    assert_eq!(
        wide(&Tensor::from([1, 0]).one_hot(2, BF16)),
        [0.0, 1.0, 1.0, 0.0]
    );
    assert_eq!(numbers(&[9], 0).argmax().dtype(), I64);
    assert_eq!(wide(&x.pad(&[(1, 0)], 0.5)), [0.5, wide(&x)[0], -2.0]);
    let error = x.to_vec::<f32>().unwrap_err();
    assert!(error.message().contains("bf16"), "{error}");
    let error = jit(|x: &Tensor| x * 1e39).call(&x).unwrap_err();
    assert!(
        error.message().contains("does not fit into bf16"),
        "{error}"
    );
}

#[test]
fn programs_are_read_from_their_text() {
    let graph = trace(|x: &Tensor| (x * 0.1).sum(), &Tensor::zeros(&[3], BF16)).unwrap();
    let text = graph.to_string();
    assert!(text.contains("bf16[3]") && text.contains("0.1"), "{text}");
    assert_eq!(text.parse::<gradus::Graph>().unwrap().to_string(), text);
}

#[test]
fn files_keep_the_type() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    let weights = numbers(&[3, 4], 0);
    io::save(&path, &weights, &BTreeMap::new()).unwrap();
    let (back, _) = io::load(&path, &Tensor::zeros(&[3, 4], BF16)).unwrap();
    assert_eq!(bits(&back), bits(&weights));
    let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
    assert!(text.contains("\"BF16\""), "{text}");
    assert!(io::load(&path, &Tensor::zeros(&[3, 4], F32)).is_err());
}

#[test]
fn memory_is_half_of_that_of_f32() {
    let peak = |dtype| {
        let layers = |x: &Tensor| (0..3).fold(x.clone(), |x, _| x.sum_axis_keep(0) * x.tanh());
        let graph = trace(layers, &Tensor::zeros(&[256, 256], dtype)).unwrap();
        gradus_cpu::forecast(&graph).peak_bytes
    };
    // The arena rounds sizes up to cache lines.
    assert!(
        peak(BF16) <= peak(F32) / 2 + 1024,
        "{} {}",
        peak(BF16),
        peak(F32)
    );
}

/// The numbers of JAX 0.10.2: `jax.random.uniform(key(0), (6,), bfloat16)` and `normal`.
#[test]
fn random_numbers_are_those_of_jax() {
    let key = random::key(0);
    let uniform = random::uniform(&key, &[6], BF16);
    let wanted = [83.0, 73.0, 20.0, 26.0, 91.0, 33.0].map(|v| v / 128.0);
    assert_eq!((uniform.dtype(), wide(&uniform)), (BF16, wanted.to_vec()));
    let normal = random::normal(&key, &[6], BF16);
    let wanted = [0.386_719, 0.182_617, -1.0, -0.824_219, 0.5625, -0.644_531];
    for (got, wanted) in wide(&normal).iter().zip(wanted) {
        assert!(
            (got - wanted).abs() <= 1e-6 + 2f64.powi(-8) * wanted.abs(),
            "{normal}"
        );
    }
}

#[test]
fn solvers_and_checks_take_it() {
    let root = find_root(
        |x: &Tensor| x.square() - 2,
        &Tensor::ones(&[], BF16),
        Root::default(),
    );
    assert!((wide(&root)[0] - 2f64.sqrt()).abs() < 0.02, "{root}");
}

#[test]
fn networks_learn_in_it() {
    let key = random::key(1);
    let x = random::normal(&key, &[64, 3], F32);
    let y = x.sum_axis_keep(1).tanh();
    let loss = |net: &nn::Mlp, dtype: DType| {
        nn::mean_squared_error(&net.forward(&x.astype(dtype)).astype(F32), &y)
    };
    let adam = optim::Adam::default();
    let rate = Tensor::from(0.02_f32);
    // Weights stored in bf16, and weights stored in f32 with computation in bf16.
    for (stored, steps) in [(BF16, 150), (F32, 150)] {
        let net = nn::Mlp::new(&key, &[3, 16, 1], nn::Activation::Tanh, stored).unwrap();
        let step = jit(|(net, state): &(nn::Mlp, optim::AdamState<nn::Mlp>)| {
            let in_bf16 = |net: &nn::Mlp| loss(&tree::map(net, |t| t.astype(BF16)), BF16);
            let (value, slope) = value_and_grad(in_bf16)(net);
            (adam.update(net, &slope, state, &rate), value)
        });
        let mut at = (net.clone(), adam.start(&net));
        let mut losses = Vec::new();
        for _ in 0..steps {
            let (next, value) = step.call(&at).unwrap();
            losses.push(value.item::<f32>().unwrap());
            at = next;
        }
        let (first, last) = (losses[0], losses[steps - 1]);
        assert!(last < 0.1 * first, "{stored}: {first} to {last}");
    }
}
