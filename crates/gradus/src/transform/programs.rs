//! The compiled programs of one function, and their runs.

use crate::context::Context;
use crate::debug::{self, StepTime};
use crate::function::{types, zeros};
use crate::tensor::{Repr, Tensor};
use crate::trace::{self, Arguments, Closed, Kind};
use crate::tree::{Leaves, Structure, Tree, leaves, rebuild};
use gradus_engine::{Array, CompileOptions, Input, Recent, Slice, SliceMut, check_slices};
use gradus_ir::{Error, ErrorKind, Loc, Result, Type};
use hashbrown::DefaultHashBuilder;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

/// The most programs that a function keeps.
const MOST_PROGRAMS: usize = 1024;

/// The programs of a function. All that does not need the types of the function and of its argument is here,
/// so that it is built once for all functions with the same type of result.
pub(super) struct Programs<B> {
    /// The place where the function was made.
    pub loc: Loc,
    /// The first program, which is found without a lock. Many functions have no other.
    first: OnceLock<Arc<Program<B>>>,
    others: Recent<Arc<Program<B>>>,
    hasher: DefaultHashBuilder,
}

/// The most bytes of all results together that are set to zero before a run.
const SMALL_RESULTS: usize = 4 << 10;

/// The structure of an argument, for code that does not know its type.
pub(super) struct Argument<'a> {
    /// Whether it is this one.
    pub matches: &'a dyn Fn(&Structure) -> bool,
    pub structure: &'a dyn Fn() -> Structure,
}

/// A program, lent if it is the first one, whose handles need not be counted.
pub(super) type Found<'a, B> = Cow<'a, Arc<Program<B>>>;

/// A program of the engine.
type Compiled = Arc<dyn gradus_engine::Program>;

/// The compiled program for one structure and one list of types in one context.
pub(super) struct Program<B> {
    /// The number of the context.
    context: u64,
    structure: Structure,
    types: Vec<Type>,
    closed: Closed,
    /// The values of captured tensors, read at the first run.
    captured: OnceLock<Vec<Array>>,
    /// The types of the results.
    results: Vec<Type>,
    /// Whether all results together have at most [`SMALL_RESULTS`] bytes.
    is_small: bool,
    /// A result that serves as the model for rebuilding results.
    pub like: B,
    borrowing: OnceLock<Compiled>,
    consuming: OnceLock<Compiled>,
    /// Like `consuming`, with the lines of this function rather than the lines of an equal program.
    profiled: OnceLock<Compiled>,
}

/// Handles of their own to these tensors.
fn owned(tensors: &[&Tensor]) -> Vec<Tensor> {
    tensors.iter().map(|&t| t.clone()).collect()
}

