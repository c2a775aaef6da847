//! Full matrices of derivatives, in a given or planned order of accumulation.

use super::cheapest::{Wanted, planned};
use super::grad::{check_inputs, check_value};
use crate::Tree;
use crate::function::{close_at, or_stop, zeros};
use crate::tensor::{Tensor, concatenate};
use crate::trace;
use crate::tree::{leaves, paths};
use gradus_ir::{DType, Error, ErrorKind, Loc, Result, Type};
use gradus_plan::Modes;

/// The Jacobian of `f` by forward mode: one tangent for each element of the input, all pushed at once.
///
/// Its shape is the output's shape followed by the input's: `J[i…, j…] = ∂f(x)[i…] / ∂x[j…]`.
/// It is cheap if the input is small.
///
/// ```
/// use gradus::prelude::*;
/// let j = jacfwd(|x: &Tensor| x.square())(&Tensor::from([1.0, 2.0]));
/// assert_eq!(j.to_vec::<f64>()?, [2.0, 0.0, 0.0, 4.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if the input or the output is not a float.
#[doc(alias = "forward_jacobian")]
#[track_caller]
pub fn jacfwd(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    let loc = Loc::caller();
    move |at| accumulate(Modes::Forward, &f, at, loc)
}

/// The Jacobian of `f` by reverse mode: one cotangent for each element of the output, all pulled back at once.
///
/// Its shape is the output's shape followed by the input's, as for [`jacfwd`]. It is cheap if the output is small.
///
/// ```
/// # use gradus::prelude::*;
/// let j = jacrev(|x: &Tensor| x.square())(&Tensor::from([1.0, 2.0]));
/// assert_eq!(j.to_vec::<f64>()?, [2.0, 0.0, 0.0, 4.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if the input or the output is not a float.
#[doc(alias = "reverse_jacobian")]
#[track_caller]
pub fn jacrev(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    let loc = Loc::caller();
    move |at| accumulate(Modes::Reverse, &f, at, loc)
}

/// The Jacobian of `f`, in the order of the chain rule with the lowest estimated cost: forward, reverse, or mixed;
/// see [`plan_jacobian`](crate::plan::plan_jacobian).
///
/// Its shape is the output's shape followed by the input's, as for [`jacfwd`].
///
/// ```
/// use gradus::prelude::*;
/// let x = Tensor::from([1.0, 2.0, 3.0]);
/// assert_eq!(jacobian(|x: &Tensor| x.prod())(&x).to_vec::<f64>()?, [6.0, 3.0, 2.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if the input or the output is not a float.
#[doc(alias = "jac")]
#[track_caller]
pub fn jacobian(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    let loc = Loc::caller();
    move |at| accumulate(Modes::Any, &f, at, loc)
}

/// The Hessian of a function that returns one number, in the cheapest order: `H[i…, j…] = ∂²f / ∂x[i…] ∂x[j…]`.
/// Elements that are equal by symmetry are computed once if that is cheaper;
/// see [`plan_hessian`](crate::plan::plan_hessian).
///
/// It is the Jacobian of [`grad(f)`](super::grad), also if `f` has custom rules that make it unsymmetric.
/// With [`with_cotangent`](super::with_cotangent) that Jacobian depends on the mode,
/// and the planner chooses the cheaper one. Name the mode then, as in `jacfwd(grad(f))`.
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
/// When called, if `f` does not return a float scalar, or the input is not a float.
#[doc(alias = "second_derivative")]
#[track_caller]
pub fn hessian(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    let loc = Loc::caller();
    move |at| second("hessian", &f, at, loc).blocks.remove(0)
}

/// The Jacobian of a function of trees: a block for every tensor of the result and every tensor of the argument.
///
/// It uses the cheapest order, like [`jacobian`].
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
/// When called, if the argument or the result holds a tensor that is not a float.
#[track_caller]
pub fn jacobian_tree<A: Tree, B: Tree>(f: impl Fn(&A) -> B) -> impl Fn(&A) -> Blocks {
    let loc = Loc::caller();
    move |at| blocks("jacobian_tree", Modes::Any, &f, at, loc)
}

/// The Hessian of a function from a tree to one number, like [`hessian`]:
/// a block for every two tensors of the argument.
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
/// When called, if `f` does not return a float scalar, or the argument holds a tensor that is not a float.
#[track_caller]
pub fn hessian_tree<A: Tree>(f: impl Fn(&A) -> Tensor) -> impl Fn(&A) -> Blocks {
    let loc = Loc::caller();
    move |at| second("hessian_tree", &f, at, loc)
}

