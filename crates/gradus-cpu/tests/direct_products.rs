//! Products of small matrices, alone and in batches, in every layout, against sums that are exact.
//!
//! `.ci/run` tests them with `GRADUS_ISA=portable` too.

use gradus_cpu::{Array, CompileOptions, Input, compile};
use gradus_ir::{DType, Graph};
use proptest::prelude::*;
use std::process::Command;

/// How an operand lies in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lies {
    ByRows,
    ByColumns,
    /// One matrix, by rows, for the whole batch.
    Repeated,
    /// One matrix, by columns, for the whole batch.
    RepeatedByColumns,
}

#[derive(Clone, Debug)]
struct Case {
    dtype: DType,
    batch: usize,
    /// `[m, k] × [k, n]`.
    size: (usize, usize, usize),
    left: Lies,
    right: Lies,
}

fn array(dtype: DType, values: &[f64], shape: &[usize]) -> Array {
    match dtype {
        DType::F32 => Array::from_vec(values.iter().map(|&x| x as f32).collect(), shape),
        _ => Array::from_vec(values.to_vec(), shape),
    }
    .unwrap()
}

/// An operand of `rows` and `columns`: its array, its text as an input and, if one matrix is repeated, the text of
/// the operation that repeats it.
struct Operand {
    array: Array,
    input: String,
    repeats: String,
    /// The place of its rows and columns in the array's last two axes.
    axes: (usize, usize),
}

impl Case {
    fn operand(&self, which: usize, number: &dyn Fn(usize, usize, usize) -> f64) -> Operand {
        let (m, k, n) = self.size;
        let (rows, columns, lies) = match which {
            0 => (m, k, self.left),
            _ => (k, n, self.right),
        };
        let by_columns = matches!(lies, Lies::ByColumns | Lies::RepeatedByColumns);
        let repeated = matches!(lies, Lies::Repeated | Lies::RepeatedByColumns);
        let (first, second) = if by_columns {
            (columns, rows)
        } else {
            (rows, columns)
        };
        let matrices = if repeated { 1 } else { self.batch };
        let mut values = Vec::new();
        for b in 0..matrices {
            for i in 0..first {
                for j in 0..second {
                    let (row, column) = if by_columns { (j, i) } else { (i, j) };
                    values.push(number(b, row, column));
                }
            }
        }
        let dtype = self.dtype;
        let whole = format!("{}, {first}, {second}", self.batch);
        let axes = if by_columns { (2, 1) } else { (1, 2) };
        match repeated {
            false => Operand {
                array: array(dtype, &values, &[self.batch, first, second]),
                input: format!("{dtype}[{whole}]"),
                repeats: String::new(),
                axes,
            },
            true => Operand {
                array: array(dtype, &values, &[first, second]),
                input: format!("{dtype}[{first}, {second}]"),
                repeats: format!(
                    "%{}: {dtype}[{whole}] = broadcast{{shape=[{whole}], axes=[1, 2]}} %{which}",
                    which + 2
                ),
                axes,
            },
        }
    }

    /// The products of matrices of `number(operand, matrix, row, column)`.
    fn products(&self, number: impl Fn(usize, usize, usize, usize) -> f64) -> Vec<f64> {
        let (m, _, n) = self.size;
        let left = self.operand(0, &|b, i, j| number(0, b, i, j));
        let right = self.operand(1, &|b, i, j| number(1, b, i, j));
        let name = |which: usize, operand: &Operand| match operand.repeats.is_empty() {
            true => which,
            false => which + 2,
        };
        let dtype = self.dtype;
        let graph: Graph = format!(
            "graph(%0: {}, %1: {}) {{\n{}\n{}\n%9: {dtype}[{}, {m}, {n}] = \
             contract{{batch_left=[0], batch_right=[0], contract_left=[{}], contract_right=[{}]}} %{}, %{}\n\
             return %9\n}}",
            left.input,
            right.input,
            left.repeats,
            right.repeats,
            self.batch,
            left.axes.1,
            right.axes.0,
            name(0, &left),
            name(1, &right),
        )
        .parse()
        .unwrap();
        let program = compile(&graph, &CompileOptions::default()).unwrap();
        let inputs = vec![Input::Borrowed(&left.array), Input::Borrowed(&right.array)];
        let got = program.run(inputs).unwrap().remove(0);
        (0..got.ty().elements())
            .map(|i| got.get(i).as_f64())
            .collect()
    }

    /// The matrix of a batch that an operand has for product `b`.
    fn matrix(&self, which: usize, b: usize) -> usize {
        match [self.left, self.right][which] {
            Lies::ByRows | Lies::ByColumns => b,
            Lies::Repeated | Lies::RepeatedByColumns => 0,
        }
    }
}

