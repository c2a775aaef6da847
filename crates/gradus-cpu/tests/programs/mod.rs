//! Random programs, and inputs for them.

use gradus_cpu::Array;
use gradus_ir::primitives::{
    Binary, Compare, Contract, CumSum, Dynamic, Gather, Layout, Op, Padding, Probe, Reduce,
    ReduceKind, Resize, Select, Slice, Sort, Unary,
};
use gradus_ir::{DType, Dims, Graph, Literal, Type, ValueId, bf16};

/// Decisions, taken one after the other; when they run out, zeros.
pub struct Choices<'a>(pub std::slice::Iter<'a, u32>);

impl Choices<'_> {
    /// One of `n` numbers from 0 on.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.next().copied().unwrap_or(0) as usize % n.max(1)
    }
}

/// What a random program is made of.
pub struct Range {
    /// The shapes of its inputs.
    shapes: &'static [&'static [usize]],
    /// The kinds of its operations; see `extend`.
    kinds: &'static [usize],
}

/// All operations, on arrays of many sizes.
#[allow(dead_code, reason = "not every test needs it")]
pub const ANY: Range = Range {
    shapes: &[
        &[],
        &[1],
        &[7],
        &[0],
        &[5, 3],
        &[3, 5],
        &[2, 4, 3],
        &[70, 33],
        &[1, 300],
    ],
    kinds: &[
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
    ],
};

/// Operations that native code has, on few numbers.
#[allow(dead_code, reason = "not every test needs it")]
pub const FEW: Range = Range {
    shapes: &[&[], &[1], &[2], &[3], &[2, 3], &[3, 1], &[2, 2, 2], &[40]],
    kinds: &[
        0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 23,
    ],
};

/// Operations of loop nests, and some beside them, on arrays with more elements than vectors and tiles.
#[allow(dead_code, reason = "not every test needs it")]
pub const LONG: Range = Range {
    shapes: &[
        &[],
        &[67],
        &[64],
        &[1500],
        &[4, 1030],
        &[70, 33],
        &[33, 1],
        &[2, 9, 5],
    ],
    kinds: &[
        0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 22, 23,
    ],
};

/// Arrays of more elements get no further operations, and products need no more multiplications:
/// a chance row of products and paddings would take the reference engine hours.
const LARGEST_ARRAY: usize = 1 << 18;
const LARGEST_PRODUCT: usize = 1 << 28;

/// A program over floats, whose values stay small.
pub fn program_of(range: &Range, dtype: DType, choices: &mut Choices<'_>) -> Graph {
    let mut g = Graph::new();
    let mut values: Vec<ValueId> = (0..1 + choices.below(3))
        .map(|_| {
            g.input(Type::new(
                dtype,
                range.shapes[choices.below(range.shapes.len())],
            ))
        })
        .collect();
    for _ in 0..4 + choices.below(24) {
        if let Some(v) = extend(&mut g, &values, range, choices) {
            values.push(v);
        }
    }
    let outputs = (0..1 + choices.below(3))
        .map(|_| values[values.len() - 1 - choices.below(values.len().min(4))]);
    let outputs = outputs.collect();
    g.set_outputs(outputs);
    g
}

/// What an operation may take: two values of one type, and an axis of them.
struct Operands {
    x: ValueId,
    y: ValueId,
    ty: Type,
    axis: usize,
}

fn dims(d: &[usize]) -> Dims {
    Dims::from_slice(d)
}

/// One more operation on values that are there.
fn extend(
    g: &mut Graph,
    values: &[ValueId],
    range: &Range,
    choices: &mut Choices<'_>,
) -> Option<ValueId> {
    // Mostly on recent ones, so that chains arise.
    let back = choices.below(values.len().min(5));
    let x = values[values.len() - 1 - back];
    let ty = g.ty(x).clone();
    if ty.elements() > LARGEST_ARRAY {
        return None;
    }
    let same: Vec<ValueId> = values.iter().copied().filter(|&v| *g.ty(v) == ty).collect();
    let y = same[choices.below(same.len())];
    let axis = choices.below(ty.rank());
    let on = Operands { x, y, ty, axis };
    match range.kinds[choices.below(range.kinds.len())] {
        kind @ (0..=6 | 18..=20 | 22..=23) => elementwise(g, &on, kind, choices),
        kind @ (7 | 8 | 16 | 24) => along_axes(g, &on, kind, choices),
        kind @ 9..=15 => rearranged(g, &on, kind, choices),
        kind => indexed(g, &on, kind, choices),
    }
}

