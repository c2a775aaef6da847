//! Literals are computed when a graph is made, with the same bits as in kernels.

use gradus_cpu::{Array, CompileOptions, Input, compile};
use gradus_ir::primitives::{Binary, Compare, Op, Unary};
use gradus_ir::{DType, Graph, Kind, Literal, Type};

/// Numbers at kinks, at limits, and where functions are undefined.
fn numbers(dtype: DType) -> Vec<Literal> {
    let mut numbers: Vec<Literal> = [0, 1, -1, 2, -3, 7, 100]
        .map(|v| Literal::from_i64(dtype, v))
        .to_vec();
    numbers.extend([Literal::lowest(dtype), Literal::highest(dtype)]);
    match dtype.kind() {
        Kind::Float(float) => {
            let more = [
                -0.0,
                0.5,
                -2.5,
                1e-30,
                float.largest(),
                float.least_normal() / 8.0,
                f64::NAN,
            ];
            numbers.extend(more.map(|v| Literal::from_f64(dtype, v)));
        }
        Kind::Integer(_) | Kind::Bool => {}
    }
    numbers
}

/// The value that the graph computes for `op` on these literals without running, if it does.
fn folded(op: &Op, operands: &[Literal]) -> Option<Literal> {
    let mut g = Graph::new();
    let ids: Vec<_> = operands.iter().map(|&v| g.constant(v, &[])).collect();
    let result = g.emit(op.clone(), &ids);
    g.literal(result)
}

/// The value that a kernel computes.
fn computed(op: &Op, operands: &[Literal]) -> Literal {
    let mut g = Graph::new();
    let types = operands.iter().map(|v| Type::scalar(v.dtype()));
    let ids: Vec<_> = types.map(|ty| g.input(ty)).collect();
    let result = g.emit(op.clone(), &ids);
    g.set_outputs(vec![result]);
    let arrays = operands.iter().map(|v| {
        let ty = Type::scalar(v.dtype());
        let bytes = v.to_ne_bytes();
        Input::Owned(Array::from_bytes(ty, &bytes[..v.dtype().size()]).unwrap())
    });
    let compiled = compile(&g, &CompileOptions::default()).unwrap();
    compiled.run(arrays.collect()).unwrap()[0].get(0)
}

/// Compares both, and returns whether the graph had a value.
fn agree(op: &Op, operands: &[Literal]) -> bool {
    let Some(folded) = folded(op, operands) else {
        return false;
    };
    let computed = computed(op, operands);
    // A zero can change its sign, see `simplify`; all NaNs are equal.
    let same = folded == computed
        || folded.as_f64().is_nan() && computed.as_f64().is_nan()
        || folded.is(0.0) && computed.is(0.0);
    assert!(
        same,
        "{op:?} of {operands:?}: {folded:?}, computed {computed:?}"
    );
    true
}

#[test]
fn what_is_known_when_a_graph_is_made_is_what_kernels_compute() {
    let mut compared = 0;
    for dtype in DType::ALL {
        let numbers = numbers(dtype);
        for op in Unary::ALL.into_iter().filter(|op| op.on(dtype).is_some()) {
            for &x in &numbers {
                compared += usize::from(agree(&Op::Unary(op), &[x]));
            }
        }
        let binary = Binary::ALL.into_iter().filter(|op| op.on(dtype).is_some());
        let compare = Compare::ALL.into_iter().map(Op::Compare);
        for op in binary.map(Op::Binary).chain(compare) {
            for &a in &numbers {
                for &b in &numbers {
                    compared += usize::from(agree(&op, &[a, b]));
                }
            }
        }
    }
    assert!(compared > 5000, "{compared}");
}