/// The derivatives of the tensors of one tree with respect to the tensors of another.
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
    /// The derivatives of the tensors of `y` with respect to the tensors of `x`, row by row.
    fn new(y: &impl Tree, x: &impl Tree, blocks: Vec<Tensor>) -> Blocks {
        let sizes = |tensors: Vec<Tensor>| tensors.iter().map(|t| t.ty().elements()).collect();
        Blocks {
            rows: paths(y),
            columns: paths(x),
            sizes: (sizes(leaves(y)), sizes(leaves(x))),
            blocks,
        }
    }

    /// The derivatives that stand in after a mistake.
    fn zero(y: &impl Tree, x: &impl Tree) -> Blocks {
        let columns = leaves(x);
        let zero = |y: &Tensor, x: &Tensor| {
            let ty = y.ty().with_shape(&[y.shape(), x.shape()].concat());
            match ty.is_addressable() {
                true => zeros(&ty),
                false => zeros(&Type::scalar(ty.dtype)),
            }
        };
        let rows = leaves(y);
        let all = rows
            .iter()
            .flat_map(|y| columns.iter().map(move |x| zero(y, x)));
        Blocks::new(y, x, all.collect())
    }

    /// The paths of the tensors that are differentiated, such as `.layers.0.weight`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let j = jacobian_tree(|x: &Tensor| (x * 2.0, x.sum()))(&Tensor::from([1.0, 2.0]));
    /// assert_eq!(j.rows(), [".0", ".1"]);
    /// ```
    pub fn rows(&self) -> &[String] {
        &self.rows
    }

    /// The paths of the tensors with respect to which they are differentiated.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let j = jacobian_tree(|(a, b): &(Tensor, Tensor)| a * b)(&(Tensor::from(2.0), Tensor::from(3.0)));
    /// assert_eq!(j.columns(), [".0", ".1"]);
    /// ```
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The derivative of the tensor at path `row` with respect to the tensor at path `column`.
    /// Its shape is the first tensor's shape followed by the second's.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let j = jacobian_tree(|(a, b): &(Tensor, Tensor)| a * b)(&(Tensor::from(2.0), Tensor::from(3.0)));
    /// assert_eq!(j.get("", ".0").unwrap().item::<f64>()?, 3.0);
    /// assert!(j.get("", ".7").is_none());
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn get(&self, row: &str, column: &str) -> Option<&Tensor> {
        let i = self.rows.iter().position(|p| p == row)?;
        let j = self.columns.iter().position(|p| p == column)?;
        self.blocks.get(i * self.columns.len() + j)
    }

    /// All blocks as one matrix, with the elements of each tensor one after the other:
    /// `[elements of all rows, elements of all columns]`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let j = jacobian_tree(|(a, b): &(Tensor, Tensor)| a * b)(&(Tensor::from(2.0), Tensor::from(3.0)));
    /// assert_eq!(j.matrix().to_vec::<f64>()?, [3.0, 2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[track_caller]
    pub fn matrix(&self) -> Tensor {
        let (heights, widths) = &self.sizes;
        let mut lines = Vec::new();
        for (i, &height) in heights.iter().enumerate() {
            let mut line = Vec::new();
            for (j, &width) in widths.iter().enumerate() {
                let block = &self.blocks[i * widths.len() + j];
                line.push(block.reshape(&[height, width]));
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

fn accumulate(modes: Modes, f: &impl Fn(&Tensor) -> Tensor, at: &Tensor, loc: Loc) -> Tensor {
    let name = match modes {
        Modes::Any => "jacobian",
        Modes::Forward => "jacfwd",
        Modes::Reverse => "jacrev",
    };
    blocks(name, modes, f, at, loc).blocks.remove(0)
}

fn blocks<A: Tree, B: Tree>(
    name: &str,
    modes: Modes,
    f: &impl Fn(&A) -> B,
    at: &A,
    loc: Loc,
) -> Blocks {
    let inputs = leaves(at);
    let result = check_inputs(name, at, &inputs).and_then(|()| {
        let (closed, y) = close_at(f, at, &inputs)?;
        check_outputs(name, &closed.graph.output_types())?;
        let program = planned(&closed.graph, inputs.len(), Wanted::Jacobian(modes))?;
        let results = trace::apply(&program, closed.arguments(inputs.clone()))?;
        Ok(Blocks::new(&y, at, results))
    });
    or_stop(result, loc, || inputs.clone(), || Blocks::zero(&f(at), at))
}

/// The Hessian of `f`.
fn second<A: Tree>(name: &str, f: &impl Fn(&A) -> Tensor, at: &A, loc: Loc) -> Blocks {
    let inputs = leaves(at);
    let result = check_inputs(name, at, &inputs).and_then(|()| {
        let (closed, _) = close_at(f, at, &inputs)?;
        check_value(name, &closed.graph.output_types()[0])?;
        let program = planned(&closed.graph, inputs.len(), Wanted::Hessian)?;
        let results = trace::apply(&program, closed.arguments(inputs.clone()))?;
        Ok(Blocks::new(at, at, results))
    });
    or_stop(result, loc, || inputs.clone(), || Blocks::zero(at, at))
}

/// Refuses results that are not differentiable.
pub(super) fn check_outputs(name: &str, outputs: &[Type]) -> Result<()> {
    match outputs.iter().find(|ty| !ty.dtype.has_derivatives()) {
        None => Ok(()),
        Some(ty) => Err(Error::new(
            ErrorKind::Derivative,
            format!(
                "{name}: the function returned {ty}, and only floating-point numbers have derivatives; convert it with `astype`"
            ),
        )),
    }
}