impl<B: Tree> Programs<B> {
    pub fn new(loc: Loc) -> Programs<B> {
        Programs {
            loc,
            first: OnceLock::new(),
            others: Recent::new(MOST_PROGRAMS - 1),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// The number of programs.
    pub fn len(&self) -> usize {
        usize::from(self.first.get().is_some()) + self.others.len()
    }

    /// The program for an argument with these leaves. A new program is traced from `f`.
    pub fn get(
        &self,
        argument: &Argument<'_>,
        inputs: &[&Tensor],
        f: &mut dyn FnMut(Vec<Tensor>) -> B,
    ) -> Result<Found<'_, B>> {
        let context = Context::current_id();
        let hash = || {
            let mut h = self.hasher.build_hasher();
            (argument.structure)().hash(&mut h);
            inputs.iter().for_each(|t| t.ty().hash(&mut h));
            context.hash(&mut h);
            h.finish()
        };
        let is = |p: &Arc<Program<B>>| {
            p.context == context
                && p.types.len() == inputs.len()
                && p.types.iter().zip(inputs).all(|(ty, t)| ty == t.ty())
                && (argument.matches)(&p.structure)
        };
        if let Some(first) = self.first.get().filter(|p| is(p)) {
            return Ok(Cow::Borrowed(first));
        }
        if let Some(program) = self.others.find_by(hash, is) {
            return Ok(Cow::Owned(program));
        }
        let program = Arc::new(self.trace(argument, inputs, f)?);
        // A program that uses values of an outer trace is useful in that trace alone.
        if program.has_outer_captures() {
            return Ok(Cow::Owned(program));
        }
        let first = self.first.get_or_init(|| Arc::clone(&program));
        Ok(match is(first) {
            true => Cow::Borrowed(first),
            false => Cow::Owned(self.others.keep(hash(), program, is)),
        })
    }

    /// The program of `f` for an argument with these leaves.
    fn trace(
        &self,
        argument: &Argument<'_>,
        inputs: &[&Tensor],
        f: &mut dyn FnMut(Vec<Tensor>) -> B,
    ) -> Result<Program<B>> {
        let inputs = owned(inputs);
        let types = types(&inputs);
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
        let closed = trace::boundary(|| {
            trace::close(Kind::Function, &types, arguments, &inputs, &mut trace)
        })
        .map_err(|e| e.at(self.loc))?;
        let Some(like) = like else {
            unreachable!("the function was traced")
        };
        let results = closed.graph.output_types();
        Ok(Program {
            is_small: results.iter().map(Type::bytes).sum::<usize>() <= SMALL_RESULTS,
            results,
            context: Context::current_id(),
            structure: (argument.structure)(),
            types,
            closed,
            captured: OnceLock::new(),
            like,
            borrowing: OnceLock::new(),
            consuming: OnceLock::new(),
            profiled: OnceLock::new(),
        })
    }

    /// The program of the current context that takes and gives such slices.
    ///
    /// # Errors
    /// If there is none, or more than one.
    fn fitting(&self, inputs: &[Slice<'_>]) -> Result<Found<'_, B>> {
        let context = Context::current_id();
        let fits = |p: &Arc<Program<B>>| {
            let pairs = || p.types.iter().zip(inputs);
            p.context == context
                && p.types.len() == inputs.len()
                && pairs().all(|(ty, s)| ty.dtype == s.dtype() && ty.elements() == s.len())
        };
        let first = self.first.get().filter(|p| fits(p)).map(Cow::Borrowed);
        if let (Some(first), true) = (&first, self.others.is_empty()) {
            return Ok(first.clone());
        }
        let [second, third] = self.others.first_two(fits).map(|p| p.map(Cow::Owned));
        let mut found = [first, second, third].into_iter().flatten();
        match (found.next(), found.next()) {
            (Some(program), None) => Ok(program),
            (Some(one), Some(other)) => Err(self.misfit(format!(
                "two programs of this function take such slices, one for {:?} and one for {:?}; \
                 call it with tensors, or use a function for each",
                one.types, other.types
            ))),
            (None, _) => {
                let given = inputs.iter().map(|s| format!("{} {}", s.len(), s.dtype()));
                let given = given.collect::<Vec<_>>().join(", ");
                let made = self.first.get().map(|p| &p.types);
                Err(self.misfit(match made {
                    None => "the function has no program yet; `prepare` it for tensors of the shapes that the slices have"
                        .to_string(),
                    Some(made) => format!(
                        "no program of this function takes slices of {given}; it was compiled for {made:?}. \
                         `prepare` it for tensors of the shapes that the slices have"
                    ),
                }))
            }
        }
    }

    fn misfit(&self, message: String) -> Error {
        Error::new(ErrorKind::Argument, format!("call_into: {message}")).at(self.loc)
    }

    pub fn call_into(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>]) -> Result<()> {
        let program = self.fitting(inputs)?;
        if debug::checking() {
            let arrays = inputs
                .iter()
                .zip(&program.types)
                .map(|(s, ty)| s.to_array(ty));
            let tensors = arrays.map(|array| array.map(Tensor::from_array));
            let arguments = program.closed.arguments(tensors.collect::<Result<_>>()?);
            let results = trace::run(&program.closed.graph, &arguments)?;
            let made = types(&results);
            check_slices((inputs, &program.types), (outputs, &made))?;
            let mut pairs = outputs.iter_mut().zip(&results);
            return pairs.try_for_each(|(output, result)| output.copy_from(&result.array()?));
        }
        let mut run = || {
            let executable = program.executable(&program.borrowing, inputs.len(), false)?;
            let captured = program.captured()?;
            if captured.is_empty() {
                return executable.run_into(inputs, outputs);
            }
            let captured = captured.iter().map(Slice::from);
            let all: SmallVec<[Slice<'_>; 8]> = inputs.iter().copied().chain(captured).collect();
            executable.run_into(&all, outputs)
        };
        run().map_err(|e| e.at(self.loc))
    }

    /// Compiles the program. `arguments` is the number of its inputs without captured values.
    pub fn prepare(&self, program: &Program<B>, arguments: usize) -> Result<()> {
        if program.has_outer_captures() {
            return Ok(());
        }
        let compiled = program.executable(&program.borrowing, arguments, false);
        compiled.map(drop).map_err(|e| e.at(self.loc))
    }

    /// The leaves of the result for these leaves of the argument.
    #[inline]
    pub fn call(&self, program: &Program<B>, inputs: &[&Tensor]) -> Result<Leaves> {
        let results = if trace::is_traced(inputs.iter().copied()) || program.has_outer_captures() {
            let arguments = program.closed.arguments(owned(inputs));
            trace::apply(&program.closed.graph, arguments)
        } else if debug::checking() {
            let arguments = program.closed.arguments(owned(inputs));
            trace::run(&program.closed.graph, &arguments)
        } else {
            match Leaves::written_by(|results| program.run_few(inputs, results)) {
                Ok((results, true)) => return Ok(results),
                Ok((_, false)) => program.run(&program.borrowing, owned(inputs), false),
                Err(error) => Err(error),
            }
        };
        results.map(Leaves::new).map_err(|e| e.at(self.loc))
    }

    pub fn call_owned(&self, program: &Program<B>, inputs: Vec<Tensor>) -> Result<B> {
        let run = program.run(&program.consuming, inputs, true);
        let results = run.map_err(|e| e.at(self.loc))?;
        Ok(rebuild(&program.like, results))
    }

    pub fn call_profiled(
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
        let inputs = Program::<B>::inputs(inputs, program.captured()?)?;
        let (outputs, steps) = executable.run_timed(inputs)?;
        let steps = steps.into_iter().map(StepTime::new).collect();
        let results = outputs.into_iter().map(Tensor::from_array).collect();
        Ok((rebuild(&program.like, results), steps))
    }
}

impl<B> Program<B> {
    pub fn has_outer_captures(&self) -> bool {
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

    fn captured(&self) -> Result<&[Array]> {
        if let Some(captured) = self.captured.get() {
            return Ok(captured);
        }
        let arrays: Result<_> = self.closed.captured.iter().map(Tensor::array).collect();
        let arrays = arrays?;
        Ok(self.captured.get_or_init(|| arrays))
    }

    fn inputs(given: Vec<Tensor>, captured: &[Array]) -> Result<Vec<Input<'_>>> {
        let mut all = Vec::with_capacity(given.len() + captured.len());
        for t in given {
            all.push(Input::Owned(t.into_array()?));
        }
        all.extend(captured.iter().map(Input::Borrowed));
        Ok(all)
    }

    /// Like [`run`](Self::run) on arguments that the caller keeps, for results of few bytes, which are appended to
    /// `results`: numbers are read where they are, and only the results are allocated.
    /// False if the program has larger results or has to be compiled, or memory cannot hold the results.
    fn run_few(&self, given: &[&Tensor], results: &mut Vec<Tensor>) -> Result<bool> {
        let (Some(executable), Some(captured)) = (self.borrowing.get(), self.captured.get()) else {
            return Ok(false);
        };
        let mut inputs: SmallVec<[Slice<'_>; 8]> = SmallVec::new();
        for t in given {
            let slice = match &t.0 {
                Repr::Array(array) => Some(Slice::from(array)),
                Repr::Splat(value, ty) if ty.elements() == 1 => Slice::of_literal(value),
                Repr::Splat(..) | Repr::Traced(_) => None,
            };
            match slice {
                Some(slice) if self.is_small => inputs.push(slice),
                _ => return Ok(false),
            }
        }
        for array in captured {
            inputs.push(Slice::from(array));
        }
        let write = |outputs: &mut [SliceMut<'_>]| executable.run_into(&inputs, outputs);
        let each = |array| results.push(Tensor::from_array(array));
        match Array::written_by(&self.results, write, each) {
            Some(outcome) => outcome.map(|()| true),
            None => Ok(false),
        }
    }

    fn run(
        &self,
        slot: &OnceLock<Compiled>,
        given: Vec<Tensor>,
        consume: bool,
    ) -> Result<Vec<Tensor>> {
        let executable = self.executable(slot, given.len(), consume)?;
        let outputs = executable.run(Self::inputs(given, self.captured()?)?)?;
        Ok(outputs.into_iter().map(Tensor::from_array).collect())
    }
}
