//! Whole matrices of derivatives, in a named order of accumulation.

use super::grad::no_derivative;
use super::{close_at, grad, or_stop, zeros};
use crate::tensor::Tensor;
use crate::trace;
use gradus_ad::Linearized;
use gradus_ir::primitives::Compare;
use gradus_ir::{DType, Dims, Error, ErrorKind, Graph, Loc, NodeId, Op, Result, Type};

/// In which direction the columns or rows are made.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Forward,
    Reverse,
}

/// The Jacobian of `f` by forward mode: one tangent for each element of the input, all pushed at once.
///
/// Its shape is that of the output followed by that of the input: `J[i…, j…] = ∂f(x)[i…] / ∂x[j…]`. Cheap where the input is small.
///
/// ```
/// use gradus::prelude::*;
/// let j = jacfwd(|x: &Tensor| x.square())(&Tensor::from([1.0, 2.0]));
/// assert_eq!(j.to_vec::<f64>()?, [2.0, 0.0, 0.0, 4.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if the input or the output is no float.
#[track_caller]
pub fn jacfwd(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    let loc = Loc::caller();
    move |at| accumulate(Mode::Forward, &f, at, loc)
}

/// The Jacobian of `f` by reverse mode: one cotangent for each element of the output, all pulled back at once.
///
/// Its shape is that of the output followed by that of the input, as for [`jacfwd`]. Cheap where the output is small.
///
/// # Panics
/// When called, if the input or the output is no float.
#[track_caller]
pub fn jacrev(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    let loc = Loc::caller();
    move |at| accumulate(Mode::Reverse, &f, at, loc)
}

/// The Hessian of a function that returns one number, by forward over reverse: `H[i…, j…] = ∂²f / ∂x[i…] ∂x[j…]`.
///
/// ```
/// use gradus::prelude::*;
/// let f = |x: &Tensor| x.prod();
/// let h = hessian(f)(&Tensor::from([2.0, 3.0, 5.0]));
/// assert_eq!(h.to_vec::<f64>()?, [0.0, 5.0, 3.0, 5.0, 0.0, 2.0, 3.0, 2.0, 0.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if `f` does not return a float scalar, or the input is no float.
#[track_caller]
pub fn hessian(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    jacfwd(grad(f))
}

fn accumulate(mode: Mode, f: &impl Fn(&Tensor) -> Tensor, at: &Tensor, loc: Loc) -> Tensor {
    or_stop(run(mode, f, at), loc, || {
        let y = f(at);
        let mut shape = y.ty().shape.clone();
        shape.extend_from_slice(&at.ty().shape);
        zeros(&at.ty().with_shape(&shape))
    })
}

fn run(mode: Mode, f: &impl Fn(&Tensor) -> Tensor, at: &Tensor) -> Result<Tensor> {
    let name = match mode {
        Mode::Forward => "jacfwd",
        Mode::Reverse => "jacrev",
    };
    if !at.ty().dtype.is_float() {
        return Err(no_derivative(name, "", at));
    }
    let inputs = vec![at.clone()];
    let (closed, _) = close_at(f, at, &inputs)?;
    let y = closed.graph.ty(closed.graph.outputs()[0]).clone();
    if !y.dtype.is_float() {
        return Err(Error::new(
            ErrorKind::Derivative,
            format!(
                "{name}: the function returned {y}, and only floating-point numbers have derivatives; convert it with `astype`"
            ),
        ));
    }
    let program = jacobian_program(mode, &closed.graph, at.ty(), &y);
    let mut results = trace::apply(&program, closed.arguments(inputs))?;
    Ok(results.remove(0))
}

/// From the inputs of `graph` to the Jacobian of its output (of type `y`) with respect to input 0 (of type `x`).
fn jacobian_program(mode: Mode, graph: &Graph, x: &Type, y: &Type) -> Graph {
    let Linearized {
        primal,
        tangent,
        residuals,
    } = gradus_ad::linearize(graph, &[0]);
    let (linear, seed) = match mode {
        Mode::Forward => (tangent, x),
        Mode::Reverse => (gradus_ad::transpose_linear(&tangent, residuals), y),
    };
    let n = seed.elements();
    let mut batched = vec![false; residuals];
    batched.push(true);
    let (linear, with_axis) = gradus_ad::batch(&linear, n, &batched);

    let mut g = primal.clone();
    let mut arguments = primal.outputs()[1..].to_vec();
    arguments.push(identity(&mut g, seed));
    let mut block = g
        .inline(&linear, &arguments)
        .expect("the linear part fits its residuals")[0];
    if !with_axis[0] {
        block = g.repeat_front(block, n);
    }
    if mode == Mode::Forward {
        // [n, y…] → [y…, n]
        let order: Dims = (1..=y.rank()).chain([0]).collect();
        block = g.transpose(block, &order);
    }
    let mut shape = y.shape.clone();
    shape.extend_from_slice(&x.shape);
    let jacobian = g.reshape(block, &shape);
    g.extract(primal.inputs(), &[jacobian])
}

/// The unit vectors of a space of arrays of type `ty`: `[n, shape…]`.
fn identity(g: &mut Graph, ty: &Type) -> NodeId {
    let n = ty.elements();
    let square = Type::new(DType::I64, &[n, n]);
    let (row, column) = (g.iota(square.clone(), 0), g.iota(square, 1));
    let diagonal = g.compare(Compare::Eq, row, column);
    let ones = g.emit(Op::Cast(ty.dtype), &[diagonal]);
    g.reshape(ones, &ty.batched(n).shape)
}
