//! Copies whose elements lie in another order: transposed, cut, joined and padded, of every width of elements.
//! Results are compared with loops over indices.

use gradus_cpu::{Array, CompileOptions, Input, compile};
use gradus_ir::primitives::{Layout, Padding, Resize, Slice};
use gradus_ir::{DType, Dims, Graph, Literal, Op, Type, ValueId};

/// An element type of each width.
const DTYPES: [DType; 5] = [DType::Bool, DType::BF16, DType::F32, DType::F64, DType::I64];

/// Element `i` of an array: small integers, which every type holds exactly.
fn number(dtype: DType, i: usize) -> i64 {
    let mixed = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    match dtype {
        DType::Bool => (mixed % 2) as i64,
        _ => (mixed % 201) as i64,
    }
}

/// An array of the numbers from `first` on.
fn array(dtype: DType, shape: &[usize], first: usize) -> Array {
    let n: usize = shape.iter().product();
    let bytes = (0..n).flat_map(|i| {
        let literal = Literal::from_i64(dtype, number(dtype, first + i)).to_ne_bytes();
        literal.into_iter().take(dtype.size())
    });
    let bytes: Vec<u8> = bytes.collect();
    Array::from_bytes(Type::new(dtype, shape), &bytes).unwrap()
}

/// The result of some operations, one after the other; each but the first has the result before as its operand.
fn run(ops: &[Op], operands: &[Array]) -> Array {
    let mut graph = Graph::new();
    let inputs = operands.iter().map(|a| graph.input(a.ty().clone()));
    let mut values: Vec<ValueId> = inputs.collect();
    for op in ops {
        values = vec![graph.add(op.clone(), &values).unwrap()];
    }
    graph.set_outputs(values);
    let program = compile(&graph, &CompileOptions::default()).unwrap();
    let inputs = operands.iter().map(Input::Borrowed).collect();
    program.run(inputs).unwrap().remove(0)
}

/// Compares each element with the one at the position in the operand that `source` gives for its index.
fn check(out: &Array, dtype: DType, what: &str, source: impl Fn(&[usize]) -> Option<usize>) {
    let shape = &out.ty().shape;
    let mut index = vec![0; shape.len()];
    for i in 0..out.ty().elements() {
        let mut rest = i;
        for k in (0..shape.len()).rev() {
            index[k] = rest % shape[k];
            rest /= shape[k];
        }
        let wanted = source(&index).map_or(0, |at| number(dtype, at));
        assert_eq!(out.get(i).as_i64(), wanted, "{what} {dtype:?}: {index:?}");
    }
}

/// All orders of `n` axes.
fn orders(n: usize) -> Vec<Vec<usize>> {
    match n {
        0 => vec![Vec::new()],
        _ => (orders(n - 1).iter())
            .flat_map(|order| {
                (0..n).map(move |at| {
                    let mut order = order.clone();
                    order.insert(at, n - 1);
                    order
                })
            })
            .collect(),
    }
}

fn permuted(order: &[usize]) -> Op {
    Op::Layout(Layout::Transpose(Dims::from_slice(order)))
}

/// The position in an array of this shape.
fn position(shape: &[usize], index: impl Iterator<Item = usize>) -> usize {
    shape.iter().zip(index).fold(0, |at, (n, i)| at * n + i)
}

/// Shapes with sizes around those of squares and blocks, and without elements.
const SHAPES: [&[usize]; 22] = [
    &[0, 5],
    &[7, 300],
    &[300, 3],
    &[8, 8],
    &[17, 33],
    &[64, 64],
    &[129, 257],
    &[300, 310],
    &[20, 0, 9],
    &[9, 31, 8],
    &[40, 50, 2],
    &[12, 17, 4],
    &[5, 300, 3],
    &[33, 1, 65],
    &[16, 16, 16],
    &[11, 70, 40],
    &[30, 70, 33],
    &[3, 5, 7, 9],
    &[8, 2, 64, 4],
    &[9, 17, 8, 3],
    &[1, 19, 1, 130],
    &[4, 33, 10, 16],
];

#[test]
fn axes_in_every_order() {
    for shape in SHAPES {
        for order in orders(shape.len()) {
            for dtype in DTYPES {
                let out = run(&[permuted(&order)], &[array(dtype, shape, 0)]);
                let place = |axis: usize| order.iter().position(|&o| o == axis).unwrap();
                check(&out, dtype, &format!("{shape:?} {order:?}"), |index| {
                    Some(position(shape, (0..shape.len()).map(|a| index[place(a)])))
                });
            }
        }
    }
}

