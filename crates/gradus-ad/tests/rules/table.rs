//! One row per primitive and shape: the range of its operands, and the tolerance of differences.

use gradus_ir::primitives::{
    ArgReduce, Binary, Compare, Contract, CumSum, Dynamic, Gather, Layout, Padding, Place, Probe,
    Reduce, ReduceKind, Resize, Select, Slice, Sort, Unary,
};
use gradus_ir::{DType, Dims, LONGEST, Op, Type};

/// The source of an operand's elements.
#[derive(Clone, Copy, Debug)]
pub enum Sample {
    /// Uniformly from an interval.
    Between(f64, f64),
    /// From an interval, with distances larger than the step of the differences,
    /// for functions that compare elements.
    Distinct(f64, f64),
    /// Integers from `0..n`.
    Below(i64),
}

#[derive(Clone, Debug)]
pub struct Row {
    pub op: Op,
    pub operands: Vec<(Type, Sample)>,
    /// The allowed difference from a central difference, relative to the larger of the numbers and 1.
    pub tolerance: f64,
}

use Sample::{Below, Between, Distinct};

/// Central differences of step 1e-5 are right to about 1e-9 for smooth functions with derivatives near 1.
const SMOOTH: f64 = 2e-7;

fn f64s(shape: &[usize]) -> Type {
    Type::new(DType::F64, shape)
}

fn i64s(shape: &[usize]) -> Type {
    Type::new(DType::I64, shape)
}

fn bools(shape: &[usize]) -> Type {
    Type::new(DType::Bool, shape)
}

fn d(dims: &[usize]) -> Dims {
    Dims::from_slice(dims)
}

fn row(op: Op, operands: &[(Type, Sample)]) -> Row {
    Row {
        op,
        operands: operands.to_vec(),
        tolerance: SMOOTH,
    }
}

fn unary_range(u: Unary) -> (f64, f64) {
    match u {
        Unary::Sqrt | Unary::Rsqrt | Unary::Cbrt => (0.3, 3.0),
        Unary::Log | Unary::Log2 | Unary::Log10 => (0.3, 3.0),
        Unary::Log1p => (-0.6, 3.0),
        Unary::Asin | Unary::Acos | Unary::Atanh | Unary::ErfInv => (-0.8, 0.8),
        Unary::Acosh => (1.3, 3.0),
        Unary::Lgamma | Unary::Digamma | Unary::Polygamma(_) => (0.8, 3.0),
        Unary::Tan => (-1.1, 1.1),
        // Away from the jumps.
        Unary::Floor | Unary::Ceil | Unary::Trunc => (1.1, 1.9),
        Unary::Round => (0.6, 1.4),
        Unary::Sign | Unary::Abs => (-2.0, -0.2),
        Unary::Neg | Unary::StopGradient | Unary::IsFinite | Unary::PowI(_) => (-2.0, 2.0),
        Unary::Exp | Unary::Exp2 | Unary::Expm1 => (-2.0, 2.0),
        Unary::Sin | Unary::Cos | Unary::Atan => (-2.0, 2.0),
        Unary::Sinh | Unary::Cosh | Unary::Tanh | Unary::Asinh => (-2.0, 2.0),
        Unary::Sigmoid | Unary::Silu | Unary::Gelu | Unary::GeluTanh => (-2.0, 2.0),
        Unary::Erf | Unary::Erfc => (-2.0, 2.0),
        // Integers only, see below.
        Unary::Not => (0.0, 0.0),
    }
}

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for shape in [&[4][..], &[], &[2, 0]] {
        for u in Unary::ALL {
            let (low, high) = unary_range(u);
            let operand = match u {
                Unary::Not => (i64s(shape), Below(5)),
                _ => (f64s(shape), Between(low, high)),
            };
            rows.push(row(Op::Unary(u), &[operand]));
        }
    }
    for n in [-3, -1, 0, 1, 2, 5] {
        rows.push(row(
            Op::Unary(Unary::PowI(n)),
            &[(f64s(&[3]), Between(0.5, 2.0))],
        ));
    }
    for n in [1, 3, 4] {
        rows.push(row(
            Op::Unary(Unary::Polygamma(n)),
            &[(f64s(&[3]), Between(1.0, 3.0))],
        ));
    }
    for b in Binary::ALL {
        let operands = match b {
            Binary::And | Binary::Or | Binary::Xor | Binary::Shl | Binary::Shr => {
                [(i64s(&[3]), Below(9)), (i64s(&[3]), Below(9))]
            }
            Binary::Pow | Binary::Div => [
                (f64s(&[2, 3]), Between(0.5, 2.0)),
                (f64s(&[2, 3]), Between(0.5, 2.0)),
            ],
            // The quotient stays between two integers.
            Binary::Rem => [
                (f64s(&[3]), Between(2.2, 2.8)),
                (f64s(&[3]), Between(0.95, 1.05)),
            ],
            Binary::Max | Binary::Min => [
                (f64s(&[5]), Distinct(-1.0, 1.0)),
                (f64s(&[5]), Distinct(-0.9, 1.1)),
            ],
            Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Atan2
            | Binary::Hypot
            | Binary::LogAddExp => [
                (f64s(&[2, 3]), Between(-2.0, 2.0)),
                (f64s(&[2, 3]), Between(0.2, 2.0)),
            ],
        };
        rows.push(row(Op::Binary(b), &operands));
    }
    for c in Compare::ALL {
        let operand = (f64s(&[4]), Distinct(-1.0, 1.0));
        rows.push(row(Op::Compare(c), &[operand.clone(), operand]));
    }
    rows.push(row(
        Op::Cast(DType::F64),
        &[(Type::new(DType::F64, &[3]), Between(-1.0, 1.0))],
    ));
    rows.push(row(
        Op::Cast(DType::I64),
        &[(f64s(&[3]), Between(1.1, 1.9))],
    ));
    let any = |shape: &[usize]| (f64s(shape), Between(-1.0, 1.0));
    rows.push(row(
        Op::Select(Select),
        &[(bools(&[2, 3]), Below(2)), any(&[2, 3]), any(&[2, 3])],
    ));
    layouts(&mut rows, &any);
    resizes(&mut rows, &any);
    indexing(&mut rows, &any);
    reductions(&mut rows, &any);
    contractions(&mut rows, &any);
    rows
}

