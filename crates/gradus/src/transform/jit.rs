//! Functions compiled once for the types of their arguments.

use super::programs::{Argument, Found, Programs};
use crate::debug::{self, StepTime};
use crate::tensor::Tensor;
use crate::trace;
use crate::tree::{Structure, Tree, leaves, rebuild, with_leaves};
use gradus_engine::{Element, Slice, SliceMut};
use gradus_ir::{Loc, Result};
use smallvec::SmallVec;
use std::marker::PhantomData;

/// A compiled function; see [`jit`].
pub struct Jit<A, B, F> {
    f: F,
    programs: Programs<B>,
    argument: PhantomData<fn(&A)>,
}

/// Compiles `f` at the first call for each structure of its argument and types of its tensors.
/// Later calls only run the compiled program.
///
/// `f` is traced, not run: it must not read values (choose with `where_`).
/// Captured values are kept from the first call.
/// So are numbers (not tensors) in its argument; another number means another program.
///
/// A function keeps at most 1,024 programs.
/// Beyond that it removes the programs that were not called for the longest time (never the first one),
/// and compiles them again when they are called. Finding a program takes the same time for any number of programs.
/// Each [context](crate::engine::Context) in which it is called has programs of its own.
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
#[doc(alias = "compile")]
#[doc(alias = "tf_function")]
#[track_caller]
pub fn jit<A: Tree, B: Tree, F: Fn(&A) -> B>(f: F) -> Jit<A, B, F> {
    Jit {
        f,
        programs: Programs::new(Loc::caller()),
        argument: PhantomData,
    }
}

impl<A: Tree, B: Tree, F: Fn(&A) -> B> Jit<A, B, F> {
    /// The value at `x`. With traced tensors the program becomes part of the outer one.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let f = jit(|x: &Tensor| x.square().sum());
    /// assert_eq!(f.call(&Tensor::from([1.0, 2.0]))?.item::<f64>()?, 5.0);
    /// let wrong = jit(|x: &Tensor| x.reshape(&[7])).call(&Tensor::from([1.0, 2.0]));
    /// assert!(wrong.unwrap_err().message().starts_with("reshape: f64[2] has 2 elements"));
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// Mistakes in the function (with the line), found when it is traced, and indices out of bounds when it runs.
    pub fn call(&self, x: &A) -> Result<B> {
        let (program, mut results) = with_leaves(x, |inputs| {
            let program = self.program(x, inputs)?;
            let results = self.programs.call(&program, inputs)?;
            Ok((program, results))
        })?;
        Ok(program.like.unflatten(&mut results))
    }

    /// Like [`call`](Self::call), but takes ownership of the argument.
    /// If its tensors have no other owner, their memory is reused for the result.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let step = jit(|x: &Tensor| x * 0.5);
    /// let mut x = Tensor::from([8.0, 16.0]);
    /// for _ in 0..3 {
    ///     x = step.call_owned(x)?; // in place
    /// }
    /// assert_eq!(x.to_vec::<f64>()?, [1.0, 2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// See [`call`](Self::call).
    #[doc(alias = "donate_argnums")]
    pub fn call_owned(&self, x: A) -> Result<B> {
        let program = with_leaves(&x, |inputs| self.program(&x, inputs))?;
        let inputs = leaves(&x);
        // A check needs the arguments after the run.
        let kept = trace::is_traced(&inputs) || debug::checking();
        if kept || program.has_outer_captures() {
            return self.call(&x);
        }
        drop(x);
        self.programs.call_owned(&program, inputs)
    }

    /// The value from slices into slices: one slice for each tensor of the argument and of the result, in their order
    /// in the tree, with its elements in row-major order. After the first run nothing is allocated,
    /// but by the one run that makes native code, and some bytes by each step that runs on several threads.
    ///
    /// Slices have lengths, but no shapes. So the function is compiled before, by [`prepare`](Self::prepare) or a call
    /// with tensors, and the program that takes such lengths runs.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let slope = jit(|(x, a): &(Tensor, Tensor)| grad(|x: &Tensor| (a * x.square()).sum())(x));
    /// slope.prepare(&(Tensor::zeros(&[3], F64), Tensor::from(0.0)))?;
    /// let mut dx = [0.0; 3];
    /// slope.call_into(&[&[1.0, 2.0, 3.0], &[0.5]], &mut [&mut dx])?;
    /// assert_eq!(dx, [1.0, 2.0, 3.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// Like [`call`](Self::call), and [`ErrorKind::Argument`](crate::ErrorKind::Argument) if no program takes such
    /// slices, or two programs do: one for `[2, 3]` and one for `[3, 2]`.
    /// After an error the content of the results is unspecified.
    pub fn call_into<T: Element>(&self, argument: &[&[T]], result: &mut [&mut [T]]) -> Result<()> {
        let (mut inputs, mut outputs) = (SmallVec::<[_; 8]>::new(), SmallVec::<[_; 8]>::new());
        for &slice in argument {
            inputs.push(Slice::from(slice));
        }
        for slice in result {
            outputs.push(SliceMut::from(&mut **slice));
        }
        self.programs.call_into(&inputs, &mut outputs)
    }

    /// Compiles the function for arguments like `x`, whose values do not matter, without running it.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let f = jit(|x: &Tensor| x.sin().sum());
    /// f.prepare(&Tensor::zeros(&[1000], F64))?; // mistakes are found here
    /// assert_eq!(f.programs(), 1);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// Mistakes in the function, with the line.
    #[doc(alias = "lower")]
    #[doc(alias = "warm_up")]
    pub fn prepare(&self, x: &A) -> Result<()> {
        with_leaves(x, |inputs| {
            let program = self.program(x, inputs)?;
            self.programs.prepare(&program, inputs.len())
        })
    }

    /// Like [`call_owned`](Self::call_owned), and also returns each step of the
    /// compiled program with its source line and its time.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let f = jit(|x: &Tensor| x.sin().sum());
    /// let (_, steps) = f.call_profiled(Tensor::ones(&[1000], F64))?;
    /// assert!(steps.iter().any(|step| step.operations.iter().any(|o| o.name == "sin")));
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// Like [`call`](Self::call), and if the argument or a captured value is traced, so that nothing runs.
    pub fn call_profiled(&self, x: A) -> Result<(B, Vec<StepTime>)> {
        let inputs = leaves(&x);
        trace::refuse_traced("call_profiled", &inputs).map_err(|e| e.at(self.programs.loc))?;
        let program = with_leaves(&x, |inputs| self.program(&x, inputs))?;
        drop(x);
        self.programs.call_profiled(&program, inputs)
    }

    /// The number of kept programs: one for each structure and list of types so far; see [`jit`].
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let f = jit(|x: &Tensor| x * 2.0);
    /// f.call(&Tensor::from([1.0, 2.0]))?;
    /// f.call(&Tensor::from([3.0, 4.0]))?; // of the same type
    /// f.call(&Tensor::from([1.0]))?;
    /// assert_eq!(f.programs(), 2);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn programs(&self) -> usize {
        self.programs.len()
    }

    fn program(&self, x: &A, inputs: &[&Tensor]) -> Result<Found<'_, B>> {
        let argument = Argument {
            matches: &|s| s.matches(x),
            structure: &|| Structure::record(x),
        };
        self.programs
            .get(&argument, inputs, &mut |args| (self.f)(&rebuild(x, args)))
    }
}
