//! Functions compiled once for the types of their arguments.

use super::{leaves, rebuild, types, zeros};
use crate::tensor::Tensor;
use crate::trace::{self, Closed, Knowledge};
use crate::tree::{Structure, Tree};
use gradus_cpu::{CompileOptions, Executable, Input};
use gradus_ir::{Loc, Result, Type};
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock, RwLock};

/// A compiled function; see [`jit`].
pub struct Jit<A, B, F> {
    f: F,
    loc: Loc,
    programs: RwLock<Vec<Arc<Program<B>>>>,
    argument: PhantomData<fn(&A)>,
}

/// What was compiled for one structure and one list of types.
struct Program<B> {
    structure: Structure,
    types: Vec<Type>,
    closed: Closed,
    /// A result to rebuild others like.
    like: B,
    borrowing: OnceLock<Arc<Executable>>,
    consuming: OnceLock<Arc<Executable>>,
}

/// Compiles `f` at the first call for each structure of its argument and types of its tensors; later calls run the compiled program alone.
///
/// `f` is traced, not run: it must not read values (choose with `where_`), and what it captures is kept as it was at the first call, like
/// numbers (not tensors) in its argument, whose change means another program.
///
/// ```
/// use gradus::prelude::*;
/// let step = jit(|(w, x): &(Tensor, Tensor)| {
///     let slope = grad(|w: &Tensor| (w * x).square().sum())(w);
///     w - slope * 0.1
/// });
/// let (w, x) = (Tensor::from([1.0, 2.0]), Tensor::from([1.0, 1.0]));
/// let w = step.call(&(w, x))?;
/// assert_eq!(w.to_vec::<f64>()?, [0.8, 1.6]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[track_caller]
pub fn jit<A: Tree, B: Tree, F: Fn(&A) -> B>(f: F) -> Jit<A, B, F> {
    Jit {
        f,
        loc: Loc::caller(),
        programs: RwLock::default(),
        argument: PhantomData,
    }
}

impl<A: Tree, B: Tree, F: Fn(&A) -> B> Jit<A, B, F> {
    /// The value at `x`. On traced tensors the program becomes part of the outer one.
    ///
    /// # Errors
    /// Mistakes in the function (with the line), found when it is traced; indices out of bounds when it runs.
    pub fn call(&self, x: &A) -> Result<B> {
        let inputs = leaves(x);
        let program = self.program(x, &inputs)?;
        let results = if inputs.iter().any(Tensor::is_traced) || program.has_outer_captures() {
            let arguments = program.closed.arguments(inputs);
            trace::apply(&program.closed.graph, arguments).map_err(|e| e.at(self.loc))?
        } else {
            program.run(&program.borrowing, inputs, false)?
        };
        Ok(rebuild(&program.like, results))
    }

    /// As [`call`](Self::call), giving the argument away: where nobody else holds its tensors, their memory becomes that of the result.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_owned(&self, x: A) -> Result<B> {
        let inputs = leaves(&x);
        let program = self.program(&x, &inputs)?;
        if inputs.iter().any(Tensor::is_traced) || program.has_outer_captures() {
            return self.call(&x);
        }
        drop(x);
        let results = program.run(&program.consuming, inputs, true)?;
        Ok(rebuild(&program.like, results))
    }

    /// How many programs were compiled so far: one for each structure and list of types that was met.
    pub fn programs(&self) -> usize {
        self.programs.read().map_or(0, |p| p.len())
    }

    fn program(&self, x: &A, inputs: &[Tensor]) -> Result<Arc<Program<B>>> {
        if let Ok(programs) = self.programs.read() {
            let found = programs.iter().find(|p| {
                p.types.len() == inputs.len()
                    && p.types.iter().zip(inputs).all(|(ty, t)| ty == t.ty())
                    && p.structure.matches(x)
            });
            if let Some(program) = found {
                return Ok(program.clone());
            }
        }
        let types = types(inputs);
        let mut like = None;
        let closed = trace::boundary(|| {
            trace::close(&types, Knowledge::Types("jit"), &mut |args| {
                let y = (self.f)(&rebuild(x, args));
                let leaves = leaves(&y);
                // Only the structure is kept: the tensors of the trace are worth nothing after it.
                let blank = leaves.iter().map(|t| zeros(t.ty())).collect();
                like = Some(rebuild(&y, blank));
                leaves
            })
        })
        .map_err(|e| e.at(self.loc))?;
        let Some(like) = like else {
            unreachable!("the function was traced")
        };
        let program = Arc::new(Program {
            structure: Structure::record(x),
            types,
            closed,
            like,
            borrowing: OnceLock::new(),
            consuming: OnceLock::new(),
        });
        // A program that uses values of an outer trace is of use in that trace alone.
        if !program.has_outer_captures()
            && let Ok(mut programs) = self.programs.write()
        {
            programs.push(program.clone());
        }
        Ok(program)
    }
}

impl<B> Program<B> {
    fn has_outer_captures(&self) -> bool {
        self.closed.captured.iter().any(Tensor::is_traced)
    }

    fn run(
        &self,
        executable: &OnceLock<Arc<Executable>>,
        inputs: Vec<Tensor>,
        consume: bool,
    ) -> Result<Vec<Tensor>> {
        let executable = match executable.get() {
            Some(e) => e,
            None => {
                let mut donated = vec![consume; inputs.len()];
                donated.resize(self.closed.graph.inputs().len(), false);
                let options = CompileOptions { donated };
                let compiled = gradus_cpu::cached(&self.closed.graph, &options)?;
                executable.get_or_init(|| compiled)
            }
        };
        let captured = self
            .closed
            .captured
            .iter()
            .map(Tensor::array)
            .collect::<Result<Vec<_>>>()?;
        let mut arrays = Vec::with_capacity(inputs.len() + captured.len());
        for t in inputs {
            arrays.push(Input::Owned(t.into_array()?));
        }
        arrays.extend(captured.iter().map(Input::Borrowed));
        let outputs = executable.run(arrays)?;
        Ok(outputs.into_iter().map(Tensor::from_array).collect())
    }
}
