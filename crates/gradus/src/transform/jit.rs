//! Functions compiled once for the types of their arguments.

use crate::context::Context;
use crate::debug::{self, StepTime};
use crate::function::{types, zeros};
use crate::tensor::Tensor;
use crate::trace::{self, Arguments, Closed, Kind};
use crate::tree::{Structure, Tree, leaves, rebuild};
use gradus_engine::{Array, CompileOptions, Input, Recent};
use gradus_ir::{Loc, Result, Type};
use hashbrown::DefaultHashBuilder;
use std::hash::{BuildHasher, Hash, Hasher};
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

/// The most programs that a function keeps.
const MOST_PROGRAMS: usize = 1024;

/// A compiled function; see [`jit`].
pub struct Jit<A, B, F> {
    f: F,
    programs: Programs<B>,
    argument: PhantomData<fn(&A)>,
}

/// The programs of a function. All that does not need the types of the function and of its argument is here,
/// so that it is built once for all functions with the same type of result.
struct Programs<B> {
    /// The place where the function was made.
    loc: Loc,
    kept: Recent<Arc<Program<B>>>,
    hasher: DefaultHashBuilder,
}

/// A program of the engine.
type Compiled = Arc<dyn gradus_engine::Program>;

/// The compiled program for one structure and one list of types in one context.
struct Program<B> {
    /// The number of the context.
    context: u64,
    structure: Structure,
    types: Vec<Type>,
    closed: Closed,
    /// A result that serves as the model for rebuilding results.
    like: B,
    borrowing: OnceLock<Compiled>,
    consuming: OnceLock<Compiled>,
    /// Like `consuming`, with the lines of this function rather than the lines of an equal program.
    profiled: OnceLock<Compiled>,
}

/// Compiles `f` at the first call for each structure of its argument and types of its tensors.
/// Later calls only run the compiled program.
///
/// `f` is traced, not run: it must not read values (choose with `where_`).
/// Captured values are kept from the first call.
/// So are numbers (not tensors) in its argument; another number means another program.
///
/// A function keeps at most 1,024 programs.
/// Beyond that it removes the programs that were not called for the longest time,
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
        programs: Programs {
            loc: Loc::caller(),
            kept: Recent::new(MOST_PROGRAMS),
            hasher: DefaultHashBuilder::default(),
        },
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
        let inputs = leaves(x);
        let program = self.program(x, &inputs)?;
        self.programs.call(&program, inputs)
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
        let inputs = leaves(&x);
        let program = self.program(&x, &inputs)?;
        // A check needs the arguments after the run.
        let kept = trace::is_traced(&inputs) || debug::checking();
        if kept || program.has_outer_captures() {
            return self.call(&x);
        }
        drop(x);
        self.programs.call_owned(&program, inputs)
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
        let program = self.program(&x, &inputs)?;
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
        self.programs.kept.len()
    }

    fn program(&self, x: &A, inputs: &[Tensor]) -> Result<Arc<Program<B>>> {
        let structure = Structure::record(x);
        self.programs
            .get(structure, inputs, &mut |args| (self.f)(&rebuild(x, args)))
    }
}

impl<B: Tree> Programs<B> {
    /// The program for arguments with this structure and these leaves. A new one is traced from `f`.
    fn get(
        &self,
        structure: Structure,
        inputs: &[Tensor],
        f: &mut dyn FnMut(Vec<Tensor>) -> B,
    ) -> Result<Arc<Program<B>>> {
        let context = Context::current_id();
        let hash = || {
            let mut h = self.hasher.build_hasher();
            structure.hash(&mut h);
            inputs.iter().for_each(|t| t.ty().hash(&mut h));
            context.hash(&mut h);
            h.finish()
        };
        let is = |p: &Arc<Program<B>>| {
            p.context == context
                && p.types.len() == inputs.len()
                && p.types.iter().zip(inputs).all(|(ty, t)| ty == t.ty())
                && p.structure == structure
        };
        if let Some(program) = self.kept.find_by(hash, is) {
            return Ok(program);
        }
        let types = types(inputs);
        let mut like = None;
        let mut trace = |args| {
            let y = f(args);
            let leaves = leaves(&y);
            // Only the structure is kept. The tensors of the trace are useless after it.
            let blank = leaves.iter().map(|t| zeros(t.ty())).collect();
            like = Some(rebuild(&y, blank));
            leaves
        };
        let arguments = Arguments::Abstract("jit");
        let closed =
            trace::boundary(|| trace::close(Kind::Function, &types, arguments, inputs, &mut trace))
                .map_err(|e| e.at(self.loc))?;
        let Some(like) = like else {
            unreachable!("the function was traced")
        };
        let program = Arc::new(Program {
            context,
            structure: structure.clone(),
            types,
            closed,
            like,
            borrowing: OnceLock::new(),
            consuming: OnceLock::new(),
            profiled: OnceLock::new(),
        });
        // A program that uses values of an outer trace is useful in that trace alone.
        match program.has_outer_captures() {
            true => Ok(program),
            false => Ok(self.kept.keep(hash(), program, is)),
        }
    }

