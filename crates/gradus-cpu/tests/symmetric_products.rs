//! Products that the graph marks as symmetric, in every layout, against the same product computed as a whole.

use gradus_cpu::{Array, CompileOptions, Input, compile};
use gradus_ir::{DType, Graph, Literal, Type};

/// `x` weighted along the summed axis, times `x`; axis `c` of both is summed.
fn program(dtype: DType, shape: [usize; 2], c: usize, turned: [bool; 2], symmetric: bool) -> Graph {
    let [rows, columns] = shape;
    let k = shape[c];
    let n = shape[1 - c];
    // A turned operand is given as its transpose.
    let operand = |x: &str, name: usize, turned: bool| match turned {
        false => (String::new(), x.to_owned(), c),
        true => (
            format!(
                "  %{name}: {dtype}[{columns}, {rows}] = transpose{{permutation=[1, 0]}} {x}\n"
            ),
            format!("%{name}"),
            1 - c,
        ),
    };
    let (first, left, cl) = operand("%3", 4, turned[0]);
    let (second, right, cr) = operand("%0", 5, turned[1]);
    let marked = if symmetric { ", symmetric=1" } else { "" };
    format!(
        "graph(%0: {dtype}[{rows}, {columns}], %1: {dtype}[{k}]) {{
  %2: {dtype}[{rows}, {columns}] = broadcast{{shape=[{rows}, {columns}], axes=[{c}]}} %1
  %3: {dtype}[{rows}, {columns}] = mul %0, %2
{first}{second}  %6: {dtype}[{n}, {n}] = contract{{batch_left=[], batch_right=[], contract_left=[{cl}], contract_right=[{cr}]{marked}}} {left}, {right}
  return %6
}}
"
    )
    .parse()
    .unwrap()
}

fn array(dtype: DType, shape: &[usize], seed: usize) -> Array {
    let numbers = (0..shape.iter().product()).map(|i: usize| {
        let n: usize = (i * 7919 + seed * 104_729 + 13) % 1009;
        n as f64 / 504.5 - 1.0
    });
    let bytes = numbers.flat_map(|v| {
        let literal = Literal::from_f64(dtype, v).to_ne_bytes();
        literal.into_iter().take(dtype.size())
    });
    Array::from_bytes(Type::new(dtype, shape), &bytes.collect::<Vec<u8>>()).unwrap()
}

fn result(graph: &Graph, inputs: [&Array; 2]) -> Vec<f64> {
    let program = compile(graph, &CompileOptions::default()).unwrap();
    let all = program.run(inputs.map(Input::Borrowed).into()).unwrap();
    let elements = 0..all[0].ty().elements();
    elements.map(|i| all[0].get(i).as_f64()).collect()
}

#[test]
fn half_is_computed_and_all_is_there() {
    for dtype in [DType::BF16, DType::F32, DType::F64] {
        for (n, k) in [
            (1, 3),
            (63, 40),
            (64, 16),
            (65, 20),
            (100, 64),
            (128, 300),
            (131, 17),
            (200, 200),
            (333, 90),
        ] {
            for c in [0, 1] {
                let shape = if c == 0 { [k, n] } else { [n, k] };
                for turned in [[false, false], [true, false], [false, true], [true, true]] {
                    let (x, d) = (array(dtype, &shape, 1), array(dtype, &[k], 2));
                    let [half, whole] = [true, false].map(|symmetric| {
                        result(&program(dtype, shape, c, turned, symmetric), [&x, &d])
                    });
                    let epsilon = dtype.float().unwrap().epsilon();
                    for i in 0..n {
                        for j in 0..n {
                            let (a, b) = (half[i * n + j], whole[i * n + j]);
                            // Each is a sum of k numbers below 1, in another order.
                            assert!(
                                (a - b).abs() <= k as f64 * epsilon,
                                "{dtype} {n} {k} {c} {turned:?}: {i} {j}: {a} {b}"
                            );
                        }
                    }
                    if n >= 64 {
                        let symmetric = (0..n * n).all(|at| half[at] == half[at % n * n + at / n]);
                        assert!(symmetric, "{dtype} {n} {k} {c} {turned:?}");
                    }
                }
            }
        }
    }
}

/// The counted operations equal the graph's.
#[test]
fn operations_are_half_of_the_product() {
    let graph = program(DType::F64, [30, 100], 0, [false, false], true);
    let program = compile(&graph, &CompileOptions::default()).unwrap();
    let (x, d) = (
        array(DType::F64, &[30, 100], 1),
        array(DType::F64, &[30], 2),
    );
    let (_, counts) = program
        .run_counted([&x, &d].map(Input::Borrowed).into())
        .unwrap();
    // The product, and its weighted operand.
    assert_eq!(counts.operations, 100 * 101 * 30 + 100 * 30);
    assert_eq!(gradus_ir::total_cost(&graph).operations, counts.operations);
}

#[test]
fn what_cannot_be_a_symmetric_matrix_is_refused() {
    let text = "graph(%0: f64[3, 4], %1: f64[4, 5]) {
  %2: f64[3, 5] = contract{batch_left=[], batch_right=[], contract_left=[1], contract_right=[0], symmetric=1} %0, %1
  return %2
}
";
    let error = text.parse::<Graph>().unwrap_err().to_string();
    assert!(
        error.contains(
            "contract: 1 products of 3 rows and 5 columns cannot be one symmetric matrix"
        ),
        "{error}"
    );
}