/// Functions of each element.
fn elementwise(
    g: &mut Graph,
    on: &Operands,
    kind: usize,
    choices: &mut Choices<'_>,
) -> Option<ValueId> {
    let Operands { x, y, ty, .. } = on;
    let (x, y) = (*x, *y);
    let op = match kind {
        0 | 1 => {
            const CALM: [Unary; 7] = [
                Unary::Sin,
                Unary::Cos,
                Unary::Tanh,
                Unary::Neg,
                Unary::Abs,
                Unary::Sigmoid,
                Unary::Erf,
            ];
            let function = CALM[choices.below(CALM.len())];
            // A sum may be large, and the sine of a large number shows its last places.
            let x = match function {
                Unary::Sin | Unary::Cos => g.emit(Op::Unary(Unary::Tanh), &[x]),
                _ => x,
            };
            return Some(g.emit(Op::Unary(function), &[x]));
        }
        2..=4 => {
            const PAIRS: [Binary; 4] = [Binary::Add, Binary::Sub, Binary::Max, Binary::Min];
            return Some(g.emit(Op::Binary(PAIRS[choices.below(PAIRS.len())]), &[x, y]));
        }
        5 => {
            let calm = g.emit(Op::Unary(Unary::Tanh), &[y]);
            return Some(g.emit(Op::Binary(Binary::Mul), &[x, calm]));
        }
        6 => {
            let p = g.emit(Op::Compare(Compare::Lt), &[x, y]);
            return Some(g.emit(Op::Select(Select), &[p, y, x]));
        }
        18 => {
            // Functions with parameters, and those around gamma, of numbers that are neither small nor large.
            let calm = g.emit(Op::Unary(Unary::Tanh), &[x]);
            let calm = g.emit(Op::Unary(Unary::Exp), &[calm]);
            const EXPONENTS: [i32; 6] = [3, 4, 7, -2, -3, -5];
            let e = EXPONENTS[choices.below(EXPONENTS.len())];
            const ORDERS: [u32; 3] = [1, 2, 5];
            let function = match choices.below(4) {
                0 => Unary::Lgamma,
                1 => Unary::Digamma,
                2 => Unary::Polygamma(ORDERS[choices.below(ORDERS.len())]),
                _ => Unary::PowI(e),
            };
            let power = g.emit(Op::Unary(function), &[calm]);
            return Some(g.emit(Op::Unary(Unary::Tanh), &[power]));
        }
        19 => {
            let other = match ty.dtype {
                DType::F64 => DType::F32,
                DType::BF16 => [DType::F32, DType::F64][choices.below(2)],
                _ => DType::F64,
            };
            let there = g.emit(Op::Cast(other), &[x]);
            let changed = g.emit(Op::Unary(Unary::Erf), &[there]);
            return Some(g.emit(Op::Cast(ty.dtype), &[changed]));
        }
        20 => Op::Unary(Unary::StopGradient),
        22 => Op::Probe(Probe { id: 0 }),
        23 => {
            // Takes an input, because its bits are the same everywhere:
            // rounding cannot decide on which side of a step it is.
            let input = g.inputs()[choices.below(g.inputs().len())];
            return Some(g.emit(Op::Unary(Unary::Floor), &[input]));
        }
        _ => return None,
    };
    Some(g.emit(op, &[x]))
}

/// Reductions, running sums, sorted lines, products.
fn along_axes(
    g: &mut Graph,
    on: &Operands,
    kind: usize,
    choices: &mut Choices<'_>,
) -> Option<ValueId> {
    let Operands { x, y, ty, axis } = on;
    let (x, y, axis, rank) = (*x, *y, *axis, ty.rank());
    let op = match kind {
        7 if rank > 0 => {
            const KINDS: [ReduceKind; 3] = [ReduceKind::Sum, ReduceKind::Max, ReduceKind::Min];
            let kind = KINDS[choices.below(KINDS.len())];
            let axes: Dims = match choices.below(3) {
                0 => (0..rank).collect(),
                1 if rank == 3 => dims(&[0, 2]),
                _ => dims(&[axis]),
            };
            if kind != ReduceKind::Sum && axes.iter().any(|&a| ty.shape[a] == 0) {
                return None;
            }
            Op::Reduce(Reduce { kind, axes })
        }
        8 if rank > 0 => Op::CumSum(CumSum {
            axis,
            reverse: choices.below(2) == 1,
        }),
        16 if rank == 2 => {
            // A product with itself transposed, kept small.
            let calm = g.emit(Op::Unary(Unary::Tanh), &[x]);
            let c = choices.below(2);
            if ty.elements() * ty.shape[1 - c] > LARGEST_PRODUCT {
                return None;
            }
            let op = Contract {
                contract_left: dims(&[c]),
                contract_right: dims(&[c]),
                ..Contract::default()
            };
            let product = g.emit(Op::Contract(op.into()), &[calm, y]);
            return Some(g.emit(Op::Unary(Unary::Tanh), &[product]));
        }
        24 if rank > 0 => {
            let n = ty.shape[axis];
            let sort = Sort {
                axis,
                descending: choices.below(2) == 1,
                count: if choices.below(2) == 0 {
                    n
                } else {
                    choices.below(n + 1)
                },
            };
            // Not the indices: rounding may exchange elements that are nearly equal.
            return Some(g.emit_all(Op::Sort(sort), &[x])[0]);
        }
        _ => return None,
    };
    Some(g.emit(op, &[x]))
}