    fn call(&self, program: &Program<B>, inputs: Vec<Tensor>) -> Result<B> {
        let results = if trace::is_traced(&inputs) || program.has_outer_captures() {
            let arguments = program.closed.arguments(inputs);
            trace::apply(&program.closed.graph, arguments).map_err(|e| e.at(self.loc))?
        } else if debug::checking() {
            let arguments = program.closed.arguments(inputs);
            trace::run(&program.closed.graph, &arguments)?
        } else {
            let run = program.run(&program.borrowing, inputs, false);
            run.map_err(|e| e.at(self.loc))?
        };
        Ok(rebuild(&program.like, results))
    }

    fn call_owned(&self, program: &Program<B>, inputs: Vec<Tensor>) -> Result<B> {
        let run = program.run(&program.consuming, inputs, true);
        let results = run.map_err(|e| e.at(self.loc))?;
        Ok(rebuild(&program.like, results))
    }

    fn call_profiled(
        &self,
        program: &Program<B>,
        inputs: Vec<Tensor>,
    ) -> Result<(B, Vec<StepTime>)> {
        let captured = &program.closed.captured;
        trace::refuse_traced("call_profiled", captured).map_err(|e| e.at(self.loc))?;
        let executable = match program.profiled.get() {
            Some(executable) => executable,
            None => {
                let options = program.options(inputs.len(), true);
                let compiled = Context::current().compile(&program.closed.graph, &options)?;
                program.profiled.get_or_init(|| compiled)
            }
        };
        let captured = program.captured()?;
        let (outputs, steps) = executable.run_timed(Program::<B>::inputs(inputs, &captured)?)?;
        let steps = steps.into_iter().map(StepTime::new).collect();
        let results = outputs.into_iter().map(Tensor::from_array).collect();
        Ok((rebuild(&program.like, results), steps))
    }
}

impl<B> Program<B> {
    fn has_outer_captures(&self) -> bool {
        self.closed.captured.iter().any(Tensor::is_traced)
    }

    fn executable<'a>(
        &'a self,
        slot: &'a OnceLock<Compiled>,
        arguments: usize,
        consume: bool,
    ) -> Result<&'a Compiled> {
        if let Some(executable) = slot.get() {
            return Ok(executable);
        }
        let options = self.options(arguments, consume);
        let compiled = Context::current().program(&self.closed.graph, &options)?;
        Ok(slot.get_or_init(|| compiled))
    }

    fn options(&self, arguments: usize, consume: bool) -> CompileOptions {
        let mut donated = vec![consume; arguments];
        donated.resize(self.closed.graph.inputs().len(), false);
        CompileOptions::default().donated(donated)
    }

    fn captured(&self) -> Result<Vec<Array>> {
        self.closed.captured.iter().map(Tensor::array).collect()
    }

    fn inputs(given: Vec<Tensor>, captured: &[Array]) -> Result<Vec<Input<'_>>> {
        let mut all = Vec::with_capacity(given.len() + captured.len());
        for t in given {
            all.push(Input::Owned(t.into_array()?));
        }
        all.extend(captured.iter().map(Input::Borrowed));
        Ok(all)
    }

    fn run(
        &self,
        slot: &OnceLock<Compiled>,
        given: Vec<Tensor>,
        consume: bool,
    ) -> Result<Vec<Tensor>> {
        let executable = self.executable(slot, given.len(), consume)?;
        let captured = self.captured()?;
        let outputs = executable.run(Self::inputs(given, &captured)?)?;
        Ok(outputs.into_iter().map(Tensor::from_array).collect())
    }
}