type Any<'a> = &'a dyn Fn(&[usize]) -> (Type, Sample);

fn layouts(rows: &mut Vec<Row>, any: Any<'_>) {
    let mut push = |layout: Layout, shape: &[usize]| {
        rows.push(row(Op::Layout(layout), &[any(shape)]));
    };
    for (from, shape, axes) in [
        (&[3][..], &[2, 3][..], &[1][..]),
        (&[3], &[3, 2], &[0]),
        (&[], &[2, 2], &[]),
        (&[1, 3], &[4, 3], &[0, 1]),
        (&[2, 1], &[2, 3, 4], &[0, 2]),
        (&[0], &[2, 0], &[1]),
    ] {
        push(
            Layout::Broadcast {
                shape: d(shape),
                axes: d(axes),
            },
            from,
        );
    }
    push(Layout::Reshape(d(&[3, 2])), &[2, 3]);
    push(Layout::Reshape(d(&[])), &[1, 1]);
    push(Layout::Transpose(d(&[2, 0, 1])), &[2, 3, 4]);
    push(Layout::Reverse(d(&[0, 2])), &[2, 3, 4]);
    for (shape, start, limit, stride) in [
        (&[5][..], &[1][..], &[4][..], &[1][..]),
        (&[7], &[1], &[7], &[3]),
        (&[3, 4], &[0, 1], &[3, 3], &[2, 1]),
        (&[3], &[2], &[2], &[1]),
        // A step that is never taken can be longer than any axis.
        (&[3], &[1], &[3], &[LONGEST]),
        (&[4, 3], &[0, 2], &[4, 3], &[3, LONGEST]),
    ] {
        push(
            Layout::from(Slice {
                start: d(start),
                limit: d(limit),
                stride: d(stride),
            }),
            shape,
        );
    }
}

fn resizes(rows: &mut Vec<Row>, any: Any<'_>) {
    let pad = |low: &[usize], high: &[usize], interior: &[usize]| {
        let (low, high, interior) = (d(low), d(high), d(interior));
        let padding = Padding {
            low,
            high,
            interior,
        };
        Op::Resize(padding.into())
    };
    rows.push(row(
        pad(&[1, 0], &[0, 2], &[0, 1]),
        &[any(&[2, 3]), any(&[])],
    ));
    rows.push(row(pad(&[2], &[1], &[2]), &[any(&[0]), any(&[])]));
    // Gaps between neighbours can exceed memory if there are no neighbours.
    rows.push(row(
        pad(&[0, 1], &[2, 0], &[LONGEST - 1, 1]),
        &[any(&[1, 2]), any(&[])],
    ));
    rows.push(row(
        Op::Resize(Resize::Concat(0)),
        &[any(&[2]), any(&[0]), any(&[3])],
    ));
    rows.push(row(
        Op::Resize(Resize::Concat(1)),
        &[any(&[2, 1]), any(&[2, 3])],
    ));
    let add = |start: &[usize], stride: &[usize]| {
        let (start, stride) = (d(start), d(stride));
        Op::Resize(Place { start, stride }.into())
    };
    rows.push(row(add(&[1, 0], &[1, 2]), &[any(&[3, 4]), any(&[2, 2])]));
    rows.push(row(add(&[0], &[1]), &[any(&[3]), any(&[1])]));
    rows.push(row(
        add(&[2, 0], &[LONGEST, 2]),
        &[any(&[3, 3]), any(&[1, 2])],
    ));
}