/// Parts of an array, turned, backwards and with gaps: rows that do not begin at multiples of an element's width, and
/// rows that are nowhere adjacent.
#[test]
fn parts_in_every_order() {
    let shape = [21, 34, 27];
    for (by, back) in [
        ([1, 1, 1], None),
        ([2, 1, 1], Some(1)),
        ([1, 3, 1], Some(0)),
        ([1, 1, 2], None),
    ] {
        for ends in [[21, 34, 27], [20, 33, 10], [19, 30, 5], [21, 34, 3]] {
            for order in orders(3) {
                for dtype in DTYPES {
                    let slice = Slice {
                        start: Dims::from_slice(&[1, 2, 1]),
                        limit: Dims::from_slice(&ends),
                        stride: Dims::from_slice(&by),
                    };
                    let mut ops: Vec<Op> = vec![Op::Layout(Layout::from(slice))];
                    ops.extend(back.map(|a| Op::Layout(Layout::Reverse(Dims::from_slice(&[a])))));
                    ops.push(permuted(&order));
                    let out = run(&ops, &[array(dtype, &shape, 0)]);
                    let place = |axis: usize| order.iter().position(|&o| o == axis).unwrap();
                    check(
                        &out,
                        dtype,
                        &format!("{by:?} {ends:?} {order:?}"),
                        |index| {
                            Some(position(
                                &shape,
                                (0..3).map(|a| {
                                    let i = index[place(a)];
                                    let i = if back == Some(a) {
                                        out.ty().shape[place(a)] - 1 - i
                                    } else {
                                        i
                                    };
                                    [1, 2, 1][a] + i * by[a]
                                }),
                            ))
                        },
                    );
                }
            }
        }
    }
}

/// Columns side by side, as many as there are squares and not, and a wider part between them.
#[test]
fn columns_are_joined() {
    for rows in [0, 1, 7, 8, 65, 1000, 12_000] {
        for widths in [
            vec![1; 2],
            vec![1; 7],
            vec![1; 8],
            vec![1; 30],
            vec![2, 2, 1, 2, 2, 2],
            vec![3, 1, 1, 1, 0, 1, 1],
            vec![20, 1],
        ] {
            for dtype in DTYPES {
                let total: usize = widths.iter().sum();
                let begin = |k: usize| widths[..k].iter().sum::<usize>();
                let parts: Vec<Array> = (widths.iter().enumerate())
                    .map(|(k, &w)| array(dtype, &[rows, w], begin(k) * rows))
                    .collect();
                let out = run(&[Op::Resize(Resize::Concat(1))], &parts);
                assert_eq!(out.ty().shape.as_slice(), [rows, total]);
                check(&out, dtype, &format!("{rows} {widths:?}"), |index| {
                    let k = (0..widths.len()).rfind(|&k| begin(k) <= index[1] && widths[k] > 0);
                    let k = k.unwrap();
                    Some(begin(k) * rows + index[0] * widths[k] + index[1] - begin(k))
                });
            }
        }
    }
}

/// Few long arrays, whose bytes are cut into pieces.
#[test]
fn long_arrays_are_joined() {
    for lengths in [vec![150_000, 1, 110_001], vec![0, 300_000]] {
        for dtype in DTYPES {
            let begin = |k: usize| lengths[..k].iter().sum::<usize>();
            let parts: Vec<Array> = (lengths.iter().enumerate())
                .map(|(k, &n)| array(dtype, &[n], begin(k)))
                .collect();
            let out = run(&[Op::Resize(Resize::Concat(0))], &parts);
            check(&out, dtype, &format!("{lengths:?}"), |index| Some(index[0]));
        }
    }
}

/// Gaps of each length between rows of each kind.
#[test]
fn rows_are_padded() {
    for (low, high) in [(0, 1), (1, 0), (1, 1), (0, 2), (2, 1), (7, 9)] {
        for shape in [
            [0, 5],
            [3000, 1],
            [3000, 10],
            [500, 17],
            [3, 4000],
            [700, 0],
        ] {
            for dtype in DTYPES {
                let padding = Padding {
                    low: Dims::from_slice(&[1, low]),
                    high: Dims::from_slice(&[2, high]),
                    interior: Dims::from_slice(&[0, 0]),
                };
                let value = Array::from_bytes(Type::new(dtype, &[]), &vec![0; dtype.size()]);
                let operands = [array(dtype, &shape, 0), value.unwrap()];
                let out = run(&[Op::Resize(padding.into())], &operands);
                check(&out, dtype, &format!("{shape:?} {low} {high}"), |index| {
                    let (i, j) = (index[0].checked_sub(1)?, index[1].checked_sub(low)?);
                    (i < shape[0] && j < shape[1]).then(|| i * shape[1] + j)
                });
            }
        }
    }
}
