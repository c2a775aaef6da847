//! Positions of extremes: lines of each length and distance, alone and many, with equal elements and NaN.

use gradus_cpu::{Array, CompileOptions, Input, compile};
use gradus_ir::primitives::ArgReduce;
use gradus_ir::{DType, Graph, Literal, Op, Type};

/// The first of the extremes; a NaN is one.
fn first(line: &[f64], smallest: bool) -> i64 {
    if let Some(nan) = line.iter().position(|v| v.is_nan()) {
        return nan as i64;
    }
    let beyond = |a: f64, b: f64| if smallest { a < b } else { a > b };
    let better = |best: usize, i: usize| if beyond(line[i], line[best]) { i } else { best };
    (1..line.len()).fold(0, better) as i64
}

/// Compares the positions along the middle axis of an array `[outer, n, inner]` with those of each line.
fn compare(
    dtype: DType,
    [outer, n, inner]: [usize; 3],
    smallest: bool,
    value: impl Fn(usize) -> f64,
) {
    let ty = Type::new(dtype, &[outer, n, inner]);
    let mut numbers = Vec::new();
    let mut bytes = Vec::new();
    for i in 0..ty.elements() {
        let literal = match dtype.float().is_some() {
            true => Literal::from_f64(dtype, value(i)),
            false => Literal::from_i64(
                dtype,
                if value(i).is_nan() {
                    3
                } else {
                    value(i) as i64
                },
            ),
        };
        numbers.push(literal.as_f64());
        bytes.extend_from_slice(&literal.to_ne_bytes()[..dtype.size()]);
    }
    let x = Array::from_bytes(ty.clone(), &bytes).unwrap();
    let mut graph = Graph::new();
    let input = graph.input(ty);
    let out = graph.emit(Op::ArgReduce(ArgReduce { axis: 1, smallest }), &[input]);
    graph.set_outputs(vec![out]);
    let program = compile(&graph, &CompileOptions::default()).unwrap();
    let got = program.run(vec![Input::Borrowed(&x)]).unwrap().remove(0);
    for o in 0..outer {
        for j in 0..inner {
            let line: Vec<f64> = (0..n).map(|i| numbers[(o * n + i) * inner + j]).collect();
            let got = got.get(o * inner + j).as_i64();
            assert_eq!(
                got,
                first(&line, smallest),
                "{dtype} [{outer}, {n}, {inner}], line {o} {j}, smallest {smallest}"
            );
        }
    }
}

/// Whole numbers between 0 and 20, many of them equal, and some NaN.
fn mixed(nans: usize) -> impl Fn(usize) -> f64 {
    move |i| {
        let drawn = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        match nans > 0 && drawn % nans == 0 {
            true => f64::NAN,
            false => (drawn % 21) as f64,
        }
    }
}

#[test]
fn short_and_long_lines_near_and_apart() {
    for dtype in [
        DType::F64,
        DType::F32,
        DType::BF16,
        DType::I64,
        DType::I32,
        DType::U32,
    ] {
        for n in [1, 2, 3, 7, 8, 9, 10, 17, 31, 127, 128, 129, 200, 1000] {
            for (outer, inner) in [(1, 1), (3, 1), (40, 1), (1, 5), (2, 16), (3, 37)] {
                for smallest in [false, true] {
                    compare(dtype, [outer, n, inner], smallest, mixed(0));
                    compare(dtype, [outer, n, inner], smallest, mixed(50));
                    compare(dtype, [outer, n, inner], smallest, mixed(2));
                }
            }
        }
    }
}

#[test]
fn many_lines_on_several_threads() {
    for shape in [
        [30_000, 10, 1],
        [700, 400, 1],
        [1, 100, 4000],
        [50, 20, 301],
    ] {
        compare(DType::F32, shape, false, mixed(1000));
        compare(DType::F64, shape, true, mixed(0));
    }
}

#[test]
fn signed_zeros_and_infinities() {
    let values = [
        0.0,
        -0.0,
        f64::NEG_INFINITY,
        f64::INFINITY,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    for n in [2, 6, 150] {
        for (outer, inner) in [(1, 1), (20, 1), (1, 20)] {
            for dtype in [DType::F64, DType::F32] {
                compare(dtype, [outer, n, inner], true, |i| values[i % 6]);
                compare(dtype, [outer, n, inner], false, |i| values[i % 6]);
                compare(dtype, [outer, n, inner], false, |_| f64::NEG_INFINITY);
                compare(dtype, [outer, n, inner], true, |_| f64::NAN);
            }
        }
    }
}
