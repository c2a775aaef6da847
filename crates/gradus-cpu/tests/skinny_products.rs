//! Products with few rows, few columns or few numbers to sum, in every layout,
//! against sums in twice the precision of f64.
//!
//! `.ci/run` tests them with `GRADUS_ISA=avx2` and `portable` too.

use gradus_cpu::{Array, CompileOptions, Input, compile};
use gradus_ir::{DType, Graph};

/// The layout of an operand: as requested, or as the transpose of the given array.
#[derive(Clone, Copy, Debug)]
enum Lies {
    ByRows,
    ByColumns,
}

/// Numbers of both signs, without equal neighbours.
fn number(i: usize, seed: usize) -> f64 {
    ((i * 7919 + seed * 104_729 + 13) % 1009) as f64 / 504.5 - 1.0
}

fn array(dtype: DType, rows: usize, columns: usize, lies: Lies, seed: usize) -> Array {
    let shape = match lies {
        Lies::ByRows => [rows, columns],
        Lies::ByColumns => [columns, rows],
    };
    let value = |at: usize| match lies {
        Lies::ByRows => number(at, seed),
        Lies::ByColumns => number(at % rows * columns + at / rows, seed),
    };
    match dtype {
        DType::F32 => {
            let all: Vec<f32> = (0..rows * columns).map(|i| value(i) as f32).collect();
            Array::from_slice(&all, &shape).unwrap()
        }
        _ => {
            let all: Vec<f64> = (0..rows * columns).map(value).collect();
            Array::from_slice(&all, &shape).unwrap()
        }
    }
}

fn check(dtype: DType, (m, k, n): (usize, usize, usize), left: Lies, right: Lies) {
    let (shape_left, sum_left) = match left {
        Lies::ByRows => (format!("{m}, {k}"), 1),
        Lies::ByColumns => (format!("{k}, {m}"), 0),
    };
    let (shape_right, sum_right) = match right {
        Lies::ByRows => (format!("{k}, {n}"), 0),
        Lies::ByColumns => (format!("{n}, {k}"), 1),
    };
    let graph: Graph = format!(
        "graph(%0: {dtype}[{shape_left}], %1: {dtype}[{shape_right}]) {{
            %2: {dtype}[{m}, {n}] = contract{{batch_left=[], batch_right=[], contract_left=[{sum_left}], contract_right=[{sum_right}]}} %0, %1
            return %2
        }}"
    )
    .parse()
    .unwrap();
    let program = compile(&graph, &CompileOptions::default()).unwrap();
    let (a, b) = (array(dtype, m, k, left, 1), array(dtype, k, n, right, 2));
    let got = program
        .run(vec![Input::Borrowed(&a), Input::Borrowed(&b)])
        .unwrap()
        .remove(0);
    // In f32 the operands differ slightly from the numbers from which they were made.
    let round = |x: f64| {
        if dtype == DType::F32 {
            f64::from(x as f32)
        } else {
            x
        }
    };
    let epsilon = if dtype == DType::F32 {
        f64::from(f32::EPSILON)
    } else {
        f64::EPSILON
    };
    // Large results are sampled; the samples meet every position of a tile.
    let step = (m * n / 120).max(1);
    for at in (0..m * n).step_by(step).chain([m * n - 1]) {
        let (i, j) = (at / n, at % n);
        // In f64 with the rounding error of each product and each addition (Ogita, Rump and Oishi's Dot2).
        let (mut sum, mut lost, mut size) = (0.0_f64, 0.0, 0.0);
        for l in 0..k {
            let (x, y) = (round(number(i * k + l, 1)), round(number(l * n + j, 2)));
            let term = x * y;
            let next = sum + term;
            let back = next - sum;
            lost += (sum - (next - back)) + (term - back) + x.mul_add(y, -term);
            sum = next;
            size += term.abs();
        }
        let sum = sum + lost;
        // A sum in parts of 64 terms rounds less than this.
        // A plain sum, as the library computes for a vector, rounds about as much.
        let bound = epsilon * size * 16.0;
        let value = got.get(at).as_f64();
        assert!(
            (value - sum).abs() <= bound,
            "{dtype} [{m}, {k}] {left:?} by [{k}, {n}] {right:?}, element ({i}, {j}): {value} instead of {sum}"
        );
    }
}

fn check_layouts(sizes: (usize, usize, usize)) {
    for dtype in [DType::F32, DType::F64] {
        for left in [Lies::ByRows, Lies::ByColumns] {
            for right in [Lies::ByRows, Lies::ByColumns] {
                check(dtype, sizes, left, right);
            }
        }
    }
}

#[test]
fn few_rows_or_columns_at_the_edges_of_groups() {
    for few in (1..=14).chain([19, 20, 21, 24, 25, 33]) {
        check_layouts((few, 131, 390));
        check_layouts((390, 131, few));
    }
}

#[test]
fn sums_at_the_edges_of_depths_and_lanes() {
    for k in [
        1, 3, 31, 32, 33, 63, 64, 65, 67, 72, 79, 80, 81, 128, 129, 193, 255, 257, 512, 513, 1030,
    ] {
        check_layouts((5, k, 50_000_usize.div_ceil(k).max(130)));
        check_layouts((130, k, 5));
        check_layouts((9_000_usize.div_ceil(k).max(33), k, 10));
    }
}

/// At the edges of tiles of rows or columns.
const MANY: [usize; 19] = [
    33, 47, 48, 49, 63, 64, 65, 95, 96, 97, 127, 128, 129, 191, 192, 193, 255, 256, 257,
];
const FEW: [usize; 5] = [2, 3, 5, 8, 20];

#[test]
fn columns_at_the_edges_of_tiles() {
    for many in MANY {
        for few in FEW {
            check_layouts((few, 1600, many));
        }
    }
}

#[test]
fn rows_at_the_edges_of_tiles() {
    for many in MANY {
        for few in FEW {
            check_layouts((many, 1600, few));
        }
    }
}

#[test]
fn large_enough_for_several_pieces() {
    check_layouts((20, 1003, 1009));
    check_layouts((1009, 1003, 3));
    check_layouts((1, 2100, 2003));
    check_layouts((2003, 2100, 1));
}

#[test]
fn one_row_by_a_large_matrix() {
    // Rows of the matrix are read eight, four, two and one at a time, in pieces of some thousand columns.
    for k in [65, 77, 130, 191] {
        for n in [1029, 2047, 2049, 4101] {
            check_layouts((1, k, n));
        }
    }
}

#[test]
fn a_large_result_of_short_sums() {
    // Stored past the caches, in f32 and f64, with and without rows that begin at cache lines.
    for (m, n) in [(1500, 1600), (1499, 1608), (1501, 1603)] {
        check_layouts((m, 20, n));
    }
    check_layouts((1500, 64, 1600));
    check_layouts((1500, 1, 1600));
}

#[test]
fn a_large_result_of_empty_sums_is_zero() {
    // Memory with other contents from before.
    drop(Array::from_slice(&vec![1.0_f64; 1500 * 1600], &[1500, 1600]).unwrap());
    drop(Array::from_slice(&vec![1.0_f32; 1500 * 1600], &[1500, 1600]).unwrap());
    check_layouts((1500, 0, 1600));
}
