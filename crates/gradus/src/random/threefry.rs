//! The Threefry-2x32 hash over tensors, and numbers from its bits.

use crate::tensor::Tensor;
use crate::trace::{self, Arguments, Kind};
use gradus_ir::primitives::{Binary, Layout, Resize, Slice};
use gradus_ir::{DType, Dims, FloatType, Literal, Loc, Op};

/// Runs `f` on `inputs` as one program, so that its many small steps become one kernel.
#[track_caller]
pub(super) fn fused(inputs: &[&Tensor], f: &dyn Fn(&[Tensor]) -> Tensor) -> Tensor {
    let loc = Loc::caller();
    let types: Vec<_> = inputs.iter().map(|t| t.ty().clone()).collect();
    let given: Vec<Tensor> = inputs.iter().map(|&t| t.clone()).collect();
    let result = trace::close(
        Kind::Function,
        &types,
        Arguments::Abstract("random"),
        &given,
        &mut |args| vec![trace::on_behalf_of(loc, || f(&args))],
    )
    .and_then(|closed| {
        let arguments = closed.arguments(given.clone());
        let plausible = closed.graph.output_types();
        Ok((trace::apply(&closed.graph, arguments)?, plausible))
    });
    match result {
        Ok((mut results, _)) => results.remove(0),
        Err(error) => Tensor::fail(error, inputs, inputs[0].ty().clone()),
    }
}

#[track_caller]
pub(super) fn binary(op: Binary, a: &Tensor, b: &Tensor) -> Tensor {
    Tensor::apply(Op::Binary(op), &[a, b])
}

fn number(value: u32, like: &Tensor) -> Tensor {
    Tensor::splat(
        Literal::from_i64(DType::U32, i64::from(value)),
        &like.ty().shape,
    )
}

fn rotate_left(x: &Tensor, by: u32) -> Tensor {
    let high = binary(Binary::Shl, x, &number(by, x));
    let low = binary(Binary::Shr, x, &number(32 - by, x));
    binary(Binary::Or, &high, &low)
}

/// Element `i` of a key, repeated to `shape`.
fn word(key: &Tensor, i: usize, shape: &[usize]) -> Tensor {
    let slice = Slice {
        start: Dims::from_slice(&[i]),
        limit: Dims::from_slice(&[i + 1]),
        stride: Dims::from_slice(&[1]),
    };
    let one = Tensor::apply(Op::Layout(slice.into()), &[key]);
    let scalar = Tensor::apply(Op::Layout(Layout::Reshape(Dims::new())), &[&one]);
    let broadcast = Layout::Broadcast {
        shape: Dims::from_slice(shape),
        axes: Dims::new(),
    };
    Tensor::apply(Op::Layout(broadcast), &[&scalar])
}

/// The 64-bit position of each element of `shape`, as its high and low word.
pub(super) fn counters(shape: &[usize]) -> (Tensor, Tensor) {
    let n = shape.iter().fold(1, |n: usize, &d| n.saturating_mul(d));
    let words = |f: &dyn Fn(u64) -> u32| Tensor::generated("random numbers", &[n], |i| f(i as u64));
    let reshape =
        |t: Tensor| Tensor::apply(Op::Layout(Layout::Reshape(Dims::from_slice(shape))), &[&t]);
    let high = if n as u64 > u64::from(u32::MAX) {
        reshape(words(&|i| (i >> 32) as u32))
    } else {
        Tensor::splat(Literal::from_i64(DType::U32, 0), shape)
    };
    (high, reshape(words(&|i| i as u32)))
}

/// `[a, b]` along a new last axis.
pub(super) fn pairs(a: &Tensor, b: &Tensor) -> Tensor {
    let mut shape = a.ty().shape.clone();
    shape.push(1);
    let column = |t: &Tensor| Tensor::apply(Op::Layout(Layout::Reshape(shape.clone())), &[t]);
    let axis = shape.len() - 1;
    Tensor::apply(Op::Resize(Resize::Concat(axis)), &[&column(a), &column(b)])
}

/// Threefry-2x32-20 of the counters under `key`.
pub(super) fn hash(key: &Tensor, (high, low): (Tensor, Tensor)) -> (Tensor, Tensor) {
    const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
    const PARITY: u32 = 0x1BD1_1BDA;
    let shape = high.ty().shape.clone();
    let (k0, k1) = (word(key, 0, &shape), word(key, 1, &shape));
    let k2 = binary(
        Binary::Xor,
        &binary(Binary::Xor, &k0, &k1),
        &number(PARITY, &k0),
    );
    let keys = [k0, k1, k2];
    let mut x0 = binary(Binary::Add, &high, &keys[0]);
    let mut x1 = binary(Binary::Add, &low, &keys[1]);
    for round in 0..5 {
        for rotation in ROTATIONS[round % 2] {
            x0 = binary(Binary::Add, &x0, &x1);
            x1 = binary(Binary::Xor, &rotate_left(&x1, rotation), &x0);
        }
        x0 = binary(Binary::Add, &x0, &keys[(round + 1) % 3]);
        x1 = binary(Binary::Add, &x1, &keys[(round + 2) % 3]);
        x1 = binary(Binary::Add, &x1, &number(round as u32 + 1, &x1));
    }
    (x0, x1)
}

/// 32 bits for each element.
pub(super) fn bits(key: &Tensor, shape: &[usize]) -> Tensor {
    let (a, b) = hash(key, counters(shape));
    binary(Binary::Xor, &a, &b)
}

/// Numbers in `[0, 1)`: random bits for the whole significand, times a power of two.
pub(super) fn unit(key: &Tensor, shape: &[usize], float: FloatType) -> Tensor {
    let dtype = float.dtype();
    let significand = match float {
        FloatType::BF16 => {
            let bits = bits(key, shape);
            let low = binary(Binary::And, &bits, &number(0xff, &bits));
            binary(Binary::Shr, &low, &number(1, &bits))
        }
        FloatType::F32 => {
            let bits = bits(key, shape);
            binary(Binary::Shr, &bits, &number(9, &bits))
        }
        FloatType::F64 => {
            let (a, b) = hash(key, counters(shape));
            let wide = |v: i64| Tensor::splat(Literal::from_i64(DType::I64, v), shape);
            let high = binary(Binary::Shl, &a.astype(DType::I64), &wide(20));
            let low = binary(Binary::Shr, &b.astype(DType::I64), &wide(12));
            binary(Binary::Or, &high, &low)
        }
    };
    let scale = Tensor::splat(Literal::from_f64(dtype, float.epsilon()), shape);
    binary(Binary::Mul, &significand.astype(dtype), &scale)
}

/// Numbers in `[low, high)`.
pub(super) fn between(
    key: &Tensor,
    shape: &[usize],
    float: FloatType,
    low: f64,
    high: f64,
) -> Tensor {
    let value = |v: f64| Tensor::splat(Literal::from_f64(float.dtype(), v), shape);
    // The width is rounded to the type of the numbers.
    let width = binary(Binary::Sub, &value(high), &value(low));
    let scaled = binary(Binary::Mul, &unit(key, shape, float), &width);
    let shifted = binary(Binary::Add, &scaled, &value(low));
    binary(Binary::Max, &value(low), &shifted)
}
