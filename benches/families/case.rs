//! A case: one function, its arguments, what is measured of it, and what it is compared with.

use crate::argument::Argument;
use gradus::prelude::*;
use gradus::{Error, Graph};
use gradus_benches::steps::print_steps;
use gradus_cpu::CompileOptions;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A function from all arguments to all results.
type Function = Box<dyn Fn(&Vec<Tensor>) -> Vec<Tensor>>;

/// One function that is measured, with the programs of its peers.
pub struct Case {
    /// What is computed, and of what size.
    pub name: String,
    pub arguments: Vec<Argument>,
    pub ours: Function,
    pub measured: Measured,
    /// The same function in Python, and the least factor by which ours shall be faster or smaller.
    /// The source is an expression for a function of arrays, or statements that define `f`.
    pub jax: Option<(String, f64)>,
    /// Another program in Rust, and the most that ours shall take as a multiple of it.
    pub beside: Option<(Beside, f64)>,
    /// The most nanoseconds or bytes, where the bar is not relative to a peer.
    pub at_most: Option<f64>,
}

/// What is measured of a case.
#[derive(Clone, Copy, PartialEq)]
pub enum Measured {
    /// The time of a call with tensors.
    Call,
    /// The time of a call from slices into slices of f64.
    CallInto,
    /// The time of a step: a call whose first arguments, this many, are given away.
    /// They are the first results of the call before.
    Step(usize),
    /// The time of tracing the function, with all derivatives and simplifications in it.
    Trace,
    /// The time of compiling the traced function.
    Compile,
    /// The bytes of a call beside its arguments. The call gives away this number of arguments, from the first on.
    Bytes(usize),
}

impl Measured {
    /// The number of arguments that are given away.
    pub fn given(self) -> usize {
        match self {
            Measured::Step(n) | Measured::Bytes(n) => n,
            _ => 0,
        }
    }
}

/// Another program in Rust.
pub enum Beside {
    /// The same work, written by hand.
    ByHand(Box<dyn FnMut()>),
    /// A function of ours.
    Case(Box<Case>),
}

impl Case {
    pub fn new(
        name: impl Into<String>,
        arguments: Vec<Argument>,
        ours: impl Fn(&Vec<Tensor>) -> Vec<Tensor> + 'static,
    ) -> Case {
        Case {
            name: name.into(),
            arguments,
            ours: Box::new(ours),
            measured: Measured::Call,
            jax: None,
            beside: None,
            at_most: None,
        }
    }

    /// Sets what is measured, which is a call with tensors by default.
    pub fn measured(mut self, what: Measured) -> Case {
        self.measured = what;
        self
    }

    /// Sets the most nanoseconds or bytes.
    pub fn at_most(mut self, limit: f64) -> Case {
        self.at_most = Some(limit);
        self
    }

    /// Sets the peer in Python, and the least factor by which ours shall be faster or smaller.
    pub fn jax(mut self, source: impl Into<String>, bar: f64) -> Case {
        self.jax = Some((source.into(), bar));
        self
    }

    /// Sets the program by hand, and the most that ours shall take as a multiple of it.
    pub fn by_hand(mut self, f: impl FnMut() + 'static, bar: f64) -> Case {
        self.beside = Some((Beside::ByHand(Box::new(f)), bar));
        self
    }

    /// Sets another function of ours, and the most that this one shall take as a multiple of it.
    pub fn beside(mut self, other: Case, bar: f64) -> Case {
        self.beside = Some((Beside::Case(Box::new(other)), bar));
        self
    }

    /// Prints the steps of the compiled function with their times.
    ///
    /// # Errors
    /// Those of the function.
    pub fn profile(self) -> Result<(), Error> {
        let arguments = self.tensors()?;
        let compiled = jit(self.ours);
        compiled.prepare(&arguments)?;
        print_steps(|| Ok(compiled.call_profiled(arguments.clone())?.1))
    }

    fn tensors(&self) -> Result<Vec<Tensor>, Error> {
        (0..)
            .zip(&self.arguments)
            .map(|(k, a)| a.tensor(k))
            .collect()
    }

