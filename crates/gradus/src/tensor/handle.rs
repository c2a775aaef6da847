//! [`Tensor`]: a handle to an array, or to a value of a program.

use crate::trace::{self, Trace};
use gradus_engine::Array;
use gradus_ir::{DType, Error, ErrorKind, Graph, Literal, Loc, Op, Result, Type, ValueId};
use std::sync::Arc;

/// An array of numbers of one element type, with any number of dimensions: concrete,
/// or a value of a program that is being traced.
///
/// It is a cheap handle: cloning copies no numbers.
/// Operations on concrete tensors run at once; with a traced operand they add a node to its graph.
#[derive(Clone)]
pub struct Tensor(pub(crate) Repr);

#[derive(Clone)]
pub(crate) enum Repr {
    /// Numbers in memory.
    Array(Array),
    /// The same number everywhere, without memory; a literal of the graph when traced.
    Splat(Literal, Type),
    /// A node of a graph under construction.
    Traced(Traced),
}

#[derive(Clone)]
pub(crate) struct Traced {
    pub trace: Arc<Trace>,
    pub node: ValueId,
    pub ty: Type,
}

impl Tensor {
    pub(crate) fn from_array(array: Array) -> Tensor {
        Tensor(Repr::Array(array))
    }

    /// A tensor whose elements are all `value`.
    pub(crate) fn splat(value: Literal, shape: &[usize]) -> Tensor {
        Tensor(Repr::Splat(value, Type::new(value.dtype(), shape)))
    }

    pub(crate) fn ty(&self) -> &Type {
        match &self.0 {
            Repr::Array(a) => a.ty(),
            Repr::Splat(_, ty) => ty,
            Repr::Traced(t) => &t.ty,
        }
    }

    /// Whether this is an abstract value of a program that is being traced.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let f = |x: &Tensor| { assert!(x.is_traced()); x * 2.0 };
    /// assert!(!Tensor::from(1.0).is_traced());
    /// grad(f)(&Tensor::from(1.0));
    /// ```
    pub fn is_traced(&self) -> bool {
        matches!(self.0, Repr::Traced(_))
    }

    /// The value of a trace, if this is one.
    pub(crate) fn traced(&self) -> Option<&Traced> {
        match &self.0 {
            Repr::Traced(traced) => Some(traced),
            _ => None,
        }
    }

    /// Applies one primitive to operands that fit it exactly.
    #[track_caller]
    pub(crate) fn apply(op: Op, operands: &[&Tensor]) -> Tensor {
        let loc = trace::users_place(Loc::caller());
        // Literals give literals, even inside a trace that records everything.
        let literals = || operands.iter().all(|t| matches!(t.0, Repr::Splat(..)));
        match trace::innermost(operands) {
            Some(trace) if !literals() || !folds(&op, operands) => {
                match Trace::add(&trace, op, operands, loc) {
                    Ok(t) => t,
                    Err((error, plausible)) => Tensor::fail(error, operands, plausible),
                }
            }
            _ => match run_one(op, operands, loc) {
                Ok(t) => t,
                Err(error) => {
                    let plausible = operands
                        .first()
                        .map_or(Type::scalar(DType::F64), |t| t.ty().clone());
                    Tensor::fail(error, operands, plausible)
                }
            },
        }
    }

    /// Applies one primitive with several results to operands that fit it exactly.
    pub(crate) fn apply_all<const N: usize>(op: Op, operands: &[&Tensor], loc: Loc) -> [Tensor; N] {
        let mut graph = Graph::new();
        graph.set_loc(loc);
        let types = operands.iter().map(|t| t.ty().clone());
        let inputs: Vec<ValueId> = types.map(|ty| graph.input(ty)).collect();
        let applied = graph.add_all(op, &inputs).and_then(|outputs| {
            graph.set_outputs(outputs.into_vec());
            trace::apply(&graph, operands.iter().map(|&t| t.clone()).collect())
        });
        match applied.map(<[Tensor; N]>::try_from) {
            Ok(Ok(results)) => results,
            Ok(Err(others)) => unreachable!("{} results for {N}", others.len()),
            Err(error) => {
                let plausible = operands[0].ty().clone();
                let stand_in = Tensor::fail(error, operands, plausible);
                std::array::from_fn(|_| stand_in.clone())
            }
        }
    }

    /// Reports a mistake in the caller's program about `operands`.
    ///
    /// Inside `jit(..).call`, `trace` and other calls that return a `Result`, the boundary keeps the error,
    /// and the program continues with zeros of type `plausible`. Elsewhere it panics with the message.
    #[track_caller]
    pub(crate) fn fail(error: Error, operands: &[&Tensor], plausible: Type) -> Tensor {
        let error = error.at(trace::users_place(Loc::caller()));
        match trace::keep_failure(error, operands) {
            None => {
                let zero = Literal::from_f64(plausible.dtype, 0.0);
                // A shape that was refused as too large is not used for the zeros.
                let fits = plausible.is_addressable();
                Tensor::splat(zero, if fits { &plausible.shape } else { &[] })
            }
            Some(error) => panic!("{error}"),
        }
    }

    /// The numbers. For a traced tensor with concrete inputs, the part of the program that it needs is run.
    ///
    /// An error of reading has no source line yet.
    /// A trace can read values of another trace,
    /// and the line is the one of the user who asked for the first value.
    ///
    /// # Errors
    /// [`ErrorKind::Traced`] if the inputs are abstract (under `jit` or `vmap`) or its trace has ended;
    /// [`ErrorKind::Memory`] if memory cannot hold the numbers.
    pub(crate) fn array(&self) -> Result<Array> {
        match &self.0 {
            Repr::Array(a) => Ok(a.clone()),
            Repr::Splat(value, ty) => Array::filled(*value, &ty.shape),
            Repr::Traced(t) => t.trace.value(t.node),
        }
    }

    /// Like [`array`](Self::array), without another handle to the numbers.
    pub(crate) fn into_array(self) -> Result<Array> {
        match self.0 {
            Repr::Array(a) => Ok(a),
            _ => self.array(),
        }
    }
}

/// Whether `op` applied to literals is a literal.
fn folds(op: &Op, operands: &[&Tensor]) -> bool {
    let mut graph = Graph::new();
    let mut ids = Vec::with_capacity(operands.len());
    for t in operands {
        if let Repr::Splat(value, ty) = &t.0 {
            ids.push(graph.constant(*value, &ty.shape));
        }
    }
    let out = graph.add(op.clone(), &ids);
    out.is_ok_and(|out| graph.literal(out).is_some())
}

/// Runs one primitive on concrete operands.
fn run_one(op: Op, operands: &[&Tensor], loc: Loc) -> Result<Tensor> {
    let mut graph = Graph::new();
    graph.set_loc(loc);
    let mut inputs: Vec<&Tensor> = Vec::new();
    let mut ids = Vec::with_capacity(operands.len());
    for t in operands {
        ids.push(match &t.0 {
            Repr::Splat(value, ty) => graph.constant(*value, &ty.shape),
            _ => {
                inputs.push(t);
                graph.input(t.ty().clone())
            }
        });
    }
    let out = graph.add(op, &ids)?;
    if let Some(value) = graph.literal(out) {
        return Ok(Tensor::splat(value, graph.shape(out)));
    }
    if let Some(k) = graph.inputs().iter().position(|&i| i == out) {
        return Ok(inputs[k].clone());
    }
    graph.set_outputs(vec![out]);
    let mut results = trace::run(&graph, inputs)?;
    results
        .pop()
        .ok_or_else(|| Error::new(ErrorKind::Graph, "a program of one output gave none"))
}