/// Whole numbers whose products and sums are exact in both types.
fn whole(which: usize, b: usize, i: usize, j: usize) -> f64 {
    ((b * 131 + i * 37 + j * 17 + which * 5) % 23) as f64 - 11.0
}

/// Numbers of both signs whose products round.
fn rounding(which: usize, b: usize, i: usize, j: usize) -> f64 {
    let number = ((b * 7919 + i * 613 + j * 101 + which * 29 + 13) % 1009) as f64 / 504.5 - 1.0;
    f64::from(number as f32)
}

fn cases() -> impl Strategy<Value = Case> {
    // Sizes at the edges of registers and tiles, and none at all.
    let size = || {
        prop_oneof![
            4 => 0..10_usize,
            3 => 10..34_usize,
            2 => 34..67_usize,
            2 => prop::sample::select(vec![8, 16, 24, 32, 48, 64, 65]),
        ]
    };
    let lies = || {
        prop::sample::select(vec![
            Lies::ByRows,
            Lies::ByColumns,
            Lies::Repeated,
            Lies::RepeatedByColumns,
        ])
    };
    let dtype = prop::sample::select(vec![DType::F32, DType::F64]);
    (dtype, 0..4_usize, (size(), size(), size()), lies(), lies()).prop_map(
        |(dtype, batch, size, left, right)| Case {
            dtype,
            batch,
            size,
            left,
            right,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_size_and_layout(case in cases()) {
        let (m, k, n) = case.size;
        let got = case.products(whole);
        prop_assert_eq!(got.len(), case.batch * m * n);
        for (at, got) in got.into_iter().enumerate() {
            let (b, i, j) = (at / (m * n), at / n % m, at % n);
            let term = |l| whole(0, case.matrix(0, b), i, l) * whole(1, case.matrix(1, b), l, j);
            let wanted: f64 = (0..k).map(term).sum();
            prop_assert_eq!(got, wanted, "product {}, element ({}, {})", b, i, j);
        }
    }

    /// Products of at most 512 multiplications have the bits of plain loops with every instruction set,
    /// and larger ones are as exact as sums of rounded terms.
    #[test]
    fn small_products_are_plain_sums(case in cases()) {
        let (m, k, n) = case.size;
        let f32s = case.dtype == DType::F32;
        let round = |x: f64| if f32s { f64::from(x as f32) } else { x };
        for (at, got) in case.products(rounding).into_iter().enumerate() {
            let (b, i, j) = (at / (m * n), at / n % m, at % n);
            // A product of two numbers of f32 is exact in f64, and a sum rounded twice is rounded well.
            let (mut sum, mut size) = (0.0, 0.0);
            for l in 0..k {
                let (x, y) = (rounding(0, case.matrix(0, b), i, l), rounding(1, case.matrix(1, b), l, j));
                sum = round(sum + round(x * y));
                size += (x * y).abs();
            }
            if m * k * n <= 512 {
                prop_assert_eq!(got.to_bits(), sum.to_bits(), "product {}, element ({}, {})", b, i, j);
            } else {
                let epsilon = if f32s { f64::from(f32::EPSILON) } else { f64::EPSILON };
                let bound = epsilon * size * k as f64;
                prop_assert!((got - sum).abs() <= bound, "{} instead of {}", got, sum);
            }
        }
    }
}

/// Batches that several threads share.
fn batches() -> Vec<Case> {
    let mut all = Vec::new();
    for dtype in [DType::F32, DType::F64] {
        for (batch, size) in [
            (900, (8, 8, 8)),
            (150, (17, 9, 23)),
            (9, (64, 33, 64)),
            (1, (64, 64, 64)),
        ] {
            for right in [Lies::ByRows, Lies::ByColumns, Lies::RepeatedByColumns] {
                all.push(Case {
                    dtype,
                    batch,
                    size,
                    left: Lies::ByRows,
                    right,
                });
            }
        }
    }
    all
}

/// Prints the lines that [`threads_make_no_difference`] compares.
#[test]
fn bits_of_batches() {
    for case in batches() {
        let got = case.products(rounding);
        let mix = |all: u64, x: f64| {
            (all.rotate_left(5) ^ x.to_bits()).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        };
        println!("bits {case:?} {:x}", got.into_iter().fold(0, mix));
    }
}

#[test]
fn threads_make_no_difference() {
    let printed = |threads: &str| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "bits_of_batches", "--nocapture"]);
        let output = child.env("GRADUS_NUM_THREADS", threads).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<String> = text
            .lines()
            .filter(|l| l.contains("bits Case"))
            .map(str::to_string)
            .collect();
        assert_eq!(lines.len(), batches().len(), "{text}");
        lines
    };
    let alone = printed("1");
    assert_eq!(printed("2"), alone);
    assert_eq!(printed("5"), alone);
}
