//! Whole matrices of derivatives, in a named order of accumulation.

use super::grad::check_inputs;
use super::{close_at, grad, leaves, or_stop, zeros};
use crate::Tree;
use crate::tensor::{Tensor, concatenate};
use crate::trace;
use crate::tree::paths;
use gradus_ad::Linearized;
use gradus_ir::primitives::Compare;
use gradus_ir::{DType, Dims, Error, ErrorKind, Graph, Literal, Loc, NodeId, Op, Type};

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

/// The Jacobian of `f`, by forward mode where the input has fewer elements than the output, else by reverse mode.
///
/// Its shape is that of the output followed by that of the input, as for [`jacfwd`].
///
/// ```
/// use gradus::prelude::*;
/// let x = Tensor::from([1.0, 2.0, 3.0]);
/// assert_eq!(jacobian(|x: &Tensor| x.prod())(&x).to_vec::<f64>()?, [6.0, 3.0, 2.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if the input or the output is no float.
#[track_caller]
pub fn jacobian(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    let loc = Loc::caller();
    move |at| blocks("jacobian", None, &f, at, loc).blocks.remove(0)
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

/// The Jacobian of a function of trees: a block for every tensor of the result and every tensor of the argument.
///
/// Forward mode where the argument has fewer elements than the result, else reverse mode.
///
/// ```
/// use gradus::prelude::*;
/// let f = |(a, b): &(Tensor, Tensor)| vec![a * b, b.sum()];
/// let j = jacobian_tree(f)(&(Tensor::from(2.0), Tensor::from([3.0, 4.0])));
/// assert_eq!(j.get(".0", ".1").unwrap().to_vec::<f64>()?, [2.0, 0.0, 0.0, 2.0]);
/// assert_eq!(j.matrix().shape(), [3, 3]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if the argument or the result holds a tensor that is no float.
#[track_caller]
pub fn jacobian_tree<A: Tree, B: Tree>(f: impl Fn(&A) -> B) -> impl Fn(&A) -> Blocks {
    let loc = Loc::caller();
    move |at| blocks("jacobian_tree", None, &f, at, loc)
}

/// The Hessian of a function of a tree that returns one number, by forward over reverse: a block for every two tensors of the argument.
///
/// ```
/// use gradus::prelude::*;
/// let f = |(a, b): &(Tensor, Tensor)| a.square() * b;
/// let h = hessian_tree(f)(&(Tensor::from(3.0), Tensor::from(5.0)));
/// assert_eq!(h.matrix().to_vec::<f64>()?, [10.0, 6.0, 6.0, 0.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if `f` does not return a float scalar, or the argument holds a tensor that is no float.
#[track_caller]
pub fn hessian_tree<A: Tree>(f: impl Fn(&A) -> Tensor) -> impl Fn(&A) -> Blocks {
    let loc = Loc::caller();
    let slope = grad(f);
    move |at| blocks("hessian_tree", Some(Mode::Forward), &slope, at, loc)
}

/// The derivatives of the tensors of one tree with respect to those of another.
#[derive(Clone, Debug, Tree)]
pub struct Blocks {
    #[tree(fixed)]
    rows: Vec<String>,
    #[tree(fixed)]
    columns: Vec<String>,
    /// Row by row.
    blocks: Vec<Tensor>,
    /// Elements of the tensor of each row and of each column.
    #[tree(fixed)]
    sizes: (Vec<usize>, Vec<usize>),
}

impl Blocks {
    /// The paths of the tensors that are differentiated, such as `.layers.0.weight`.
    pub fn rows(&self) -> &[String] {
        &self.rows
    }

    /// The paths of the tensors that they are differentiated by.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The derivative of the tensor at path `row` with respect to the one at path `column`: the shape of the first, then that of the second.
    pub fn get(&self, row: &str, column: &str) -> Option<&Tensor> {
        let i = self.rows.iter().position(|p| p == row)?;
        let j = self.columns.iter().position(|p| p == column)?;
        self.blocks.get(i * self.columns.len() + j)
    }

    /// All blocks as one matrix, the elements of each tensor one after the other: `[elements of all rows, elements of all columns]`.
    #[track_caller]
    pub fn matrix(&self) -> Tensor {
        let (heights, widths) = &self.sizes;
        let mut lines = Vec::new();
        for (i, &height) in heights.iter().enumerate() {
            let mut line = Vec::new();
            for (j, &width) in widths.iter().enumerate() {
                let block = &self.blocks[i * widths.len() + j];
                line.push(block.reshape(&[height as isize, width as isize]));
            }
            lines.push(match line.is_empty() {
                true => Tensor::zeros(&[height, 0], DType::F64),
                false => concatenate(&line.iter().collect::<Vec<_>>(), 1),
            });
        }
        match lines.is_empty() {
            true => Tensor::zeros(&[0, widths.iter().sum()], DType::F64),
            false => concatenate(&lines.iter().collect::<Vec<_>>(), 0),
        }
    }
}

fn accumulate(mode: Mode, f: &impl Fn(&Tensor) -> Tensor, at: &Tensor, loc: Loc) -> Tensor {
    let name = match mode {
        Mode::Forward => "jacfwd",
        Mode::Reverse => "jacrev",
    };
    blocks(name, Some(mode), f, at, loc).blocks.remove(0)
}

fn blocks<A: Tree, B: Tree>(
    name: &str,
    mode: Option<Mode>,
    f: &impl Fn(&A) -> B,
    at: &A,
    loc: Loc,
) -> Blocks {
    let inputs = leaves(at);
    let size = |t: &Tensor| t.ty().elements();
    let described = |y: &B, blocks: Vec<Tensor>| Blocks {
        rows: paths(y),
        columns: paths(at),
        sizes: (
            leaves(y).iter().map(size).collect(),
            inputs.iter().map(size).collect(),
        ),
        blocks,
    };
    let result = check_inputs(name, at, &inputs).and_then(|()| {
        let (closed, y) = close_at(f, at, &inputs)?;
        let outputs = closed.graph.output_types();
        if let Some(k) = outputs.iter().position(|ty| !ty.dtype.is_float()) {
            return Err(Error::new(
                ErrorKind::Derivative,
                format!(
                    "{name}: the function returned {}, and only floating-point numbers have derivatives; convert it with `astype`",
                    outputs[k]
                ),
            ));
        }
        let (from, to): (usize, usize) = (
            inputs.iter().map(size).sum(),
            outputs.iter().map(Type::elements).sum(),
        );
        let mode = mode.unwrap_or(if from <= to { Mode::Forward } else { Mode::Reverse });
        let program = jacobian_program(mode, &closed.graph, inputs.len());
        let results = trace::apply(&program, closed.arguments(inputs.clone()))?;
        Ok(described(&y, results))
    });
    or_stop(result, loc, || {
        let y = f(at);
        let zero = |y: &Tensor, x: &Tensor| {
            let mut shape = y.ty().shape.clone();
            shape.extend_from_slice(x.shape());
            zeros(&y.ty().with_shape(&shape))
        };
        let results = leaves(&y);
        let all = results
            .iter()
            .flat_map(|y| inputs.iter().map(move |x| zero(y, x)));
        described(&y, all.collect())
    })
}

/// From the inputs of `graph` to the derivatives of each of its outputs with respect to each of its first `n` inputs, output by output.
fn jacobian_program(mode: Mode, graph: &Graph, n: usize) -> Graph {
    let wrt: Vec<usize> = (0..n).collect();
    let Linearized {
        primal,
        tangent,
        residuals,
    } = gradus_ad::linearize(graph, &wrt);
    let x: Vec<Type> = graph.input_types().into_iter().take(n).collect();
    let y = graph.output_types();
    let (linear, seeds, ends) = match mode {
        Mode::Forward => (tangent, &x, &y),
        Mode::Reverse => (gradus_ad::transpose_linear(&tangent, residuals), &y, &x),
    };
    let mut g = primal.clone();
    let kept = &primal.outputs()[y.len()..];
    // Place of each block: output by output.
    let mut found: Vec<Option<NodeId>> = vec![None; x.len() * y.len()];
    for (s, seed) in seeds.iter().enumerate() {
        let size = seed.elements();
        let mut batched = vec![false; residuals + seeds.len()];
        batched[residuals + s] = true;
        let (linear, with_axis) = gradus_ad::batch(&linear, size, &batched);
        let mut arguments = kept.to_vec();
        for (k, other) in seeds.iter().enumerate() {
            arguments.push(if k == s {
                identity(&mut g, seed)
            } else {
                g.constant(Literal::from_f64(other.dtype, 0.0), &other.shape)
            });
        }
        let results = g
            .inline(&linear, &arguments)
            .expect("the linear part fits its residuals");
        for (e, (mut block, end)) in results.into_iter().zip(ends).enumerate() {
            if !with_axis[e] {
                block = g.repeat_front(block, size);
            }
            let (i, j) = match mode {
                Mode::Forward => {
                    // [n, y…] → [y…, n]
                    let order: Dims = (1..=end.rank()).chain([0]).collect();
                    block = g.transpose(block, &order);
                    (e, s)
                }
                Mode::Reverse => (s, e),
            };
            let mut shape = y[i].shape.clone();
            shape.extend_from_slice(&x[j].shape);
            // The linear part gives cotangents of the input's type, tangents of the output's.
            let block = g.reshape(block, &shape);
            found[i * x.len() + j] = Some(block);
        }
    }
    let found: Vec<NodeId> = found.into_iter().flatten().collect();
    g.extract(primal.inputs(), &found)
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