/// Operations that move elements or put arrays together.
fn rearranged(
    g: &mut Graph,
    on: &Operands,
    kind: usize,
    choices: &mut Choices<'_>,
) -> Option<ValueId> {
    let Operands { x, y, ty, axis } = on;
    let (x, y, axis, rank) = (*x, *y, *axis, ty.rank());
    let op = match kind {
        9 if rank > 1 => {
            let mut order: Dims = (0..rank).collect();
            order.rotate_left(1 + choices.below(rank - 1));
            Op::Layout(Layout::Transpose(order))
        }
        10 if rank > 0 => Op::Layout(Layout::Reverse(dims(&[axis]))),
        11 if rank > 0 && ty.shape[axis] > 1 => {
            let mut start = Dims::from_elem(0, rank);
            let mut stride = Dims::from_elem(1, rank);
            start[axis] = choices.below(ty.shape[axis]);
            stride[axis] = 1 + choices.below(2);
            let slice = Slice {
                start,
                limit: ty.shape.clone(),
                stride,
            };
            Op::Layout(slice.into())
        }
        12 => Op::Layout(Layout::Reshape(dims(&[ty.elements()]))),
        13 if rank < 3 => {
            let mut shape = ty.shape.clone();
            let at = choices.below(rank + 1);
            shape.insert(at, 1 + choices.below(4));
            let axes: Dims = (0..=rank).filter(|&a| a != at).collect();
            Op::Layout(Layout::Broadcast { shape, axes })
        }
        14 if rank > 0 => return Some(g.emit(Op::Resize(Resize::Concat(axis)), &[x, y])),
        15 if rank > 0 => {
            let fill = g.constant(Literal::from_f64(ty.dtype, 0.5), &[]);
            let mut widths = [
                Dims::from_elem(0, rank),
                Dims::from_elem(0, rank),
                Dims::from_elem(0, rank),
            ];
            for w in &mut widths {
                w[axis] = choices.below(3);
            }
            let [low, high, interior] = widths;
            let padding = Padding {
                low,
                high,
                interior,
            };
            return Some(g.emit(Op::Resize(padding.into()), &[x, fill]));
        }
        _ => return None,
    };
    Some(g.emit(op, &[x]))
}

/// Operations at computed indices.
fn indexed(
    g: &mut Graph,
    on: &Operands,
    kind: usize,
    choices: &mut Choices<'_>,
) -> Option<ValueId> {
    let Operands { x, y, ty, axis } = on;
    let (x, y, axis, rank) = (*x, *y, *axis, ty.rank());
    match kind {
        17 if rank > 0 && ty.shape[axis] > 0 => {
            let n = ty.shape[axis];
            let places = g.iota(Type::new(DType::I64, &[n]), 0);
            if choices.below(2) == 0 {
                let back = g.emit(Op::Layout(Layout::Reverse(dims(&[0]))), &[places]);
                return Some(g.emit(Op::Gather(Gather::Take { batch: 0, axis }), &[x, back]));
            }
            if choices.below(2) == 0 {
                let op = Op::Gather(Gather::ScatterAdd { batch: 0, axis });
                return Some(g.emit(op, &[x, places, y]));
            }
            let starts = g.constant(Literal::from_i64(DType::I64, 0), &[rank]);
            Some(g.emit(Op::Dynamic(Dynamic::Update), &[x, y, starts]))
        }
        21 if rank > 0 => {
            let starts = g.constant(Literal::from_i64(DType::I64, 0), &[rank]);
            let mut sizes = ty.shape.clone();
            sizes[axis] = choices.below(sizes[axis] + 1);
            Some(g.emit(Op::Dynamic(Dynamic::Slice { sizes }), &[x, starts]))
        }
        _ => None,
    }
}

/// Numbers without a pattern between -2 and 2.
pub fn input(ty: &Type, k: usize) -> Array {
    let values: Vec<f64> = (0..ty.elements())
        .map(|i| (((i + 1) * (7 + 3 * k)) as f64 * 0.618_033_988_75).fract() * 4.0 - 2.0)
        .collect();
    match ty.dtype {
        DType::F64 => Array::from_slice(&values, &ty.shape),
        DType::BF16 => Array::from_slice(
            &values
                .iter()
                .map(|&v| bf16::from_f64(v))
                .collect::<Vec<_>>(),
            &ty.shape,
        ),
        _ => Array::from_slice(
            &values.iter().map(|&v| v as f32).collect::<Vec<_>>(),
            &ty.shape,
        ),
    }
    .unwrap()
}