    /// Compiles the function.
    ///
    /// # Errors
    /// Those of the function.
    pub fn ready(self) -> Result<Ready, Error> {
        let arguments = self.tensors()?;
        let f = self.ours;
        let work = match self.measured {
            Measured::Call | Measured::CallInto | Measured::Step(_) => {
                return called(f, arguments, self.measured);
            }
            Measured::Trace => {
                let once = move || trace(&f, &arguments).map(|graph| drop(black_box(graph)));
                once()?;
                Work::Time(Box::new(move || once().unwrap_or_else(|e| panic!("{e}"))))
            }
            Measured::Compile => {
                let graph = trace(&f, &arguments)?;
                let compile = move || gradus_cpu::compile(&graph, &CompileOptions::default());
                drop(compile()?);
                Work::Time(Box::new(move || {
                    drop(black_box(compile().unwrap_or_else(|e| panic!("{e}"))))
                }))
            }
            Measured::Bytes(given) => Work::Bytes(bytes(&trace(&f, &arguments)?, given)?),
        };
        Ok(Ready {
            work,
            sum: None,
            first_call: None,
        })
    }
}

/// The bytes of the arena and of the results that are not in the memory of the first arguments, which are given away.
fn bytes(graph: &Graph, given: usize) -> Result<f64, Error> {
    let options = CompileOptions::default().donated(vec![true; given]);
    let forecast = gradus_cpu::compile(graph, &options)?.forecast();
    Ok((forecast.arena_bytes + forecast.result_bytes) as f64)
}

/// A case whose calls are timed.
fn called(f: Function, arguments: Vec<Tensor>, measured: Measured) -> Result<Ready, Error> {
    let compiled = jit(f);
    let begin = Instant::now();
    let results = compiled.call(&arguments)?;
    let first_call = begin.elapsed();
    let numbers = results.iter().map(|r| r.astype(F64).to_vec::<f64>());
    let mut memory: Vec<Vec<f64>> = numbers.collect::<Result<_, _>>()?;
    let sum = memory.iter().flatten().map(|v| v.abs()).sum();
    let call: Box<dyn FnMut()> = match measured {
        Measured::CallInto => {
            let given = arguments.iter().map(Tensor::to_vec::<f64>);
            let given: Vec<Vec<f64>> = given.collect::<Result<_, _>>()?;
            Box::new(move || {
                let mut from = [[].as_slice(); 8];
                (from.iter_mut().zip(&given)).for_each(|(slice, x)| *slice = x);
                let (m, n) = (given.len(), memory.len());
                let mut to: [&mut [f64]; 8] = Default::default();
                (to.iter_mut().zip(&mut memory)).for_each(|(slice, y)| *slice = y);
                if let Err(error) = compiled.call_into(&from[..m], &mut to[..n]) {
                    panic!("{error}");
                }
                black_box(&mut memory);
            })
        }
        Measured::Step(carried) => {
            let (mut at, mut steps) = (arguments.clone(), 0);
            Box::new(move || {
                if steps == STEPS {
                    (at, steps) = (arguments.clone(), 0);
                }
                steps += 1;
                match compiled.call_owned(std::mem::take(&mut at)) {
                    Ok(mut results) => {
                        results.truncate(carried);
                        at = results;
                        at.extend_from_slice(&arguments[carried..]);
                    }
                    Err(error) => panic!("{error}"),
                }
            })
        }
        _ => Box::new(move || match compiled.call(&arguments) {
            Ok(results) => drop(black_box(results)),
            Err(error) => panic!("{error}"),
        }),
    };
    Ok(Ready {
        work: Work::Time(call),
        sum: Some(sum),
        first_call: Some(first_call),
    })
}

/// So many steps are done before the arguments are the first ones again.
/// Otherwise the numbers of a long training would become subnormal, and slow.
const STEPS: usize = 500;

/// A compiled case.
pub struct Ready {
    pub work: Work,
    /// The sum of the absolute values of all results, if the function is called.
    pub sum: Option<f64>,
    /// The time of the first call: tracing, compiling, running.
    pub first_call: Option<Duration>,
}

/// What remains to be measured.
pub enum Work {
    /// The time of this closure.
    Time(Box<dyn FnMut()>),
    /// Nothing: these are the bytes.
    Bytes(f64),
}
