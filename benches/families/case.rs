//! A case: one function, its arguments, and what it is compared with.

use gradus::Error;
use gradus::prelude::*;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A function from all arguments to all results.
type Function = Box<dyn Fn(&Vec<Tensor>) -> Vec<Tensor>>;

/// One function that is timed, with the programs of its peers.
pub struct Case {
    /// What is computed, and of what size.
    pub name: String,
    pub arguments: Vec<Argument>,
    pub ours: Function,
    /// The same function in Python, and the least factor by which ours shall be faster.
    /// The source is an expression for a function of arrays, or statements that define `f`.
    pub jax: Option<(&'static str, f64)>,
    /// The same work written by hand in Rust, and the most time that ours shall take as a multiple of it.
    pub by_hand: Option<(Box<dyn FnMut()>, f64)>,
    /// The most time of a call, in nanoseconds, where the bar is not relative to a peer.
    pub at_most: Option<f64>,
    /// Whether the function is called from slices into slices of f64.
    pub into_slices: bool,
}

/// An argument whose elements both sides compute by the same formula.
#[derive(Clone)]
pub struct Argument {
    pub shape: Vec<usize>,
    pub dtype: DType,
    /// Whole numbers from 0 up to this one, which is not included; else numbers from -2 to 2.
    pub below: Option<usize>,
}

/// Floats between -2 and 2.
pub fn floats(shape: &[usize], dtype: DType) -> Argument {
    Argument {
        shape: shape.to_vec(),
        dtype,
        below: None,
    }
}

/// Whole numbers from 0 to `n - 1` without a pattern.
pub fn indices(shape: &[usize], n: usize) -> Argument {
    Argument {
        shape: shape.to_vec(),
        dtype: I64,
        below: Some(n),
    }
}

impl Argument {
    /// The numbers of argument `k`.
    /// Element `i` is the fractional part of `i + 1 + 17k` times the golden ratio, scaled to the range.
    /// Neighbours differ much, so that equal results mean equal functions.
    fn tensor(&self, k: usize) -> Result<Tensor, Error> {
        let n = self.shape.iter().product::<usize>();
        let part = |i: usize| ((i + 1 + 17 * k) as f64 * 0.618_033_988_749_894_9).fract();
        let all = match self.below {
            Some(below) => {
                let whole = (0..n).map(|i| (part(i) * below as f64) as i64);
                Tensor::new(whole.collect::<Vec<_>>(), &self.shape)?
            }
            None => {
                let numbers = (0..n).map(|i| part(i) * 4.0 - 2.0);
                Tensor::new(numbers.collect::<Vec<_>>(), &self.shape)?
            }
        };
        Ok(all.astype(self.dtype))
    }

    /// As the peer reads it: a JSON object.
    pub fn json(&self) -> String {
        let below = self.below.map_or("null".to_string(), |n| n.to_string());
        format!(
            r#"{{"shape": {:?}, "dtype": "{}", "below": {below}}}"#,
            self.shape, self.dtype
        )
    }
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
            jax: None,
            by_hand: None,
            at_most: None,
            into_slices: false,
        }
    }

    /// Sets the most time of a call, in nanoseconds.
    pub fn at_most(mut self, nanoseconds: f64) -> Case {
        self.at_most = Some(nanoseconds);
        self
    }

    /// The function is called from slices into slices of f64.
    pub fn into_slices(mut self) -> Case {
        self.into_slices = true;
        self
    }

    /// Sets the peer in Python, and the least factor by which ours shall be faster.
    pub fn jax(mut self, source: &'static str, bar: f64) -> Case {
        self.jax = Some((source, bar));
        self
    }

    /// Sets the program by hand, and the most time that ours shall take as a multiple of it.
    pub fn by_hand(mut self, f: impl FnMut() + 'static, bar: f64) -> Case {
        self.by_hand = Some((Box::new(f), bar));
        self
    }

    /// The compiled function, ready to be called, and the sum of the absolute values of its results.
    ///
    /// # Errors
    /// Those of the function.
    pub fn ready(self) -> Result<Ready, Error> {
        let arguments = (0..).zip(&self.arguments).map(|(k, a)| a.tensor(k));
        let arguments: Vec<Tensor> = arguments.collect::<Result<_, _>>()?;
        let compiled = jit(self.ours);
        let begin = Instant::now();
        let results = compiled.call(&arguments)?;
        let first_call = begin.elapsed();
        let numbers = results.iter().map(|r| r.astype(F64).to_vec::<f64>());
        let mut memory: Vec<Vec<f64>> = numbers.collect::<Result<_, _>>()?;
        let sum = memory.iter().flatten().map(|v| v.abs()).sum();
        let call: Box<dyn FnMut()> = if self.into_slices {
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
        } else {
            Box::new(move || match compiled.call(&arguments) {
                Ok(results) => drop(black_box(results)),
                Err(error) => panic!("{error}"),
            })
        };
        Ok(Ready {
            call,
            sum,
            first_call,
        })
    }
}

/// A compiled case.
pub struct Ready {
    pub call: Box<dyn FnMut()>,
    /// The sum of the absolute values of all results.
    pub sum: f64,
    /// The time of the first call: tracing, compiling, running.
    pub first_call: Duration,
}