fn indexing(rows: &mut Vec<Row>, any: Any<'_>) {
    let take = |batch, axis| Op::Gather(Gather::Take { batch, axis });
    let scatter = |batch, axis| Op::Gather(Gather::ScatterAdd { batch, axis });
    let at = |shape: &[usize], n: i64| (i64s(shape), Below(n));
    rows.push(row(take(0, 0), &[any(&[5]), at(&[3], 5)]));
    rows.push(row(take(0, 1), &[any(&[2, 4, 3]), at(&[2, 2], 4)]));
    rows.push(row(take(1, 2), &[any(&[2, 3, 4]), at(&[2, 5], 4)]));
    rows.push(row(take(0, 0), &[any(&[3]), at(&[], 3)]));
    rows.push(row(take(0, 0), &[any(&[3]), at(&[0], 3)]));
    rows.push(row(scatter(0, 0), &[any(&[3]), at(&[5], 3), any(&[5])]));
    rows.push(row(
        scatter(0, 1),
        &[any(&[2, 4]), at(&[3], 4), any(&[2, 3])],
    ));
    rows.push(row(
        scatter(1, 1),
        &[any(&[2, 4, 2]), at(&[2, 3], 4), any(&[2, 3, 2])],
    ));
    let slice = |sizes: &[usize]| Op::Dynamic(Dynamic::Slice { sizes: d(sizes) });
    rows.push(row(slice(&[2]), &[any(&[5]), at(&[1], 4)]));
    rows.push(row(slice(&[2, 3]), &[any(&[3, 5]), at(&[2], 2)]));
    rows.push(row(slice(&[]), &[any(&[]), at(&[0], 1)]));
    let update = Op::Dynamic(Dynamic::Update);
    rows.push(row(update.clone(), &[any(&[5]), any(&[2]), at(&[1], 4)]));
    rows.push(row(update, &[any(&[3, 5]), any(&[2, 3]), at(&[2], 2)]));
}

fn reductions(rows: &mut Vec<Row>, any: Any<'_>) {
    for (shape, axes) in [
        (&[4][..], &[0][..]),
        (&[2, 3], &[1]),
        (&[2, 3, 4], &[0, 2]),
        (&[3, 2], &[0, 1]),
        (&[3], &[]),
    ] {
        for kind in [
            ReduceKind::Sum,
            ReduceKind::Prod,
            ReduceKind::Max,
            ReduceKind::Min,
        ] {
            let operand = match kind {
                ReduceKind::Sum => any(shape),
                _ => (f64s(shape), Distinct(-1.0, 1.0)),
            };
            let axes = d(axes);
            rows.push(row(Op::Reduce(Reduce { kind, axes }), &[operand]));
        }
        if let [axis] = axes {
            for smallest in [false, true] {
                let axis = *axis;
                let operand = (f64s(shape), Distinct(-1.0, 1.0));
                rows.push(row(Op::ArgReduce(ArgReduce { smallest, axis }), &[operand]));
            }
            for reverse in [false, true] {
                let axis = *axis;
                rows.push(row(Op::CumSum(CumSum { axis, reverse }), &[any(shape)]));
            }
        }
    }
    for (shape, axis, count) in [
        (&[6][..], 0, 6),
        (&[6], 0, 2),
        (&[2, 5], 1, 5),
        (&[4, 2, 3], 0, 3),
        (&[2, 4, 3], 1, 1),
        (&[3, 1], 1, 1),
        (&[2, 3], 0, 0),
        (&[0], 0, 0),
        (&[0, 3], 1, 3),
    ] {
        for descending in [false, true] {
            let op = Op::Sort(Sort {
                axis,
                descending,
                count,
            });
            rows.push(row(op, &[(f64s(shape), Distinct(-1.0, 1.0))]));
        }
    }
    rows.push(row(Op::Probe(Probe { id: 0 }), &[any(&[2, 3])]));
    let shown = (bools(&[2]), Below(2));
    rows.push(row(Op::Probe(Probe { id: 0 }), &[any(&[2, 3]), shown]));
    let sum = |axes: &[usize]| {
        Op::Reduce(Reduce {
            kind: ReduceKind::Sum,
            axes: d(axes),
        })
    };
    rows.push(row(sum(&[0]), &[any(&[0, 3])]));
    rows.push(row(sum(&[1]), &[any(&[0, 3])]));
}

fn contractions(rows: &mut Vec<Row>, any: Any<'_>) {
    let mut push = |left: &[usize], right: &[usize], axes: [&[usize]; 4]| {
        let op = Contract {
            batch_left: d(axes[0]),
            batch_right: d(axes[1]),
            contract_left: d(axes[2]),
            contract_right: d(axes[3]),
            ..Contract::default()
        };
        rows.push(row(Op::Contract(op.into()), &[any(left), any(right)]));
    };
    push(&[2, 3], &[3, 4], [&[], &[], &[1], &[0]]);
    push(&[3, 2], &[4, 3], [&[], &[], &[0], &[1]]);
    push(&[3], &[3], [&[], &[], &[0], &[0]]);
    push(&[2], &[3], [&[], &[], &[], &[]]);
    push(&[2, 3, 4], &[2, 4, 5], [&[0], &[0], &[2], &[1]]);
    push(&[3, 2, 4], &[4, 5, 2], [&[1], &[2], &[2], &[0]]);
    push(&[2, 3, 4], &[4, 3, 5], [&[], &[], &[1, 2], &[1, 0]]);
    push(&[2, 0], &[0, 3], [&[], &[], &[1], &[0]]);
    push(&[0, 2], &[2, 3], [&[], &[], &[1], &[0]]);
}
